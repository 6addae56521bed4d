"""Rendering of an answer: how what is cited reads together, as Markdown and as plain text.

Deciding code: no I/O. Quotes stay verbatim in the citations; here rows lose the marks between their cells, lists and
code are set as such, and what a reader of Markdown would take for mark-up is escaped.
"""

import re
from collections.abc import Callable, Sequence

from edge_agent.answering.results import Citation
from edge_agent.answering.sections import ITEM, MOST_SPACE
from edge_agent.ingest.parsing.grid import CELL_GAP
from edge_agent.storage.records import PassageKind

_MARKS = re.compile(r"[*`<]|(?<![^\W_])_+|_+(?![^\W_])|\\(?=[*`<_\\])")
_LEADING = re.compile(r"(?:#{1,6} |>|\+ |={3,}|-{3,}|~{3,})")
_TICKS = re.compile(r"`{3,}")


def answer_markdown(citations: Sequence[Citation], *, is_disputed: bool = False) -> str:
    """The answer that citations make, in CommonMark.

    Where versions say different things, each stands after its document's title and date.
    """
    return _joined(citations, _as_markdown, "**{}:** ", is_disputed=is_disputed)


def answer_text(citations: Sequence[Citation], *, is_disputed: bool = False) -> str:
    """The same as plain text, in the words of the documents."""
    return _joined(citations, _as_text, "{}: ", is_disputed=is_disputed)


def _joined(citations: Sequence[Citation], render: Callable[[Citation], str], name: str, *, is_disputed: bool) -> str:
    parts: list[str] = []
    is_table = (
        sum(_is_row(c) and (n == 0 or not _is_same_row(citations[n - 1], c)) for n, c in enumerate(citations)) > 1
    )
    for before, citation in zip([None, *citations], citations, strict=False):
        is_next = before is not None and _is_same_row(before, citation)
        if before is not None:
            parts.append(_gap(before, citation))
        if is_disputed and (before is None or before.document_id != citation.document_id):
            parts.append(name.format(_name(citation)))
        elif is_table and _is_row(citation) and not is_next and not is_disputed:
            parts.append("- ")
        parts.append(render(citation))
    return "".join(parts)


def _gap(before: Citation, citation: Citation) -> str:
    """The space between two citations: what stands between them in the text where they are neighbors there."""
    space = citation.start - before.end
    is_near = before.document_id == citation.document_id and before.heading == citation.heading
    if _is_same_row(before, citation):
        return "; "
    if _is_row(before) and _is_row(citation):
        return "\n"
    if not is_near or not 0 <= space <= MOST_SPACE or _is_row(before) or _is_row(citation):
        return "\n\n"
    if ITEM.match(citation.quote) and space % 2:
        return "\n" + "    " * (space // 2)
    if space > 1:
        return "\n\n"
    return "\n" if PassageKind.CODE in (before.kind, citation.kind) else " " * space


def _is_row(citation: Citation) -> bool:
    return citation.kind is PassageKind.TABLE_ROW


def _is_same_row(before: Citation, citation: Citation) -> bool:
    return _is_row(citation) and before.passage_id == citation.passage_id


def _as_text(citation: Citation) -> str:
    return citation.quote.replace(CELL_GAP, "; ") if _is_row(citation) else citation.quote


def _as_markdown(citation: Citation) -> str:
    if _is_row(citation):
        return "; ".join(_cell(cell) for cell in citation.quote.split(CELL_GAP))
    if citation.kind is PassageKind.CODE:
        fence = "`" * max(3, *(len(ticks[0]) + 1 for ticks in _TICKS.finditer(citation.quote)), 3)
        return f"{fence}\n{citation.quote}\n{fence}"
    lines = citation.quote.split("\n")
    return "\n".join(_line(line, following) for line, following in zip(lines, [*lines[1:], ""], strict=True))


def _line(line: str, following: str) -> str:
    """A line of a quote; one that another line of its paragraph follows ends with a break."""
    mark = ITEM.match(line)
    if mark:
        indent = len(line) - len(line.lstrip(" "))
        sign = line[indent : mark.end()]
        sign = sign if mark[1] or sign[0] in "-*" else f"- {sign}" if sign[0].isalnum() else "- "
        return " " * (2 * indent) + sign + _escaped(line[mark.end() :])
    is_broken = line.strip() and following.strip() and not ITEM.match(following)
    return _escaped(line) + ("  " if is_broken else "")


def _cell(cell: str) -> str:
    name, gap, value = cell.partition(": ")
    return f"**{_escaped(name)}**: {_escaped(value)}" if gap else _escaped(cell)


def _escaped(text: str) -> str:
    """Text in which no character is taken for a mark."""
    escaped = _MARKS.sub(lambda found: "".join(f"\\{sign}" for sign in found[0]), text)
    return f"\\{escaped}" if _LEADING.match(escaped) else escaped


def _name(citation: Citation) -> str:
    """The title of a version and what tells it apart, where its title does not: its date, else its source."""
    if citation.date and citation.date[:4] in citation.title:
        return citation.title
    return f"{citation.title} ({citation.date or citation.source})"
