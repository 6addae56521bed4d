"""Labels: short lines that name what stands below them, as a city above its opening hours or a code above its cause.

They are set in bold, or are nothing but a code. Such a line is no answer by itself: it belongs to what follows it.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from edge_agent.text import codes

_MAX_LABEL_CHARS = 80
_MAX_DIGITS = 8
_ENDS = (".", ",", ";", "…", "!", "?")  # a question is found as one
_SAYS_SOMETHING = re.compile(r":\s+\S*\d|@|://")
_EDGES = " :.-–—()[]«»\"'“”"


class Bold(str):
    """A part of a block's text that is set in bold."""

    __slots__ = ()


def by_weight(parts: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """The lines of a block, one after another those that are all in bold and those that are not.

    Its parts are `Bold` where they are; a part that is a line break ends a line.
    """
    lines: list[list[str]] = [[]]
    for part in parts:
        if part == "\n":
            lines.append([])
        else:
            lines[-1].append(part)
    filled = [line for line in lines if any(not part.isspace() for part in line)]
    weighed = ((all(isinstance(part, Bold) or part.isspace() for part in line), "".join(line)) for line in filled)
    for is_bold, run in groupby(weighed, key=lambda line: line[0]):
        yield "\n".join(text for _, text in run), is_bold


def is_label(text: str) -> bool:
    """Whether a line in bold may name what follows: short, no sentence, and no fact such as an hour or an address."""
    text = text.strip()
    if not 0 < len(text) <= _MAX_LABEL_CHARS or "\n" in text or text.endswith(_ENDS):
        return False
    if not any(map(str.isalnum, text)) or _SAYS_SOMETHING.search(text):
        return False
    return sum(map(str.isdigit, text)) <= _MAX_DIGITS


def is_code(text: str) -> bool:
    """Whether a line is one code and nothing else."""
    word = text.strip(_EDGES)
    return bool(word) and not any(map(str.isspace, word)) and len(word) <= _MAX_LABEL_CHARS and codes(word) != []


def opening_code(text: str) -> str:
    """The code that a paragraph opens with, as `F-13: worn out`; "" where it opens with another word."""
    word, _, rest = text.partition(" ")
    return word.strip(_EDGES).lower() if rest and word.endswith((":", "-", "–", "—")) and is_code(word) else ""
