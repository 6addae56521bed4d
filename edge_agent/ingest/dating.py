"""Dates that titles and file names state: `Tarifas 2025`, `Policy (March 2024)`, `horario_2026-01-15.pdf`.

People who keep several versions of a document tell them apart in its name, and a program that saves it again writes
its own date into the file. So the year of a title goes before what a file says of itself.
"""

import re
from datetime import date

from edge_agent.text import fold

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "enero january jan ene",
            "febrero february feb",
            "marzo march mar",
            "abril april apr abr",
            "mayo may",
            "junio june jun",
            "julio july jul",
            "agosto august aug ago",
            "septiembre setiembre september sept sep",
            "octubre october oct",
            "noviembre november nov",
            "diciembre december dec dic",
        ),
        start=1,
    )
    for name in names.split()
}
_YEAR = r"(?<!\d)((?:19|20)\d\d)(?!\d)"
_ISO = re.compile(rf"{_YEAR}[-_.](0[1-9]|1[0-2])(?:[-_.](0[1-9]|[12]\d|3[01]))?(?!\d)")
_DAY_FIRST = re.compile(r"(?<!\d)(0?[1-9]|[12]\d|3[01])[-/.](0?[1-9]|1[0-2])[-/.]((?:19|20)\d\d)(?!\d)")
_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})\b\.?(?: de(?:l)?)?[ _-]*{_YEAR}")
_ANY_YEAR = re.compile(_YEAR)


def stated_date(title: str) -> str:
    """The date that a title states, as `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; "" where it states none."""
    text = fold(title)
    if found := _ISO.search(text):
        return "-".join(part for part in found.groups() if part)
    if found := _DAY_FIRST.search(text):
        return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}"
    if found := _MONTH.search(text):
        return f"{found[2]}-{_MONTHS[found[1]]:02}"
    years = _ANY_YEAR.findall(text)
    return max(years) if years else ""


def date_of(title: str, own: str) -> str:
    """The date of a document: that of its title, or `own`, which it states itself, where that is more exact.

    Args:
        title: of the document, or its file's name.
        own: `YYYY-MM-DD` or "".
    """
    stated = stated_date(title)
    return own if own.startswith(stated) else stated


def is_date(value: str) -> bool:
    """Whether a text is a date as it is stored, `YYYY-MM-DD`."""
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
