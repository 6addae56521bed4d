"""Labels: short lines in bold, or codes alone, are headings of what stands below them, whatever the format."""

import pytest

from edge_agent.ingest.parsing.blocks import QUESTION_LEVEL, BlockKind, Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.labels import is_code, is_label, opening_code
from edge_agent.settings import ParsingLimits
from tests.edge_agent.ingest.office import make_word, p, r, tbl, tc


def read(content: str | bytes, document_format: DocumentFormat = DocumentFormat.MARKDOWN) -> Extract:
    given = content.encode() if isinstance(content, str) else content
    return extract(given, document_format, ParsingLimits())


def levels(made: Extract) -> list[tuple[int, str]]:
    """The blocks: a heading's level, 0 for others, and the text."""
    return [
        (block.level if block.kind is BlockKind.HEADING else 0, made.text[block.start : block.end])
        for block in made.blocks
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Toledo", True),
        ("E-77", True),
        ("Horario de tarde:", True),
        ("Se avisa antes.", False),
        ("¿Quién avisa?", False),
        ("Cierre: 15:00", False),
        ("caja@example.org", False),
        ("955 010 020 33", False),
        ("x" * 81, False),
        ("una\ndos", False),
        ("***", False),
    ],
)
def test_labels_are_short_and_say_nothing_by_themselves(text: str, expected: bool) -> None:
    assert is_label(text) is expected


def test_codes_alone_and_codes_that_open_a_paragraph_are_told() -> None:
    assert is_code("E-77:")
    assert not is_code("Toledo")
    assert not is_code("E-77 E-78")
    assert opening_code("E-78: sin papel") == "e-78"
    assert opening_code("Sin papel: E-78") == ""


@pytest.mark.parametrize(
    ("content", "document_format"),
    [
        ("# Sedes\n\n**Toledo**\n\nAbre Marta.\n\n**Cuenca**\n\nAbre Blas.\n", DocumentFormat.MARKDOWN),
        ("# Sedes\n\n**Toledo**  \nAbre Marta.\n\n**Cuenca**  \nAbre Blas.\n", DocumentFormat.MARKDOWN),
        (
            "<h1>Sedes</h1><p><strong>Toledo</strong></p><p>Abre Marta.</p><p><b>Cuenca</b><br>Abre Blas.</p>",
            DocumentFormat.HTML,
        ),
        (
            make_word(
                "".join(
                    (
                        p(r("Sedes", "<w:b/><w:sz w:val='36'/>")),
                        p(r("Toledo", "<w:b/>")),
                        p(r("Abre Marta.")),
                        p(r("Cuenca", "<w:b/>") + "<w:r><w:br/></w:r>" + r("Abre Blas.")),
                    )
                )
            ),
            DocumentFormat.DOCX,
        ),
    ],
)
def test_lines_in_bold_are_headings_of_what_follows(content: str | bytes, document_format: DocumentFormat) -> None:
    made = read(content, document_format)
    assert made.title == "Sedes"
    assert levels(made) == [
        (1, "Sedes"),
        (QUESTION_LEVEL, "Toledo"),
        (0, "Abre Marta."),
        (QUESTION_LEVEL, "Cuenca"),
        (0, "Abre Blas."),
    ]


def test_bold_text_that_names_nothing_stays_text() -> None:
    made = read(
        "# Uno\n\n**Nada debajo**\n\n## Dos\n\nVa en **negrita** aquí.\n\n**Se cierra a las tres.**\n\n**Fin**\n"
    )
    assert levels(made) == [
        (1, "Uno"),
        (0, "Nada debajo"),
        (2, "Dos"),
        (0, "Va en negrita aquí."),
        (0, "Se cierra a las tres."),
        (0, "Fin"),
    ]


def test_two_labels_in_a_row_stand_one_below_the_other() -> None:
    made = read("# Guía\n\nIntro.\n\n**Norte**\n\n**Toledo**\n\nAbre Marta.\n\n**Cuenca**\n\nAbre Blas.\n")
    assert levels(made)[2:4] == [(QUESTION_LEVEL - 1, "Norte"), (QUESTION_LEVEL, "Toledo")]


def test_codes_alone_are_labels_where_several_are() -> None:
    builder = TextBuilder()
    for text in ("E-77", "Sin papel en la bandeja.", "E-78", "Tapa abierta.", "E-79: cambiar el tambor."):
        builder.paragraph(text)
    made = builder.build()
    assert [level for level, _ in levels(made)] == [QUESTION_LEVEL, 0, QUESTION_LEVEL, 0, 0]
    assert made.blocks[-1].closes == QUESTION_LEVEL  # another code than the label's
    builder = TextBuilder()
    builder.paragraph("E-77")
    builder.paragraph("Sin papel en la bandeja.")
    assert [level for level, _ in levels(builder.build())] == [0, 0]


def test_an_answer_mark_below_a_label_is_text() -> None:
    made = read("# Piezas\n\n**F-3**\n\nA-12 se pide aparte.\n\n**F-4**\n\nNada.\n")
    assert "A-12 se pide aparte." in made.text


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (p(r("Bajas", "<w:b/>")) + p(r("B-1", "<w:b/>")) + p(r("Tres días.")), "Bajas"),
        (p(r("Bajas", "<w:b/>")) + p(r("Tres días.")), "Bajas"),
        (p(r("Bajas", "<w:sz w:val='40'/>")) + p(r("Tres días.")) + p(r("Nota", "<w:b/>")) + p(r("Fin.")), "Bajas"),
        (p(r("Toledo", "<w:b/>")) + p(r("Uno.")) + p(r("Cuenca", "<w:b/>")) + p(r("Dos.")), None),
        (p(r("Hay tres días de baja al año.")) + p(r("Nota", "<w:b/>")) + p(r("Fin.")), None),
    ],
)
def test_a_label_that_leads_is_the_title_where_nothing_is_a_heading(body: str, title: str | None) -> None:
    made = read(make_word(body), DocumentFormat.DOCX)
    assert made.title == title
    assert (made.blocks[0].level == 1) == (title is not None)


def test_what_a_code_names_ends_at_a_table_below_its_text() -> None:
    rows = tbl([tc("Centro"), tc("Turno")], [tc("Parla"), tc("Noche")], [tc("Getafe"), tc("Tarde")])
    body = p(r("B-1", "<w:b/>")) + p(r("Tres días.")) + p(r("B-2", "<w:b/>")) + p(r("Uno.")) + rows
    made = read(make_word(p(r("Bajas", "<w:b/>")) + body), DocumentFormat.DOCX)
    first = next(block for block in made.blocks if block.kind is BlockKind.TABLE_ROW)
    assert first.closes == QUESTION_LEVEL


def test_rows_of_a_table_in_a_cell_stay_apart_from_its_text() -> None:
    inner = tbl([tc("Vía"), tc("Hora")], [tc("Fax"), tc("9")], [tc("Web"), tc("10")])
    rows = tbl([tc("Plan"), tc("Aviso")], [tc("Duna"), tc("un día")], ["<w:tc>" + p(r("Marea")) + "</w:tc>",
                "<w:tc>" + p(r("dos días")) + inner + p("") + "</w:tc>"])  # fmt: skip
    assert "dos días; Vía: Fax, Hora: 9; Vía: Web, Hora: 10" in read(make_word(rows), DocumentFormat.DOCX).text
