"""Letters: a mail of any format before it has a text, and how it becomes one with attachments."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from edge_agent.characters import normalize
from edge_agent.errors import InputInvalid, TextUndecodable
from edge_agent.ingest.parsing.blocks import Attachment, Block, BlockKind, Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.formats import html, plain
from edge_agent.ingest.parsing.history import divide_body, is_forward, opens_history, opens_signature
from edge_agent.settings import ParsingLimits

MAX_ATTACHMENTS = 100
_HISTORY_LEVEL = 2
"""The level of the heading above what a mail quotes; what such and lower ones hold for ends at a signature."""
_Piece = tuple[Block, str]
"""A block and its text."""
_MAX_SHOWN = 10
"""Recipients that are named; a list of hundreds says nothing about the mail."""


@dataclass(slots=True)
class Letter:
    """A mail before it has a text: what its head says, its body as text and as a page, and what is attached."""

    subject: str = ""
    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    date: datetime | None = None
    texts: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def add_letter(letter: Letter, limits: ParsingLimits) -> Extract:
    """A mail's text, blocks and attachments."""
    builder = TextBuilder()
    shown = letter.recipients[:_MAX_SHOWN]
    builder.heading(letter.subject, 1)
    if letter.sender:
        builder.row(f"From: {letter.sender}", is_first=True)
    if shown:
        more = len(letter.recipients) - len(shown)
        builder.row(f"To: {', '.join(shown)}" + (f" and {more} more" if more > 0 else ""))
    if letter.date:
        builder.row(f"Date: {letter.date:%Y-%m-%d %H:%M %Z}".rstrip())
    for page in letter.pages:
        _add_page(builder, _parsed(builder, page, DocumentFormat.HTML, limits), is_forward=is_forward(letter.subject))
    for text in letter.texts:
        body = divide_body(text, subject=letter.subject)
        own = "\n".join("" if line.rstrip() == "--" else line.lstrip("> ") if line.startswith(">") else line
                        for line in body.own.split("\n"))  # fmt: skip
        _add_blocks(builder, _parsed(builder, own, DocumentFormat.TEXT, limits))
        if body.signature:
            builder.end_scope(_HISTORY_LEVEL)
            builder.paragraph(body.signature, is_aside=True)
        if body.history:
            opening, _, rest = body.history.partition("\n")
            is_opened = opens_history([opening]) == 0
            builder.heading(opening.strip(" -_") if is_opened else "", _HISTORY_LEVEL)
            quoted = rest if is_opened else body.history
            _add_asides(builder, _parsed(builder, quoted, DocumentFormat.TEXT, limits))
    for attachment in letter.attachments:
        builder.attach(attachment)
    for notice in letter.notices:
        builder.notice(notice)
    return builder.build(letter.subject or None, date=letter.date.date().isoformat() if letter.date else "")


def _parsed(builder: TextBuilder, text: str, kind: DocumentFormat, limits: ParsingLimits) -> list[_Piece]:
    """The blocks of a body or a part of it, each with its text."""
    if not text.strip():
        return []
    parser = html if kind is DocumentFormat.HTML else plain
    try:
        made = parser.parse(text.encode(errors="replace"), kind, limits)
    except (InputInvalid, TextUndecodable):
        builder.notice(f"a body that cannot be read as {kind.value} was left out")
        return []
    builder.add_omissions(made)
    return [(block, made.text[block.start : block.end]) for block in made.blocks]


def _add_page(builder: TextBuilder, pieces: Sequence[_Piece], *, is_forward: bool) -> None:
    """Adds a body that is a page: what it says, its signature, and what it quotes below."""
    history = None if is_forward else _history(pieces)
    own, quoted = (pieces, []) if history is None else _cut(pieces, history)
    closing = opens_signature([line for _, text in own for line in text.split("\n")])
    own, signature = (own, []) if closing is None else _cut(own, closing)
    if own and (signature or quoted):  # a question at its end is answered by neither
        block, text = own[-1]
        own = [
            *own[:-1],
            (replace(block, kind=BlockKind.PARAGRAPH) if block.kind is BlockKind.HEADING else block, text),
        ]
    _add_blocks(builder, own)
    if signature:
        builder.end_scope(_HISTORY_LEVEL)
        _add_asides(builder, signature)
    if quoted:
        opening, rest = _cut(quoted, 1)
        builder.heading(opening[0][1].strip(" -_"), _HISTORY_LEVEL)
        _add_asides(builder, rest)


def _history(pieces: Sequence[_Piece]) -> int | None:
    """The number of the line, of all blocks together, that opens what a page quotes below its first block."""
    place = 0
    for number, (_, text) in enumerate(pieces):
        lines = text.split("\n")
        start = opens_history(lines) if number else None
        if start is not None:
            return place + start
        place += len(lines)
    return None


def _cut(pieces: Sequence[_Piece], line: int) -> tuple[list[_Piece], list[_Piece]]:
    """The blocks above a line and those from it on; the parts of a block that is cut are paragraphs."""
    above: list[_Piece] = []
    below: list[_Piece] = []
    for block, text in pieces:
        lines = text.split("\n")
        place = max(0, line)
        for side, part in ((above, lines[:place]), (below, lines[place:])):
            if part:
                kind = block.kind if len(part) == len(lines) else BlockKind.PARAGRAPH
                side.append((replace(block, kind=kind), "\n".join(part)))
        line -= len(lines)
    return above, below


def _add_asides(builder: TextBuilder, pieces: Sequence[_Piece]) -> None:
    """Adds blocks in which nothing asks, answers or is a heading."""
    for block, text in pieces:
        if block.kind is BlockKind.TABLE_ROW:
            builder.row(text)
        else:
            builder.paragraph(text, is_aside=True)


def _add_blocks(builder: TextBuilder, pieces: Sequence[_Piece]) -> None:
    """Adds blocks as another format's parser has found them."""
    before: BlockKind | None = None
    for block, text in pieces:
        _add_block(builder, block, text, before)
        before = block.kind


def _add_block(builder: TextBuilder, block: Block, text: str, before: BlockKind | None) -> None:
    if block.closes:
        builder.end_scope(block.closes)
    if block.kind is BlockKind.HEADING:
        builder.heading(text, block.level)
    elif block.kind is BlockKind.LIST_ITEM:
        marker, _, rest = text.partition(" ")
        builder.item(rest or marker, marker=marker, depth=block.level)
    elif block.kind is BlockKind.TABLE_ROW:
        builder.row(text, is_first=before is not BlockKind.TABLE_ROW)
    elif block.kind is BlockKind.CODE:
        builder.code(text)
    else:
        builder.paragraph(text)


def clean_name(name: str) -> str:
    """A file's name without folders and without characters that no name has."""
    name = re.sub(r"[\x00-\x1f\x7f]", "", normalize(name)).replace("\\", "/").rsplit("/", 1)[-1].strip()
    return name[-150:] or "attachment"


def name_of_message(subject: str) -> str:
    """A file's name for a mail that is attached to another."""
    return (" ".join(re.sub(r"[^\w-]+", " ", subject)[:80].split()) or "message") + ".eml"


def pack_letter(letter: Letter) -> bytes:
    """A letter as a mail in text, for one that is attached to another."""
    message = EmailMessage()
    if letter.pages:
        message.set_content(letter.pages[0], subtype="html", cte="base64")
    elif letter.texts:
        message.set_content(letter.texts[0], cte="base64")
    for attachment in letter.attachments:
        message.add_attachment(
            attachment.content, maintype="application", subtype="octet-stream", filename=attachment.name
        )
    heads = {"Subject": letter.subject, "From": letter.sender, "To": ", ".join(letter.recipients)}
    if letter.date:
        heads["Date"] = format_datetime(letter.date)
    said = "".join(f"{name}: {' '.join(value.split())}\n" for name, value in heads.items() if value)
    return said.encode(errors="replace") + message.as_bytes()
