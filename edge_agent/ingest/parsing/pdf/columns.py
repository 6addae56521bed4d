"""Columns: the order in which a reader goes through the lines of a page.

A page is cut where white space runs down between lines that read on below, whatever order they were drawn in. What is
as wide as the page stands between; what is a table is left in rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge_agent.ingest.parsing.pdf.page import Line, pitch_of

_MAX_DEPTH, _MAX_GUTTERS = 6, 40


@dataclass(frozen=True, slots=True)
class Flow:
    """Lines below each other that are read one after the other, and how far to the right they could go."""

    lines: list[Line]
    right: float


@dataclass(slots=True)
class _Gutter:
    """White space from x0 to x1 beside the rows `first` to `last`; `both` have text on its two sides."""

    x0: float
    x1: float
    first: int
    last: int
    both: int = 1


def flows_of(rows: Sequence[Line], right: float, size: float, depth: int = 0) -> list[Flow]:
    """Rows of a page, or of a column, as flows in reading order.

    Args:
        rows: from the top.
        right: where lines end at the latest.
        size: of the usual font.
        depth: columns around these.
    """
    if not rows:
        return []
    found = _best_gutter(rows, size) if depth < _MAX_DEPTH else None
    if found is None:
        return [Flow(list(rows), right)]
    x = (found.x0 + found.x1) / 2
    left_side: list[Line] = []
    right_side: list[Line] = []
    for row in rows[found.first : found.last + 1]:
        for side, words in (
            (left_side, [word for word in row.words if word.x0 < x]),
            (right_side, [word for word in row.words if word.x0 >= x]),
        ):
            if words:
                side.append(Line(words))
    return [
        *flows_of(rows[: found.first], right, size, depth + 1),
        *flows_of(left_side, max(line.x1 for line in left_side), size, depth + 1),
        *flows_of(right_side, max(line.x1 for line in right_side), size, depth + 1),
        *flows_of(rows[found.last + 1 :], right, size, depth + 1),
    ]


def _best_gutter(rows: Sequence[Line], size: float) -> _Gutter | None:
    """The longest white space down the rows with text that reads on at both sides."""
    least = max(6.0, 0.8 * size)
    free = [_free(row, least) for row in rows]
    best: _Gutter | None = None
    open_: list[_Gutter] = []
    for number, gaps in enumerate([*free, []]):
        still: list[_Gutter] = []
        inner = [*gaps[1:-1], *_beside(rows, number, least)]
        for gutter in open_:
            gap = next(
                (gap for gap in gaps if min(gap[1], gutter.x1) - max(gap[0], gutter.x0) >= least),
                None,
            )
            if gap is None:
                if (best is None or gutter.both > best.both) and _divides(rows, gutter):
                    best = gutter
                continue
            gutter.x0, gutter.x1, gutter.last = max(gap[0], gutter.x0), min(gap[1], gutter.x1), number
            gutter.both += any(min(x1, gutter.x1) - max(x0, gutter.x0) >= least for x0, x1 in inner)
            still.append(gutter)
        for x0, x1 in inner[:_MAX_GUTTERS]:
            if len(still) < _MAX_GUTTERS and not any(min(x1, g.x1) - max(x0, g.x0) >= least for g in still):
                still.append(_upwards(_Gutter(x0, x1, number, number), free, least))
        open_ = still
    return best


def _free(row: Line, least: float) -> list[tuple[float, float]]:
    """White space of a row: before it, between its words, after it."""
    gaps = [(float("-inf"), row.x0)]
    end = row.words[0].x1
    for word in row.words[1:]:
        if word.x0 - end >= least:
            gaps.append((end, word.x0))
        end = max(end, word.x1)
    return [*gaps, (end, float("inf"))]


def _beside(rows: Sequence[Line], number: int, least: float) -> list[tuple[float, float]]:
    """White space between a row and the one before it, where they are beside each other but not on one base line."""
    if not 0 < number < len(rows):
        return []
    left, right = sorted(rows[number - 1 : number + 1], key=lambda row: row.x0)
    is_level = rows[number].base - rows[number - 1].base < 0.9 * min(left.size, right.size)
    return [(left.x1, right.x0)] if is_level and right.x0 - left.x1 >= least else []


def _upwards(gutter: _Gutter, free: Sequence[Sequence[tuple[float, float]]], least: float) -> _Gutter:
    """A gutter with the rows above it that stand on one side of it."""
    for number in range(gutter.first - 1, max(-1, gutter.first - 12), -1):
        gap = next((g for g in free[number] if min(g[1], gutter.x1) - max(g[0], gutter.x0) >= least), None)
        if gap is None:
            break
        gutter.x0, gutter.x1, gutter.first = max(gap[0], gutter.x0), min(gap[1], gutter.x1), number
    return gutter


def _divides(rows: Sequence[Line], gutter: _Gutter) -> bool:
    """Whether there are columns of text at both sides of a gutter, and no table. Drops rows that only lengthen it."""
    x = (gutter.x0 + gutter.x1) / 2
    while gutter.last > gutter.first and not _is_on_both(rows[gutter.last], x) and _is_apart(rows, gutter.last):
        gutter.last -= 1
    while gutter.last > gutter.first and not _is_on_both(rows[gutter.first], x) and _is_apart(rows, gutter.first + 1):
        gutter.first += 1
    band = rows[gutter.first : gutter.last + 1]
    left = [line for line in (_side(row, x, is_left=True) for row in band) if line and not line.tables]
    right = [line for line in (_side(row, x, is_left=False) for row in band) if line and not line.tables]
    if min(len(left), len(right)) < 3:
        return False
    if _is_grid(band, x, min(pitch_of(left), pitch_of(right))):
        return False
    if _reads_on(left) and _reads_on(right):
        return True
    last_left, first_right = (
        max(w.order for line in left for w in line.words),
        min(w.order for line in right for w in line.words),
    )
    is_drawn_apart = last_left < first_right or max(w.order for line in right for w in line.words) < min(
        w.order for line in left for w in line.words
    )
    return is_drawn_apart and _is_wide(left) and _is_wide(right)


def _is_on_both(row: Line, x: float) -> bool:
    return row.x0 < x < row.x1


def _is_apart(rows: Sequence[Line], number: int) -> bool:
    """Whether a row stands clearly below the one before it."""
    return rows[number].base - rows[number - 1].base > 1.6 * max(rows[number].size, rows[number - 1].size)


def _side(row: Line, x: float, *, is_left: bool) -> Line | None:
    words = [word for word in row.words if (word.x0 < x) is is_left]
    return Line(words) if words else None


def _reads_on(lines: Sequence[Line]) -> bool:
    """Whether most lines are prose that goes on from one to the next: wide, of several words, begun in lower case."""
    words = sum(len(line.words) for line in lines) / len(lines)
    going_on = sum(line.text[0].islower() for line in lines[1:]) / (len(lines) - 1)
    width = max(line.x1 for line in lines) - min(line.x0 for line in lines)
    full = sum(line.x1 - line.x0 > 0.75 * width for line in lines) / len(lines)
    return words >= 2.5 and going_on >= 0.25 and full >= 0.4


def _is_wide(lines: Sequence[Line]) -> bool:
    return sum(len(line.text) for line in lines) / len(lines) >= 10 and sum(
        len(line.words) for line in lines
    ) >= 2 * len(lines)


def _is_grid(band: Sequence[Line], x: float, pitch: float) -> bool:
    """Whether the rows stand in groups that begin on both sides at once, as the cells of a table do.

    Lines of two columns that are not on one base line are closer than those of one, hence the pitch within a side.
    """
    steps = [below.base - above.base for above, below in pairwise(band)]
    close = max(min(steps), pitch)
    groups: list[list[Line]] = [[band[0]]]
    for step, row in zip(steps, band[1:], strict=False):
        if step > 1.3 * max(close, 0.9 * row.size):
            groups.append([])
        groups[-1].append(row)
    starts = sum(_is_on_both(group[0], x) for group in groups)
    return len(groups) >= 3 and starts >= 0.7 * len(groups) and len(band) / len(groups) <= 6
