"""Places: which root, and which part of it, a path on the command line means.

The rule: **a file belongs to the root that contains it, to the innermost where several do.** A path inside a known root
is that part of it; any other folder becomes a root, for a file the folder that it is in. Known roots inside a folder
keep their files.
"""

import os
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import InputInvalid
from edge_agent.storage.records import Root


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a root that is compared with the store.

    Attributes:
        folder: of the root.
        label: of the root, None where the store does not know it yet.
        scope: the part, relative to the folder: "" for all of it, else a sub-folder or a file.
        excluded: known roots inside the folder, relative to it; their files are not this root's.
    """

    folder: Path
    label: str | None
    scope: str = ""
    excluded: frozenset[str] = frozenset()

    @property
    def path(self) -> Path:
        """The part's own path."""
        return self.folder / self.scope

    @property
    def source(self) -> str:
        """The part's name in the store: all sources of the part are this one or below it."""
        return folder_source_of(self.scope) if self.path.is_dir() else source_of(self.scope)


def source_of(relative: str) -> str:
    """The source of a file, given its path below the root: one for all Unicode forms of a name."""
    text = relative.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # names can be any bytes
    return unicodedata.normalize("NFC", text).strip()


def folder_source_of(relative: str) -> str:
    """The beginning that the sources of all files in a folder have, given its path below the root."""
    return source_of(f"{relative}/x").removesuffix("/x")


def is_below(source: str, folder: str) -> bool:
    """Whether a source is a folder's, or that folder itself; "" contains all."""
    return not folder or source == folder or source.startswith(f"{folder}/")


def places_of(path: Path, roots: Sequence[Root]) -> list[Place]:
    """The places that a path means: the one that it is or lies in first, then the known roots inside it.

    Args:
        path: of a file or a folder.
        roots: that the store knows.

    Raises:
        InputInvalid: the path does not exist, or is neither a file nor a folder.
    """
    path = absolute(path)
    around = [(root, below) for root in roots if (below := _relative(path, Path(root.path))) is not None]
    _require_place(path, around)
    if around:
        root, scope = min(around, key=lambda each: len(Path(each[1]).parts))
        first = _place(Path(root.path), root.label, roots, scope)
    elif path.is_dir():
        first = _place(path, None, roots)
    else:
        first = _place(path.parent, None, roots, path.name)
    inside = [root for root in roots if path.is_dir() and _relative(Path(root.path), path)]
    return [first, *(_place(Path(root.path), root.label, roots) for root in inside)]


def absolute(path: Path) -> Path:
    """An absolute path in which links stay: a root behind a link keeps its name when the link leads elsewhere."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (`Path.absolute` keeps `..`)


def _place(folder: Path, label: str | None, roots: Iterable[Root], scope: str = "") -> Place:
    inside = (_relative(Path(root.path), folder) for root in roots if root.label != label)
    return Place(folder, label, scope, frozenset(below for below in inside if below))


def _relative(path: Path, folder: Path) -> str | None:
    """A path relative to a folder that it is ("") or lies in, as both are written or as their links lead; else None."""
    for inner, outer in ((path, folder), (Path(os.path.realpath(path)), Path(os.path.realpath(folder)))):
        if inner.is_relative_to(outer):
            below = inner.relative_to(outer).as_posix()
            return "" if below == "." else below
    return None


def _require_place(path: Path, around: Sequence[tuple[Root, str]]) -> None:
    if path.is_dir() or path.is_file():
        return
    if path.exists():
        raise InputInvalid(f"{path} is neither a file nor a folder; name one of these")
    same = [root for root, below in around if not below]
    if stored := sum(root.documents for root in same):
        raise InputInvalid(
            f"{path} does not exist, while {stored} documents of it are stored; nothing was deleted. Mount or restore "
            f"it; if it has gone for good, delete its documents: orilla edge delete --root {same[0].label}"
        )
    if around:
        root = around[0][0]
        raise InputInvalid(
            f"{path} does not exist; documents of it that are stored in the root {root.label} stay. Restore it; if it "
            f"was removed on purpose, delete them: orilla edge ingest {shlex.quote(root.path)} --prune"
        )
    raise InputInvalid(f"{path} does not exist; name a file or a folder")
