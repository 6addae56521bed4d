"""The listing of a folder: its documents, and everything that is not ingested, by name and with the reason.

Nothing is opened but folders, and no link is followed to a folder or out of the root.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from edge_agent.ingest.folder.places import Place, folder_source_of, is_below, source_of
from edge_agent.ingest.parsing.document_format import FORMAT_OF_SUFFIX
from edge_agent.settings import Limits

_MAX_DEPTH = 100
_TEMPORARY_SUFFIXES = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".swp", ".bak", "~")
_SYSTEM_NAMES = frozenset(
    ("thumbs.db", "desktop.ini", "ehthumbs.db", "lost+found", "$recycle.bin", "system volume information", "__macosx")
)
_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class SkipKind(StrEnum):
    """The kind of a thing in a folder that is left out and is nobody's fault."""

    TEMPORARY = "hidden or temporary"
    FORMAT = "not a document"
    LINK = "link"
    DANGLING = "link to nowhere"
    SPECIAL = "special file"
    EMPTY = "empty"
    SAME_NAME = "same name"
    ROOT = "another root"


OWN = (SkipKind.EMPTY, SkipKind.SPECIAL, SkipKind.DANGLING)
"""What stands where a document may have been, so that the one that is stored has not gone but is out of date."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is left out: where, of which kind, and why in words."""

    source: str
    kind: SkipKind
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that should be ingested and cannot be: where and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A folder whose files are not known: where, why, and whether it is more than a missing permission."""

    source: str
    reason: str
    is_failure: bool


Signature = tuple[int, int, int, int]
"""Inode, size, time of change and of the change of its entry: while it stays, so do the bytes."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to be ingested.

    Attributes:
        source: its name in the store.
        relative: its path below the root, as it is on disk.
        signature: as it was when it was listed.
    """

    source: str
    relative: str
    signature: Signature

    @property
    def modified_ns(self) -> int:
        """Time of its last change."""
        return self.signature[2]


@dataclass(slots=True)
class Scan:
    """A place as it was found.

    Attributes:
        files: to be ingested, by source.
        skipped, refused: what is not ingested; each file is named once.
        unlisted: folders that could not be listed.
        folders: that were listed.
    """

    files: list[File] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    unlisted: list[Unlisted] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    @property
    def present(self) -> set[str]:
        """The sources that have a file of their own, whether it can be ingested or not."""
        skipped = {each.source for each in self.skipped if each.kind in OWN}
        return {file.source for file in self.files} | {each.source for each in self.refused} | skipped

    @property
    def empty_folders(self) -> list[str]:
        """Folders without a document in them, or below: empty, or with hidden, temporary and other files alone."""
        sources = [each.source for each in self.files] + [each.source for each in self.refused]
        sources += [each.source for each in self.unlisted]
        sources += [each.source for each in self.skipped if each.kind not in (SkipKind.TEMPORARY, SkipKind.FORMAT)]
        used = {parent for source in sources for parent in _parents(source)}
        return [folder for folder in self.folders if folder not in used]


def signature_of(found: os.stat_result) -> Signature:
    """The signature of a file's status."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def scan(place: Place) -> Scan:
    """Lists a place. It never raises for what it meets in there: see `Scan.unlisted`."""
    found, links = Scan(), list[str]()
    if place.scope and not place.path.is_dir():
        _sort(found, links, place.scope, is_named=True, place=place)
    else:
        pending = _forms(place)
        while pending:
            pending += _list(found, links, place, pending.pop())
    _resolve_links(found, links, place)
    _merge_names(found)
    found.skipped.sort(key=lambda each: each.source)
    found.refused.sort(key=lambda each: each.source)
    return found


def _forms(place: Place) -> list[str]:
    """The folders whose files have the names of a place's: the place, and those of it in other Unicode forms."""
    forms, scope = [""], ""
    for part in filter(None, place.scope.split("/")):
        scope = f"{scope}/{part}" if scope else part
        below = [f"{form}/{name}" if form else name for form in forms for name in _names(place.folder / form)]
        alike = (each for each in below if folder_source_of(each) == folder_source_of(scope) and each != scope)
        others = (each for each in alike if each not in place.excluded)
        forms = [scope, *(each for each in others if _is_folder(place.folder / each))]
    return forms


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _names(folder: Path) -> list[str]:
    """The names in a folder; none where it cannot be listed."""
    try:
        return [each.name for each in folder.iterdir()]
    except OSError:
        return []


def _list(found: Scan, links: list[str], place: Place, folder: str) -> Iterator[str]:
    """Sorts what is in a folder; yields its sub-folders."""
    if folder.count("/") >= _MAX_DEPTH:
        found.unlisted.append(Unlisted(folder_source_of(folder), f"more than {_MAX_DEPTH} folders deep", False))
        return
    try:
        with os.scandir(place.folder / folder) as listing:
            names = sorted(entry.name for entry in listing)
    except OSError as error:
        found.unlisted.append(_unlisted(folder_source_of(folder), error))
        return
    found.folders.append(folder_source_of(folder))
    for name in names:
        below = f"{folder}/{name}" if folder else name
        if below in place.excluded:
            found.skipped.append(Skipped(source_of(below), SkipKind.ROOT, "a folder that is a root of its own"))
        elif is_temporary(name):
            found.skipped.append(Skipped(source_of(below), SkipKind.TEMPORARY, "a hidden or temporary file"))
        elif _sort(found, links, below, is_named=False, place=place):
            yield below


def _sort(found: Scan, links: list[str], below: str, *, is_named: bool, place: Place) -> bool:
    """Puts one thing where it belongs; returns whether it is a folder, to be listed."""
    source = source_of(below)
    try:
        status = os.lstat(place.folder / below)
    except FileNotFoundError:
        return False  # it went while the folder was listed
    except OSError as error:
        found.unlisted.append(_unlisted(source, error))
        return False
    if stat.S_ISDIR(status.st_mode):
        return True
    if stat.S_ISLNK(status.st_mode):
        links.append(below)
    elif not stat.S_ISREG(status.st_mode):
        kind = _SPECIAL.get(stat.S_IFMT(status.st_mode), "something")
        found.skipped.append(Skipped(source, SkipKind.SPECIAL, f"{kind}, not an ordinary file"))
    else:
        _sort_file(found, below, status, is_named=is_named)
    return False


def _sort_file(found: Scan, below: str, status: os.stat_result, *, is_named: bool, relative: str = "") -> None:
    relative = relative or below
    source, suffix, max_bytes = source_of(below), Path(below).suffix.lower(), Limits().parsing.bytes
    if suffix not in FORMAT_OF_SUFFIX and not is_named:
        of_type = f"of type {suffix}" if suffix else "without a suffix"
        found.skipped.append(Skipped(source, SkipKind.FORMAT, f"files {of_type} are not read"))
    elif status.st_size == 0:
        found.skipped.append(Skipped(source, SkipKind.EMPTY, "an empty file"))
    elif status.st_size > max_bytes:
        reason = f"the file has {status.st_size} bytes, at most {max_bytes} are accepted; split it"
        found.refused.append(Refusal(source, reason))
    elif not relative.isascii() and any("\udc80" <= c <= "\udcff" for c in relative):
        found.refused.append(Refusal(source, "the name is not UTF-8; rename it"))
    else:
        found.files.append(File(source, relative, signature_of(status)))


def _resolve_links(found: Scan, links: list[str], place: Place) -> None:
    """Names links; one to a file that has no name of its own in the store, as in a hidden folder, is read instead."""
    root = Path(os.path.realpath(place.folder))
    for link in links:
        source, target = source_of(link), Path(os.path.realpath(place.folder / link))
        if not target.is_relative_to(root):
            reason = "a link to somewhere outside the folder; copy there what it leads to instead"
            found.refused.append(Refusal(source, reason))
            continue
        real = target.relative_to(root).as_posix()
        try:
            status = os.lstat(target)
        except OSError:
            found.skipped.append(Skipped(source, SkipKind.DANGLING, "a link that leads nowhere"))
            continue
        if stat.S_ISREG(status.st_mode) and not _has_own_name(real, place):
            _sort_file(found, link, status, is_named=False, relative=real)
        else:
            reason = "a link to something in this folder, which is ingested under its own name"
            found.skipped.append(Skipped(source, SkipKind.LINK, reason))


def _has_own_name(real: str, place: Place) -> bool:
    """Whether a file of a root is ingested without a link that leads to it."""
    is_excluded = any(is_below(real, folder) for folder in place.excluded)
    is_hidden = any(is_temporary(part) for part in real.split("/"))
    return is_excluded or (not is_hidden and Path(real).suffix.lower() in FORMAT_OF_SUFFIX)


def _merge_names(found: Scan) -> None:
    """Keeps one file of those whose names differ in Unicode form alone: the one that is written as the source is."""
    by_source: dict[str, File] = {}
    for file in sorted(found.files, key=lambda each: (each.relative != each.source, each.relative)):
        if file.source in by_source:
            is_spaced = file.relative != file.relative.strip()
            differs = "but for a space at its beginning or end" if is_spaced else "in another Unicode form"
            reason = f"the same name as another file's, {differs}; rename one"
            found.skipped.append(Skipped(file.source, SkipKind.SAME_NAME, reason))
        else:
            by_source[file.source] = file
    found.files = list(by_source.values())


def _parents(source: str) -> Iterator[str]:
    """The folders above a source, the root "" too."""
    while source:
        source = source.rpartition("/")[0]
        yield source


def is_temporary(name: str) -> bool:
    """Whether files and folders of this name are left out: hidden ones, and what programs write for a while."""
    lower = name.lower()
    return lower.startswith((".", "~$")) or lower.endswith(_TEMPORARY_SUFFIXES) or lower in _SYSTEM_NAMES


def _unlisted(source: str, error: OSError) -> Unlisted:
    is_permission = error.errno in (errno.EACCES, errno.EPERM)
    return Unlisted(source, error.strerror or type(error).__name__, not is_permission)
