"""Encodings: bytes that should be text become text, whatever program wrote them.

In this order: a byte order mark; UTF-16 without one, by its NUL bytes; UTF-8, a few damaged bytes allowed; the charset
that the document declares; else the encoding of Western Europe in which fewest characters stand where nobody writes
them, Windows-1252 in doubt. Other single-byte and East Asian encodings are read where they are declared.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import islice

from edge_agent.characters import with_plain_breaks
from edge_agent.errors import TextUndecodable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WINDOWS, _DOS, _MAC, _LATIN_9 = "windows-1252", "cp850", "macintosh", "iso-8859-15"
_CANDIDATES = (_WINDOWS, _LATIN_9, _DOS, _MAC)
_WINDOWS_SAID = frozenset("ascii iso8859-1 cp1252".split())
"""Declared, these all mean Windows-1252, as in browsers."""
_DECLARABLE = re.compile(
    r"utf-8|cp(?:125\d|437|85\d|86\d|932|949|950|1006|720|737|775|874)|iso8859-\d+|koi8-[rut]|"
    r"mac-\w+|euc_\w+|shift_jis\w*|iso2022_\w+|gb2312|gbk|gb18030|big5\w*|tis-620|johab|kz1048|ptcp154"
)
_USUAL = {"cp125": "windows-125", "iso8859": "iso-8859", "mac-roman": "macintosh"}
_PYTHONS = re.compile("^(?:" + "|".join(_USUAL) + ")")
_NAME = re.compile(r"[\w.:-]{2,40}", re.ASCII)
_SAMPLE, _MAX_JUDGED = 50_000, 2_000
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f\x7f]")
_HIGH = re.compile("[^\x00-\x7f]")
_UNDEFINED = "\ufffd"

_LETTERS, _RARER = frozenset("áéíóúüñÁÉÍÓÚÜÑ"), frozenset("çàèìòùâêîôûäëïöÇÀÈÖ")
_OPENING, _CLOSING = frozenset("¿¡“‘«"), frozenset("”’»ºª°")
_SIGNS = frozenset("€£©®™§…·•–—½¼¾²³±×µ\xa0")
_DASHES = frozenset("–—’·")
_BOXES, _LINE = re.compile("[\u2500-\u259f]"), re.compile("[─═]{3}")


def decode_text(content: bytes, declared: str | None = None) -> tuple[str, str]:
    """Bytes as text with plain line breaks, and the encoding that they were in, by a name that Python knows.

    Args:
        content: untrusted.
        declared: the charset that the document says it has, untrusted too; followed where it can be right.

    Raises:
        TextUndecodable: no text, or text in an encoding that cannot be told.
    """
    text, encoding = decode_raw(content, declared)
    return with_plain_breaks(text), encoding


def is_utf_16(content: bytes) -> bool:
    """Whether bytes are UTF-16 or UTF-32 by their mark, or plainly UTF-16 without one."""
    return any(content.startswith(mark) for mark, name in _MARKS if name != "utf-8") or bool(_unmarked_utf_16(content))


def decode_raw(content: bytes, declared: str | None = None) -> tuple[str, str]:
    """As `decode_text`, with form feeds, other control characters and line ends as they are."""
    for mark, name in _MARKS:
        if content.startswith(mark) and name != "utf-8":
            return _wide(content[len(mark) :], name), name[:6]
    content = content.removeprefix(codecs.BOM_UTF8)
    if unmarked := _unmarked_utf_16(content):
        return _wide(content, unmarked), unmarked[:6]
    declared = _known(declared)
    try:
        if not (declared or "").startswith("iso2022"):  # seven bits, so it is UTF-8 as well
            return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        if (text := _damaged_utf_8(content)) is not None:
            return text, "utf-8"
    if declared and (text := _as_declared(content, declared)) is not None:
        return text, declared
    return _western(content)


def _wide(content: bytes, name: str) -> str:
    """UTF-16 and UTF-32; a last character that was cut off is left out, damaged ones are replaced."""
    unit = 4 if "32" in name else 2
    text = content[: len(content) // unit * unit].decode(name, "replace")
    if text.count(_UNDEFINED) * 50 > len(text):
        raise _undecodable(f"it begins as {name[:6].upper()} and is not")
    return text


def _unmarked_utf_16(content: bytes) -> str:
    """The byte order of UTF-16 text without a mark: nearly every second byte of Western text is NUL in it."""
    sample = content[:4096]
    pairs = len(sample) // 2
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if pairs >= 4 and min(even, odd) * 20 <= pairs and max(even, odd) * 10 >= pairs * 7:
        return "utf-16-le" if odd > even else "utf-16-be"
    return ""


def _damaged_utf_8(content: bytes) -> str | None:
    """UTF-8 with a few bytes of Windows-1252 between, as files put together have; None where it is not mostly UTF-8."""
    text = content.decode("utf-8", "surrogateescape")
    damaged = sum(len(run) for run in _ESCAPED.findall(text))
    if len(_HIGH.findall(text)) < 3 * damaged:
        return None
    return _ESCAPED.sub(lambda found: _strict_windows(bytes(ord(c) - 0xDC00 for c in found[0])), text)


_ESCAPED = re.compile("[\udc80-\udcff]+")


def _known(declared: str | None) -> str | None:
    """The declared charset by Python's name, where it is one that text may have."""
    declared = (declared or "").strip().strip("\"'")
    if not _NAME.fullmatch(declared):
        return None
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        return None
    if name in _WINDOWS_SAID:
        return _WINDOWS
    return _PYTHONS.sub(lambda found: _USUAL[found[0]], name) if _DECLARABLE.fullmatch(name) else None


def _as_declared(content: bytes, declared: str) -> str | None:
    """The text in the charset that it declares, None where that cannot be."""
    if _is_binary(content):
        return None
    if declared == _WINDOWS:
        return _strict_windows(content)
    try:
        return content.decode(declared)
    except (UnicodeDecodeError, LookupError):
        return None


def _strict_windows(content: bytes) -> str:
    return content.decode(_WINDOWS, "replace").replace(_UNDEFINED, " ")  # five bytes have no character


def _western(content: bytes) -> tuple[str, str]:
    """The likeliest of the encodings of Western Europe."""
    sample = content[:_SAMPLE]
    letters = len(re.findall(rb"[A-Za-z]", sample))
    high = sum(map(str.isalpha, sample.decode("latin-1"))) - letters
    if _is_binary(content):
        raise _undecodable("it holds control characters as no text does")
    scores = {name: _oddity(sample.decode(name, "replace")) for name in _CANDIDATES}
    best = min(_CANDIDATES, key=lambda name: scores[name] + (0 if name == _WINDOWS else _MARGIN[name]))
    is_drawn = best == _DOS and _LINE.search(sample.decode(_DOS))
    if high > 8 and high > letters and not is_drawn:
        raise _undecodable("most of its letters are outside of ASCII")
    return content.decode(best, "replace").replace(_UNDEFINED, " "), best


_MARGIN = {_LATIN_9: 0.1, _DOS: 0.5, _MAC: 0.9}
"""How much odder Windows-1252 must look before another encoding is believed; chosen on short texts of 1 to 20 words."""


def _oddity(text: str) -> float:
    """How many characters of a text stand where nobody writes them, as a box or a sign amid a word."""
    return sum(_oddities(text))


def _oddities(text: str) -> Iterator[float]:
    for found in islice(_HIGH.finditer(text), _MAX_JUDGED):
        char, at = found[0], found.start()
        before, after = text[at - 1 : at] or " ", text[at + 1 : at + 2] or " "
        is_inside = before.isalpha() and after.isalpha()
        if char == _UNDEFINED or "\x80" <= char <= "\x9f":
            yield 2.0
        elif char.isalpha() and char not in "ºªµ":
            yield (0.0 if char in _LETTERS else 0.25 if char in _RARER else 0.6) + _oddity_of_letter(
                char, before, after
            )
        elif char in _OPENING:
            yield 1.0 if before.isalnum() or after.isspace() else 0.0
        elif char in _CLOSING:
            yield 1.0 if is_inside and char != "’" else 0.3 if before.isspace() else 0.0
        elif char in _SIGNS:
            yield (0.3 if char in _DASHES else 1.0) if is_inside else 0.0
        elif _BOXES.match(char):
            yield 0.0 if _BOXES.match(before) or _BOXES.match(after) else 0.7
        else:
            yield 1.0 if is_inside else 0.6


def _oddity_of_letter(char: str, before: str, after: str) -> float:
    if char.isupper():
        return 1.0 if before.islower() else 0.4 if after.islower() and before.isupper() else 0.0
    if not before.isalpha() and not after.isalpha():
        return 0.3
    return 0.6 if before.isdigit() or after.isdigit() else 0.0


def _is_binary(content: bytes) -> bool:
    """Whether bytes hold more control characters than damaged text does."""
    sample = content[:_SAMPLE]
    return len(_CONTROL.findall(sample)) * 50 > len(sample) + 100


def _undecodable(why: str) -> TextUndecodable:
    return TextUndecodable(
        f"the document's encoding cannot be told: {why}; expected UTF-8, UTF-16 or Windows-1252; save it as UTF-8"
    )
