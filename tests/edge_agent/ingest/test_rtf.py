"""Rich text: all that its pages show arrives, in order, whatever program and code page wrote it."""
# ruff: noqa: E501

import pytest

from edge_agent.errors import FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from tests.edge_agent.ingest.office import shown

HEAD = (
    rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}"
    rb"{\f2\fcharset2 Wingdings;}"
    rb"{\f3\fcharset128 MS Mincho;}}{\colortbl;\red255\green255\blue255;\red0\green0\blue0;}{\stylesheet{Normal;}"
    rb"{\s1\outlinelevel0 T\'edtulo 1;}{\s2 heading 2;}{\s3 Title;}{\s4 toc 1;}{\*\cs10 Hyperlink;}}"
)


def read(body: bytes, head: bytes = HEAD) -> Extract:
    return extract(head + body + b"}", DocumentFormat.RTF, ParsingLimits())


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"caf\'e9 \u8364? \u-3872? {\uc2 \u241\'f1\'f1}o {\uc0 \u9731}x", "café € → ño ☃x"),
        (rb"\f1 \'cf\'f0\'e8\'e2\'e5\'f2\plain  \'e1", "Привет á"),
        (rb"\f3 \'93\'fa\'96{\f0 x}", "日 x"),
        (rb"\f3 \'83A\f0 \f2 \'fc\f0  hecho", "ア✓ hecho"),
        (rb"\u55357?\u56832? \ldblquote a\rdblquote\~b\_c\-d\emdash\{\}\\", "😀 “a” b-cd—{}\\"),
        ("sin escapar: ñ".encode("cp1252"), "sin escapar: ñ"),
        (rb"a\line b\tab c\'0", "a\nb c0"),
    ],
)
def test_characters_of_every_kind(body: bytes, text: str) -> None:
    assert read(body).text == text


def test_headings_titles_contents_and_paragraphs() -> None:
    made = read(
        rb"\pard\s3 Gu\'eda\par\pard\s4 Uno 3\par\pard\s1 Uno\par\pard\s2 Dos\par\pard\outlinelevel2 Tres\par"
        rb"\pard Texto en" + b"\r\n" + rb" dos l\'edneas.\par\pard Fin"
    )
    assert shown(made) == ["# Guía", "# Uno", "## Dos", "### Tres", "Texto en dos líneas.", "Fin"]


def test_lists_show_their_labels() -> None:
    made = read(
        rb"\pard{\listtext\pard\plain 1.\tab}\ls1 Uno\par{\listtext a)\tab}\ls1\ilvl1 Dos\par"
        rb"\pard{\pntext\f2\'a7\tab}{\*\pn\pnlvlblt{\pntxtb\'a7}}Vi\'f1eta\par\pard Texto.\par"
    )
    assert shown(made) == ["1. Uno", "a) Dos", "- Viñeta", "Texto."]
    assert [block.level for block in made.blocks] == [1, 2, 1, 0]


def test_tables_keep_rows_columns_and_merged_cells() -> None:
    def row(*cells: bytes, layout: bytes = rb"\cellx100\cellx200\cellx300") -> bytes:
        return rb"\trowd" + layout + rb"\pard\intbl " + b"".join(cell + rb"\cell " for cell in cells) + rb"\row"

    made = read(
        row(b"Zona", b"Servicio", b"Precio", layout=rb"\trhdr\cellx100\cellx200\cellx300")
        + row(b"Norte", b"Normal", b"4", layout=rb"\clvmgf\cellx100\cellx200\cellx301")
        + row(b"", b"Urgente", b"9", layout=rb"\clvmrg\cellx100\cellx205\cellx300")
        + row(b"Sur", b"no hay", layout=rb"\cellx100\cellx300")
        + rb"\pard Luego.\par"
    )
    assert shown(made) == [
        "Zona: Norte | Servicio: Normal | Precio: 4",
        "Zona: Norte | Servicio: Urgente | Precio: 9",
        "Zona: Sur | Servicio: no hay | Precio: no hay",
        "Luego.",
    ]


def test_nested_tables_stay_in_their_cell() -> None:
    inner = b"".join(
        rb"\pard\intbl\itap2 " + a + rb"\nestcell " + b + rb"\nestcell{\*\nesttableprops\trowd\cellx50\cellx90\nestrow}"
        rb"{\nonesttables\par}"
        for a, b in ((b"Modelo", b"Precio"), (b"A1", b"900"))
    )
    made = read(
        rb"\trowd\cellx100\cellx200\pard\intbl L\'ednea\cell Modelos\cell\row\pard\intbl Port\'e1tiles\cell "
        + inner + rb"\pard\intbl\itap1\cell\row\pard Fin.\par"
    )  # fmt: skip
    assert shown(made) == ["Línea: Portátiles | Modelos: Modelo: A1, Precio: 900", "Fin."]


def test_notes_boxes_heads_and_fields() -> None:
    made = read(
        rb"{\header\pard Marea S.A.\par}{\footer\pard P\'e1gina {\field{\*\fldinst PAGE}{\fldrslt 3}}\par}{\headerr Marea S.A.}"
        rb"\pard Se paga{\super\chftn}{\footnote\pard\chftn Salvo enero.} a fin de mes.\par"
        rb"\pard Vea {\field{\*\fldinst HYPERLINK http://a.example}{\fldrslt la web}}.{\shp{\*\shpinst{\sp{\sn a}{\sv b}}"
        rb"{\shptxt\pard En la caja.\par}}{\shprslt{\*\do{\dptxbxtext\pard En la caja.\par}}}}\par"
    )  # fmt: skip
    assert shown(made) == ["Marea S.A.", "Se paga a fin de mes.", "Salvo enero.", "Vea la web.", "En la caja."]


def test_what_does_not_show_is_left_out_and_counted() -> None:
    made = read(
        rb"Se ve{\v oculto}{\cf1 blanco}{\fs2 enano}{\cf1\highlight2  en negro}{\deleted borrado}{\revised  nuevo}"
        rb"{\*\annotation nota}{\pict\pngblip 89504e47}{\*\desconocido nada}{\xe entrada}{\object{\*\objdata 0102}}"
        rb"{\pict\bin5 }}{\\}\par"
    )
    assert made.text == "Se ve en negro nuevo"
    assert made.invisible_chars == len("ocultoblancoenanonota")


def test_the_title_and_date_are_the_documents_own() -> None:
    info = rb"{\info{\title %s}{\creatim\yr2024\mo1\dy2}{\revtim\yr2025\mo3\dy4}{\author Ana}}"
    made = read(info % b"Tarifas" + rb"\pard\s1 Uno\par Texto.")
    assert (made.title, made.date) == ("Tarifas", "2025-03-04")
    assert read(info % b"Documento1" + rb"\pard\s1 Uno\par\pard Texto.").title == "Uno"


def test_damaged_documents_are_read_as_far_as_they_go() -> None:
    for body in (
        rb"Hola}}}} \par",
        rb"{{{Hola",
        rb"Hola\trowd\cellx1 \intbl a\cell",
        rb"Hola\'e",
        rb"Hola\bin-5 a\u \uc-1",
    ):
        assert "Hola" in read(body).text


def test_groups_nested_too_deeply_and_other_files_are_refused() -> None:
    with pytest.raises(InputInvalid, match="deeper than 1000"):
        read(b"{" * 2_000)
    with pytest.raises(FormatUnsupported, match="expected rich text"):
        extract(b"Hola", DocumentFormat.RTF, ParsingLimits())


def test_questions_and_answers_are_known() -> None:
    made = read(rb"{\b \u191?Cu\'e1nto tarda?}\par Diez d\'edas.\par")
    assert [block.kind for block in made.blocks] == [BlockKind.HEADING, BlockKind.PARAGRAPH]
