"""Inline elements whose text is not simply what is in them: links to numbers and addresses, notes, readings, quotes."""

import re
from urllib.parse import unquote

_DIGITS = re.compile(r"\D+")
_ALT_NOISE = re.compile(
    r"(?:image|imagen|img|photo|foto|picture|logo|icon|icono|banner)?[\W\d_]*$|.*\.(?:jpe?g|png|gif|svg|webp)$",
    re.IGNORECASE,
)


def address_in(href: str, text: str) -> str:
    """The number of a `tel:` link or the address of a `mailto:` one that its text leaves out; "" for other links."""
    scheme, _, rest = href.partition(":")
    scheme = scheme.strip().lower()
    if scheme == "tel":
        number = " ".join(unquote(rest).replace("-", " ").split())
        digits = _DIGITS.sub("", number)
        is_said = not digits or digits[-9:] in _DIGITS.sub("", text)
        return "" if is_said else f" ({number})" if text.strip() else number
    if scheme == "mailto":
        address = unquote(rest.partition("?")[0]).strip()
        if "@" in address and address.lower() not in text.lower():
            return f" ({address})" if text.strip() else address
    return ""


def alternative(alt: str | None) -> str:
    """The text of a picture that stands for words; "" where it says nothing."""
    text = " ".join((alt or "").split())
    return "" if _ALT_NOISE.match(text) else text


def item_number(number: int, kind: str) -> str:
    """The number of a list item as its list's `type` writes it, as `3.`, `c.` or `iii.`."""
    if kind in ("a", "A") and 0 < number <= 26 * 27:
        letters = ""
        while number > 0:
            number, place = divmod(number - 1, 26)
            letters = chr(ord("a") + place) + letters
        return f"{letters if kind == 'a' else letters.upper()}."
    if kind in ("i", "I") and 0 < number < 4000:
        roman = ""
        for value, sign in _ROMAN:
            roman += sign * (number // value)
            number %= value
        return f"{roman if kind == 'i' else roman.upper()}."
    return f"{number}."


_ROMAN = tuple(
    zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"),
        strict=True,
    )
)
