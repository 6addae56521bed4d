"""The registry of trained parts, by the name that recipes, policies, ledgers and releases give them.

To add a part, write one module that fulfils `federation.learning.part.Part` and name it in `_BUILT_IN`. A program that
brings a part of its own calls `register`; it must do so at the center as at every branch.
"""

from typing import Any, Final

from federation.learning.intent_head import INTENT_HEAD
from federation.learning.part import Part
from federation.learning.query_adapter import QUERY_ADAPTER

_BUILT_IN: Final[tuple[Part[Any, Any], ...]] = (INTENT_HEAD, QUERY_ADAPTER)
_PARTS: Final[dict[str, Part[Any, Any]]] = {part.name: part for part in _BUILT_IN}


def part_named(name: str) -> Part[Any, Any]:
    """The part of a name.

    Raises:
        ValueError: there is none.
    """
    if name not in _PARTS:
        raise ValueError(f"part {name!r} is unknown here, expected one of {', '.join(sorted(_PARTS))}; upgrade orilla")
    return _PARTS[name]


def register(part: Part[Any, Any]) -> None:
    """Adds a part.

    Raises:
        ValueError: the name is taken by another part.
    """
    if _PARTS.setdefault(part.name, part) is not part:
        raise ValueError(f"a part named {part.name!r} is registered already; choose another name")
