"""Files of JSON lines, and the choice of rows that are held out of training."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from student.artifacts.digests import digest_bytes
from student.errors import OrillaError


class DataRefused(OrillaError):
    """A file of texts, or the recipe that names it, cannot be used."""


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, blank lines left out. Raises `DataRefused`."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise DataRefused(f"{path} cannot be read: {error.strerror}; check the file") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8"))
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise DataRefused(f"{path} line {number} is not a JSON object; expected JSON lines in UTF-8")
        yield row


def column(row: dict[str, Any], name: str, path: Path) -> str:
    """A row's text of that name. Raises `DataRefused`."""
    if not isinstance(row.get(name), str):
        raise DataRefused(f"{path} has a row without the text column {name!r}; its columns are {sorted(row)}")
    return str(row[name])


def is_held_out(key: str, share: float) -> bool:
    """True if the thing with this key is held out: a digest of the key, as a fraction, is under the share."""
    return int(digest_bytes(key.encode())[:8], 16) / 2**32 < share


def page_of(row: dict[str, Any], question: str) -> str:
    """The page that a question and its answer stand on: of `pair_id` or `id` the part before `#`, else the question."""
    return str(row.get("pair_id") or row.get("id") or question).split("#")[0]


def is_page_held_out(page: str, share: float) -> bool:
    """True if the page is held out: by its part after the last colon, so that all languages of it go together."""
    return is_held_out(page.rsplit(":", maxsplit=1)[-1], share)


def area_of(row: dict[str, Any]) -> str:
    """Product, company or subject of a row: the beginning of its `id`, its `source` or its `subject`."""
    name = str(row.get("id") or row.get("source") or row.get("subject") or "")
    return re.split(r"[:@#]", name, maxsplit=1)[0]
