"""Reading order of shapes on a slide: bands from the top, and in each band columns from the left."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

_MAX_CUT = 300


class Box(NamedTuple):
    """A place on a slide, in any unit."""

    left: float
    top: float
    width: float = 0.0
    height: float = 0.0


_Shape = TypeVar("_Shape")


def in_reading_order(shapes: Sequence[tuple[Box, _Shape]]) -> list[_Shape]:
    """Shapes as they are read: divided at the gaps between them, from the top, then from the left, and so on.

    Where they overlap, or are too many to divide, those that begin higher come first.
    """
    if len(shapes) > _MAX_CUT:
        return [shape for _, shape in sorted(shapes, key=lambda entry: (entry[0].top, entry[0].left))]
    return [shape for _, shape in _cut(list(shapes))]


def _cut(shapes: list[tuple[Box, _Shape]]) -> list[tuple[Box, _Shape]]:
    if len(shapes) < 2:
        return shapes
    for is_down in (True, False):
        parts = _divided(shapes, is_down)
        if len(parts) > 1:
            return [entry for part in parts for entry in _cut(part)]
    return sorted(shapes, key=lambda entry: (entry[0].top, entry[0].left))


def _divided(shapes: list[tuple[Box, _Shape]], is_down: bool) -> list[list[tuple[Box, _Shape]]]:
    """Shapes in groups that a gap divides; a tenth of the smaller one may overlap, as frames are larger than text."""

    def span(box: Box) -> tuple[float, float]:
        start, size = (box.top, box.height) if is_down else (box.left, box.width)
        return start + 0.05 * size, start + 0.95 * size

    parts: list[list[tuple[Box, _Shape]]] = []
    end = 0.0
    for entry in sorted(shapes, key=lambda entry: span(entry[0])[0]):
        start, stop = span(entry[0])
        if parts and start < end:
            parts[-1].append(entry)
        else:
            parts.append([entry])
        end = stop if len(parts[-1]) == 1 else max(end, stop)
    return parts
