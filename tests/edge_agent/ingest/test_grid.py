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
