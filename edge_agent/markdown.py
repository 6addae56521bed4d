"""Markdown (CommonMark and tables) to text and blocks, through markdown-it."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from edge_agent.extraction import BlockKind, Extract, TextBuilder

_PARSER = MarkdownIt("commonmark", {"html": True}).enable("table").use(front_matter_plugin)
_FRONT_MATTER_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE)


def extract_markdown(text: str) -> Extract:
    """Text, title and blocks of a Markdown document.

    The title is the front matter's, or the first top-level heading; the rest of the front matter, HTML tags,
    comments and images are left out. Bullets and numbers of lists are kept, since an answer that cites a list
    reads badly without them.
    """
    title: str | None = None
    builder = TextBuilder()
    lists: list[int | None] = []  # open lists: the next number, or None for bullets
    marker = ""  # the bullet or number waiting for its item's first line
    row: list[str] = []
    tokens = _PARSER.parse(text)
    for position, token in enumerate(tokens):
        match token.type:
            case "front_matter":
                if found := _FRONT_MATTER_TITLE.search(token.content):
                    title = found[1].strip("\"'")
            case "bullet_list_open":
                lists.append(None)
            case "ordered_list_open":
                lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "list_item_open":
                number = lists[-1]
                marker = "- " if number is None else f"{number}. "
                lists[-1] = None if number is None else number + 1
            case "tr_open":
                row = []
            case "tr_close":
                builder.add(" | ".join(row), is_tight=tokens[position - 1].type == "td_close")
            case "fence" | "code_block":
                builder.add(token.content)
            case "inline":
                line = _plain(token)
                around = tokens[position - 1]
                if around.type == "heading_open":
                    level = int(around.tag[1])
                    if level == 1 and title is None:
                        title = line
                    builder.add(line, BlockKind.HEADING, level=level)
                elif around.type in ("th_open", "td_open"):
                    row.append(line)
                else:
                    builder.add(marker + line, is_tight=bool(lists) and not _starts_list(tokens, position))
                    marker = ""
    return builder.build(title)


def _plain(inline: Token) -> str:
    """The text of an inline token on one line, without marks, tags and images."""
    parts = []
    for child in inline.children or []:
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
    return " ".join("".join(parts).split())


def _starts_list(tokens: list[Token], position: int) -> bool:
    """Whether the inline token at a position is the first line of an outermost list."""
    before = [token.type for token in tokens[max(0, position - 3) : position]]
    return before[-2:] == ["list_item_open", "paragraph_open"] and before[0].endswith("list_open") and (
        tokens[position - 3].level == 0
    )
