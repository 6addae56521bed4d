"""Tables between ruled lines: which lines make a grid, and which cells of it are merged."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from edge_agent.ingest.parsing.grid import Cell
from edge_agent.ingest.parsing.pdf.page import Rule, Word, rows_of
from edge_agent.ingest.parsing.pdf.tables import Table, text_of, without_lone_headers

_TOLERANCE = 3.0
_MAX_LINES = 120


def ruled_tables(words: Sequence[Word], rules: Sequence[Rule]) -> tuple[list[Table], list[Word]]:
    """Tables between ruled lines, and the words that are in none of them."""
    tables: list[Table] = []
    for across, down in _grids(rules):
        xs, ys = _places([rule.x0 for rule in down]), _places([rule.top for rule in across])
        if len(xs) < 3 or len(ys) < 3 or len(xs) > _MAX_LINES or len(ys) > 4 * _MAX_LINES:
            continue
        inside: dict[tuple[int, int], list[Word]] = {}
        others: list[Word] = []
        for word in words:
            place = _place(word, xs, ys)
            if place is None:
                others.append(word)
            else:
                inside.setdefault(place, []).append(word)
        table = _table(inside, xs, ys, across, down)
        if table is not None:
            tables.append(table)
            words = others
    return tables, list(words)


def _grids(rules: Sequence[Rule]) -> list[tuple[list[Rule], list[Rule]]]:
    """Rules across and down that touch each other, a group each."""
    across = sorted((rule for rule in rules if rule.x1 - rule.x0 > rule.bottom - rule.top), key=lambda rule: rule.top)
    down = [rule for rule in rules if rule.bottom - rule.top >= rule.x1 - rule.x0]
    if len(across) < 3 or len(down) < 3:
        return []
    parents = list(range(len(across) + len(down)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    tops = [rule.top for rule in across]
    for number, rule in enumerate(down, start=len(across)):
        first, last = bisect_left(tops, rule.top - _TOLERANCE), bisect_right(tops, rule.bottom + _TOLERANCE)
        for other in range(first, last):
            if across[other].x0 - _TOLERANCE <= rule.x0 <= across[other].x1 + _TOLERANCE:
                parents[root(other)] = root(number)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for number, rule in enumerate([*across, *down]):
        groups.setdefault(root(number), ([], []))[number >= len(across)].append(rule)
    return [group for group in groups.values() if len(group[0]) > 2 and len(group[1]) > 2]


def _places(values: Sequence[float]) -> list[float]:
    """Values that are further apart than lines are thick, ascending."""
    places: list[float] = []
    for value in sorted(values):
        if not places or value - places[-1] > _TOLERANCE:
            places.append(value)
    return places


def _place(word: Word, xs: Sequence[float], ys: Sequence[float]) -> tuple[int, int] | None:
    x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
    row, column = bisect_right(ys, y) - 1, bisect_right(xs, x) - 1
    return (row, column) if 0 <= row < len(ys) - 1 and 0 <= column < len(xs) - 1 else None


def _table(
    inside: dict[tuple[int, int], list[Word]],
    xs: Sequence[float],
    ys: Sequence[float],
    across: Sequence[Rule],
    down: Sequence[Rule],
) -> Table | None:
    """The table of a grid; None where it frames text, a chart or nothing."""
    walls = {(row, n) for rule in down for n in _between(xs, rule.x0) for row in _covered(ys, rule.top, rule.bottom)}
    floors = {(n, col) for rule in across for n in _between(ys, rule.top) for col in _covered(xs, rule.x0, rule.x1)}
    taken: set[tuple[int, int]] = set()
    rows: list[list[Cell]] = []
    filled = cells = 0
    size = 10.0
    for row in range(len(ys) - 1):
        line: list[Cell] = []
        for column in range(len(xs) - 1):
            if (row, column) in taken:
                continue
            right = column + 1
            while right < len(xs) - 1 and (row, right) not in taken and (row, right) not in walls:
                if _is_apart(inside.get((row, right - 1), ()), inside.get((row, right), ()), xs[right]):
                    break
                right += 1
            below = row + 1
            while below < len(ys) - 1 and not any((below, n) in floors for n in range(column, right)):
                below += 1
            if below > row + 1 and _is_line_each(inside, range(row, below), range(column, right)):
                below = row + 1
            places = [(r, c) for r in range(row, below) for c in range(column, right)]
            taken.update(places)
            words = [word for place in places for word in inside.get(place, ())]
            line.append(
                Cell(text_of(words), right - column, below - row, bool(words) and all(w.is_bold for w in words))
            )
            cells, filled = cells + 1, filled + bool(words)
            size = words[0].size if words else size
        if line:
            rows.append(line)
    width = max((sum(bool(cell.text) for cell in row) for row in rows), default=0)
    if width < 2 or filled < 3 or filled < 0.25 * cells or sum(any(cell.text for cell in row) for row in rows) < 2:
        return None
    if sum(len(found) for found in inside.values()) > 30 * filled:  # frames around text
        return None
    kept = without_lone_headers([row for row in rows if any(cell.text for cell in row)])
    return Table(kept, tuple(xs[:-1]), ys[0], ys[-1], size, right=xs[-1])


def _is_apart(before: Sequence[Word], after: Sequence[Word], x: float) -> bool:
    """Whether words at both sides of a place keep clear of it, as in columns without a line between them."""
    if not before or not after:
        return False
    left, right = max(word.x1 for word in before), min(word.x0 for word in after)
    return left < x + _TOLERANCE and right > x - _TOLERANCE and right - left > 0.7 * before[0].size


def _is_line_each(inside: dict[tuple[int, int], list[Word]], rows: range, columns: range) -> bool:
    """Whether rows without lines between them hold one line of text each, so that they are no cell of several rows."""
    bases: list[float] = []
    for row in rows:
        lines = rows_of([word for column in columns for word in inside.get((row, column), ())])
        if len(lines) != 1:
            return False
        bases.append(lines[0].base)
    return len(bases) > 3 or all(b - a > 1.35 * lines[0].size for a, b in pairwise(bases))


def _between(places: Sequence[float], value: float) -> range:
    n = bisect_left(places, value - _TOLERANCE)
    return range(n, n + 1) if n < len(places) and abs(places[n] - value) <= _TOLERANCE else range(0)


def _covered(places: Sequence[float], start: float, end: float) -> range:
    """Spaces between places that lie between a start and an end."""
    first = bisect_left(places, start - _TOLERANCE)
    last = bisect_right(places, end + _TOLERANCE)
    return range(first, max(first, last - 1))
