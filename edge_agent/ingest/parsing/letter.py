"""Letters: a mail of any format before it has a text, and how it becomes one with attachments."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from edge_agent.characters import normalize
from edge_agent.errors import InputInvalid, TextUndecodable
from edge_agent.ingest.parsing.blocks import Attachment, Block, BlockKind, Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.formats import html, plain
from edge_agent.ingest.parsing.history import divide_body, is_forward, opens_history
from edge_agent.settings import ParsingLimits

MAX_ATTACHMENTS = 100
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
        _add_body(builder, page, DocumentFormat.HTML, limits, is_forward=is_forward(letter.subject))
    for text in letter.texts:
        body = divide_body(text, subject=letter.subject)
        own = "\n".join("" if line.rstrip() == "--" else line.lstrip("> ") if line.startswith(">") else line
                        for line in body.own.split("\n"))  # fmt: skip
        _add_body(builder, own, DocumentFormat.TEXT, limits, is_forward=True)
        builder.paragraph(body.signature, is_aside=True)
        if body.history:
            opening, _, rest = body.history.partition("\n")
            is_opened = opens_history([opening]) == 0
            builder.heading(opening.strip(" -_") if is_opened else "", 2)
            _add_body(builder, rest if is_opened else body.history, DocumentFormat.TEXT, limits, is_aside=True)
    for attachment in letter.attachments:
        builder.attach(attachment)
    for notice in letter.notices:
        builder.notice(notice)
    return builder.build(letter.subject or None, date=letter.date.date().isoformat() if letter.date else "")


def _add_body(
    builder: TextBuilder,
    text: str,
    kind: DocumentFormat,
    limits: ParsingLimits,
    *,
    is_forward: bool = False,
    is_aside: bool = False,
) -> None:
    """Adds a body, or what it quotes: an aside."""
    if not text.strip():
        return
    parser = html if kind is DocumentFormat.HTML else plain
    try:
        made = parser.parse(text.encode(errors="replace"), kind, limits)
    except (InputInvalid, TextUndecodable):
        builder.notice(f"a body that cannot be read as {kind.value} was left out")
        return
    add_blocks(builder, made, is_aside=is_aside, ends_at_history=not is_forward)


def add_blocks(
    builder: TextBuilder, extract: Extract, *, is_aside: bool = False, ends_at_history: bool = False
) -> None:
    """Adds the blocks of a body that another format's parser has read.

    Args:
        builder: is told the blocks.
        extract: the body.
        is_aside: whether it is what the mail quotes, in which nothing is a heading.
        ends_at_history: whether what it quotes below its own text is an aside.
    """
    before: BlockKind | None = None
    for block in extract.blocks:
        text = extract.text[block.start : block.end]
        start = opens_history(text.split("\n")) if ends_at_history and not is_aside and before is not None else None
        if start is not None:
            lines = text.split("\n")
            builder.paragraph("\n".join(lines[:start]))
            builder.heading(lines[start].strip(" -_"), 2)
            is_aside, text = True, "\n".join(lines[start + 1 :])
        if is_aside and block.kind is not BlockKind.TABLE_ROW:
            builder.paragraph(text, is_aside=True)
        else:
            _add_block(builder, block, text, before)
        before = block.kind
    builder.add_omissions(extract)


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
