"""What must be found in a parsed document, of the abstract one that it was written from."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.ingest.parsing.blocks import BlockKind, Extract
from tests.edge_agent.ingest.documents.abstract import (
    Code,
    Document,
    Heading,
    Hidden,
    Items,
    Pair,
    Paragraph,
    Table,
)

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Allowances:
    """What a format cannot hold, or shows in another way, so that it is not asked for.

    Attributes:
        is_table: it holds tables and questions with answers alone.
        has_headings, has_levels: headings are marked as such; they say their level.
        has_depth: items say how deep they are.
        has_tables, has_notes, has_hidden: its writer writes them.
        has_title: it holds a title of its own.
        has_code: code is marked as such.
        is_head_shown: the running head arrives, once; else never, where there are several pages.
        is_title_shown: the title is part of the text too.
        own_words: what the format adds by itself, as a mail its addresses.
    """

    is_table: bool = False
    has_headings: bool = True
    has_levels: bool = True
    has_depth: bool = True
    has_tables: bool = True
    has_notes: bool = True
    has_hidden: bool = True
    has_title: bool = True
    has_code: bool = False
    is_head_shown: bool = False
    is_title_shown: bool = False
    own_words: str = ""


def faults_of(document: Document, made: Extract, allowed: Allowances) -> list[str]:
    """What is wrong with a parsed document, most telling first; nothing where all is as it must be."""
    found = _Found(made)
    return [
        *_word_faults(document, found, allowed),
        *(fault for block in document.blocks for fault in _block_faults(block, found, allowed)),
        *_hidden_faults(document, made, allowed),
        *_title_faults(document, made, allowed),
    ]


class _Found:
    """The blocks of a parsed document, by their words."""

    def __init__(self, made: Extract) -> None:
        self.blocks = [(block.kind, block.level, made.text[block.start : block.end]) for block in made.blocks]
        self.indents = [_spaces_before(made.text, block.start) for block in made.blocks]
        self.words: list[str] = []
        self.is_one_page = {block.page for block in made.blocks} == {1}
        self._block_of: dict[str, list[int]] = {}
        for number, (kind, _, text) in enumerate(self.blocks):
            shown = text.split(" ", 1)[-1] if kind is BlockKind.LIST_ITEM else text  # without its mark
            for word in words_of(shown):
                self.words.append(word)
                self._block_of.setdefault(word, []).append(number)

    def number_of(self, text: str) -> int | None:
        """The number of the one block that holds all words of a text; None where there is no such block."""
        holders = [set(self._block_of.get(word, ())) for word in words_of(text)]
        common = set.intersection(*holders) if holders else set()
        return min(common, default=None)


def _spaces_before(text: str, place: int) -> int:
    return place - len(text[:place].rstrip(" "))


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def _word_faults(document: Document, found: _Found, allowed: Allowances) -> Iterator[str]:
    ordered = [word for text in _ordered_texts(document, allowed) for word in words_of(text)]
    known = set(ordered)
    arrived = list(dict.fromkeys(word for word in found.words if word in known))
    if missing := [word for word in ordered if word not in set(arrived)]:
        yield f"words are missing: {missing[:8]}"
    elif arrived != ordered:
        place = next(n for n, pair in enumerate(zip(ordered, arrived, strict=True)) if pair[0] != pair[1])
        yield f"out of order: expected {ordered[place : place + 4]}, got {arrived[place : place + 4]}"
    tables = [block for block in document.blocks if isinstance(block, Table) and allowed.has_tables]
    repeated = {word for table in tables for text in (*table.names, table.rows[0][0]) for word in words_of(text)}
    notes = [b.note for b in document.blocks if isinstance(b, Paragraph) and allowed.has_notes and not allowed.is_table]
    optional = {*words_of(allowed.own_words), *(words_of(document.title) if allowed.is_title_shown else ())}
    optional |= {str(number) for number in range(1, 1 + sum(map(bool, notes)))}  # the marks of notes
    if found.is_one_page:
        optional |= {*words_of(document.running_head), "página", "1"}  # nothing says that they run
    unordered = {word for note in notes for word in words_of(note)}
    if allowed.is_head_shown:
        unordered |= set(words_of(document.running_head))
    counts = Counter(found.words)
    if strange := [w for w in found.words if w not in known | repeated | unordered | optional]:
        yield f"words that no reader sees here: {strange[:8]}"
    if lacking := [word for word in sorted(repeated | unordered) if not counts[word]]:
        yield f"words of columns, notes or heads are missing: {lacking[:8]}"
    if twice := [w for w in known | unordered if counts[w] > 1 and w not in repeated]:
        yield f"words arrive twice: {sorted(twice)[:8]}"


def _ordered_texts(document: Document, allowed: Allowances) -> Iterator[str]:
    """Every text whose place is sure, in order: names of columns, notes and running heads may stand elsewhere."""
    for block in document.blocks:
        match block:
            case Heading(_, text) | Paragraph(text) if not allowed.is_table:
                yield text
            case Items() if not allowed.is_table:
                yield from (entry.text for entry, _, _ in block.flat())
            case Table(_, rows) if allowed.has_tables:
                for number, row in enumerate(rows):
                    yield from row[1:] if 0 < number < block.merged else row
            case Pair(question, answer):
                yield from (question, answer)
            case Code(lines) if not allowed.is_table:
                yield from lines


def _block_faults(block: object, found: _Found, allowed: Allowances) -> Iterator[str]:
    match block:
        case Pair():
            yield from _pair_faults(block, found)
        case Table() if allowed.has_tables:
            yield from _table_faults(block, found)
        case _ if allowed.is_table:
            return
        case Heading(level, text) if allowed.has_headings:
            number = found.number_of(text)
            kind, got, shown = found.blocks[number] if number is not None else (None, 0, "")
            if (kind, shown) != (BlockKind.HEADING, text) or (allowed.has_levels and got != level):
                yield f"a heading of level {level} became {kind} of level {got}: {shown!r}"
        case Paragraph(text):
            number = found.number_of(text)
            if number is None or found.blocks[number][0] is not BlockKind.PARAGRAPH or not _holds(found, number, text):
                yield f"a paragraph is cut, or no paragraph: {text!r}"
        case Items():
            for entry, depth, number in block.flat():
                yield from _item_faults(entry.text, depth, number if block.is_numbered else 0, found, allowed)
        case Code(lines) if allowed.has_code:
            number = found.number_of(" ".join(lines))
            if number is None or found.blocks[number] != (BlockKind.CODE, 0, "\n".join(lines)):
                yield f"code is not kept as it is written: {lines[0]!r}"


def _holds(found: _Found, number: int, text: str) -> bool:
    return text in found.blocks[number][2]


def _pair_faults(pair: Pair, found: _Found) -> Iterator[str]:
    number = found.number_of(pair.question)
    if number is None or found.blocks[number][0] is not BlockKind.HEADING or found.blocks[number][2] != pair.question:
        yield f"a question ({pair.layout}) is no heading: {pair.question!r}"
    elif number + 1 >= len(found.blocks) or found.blocks[number + 1][2] != pair.answer:
        yield f"an answer ({pair.layout}) does not stand alone below its question: {pair.answer!r}"


def _item_faults(text: str, depth: int, number: int, found: _Found, allowed: Allowances) -> Iterator[str]:
    place = found.number_of(text)
    kind, level, shown = found.blocks[place] if place is not None else (None, 0, "")
    mark, _, rest = shown.partition(" ")
    if kind is not BlockKind.LIST_ITEM or rest != text:
        yield f"an item is no item of its own: {text!r} became {kind} {shown!r}"
    elif mark[0].isdigit() != bool(number) or (number and mark != f"{number}."):
        yield f"an item has lost its mark: expected {number or 'a bullet'}, got {mark!r}"
    elif allowed.has_depth and level != depth:
        yield f"an item of depth {depth} has depth {level}: {text!r}"
    elif place is not None and allowed.has_depth and found.indents[place] != 2 * (depth - 1):
        yield f"an item of depth {depth} is indented by {found.indents[place]}: {text!r}"


def _table_faults(table: Table, found: _Found) -> Iterator[str]:
    for number, row in enumerate(table.rows):
        place = found.number_of(" ".join(row[1:]))
        if place is None or found.blocks[place][0] is not BlockKind.TABLE_ROW:
            yield f"a row is not one row: {row}"
            continue
        shown = f" | {found.blocks[place][2]} | "
        for column, name in enumerate(table.names):
            if f" | {name}: {table.shown(number, column)} | " not in shown:
                yield f"a cell is not with its column {name!r} in row {number}: {shown!r}"


def _hidden_faults(document: Document, made: Extract, allowed: Allowances) -> Iterator[str]:
    hidden = "".join(block.text for block in document.blocks if isinstance(block, Hidden))
    if allowed.has_hidden and not allowed.is_table and made.invisible_chars < len("".join(hidden.split())):
        yield f"{len(hidden)} hidden characters, {made.invisible_chars} counted"


def _title_faults(document: Document, made: Extract, allowed: Allowances) -> Iterator[str]:
    headings = [block.text for block in document.blocks if isinstance(block, Heading)]
    if allowed.has_title and made.title not in (document.title, *headings):
        yield f"the title is {made.title!r}, expected {document.title!r} or a heading"
