"""Rows: which of them, and which of their cells, a question asks for.

Deciding code: no I/O.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.answering.evidence import Candidate
from edge_agent.ingest.parsing.grid import CELL_GAP
from edge_agent.storage.records import PassageKind
from edge_agent.text import content_terms, fold

LINE = re.compile(r"(?:[-•*] )?[^:.!?\n]{1,60}(?:: +|\.{3,} *)[^\n]{1,120}")
"""A line that says something of what it begins with, as a row does: it stands alone."""
_FEW_CELLS = 3
_WORD = re.compile(r"\w+")


def without_other_rows(candidates: Sequence[Candidate], chosen: Sequence[int], text: str) -> list[int]:
    """Units without rows that hold fewer of the question's words than the best row: rows of other things."""
    is_row = np.array([is_row_like(candidate) for candidate in candidates])
    shares = shares_of_words(candidates, content_terms(text))
    most = max((shares[i] for i in chosen if is_row[i]), default=0.0)
    return [i for i in chosen if not is_row[i] or shares[i] >= most]


def is_row_like(unit: Candidate) -> bool:
    """Whether a unit is a row of a table or, in a text, a line that says something of what it begins with."""
    return unit.passage.kind is PassageKind.TABLE_ROW or bool(LINE.fullmatch(unit.text))


def shares_of_words(candidates: Sequence[Candidate], terms: Sequence[str]) -> NDArray[np.float64]:
    """The share of some words that each unit (K,), or a heading above it, holds."""
    wanted = set(terms)
    held = [set(_WORD.findall(fold(f"{c.passage.heading} {c.text}"))) for c in candidates]
    return np.array([len(wanted & words) / max(1, len(wanted)) for words in held])


def asked_cells(row: Candidate, terms: Sequence[str]) -> list[tuple[int, int]]:
    """The cells of a row to cite: of a wide one the first, which names it, and those whose columns are asked for."""
    named = named_cells(row, terms)
    first = row.start, row.start + len(row.text.split(CELL_GAP, 1)[0])
    if row.text.count(CELL_GAP) < _FEW_CELLS or not set(named) - {first}:
        return [(row.start, row.end)]
    return list(dict.fromkeys([first, *named]))


def named_cells(row: Candidate, terms: Sequence[str]) -> list[tuple[int, int]]:
    """The cells of a row that some words ask for: those of the columns that they name best, and those that hold any."""
    wanted = set(terms)
    cells: list[tuple[int, int, int, bool]] = []
    place = row.start
    for cell in row.text.split(CELL_GAP):
        name, gap, value = cell.partition(": ")
        shared = len(set(_WORD.findall(fold(name))) & wanted) if gap else 0
        cells.append((place, place + len(cell), shared, bool(set(_WORD.findall(fold(value))) & wanted)))
        place += len(cell) + len(CELL_GAP)
    most = max((shared for _, _, shared, _ in cells), default=0)
    return [(start, end) for start, end, shared, is_held in cells if most and (shared == most or is_held)]
