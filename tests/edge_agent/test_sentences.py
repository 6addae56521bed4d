"""Sentences in two languages, with exact offsets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.text import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("¿Cuánto cuesta? Cuesta 4.95 € al mes.", ["¿Cuánto cuesta?", "Cuesta 4.95 € al mes."]),
        ("El Sr. Pérez llamó a la Sra. Díaz. No contestó.", ["El Sr. Pérez llamó a la Sra. Díaz.", "No contestó."]),
        ("Use e.g. Debian 12. It works.", ["Use e.g. Debian 12.", "It works."]),
        ("Escriba a J. Ruiz. Gracias.", ["Escriba a J. Ruiz.", "Gracias."]),
        ("1. Open Faro.\n2. Press Restore.", ["1. Open Faro.", "2. Press Restore."]),
        ("Version 8.3. Released.", ["Version 8.3.", "Released."]),
        ("«Está caído.» Eso dijo.", ["«Está caído.»", "Eso dijo."]),
        ("." * 100_000 + " End.", ["." * 100_000, "End."]),
        ("Wait... what? ok", ["Wait... what?", "ok"]),
        ("no stop at the end", ["no stop at the end"]),
        ("ns1.malecon.example and ns2.malecon.example", ["ns1.malecon.example and ns2.malecon.example"]),
        ("   ", []),
        ("Call Rose (ext. 2207) or Mr. Dunne. Thanks.", ["Call Rose (ext. 2207) or Mr. Dunne.", "Thanks."]),
        (
            "Call (see room B. Ask Ana. Floor 2) first. Then go.",
            ["Call (see room B. Ask Ana. Floor 2) first.", "Then go."],
        ),
        ("It closes (why? Nobody knows) at noon. Yes.", ["It closes (why? Nobody knows) at noon.", "Yes."]),
        ("It (never closed. Then go.", ["It (never closed.", "Then go."]),
        ("Ask Ana. (Or Eva.) Then go.", ["Ask Ana.", "(Or Eva.)", "Then go."]),
        (
            "See para. 4 on p. 12. Forms go to Dept. 9 by Sept. 15.",
            ["See para. 4 on p. 12.", "Forms go to Dept. 9 by Sept. 15."],
        ),
        ("Según el párr. 3, vol. 2 y cap. 7. Fin.", ["Según el párr. 3, vol. 2 y cap. 7.", "Fin."]),
        ("Abre a las 9 h. Los lunes no.", ["Abre a las 9 h.", "Los lunes no."]),
        ("Caben 8 máx. Los demás esperan en la pza. Mayor.", ["Caben 8 máx.", "Los demás esperan en la pza. Mayor."]),
        ("Admite máx. 30 kg. Pese antes.", ["Admite máx. 30 kg.", "Pese antes."]),
        ("Close the shutter. 3 days later it opens.", ["Close the shutter.", "3 days later it opens."]),
        ("We met in Sept. The form is new.", ["We met in Sept.", "The form is new."]),
        ("(a. B " * 50_000, None),
        ("a. 1 " * 50_000, None),
    ],
)
def test_sentences_of_real_writing(text: str, expected: list[str] | None) -> None:
    assert expected in (None, sentences(text))  # None: it need only end


@given(st.text(alphabet=st.sampled_from("aB1. !?\n«ñ¿,"), max_size=80))
def test_spans_are_in_order_stripped_and_lose_nothing_but_space(text: str) -> None:
    spans = split_sentences(text)
    position = 0
    for start, end in spans:
        assert text[position:start].strip() == ""
        assert text[start:end] == text[start:end].strip() != ""
        position = end
    assert text[position:].strip() == ""


def test_a_part_of_a_text_keeps_the_offsets_of_the_whole() -> None:
    text = "Skip this. Take this. And this."
    assert split_sentences(text, 11) == [(11, 21), (22, 31)]
