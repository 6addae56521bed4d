"""CSV and TSV as spreadsheets and exports write them: rows are units, whatever the dialect."""

import csv
import io

import pytest

from edge_agent.errors import ContentTooLarge
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits

HEADER = ["Producto", "Precio", "Plazo"]
ROWS = [["Cable HDMI, 2 m", "9,90 €", "24 horas"], ["Monitor de 27 pulgadas", "189,00 €", "10 días"]]
EXPECTED = [
    "Producto: Cable HDMI, 2 m | Precio: 9,90 € | Plazo: 24 horas",
    "Producto: Monitor de 27 pulgadas | Precio: 189,00 € | Plazo: 10 días",
]


def read(text: str, document_format: DocumentFormat = DocumentFormat.CSV) -> Extract:
    return extract(text.encode(), document_format, ParsingLimits())


def texts(made: Extract) -> list[str]:
    return [made.text[block.start : block.end] for block in made.blocks]


def kinds(made: Extract) -> list[tuple[str, str]]:
    return [(block.kind.value, made.text[block.start : block.end]) for block in made.blocks]


def written(rows: list[list[str]], delimiter: str = ";", line_end: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_each_row_is_one_block_with_the_names_of_its_columns(delimiter: str, line_end: str) -> None:
    made = read(written([HEADER, *ROWS], delimiter, line_end))
    assert kinds(made) == [("table row", text) for text in EXPECTED]


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\n" + written([HEADER, *ROWS]),
        '"sep=;"\n' + written([HEADER, *ROWS]),
        written([HEADER, *ROWS]).replace("\r\n", ";;\r\n"),
        written([[*HEADER, "", ""], *ROWS]),
        written([HEADER, ROWS[0], [], ["", "", ""], ROWS[1], []]),
        written([HEADER, ROWS[0], HEADER, ROWS[1]]),
        "\n\n" + written([HEADER, *ROWS]),
        "\ufeff" + written([HEADER, *ROWS]),
    ],
    ids=[
        "sep",
        "quoted sep",
        "empty columns",
        "unnamed columns",
        "blank rows",
        "repeated header",
        "blank first",
        "BOM",
    ],
)
def test_what_spreadsheets_put_around_rows_is_no_row(text: str) -> None:
    assert texts(read(text)) == EXPECTED


def test_a_title_above_the_header_is_a_heading_and_a_note_a_paragraph() -> None:
    made = read(written([["Lista de precios"], ["Sin IVA, válida hasta fin de año."], [], HEADER, *ROWS]))
    assert texts(made) == ["Lista de precios", "Sin IVA, válida hasta fin de año.", *EXPECTED]
    close = read(written([["Lista de precios", "", ""], HEADER, *ROWS]))
    assert kinds(close)[0] == ("heading", "Lista de precios")
    assert texts(close)[1:] == EXPECTED
    assert made.title == close.title == "Lista de precios"
    noted = read(written([["Lista de precios"], ["a 3 de marzo"], [], HEADER, *ROWS]))
    assert (noted.title, kinds(noted)[:2]) == (
        "Lista de precios",
        [("heading", "Lista de precios"), ("paragraph", "a 3 de marzo")],
    )
    two = read(written([["Cables"], HEADER, ROWS[0], [], ["Monitores"], HEADER, ROWS[1]]))
    assert two.title is None


def test_html_in_fields_is_read_as_its_text() -> None:
    made = read(written([["Code", "Meaning"], ["E1", "<p>Call <b>Ana</b> &amp; wait.</p>"], ["E2", "a < b &gt; c"]]))
    assert texts(made) == ["Code: E1 | Meaning: Call Ana & wait.", "Code: E2 | Meaning: a < b > c"]


def test_a_table_without_a_header_names_nothing() -> None:
    assert texts(read("Madrid;5501\nSevilla;5502\nVigo;5504\n")) == ["Madrid: 5501", "Sevilla: 5502", "Vigo: 5504"]
    people = "Ana,Ventas,ana@x.example\nLuis,Compras,luis@x.example\n"
    assert texts(read(people))[0] == "Ana | Ventas | ana@x.example"
    assert texts(read("Ana,Ventas\nLuis,Compras\nEva,Ventas\n"))[0] == "Ana: Ventas"


def test_names_may_be_empty_twice_the_same_or_years() -> None:
    assert texts(read("Zona,,Precio,Precio\nNorte,a,1,2\n")) == ["Zona: Norte | a | Precio: 1 | Precio: 2"]
    assert texts(read("Zona,2024,2025\nNorte,10,12\nSur,7,9\n"))[0] == "Zona: Norte | 2024: 10 | 2025: 12"


def test_a_header_of_two_rows_is_joined() -> None:
    made = read("Zona,Precio,,Plazo\n,Con IVA,Sin IVA,\nNorte,12,10,3\nSur,24,20,5\n")
    assert texts(made)[0] == "Zona: Norte | Precio › Con IVA: 12 | Precio › Sin IVA: 10 | Plazo: 3"


def test_sections_between_rows_are_headings() -> None:
    made = read(written([HEADER, ["CABLES", "", ""], ROWS[0], ["PANTALLAS", "", ""], ROWS[1]]))
    assert texts(made) == ["CABLES", EXPECTED[0], "PANTALLAS", EXPECTED[1]]


def test_rows_of_questions_and_answers_are_told_by_names_or_by_what_they_hold() -> None:
    expected = [
        ("heading", "¿Cómo pago?"),
        ("paragraph", "Con tarjeta, o transferencia"),
        ("heading", "¿Y si; no?"),
        ("paragraph", "Se corta\nel servicio"),
    ]
    rows = '¿Cómo pago?;Con tarjeta, o\ttransferencia\n"¿Y si; no?";"Se corta\nel servicio"\n'
    for header in ("Pregunta;Respuesta\n", "Preguntas frecuentes;Contestación\n", "Tema;Texto\n", ""):
        assert kinds(read(header + rows)) == expected
    made = read("id,Question,Answer,Tags\n7,How do I pay?,By card.,money\n")
    assert texts(made) == ["How do I pay?", "By card.", "id: 7 | Tags: money"]


def test_tickets_are_sections_and_name_their_fields() -> None:
    body, resolution = "No llega el correo desde ayer. " * 8, "Se renovó el dominio. " * 9
    made = read(written([["id", "asunto", "body", "resolution"], ["7", "Correo", body, resolution]], ","))
    assert kinds(made) == [
        ("heading", "Correo"),
        ("table row", "id: 7"),
        ("paragraph", f"body: {body.strip()}"),
        ("paragraph", f"resolution: {resolution.strip()}"),
    ]


def test_a_row_with_too_many_fields_is_named_and_the_others_are_read() -> None:
    made = read("question,answer\nWhere is the archive?,Basement, room 2\nWho signs leave?,The team lead.\n")
    assert texts(made) == ["Where is the archive?", "Basement, room 2", "Who signs leave?", "The team lead."]
    assert made.notices == ("row 2 has 3 fields, the header 2: read with the surplus joined",)
    made = read("a;b\nuno;1;more\ndos;2\ntres;3\n")
    assert texts(made) == ["a: uno | b: 1 | more", "a: dos | b: 2", "a: tres | b: 3"]
    assert made.notices == ("row 2 has 3 fields, the header 2: the surplus has no column name",)


def test_rows_with_fields_missing_are_read_and_named() -> None:
    full = "".join(f"{n};x;y;z;w\n" for n in range(20))
    made = read(f"n;b;c;d;e\n{full}20;q\n")
    assert texts(made)[-1] == "n: 20 | b: q"
    assert made.notices == ("row 22 has 2 fields, the header 5: read as far as named",)


def test_a_quote_that_is_never_closed_costs_its_own_row_at_most() -> None:
    made = read('a;b\nuno;"dos\ntres;cuatro\ncinco;"seis"\nsiete;ocho\n')
    assert texts(made) == ["a: uno | b: dos", "a: tres | b: cuatro", "a: cinco | b: seis", "a: siete | b: ocho"]
    assert made.notices == ("line 2 has a quote that is never closed; read to the end of the line",)


def test_quotes_inside_a_field_are_text() -> None:
    made = read('Producto,Precio\nMonitor 27",189\n"El ""bueno""",12\n"Otro" más,15\n')
    assert texts(made) == [
        'Producto: Monitor 27" | Precio: 189',
        'Producto: El "bueno" | Precio: 12',
        'Producto: "Otro" más | Precio: 15',
    ]


def test_a_header_with_commas_in_quotes_is_one_name() -> None:
    assert texts(read('"Precio, con IVA",Plazo\n"12,5",3 días\n')) == ["Precio, con IVA: 12,5 | Plazo: 3 días"]


def test_control_characters_and_nul_are_spaces() -> None:
    long = "".join(f"Fila {n};{n}\n" for n in range(40))
    assert texts(read("Nombre;N\nUno\x00dos;1\x1f\n" + long))[0] == "Nombre: Uno dos | N: 1"


def test_one_column_is_a_list() -> None:
    assert texts(read("Nombre\nAna\nLuis\n")) == ["Nombre", "Ana", "Luis"]


def test_wide_and_long_tables_are_refused_with_what_to_do() -> None:
    with pytest.raises(ContentTooLarge, match=r"200 fields a row .*; split the table"):
        read(",".join(f"a{n}" for n in range(201)))
    with pytest.raises(ContentTooLarge, match="more than 50000 rows"):
        read("a,b\n" * 50_001)


def test_quotes_without_end_take_linear_time() -> None:
    assert read('"' * 200_001 + "\n" + 'a;"b\n' * 20_000).text


def test_tab_separated_files_are_tables_too() -> None:
    assert texts(read(written([HEADER, *ROWS], "\t"), DocumentFormat.TSV)) == EXPECTED
