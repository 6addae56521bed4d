"""OpenDocument texts and presentations: all that their pages show arrives, in order, and nothing else."""
# ruff: noqa: E501

import pytest

from edge_agent.errors import FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat, format_of
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from tests.edge_agent.ingest.office import pack, shown

NAMES = {
    **{name: name for name in ("office", "text", "table", "style", "presentation", "meta", "manifest", "chart")},
    **{"draw": "drawing", "fo": "xsl-fo-compatible", "svg": "svg-compatible"},
}
SPACES = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"' for name, space in NAMES.items())
SPACES += ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'


def level(number: int, more: str, kind: str = "number") -> str:
    return f'<text:list-level-style-{kind} text:level="{number}" {more}/>'


STYLES = (
    '<style:style style:name="Title" style:family="paragraph"/>'
    '<style:style style:name="P1" style:family="paragraph" style:parent-style-name="Title"/>'
    '<style:style style:name="Preformatted_20_Text" style:family="paragraph"/>'
    '<style:style style:name="H" style:family="text"><style:text-properties text:display="none"/></style:style>'
    '<style:style style:name="W" style:family="text"><style:text-properties fo:color="#FFFFFF"/></style:style>'
    '<style:style style:name="dp" style:family="drawing-page"><style:drawing-page-properties'
    ' presentation:visibility="hidden"/></style:style>'
    '<text:list-style style:name="N">'
    + level(1, 'style:num-format="1" style:num-suffix="."')
    + level(2, 'style:num-format="a" style:num-suffix=")" text:start-value="3"')
    + level(3, 'style:num-format="I" text:display-levels="3" style:num-suffix="."')
    + '</text:list-style><text:list-style style:name="B">'
    + level(1, 'text:bullet-char="•"', "bullet")
    + "</text:list-style>"
)
OUTLINE = '<text:outline-style style:name="Outline">' + "".join(
    f'<text:outline-level-style text:level="{n}" style:num-format="1" text:display-levels="{n}"/>' for n in (1, 2)
)


def flat(body: str, *, kind: str = "text", head: str = "", meta: str = "", outline: str = "") -> bytes:
    """A document as one XML file."""
    return (
        f"<office:document {SPACES}><office:meta>{meta}</office:meta><office:styles>{outline}</office:styles>"
        f"<office:automatic-styles>{STYLES}</office:automatic-styles><office:master-styles>{head}</office:master-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document>"
    ).encode()


def read(body: str, **more: str) -> Extract:
    return extract(flat(body, **more), DocumentFormat.ODT, ParsingLimits())


def p(text: str, style: str = "") -> str:
    return f'<text:p text:style-name="{style}">{text}</text:p>'


def items(*entries: str, style: str = "", more: str = "") -> str:
    inner = "".join(f"<text:list-item>{entry}</text:list-item>" for entry in entries)
    return f'<text:list text:style-name="{style}" {more}>{inner}</text:list>'


def test_packed_and_flat_documents_are_the_same() -> None:
    content = flat(p("Hola."))
    parts: dict[str, bytes | str] = {
        "content.xml": content,
        "styles.xml": flat(""),
        "meta.xml": flat("", meta="<dc:title>Saludo</dc:title>"),
    }
    made = extract(pack(parts), format_of("a.ott"), ParsingLimits())
    assert (made.text, made.title) == ("Hola.", "Saludo")
    assert extract(content, format_of("a.fodt"), ParsingLimits()).text == "Hola."


def test_headings_titles_code_and_characters() -> None:
    made = read(
        p("Guía", "P1")
        + '<text:h text:outline-level="2">Uno<text:line-break/>más</text:h>'
        + p("a<text:s text:c='3'/>b<text:tab/>c<text:line-break/>d\n  e")
        + p("x = 1", "Preformatted_20_Text")
        + p("<text:s text:c='2'/>y", "Preformatted_20_Text")
    )
    assert shown(made) == ["# Guía", "## Uno más", "a b c\nd e", "x = 1\n  y"]
    assert made.title == "Guía"


def test_lists_have_the_numbers_that_they_show() -> None:
    inner = items(p("c"), p("d") + items(p("hondo")))
    made = read(
        items(p("Uno"), p("Dos") + inner, p("Tres") + p("sigue"), style="N", more='xml:id="l1"')
        + p("Entre medias.")
        + items(p("Cuatro"), style="N", more='text:continue-list="l1"')
        + items(p("Otra"), style="N")
        + items(p("Más"), style="N", more='text:continue-numbering="true"')
        + items(p("Viñeta"), style="B")
    )
    assert shown(made) == [
        "1. Uno", "2. Dos", "c) c", "d) d", "2.d.I. hondo", "3. Tres", "sigue", "Entre medias.", "4. Cuatro", "1. Otra",
        "2. Más", "- Viñeta",
    ]  # fmt: skip


def test_headings_have_the_numbers_of_the_outline() -> None:
    h = '<text:h text:outline-level="{}" {}>{}</text:h>'
    body = h.format(1, "", "Uno") + h.format(2, "", "Dos") + h.format(2, 'text:is-list-header="true"', "Sin") + p("a.")
    assert shown(read(body, outline=OUTLINE + "</text:outline-style>")) == ["# 1 Uno", "## 1.1 Dos", "## Sin", "a."]


def test_tables_keep_columns_spans_heads_and_nested_ones() -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell {more}>{text if '<' in text else p(text)}</table:table-cell>"

    row = "<table:table-row {}>{}</table:table-row>"
    covered = "<table:covered-table-cell/>"
    inner = (
        "<table:table>"
        + row.format("", cell("M") + cell("P"))
        + row.format("", cell("A1") + cell("9"))
        + "</table:table>"
    )
    made = read(
        "<table:table><table:table-header-rows>"
        + row.format("", cell("2024") + cell("2025") + cell("Notas"))
        + "</table:table-header-rows>"
        + row.format("", cell("Norte", 'table:number-rows-spanned="2"') + cell("4 €") + cell(inner))
        + row.format("", covered + cell("9 €") + cell(""))
        + row.format('table:visibility="collapse"', cell("oculta"))
        + row.format('table:number-rows-repeated="1000000"', cell("", 'table:number-columns-repeated="16384"'))
        + "</table:table>"
    )
    assert shown(made)[:2] == ["2024: Norte | 2025: 4 € | Notas: M: A1, P: 9", "2024: Norte | 2025: 9 €"]
    assert made.invisible_chars == 6


def test_a_bomb_of_repeated_cells_stays_small() -> None:
    cell = f'<table:table-cell table:number-columns-repeated="1000000">{p("a")}</table:table-cell>' * 50
    row = f'<table:table-row table:number-rows-repeated="1000000">{cell}</table:table-row>' * 50
    assert len(read(f"<table:table>{row}</table:table>").text) < 2_000_000


def test_notes_frames_and_annotations() -> None:
    note = "<text:note><text:note-citation>1</text:note-citation><text:note-body>{}</text:note-body></text:note>"
    frame = "<draw:frame><draw:text-box>{}</draw:text-box></draw:frame>"
    made = read(
        p("Se paga" + note.format(p("Salvo enero.")) + frame.format(p("En la caja.")) + " a fin de mes.")
        + p("Fin.<office:annotation><dc:creator>Ana</dc:creator><text:p>¿seguro?</text:p></office:annotation>")
    )
    assert shown(made) == ["Se paga[1] a fin de mes.", "En la caja.", "[1] Salvo enero.", "Fin."]
    assert made.invisible_chars == len("Ana¿seguro?")


def test_changes_are_accepted_and_hidden_text_is_counted() -> None:
    made = read(
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>borrado</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
        + p('Queda<text:change text:change-id="c"/> <text:span text:style-name="H">oculto</text:span>'
            '<text:span text:style-name="W">blanco</text:span>esto.')
        + f'<text:section text:display="none">{p("sección")}</text:section>'
        + p('<text:hidden-text text:is-hidden="true">campo</text:hidden-text>')
        + p('<text:hidden-paragraph text:is-hidden="true"/>párrafo')
        + f"<text:section>{p('Visible.')}</text:section>"
    )  # fmt: skip
    assert shown(made) == ["Queda esto.", "Visible."]
    assert made.invisible_chars == len("ocultoblancoseccióncampopárrafo")


def test_characters_that_no_reader_sees_are_counted_in_cells_too() -> None:
    cell = p("Ha\u200bba")
    row = f"<table:table-row><table:table-cell>{cell}</table:table-cell></table:table-row>"
    made = read(f"<table:table>{row}</table:table>")
    assert (made.text, made.invisible_chars) == ("Haba", 1)


def test_headers_stand_once_and_contents_are_left_out() -> None:
    head = (
        f'<style:master-page style:name="Standard"><style:header>{p("Marea S.A.")}</style:header><style:footer>'
        f"{p('Página <text:page-number>3</text:page-number>')}</style:footer></style:master-page>"
        f'<style:master-page style:name="Otra"><style:header>{p("Nadie la usa")}</style:header></style:master-page>'
    )
    index = f"<text:table-of-content><text:index-body>{p('Uno 3')}</text:index-body></text:table-of-content>"
    assert shown(read(index + p("Texto."), head=head)) == ["Marea S.A.", "Texto."]


def test_slides_have_titles_text_as_it_is_read_and_notes() -> None:
    def frame(text: str, x: int, y: int, more: str = "") -> str:
        place = f'svg:x="{x}cm" svg:y="{y}cm" svg:width="5cm" svg:height="2cm"'
        return f"<draw:frame {place} {more}><draw:text-box>{p(text)}</draw:text-box></draw:frame>"

    notes = frame("Dígalo despacio.", 0, 0, 'presentation:class="notes"')
    slides = (
        "<draw:page>" + frame("Abajo", 1, 9) + frame("Derecha", 9, 5) + frame("Izquierda", 1, 5)
        + frame("Título", 1, 1, 'presentation:class="title"') + frame("Pulse", 1, 12, 'presentation:placeholder="true"')
        + f"<presentation:notes>{notes}</presentation:notes></draw:page>"
        + f'<draw:page draw:style-name="dp">{frame("Oculta", 1, 1)}</draw:page>'
    )  # fmt: skip
    made = extract(flat(slides, kind="presentation"), DocumentFormat.ODP, ParsingLimits())
    assert shown(made) == ["# Título", "Izquierda", "Derecha", "Abajo", "Dígalo despacio."]
    assert {block.page for block in made.blocks} == {1}
    assert made.notices == ("slide 2 is hidden; left out",)


def test_the_date_is_when_it_was_last_changed() -> None:
    meta = "<dc:title>Documento1</dc:title><meta:creation-date>2024-01-02T03:04:05</meta:creation-date>{}"
    assert read(p("a."), meta=meta.format("<dc:date>2025-02-03T04:05:06</dc:date>")).date == "2025-02-03"
    made = read(p("a."), meta=meta.format(""))
    assert (made.date, made.title) == ("2024-01-02", None)


def test_encrypted_and_other_documents_are_refused() -> None:
    manifest = f"<manifest:manifest {SPACES}><manifest:file-entry><manifest:encryption-data/></manifest:file-entry>"
    for content, refusal, message in (
        (pack({"content.xml": "x", "META-INF/manifest.xml": f"{manifest}</manifest:manifest>"}), FormatUnsupported, "word"),
        (pack({"encrypted-package": "x"}), FormatUnsupported, "protected by a password"),
        (pack({"a.txt": "a"}), FormatUnsupported, "not an OpenDocument one"),
        (flat("", kind="spreadsheet"), FormatUnsupported, "no text and no presentation"),
        (b"<office:document", InputInvalid, "damaged"),
    ):  # fmt: skip
        with pytest.raises(refusal, match=message):
            extract(content, DocumentFormat.ODT, ParsingLimits())
