"""Characters: one normal form for every text that comes in, and the characters that a reader cannot see.

Nothing else of a text is known here. All of it is linear in the text's length, whatever the text is.
"""

import re
import unicodedata

_MAX_MARKS = 8
"""Combining marks kept in a row; no language stacks more, and normalization is quadratic in such a run."""
_SOFT_HYPHEN = "\u00ad"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE = re.compile(
    "[\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0]"
)
"""Zero width, joiners, bidirectional controls, fillers and variation selectors."""
_INVISIBLE_BEYOND = re.compile("[\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]")
"""Those above U+FFFF: tag characters above all. Apart, since `re` is slow with a class of both."""
_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_FOLDED = {
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},  # full-width ASCII
    0x3000: " ",
    **{0xFB00 + n: text for n, text in enumerate(("ff", "fi", "fl", "ffi", "ffl", "st", "st"))},
}
_NEEDS_FOLDING = re.compile("[\uff01-\uff5e\u3000\ufb00-\ufb06]")


def _ranges(codes: list[int]) -> str:
    """A character class of code points, ascending."""
    parts, first = [], codes[0]
    for code, following in zip(codes, [*codes[1:], -1], strict=True):
        if following != code + 1:
            parts.append(f"{chr(first)}-{chr(code)}")
            first = following
    return "[" + "".join(parts) + "]"


_MARKS = [code for code in range(0x300, 0x1EA00) if unicodedata.category(chr(code)) in ("Mn", "Me")]
_MARK, _BASIC_MARK = _ranges(_MARKS), re.compile(_ranges([code for code in _MARKS if code <= 0xFFFF]))
_LONG_MARKS = re.compile(f"({_MARK}{{{_MAX_MARKS}}}){_MARK}+")


def with_plain_breaks(text: str) -> str:
    """A text with line feeds as line breaks, and other control characters and lone surrogates as spaces."""
    return _CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


def normalize(text: str) -> str:
    """A text in the form in which it is stored, searched and compared.

    NFC; line feeds as line breaks; ligatures and full-width letters as plain ones; soft hyphens and invisible
    characters left out; other control characters and lone surrogates as spaces; runs of combining marks cut.
    """
    text = with_plain_breaks(text)
    if text.isascii():
        return text
    text = text.replace(_SOFT_HYPHEN, "")
    if _is_western(text):
        return text
    text = _INVISIBLE.sub("", text)
    is_beyond = _BEYOND.search(text) is not None
    if is_beyond:
        text = _INVISIBLE_BEYOND.sub("", text)
    if _NEEDS_FOLDING.search(text):
        text = text.translate(_FOLDED)
    if is_beyond or _BASIC_MARK.search(text):
        text = _LONG_MARKS.sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


def is_normal(text: str) -> bool:
    """Whether `normalize` surely changes nothing in a text and all of it is seen, as in nearly every Western one."""
    return not _CONTROL.search(text) and (text.isascii() or (_SOFT_HYPHEN not in text and _is_western(text)))


def count_invisible(text: str) -> int:
    """How many characters of a text no reader can see: those that could carry a message, so not soft hyphens."""
    if text.isascii() or _is_western(text):
        return 0
    return len(_INVISIBLE.findall(text)) + len(_INVISIBLE_BEYOND.findall(text))


def _is_western(text: str) -> bool:
    """Whether all characters are of Windows-1252, as in most texts: each is visible and its own normal form."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True
