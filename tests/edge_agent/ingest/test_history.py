"""History of mails: what they quote and who signs them neither asks nor answers, and none of it is lost."""

import numpy as np
import pytest

from edge_agent.ingest.chunking import chunk
from edge_agent.ingest.parsing.blocks import BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.history import divide_body, is_forward, opens_history, opens_signature
from edge_agent.settings import ParsingLimits

OWN = "Cuelgan detrás de la caja.\n\nEva\n"
OPENINGS = [
    "-----Original Message-----\nFrom: Leo Gil\nSent: Monday, 9 November 2026 17:02\nTo: Eva\nSubject: Llaves\n",
    "-----Mensaje original-----\nDe: Leo Gil\nEnviado el: lunes, 9 de noviembre\nPara: Eva\nAsunto: Llaves\n",
    "From: Leo Gil <leo@example.org>\nSent: Monday, 9 November 2026 17:02\nTo: Eva\n",
    "El lun, 9 nov 2026 a las 10:00, Leo Gil escribió:\n",
    "On Mon, 9 Nov 2026 at 10:00, Leo Gil <leo@example.org>\nwrote:\n",
]


def read(body: str, *, subject: str = "Re: Llaves", kind: str = "plain") -> Extract:
    head = f"From: Eva <eva@example.org>\nSubject: {subject}\nContent-Type: text/{kind}; charset=utf-8\n\n"
    return extract((head + body).encode(), DocumentFormat.EML, ParsingLimits())


def headings(made: Extract) -> list[str]:
    return [made.text[block.start : block.end] for block in made.blocks if block.kind is BlockKind.HEADING]


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("mark", ["", "> "])
def test_a_question_of_an_earlier_mail_is_text(opening: str, mark: str) -> None:
    made = read(f"{OWN}\n{opening}\n{mark}¿Dónde están las llaves?\n{mark}\n{mark}Leo\n")
    assert "¿Dónde están las llaves?" not in headings(made)
    for words in ("Cuelgan detrás de la caja.", "¿Dónde están las llaves?", "Leo"):
        assert words in made.text


def test_history_of_a_page_is_text() -> None:
    made = read(
        "<p>Detrás de la caja.</p><p>El lun, 9 nov 2026 a las 10:00, Leo Gil escribió:</p>"
        "<blockquote><p>¿Dónde están las llaves?</p><p>Leo</p></blockquote>",
        kind="html",
    )
    assert headings(made) == ["Re: Llaves", "El lun, 9 nov 2026 a las 10:00, Leo Gil escribió:"]
    assert made.text.endswith("¿Dónde están las llaves?\n\nLeo")


def test_a_quotation_at_the_end_is_text() -> None:
    made = read(f"{OWN}\n> ¿Dónde están las llaves?\n> Leo\n")
    assert headings(made) == ["Re: Llaves"]
    assert "¿Dónde están las llaves?" in made.text


def test_answers_below_what_they_quote_keep_their_questions() -> None:
    body = (
        "El lun, 9 nov 2026 a las 10:00, Leo escribió:\n> ¿Dónde están?\n\nEn la caja.\n\n> ¿Y la copia?\n\nEn casa.\n"
    )
    assert "¿Y la copia?" in headings(read("Hola:\n\n" + body))


def test_what_a_mail_forwards_is_what_it_says() -> None:
    assert is_forward("RV: Llaves")
    assert not is_forward("Re: Llaves")
    body = "Para vuestra información.\n\nFrom: Leo\nSent: Monday\nTo: Eva\n\n¿Dónde están las llaves?\n\nEn la caja.\n"
    assert "¿Dónde están las llaves?" in headings(read(body, subject="FW: Llaves"))


def test_a_signature_is_no_heading_and_no_answer() -> None:
    made = read("¿Quién tiene la llave del sótano?\n-- \nEva Sanz | Caja | 955 000 111\n")
    assert headings(made) == ["Re: Llaves"]
    assert "Eva Sanz | Caja | 955 000 111" in made.text


CLOSINGS = [
    "Best regards,\nJane Roe\nSupport\n+34 955 000 111",
    "Kind regards\n\nJane Roe",
    "Thank you very much!\nJane",
    "Un saludo,\nEva Sanz\n\nEste mensaje es confidencial: si no es para usted, bórrelo y avise a quien lo envía.",
    "Muchas gracias y un cordial saludo.\nEva\n-- \nMarea S.A.",
    "Gracias.\n\nAtentamente,\nMarea S.A.",
    "Un abrazo",
]


def passages(made: Extract) -> list[tuple[str, str]]:
    """The passages of a mail: heading and text."""
    found = chunk(made, np.arange(len(made.text)), max_tokens=1000)
    return [(passage.heading, made.text[passage.start : passage.end]) for passage in found]


@pytest.mark.parametrize("closing", CLOSINGS)
@pytest.mark.parametrize("history", ["", "\n\nOn Mon, 9 Nov 2026 at 10:00, Leo <leo@example.org> wrote:\n> ¿Y hoy?\n"])
def test_a_signature_below_its_closing_phrase_is_no_part_of_the_last_answer(closing: str, history: str) -> None:
    answered = ("¿Dónde están las llaves?", "Detrás de la caja.")
    made = read(f"Hola:\n\n{answered[0]}\n{answered[1]}\n\n{closing}{history}")
    assert answered in passages(made)
    signature = "\n".join(line for line in closing.split("\n") if line.strip("- "))
    assert ("", signature) in passages(made)


@pytest.mark.parametrize("closing", CLOSINGS)
@pytest.mark.parametrize("gap", ["<br>", "</p><p>", "</p><div>&nbsp;</div><p>"])
@pytest.mark.parametrize("history", ["", "<p>El lun, 9 nov, Leo Gil escribió:</p><blockquote>¿Y hoy?</blockquote>"])
def test_a_signature_of_a_page_is_no_part_of_the_last_answer(closing: str, gap: str, history: str) -> None:
    lines = [line for line in closing.split("\n") if line.strip("- ")]
    page = f"<p>Hola:</p><h3>¿Dónde están las llaves?</h3><p>Detrás de la caja.{gap}{gap.join(lines)}</p>{history}"
    made = read(page, kind="html")
    assert ("¿Dónde están las llaves?", "Detrás de la caja.") in passages(made)
    signed = next(text for heading, text in passages(made) if text.startswith(lines[0]) and not heading)
    assert signed.replace("\n\n", "\n") == "\n".join(lines)


@pytest.mark.parametrize("below", ["Un saludo,<br>Eva", "El lun, 9 nov, Leo Gil escribió:<br>Cierro a las seis."])
def test_a_question_at_the_end_of_a_page_is_not_answered_by_what_stands_below(below: str) -> None:
    made = read(f"<p>Hola.</p><p>¿Quién tiene las llaves?</p><p>{below}</p>", kind="html")
    assert "¿Quién tiene las llaves?" not in headings(made)
    assert any("¿Quién tiene las llaves?" in text for _, text in passages(made))


@pytest.mark.parametrize(
    "lines",
    [
        ["Saludos,", "la caja cierra a las seis."],  # nothing above it
        ["Hola.", "Muchas gracias por el aviso.", "Eva"],
        ["Hola.", "Gracias.", "¿Quién cierra?", "Inés."],
        ["Hola.", "Saludos", *"abcdefghijk"],
        ["Hola.", "Gracias.", "Las llaves están en la caja.", "Inés"],
        ["Hola.", "Muchas gracias.", "Hacen falta:", "la llave azul"],
        [],
    ],
)
def test_a_closing_phrase_anywhere_else_is_text(lines: list[str]) -> None:
    assert opens_signature(lines) is None


def test_a_body_is_divided_once() -> None:
    body = divide_body("Hola.\n-- \nEva\n\nEl lun, 9 nov, Leo escribió:\n> Uno\n> Dos", subject="Re: X")
    assert (body.own, body.signature) == ("Hola.", "Eva")
    assert body.history == "El lun, 9 nov, Leo escribió:\nUno\nDos"
    assert divide_body("> Uno\n> Dos", subject="").own == "> Uno\n> Dos"
    assert opens_history(["On the whole, it was fine."]) is None
