"""PDFs: columns, tables, lists, running heads, hidden text and titles, with files of real writers."""

import io
from collections.abc import Callable

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject, NumberObject
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import SimpleDocTemplate, Table, TableStyle

from edge_agent.errors import ContentTooLarge, FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.pdf.accents import accent
from edge_agent.ingest.parsing.pdf.layout import joined
from edge_agent.settings import ParsingLimits

_WIDTH, _HEIGHT = A4
Draw = Callable[[Canvas], None]


def read(content: bytes) -> Extract:
    return extract(content, DocumentFormat.PDF, ParsingLimits())


def make(*pages: Draw, title: str = "untitled") -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.setTitle(title)
    for draw in pages:
        canvas.setFont("Helvetica", 11)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def lines(*texts: str, x: float = 72, y: float = 760, step: float = 14) -> Draw:
    def draw(canvas: Canvas) -> None:
        for number, text in enumerate(texts):
            canvas.drawString(x, y - step * number, text)

    return draw


def blocks(made: Extract) -> list[tuple[str, str]]:
    return [(block.kind.value, made.text[block.start : block.end]) for block in made.blocks]


def texts(content: bytes) -> list[str]:
    return [text for _, text in blocks(read(content))]


LEFT = ("Desk staff may accept parcels", "for tenants until eight in the", "evening on weekdays only.")
RIGHT = ("Bicycles are kept in the yard", "behind the main building and", "must carry the yellow tag.")


@pytest.mark.parametrize("is_by_rows", [True, False])
def test_columns_are_read_one_after_the_other_however_they_are_drawn(is_by_rows: bool) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 11)
        places = [(72, 700 - 14 * n, text) for n, text in enumerate(LEFT)]
        others = [(310, 700 - 14 * n, text) for n, text in enumerate(RIGHT)]
        ordered = [one for pair in zip(places, others, strict=True) for one in pair] if is_by_rows else places + others
        for x, y, text in ordered:
            canvas.drawString(x, y, text)

    assert texts(make(draw)) == [" ".join(LEFT), " ".join(RIGHT)]


def test_a_line_across_the_page_parts_the_columns_above_from_those_below() -> None:
    across = "This sentence is set across the whole of the page and stands between the columns of the two halves."

    def draw(canvas: Canvas) -> None:
        for top in (760, 650):
            for n, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
                canvas.drawString(72, top - 14 * n, left.replace("Desk", f"Desk {top}"))
                canvas.drawString(320, top - 14 * n, right.replace("Bicycles", f"Bicycles {top}"))
        canvas.drawString(72, 690, across)

    starts = [text.split()[:2] for text in texts(make(draw))]
    assert starts == [["Desk", "760"], ["Bicycles", "760"], ["This", "sentence"], ["Desk", "650"], ["Bicycles", "650"]]


def test_a_list_of_numbers_is_a_line_each() -> None:
    made = texts(make(lines("Numbers to call", "Porter 4401", "Gas leak 4402", "Elevator rescue 4403", "Water 4404")))
    assert made == ["Numbers to call", "Porter 4401", "Gas leak 4402", "Elevator rescue 4403", "Water 4404"]


def test_dots_lead_from_a_name_to_its_number() -> None:
    draw = lines("Reception ............ 101", "Laundry ............... 102", "Kitchen and bar ....... 103")
    assert texts(make(draw)) == ["Reception: 101", "Laundry: 102", "Kitchen and bar: 103"]


ROWS = [["Room", "Price", "Breakfast"], ["Single", "48 EUR", "included"], ["Double", "71 EUR", "7 EUR more"]]
WANTED = [
    "Room: Single | Price: 48 EUR | Breakfast: included",
    "Room: Double | Price: 71 EUR | Breakfast: 7 EUR more",
]


@pytest.mark.parametrize("style", [[("GRID", (0, 0), (-1, -1), 0.5, colors.black)], []], ids=["ruled", "aligned"])
def test_rows_of_tables_name_their_columns(style: list[tuple[object, ...]]) -> None:
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4).build([Table(ROWS, style=TableStyle(style))])
    made = read(out.getvalue())
    assert blocks(made) == [("table row", row) for row in WANTED]


def test_merged_cells_are_carried_over_and_a_wide_one_is_a_caption() -> None:
    rows = [["Prices of 2026", "", ""], *ROWS[:2], ["", "52 EUR", "with a view"], ROWS[2]]
    style = [
        ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
        ("SPAN", (0, 0), (2, 0)),
        ("SPAN", (0, 2), (0, 3)),
    ]
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4).build([Table(rows, style=TableStyle(style))])
    assert texts(out.getvalue()) == [
        "Prices of 2026",
        WANTED[0],
        "Room: Single | Price: 52 EUR | Breakfast: with a view",
        WANTED[1],
    ]


def test_a_table_that_goes_on_keeps_the_names_of_its_columns() -> None:
    rows = [ROWS[0], *([f"Room {n}", f"{n} EUR", "included"] for n in range(1, 70))]
    out = io.BytesIO()
    style = [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]
    SimpleDocTemplate(out, pagesize=A4).build([Table(rows, style=TableStyle(style))])
    made = read(out.getvalue())
    assert [made.text[b.start : b.end] for b in made.blocks][
        -1
    ] == "Room: Room 69 | Price: 69 EUR | Breakfast: included"
    assert made.blocks[-1].page > 1
    assert len(made.blocks) == 69


def test_running_heads_and_page_numbers_go_and_a_sentence_over_the_break_is_whole() -> None:
    def page(number: int, *body: str) -> Draw:
        def draw(canvas: Canvas) -> None:
            canvas.drawString(72, 810, "Internal - Desk guide v2.1")
            lines(*body)(canvas)
            canvas.drawString(270, 30, f"Página {number} de 2")

        return draw

    made = read(
        make(
            page(1, "Complaints about noise are answered by the house", "manager, and the guest is called back within"),
            page(2, "thirty minutes of the first call.", "Others wait for the morning."),
        )
    )
    assert made.text.split("\n\n") == [
        "Complaints about noise are answered by the house manager, and the guest is called back within thirty minutes "
        "of the first call.",
        "Others wait for the morning.",
    ]
    assert [block.page for block in made.blocks] == [1, 2]


def test_a_telephone_number_at_the_foot_is_kept_once() -> None:
    def draw(canvas: Canvas) -> None:
        lines(f"Text of page {canvas.getPageNumber()}, which is its own.")(canvas)
        canvas.drawString(72, 30, "Hotel Sol - Tel. 952 123 456")

    made = read(make(draw, draw, draw)).text
    assert made.count("952 123 456") == 1
    assert made.endswith("952 123 456")


def test_headings_are_levels_by_size_and_weight() -> None:
    def draw(canvas: Canvas) -> None:
        for font, size, y, text in (
            ("Helvetica-Bold", 20, 780, "House rules"),
            ("Helvetica-Bold", 14, 740, "Quiet hours"),
            ("Helvetica", 11, 715, "Nobody plays music after eleven at night, in rooms or in the yard."),
            ("Helvetica-Bold", 11, 690, "In summer"),
            ("Helvetica", 11, 675, "In July and August the yard stays open until midnight for guests."),
        ):
            canvas.setFont(font, size)
            canvas.drawString(72, y, text)

    made = read(make(draw))
    assert [(block.level, block.kind is BlockKind.HEADING) for block in made.blocks] == [
        (1, True),
        (2, True),
        (0, False),
        (3, True),
        (0, False),
    ]
    assert made.title == "House rules"


def test_lists_keep_their_marks_and_depth() -> None:
    def draw(canvas: Canvas) -> None:
        for x, y, text in (
            (
                72,
                760,
                "1. Fill in the form that lies at the desk and sign it at the foot, in blue or black ink, please",
            ),
            (86, 746, "and do not fold it."),
            (72, 732, "2. Hand it in."),
            (100, 718, "\x95 By post"),
            (100, 704, "\x95 At the desk"),
        ):
            canvas.drawString(x, y, text.encode("latin-1").decode("cp1252"))

    made = read(make(draw))
    assert [(block.kind, block.level) for block in made.blocks] == [(BlockKind.LIST_ITEM, n) for n in (1, 1, 2, 2)]
    assert made.text.split("\n") == [
        "1. Fill in the form that lies at the desk and sign it at the foot, in blue or black ink, please and do not "
        "fold it.",
        "2. Hand it in.",
        "  • By post",
        "  • At the desk",
    ]


@pytest.mark.parametrize(
    ("parts", "words", "whole"),
    [
        (("reem-", "bolso de gastos"), (), "reembolso de gastos"),
        (("write an e-", "mail"), (), "write an e-mail"),
        (("curso 2024-", "25"), (), "curso 2024-25"),
        (("part-", "time work"), ("part-time",), "part-time work"),
        (("físico-", "Química"), (), "físico-Química"),
        (("one line", "and another"), (), "one line and another"),
    ],
)
def test_words_divided_at_the_end_of_a_line(parts: tuple[str, ...], words: tuple[str, ...], whole: str) -> None:
    assert joined(parts, frozenset(words)) == whole


def test_accents_drawn_apart_are_put_on_their_letters() -> None:
    assert [accent("a", 0xB4), accent("\u0131", 0xB4), accent("n", 0x2DC), accent("x", 0xB4)] == ["á", "í", "ñ", "x´"]


def test_text_that_nobody_sees_is_left_out_and_counted() -> None:
    def draw(canvas: Canvas) -> None:
        lines("Doors close at ten.")(canvas)
        canvas.setFillColorRGB(1, 1, 1)
        canvas.drawString(72, 600, "WHITE")
        canvas.setFillColorRGB(0, 0, 0.5)
        canvas.rect(60, 490, 300, 30, stroke=0, fill=1)
        canvas.setFillColorRGB(1, 1, 1)
        canvas.drawString(72, 500, "On a blue ground it is seen.")
        canvas.setFillColorRGB(0, 0, 0)
        canvas.drawString(900, 500, "OUTSIDE")
        canvas.setFont("Helvetica", 0.5)
        canvas.drawString(72, 400, "TINY")
        canvas.setFont("Helvetica", 11)
        written = canvas.beginText(72, 300)
        written.setTextRenderMode(3)
        written.textLine("UNPAINTED")
        canvas.drawText(written)

    made = read(make(draw))
    assert made.text.split("\n\n") == ["Doors close at ten.", "On a blue ground it is seen."]
    assert made.invisible_chars == len("WHITEOUTSIDETINYUNPAINTED")


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pages_are_read_as_they_are_shown(rotation: int) -> None:
    reader = PdfReader(io.BytesIO(make(lines("The first line is above.", "The second line is below."))))
    writer = PdfWriter()
    page = writer.add_page(reader.pages[0])
    page[NameObject("/Rotate")] = NumberObject(rotation)
    out = io.BytesIO()
    writer.write(out)
    assert texts(out.getvalue()) == ["The first line is above.", "The second line is below."]


def test_a_table_set_sideways_is_read_upright() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.rotate(90)
        for n, (name, value) in enumerate((("Room", "Price"), ("Single", "48 EUR"), ("Double", "71 EUR"))):
            canvas.drawString(100, -100 - 14 * n, name)
            canvas.drawString(250, -100 - 14 * n, value)

    assert texts(make(draw)) == ["Room: Single | Price: 48 EUR", "Room: Double | Price: 71 EUR"]


def test_values_of_form_fields_stand_beside_their_labels() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Name of the guest:")
        canvas.acroForm.textfield(value="Ana Ruiz", x=200, y=694, width=200, height=20)
        canvas.drawString(72, 660, "Arrives on Monday")

    assert texts(make(draw)) == ["Name of the guest: Ana Ruiz", "Arrives on Monday"]


@pytest.mark.parametrize("title", ["untitled", "(anonymous)", "Microsoft Word - Documento1.docx", "scan0001.pdf", ""])
def test_a_default_title_gives_way_to_the_largest_text(title: str) -> None:
    def draw(canvas: Canvas) -> None:
        lines("Rooms are free from three in the afternoon on, and until eleven.")(canvas)
        canvas.setFont("Helvetica", 18)
        canvas.drawString(72, 790, "Arrivals")

    assert read(make(draw, title=title)).title == "Arrivals"
    assert read(make(draw, title="Arrivals and departures")).title == "Arrivals and departures"


def test_the_date_is_that_of_the_last_change() -> None:
    writer = PdfWriter(clone_from=io.BytesIO(make(lines("Doors close at ten."))))
    writer.add_metadata({"/CreationDate": "D:20230102030405Z", "/ModDate": "D:20240506070809+02'00'"})
    out = io.BytesIO()
    writer.write(out)
    assert read(out.getvalue()).date == "2024-05-06"


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
def test_an_empty_password_opens_and_another_is_refused(algorithm: str) -> None:
    for password in ("", "secret"):
        writer = PdfWriter(clone_from=io.BytesIO(make(lines("Doors close at ten."))))
        writer.encrypt(password, "owner", algorithm=algorithm)
        out = io.BytesIO()
        writer.write(out)
        if password:
            with pytest.raises(FormatUnsupported, match="password"):
                read(out.getvalue())
        else:
            assert read(out.getvalue()).text == "Doors close at ten."


def test_junk_before_the_header_is_passed_over() -> None:
    assert read(b"\r\njunk\n" * 20 + make(lines("Doors close at ten."))).text == "Doors close at ten."


def test_a_page_shown_two_thousand_times_is_refused_soon() -> None:
    writer = PdfWriter(clone_from=io.BytesIO(make(lines(*["Words that fill a whole line of this page"] * 50))))
    kids = writer._pages.get_object()
    page = kids["/Kids"][0]  # type: ignore[index]
    kids[NameObject("/Kids")] = ArrayObject([page] * 2_000)  # type: ignore[index]
    kids[NameObject("/Count")] = NumberObject(2_000)  # type: ignore[index]
    out = io.BytesIO()
    writer.write(out)
    with pytest.raises(InputInvalid, match="the same pages more than 50 times"):
        read(out.getvalue())


def test_too_many_characters_are_refused_before_they_are_laid_out() -> None:
    with pytest.raises(ContentTooLarge, match="more than 100 characters"):
        extract(make(lines(*["Words and words"] * 20)), DocumentFormat.PDF, ParsingLimits(chars=100))


OPENING = (
    "Reading rooms are open on week-",
    "days only and close at six. Lockers",
    "take a coin of one pound that comes",
    "back at the end. Photographs need a",
    "permit from the archivist upstairs.",
)
LENDING = (
    "Donations of books are looked at",
    "every Friday by the board, and the",
    "lift is tested each Monday between",
    "eight and nine. The prize is given in",
    "odd years to a local historian who",
    "lives in the county. Talks begin at",
    "seven and tickets cost four pounds.",
    "The car park belongs to the school",
    "and shuts at five on every day. The",
    "garden gate is left open until then.",
)
CLOSING = ("Pens stay in the locker and only", "pencils come into the map room, as", "they do in every other archive.")


@pytest.mark.parametrize("shift", [0, 6])
@pytest.mark.parametrize("is_left", [True, False])
def test_a_ruled_table_is_read_in_the_column_that_it_stands_in(is_left: bool, shift: int) -> None:
    def draw(canvas: Canvas) -> None:
        x, other = (72, 310) if is_left else (310, 72)
        lines(*OPENING, x=x, y=700)(canvas)
        table = Table([["Ticket", "Price"], ["Day", "£2"], ["Year", "£30"]], colWidths=[80, 80], rowHeights=14)
        table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black), ("FONTSIZE", (0, 0), (-1, -1), 9)]))
        table.wrapOn(canvas, 200, 200)
        table.drawOn(canvas, x, 588)
        lines(*CLOSING, x=x, y=572)(canvas)
        lines(*LENDING, x=other, y=700 - shift)(canvas)

    whole = joined(OPENING)
    assert "weekdays" in whole
    column = [whole, "Ticket: Day | Price: £2", "Ticket: Year | Price: £30", " ".join(CLOSING)]
    prose = " ".join(LENDING)
    assert texts(make(draw)) == ([*column, prose] if is_left else [prose, *column])


def test_columns_whose_lines_are_not_level_are_no_table() -> None:
    def draw(canvas: Canvas) -> None:
        lines(*OPENING, *CLOSING, y=700, step=15)(canvas)
        lines(*LENDING, x=310, y=693, step=15)(canvas)

    assert texts(make(draw)) == [joined([*OPENING, *CLOSING]), " ".join(LENDING)]


def test_a_footnote_on_a_page_that_is_not_full_does_not_part_a_sentence() -> None:
    def first(canvas: Canvas) -> None:
        lines("Terraces close at eleven1. Between two neighboring terraces", y=760)(canvas)
        canvas.setFont("Helvetica", 7)
        canvas.drawString(72, 730, "1 Save during the feast in August.")

    second = lines("there must be a space of two meters.", "Awnings stay behind the curb.")
    assert texts(make(first, second)) == [
        "Terraces close at eleven1. Between two neighboring terraces there must be a space of two meters.",
        "1 Save during the feast in August.",
        "Awnings stay behind the curb.",
    ]


def test_a_title_in_the_type_of_the_headings_names_the_document() -> None:
    def draw(canvas: Canvas) -> None:
        for y, text in ((760, "BYLAW OF TERRACES"), (732, "Article 1. Requests"), (676, "Article 2. Hours")):
            canvas.setFont("Helvetica-Bold", 11)
            canvas.drawString(72, y, text)
        canvas.setFont("Helvetica", 10)
        canvas.drawString(72, 714, "Requests are handed in before the end of January, with a plan of the place.")
        canvas.drawString(72, 658, "Terraces close at eleven from Sunday to Thursday, and at one on other days.")

    assert read(make(draw)).title == "BYLAW OF TERRACES"


def test_numbers_set_apart_from_their_steps_are_a_list() -> None:
    def draw(canvas: Canvas) -> None:
        lines("1", "2", "3", y=760)(canvas)
        lines("Collect a green ballot here.", "Mark no more than three names.", "Post it in the box.", x=92)(canvas)

    found = blocks(read(make(draw)))
    assert [kind for kind, _ in found] == ["list item"] * 3
    assert found[1][1] == "2. Mark no more than three names."


@pytest.mark.parametrize(
    ("foot", "is_kept"), [("Internal document", False), ("Delivery costs 3 €", True), ("Closed in May.", True)]
)
def test_a_head_and_foot_of_an_only_page_are_left_out_if_they_say_nothing(foot: str, is_kept: bool) -> None:
    def draw(canvas: Canvas) -> None:
        lines(*LENDING, *LENDING)(canvas)
        canvas.setFont("Helvetica", 8)
        canvas.drawString(72, 815, "Carrow Library")
        canvas.drawString(72, 25, foot)

    text = read(make(draw)).text
    assert "Carrow Library" not in text
    assert (foot in text) is is_kept


def test_a_row_that_the_end_of_a_page_divides_is_one() -> None:
    style = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black)])

    def part(rows: list[list[str]], y: float) -> Draw:
        def draw(canvas: Canvas) -> None:
            table = Table(rows, colWidths=[60, 120, 60], rowHeights=18, style=style)
            table.wrapOn(canvas, 300, 300)
            table.drawOn(canvas, 72, y)

        return draw

    head = ["Code", "Test", "Price"]
    first = part([head, ["R-1", "Blood count", "20 EUR"], ["R-2", "Allergies to grass", "35 EUR"]], 60)
    second = part([head, ["", "and to trees", ""], ["R-3", "Iron", "12 EUR"]], 700)
    assert texts(make(first, second)) == [
        "Code: R-1 | Test: Blood count | Price: 20 EUR",
        "Code: R-2 | Test: Allergies to grass and to trees | Price: 35 EUR",
        "Code: R-3 | Test: Iron | Price: 12 EUR",
    ]
