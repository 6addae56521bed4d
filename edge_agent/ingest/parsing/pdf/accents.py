"""Accents that are drawn as characters of their own: old fonts of TeX have no letters with accents."""

import unicodedata

ACCENTS = {
    0x60: "\u0300",
    0xA8: "\u0308",
    0xAF: "\u0304",
    0xB4: "\u0301",
    0xB8: "\u0327",
    0x2C6: "\u0302",
    0x2C7: "\u030c",
    0x2CA: "\u0301",
    0x2CB: "\u0300",
    0x2D8: "\u0306",
    0x2DA: "\u030a",
    0x2DC: "\u0303",
    0x2DD: "\u030b",
}
"""Spacing accents and the marks that they are over a letter."""
_DOTLESS = {"\u0131": "i", "\u0237": "j"}


def accent(letter: str, code: int) -> str:
    """A letter with an accent over it; both side by side where there is no such letter."""
    made = unicodedata.normalize("NFC", _DOTLESS.get(letter, letter) + ACCENTS[code])
    return made if len(made) == 1 else letter + chr(code)
