"""Deletions: which documents may go because their files did, and which are kept because that is not sure.

A share that is not mounted looks like an empty folder, or like one with other things in it. What cannot be told from
that is kept and said; nobody's documents go because a cable was pulled. Names in, names out, no I/O.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from edge_agent.ingest.folder.places import is_below
from edge_agent.ingest.folder.scan import Unlisted

FEW = 3
"""So many documents that vanish at once look like a share that is not mounted: most of a root's, all of a folder's."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Documents that are kept although their files seem gone: why, what to do, and which."""

    reason: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """A place's documents whose files are not there, and what else was seen of the place.

    Attributes:
        stored: sources of all its documents.
        gone: those without a file.
        unlisted: folders whose files are not known.
        empty_folders: below the place, without any document in them.
        is_empty: whether the place itself has no document in it.
    """

    stored: Set[str]
    gone: Set[str]
    unlisted: Sequence[Unlisted]
    empty_folders: Sequence[str]
    is_empty: bool


def known_to_be_gone(stored: Set[str], present: Set[str], unlisted: Sequence[Unlisted]) -> frozenset[str]:
    """The sources without a file, but for those in folders that could not be listed."""
    hidden = [each.source for each in unlisted]
    return frozenset(s for s in stored if s not in present and not any(is_below(s, folder) for folder in hidden))


def decide(absent: Absent, *, allow_many: bool, how_to_allow: str) -> tuple[list[str], list[Withheld]]:
    """The documents to delete, and those that are kept with the reason.

    Args:
        absent: what is not there.
        allow_many: someone said that it is on purpose that all or most have gone.
        how_to_allow: the command that says so.
    """
    on_purpose = f"if they were removed on purpose: {how_to_allow}"
    if reason := _unsure(absent):
        return [], [Withheld(reason, tuple(sorted(absent.gone)))]
    if not absent.gone or allow_many:
        return sorted(absent.gone), []
    if reason := _looks_unmounted(absent):
        return [], [Withheld(f"{reason}; {on_purpose}", tuple(sorted(absent.gone)))]
    deleted, withheld = set(absent.gone), list[Withheld]()
    for folder in sorted(absent.empty_folders):
        held = sorted(source for source in deleted if is_below(source, folder))
        if len(held) >= FEW:
            reason = f"{folder}/ has no document now but held {len(held)}, as a share does that is not mounted"
            withheld.append(Withheld(f"{reason}; mount it, or remove that folder too; {on_purpose}", tuple(held)))
            deleted.difference_update(held)
    return sorted(deleted), withheld


def _unsure(absent: Absent) -> str:
    """Why nothing can be told about what is gone; "" where it can."""
    for each in absent.unlisted:
        held = sum(is_below(source, each.source) for source in absent.stored)
        if each.is_failure or held:
            name = f"{each.source}/" if each.source else "the folder"
            return (
                f"{name} could not be listed ({each.reason}), so nothing is known to be gone; mend that, or let this "
                "user read it, and run the same again"
            )
    return ""


def _looks_unmounted(absent: Absent) -> str:
    stored, gone = len(absent.stored), len(absent.gone)
    if gone == stored and absent.is_empty:
        return f"the folder has no document now but held {stored}, as a share does that is not mounted; mount it"
    if gone == stored:
        return f"none of the {stored} stored documents is in the folder: it may not be mounted, or be another one"
    if gone >= FEW and 2 * gone > stored:
        return f"{gone} of {stored} documents would go at once; look whether all of the folder is there"
    return ""
