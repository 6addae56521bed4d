"""Markdown (CommonMark and tables) to text and blocks, through markdown-it."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_text
from edge_agent.ingest.parsing.grid import Cell, add_table
from edge_agent.settings import ParsingLimits
from edge_agent.text import MAX_TAG_CHARS

_PARSER = MarkdownIt("commonmark", {"html": True}).enable("table").use(front_matter_plugin)
_FRONT_MATTER_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE)

_FRONT_MATTER_TAGS = re.compile(r"^tags:[ \t]*(?:(\S.*)|((?:\n[ \t]*-[ \t].*)+))$", re.MULTILINE)


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title and blocks of a Markdown document.

    The title is the front matter's, or the first top-level heading; tags are the front matter's, written as a list;
    the rest of the front matter, HTML tags, comments and images are left out. Bullets and numbers of lists are kept,
    since an answer that cites a list reads badly without them.
    """
    text, encoding = decode_text(content)
    parser = _Parser()
    opening = Token("", "", 0)
    for token in _PARSER.parse(text):
        parser.read(token, opening)
        opening = token
    return parser.builder.build(parser.title, tags=parser.tags, encoding=encoding)


class _Parser:
    """Follows markdown-it's flat stream of tokens: which lists are open, which row, which mark waits for its item."""

    def __init__(self) -> None:
        self.title: str | None = None
        self.tags: list[str] = []
        self.builder = TextBuilder()
        self._next_numbers: list[int | None] = []  # of each open list; None for bullets
        self._marker = ""
        self._rows: list[list[Cell]] = []
        self._cells: list[str] = []

    def read(self, token: Token, previous: Token) -> None:
        """Reads the next token; `previous` is the one before it, which opened whatever an inline token is in."""
        match token.type:
            case "front_matter":
                found = _FRONT_MATTER_TITLE.search(token.content)
                self.title = found[1].strip("\"'") if found else None
                self.tags = _front_matter_tags(token.content)
            case "bullet_list_open" | "ordered_list_open":
                is_bullets = token.type == "bullet_list_open"
                self._next_numbers.append(None if is_bullets else int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                self._next_numbers.pop()
            case "list_item_open":
                self._start_item()
            case "tr_close":
                self._rows.append([Cell(text) for text in self._cells])
                self._cells = []
            case "table_close":
                add_table(self.builder, self._rows, header_rows=1)
                self._rows = []
            case "fence" | "code_block":
                self.builder.code(token.content)
            case "inline":
                self._read_line(_plain(token), previous)

    def _start_item(self) -> None:
        number = self._next_numbers[-1]
        self._marker = "-" if number is None else f"{number}."
        if number is not None:
            self._next_numbers[-1] = number + 1

    def _read_line(self, line: str, opening: Token) -> None:
        if opening.type == "heading_open":
            level = int(opening.tag[1])
            if level == 1 and self.title is None:
                self.title = line
            self.builder.heading(line, level)
        elif opening.type in ("th_open", "td_open"):
            self._cells.append(line)
        else:
            if self._marker:
                self.builder.item(line, marker=self._marker, depth=len(self._next_numbers))
            else:
                self.builder.paragraph(line)
            self._marker = ""


def _front_matter_tags(front_matter: str) -> list[str]:
    """The tags of `tags: [a, b]`, `tags: a, b`, or a list of one a line."""
    found = _FRONT_MATTER_TAGS.search(front_matter)
    if found is None:
        return []
    items = found[1].strip("[] \t").split(",") if found[1] else re.findall(r"-[ \t](.*)", found[2])
    return [tag for item in items if 0 < len(tag := item.strip(" \t\"'")) <= MAX_TAG_CHARS]


def _plain(inline: Token) -> str:
    """The text of an inline token on one line, without marks, tags and images."""
    parts = []
    for child in inline.children or []:
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
    return " ".join("".join(parts).split())
