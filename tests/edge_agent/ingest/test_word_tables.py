"""Tables of Word: rows with their columns, merged and nested cells, odd rows."""
# ruff: noqa: E501

import pytest

from tests.edge_agent.ingest.office import p, shown, tbl, tc
from tests.edge_agent.ingest.test_word import read


def test_merged_cells_are_carried_over() -> None:
    down, goes_on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    made = read(
        tbl(
            ["Zona", "Servicio", "Precio"],
            [tc("Norte", down), tc("Normal"), tc("4 €")],
            [tc("no se ve", goes_on), tc("Urgente"), tc("9 €")],
            [tc("Sur"), tc("no hay", '<w:gridSpan w:val="2"/>')],
        )
        + "<w:tbl><w:tr>" + tc("A") + tc("B") + tc("C") + '</w:tr><w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr>' + tc("b")
        + tc("c") + "</w:tr></w:tbl>"
    )  # fmt: skip
    assert shown(made) == [
        "Zona: Norte | Servicio: Normal | Precio: 4 €",
        "Zona: Norte | Servicio: Urgente | Precio: 9 €",
        "Zona: Sur | Servicio: no hay | Precio: no hay",
        "A",
        "B: b | C: c",
    ]
    assert made.invisible_chars == len("noseve")


@pytest.mark.parametrize(
    "row", [[tc("x"), tc("y", "<w:vMerge/>")], [tc("x", '<w:gridSpan w:val="many"/>'), tc("y")], [tc("x", '<w:gridSpan w:val="-4"/>')]]
)  # fmt: skip
def test_a_malformed_row_never_refuses_the_document(row: list[str]) -> None:
    made = read(p("Texto.") + tbl(["a"], row) + p("Sigue."))
    assert "Texto." in made.text and "x" in made.text and "Sigue." in made.text
    assert [notice for notice in made.notices if "row 2" in notice] == (
        ["table 1, row 2: a merged cell whose beginning is missing; read as it is"] if "vMerge" in row[-1] else []
    )


def test_heads_of_tables_that_repeat_name_the_columns_and_deleted_rows_are_out() -> None:
    head = "<w:tr><w:trPr><w:tblHeader/></w:trPr><w:tc>{}</w:tc><w:tc>{}</w:tc></w:tr>"
    deleted = f"<w:tr><w:trPr><w:del/></w:trPr>{tc('Fuera')}{tc('1')}</w:tr>"
    made = read("<w:tbl>" + head.format(p("2024"), p("2025")) + deleted + f"<w:tr>{tc('10')}{tc('11')}</w:tr></w:tbl>")
    assert shown(made) == ["2024: 10 | 2025: 11"]


def test_nested_tables_stay_in_their_row_with_their_columns() -> None:
    inner = tbl(["Modelo", "Precio"], ["A1", "900 €"], ["B2", "700 €"])
    made = read(
        tbl(["Línea", "Modelos"], ["Portátiles", f"<w:tc>{inner}<w:p/></w:tc>"])
        + tbl([f"<w:tc>{p('Aviso.')}{inner}<w:p/></w:tc>"])
    )
    assert shown(made) == [
        "Línea: Portátiles | Modelos: Modelo: A1, Precio: 900 €; Modelo: B2, Precio: 700 €",
        "Aviso.",
        "Modelo: A1 | Precio: 900 €",
        "Modelo: B2 | Precio: 700 €",
    ]
