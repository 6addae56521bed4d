"""Tags: what staff sort documents by, in one form whoever writes them."""

import unicodedata
from collections.abc import Iterable

from edge_agent.errors import InputInvalid
from edge_agent.text import MAX_TAG_CHARS, checked

MAX_TAGS = 20


def checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags from outside: NFC, lower case, spaces folded, each once, ascending.

    Raises:
        InputInvalid: an empty one, or more than `MAX_TAGS`. ContentTooLarge: one longer than `MAX_TAG_CHARS`.
    """
    folded = {
        " ".join(unicodedata.normalize("NFC", checked(tag, "tag", max_chars=MAX_TAG_CHARS)).lower().split())
        for tag in tags
    }
    if len(folded) > MAX_TAGS:
        raise InputInvalid(f"there are {len(folded)} tags, at most {MAX_TAGS} are accepted; use fewer")
    return tuple(sorted(folded))
