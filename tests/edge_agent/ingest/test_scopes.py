"""Scopes: what a heading holds for ends with the panel, section or question that it stands in."""

import pytest

from edge_agent.ingest.parsing.blocks import QUESTION_LEVEL, BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits


def read(page: str, document_format: DocumentFormat = DocumentFormat.HTML) -> Extract:
    return extract(page.encode(), document_format, ParsingLimits())


def blocks(made: Extract) -> list[tuple[int, str]]:
    """The blocks: a heading's level, 0 for others, and the text."""
    return [
        (block.level if block.kind is BlockKind.HEADING else 0, made.text[block.start : block.end])
        for block in made.blocks
    ]


@pytest.mark.parametrize("document_format", [DocumentFormat.HTML, DocumentFormat.MARKDOWN])
def test_a_summary_ends_with_its_panel(document_format: DocumentFormat) -> None:
    page = "<h1>Caja</h1><details><summary>Plazo</summary><p>Seis días.</p></details><p>Cierra Inés.</p>"
    made = read(page, document_format)
    last = made.blocks[-1]
    assert made.text[last.start :] == "Cierra Inés."
    assert last.closes == QUESTION_LEVEL


def test_questions_that_are_headings_lose_their_labels_and_end_with_their_section() -> None:
    page = """<h1>Viajes</h1><section><h3>P: ¿Quién reserva?</h3><p>R: La agencia.</p></section>
      <section><h3>Q: Dietas</h3><p>A: Treinta euros.</p></section>
      <section><h3>¿Hay límite?</h3><p>No.</p></section><p><b>¿Puedo ampliarlo?</b><br>Sí.</p>"""
    made = read(page)
    assert blocks(made)[1:] == [
        (3, "¿Quién reserva?"),
        (0, "La agencia."),
        (3, "Dietas"),
        (0, "Treinta euros."),
        (3, "¿Hay límite?"),
        (0, "No."),
        (3, "¿Puedo ampliarlo?"),
        (0, "Sí."),
    ]
    assert next(b for b in made.blocks if made.text[b.start : b.end] == "¿Puedo ampliarlo?").closes == 3


def test_a_question_below_an_answered_one_that_is_a_heading_is_its_neighbour() -> None:
    made = read("# Ayuda\n\n### ¿Dónde?\n\nEn caja.\n\n**¿Cuándo?**\n\nHoy.\n", DocumentFormat.MARKDOWN)
    assert blocks(made)[1:] == [(3, "¿Dónde?"), (0, "En caja."), (3, "¿Cuándo?"), (0, "Hoy.")]


def test_a_question_right_below_another_stays_below_it() -> None:
    made = read("# Ayuda\n\n## ¿Y si falla?\n\n**¿Sin luz?**\n\nEspere.\n", DocumentFormat.MARKDOWN)
    assert blocks(made)[1:] == [(2, "¿Y si falla?"), (QUESTION_LEVEL, "¿Sin luz?"), (0, "Espere.")]


def test_tabs_without_addresses_name_the_panels_in_their_order() -> None:
    page = """<h1>Bajas</h1><div role=tablist><button role=tab>Boda</button><button role=tab>Mudanza</button></div>
      <div role=tabpanel><p>Quince días.</p></div><div role=tabpanel hidden><p>Un día.</p></div><p>Firma Eva.</p>"""
    made = read(page)
    assert blocks(made)[1:] == [
        (QUESTION_LEVEL, "Boda"),
        (0, "Quince días."),
        (QUESTION_LEVEL, "Mudanza"),
        (0, "Un día."),
        (0, "Firma Eva."),
    ]
    assert made.blocks[-1].closes == QUESTION_LEVEL


def test_a_cell_of_links_beside_the_text_is_a_menu_and_large_type_the_title() -> None:
    page = """<table><tr><td><a href=1>Inicio</a><br><a href=2>Personal</a></td><td><font size=5>Llaves</font>
      <p>Cuelgan en el armario, junto a la caja.</p><table><tr><th>Llave</th></tr></table></td></tr></table>"""
    made = read(page)
    assert made.title == "Llaves"
    assert blocks(made)[:2] == [(1, "Llaves"), (0, "Cuelgan en el armario, junto a la caja.")]


def closes_of(made: Extract, begins: str) -> int:
    return next(block.closes for block in made.blocks if made.text[block.start :].startswith(begins))


def test_a_table_below_the_last_answer_is_no_part_of_it() -> None:
    page = "# Till\n\n**Q: Who has the key?**\nA: Ada.\n\nA lift.\n\n| Error | Fix |\n|---|---|\n| E-12 | call |\n"
    assert closes_of(read(page, DocumentFormat.MARKDOWN), "Error: E-12") == QUESTION_LEVEL


@pytest.mark.parametrize(
    ("leads", "after"),
    [("These are the fees:", ""), ("See the table below.", ""), ("Ada.", "\n**Who has the car?**\n\nIvo.\n")],
)
def test_a_table_that_an_answer_leads_to_or_another_question_follows_stays_below_it(leads: str, after: str) -> None:
    page = f"# Till\n\n**Who has the key?**\n\n{leads}\n\n| Error | Fix |\n|---|---|\n| E-12 | call |\n{after}"
    assert closes_of(read(page, DocumentFormat.MARKDOWN), "Error: E-12") == 0


def test_a_section_of_a_table_ends_with_the_table() -> None:
    page = """<h1>School</h1><table><tr><th>Subject</th><th>Day</th></tr><tr><th colspan=2>Wind</th></tr>
      <tr><td>Horn</td><td>Monday</td></tr></table><p>Ana directs it.</p>"""
    assert closes_of(read(page), "Ana directs it.") == QUESTION_LEVEL
