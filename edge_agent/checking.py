"""Texts from outside: stripped, bounded, and Unicode."""

import unicodedata

from edge_agent.errors import ContentTooLarge, InputInvalid

MAX_TAG_CHARS = 50


def checked(value: str, name: str, *, max_chars: int) -> str:
    """A text from outside, stripped.

    Raises:
        InputInvalid: empty, or with characters that no text has. ContentTooLarge: too long.
    """
    value = value.strip()
    if not value:
        raise InputInvalid(f"{name} is empty; expected some text")
    if len(value) > max_chars:
        raise ContentTooLarge(f"{name} has {len(value)} characters, at most {max_chars} are accepted; shorten it")
    require_text(value, name)
    return value


def checked_source(value: str) -> str:
    """A source from outside, stripped; it names a document and is never a path that is opened.

    Raises:
        InputInvalid: empty, or with characters that no name has. ContentTooLarge: too long.
    """
    value = checked(value, "source", max_chars=500)
    if any(unicodedata.category(c) == "Cc" for c in value):
        raise InputInvalid("source holds control characters; expected a name or a relative path")
    return value


def require_text(value: str, name: str) -> None:
    """Raises `InputInvalid` for what no text holds."""
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InputInvalid(f"{name} holds NUL or lone surrogate characters; expected Unicode text")
