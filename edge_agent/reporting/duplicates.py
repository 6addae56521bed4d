"""Near-duplicates: documents of which most words stand in another as well.

Each document is known by the smallest hashes of its runs of words (Broder 1997, "On the resemblance and containment of
documents"), so that a base of any size is compared in time that goes with its text, not with the number of pairs.
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations

from edge_agent.text import fold

RUN, KEPT = 4, 200
"""Words in a run, and hashes kept of a document."""
_SHARED, _CROWD = 20, 50
"""Smallest hashes of which a pair shares one; a hash that more documents share tells nothing (a letterhead)."""
_WORD = re.compile(r"\w+")


def sketch(text: str) -> frozenset[int]:
    """The smallest hashes of a text's runs of words, at most `KEPT`; empty for one shorter than a run."""
    words = _WORD.findall(fold(text))
    runs = (" ".join(words[n : n + RUN]) for n in range(len(words) - RUN + 1))
    return frozenset(sorted({zlib.crc32(run.encode()) for run in runs})[:KEPT])


def near_duplicates(sketches: Mapping[str, frozenset[int]], *, above: float = 0.8) -> list[tuple[str, str, float]]:
    """The pairs of documents whose sketches agree, the most alike first.

    Args:
        sketches: by document.
        above: share of equal runs from which two are near-duplicates, in (0, 1].

    Returns:
        Two keys, ascending, and the share of equal runs, estimated.
    """
    holders: defaultdict[int, list[str]] = defaultdict(list)
    for key, hashes in sketches.items():
        for value in sorted(hashes)[:_SHARED]:
            holders[value].append(key)
    pairs = {pair for keys in holders.values() if len(keys) <= _CROWD for pair in combinations(sorted(keys), 2)}
    alike = [(one, other, resemblance(sketches[one], sketches[other])) for one, other in pairs]
    return sorted((pair for pair in alike if pair[2] >= above), key=lambda pair: (-pair[2], pair[:2]))


def resemblance(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of two texts' runs that both have, estimated from their sketches."""
    smallest = sorted(one | other)[:KEPT]
    return sum(value in one and value in other for value in smallest) / len(smallest) if smallest else 0.0
