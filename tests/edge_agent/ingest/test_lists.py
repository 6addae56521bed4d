"""Levels of lists: an item that stands below another is indented below it, in every format that has levels."""

import numpy as np
import pytest

from edge_agent.ingest.chunking import chunk
from edge_agent.ingest.parsing.blocks import BlockKind, Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.units import unit_spans
from edge_agent.settings import ParsingLimits
from tests.edge_agent.ingest.office import make_word

LEVELS = "- Look at the panel\n- If it is silent:\n  - restart it\n    - by hand\n  - wait\n- Write the report"
MARKED = LEVELS.replace("    -", "        -").replace("\n  -", "\n    -")
PAGE = """<body><h1>Alarm</h1><p>Do this.</p><ul><li>Look at the panel</li><li>If it is silent:<ul><li>restart it
  <ul><li>by hand</li></ul></li><li>wait</li></ul></li><li>Write the report</li></ul></body>"""
STYLES = {"A": "List Bullet", "B": "List Bullet 2", "C": "List Bullet 3"}
ITEMS = (
    ("A", "Look at the panel"),
    ("A", "If it is silent:"),
    ("B", "restart it"),
    ("C", "by hand"),
    ("B", "wait"),
    ("A", "Write the report"),
)


def read(content: str | bytes, document_format: DocumentFormat) -> Extract:
    content = content.encode() if isinstance(content, str) else content
    return extract(content, document_format, ParsingLimits())


def word() -> bytes:
    """A list whose levels are styles, each with a list of its own, as Word's styles for lists are."""
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/><w:pPr><w:numPr>'
        f'<w:numId w:val="{n}"/></w:numPr></w:pPr></w:style>'
        for n, (key, name) in enumerate(STYLES.items(), start=1)
    )
    numbering = "".join(
        f'<w:abstractNum w:abstractNumId="{n}"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="·"/>'
        f'</w:lvl></w:abstractNum><w:num w:numId="{n}"><w:abstractNumId w:val="{n}"/></w:num>'
        for n in (1, 2, 3)
    )
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>' for style, text in ITEMS
    )
    return make_word(f"<w:p><w:r><w:t>Do this.</w:t></w:r></w:p>{body}", styles=styles, numbering=numbering)


def rich(of_item: str) -> str:
    """A list whose items begin with control words for their level."""
    sheet = "".join(
        rf"{{\s{n}\sbasedon0\f6\fs20 {name};}}" for n, name in enumerate(["Normal", "heading 1", *STYLES.values()])
    )
    items = ""
    for style, text in ITEMS:
        place = "ABC".index(style)
        begins = of_item.format(style=2 + place, indent=360 * (1 + place))
        items += rf"\pard {{\listtext\'b7\tab}}{begins} {text}\par"
    return rf"{{\rtf1\ansi{{\stylesheet{sheet}}}\pard\s1 Alarm\par\pard Do this.\par{items}}}"


@pytest.mark.parametrize(
    ("document_format", "content"),
    [
        (DocumentFormat.MARKDOWN, f"# Alarm\n\nDo this.\n\n{MARKED}\n"),
        (DocumentFormat.TEXT, f"ALARM\n\nDo this.\n\n{LEVELS}\n"),
        (DocumentFormat.TEXT, f"ALARM\n\nDo this.\n\n{MARKED}\n"),
        (DocumentFormat.TEXT, f"ALARM\n\nDo this.\n\n{LEVELS.replace('  ', chr(9))}\n"),
        (DocumentFormat.TEXT, "ALARM\n\nDo this.\n" + "".join(f"  {line}\n" for line in LEVELS.split("\n"))),
        (DocumentFormat.HTML, PAGE),
        (DocumentFormat.DOCX, word()),
        (DocumentFormat.RTF, rich(r"\s{style}\ilvl0\ls1")),
        (DocumentFormat.RTF, rich(r"\li{indent}\fi-360")),
    ],
    ids=[
        "markdown",
        "text",
        "text by 4",
        "text by tabs",
        "text indented",
        "html",
        "word",
        "rtf by style",
        "rtf by indent",
    ],
)
def test_items_below_an_item_are_indented_below_it(document_format: DocumentFormat, content: str | bytes) -> None:
    made = read(content, document_format)
    assert made.text.split("Do this.\n\n")[1] == LEVELS
    assert all(made.text[block.start] != " " for block in made.blocks)


def test_numbers_of_two_levels_do_not_collide() -> None:
    made = read("1. Choose a room\n    1. Hall\n    2. Garden\n2. Pay\n", DocumentFormat.MARKDOWN)
    assert made.text == "1. Choose a room\n  1. Hall\n  2. Garden\n2. Pay"


def test_numbers_set_flush_right_are_of_one_level() -> None:
    made = read("STEPS\n\n 9. Pay\n10. Sign\n11. Go\n", DocumentFormat.TEXT)
    assert made.text == "STEPS\n\n9. Pay\n10. Sign\n11. Go"


def test_a_list_that_begins_deep_is_not_indented_as_a_whole() -> None:
    builder = TextBuilder()
    for depth, text in ((3, "a"), (4, "b"), (2, "c"), (4, "d")):
        builder.item(text, depth=depth)
    assert builder.build().text == "- a\n  - b\n- c\n  - d"


def test_text_between_items_does_not_end_their_level() -> None:
    made = read("- Stop it:\n\n  Call first.\n\n  - by key\n- Start it\n", DocumentFormat.MARKDOWN)
    assert made.text == "- Stop it:\n\nCall first.\n\n  - by key\n- Start it"


def test_what_is_quoted_of_a_list_begins_with_no_space() -> None:
    made = read(PAGE, DocumentFormat.HTML)
    passages = chunk(made, np.arange(len(made.text)), max_tokens=60)
    assert len(passages) > 1
    for passage in passages:
        text = made.text[passage.start : passage.end]
        assert text == text.strip()
        units = [text[start:end] for start, end in unit_spans(text, passage.kind)]
        assert units == [unit.strip() for unit in units]
    assert [b.kind for b in made.blocks].count(BlockKind.LIST_ITEM) == len(ITEMS)
