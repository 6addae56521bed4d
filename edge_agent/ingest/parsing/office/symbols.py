"""Symbols: characters of the fonts Symbol and Wingdings, which documents hold as codes of the private use area."""

_GREEK = "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"
_CAPITALS = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ"
_SYMBOL = {
    **{0x61 + n: letter for n, letter in enumerate(_GREEK)},
    **{0x41 + n: letter for n, letter in enumerate(_CAPITALS)},
    **dict(zip(range(0x30, 0x3A), "0123456789", strict=True)),
    **{0xA2: "′", 0xA3: "≤", 0xA5: "∞", 0xAB: "↔", 0xAC: "←", 0xAD: "↑", 0xAE: "→", 0xAF: "↓", 0xB0: "°", 0xB1: "±"},
    **{0xB2: "″", 0xB3: "≥", 0xB4: "×", 0xB5: "∝", 0xB6: "∂", 0xB7: "•", 0xB8: "÷", 0xB9: "≠", 0xBA: "≡", 0xBB: "≈"},
    **{0xBC: "…", 0xC5: "⊕", 0xC6: "∅", 0xC7: "∩", 0xC8: "∪", 0xCE: "∈", 0xCF: "∉", 0xD1: "∇", 0xD2: "®", 0xD3: "©"},
    **{0xD4: "™", 0xD5: "∏", 0xD6: "√", 0xD7: "·", 0xDB: "⇔", 0xDE: "⇒", 0xE5: "∑", 0xF2: "∫", 0x2D: "−", 0x2B: "+"},
}
_WINGDINGS = {
    **{0x28: "☎", 0x29: "✆", 0x2A: "✉", 0x46: "☞", 0x4A: "☺", 0x4C: "☹", 0x6C: "●", 0x6E: "■", 0x6F: "☐", 0x71: "❑"},
    **{0x72: "❒", 0x75: "◆", 0x76: "❖", 0x77: "◆", 0x9E: "·", 0x9F: "•", 0xA7: "▪", 0xA8: "☐", 0xD8: "➢", 0xDF: "←"},
    **{0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE8: "➔", 0xF0: "⇨", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑"},
    **{0x8C + n: digit for n, digit in enumerate("❶❷❸❹❺❻❼❽❾❿")},
    **{0x81 + n: digit for n, digit in enumerate("①②③④⑤⑥⑦⑧⑨⑩")},
}
_PRIVATE = {**{0xF000 + code: mark for code, mark in {**_SYMBOL, **_WINGDINGS}.items() if code > 0x7F}}


def symbol(font: str, code: int) -> str:
    """The character that a code of a symbol font shows, as Unicode; a space where it is not known."""
    bare = code - 0xF000 if 0xF000 <= code <= 0xF0FF else code
    name = font.lower()
    if name.startswith("wingdings"):
        return _WINGDINGS.get(bare, " ")
    if name.startswith("symbol"):
        return _SYMBOL.get(bare, chr(bare) if 0x20 <= bare < 0x7F else " ")
    return " " if 0xE000 <= code <= 0xF8FF or not 0x20 <= code < 0xD800 else chr(code)


def without_private_use(text: str) -> str:
    """A text whose codes of symbol fonts are Unicode: the bullets, arrows and check marks that offices use."""
    return text.translate(_PRIVATE) if any("\uf000" <= character <= "\uf0ff" for character in text) else text
