"""Properties of OOXML documents: the title and date that their core properties state."""

import re

from lxml import etree

from edge_agent.errors import InputInvalid
from edge_agent.ingest.parsing.package import Package

_DC = "{http://purl.org/dc/elements/1.1/}"
_TERMS = "{http://purl.org/dc/terms/}"
_DATE = re.compile(r"(?:19[89]|20\d)\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")

_DEFAULTS = frozenset(("2013-12-23T23:15:00Z", "2013-01-27T09:14:16Z", "2013-01-27T09:15:58Z"))
"""Of the templates of python-docx and python-pptx, which what they make keeps."""


def core_properties(package: Package) -> tuple[str | None, str]:
    """The stated title and the date of the last change, `YYYY-MM-DD`; None and "" where there are none."""
    part = next((r.target for r in package.relations().values() if r.kind == "core-properties"), "docProps/core.xml")
    try:
        root = package.xml(part)
    except InputInvalid:  # the text does not depend on them
        root = None
    if root is None:
        return None, ""
    return root.findtext(_DC + "title"), first_date(root, _TERMS + "modified", _TERMS + "created")


def first_date(root: etree._Element, *tags: str) -> str:
    """The day of the first of these elements that holds one; "" where none does."""
    for tag in tags:
        stated = (root.findtext(".//" + tag) or "").strip()
        if stated not in _DEFAULTS and (found := _DATE.match(stated)):
            return found[0]
    return ""
