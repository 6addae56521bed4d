"""Files and folders for their owner alone, and the reading of those that somebody else might have swapped."""

import logging
import os
import stat
from pathlib import Path

from student.errors import OrillaError

log = logging.getLogger(__name__)

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
_OTHERS = 0o077


def keep_private() -> None:
    """Makes all that this process, its libraries and its children write readable by its user alone."""
    os.umask(_OTHERS)


def make_private_folder(path: Path) -> None:
    """Makes a folder, or takes from others the rights that they have in one; logs where that cannot be done.

    Raises:
        OSError: it cannot be made.
    """
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    _take_rights(path, PRIVATE_FOLDER)


def make_files_private(folder: Path, *patterns: str) -> None:
    """Takes from others their rights in what matches some patterns below a folder; links are left alone."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            if not path.is_symlink():
                _take_rights(path, PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE)


def read_private(path: Path, what: str, refusal: type[OrillaError]) -> bytes:
    """The bytes of a file that nobody but this process's user may read or write.

    The file is looked at once it is open, so that nobody can put another in its place between the look and the reading.

    Args:
        path: of the file.
        what: what it is called in a refusal, such as `key`.
        refusal: raised where it is a link or no plain file, another user's, or open to others.

    Raises:
        OSError: it cannot be opened or read.
    """
    if path.is_symlink():
        raise refusal(f"{what} {path} is a link, expected a plain file; put the file itself there")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise refusal(f"{what} {path} is no plain file; put the file itself there")
        if status.st_uid != os.geteuid():
            raise refusal(
                f"{what} {path} belongs to user {status.st_uid}, this is user {os.geteuid()}; run this as the owner, "
                "or make it yours with chown once you know that nobody has changed it"
            )
        if mode & _OTHERS:
            raise refusal(
                f"{what} {path} is open to others (mode {mode:03o}), expected 600; chmod 600 it, and make a new one "
                "where somebody else may have read or changed it"
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _take_rights(path: Path, mode: int) -> None:
    try:
        if stat.S_IMODE(path.stat().st_mode) & _OTHERS:
            path.chmod(mode)
    except OSError as error:
        log.warning("%s is open to others and stays so (%s); chmod %o it", path, error.strerror, mode)
