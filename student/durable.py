"""Writing that survives a power cut: aside, fsynced, renamed into place, the folder fsynced too."""

import os
from pathlib import Path


def write_durably(path: Path, content: bytes) -> None:
    """Writes a file aside, fsyncs it and renames it into place: the old content or the new, never a part."""
    aside = path.with_name(f".{path.name}.new")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Makes renames in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
