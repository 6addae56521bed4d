"""A text as the rules look at it: plain characters, and the way back to the places in the text as it was."""

import re
import unicodedata
from dataclasses import dataclass

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0]"
)
_SPACES = "\t\x0b\x0c\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000"
_ALIKE = {
    " ": _SPACES,
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63",
    ".": "\u00b7\u2022\u2024\u2027\u2219\u22c5\u30fb",
    "/": "\u2044\u2215",
    '"': "\u201c\u201d\u201e\u00ab\u00bb",
    "'": "\u2018\u2019\u00b4",
}


def _plain_characters() -> dict[int, str]:
    plain = {ord(each): character for character, alike in _ALIKE.items() for each in alike}
    plain |= {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    digits = (code for code in range(0x660, 0x1FBFA) if unicodedata.decimal(chr(code), None) is not None)
    return {code: str(unicodedata.decimal(chr(code))) for code in digits} | plain


def _lower_letters() -> dict[int, str]:
    """Letters of Western languages to the lower case letter without marks, one for one."""
    lower = {code: unicodedata.normalize("NFD", chr(code))[0].lower() for code in range(0x41, 0x250)}
    return {code: letter for code, letter in lower.items() if len(letter) == 1}


_PLAIN, _LOWER = _plain_characters(), _lower_letters()


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text in plain characters.

    Attributes:
        chars: digits, spaces, dashes, dots and quotes of all scripts as those of ASCII; invisible characters left out.
        lower: `chars` in lower case without accents, character for character.
        places: for each character of `chars` its place in the text, and the text's length; None where nothing moved.
    """

    chars: str
    lower: str
    places: tuple[int, ...] | None

    def place(self, start: int, end: int) -> tuple[int, int]:
        """The span of the text that `chars[start:end]` stands for, not empty."""
        return (start, end) if self.places is None else (self.places[start], self.places[end - 1] + 1)


def plain_text(text: str) -> PlainText:
    """A text as the rules look at it."""
    if text.isascii():
        chars = text.replace("\t", " ")
        return PlainText(chars, chars.lower(), None)
    places = None
    if _INVISIBLE.search(text):
        seen = [place for place, character in enumerate(text) if not _INVISIBLE.match(character)]
        places = (*seen, len(text))
        text = "".join(text[place] for place in seen)
    chars = text.translate(_PLAIN)
    return PlainText(chars, chars.translate(_LOWER), places)
