"""Renames: documents whose content is found under another name keep their identity. Numbers and names in, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """A document that goes from one source to another."""

    origin: str
    target: str


def find_moves(stored: Mapping[str, str], gone: frozenset[str], found: Mapping[str, str]) -> list[Move]:
    """The renames that explain how a folder differs from the store, in an order in which they can be made.

    A copy is no rename: the document stays with the name that still holds it, or that was written to since. Names that
    were swapped, in pairs or in a ring, are: the first of a ring goes by a name that no file has.

    Args:
        stored: digest of the bytes of each document whose file is gone or has other content now, by source.
        gone: those of them whose file is gone.
        found: digest of the bytes of each file that is new or has other content now, by source.
    """
    pairs = _pair(stored, gone, found)
    while True:
        filled = set(pairs.values())
        kept = {
            origin: target
            for origin, target in pairs.items()
            if (origin in gone or origin in filled) and (target not in stored or target in pairs)
        }
        if kept == pairs:
            return _order(pairs)
        pairs = kept


def _pair(stored: Mapping[str, str], gone: frozenset[str], found: Mapping[str, str]) -> dict[str, str]:
    """One target for each origin with the same bytes, of the same file name where there is one."""
    by_digest: dict[str, list[str]] = {}
    for source in sorted(stored, key=lambda each: (each not in gone, each)):
        if stored[source]:
            by_digest.setdefault(stored[source], []).append(source)
    pairs: dict[str, str] = {}
    for needs_same_name in (True, False):
        for target, digest in sorted(found.items()):
            if target in pairs.values():
                continue
            origins = [each for each in by_digest.get(digest, ()) if each not in pairs]
            if needs_same_name:
                origins = [each for each in origins if each.rpartition("/")[2] == target.rpartition("/")[2]]
            if origins:
                pairs[origins[0]] = target
    return pairs


def _order(pairs: dict[str, str]) -> list[Move]:
    moves: list[Move] = []
    remaining = dict(pairs)
    while remaining:
        free = next((origin for origin, target in sorted(remaining.items()) if target not in remaining), None)
        if free is None:  # rings alone are left
            origin = min(remaining)
            aside = f".moving/{origin}"[:500]
            moves.append(Move(origin, aside))
            remaining[aside] = remaining.pop(origin)
        else:
            moves.append(Move(free, remaining.pop(free)))
    return moves
