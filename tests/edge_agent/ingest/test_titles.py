"""Titles that a document states: its own, or a program's."""

import pytest

from edge_agent.ingest.parsing.titles import own_title

DEFAULTS = """
Word Document|Documento1|Document 3|Microsoft Word - Documento1.docx|Microsoft Word - Tarifas de envío
untitled|(anonymous)
Untitled document|Sin título|Sin título 1|PowerPoint Presentation|Presentación de PowerPoint|Presentación1|Libro1|Sheet2
Documento sin título|tarifas_2024.docx|C:\\Users\\ana\\carta|/tmp/x.pdf|Título|title|1234|---
Slide 1|Diapositive 1|Diapositiva 1
New Microsoft Word Document|Nuevo documento|Click to edit Master title style|Haga clic para agregar título|normal.dotm
""".replace("\n", "|")
REAL = """
Garantía de portátiles|Documento de política de gastos|Word for beginners|Manual de Word|Node.js en la oficina
Libro de visitas
Presentación de resultados|Qué hacer con un .docx dañado|Documento de apertura: Office y correo|Slides and drawings|A1
¿Qué es?
New documents of the archive|Title deeds
""".replace("\n", "|")


@pytest.mark.parametrize("title", [title for title in DEFAULTS.split("|") if title])
def test_what_a_program_wrote_is_no_title(title: str) -> None:
    assert own_title(title) is None


@pytest.mark.parametrize("title", [title for title in REAL.split("|") if title])
def test_a_real_title_is_kept(title: str) -> None:
    assert own_title(f" {title}\n") == title


def test_no_title_is_none() -> None:
    assert own_title(None) is None
    assert own_title("  ") is None
