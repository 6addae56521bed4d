"""Texts from outside: stripped, bounded, and Unicode."""

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
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InputInvalid(f"{name} holds NUL or lone surrogate characters; expected Unicode text")
    return value
