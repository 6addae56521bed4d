"""Writing that survives a power cut: a temporary file, fsynced, renamed into place, the folder fsynced too."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_durably(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Writes a temporary file, fsyncs it and renames it into place: the old content or the new, never a part.

    Args:
        path: of the file.
        content: all of it.
        mode: permissions that it has from the first byte on, whatever the umask; None for those of the umask.
    """
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666 if mode is None else mode
    )
    with os.fdopen(descriptor, "wb") as file:
        if mode is not None:
            os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    fsync_path(path.parent)


@contextmanager
def making_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A temporary folder to be filled: fsynced and renamed into place when the block ends, removed when it raises.

    A crash leaves the old one, the new one, or for one instant of a replacement none, with both in a hidden folder
    beside it.

    Args:
        path: of the folder.
        replace: allow a folder that is there by then to be replaced.

    Raises:
        OSError: one is there and may not be replaced; it is left as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        yield new
        for made in [*new.rglob("*"), new]:
            fsync_path(made)
        if replace and path.exists():
            path.rename(Path(temporary) / "old")
        new.rename(path)
        fsync_path(path.parent)


def fsync_path(path: Path) -> None:
    """Makes a file's content, or the renames in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
