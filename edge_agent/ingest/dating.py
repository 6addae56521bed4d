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
_YEAR = r"(?<![^\W_])((?:19|20)\d\d)(?![^\W_])"  # alone: no part of a code
_ISO = re.compile(rf"{_YEAR}[-_.](0[1-9]|1[0-2])(?:[-_.](0[1-9]|[12]\d|3[01]))?(?!\d)")
_DAY_FIRST = re.compile(r"(?<!\d)(0?[1-9]|[12]\d|3[01])[-/.](0?[1-9]|1[0-2])[-/.]((?:19|20)\d\d)(?!\d)")
_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})\b\.?(?: de(?:l)?)?[ _-]*{_YEAR}")
_DAY_IN_WORDS = re.compile(
    rf"(?<!\d)(0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?\s+(?:de\s+)?({'|'.join(_MONTHS)})\b\.?,?\s+(?:del?\s+)?{_YEAR}"
)
_MONTH_FIRST = re.compile(rf"\b({'|'.join(_MONTHS)})\b\.?\s+(0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?,?\s+{_YEAR}")
_ANY_YEAR = re.compile(_YEAR)
_SAYS_DATE = re.compile(
    r"\b(?:vigente|vigencia|en vigor|valid[oa]s? (?:desde|a partir)|actualizad[oa]|actualizacion|revision"
    r"|revisad[oa]|version|publicad[oa]|fecha|effective|in force|valid (?:from|as of|since)|updated|revised"
    r"|last (?:change|review)|reviewed"
    r"|issued|published|date)\b(?P<rest>[^\n]{0,60})"
)
_LOOKED_AT = 800  # characters at the start and at the end, where people say how old a text is


def stated_date(title: str) -> str:
    """The date that a title states, as `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; "" where it states none."""
    text = fold(title)
    if found := _ISO.search(text):
        return "-".join(part for part in found.groups() if part)
    if found := _DAY_IN_WORDS.search(text):
        return f"{found[3]}-{_MONTHS[found[2]]:02}-{int(found[1]):02}"
    if found := _MONTH_FIRST.search(text):
        return f"{found[3]}-{_MONTHS[found[1]]:02}-{int(found[2]):02}"
    if found := _DAY_FIRST.search(text):
        return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}"
    if found := _MONTH.search(text):
        return f"{found[2]}-{_MONTHS[found[1]]:02}"
    years = [year for year in _ANY_YEAR.findall(text) if int(year) <= date.today().year + 1]
    return max(years, default="")


def said_date(text: str) -> str:
    """The date that a text says it is of ("Vigente desde el 1 de marzo de 2026", "Last updated: 8 May 2026"), or ""."""
    looked_at = text if len(text) <= 2 * _LOOKED_AT else f"{text[:_LOOKED_AT]}\n{text[-_LOOKED_AT:]}"
    said = (stated_date(found["rest"]) for found in _SAYS_DATE.finditer(fold(looked_at)))
    return max((date_ for date_ in said if date_), default="")


def date_of(title: str, text: str, own: str) -> str:
    """The date of a document: of its title, else as its text says, else `own`; the most exact of those that agree.

    Args:
        title: of the document, with its file's name.
        text: of the document.
        own: of its properties, `YYYY-MM-DD` or "".
    """
    stated, said = stated_date(title), said_date(text)
    if not said.startswith(stated):
        said = ""
    best = said or stated
    return own if own.startswith(best) else best


def is_date(value: str) -> bool:
    """Whether a text is a date as it is stored, `YYYY-MM-DD`."""
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
