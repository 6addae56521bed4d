"""Plain text: wrapped prose is joined, lists stay lines, and what looks like a heading, item or table is one."""

import textwrap

import pytest

from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits

PROSE = (
    "El primer día se recoge la tarjeta en la recepción de la planta baja y se entrega el contrato firmado. "
    "Madrid y Vigo tienen su propio mostrador; Lugo no lo tiene. La tarjeta abre las puertas de 7:00 a 20:00 "
    "de lunes a viernes, y los sábados hasta las 14:00 con permiso del responsable."
)


def read(text: str) -> Extract:
    return extract(text.encode(), DocumentFormat.TEXT, ParsingLimits())


def kinds(text: str) -> list[tuple[str, str]]:
    made = read(text)
    return [(block.kind.value, made.text[block.start : block.end]) for block in made.blocks]


@pytest.mark.parametrize("width", [40, 60, 72, 100])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_wrapped_prose_is_one_paragraph(width: int, line_end: str) -> None:
    wrapped = textwrap.fill(PROSE, width)
    text = f"{wrapped}\n\n{wrapped}\n".replace("\n", line_end)
    assert kinds(text) == [("paragraph", PROSE), ("paragraph", PROSE)]


def test_words_divided_at_the_end_of_a_line_are_whole_again() -> None:
    text = "La documentación se entrega en la recepción y la adminis-\ntración la revisa."
    assert kinds(text) == [("paragraph", text.replace("-\n", ""))]


@pytest.mark.parametrize(
    "lines",
    [
        ["Madrid: 5501", "Sevilla: 5502", "Vigo: 5504"],
        ["Lentejas con verduras", "Merluza a la plancha", "Flan"],
        ["Ana López García", "Luis Martín Ruiz"],
        ["Lunes a jueves: de 8:00 a 17:30", "Viernes: de 8:00 a 14:00", "Sábados y domingos: cerrado"],
        ["Of lost badges Ines Rey takes care (desk 4)", "Of parking spaces Tom Hale takes care (desk 6)"],
        [
            "Badges are issued on the first floor by Ana.",
            "Keys hang at the desk.",
            "Vans are booked with Luis every day.",
        ],
    ],
)
def test_lists_of_short_lines_stay_lines(lines: list[str]) -> None:
    assert kinds("\n".join(lines)) == [("paragraph", "\n".join(lines))]


def test_a_sentence_of_two_wrapped_lines_is_one() -> None:
    for lines in (
        ["Las llaves de la furgoneta se guardan en la", "Oficina 2"],
        ["The forms that the courier brings on Monday have to be signed by Ms", "Hale before noon."],
    ):
        assert kinds("\n".join(lines)) == [("paragraph", " ".join(lines))]


@pytest.mark.parametrize("mark", ["", "-> ", "   => ", "– ", "→ ", "A: "])
@pytest.mark.parametrize("number", ["", "1) ", "2. ", "Q: "])
def test_questions_with_their_answers_below_them_are_told_apart(number: str, mark: str) -> None:
    asked = ["Where is the spare key of the van?", "Who has the badge?", "Are visits allowed?"]
    answers = ["In the grey box behind the desk of the front office.", "Ms Hale, each Monday.", "Yes, with form 7."]
    text = "\n".join(f"{number}{question}\n{mark}{answer}" for question, answer in zip(asked, answers, strict=True))
    heading = "" if number == "Q: " else number
    assert kinds(text) == [
        block
        for question, answer in zip(asked, answers, strict=True)
        for block in (("heading", heading + question), ("paragraph" if mark != "– " else "list item", answer))
    ]


def test_questions_answered_on_their_line_after_a_dash() -> None:
    text = "Who has the key? – Ms Hale, with a second\nholder.\nWhen is the van due? - At 10:30.\n"
    assert kinds(text) == [
        ("heading", "Who has the key?"),
        ("paragraph", "Ms Hale, with a second holder."),
        ("heading", "When is the van due?"),
        ("paragraph", "At 10:30."),
    ]


def test_a_list_that_answers_a_question_keeps_its_dashes_and_a_listed_question_has_none() -> None:
    assert kinds("- What do I bring?\n  – a photo\n  – the form\n") == [
        ("heading", "What do I bring?"),
        ("list item", "– a photo"),
        ("list item", "– the form"),
    ]


def test_a_short_line_above_text_is_its_heading_where_groups_repeat_it() -> None:
    codes = "AV-3\nBatería baja.\n\nAV-30\nRueda pinchada. Llamar al taller.\n"
    assert kinds(codes)[::2] == [("heading", "AV-3"), ("heading", "AV-30")]
    hours = "Poole:\nMon 9:00-17:30\nSat 9:30-13:00\n\nBath:\nMon 9:15-16:45\n"
    assert kinds(hours)[::2] == [("heading", "Poole"), ("heading", "Bath")]
    for listed in ("Sopa\nPan\nFlan\n\nPasta\nPollo\nFruta", "Ana López\nLuis Rey\n\nEva Gil\nTomás Mora"):
        assert {kind for kind, _ in kinds(listed)} == {"paragraph"}


@pytest.mark.parametrize(
    "below",
    [
        "Effective: 1 March 2026\nOwner: Payroll",
        "Ms Hale looks after badges (ext. 22)\nMr Rey looks after keys (ext. 23)",
    ],
)
def test_a_line_above_the_first_lines_of_a_text_is_its_title(below: str) -> None:
    made = read(f"Desk duties\n{below}\n\n{PROSE}")
    assert made.title == "Desk duties"
    assert kinds(f"Desk duties\n{below}\n\n{PROSE}")[:2] == [("heading", "Desk duties"), ("paragraph", below)]


def test_dots_that_lead_to_a_value_become_a_colon() -> None:
    assert kinds("Madrid ........ 5501\nVigo .......... 5504\n") == [("paragraph", "Madrid: 5501\nVigo: 5504")]
    people = "Inés Gil Mora ............... 204\nTomás Rey Paz ............... 611 377\n"
    assert kinds(people) == [("paragraph", "Inés Gil Mora: 204\nTomás Rey Paz: 611 377")]


@pytest.mark.parametrize(
    "text",
    [
        f"TELÉFONOS DE GUARDIA\n{PROSE}",
        f"TELÉFONOS DE GUARDIA\n\n{PROSE}",
        f"TELÉFONOS DE GUARDIA\n====================\n{PROSE}",
        f"TELÉFONOS DE GUARDIA\n--------------------\n\n{PROSE}",
        f"====================\nTELÉFONOS DE GUARDIA\n====================\n{PROSE}",
        f"# TELÉFONOS DE GUARDIA\n\n{PROSE}",
    ],
)
def test_headings_are_in_capitals_underlined_or_alone(text: str) -> None:
    made = read(text)
    assert kinds(text) == [("heading", "TELÉFONOS DE GUARDIA"), ("paragraph", PROSE)]
    assert made.title == "TELÉFONOS DE GUARDIA"
    assert kinds(f"{PROSE}\n\n{text}")[1:] == kinds(text)
    assert read(f"{PROSE}\n\n{text}").title is None


def test_a_short_line_above_prose_is_a_heading_and_a_sentence_or_label_is_not() -> None:
    assert kinds(f"Manual de acogida\n\n{PROSE}\n\n1.2. Vacaciones\n\n{PROSE}")[::2] == [
        ("heading", "Manual de acogida"),
        ("heading", "1.2. Vacaciones"),
    ]
    for line in ("Hola a todos.", "Madrid: 5501", "hasta mañana", "ana@x.example"):
        assert kinds(f"{PROSE}\n\n{line}\n\n{PROSE}")[1] == ("paragraph", line)


def test_a_text_all_in_capitals_has_no_headings() -> None:
    text = "CERRADO POR VACACIONES\nDEL 1 AL 15 DE AGOSTO\nGRACIAS"
    assert [kind for kind, _ in kinds(text)] == ["paragraph"]


def test_bullets_numbers_and_steps_are_items_with_what_goes_on_below_them() -> None:
    text = """Pasos:
1. Abra la aplicación.
2. Pulse «Nueva» y elija
   las fechas de su viaje.
  - con antelación
3) Envíe.
Paso 4: Espere.
• Fin
"""
    assert kinds(text) == [
        ("paragraph", "Pasos:"),
        ("list item", "1. Abra la aplicación."),
        ("list item", "2. Pulse «Nueva» y elija las fechas de su viaje."),
        ("list item", "- con antelación"),
        ("list item", "3) Envíe."),
        ("list item", "Paso 4: Espere."),
        ("list item", "• Fin"),
    ]


def test_questions_and_answers_by_their_letters() -> None:
    text = "P: ¿Quién aprueba las horas extra?\nR: El jefe de turno, salvo en agosto, cuando lo hace\nel director.\n"
    assert kinds(text + "P: ¿Cuándo?\nR: El día 10.") == [
        ("heading", "¿Quién aprueba las horas extra?"),
        ("paragraph", "El jefe de turno, salvo en agosto, cuando lo hace el director."),
        ("heading", "¿Cuándo?"),
        ("paragraph", "El día 10."),
    ]


ROWS = [("table row", "Sede: Madrid | Ext.: 5501"), ("table row", "Sede: Vigo | Ext.: 5504")]


@pytest.mark.parametrize(
    "text",
    [
        "Sede\tExt.\nMadrid\t5501\nVigo\t5504",
        "Sede\t\tExt.\nMadrid\t5501\nVigo\t\t\t5504",
        "Sede      Ext.\nMadrid    5501\nVigo      5504",
        "Sede      Ext.\n--------  ----\nMadrid    5501\nVigo      5504",
        "| Sede | Ext. |\n|------|------|\n| Madrid | 5501 |\n| Vigo | 5504 |",
        "+------+----+\n|Sede  |Ext.|\n+------+----+\n|Madrid|5501|\n|Vigo  |5504|\n+------+----+",
        "┌──────┬────┐\n│Sede  │Ext.│\n├──────┼────┤\n│Madrid│5501│\n│Vigo  │5504│\n└──────┴────┘",
        "Sede | Ext.\nMadrid | 5501\nVigo | 5504",
    ],
    ids=["tabs", "more tabs", "spaces", "ruled", "bars", "plus", "boxes", "inner bars"],
)
def test_drawn_tables_are_rows(text: str) -> None:
    assert kinds(text) == ROWS
    assert kinds(f"TELÉFONOS\n{text}") == [("heading", "TELÉFONOS"), *ROWS]


def test_a_row_drawn_over_several_lines_is_one() -> None:
    rule = "+--------+-------+"
    text = "\n".join(
        [rule, "| Sede   | Ext.  |", rule, "| Madrid | 5501  |", "| centro |       |", rule, "| Vigo   | 5504  |", rule]
    )
    assert kinds(text)[0] == ("table row", "Sede: Madrid centro | Ext.: 5501")


def test_a_line_without_a_first_cell_goes_on_with_the_row_above_where_no_rules_stand_between() -> None:
    rule = "+------+------+-----------+"
    head = ["| Cajero | Carga | Llave |"]
    body = [
        "| Plaza | 60 | armario 2 |",
        "| Puerto | 45 | custodia |",
        "|        |    | externa |",
        "| Mar | 30 | cofre |",
    ]
    rows = [
        ("table row", "Cajero: Plaza | Carga: 60 | Llave: armario 2"),
        ("table row", "Cajero: Puerto | Carga: 45 | Llave: custodia externa"),
        ("table row", "Cajero: Mar | Carga: 30 | Llave: cofre"),
    ]
    assert kinds("\n".join([rule, *head, rule, *body, rule])) == rows
    total = ("table row", "Cajero: Suma | Carga: 135")
    assert kinds("\n".join([rule, *head, rule, *body, rule, "| Suma | 135 | |", rule])) == [*rows, total]
    aligned = ["Cajero  Carga  Llave", "Plaza   60     armario 2", "Puerto  45     custodia", f"{' ' * 15}externa"]
    assert kinds("\n".join([*aligned, "Mar     30     cofre"])) == rows


def test_rows_that_leave_out_the_name_of_their_group_stay_rows() -> None:
    text = "| Zona | Sede | Ext. |\n|---|---|---|\n| Norte | Vigo | 5501 |\n| | Lugo | 5504 |\n| Sur | Cádiz | 5507 |"
    assert [row for _, row in kinds(text)] == [
        "Zona: Norte | Sede: Vigo | Ext.: 5501",
        "Sede: Lugo | Ext.: 5504",
        "Zona: Sur | Sede: Cádiz | Ext.: 5507",
    ]


def test_prose_with_double_spaces_is_no_table() -> None:
    assert kinds(textwrap.fill(PROSE, 60).replace(". ", ".  ")) == [("paragraph", PROSE)]


def test_quoted_mail_reads_as_its_text() -> None:
    assert kinds("> El pedido sale el martes\n> y llega el jueves.\n\nGracias.") == [
        ("paragraph", "El pedido sale el martes y llega el jueves."),
        ("paragraph", "Gracias."),
    ]


def test_form_feeds_are_pages_without_their_running_heads_and_numbers() -> None:
    pages = [f"Manual interno\n\nTexto de la hoja {word}.\n\nPágina {n} de 4" for n, word in enumerate("abcd", start=1)]
    made = read("\f".join(pages))
    assert [(made.text[b.start : b.end], b.page) for b in made.blocks] == [
        (f"Texto de la hoja {word}.", n) for n, word in enumerate("abcd", start=1)
    ]


def test_rules_between_paragraphs_are_left_out() -> None:
    assert kinds("Uno.\n-----------\nDos.\n\n* * *\n\nTres.") == [("paragraph", t) for t in ("Uno.", "Dos.", "Tres.")]


@pytest.mark.parametrize(
    "text", ["a. " * 100_000, "- a " * 100_000, "| " * 100_000, "\n> " * 20_000 + "a", "=\n" * 20_000 + "a"]
)
def test_odd_texts_take_linear_time(text: str) -> None:
    assert read(text).text
