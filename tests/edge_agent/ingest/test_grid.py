"""Tables of every format: what is in their cells arrives, with the names that a reader sees for it."""

import pytest

from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from tests.edge_agent.ingest.office import shown, tbl, tc
from tests.edge_agent.ingest.test_csv_tables import read as read_csv
from tests.edge_agent.ingest.test_word import read as read_word
from tests.edge_agent.ingest.test_workbooks import book_of, make_xlsx, saved


def read_html(rows: str) -> Extract:
    return extract(f"<p>x</p><table>{rows}</table>".encode(), DocumentFormat.HTML, ParsingLimits())


def read_xlsx(content: bytes) -> Extract:
    return extract(content, DocumentFormat.XLSX, ParsingLimits())


ROWS = [["Kitchen", "7.50", "7.50", "9.25"], ["Hall", "8.00", "8.00", "8.00"]]
AS_TEXT = "\n".join(",".join(row) for row in ROWS)
AS_HTML = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in ROWS)


@pytest.mark.parametrize(
    "made",
    [read_csv(AS_TEXT), read_html(AS_HTML), read_xlsx(make_xlsx(ROWS)), read_word(tbl(*ROWS))],
    ids=["csv", "html", "xlsx", "docx"],
)
def test_equal_neighbours_are_two_cells_and_both_arrive(made: Extract) -> None:
    assert shown(made)[-2:] == ["Kitchen | 7.50 | 7.50 | 9.25", "Hall | 8.00 | 8.00 | 8.00"]


def test_a_cell_over_several_columns_without_names_is_said_once() -> None:
    assert shown(read_word(tbl(["1", "2", "3"], [tc("4"), tc("5", '<w:gridSpan w:val="2"/>')]))) == [
        "1 | 2 | 3",
        "4: 5",
    ]
    book = book_of(Hoja1=[["1", "2", "3"], ["4", "5", None]])
    book.active.merge_cells("B2:C2")
    assert shown(read_xlsx(saved(book))) == ["1 | 2 | 3", "4: 5"]


def test_a_bar_within_a_cell_stands_between_no_cells() -> None:
    made = read_html("<tr><th>Mail</th><th>Port</th></tr><tr><td>STARTTLS | SSL</td><td>587</td></tr>")
    assert shown(made)[-1] == "Mail: STARTTLS / SSL | Port: 587"


def across(text: str, columns: int) -> list[str]:
    return [tc(text, f'<w:gridSpan w:val="{columns}"/>')]


def test_a_title_over_all_columns_is_a_label_above_the_names() -> None:
    made = read_word(tbl(across("Rates 2026", 3), ["Room", "Day", "Night"], ["Hall", "28 €", "28 €"]))
    assert shown(made) == ["####### Rates 2026", "Room: Hall | Day: 28 € | Night: 28 €"]


def test_a_head_of_two_rows_gives_names_of_both() -> None:
    down, goes_on, wide = '<w:vMerge w:val="restart"/>', "<w:vMerge/>", '<w:gridSpan w:val="2"/>'
    made = read_word(
        tbl(
            [tc("Room", down), tc("Weekday", wide), tc("Weekend", down)],
            [tc("", goes_on), tc("day"), tc("evening"), tc("", goes_on)],
            ["Hall", "28 €", "36 €", "52 €"],
        )
    )
    assert shown(made) == ["Room: Hall | Weekday › day: 28 € | Weekday › evening: 36 € | Weekend: 52 €"]


def test_a_name_of_rows_is_no_name_of_a_column() -> None:
    down, goes_on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    made = read_word(tbl([tc("North", down), tc("Normal"), tc("free")], [tc("", goes_on), tc("Urgent"), tc("paid")]))
    assert shown(made) == ["North | Normal | free", "North | Urgent | paid"]


@pytest.mark.parametrize("lone", [across("Kids", 3), ["Kids", "", ""]], ids=["merged", "first cell alone"])
def test_sections_within_a_table_are_labels_that_end_with_it(lone: list[str]) -> None:
    made = read_word(tbl(["Model", "Size", "Price"], lone, ["Wren", "16 in", "210 €"], ["Tit", "20 in", "240 €"]))
    assert shown(made) == [
        "####### Kids",
        "Model: Wren | Size: 16 in | Price: 210 €",
        "Model: Tit | Size: 20 in | Price: 240 €",
    ]


def test_a_record_of_which_only_the_name_is_known_is_no_section() -> None:
    made = read_word(tbl(["Name", "Phone", "Room"], ["Ida", "12 34", "B4"], ["Odile", "", ""], ["Pell", "56 78", "B5"]))
    assert shown(made)[1] == "Name: Odile"


def test_a_merged_row_of_a_sheet_is_a_section_and_no_record() -> None:
    book = book_of(Hoja1=[["Code", "Size", "Price"], ["T1", 6, 9], ["Plugs", None, None], ["T2", 8, 12]])
    book.active.merge_cells("A3:C3")
    assert shown(read_xlsx(saved(book))) == [
        "Code: T1 | Size: 6 | Price: 9",
        "## Plugs",
        "Code: T2 | Size: 8 | Price: 12",
    ]


def test_forms_say_each_value_after_its_label() -> None:
    assert shown(read_word(tbl(["Name of the client", "Ida Pell"], ["Ward", "B4"], ["Diet", "no salt"]))) == [
        "Name of the client: Ida Pell",
        "Ward: B4",
        "Diet: no salt",
    ]
    made = read_word(tbl(["Name", "Ida Pell", "Phone", "0191 555"], ["Ward", "B4", "Bed", "12"]))
    assert shown(made) == ["Name: Ida Pell | Phone: 0191 555", "Ward: B4 | Bed: 12"]
    made = read_word(tbl(["Client:", "Ida"], ["Signature:", ""]))
    assert shown(made) == ["Client: Ida", "Signature:"]
    assert shown(read_xlsx(make_xlsx([["Client:", "Ida"], ["Ward:", "B4"]]))) == ["Client: Ida", "Ward: B4"]
    known = read_word(tbl(["Tutor", "Ida Pell"], ["Address", "Long Lane"], ["Contact", "Odile Ross"]))
    assert shown(known) == ["Tutor: Ida Pell", "Address: Long Lane", "Contact: Odile Ross"]  # by labels of forms


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_row_without_cells_is_no_row(place: int) -> None:
    rows = [["Room", "Price", "Seats"], ["Hall", "28", "90"], ["Yard", "12", "40"]]
    made = read_word(tbl(*rows[:place], [], *rows[place:]))
    assert made.text.split("\n") == ["Room: Hall | Price: 28 | Seats: 90", "Room: Yard | Price: 12 | Seats: 40"]
    form = [["Tutor", "Ida Pell"], ["Address", "Long Lane"], ["Contact", "Odile Ross"]]
    assert "Odile Ross" in read_word(tbl(*form[:place], [], *form[place:])).text


@pytest.mark.parametrize(
    "rows",
    [
        [["Room", "Price"], ["Hall", "28 €"], ["Kitchen", "free"], ["Yard", "12 €"]],
        [["Step", "Who", "What", "Where"], ["Ask", "Ida", "form", "desk"], ["Sign", "Pell", "card", "hall"]],
        [["Model", "Price 2026", "Color", "Price 2027"], ["Wren", "210 €", "red", "220 €"]],
    ],
)
def test_a_table_without_marks_of_its_head_is_no_form(rows: list[list[str]]) -> None:
    assert f"{rows[0][0]}: {rows[1][0]} | {rows[0][1]}: {rows[1][1]}" in read_word(tbl(*rows)).text
