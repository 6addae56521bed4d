"""Bytes of any program become text: marks, UTF-8, declared charsets, Windows, DOS and Mac; the rest is refused."""

import random

import pytest

from edge_agent.errors import TextUndecodable
from edge_agent.ingest.parsing.document_format import is_text
from edge_agent.ingest.parsing.encoding import decode_text

TEXTS = (
    "Café",
    "¿Qué?",
    "Año: 2026",
    "Mañana, de 9:00 a 14:00",
    "Teléfono de recepción: 5501",
    "Dirección de Núñez, 3º izquierda",
    "MUÑOZ, ÁNGEL; GARCÍA, ÍÑIGO",
    "La reunión será el miércoles próximo en Zúrich.",
)
TYPESET = (
    "Don’t leave the “front” door open – ever.",
    "Precio: 189 € la unidad",
    "L’Hospitalet · 25 € — más IVA…",
    "The manager’s office",
)


@pytest.mark.parametrize("text", TEXTS + TYPESET)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "windows-1252"])
def test_usual_encodings_are_told(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == (text, "utf-8" if encoding == "utf-8-sig" else encoding)


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_and_32_with_a_mark_or_utf_16_without(order: str) -> None:
    text = "Horario: lunes a viernes — 9:00"
    for encoding in ("utf-16", "utf-32"):
        marked = ("\ufeff" + text).encode(f"{encoding}-{order}")
        assert is_text(marked)
        assert decode_text(marked) == (text, encoding)
    bare = text.encode(f"utf-16-{order}")
    assert is_text(bare)
    assert decode_text(bare) == (text, "utf-16")
    assert decode_text(bare[:-1])[0] == text[:-1]  # cut off amid a character


@pytest.mark.parametrize(("encoding", "name"), [("cp850", "cp850"), ("cp437", "cp850"), ("mac_roman", "macintosh")])
def test_old_spanish_files_are_told_where_windows_1252_makes_no_sense_of_them(encoding: str, name: str) -> None:
    text = "Mañana habrá una reunión en el salón: se hablará de los años y del teléfono.\n¿Quién asistirá?"
    assert decode_text(text.encode(encoding)) == (text, name)


def test_drawn_tables_of_dos_are_read() -> None:
    text = "╔═══════╦═════╗\n║ Señal ║ 220 ║\n╚═══════╩═════╝"
    assert decode_text(text.encode("cp850")) == (text, "cp850")


def test_the_euro_of_iso_8859_15_is_told_from_the_currency_sign() -> None:
    assert decode_text("Precio: 12 €".encode("iso-8859-15")) == ("Precio: 12 €", "iso-8859-15")


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("iso-8859-1", "windows-1252"),
        ("us-ascii", "windows-1252"),
        (' "windows-1252" ', "windows-1252"),
        ("latin9", "iso-8859-15"),
        ("IBM850", "cp850"),
        ("koi8-r", "koi8-r"),
        ("windows-1251", "windows-1251"),
        ("Shift_JIS", "shift_jis"),
    ],
)
def test_a_declared_charset_is_followed(declared: str, encoding: str) -> None:
    text = {"koi8-r": "Привет", "windows-1251": "Привет", "shift_jis": "こんにちは"}.get(encoding, "año")
    assert decode_text(text.encode(encoding), declared) == (text, encoding)


@pytest.mark.parametrize(
    "declared", ["utf-8", "utf-16", "nonsense", "hex", "idna", "unicode_escape", "../x", "", "é" * 99]
)
def test_a_declared_charset_that_cannot_be_right_is_not_followed(declared: str) -> None:
    assert decode_text("año".encode("cp1252"), declared) == ("año", "windows-1252")
    assert decode_text("año".encode(), declared) == ("año", "utf-8")


def test_utf_8_is_believed_over_what_is_declared() -> None:
    assert decode_text("El año próximo".encode(), "iso-8859-1") == ("El año próximo", "utf-8")


def test_a_few_damaged_bytes_do_not_make_utf_8_another_encoding() -> None:
    before, after = "Año, número, teléfono, reunión y mañana: ", "é"
    assert decode_text(before.encode() + after.encode("cp1252")) == (before + after, "utf-8")
    assert decode_text("Números y años y año".encode()[:-2])[0].startswith("Números y años y a")


def test_bytes_without_a_character_become_spaces() -> None:
    assert decode_text(b"uno\x81dos a\xf1o, ni\xf1o y ma\xf1ana")[0] == "uno dos año, niño y mañana"


@pytest.mark.parametrize(
    "content",
    [
        random.Random(7).randbytes(4000),
        "Привет, как дела?".encode("koi8-r"),
        "今日は良い天気です".encode("euc_jp"),
        b"\xff" * 1000,
        b"\xff\xfe" + random.Random(8).randbytes(4000),
    ],
    ids=["random", "Russian", "Japanese", "one byte", "marked"],
)
def test_what_is_no_text_or_cannot_be_told_is_refused(content: bytes) -> None:
    with pytest.raises(TextUndecodable, match=r"encoding cannot be told: .*; save it as UTF-8"):
        decode_text(content)
