"""Merging: the blocks of one document added to another, as a header or a page inside it."""

import re

from edge_agent.ingest.parsing.blocks import BlockKind, Extract, TextBuilder

_PAGE_WORDS = re.compile(r"(?:p[aá]g(?:ina|s?\.)?|page|of|de|seite|von|[\W\d_])*", re.IGNORECASE)


def is_page_number(text: str) -> bool:
    """Whether the text of a header or footer says nothing but which page it is on."""
    return bool(_PAGE_WORDS.fullmatch(text))


def add_extract(builder: TextBuilder, made: Extract, *, page: int = 0) -> None:
    """Adds the blocks of another document, and what was left out of it."""
    before: BlockKind | None = None
    for block in made.blocks:
        text = made.text[block.start : block.end]
        if block.closes:
            builder.end_scope(block.closes)
        match block.kind:
            case BlockKind.HEADING:
                builder.heading(text, block.level, page=page)
            case BlockKind.LIST_ITEM:
                marker, _, rest = text.partition(" ")
                builder.item(rest, marker=marker, depth=block.level, page=page)
            case BlockKind.TABLE_ROW:
                builder.row(text, page=page, is_first=before is not BlockKind.TABLE_ROW)
            case BlockKind.CODE:
                builder.code(text, page=page)
            case BlockKind.PARAGRAPH:
                builder.paragraph(text, page=page)
        before = block.kind
    builder.add_omissions(made)
