"""Documents whose files have gone from their roots: they are kept, and answer, until a comparison prunes them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.ingest.folder.deletions import known_to_be_gone
from edge_agent.ingest.folder.places import Place
from edge_agent.ingest.folder.scan import scan
from edge_agent.storage.records import Root


@dataclass(frozen=True, slots=True)
class Gone:
    """A document whose file has gone, or, with a source of "", all documents of a root whose folder has."""

    root: str
    source: str
    remark: str = ""


def find_gone(roots: Iterable[Root], sources_of: Callable[[str], Iterable[str]]) -> list[Gone]:
    """The documents of which no file is there, root by root; none of folders that cannot be listed.

    Args:
        roots: that the store knows.
        sources_of: gives the sources of a root's documents by its label.
    """
    known, found = [root for root in roots if root.documents], list[Gone]()
    for root in known:
        folder = Path(root.path)
        if not folder.is_dir():
            found.append(Gone(root.label, "", f"{root.path}: not there; documents: {root.documents}"))
            continue
        inside = (Path(other.path) for other in known if other.label != root.label)
        excluded = frozenset(each.relative_to(folder).as_posix() for each in inside if each.is_relative_to(folder))
        seen = scan(Place(folder, root.label, excluded=excluded))
        gone = known_to_be_gone(set(sources_of(root.label)), seen.present, seen.unlisted)
        found += [Gone(root.label, source) for source in sorted(gone)]
    return found
