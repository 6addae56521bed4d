"""E-mail addresses, also those written so that programs do not see them: `ana (arroba) correo punto com`.

Each sign or word for "at" is looked at by itself, a bounded stretch to both sides. So runs of letters cost nothing.
"""

import re
from collections.abc import Iterator

from student.masking.plain_text import PlainText
from student.masking.spans import Kind, Span

_AT = re.compile(
    r"@|&#64;|&commat;|%40"
    r"|(?P<framed>[ _-]?[\[({<|*][ ]?(?:at|arroba|@)[ ]?[\])}>|*][ _-]?|(?<=\w)[\[({](?:a|en)[\])}](?=\w))"
    r"|(?P<arroba>(?<=[\w\"'>)])[ _-](?:arroba|arrova)[ _-])|(?P<at>(?<=[\w\"'>)])[ _-]{1,2}at[ _-]{1,2}(?=\w))"
)
_MAY_HOLD = re.compile(r"@|&#64;|&commat;|%40|(?<![a-z])at(?![a-z])|arro[bv]a|[\[({](?:a|en)[\])}]")
_LEFT_CHARS, _RIGHT_CHARS = 96, 200
_REVERSED_DOT = (
    r"(?:\.|[ ]?[\])}>]?[ ]?(?:otnup|tod)[ ]?[\[({<]?[ ]?|[ ]?[\])}>][ ]?\.[ ]?[\[({<][ ]?|[ ](?:ojab )?noiug[ ])"
)
_LOCAL = re.compile(
    rf"[ ]?(?:\"[^\"\n]{{1,64}}\"|'[^'\n ]{{1,64}}'|[\w+%'~!#$&*-]{{1,64}}(?:{_REVERSED_DOT}[\w+%'~-]{{1,64}}){{0,6}})"
)
_SPELLED_LOCAL = re.compile(r"[ ]?(?:[\w._-][ ]){2,40}[\w](?![\w])")
_TLD = (
    r"(?:com|es|org|net|mx|ar|co|cl|br|pe|uy|edu|gob|gov|info|eu|io|cat|biz|example|test|uk|de|fr|it|pt|us|me|app|dev)"
)
_DOMAIN = re.compile(
    r"[\w-]{1,63}(?:\.[\w-]{1,63}){0,5}\.[^\W\d_]{2,24}(?![\w-])|\[[\da-f.:]{3,40}\]|\d{1,3}(?:\.\d{1,3}){3}"
)
_DOT = r"(?:[ ]?\.[ ]?|[ ]?[\[({<|*][ ]?(?:dot|punto|\.|pto)[ ]?[\])}>|*][ ]?|[ _-](?:dot|punto)[ _-]|,)"
_HIDDEN_DOMAIN = re.compile(rf"[ ]?[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,4}}?{_DOT}{_TLD}(?:{_DOT}{_TLD})?(?![\w])")
_SPELLED_DOMAIN = re.compile(r"[ ]?(?:[\w.-][ ]){3,50}[\w](?![\w])")
_WORD_DOT = re.compile(r"[ _-](?:dot|punto)[ _-]|[\[({<|*][ ]?(?:dot|punto|\.)[ ]?[\])}>|*]")
_WORDS_OF_SIGNS = re.compile(r"(?<![a-z0-9])(?:arro[bv]a|at|punto|dot|a|en)(?![a-z0-9])|&#64;|&commat;|%40")


def find_emails(plain: PlainText) -> Iterator[Span]:
    """The e-mail addresses of a text, in all their writings."""
    if not _MAY_HOLD.search(plain.lower):
        return
    for at in _AT.finditer(plain.lower):
        left = plain.lower[max(0, at.start() - _LEFT_CHARS) : at.start()][::-1]
        right = plain.lower[at.end() : at.end() + _RIGHT_CHARS]
        is_told = at["at"] is None or plain.chars[at.start() : at.end()].isupper()
        sides = _sides(at, left, right, is_told=is_told)
        if sides is None:
            continue
        start, end = at.start() - sides[0], at.end() + sides[1]
        while not (plain.chars[start].isalnum() or plain.chars[start] in "\"'_"):
            start += 1
        value = re.sub(r"[^\w]|_", "", _WORDS_OF_SIGNS.sub("", plain.lower[start:end]))
        yield Span(start, end, Kind.EMAIL, "e-mail", value)


def _sides(at: re.Match[str], left: str, right: str, *, is_told: bool) -> tuple[int, int] | None:
    """How many characters belong to an address on either side of its "at"; None where it is none.

    Where it is not told by a sign, another word or capitals, a word for a dot has to follow.
    """
    local = _LOCAL.match(left)
    if local is None or not any(character.isalnum() for character in local[0]):
        return None
    is_spaced = left.startswith(" ") or right.startswith(" ")
    if at["at"] is None and at["arroba"] is None and not is_spaced:
        plain = _DOMAIN.match(right)
        if plain is not None:
            return local.end(), plain.end()
    spelled, spelled_domain = _SPELLED_LOCAL.match(left), _SPELLED_DOMAIN.match(right)
    if spelled is not None and spelled_domain is not None and "." in spelled_domain[0]:
        return spelled.end(), spelled_domain.end()
    hidden = _HIDDEN_DOMAIN.match(right)
    if hidden is None or (not is_told and not _WORD_DOT.search(hidden[0])):
        return None
    return local.end(), hidden.end()
