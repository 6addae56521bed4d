"""Pages as offices have them: what people see arrives in order, what nobody sees is counted and left out."""

import pytest

from edge_agent.errors import InputInvalid
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat, format_of
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits


def read(page: str | bytes) -> Extract:
    return extract(page.encode() if isinstance(page, str) else page, DocumentFormat.HTML, ParsingLimits())


def blocks(page: str | bytes) -> list[tuple[str, str]]:
    made = read(page)
    return [(block.kind.value, made.text[block.start : block.end]) for block in made.blocks]


def texts(page: str | bytes) -> list[str]:
    return [text for _, text in blocks(page)]


# Tables


def test_cells_that_span_rows_and_columns_are_carried_over() -> None:
    page = """<table><caption>Envíos 2026</caption>
      <thead><tr><th rowspan=2>Zona</th><th colspan=2>Precio</th></tr><tr><th>Normal</th><th>Urgente</th></tr></thead>
      <tfoot><tr><td>Ceuta</td><td colspan=2>consultar</td></tr></tfoot>
      <tbody><tr><th scope=row rowspan=2>Islas</th><td>12 €</td><td>31 €</td></tr><tr><td>14 €</td><td>33 €</td></tr>
      </tbody></table>"""
    assert blocks(page) == [
        ("heading", "Envíos 2026"),
        ("table row", "Zona: Islas | Precio › Normal: 12 € | Precio › Urgente: 31 €"),
        ("table row", "Zona: Islas | Precio › Normal: 14 € | Precio › Urgente: 33 €"),
        ("table row", "Zona: Ceuta | Precio › Normal: consultar | Precio › Urgente: consultar"),
    ]


def test_a_row_across_the_table_names_the_rows_below_it() -> None:
    page = """<table><tr><th>Plan</th><th>Cuota</th></tr><tr><th colspan=2>Particulares</th></tr>
      <tr><td>Duna</td><td>4 €</td></tr><tr><td colspan=2>Empresas</td></tr><tr><td>Marea</td><td>9 €</td></tr>
      <tr><td colspan=2>Los precios incluyen el IVA.</td></tr></table>"""
    assert blocks(page) == [
        ("heading", "Particulares"),
        ("table row", "Plan: Duna | Cuota: 4 €"),
        ("heading", "Empresas"),
        ("table row", "Plan: Marea | Cuota: 9 €"),
        ("paragraph", "Los precios incluyen el IVA."),
    ]


def test_a_table_in_a_cell_stays_in_its_row() -> None:
    page = """<table><tr><th>Plan</th><th>Cuotas</th></tr><tr><td>Duna</td><td><table>
      <tr><th>Mes</th><th>€</th></tr><tr><td>Enero</td><td>4</td></tr><tr><td>Mayo</td><td>5</td></tr></table></td></tr>
      <tr><td>Marea</td><td><ul><li>Enero 9</li><li>Mayo 8</li></ul></td></tr></table>"""
    assert texts(page) == [
        "Plan: Duna | Cuotas: Mes: Enero, €: 4; Mes: Mayo, €: 5",
        "Plan: Marea | Cuotas: Enero 9; Mayo 8",
    ]


def test_tables_that_only_place_things_are_read_through() -> None:
    page = """<table><tr><td><h1>Llaves</h1><p>Se piden en recepción.</p></td><td>
      <table><tr><td>Horario</td><td>9 a 14</td></tr><tr><td>Planta</td><td>Tercera</td></tr></table>
      </td></tr></table>"""
    assert blocks(page) == [
        ("heading", "Llaves"),
        ("paragraph", "Se piden en recepción."),
        ("table row", "Horario: 9 a 14"),
        ("table row", "Planta: Tercera"),
    ]


def test_a_table_of_two_columns_without_names_says_what_each_thing_is() -> None:
    assert texts("<table><tr><td>Autor</td><td>Personal</td></tr><tr><td>Versión</td><td>1.0</td></tr></table>") == [
        "Autor: Personal",
        "Versión: 1.0",
    ]
    page = "<table><tr><td><b>Plan</b></td><td><p><b>Cuota</b></p></td></tr><tr><td>Duna</td><td>4 €</td></tr></table>"
    assert texts(page) == ["Plan: Duna | Cuota: 4 €"]


def test_what_stands_in_a_table_and_in_no_cell_is_kept() -> None:
    page = "<table><tr><th>A<th>B</tr><tr><td>1<td>2</tr><p>Sigue.</p><h2>Otra</h2><tr><div>Más.</div></tr></table>Fin."
    assert {"A: 1 | B: 2", "Sigue.", "Otra", "Más.", "Fin."} <= set(texts(page))


def test_pictures_that_stand_for_words_in_a_cell_are_words() -> None:
    page = """<table><tr><th>Plan</th><th>Fax</th></tr><tr><td>Duna</td><td><img src=y.png alt="Sí"></td></tr>
      <tr><td>Sal</td><td><img src=n.png alt="icon-7.png"></td></tr></table>"""
    assert texts(page) == ["Plan: Duna | Fax: Sí", "Plan: Sal"]


# Lists, definitions, lines


def test_lists_keep_their_numbers_and_their_depth() -> None:
    page = """<ol start=3><li>Tres<ul><li>Bajo tres</li></ul></li><li value=7>Siete</li><li><p>Ocho</p></li></ol>
      <ol type=a><li>Una</li><li>Otra</li></ol><ol type=I reversed><li>Dos</li><li>Uno</li></ol>"""
    made = read(page)
    assert [(b.level, made.text[b.start : b.end]) for b in made.blocks] == [
        (1, "3. Tres"),
        (2, "- Bajo tres"),
        (1, "7. Siete"),
        (1, "8. Ocho"),
        (1, "a. Una"),
        (1, "b. Otra"),
        (1, "II. Dos"),
        (1, "I. Uno"),
    ]


def test_steps_that_begin_with_code_or_a_heading_keep_their_numbers() -> None:
    assert blocks("<ol><li><pre>make run\n  now</pre></li><li><h3>Espere</h3><p>Un minuto.</p></li></ol>") == [
        ("paragraph", "1."),
        ("code", "make run\n  now"),
        ("heading", "2. Espere"),
        ("paragraph", "Un minuto."),
    ]


def test_a_term_stands_before_its_definition_and_a_question_above_its_answer() -> None:
    page = """<dl><dt>Plazo</dt><dd>Nueve días</dd><dt>IVA</dt><dt>Impuesto</dt><dd>21 %</dd><dd>10 % en papel</dd>
      <dt>¿Quién paga el fax?</dt><dd><p>La oficina.</p></dd><dt>Sin más</dt></dl>"""
    assert blocks(page) == [
        ("paragraph", "Plazo: Nueve días"),
        ("paragraph", "IVA, Impuesto: 21 %"),
        ("paragraph", "IVA, Impuesto: 10 % en papel"),
        ("heading", "¿Quién paga el fax?"),
        ("paragraph", "La oficina."),
        ("paragraph", "Sin más"),
    ]


def test_lines_and_joined_words_are_as_they_are_shown() -> None:
    page = """<p>Calle Mayor 1<br>28013 Ma&shy;drid</p><p>Pulse <button>Guar<b>dar</b></button> ya.
      <p>3 m<sup>2</sup>, 10<sup>6</sup>"""
    assert texts(page) == ["Calle Mayor 1\n28013 Madrid", "Pulse Guardar ya.", "3 m2, 10^6"]


def test_struck_text_is_left_out_and_said() -> None:
    made = read(
        "<p>Son <del>30</del> <s>33</s> <span style='text-decoration: line-through'>34</span> <ins>36</ins> €.</p>"
    )
    assert (made.text, made.notices) == ("Son 36 €.", ("struck text is left out (3 times)",))


def test_numbers_and_addresses_behind_links_are_said() -> None:
    page = """<p><a href="tel:+34-900-111-222">Llámenos</a>, <a href="tel:+34900111222">900 111 222</a> o
      <a href="mailto:ayuda@marea.example?subject=x">escriba</a>, <a href="https://marea.example/long">aquí</a>."""
    assert texts(page) == ["Llámenos (+34 900 111 222), 900 111 222 o escriba (ayuda@marea.example), aquí."]


# Panels and hidden text

PANELS = {
    "a button that controls it": '<button aria-controls=p>Cambio</button><div id=p style="display:none">PANEL</div>',
    "a tab": '<ul role=tablist><li><a role=tab href="#p">Cambio</a></ul><div role=tabpanel id=p hidden>PANEL</div>',
    "a link to it": '<p><a href="#p">Cambio</a></p><p>Más.</p><div id=p class=hidden>PANEL</div>',
    "a target": '<a data-bs-target="#p" data-bs-toggle=collapse>Cambio</a><div id=p hidden>PANEL</div>',
    "a heading that holds a button": "<h3><button>Cambio</button></h3><div hidden>PANEL</div>",
    "a click": "<p onclick=\"show('p')\">Cambio</p><p>Otra.</p><div id=p style='display: none'>PANEL</div>",
    "a script": "<script>$('.r').slideToggle()</script><p>Cambio</p><div class=r style='display:none'>PANEL</div>",
    "a rule for a state": """<style>.r{display:none} input:checked ~ .r{display:block}</style>
      <input type=checkbox id=c><label for=c>Cambio</label><p>Otra.</p><div class=r>PANEL</div>""",
    "a question before it": "<p>¿Cómo cambio mi PIN?</p><div style='display:none'>PANEL</div>",
    "headings and panels in turns": """<h3>Cambio</h3><div style='display:none'>PANEL</div>
      <h3>Otro</h3><div style='display:none'>Nada.</div>""",
    "no height": "<button class=accordion>Cambio</button><div style='max-height:0;overflow:hidden'>PANEL</div>",
    "details": "<details><summary>Cambio</summary>PANEL</details>",
}


@pytest.mark.parametrize("layout", PANELS.values(), ids=PANELS)
def test_text_that_a_click_reaches_is_kept(layout: str) -> None:
    found = texts(f"<body><h1>Ayuda</h1><p>Primero.</p>{layout.replace('PANEL', 'En el cajero.')}</body>")
    assert "En el cajero." in found
    assert any("Cambio" in text or "PIN" in text for text in found)


_ANSWERED = "<h2><button class='accordion-button'>When?</button></h2><div class='accordion-collapse'><p>At 9.</p></div>"


@pytest.mark.parametrize(
    "before",
    [
        f"<div class='accordion-item'>{_ANSWERED}</div>",
        f"<div class='faqs'><div class='faq'>{_ANSWERED}</div></div>",
        "<div class='faq-question'>When?</div><div class='faq-answer'>At 9.</div>",
        "<button>When do you open, and where?</button><div class='answer' hidden>At 9.</div>",
        "<div class='toggle'><h3>When?</h3><p>At 9.</p></div>",
    ],
)
@pytest.mark.parametrize("hidden", ["<p style='display:none'>SECRET</p>", "<p class='oculto' hidden>SECRET</p>"])
def test_hidden_text_behind_a_panel_is_no_panel_of_its_button(before: str, hidden: str) -> None:
    text = read(f"<main><h1>FAQ</h1>{before}{hidden}<p>Call us.</p></main>").text
    assert "SECRET" not in text
    assert text.endswith("At 9.\n\nCall us.")


def test_the_last_of_headings_and_panels_in_turns_is_kept() -> None:
    page = "<h3>Uno</h3><div hidden>En caja.</div><h3>Dos</h3><div hidden>En casa.</div>"
    assert texts(page) == ["Uno", "En caja.", "Dos", "En casa."]


def test_a_control_is_a_heading_above_its_panel() -> None:
    page = """<button aria-expanded=false>Cambio de PIN</button><div hidden>En el cajero.</div>
      <ul class="nav nav-tabs"><li><a data-toggle=tab href="#a">Precio</a></li><li><a data-toggle=tab href="#b">
      Plazo</a></ul><div id=a class=tab-pane>Seis euros.</div><div id=b class=tab-pane>Nueve días.</div>
      <details><summary>Más</summary><h3>Nota</h3><p>Vale.</p></details>"""
    assert blocks(page) == [
        ("heading", "Cambio de PIN"),
        ("paragraph", "En el cajero."),
        ("heading", "Precio"),
        ("paragraph", "Seis euros."),
        ("heading", "Plazo"),
        ("paragraph", "Nueve días."),
        ("heading", "Más"),
        ("heading", "Nota"),
        ("paragraph", "Vale."),
    ]


HIDDEN = {
    "not displayed": '<div style="display:none">SECRET</div>',
    "not displayed, by a rule": "<style>/* x */ p.x, #y { display: none !important }</style><p class='a x'>SECRET</p>",
    "not displayed, below another": "<style>.a .b > i{display:none}</style><div class=a><p class=b><i>SECRET</i></div>",
    "the attribute": "<p hidden>SECRET</p>",
    "not visible": "<div style='visibility:hidden'>SECRET</div>",
    "a class": "<p class='d-none'>SECRET</p>",
    "white on white": "<p style='color:#FFF'>SECRET</p>",
    "white on white, of a font": "<font color=white>SECRET</font>",
    "any color on the same": "<div style='background:#123456'><p style='color:rgb(18, 52, 86)'>SECRET</p></div>",
    "no size": "<span style='font-size:0'>SECRET</span>",
    "off the screen": "<p style='position:absolute; left:-9999px'>SECRET</p>",
    "off the screen, by indent": "<p style='text-indent:-999em'>SECRET</p>",
    "clipped": "<style>.sr{position:absolute;clip:rect(0,0,0,0)}</style><span class=sr>SECRET</span>",
    "transparent": "<p style='opacity:0'>SECRET</p>",
    "of a transparent color": "<p style='color:transparent'>SECRET</p>",
    "a comment": "<p>Vea<!-- SECRET --> esto.</p>",
    "a template": "<template><p>SECRET</p></template>",
    "for browsers without scripts": "<noscript>SECRET</noscript>",
    "a field": "<input type=hidden value=SECRET>",
    "after a heading": "<h2>Precio</h2><p style='display:none'>SECRET</p>",
    "between headings": "<h2>Precio</h2><p style='display:none'>SECRET</p><h2>Plazo</h2><p>Nueve días.</p>",
    "behind details": "<details><summary>¿Qué incluye?</summary>Todo.</details><p style='display:none'>SECRET</p>",
    "after a link elsewhere": "<p>Vea <a href='#top'>arriba</a>.</p><p style='display:none'>SECRET</p>",
    "in a sentence behind a button": "<button>Ver</button><p>Ve<span style='display:none'>SECRET</span>a</p>",
    "behind the control of another": """<div id=m hidden>Otra.</div><a data-bs-target='#m' href='#'>Ver</a>
      <div style='display:none'>SECRET</div>""",
    "a row": "<table><tr><th>A<th>B<tr style='display:none'><td>SECRET<td>2<tr><td>3<td>4</table>",
    "folded away": "<p>Vea.</p><div style='height:0;overflow:hidden'>SECRET</div>",
}


@pytest.mark.parametrize("layout", HIDDEN.values(), ids=HIDDEN)
def test_text_that_nobody_sees_is_left_out_and_counted(layout: str) -> None:
    made = read(f"<body><h1>Ayuda</h1><p>Primero.</p>{layout}<p>Al final.</p></body>")
    assert "SECRET" not in made.text
    assert made.text.startswith("Ayuda\n\nPrimero.") and made.text.endswith("Al final.")
    assert made.invisible_chars >= len("SECRET") or "<input" in layout


SHOWN = {
    "white on a dark color": "<div style='background:#123'><p style='color:white'>SEEN</p></div>",
    "white on a picture": "<div style='background:url(a.png)'><p style='color:white'>SEEN</p></div>",
    "white by another sheet": "<link rel=stylesheet href=a.css><div class=h><p style='color:#fff'>SEEN</p></div>",
    "a size inside of none": "<div style='font-size:0'><span style='font-size:16px'>SEEN</span></div>",
    "visible inside of invisible": "<div style='visibility:hidden'><p style='visibility:visible'>SEEN</p></div>",
    "hidden on telephones": "<style>@media (max-width:600px){.w{display:none}}</style><p class=w>SEEN</p>",
    "hidden on telephones, by a class": "<p class='d-none d-md-block'>SEEN</p>",
    "for nobody's ears": "<p aria-hidden=true>SEEN</p>",
    "faded in by a script": "<p style='opacity:0; transform: translateY(20px)'>SEEN</p>",
    "shown again by a later rule": "<style>.x{display:none} p.x{display:block}</style><p class=x>SEEN</p>",
}


@pytest.mark.parametrize("layout", SHOWN.values(), ids=SHOWN)
def test_text_that_is_shown_is_kept_whatever_its_style(layout: str) -> None:
    made = read(f"<body><h1>Ayuda</h1><p>Primero.</p>{layout}</body>")
    assert "SEEN" in made.text
    assert made.invisible_chars == 0


def test_a_page_that_a_script_fades_in_is_read() -> None:
    assert texts("<html style='opacity:0'><body style='visibility:hidden'><p>Son 23 días.</p></body></html>") == [
        "Son 23 días."
    ]


# The main part


def test_a_page_inside_of_one_form_keeps_its_text_and_loses_its_widgets() -> None:
    page = """<body><form id=aspnetForm><input type=hidden name=__VIEWSTATE value="/wEPDwUK"><div><h1>Llaves</h1>
      <p>Se piden en recepción.</p></div><fieldset><legend>Solicitud</legend><label>Planta</label>
      <select><option>Primera</select><input value=x><button>Enviar</button></fieldset></form></body>"""
    assert texts(page) == ["Llaves", "Se piden en recepción.", "Solicitud", "Planta"]


def test_a_teaser_never_replaces_the_page() -> None:
    page = """<body><div><h1>Permisos</h1><p>Son 23 días al año, que se piden con un mes.</p></div>
      <article><h3>Nuevo comedor</h3><p>Abre en mayo.</p></article></body>"""
    assert texts(page) == ["Permisos", "Son 23 días al año, que se piden con un mes.", "Nuevo comedor", "Abre en mayo."]


def test_heads_and_feet_of_an_article_are_its_own_and_those_of_the_page_are_not() -> None:
    page = """<body><a href="#c">Saltar al contenido</a>
      <header><a href=/>Marea</a><nav><a href=/a>Inicio</a></nav></header>
      <div class="breadcrumb"><a href=/>Inicio</a> › <a href=/p>Personal</a></div>
      <article id=c><header><h1>Permisos</h1><p>De marzo.</p></header><p>Son 23 días al año.</p>
      <aside class=note><p>Salvo en prácticas.</p></aside><footer>Consulte a Personal.</footer></article>
      <aside class=sidebar><a href=/x>Otras noticias</a></aside>
      <div class="cookie-banner"><p>Usamos cookies.</p><button>Aceptar</button></div><footer>© Marea</footer></body>"""
    assert texts(page) == [
        "Permisos",
        "De marzo.",
        "Son 23 días al año.",
        "Salvo en prácticas.",
        "Consulte a Personal.",
    ]


def test_the_heading_above_the_main_part_is_kept() -> None:
    page = "<body><header><h1>Permisos</h1></header><main><p>Son 23 días.</p><h2>Plazo</h2><p>Un mes.</p></main></body>"
    assert texts(page) == ["Permisos", "Son 23 días.", "Plazo", "Un mes."]


def test_a_page_of_nothing_but_a_menu_is_read() -> None:
    assert "Tarifas" in read("<body><nav><a href=/t>Tarifas</a> <a href=/p>Plazos</a></nav></body>").text


# Titles, dates, encodings, XHTML


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        ("<title>Ayuda | Marea</title>", "<p>Hola.", "Ayuda"),
        ("<title>Permisos - Marea</title><meta property=og:site_name content=Marea>", "<p>Hola.", "Permisos"),
        ("<title>Guía - Parte 2</title>", "<p>Hola.<h2>Otra</h2><p>Vale.", "Guía - Parte 2"),
        ("<title>Documento sin título</title>", "<h2>Plazos</h2><p>Hola.", "Plazos"),
        ("<title>x</title><meta property=og:title content='De verdad'>", "<p>Hola.", "De verdad"),
        ("<title>Marea</title>", "<h1>Permisos</h1><p>Hola.", "Permisos"),
        ("", "<p>Hola.", None),
    ],
)
def test_a_title_is_the_page_s_own(head: str, body: str, title: str | None) -> None:
    assert read(f"<html><head>{head}</head><body>{body}</body></html>").title == title


@pytest.mark.parametrize(
    ("mark", "date"),
    [
        (
            "<meta property=article:published_time content=2024-01-02>"
            "<meta property=article:modified_time content=2025-03-04T10:00>",
            "2025-03-04",
        ),
        ("<meta name=DC.date content='05/06/2025'>", "2025-06-05"),
        ("<meta http-equiv=Last-Modified content='Tue, 04 Mar 2025 10:00:00 GMT'>", "2025-03-04"),
        ("<time datetime='2025-07-08'>8 de julio</time>", "2025-07-08"),
        ("<time itemprop=dateModified datetime=2025-09-01>x</time><time datetime=2020-01-01>y</time>", "2025-09-01"),
        ("<meta name=date content='pronto'>", ""),
        ("<meta name=date content='2025-13-45'>", ""),
    ],
)
def test_a_date_is_the_page_s_own(mark: str, date: str) -> None:
    assert read(f"<html><body>{mark}<p>Hola a todos.</p></body></html>").date == date


@pytest.mark.parametrize(
    "head",
    [
        "<meta charset=iso-8859-1>",
        "<meta http-equiv=Content-Type content='text/html; charset=windows-1252'>",
        "<?xml version='1.0' encoding='ISO-8859-1'?><!DOCTYPE html>",
    ],
)
def test_the_charset_that_a_page_states_is_used(head: str) -> None:
    made = read(f"{head}<p>La calefacción.</p>".encode("cp1252"))
    assert (made.text, made.encoding) == ("La calefacción.", "windows-1252")


@pytest.mark.parametrize("end", ["</p></body></html>", "</p>"])
def test_xhtml_is_read_well_formed_or_not(end: str) -> None:
    page = f"""<?xml version="1.0" encoding="UTF-8"?>
      <html xmlns="http://www.w3.org/1999/xhtml"><head><title>Caldera</title><script src="a.js"/></head>
      <body><a id="x"/><p>La&nbsp;caldera &lt;B&gt; se revisa &eacute;l 3.{end}"""
    made = read(page)
    assert (made.title, made.text) == ("Caldera", "La caldera <B> se revisa él 3.")


@pytest.mark.parametrize("name", ["a.xhtml", "a.XHT", "a.htm"])
def test_pages_are_known_by_their_suffixes(name: str) -> None:
    assert format_of(name) is DocumentFormat.HTML


# Hostile pages


@pytest.mark.parametrize(
    "page",
    [
        "<style>" + "a{" * 50_000 + "</style><p>Hola.</p>",
        "<style>" + "/*" * 50_000 + "</style><p>Hola.</p>",
        "<style>" + ".a .a .a{color:red}" * 20_000 + "</style>" + "<p class=a>Hola.</p>" * 2_000,
        "<nav>" * 150 + "<p>Hola.</p>" * 20_000,
        "<p style='" + "color:red;" * 50_000 + "'>Hola.</p>",
        "<!--" * 100_000 + "--><p>Hola.</p>",
        "<p hidden>x</p>" * 20_000 + "<p>Hola.</p>",
        "<table>" + "<tr><td rowspan=9999 colspan=9999>a<td>b" * 300 + "</table><p>Hola.</p>",
        "<ol start=99999999999999999999 reversed><li value=-99999999999999999999>Hola.</ol>",
        "<table><tr><td colspan=x rowspan=-1>Hola.<td>b</table>",
    ],
    ids=lambda page: page[:20],
)
def test_hostile_pages_are_read_in_linear_time(page: str) -> None:
    assert "Hola." in read(page).text


def test_a_page_nested_deeper_than_any_is_refused() -> None:
    with pytest.raises(InputInvalid, match=r"nests elements deeper than 200|cannot be read as HTML|no text"):
        read("<div>" * 250 + "Hola.")
