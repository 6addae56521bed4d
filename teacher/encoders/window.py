"""Windows: how much of a text an encoder reads, found by encoding, and texts cut to it where no tokenizer is known."""

import re
from collections.abc import Callable, Iterable

LONG_TEXT = "The server restores every backup and sends the invoice by mail to the new domain. "

_ESTIMATED_TOKEN = re.compile(r"\w{1,4}|[^\w\s]")


def longest_that_encodes(encodes: Callable[[int], bool], at_most: int) -> int:
    """The longest window, at most `at_most`, that can be encoded; 0 if none can.

    Args:
        encodes: whether a text of so many tokens can be encoded; if it can, so can every shorter one.
        at_most: tokens, tried first, so that a config that tells the truth costs one encoding.
    """
    if encodes(at_most):
        return at_most
    fits, fails = 0, at_most
    while fails - fits > 1:
        middle = (fits + fails) // 2
        fits, fails = (middle, fails) if encodes(middle) else (fits, middle)
    return fits


def ladder(at_most: int) -> Iterable[int]:
    """Lengths to try, from the longest down by halves."""
    length = at_most
    while length >= 8:
        yield length
        length //= 2


def cut_by_estimate(text: str, max_tokens: int) -> str:
    """The beginning of a text, of at most so many tokens; up to four letters, digits or one mark count as a token."""
    for number, match in enumerate(_ESTIMATED_TOKEN.finditer(text)):
        if number == max_tokens:
            return text[: match.start()].rstrip()
    return text


def long_text(words: int) -> str:
    """A text of at least so many words."""
    return LONG_TEXT * (words // 15 + 1)
