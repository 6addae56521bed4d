"""Word documents: everything that a reader of the printed pages sees arrives, in order, and nothing else."""
# ruff: noqa: E501

import zipfile

import pytest

from edge_agent.errors import FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat, format_of
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from tests.edge_agent.ingest.office import make_word, p, pack, part, r, shown, tbl, tc

STYLES = """
<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>
<w:style w:type="paragraph" w:styleId="Ttulo1"><w:name w:val="heading 1"/>
  <w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Propio"><w:name w:val="Apartado"/><w:basedOn w:val="Ttulo1"/>
  <w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Hijo"><w:name w:val="Hijo"/><w:basedOn w:val="Propio"/></w:style>
<w:style w:type="paragraph" w:styleId="Titre"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="TDC1"><w:name w:val="toc 1"/></w:style>
<w:style w:type="paragraph" w:styleId="Consola"><w:name w:val="Consola"/>
  <w:rPr><w:rFonts w:ascii="Consolas"/></w:rPr></w:style>
<w:style w:type="paragraph" w:styleId="Paso"><w:name w:val="Paso"/>
  <w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>
<w:style w:type="character" w:styleId="Oculto"><w:name w:val="Oculto"/><w:rPr><w:vanish/></w:rPr></w:style>
<w:style w:type="table" w:styleId="Color"><w:name w:val="Color"/><w:tblStylePr w:type="firstRow">
  <w:tcPr><w:shd w:val="clear" w:fill="1F3864"/></w:tcPr></w:tblStylePr></w:style>
"""
LEVELS = """
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:pStyle w:val="Paso"/>
  <w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2"/></w:lvl>
<w:lvl w:ilvl="2"><w:start w:val="3"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%3)"/></w:lvl>
<w:lvl w:ilvl="3"><w:start w:val="1"/><w:numFmt w:val="upperRoman"/><w:lvlText w:val="Art. %4"/></w:lvl>
"""
NUMBERING = (
    f'<w:abstractNum w:abstractNumId="7">{LEVELS}</w:abstractNum>'
    '<w:abstractNum w:abstractNumId="8"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="bullet"/>'
    '<w:lvlText w:val="\uf0b7"/></w:lvl></w:abstractNum>'
    '<w:abstractNum w:abstractNumId="9"><w:lvl w:ilvl="0"><w:numFmt w:val="none"/><w:lvlText w:val=""/></w:lvl>'
    "</w:abstractNum>"
    + "".join(
        f'<w:num w:numId="{num}"><w:abstractNumId w:val="{abstract}"/>{more}</w:num>'
        for num, abstract, more in (
            (1, 7, ""),
            (2, 8, ""),
            (3, 7, '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>'),
            (4, 9, ""),
        )
    )
)


def read(body: str, **parts: str) -> Extract:
    links = parts.pop("links", None)
    content = make_word(body, styles=STYLES, numbering=NUMBERING, links=links, **parts)  # type: ignore[arg-type]
    return extract(content, DocumentFormat.DOCX, ParsingLimits())


def num(text: str, num_id: int, level: int = 0, style: str = "") -> str:
    return p(text, style, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{num_id}"/></w:numPr>')


def field(code: str, result: str) -> str:
    mark = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
    return (
        mark.format("begin")
        + f"<w:r><w:instrText> {code} </w:instrText></w:r>"
        + mark.format("separate")
        + result
        + mark.format("end")
    )


def box(text: str) -> str:
    """A text box as Word writes it, twice: for itself and for older programs."""
    content = f"<w:txbxContent>{p(text)}</w:txbxContent>"
    return (
        '<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wp:anchor><a:graphic><a:graphicData>'
        f"<wps:wsp><wps:txbx>{content}</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:anchor></w:drawing>"
        f"</mc:Choice><mc:Fallback><w:pict><v:shape><v:textbox>{content}</v:textbox></v:shape></w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r>"
    )


def test_headings_are_known_by_their_outline_in_any_language() -> None:
    made = read(
        p("Guía", "Titre")
        + p("Uno", "Ttulo1")
        + p("Dos", "Hijo")
        + p("Tres", "", '<w:outlineLvl w:val="2"/>')
        + p("Fin.")
    )
    assert shown(made) == ["# Guía", "# Uno", "## Dos", "### Tres", "Fin."]
    assert made.title == "Guía"


def test_tracked_changes_are_read_as_accepted() -> None:
    made = read(
        p(
            f"<w:r><w:t>Dura </w:t></w:r><w:del>{r('dos').replace('w:t', 'w:delText')}</w:del><w:ins>{r('tres')}</w:ins>{r(' años.')}"
        )
        + p(f"<w:moveFrom>{r('Lejos')}</w:moveFrom><w:moveTo>{r('Cerca')}</w:moveTo>")
        + p("Una frase que", more="<w:rPr><w:del/></w:rPr>")
        + p("<w:r><w:t> sigue aquí.</w:t></w:r>")
        + p(f"<w:del>{r('Fuera')}</w:del>", more="<w:rPr><w:del/></w:rPr>")
        + f"<w:ins>{p('Párrafo nuevo.')}</w:ins>"
    )
    assert shown(made) == ["Dura tres años.", "Cerca", "Una frase que sigue aquí.", "Párrafo nuevo."]


def test_content_controls_are_text_wherever_they_stand() -> None:
    def sdt(xml: str, properties: str = "") -> str:
        return f"<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{xml}</w:sdtContent></w:sdt>"

    made = read(
        p(f"<w:r><w:t>Llame al </w:t></w:r>{sdt(r('900 100 200'))}{r('.')}")
        + sdt(p("Bloque.") + sdt(p("Dentro.")))
        + sdt(p("Haga clic o pulse aquí para escribir texto."), "<w:showingPlcHdr/>")
        + f"<w:tbl><w:tr>{sdt('<w:tc>' + p('Plan') + '</w:tc>')}<w:tc>{sdt(p('Precio'))}</w:tc></w:tr>"
        + sdt(f"<w:tr>{tc('Duna')}{tc('4 €')}</w:tr>")
        + "</w:tbl>"
    )
    assert shown(made) == ["Llame al 900 100 200.", "Bloque.", "Dentro.", "Plan: Duna | Precio: 4 €"]


def test_text_boxes_shapes_and_nested_ones_arrive_once() -> None:
    made = read(
        p(r("Antes.") + box("En la caja."))
        + p("<w:r><w:pict><v:shape><v:textbox><w:txbxContent>" + p(r("Fuera") + box("Dentro")) + "</w:txbxContent></v:textbox>"
            "</v:shape></w:pict></w:r>")
        + tbl(["Sede", "Horario"], ["Soria", f"<w:tc>{p(r('Abre') + box('8:30'))}</w:tc>"])
    )  # fmt: skip
    assert shown(made) == ["Antes.", "En la caja.", "Fuera", "Dentro", "Sede: Soria | Horario: Abre 8:30"]


def test_notes_follow_the_block_that_refers_to_them() -> None:
    ref = '<w:r><w:{}Reference w:id="{}"/></w:r>'
    made = read(
        p(r("Se paga a fin de mes") + ref.format("footnote", 2)) + p("Otra cosa.") + p(r("Uno") + ref.format("endnote", 2), "Ttulo1")
        + tbl(["a", "b"], ["c", f"<w:tc>{p(r('d') + ref.format('footnote', 3))}</w:tc>"]) + p("Fin."),
        footnotes=f'<w:footnote w:type="separator" w:id="0">{p("---")}</w:footnote><w:footnote w:id="2">{p("Salvo enero.")}</w:footnote>'
        f'<w:footnote w:id="3">{p("De la tabla.")}</w:footnote><w:footnote w:id="9">{p("De nadie.")}</w:footnote>',
        endnotes=f'<w:endnote w:id="2">{p("Al final.")}</w:endnote>',
    )  # fmt: skip
    assert shown(made) == [
        "Se paga a fin de mes", "Salvo enero.", "Otra cosa.", "# Uno", "Al final.", "a: c | b: d", "De la tabla.", "Fin.",
    ]  # fmt: skip


def test_numbers_are_those_that_word_shows() -> None:
    body = (
        num("Uno", 1)
        + num("Dos", 1)
        + num("a", 1, 1)
        + num("b", 1, 1)
        + num("x", 1, 2)
        + num("y", 1, 2)
        + num("z", 1, 3)
    )
    body += (
        num("Tres", 1)
        + num("c", 1, 1)
        + num("Otra", 3)
        + num("Más", 3)
        + num("Viñeta", 2)
        + num("Nada", 4)
        + num("No", 0)
    )
    body += p("Por estilo", "Paso") + num("Título", 1, 1, "Ttulo1")
    made = read(body)
    assert shown(made) == [
        "1. Uno", "2. Dos", "2.1 a", "2.2 b", "c) x", "d) y", "Art. I z", "3. Tres", "3.1 c", "5. Otra", "6. Más", "- Viñeta",
        "Nada", "No", "7. Por estilo", "# 7.1 Título",
    ]  # fmt: skip
    assert [block.level for block in made.blocks if block.kind is BlockKind.LIST_ITEM][:6] == [1, 1, 2, 2, 3, 3]


def test_headers_and_footers_arrive_once_if_they_say_anything() -> None:
    sections = "".join(
        f'<w:sectPr><w:headerReference w:type="default" r:id="header1"/><w:footerReference w:type="default" r:id="footer1"/>'
        f'<w:headerReference w:type="first" r:id="header2"/>{more}</w:sectPr>'
        for more in ("", "")
    )
    page = r("Página ") + field("PAGE", r("3")) + r(" de ") + field("NUMPAGES", r("9"))
    parts = {"header1": p("Marea S.A. — uso interno"), "header2": p("Portada"), "footer1": p(page)}
    assert shown(read(p("Texto.") + sections, **parts)) == ["Marea S.A. — uso interno", "Texto."]
    parts["footer1"] = p(page + r(" · Teléfono 900 100 200"))
    assert shown(read(p("Texto.") + sections.replace("<w:sectPr>", "<w:sectPr><w:titlePg/>"), **parts)) == [
        "Marea S.A. — uso interno", "Portada", "Texto.", "Página de · Teléfono 900 100 200",
    ]  # fmt: skip


def test_hidden_and_white_text_and_comments_are_counted_and_left_out() -> None:
    white = '<w:color w:val="FFFFFF"/>'
    made = read(
        p(r("Se ve") + r("oculto", "<w:vanish/>") + r("estilo", '<w:rStyle w:val="Oculto"/>') + r("blanco", white) + r("1pt", '<w:sz w:val="2"/>'))
        + p(r("En negro", f'{white}<w:highlight w:val="black"/>'))
        + tbl([tc(r("Plan", white)), tc(r("Precio", white))], ["Duna", "4 €"], properties='<w:tblStyle w:val="Color"/>')
        + tbl([tc(r("Uno", white), '<w:shd w:val="clear" w:fill="000000"/>'), tc(r("Dos", white))]),
        comments=f"<w:comment>{p('¿seguro?')}</w:comment>",
    )  # fmt: skip
    assert shown(made) == ["Se ve", "En negro", "Plan: Duna | Precio: 4 €", "Uno"]
    assert made.invisible_chars == len("ocultoestiloblanco1ptDos¿seguro?")


def test_fields_show_their_results_and_never_their_codes() -> None:
    inner = field("IF " + "x", r("anidado"))
    made = read(
        p(r("Vea ") + field("HYPERLINK &quot;http://a.example&quot;", r("la web")) + f'<w:fldSimple w:instr=" REF a ">{r("2.1")}</w:fldSimple>')
        + p('<w:r><w:fldChar w:fldCharType="begin"/></w:r>' + r("código") + inner + '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
            + r("resultado") + '<w:r><w:fldChar w:fldCharType="end"/></w:r>')
        + p('<w:r><w:fldChar w:fldCharType="begin"/><w:instrText>NUNCA ACABA</w:instrText></w:r>') + p("Sigue.")
        + p('<w:hyperlink r:id="x">' + r("enlace") + "</w:hyperlink>")
    )  # fmt: skip
    assert shown(made) == ["Vea la web2.1", "resultado", "Sigue.", "enlace"]


def test_tables_of_contents_are_left_out_and_headings_are_not() -> None:
    toc = '<w:r><w:fldChar w:fldCharType="begin"/><w:instrText>TOC \\o</w:instrText><w:fldChar w:fldCharType="separate"/></w:r>'
    made = read(
        p("Uno\t3", "TDC1")
        + p(toc + r("Dos") + "<w:r><w:tab/></w:r>" + r("12"))
        + p("Texto que no es del índice.")
        + '<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr><w:sdtContent>'
        + p("Contenido") + "</w:sdtContent></w:sdt>"
        + p("Uno", "Ttulo1")
    )  # fmt: skip
    assert shown(made) == ["Texto que no es del índice.", "# Uno"]


def test_characters_that_are_elements_are_text() -> None:
    made = read(
        p("<w:r><w:t>co</w:t><w:softHyphen/><w:t>che</w:t><w:noBreakHyphen/><w:t>bomba</w:t><w:tab/><w:t>1</w:t><w:br/><w:t>Línea</w:t>"
          '<w:sym w:font="Wingdings" w:char="F0FC"/><w:sym w:font="Symbol" w:char="F061"/><w:t>\uf0e0</w:t></w:r>')
        + p("<w:r><w:ruby><w:rt><w:r><w:t>かん</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢</w:t></w:r></w:rubyBase></w:ruby></w:r>")
        + p("<m:oMath><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f><m:sSup><m:e><m:r><m:t>x</m:t>"
            "</m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath>")
    )  # fmt: skip
    assert made.text == "coche-bomba 1\nLínea✓α→\n\n漢(かん)\n\na/bx^2"


def test_code_keeps_its_lines() -> None:
    made = read(p("Ejecute:") + p("ping 10.0.0.1", "Consola") + p("  fin", "Consola") + p("Listo."))
    assert [(block.kind, made.text[block.start : block.end]) for block in made.blocks][1] == (
        BlockKind.CODE,
        "ping 10.0.0.1\n  fin",
    )


def test_diagrams_charts_and_pages_inside_are_text() -> None:
    point = '<c:pt idx="{}"><c:v>{}</c:v></c:pt>'
    series = (
        "<c:ser><c:tx><c:strRef><c:strCache>" + point.format(0, "Ventas") + "</c:strCache></c:strRef></c:tx><c:cat><c:strRef><c:strCache>"
        + point.format(0, "2024") + point.format(1, "2025") + "</c:strCache></c:strRef></c:cat><c:val><c:numRef><c:numCache>"
        + point.format(0, "10") + point.format(1, "12") + "</c:numCache></c:numRef></c:val></c:ser>"
    )  # fmt: skip
    linked = "<w:r><w:drawing><wp:inline><a:graphic><a:graphicData>{}</a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"
    made = read(
        p(linked.format('<dgm:relIds r:dm="data1"/>')) + p(linked.format('<c:chart r:id="chart1"/>')),
        data1='<dgm:ptLst><dgm:pt><dgm:t><a:p><a:r><a:t>Pedir</a:t></a:r></a:p></dgm:t></dgm:pt><dgm:pt type="pres"/></dgm:ptLst>',
        chart1=f"<c:title><a:p><a:r><a:t>Resultados</a:t></a:r></a:p></c:title>{series}",
    )
    assert shown(made) == ["- Pedir", "Resultados", "2024 | Ventas: 10", "2025 | Ventas: 12"]


def test_a_page_inside_the_document_is_part_of_it() -> None:
    content = make_word(p("Antes.") + '<w:altChunk r:id="x"/>' + p("Luego."), links={"x": "aFChunk:page.html"})
    made = read_with(content, "word/page.html", "<h1>Tarifas</h1><p hidden>oculto</p><ul><li>Una<s>Dos</s></li></ul>")
    assert shown(made) == ["Antes.", "# Tarifas", "- Una", "Luego."]
    assert (made.invisible_chars, made.notices) == (len("oculto"), ("struck text is left out (1 times)",))


def read_with(content: bytes, name: str, text: str) -> Extract:
    import io

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts: dict[str, bytes | str] = {entry: archive.read(entry) for entry in archive.namelist()}
    return extract(pack({**parts, name: text}), DocumentFormat.DOCX, ParsingLimits())


@pytest.mark.parametrize(
    ("stated", "title"),
    [
        ("Word Document", "Primera"),
        ("tarifas.docx", "Primera"),
        ("", "Primera"),
        ("Tarifas de 2025", "Tarifas de 2025"),
    ],
)
def test_the_title_and_date_are_the_documents_own(stated: str, title: str) -> None:
    core = (
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">'
        f"<dc:title>{stated}</dc:title><dcterms:created>2024-01-02T03:04:05Z</dcterms:created>"
        "<dcterms:modified>2025-06-07T08:09:10Z</dcterms:modified></cp:coreProperties>"
    )
    made = read_with(
        make_word(p("Primera", "T1", '<w:outlineLvl w:val="0"/>') + p("Texto.")), "docProps/core.xml", core
    )
    assert (made.title, made.date) == (title, "2025-06-07")


def test_strict_documents_and_templates_are_read() -> None:
    content = make_word(p("Uno", "Ttulo1") + p("Texto."), styles=STYLES)
    strict = make_strict(content)
    assert b"purl.oclc.org" in zipped(strict, "word/document.xml")
    assert shown(extract(strict, DocumentFormat.DOCX, ParsingLimits())) == ["# Uno", "Texto."]
    assert format_of("plantilla.DOTX") is DocumentFormat.DOCX


def zipped(content: bytes, name: str) -> bytes:
    import io

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name)


def make_strict(content: bytes) -> bytes:
    import io

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return pack(
            {
                name: archive.read(name)
                .replace(b"http://schemas.openxmlformats.org/wordprocessingml/2006/", b"http://purl.oclc.org/ooxml/wordprocessingml/")
                .replace(b"http://schemas.openxmlformats.org/officeDocument/2006/", b"http://purl.oclc.org/ooxml/officeDocument/")
                for name in archive.namelist()
            }
        )  # fmt: skip


def test_other_archives_and_macros_are_refused() -> None:
    for content, refusal, message in (
        (pack({"a.txt": "a"}), FormatUnsupported, "not a Word document"),
        (make_word(p("a"), content_type="application/vnd.ms-word.document.macroEnabled.main+xml"), FormatUnsupported, "macros"),
        (make_word(p("a"), content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"),
         FormatUnsupported, "not a Word document"),
        (pack({"[Content_Types].xml": "<Types/>", "word/document.xml": part("w:document", "")}), InputInvalid, "damaged"),
    ):  # fmt: skip
        with pytest.raises(refusal, match=message):
            extract(content, DocumentFormat.DOCX, ParsingLimits())


def test_bold_questions_have_their_answers_below() -> None:
    made = read(p(r("¿Cuánto tarda un cambio?", "<w:b/>")) + p("Diez días."))
    assert shown(made) == ["####### ¿Cuánto tarda un cambio?", "Diez días."]
