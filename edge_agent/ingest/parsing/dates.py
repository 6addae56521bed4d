"""Dates as documents state them, in one form."""

import re
from datetime import date
from email.utils import parsedate

_ISO = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?!\d)")
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})$")


def iso_date(stated: str) -> str:
    """A day as `YYYY-MM-DD`, from ISO 8601, `31/12/2025` or the form of mails; "" for anything else."""
    stated = stated.strip()[:80]
    found = _ISO.match(stated)
    if found:
        return _checked(int(found[1]), int(found[2]), int(found[3]))
    found = _SLASHED.match(stated)
    if found:
        return _checked(int(found[3]), int(found[2]), int(found[1]))
    parsed = parsedate(stated)
    return _checked(*parsed[:3]) if parsed else ""


def _checked(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat() if 1900 < year < 2200 else ""
    except ValueError:
        return ""
