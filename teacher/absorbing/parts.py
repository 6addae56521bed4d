"""The registry of parts that the teacher absorbs, by the names that releases give them."""

from typing import Final

from teacher.absorbing.intent_head import INTENT_HEAD
from teacher.absorbing.part import AbsorbedPart
from teacher.absorbing.query_side import QUERY_SIDE
from teacher.errors import AbsorptionRefused

_PARTS: Final[dict[str, AbsorbedPart]] = {part.name: part for part in (INTENT_HEAD, QUERY_SIDE)}


def absorbed_part(name: str) -> AbsorbedPart:
    """The part of a name.

    Raises:
        AbsorptionRefused: the teacher learns nothing from releases of it.
    """
    if name not in _PARTS:
        raise AbsorptionRefused(
            f"this release is of the part {name!r}; a teacher learns from releases of {', '.join(sorted(_PARTS))}"
        )
    return _PARTS[name]
