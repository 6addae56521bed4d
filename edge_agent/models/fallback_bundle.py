"""The fallback bundle: a copy, beside the store's embeddings, of the bundle that they were made with.

With it a bundle of another embedding space does not silence the branch: until every passage has its embedding in the
new space the fallback bundle goes on answering from the old ones (docs/adr/0021).
"""

import contextlib
import errno
import logging
import os
import shutil
from pathlib import Path

from student.artifacts.durable import fsync_path
from student.bundle.folder import Bundle, open_bundle
from student.bundle.manifest import MANIFEST
from student.errors import BundleError
from student.runtime.student import Student, load_student

log = logging.getLogger(__name__)

_FOLDER = "bundle"
_ROOM_LEFT_BYTES = 50_000_000
"""For documents, which matter more."""


def keep_fallback(store: Path, bundle: Bundle) -> None:
    """Keeps a bundle in a store's folder in place of the one before; hard links where the file system allows.

    Without room for it nothing is kept, which is logged: a change of embedding space will then be waited for.
    """
    kept = store / _FOLDER
    if _digest(kept) == bundle.digest:
        return
    temporary = store / f".{_FOLDER}.new"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        for name in (*bundle.manifest.files, MANIFEST):
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):
                os.link(bundle.path / name, temporary / name)
                continue
            if shutil.disk_usage(store).free < (bundle.path / name).stat().st_size + _ROOM_LEFT_BYTES:
                raise OSError(errno.ENOSPC, "it would fill the disk")
            shutil.copyfile(bundle.path / name, temporary / name)
        shutil.rmtree(kept, ignore_errors=True)
        temporary.rename(kept)
        fsync_path(store)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        log.warning("the bundle was not kept beside the store: %s", error.strerror or error)


def load_fallback(store: Path, *, workers: int | None) -> Student | None:
    """The student kept in a store's folder; None when there is none that can be used."""
    if not (store / _FOLDER).is_dir():
        return None
    try:
        return load_student(store / _FOLDER, workers=workers)
    except BundleError:
        log.warning("the bundle kept beside the store cannot be used")
        return None


def _digest(path: Path) -> str | None:
    try:
        return open_bundle(path).digest
    except BundleError:
        return None
