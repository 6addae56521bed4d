"""Word documents to text and blocks, through python-docx: headings by style, lists, tables. Macros are never run."""

import io
import re
import zipfile

import docx
from docx.document import Document
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table
from docx.text.paragraph import Paragraph

from edge_agent.errors import AgentError, ContentTooLarge, FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.grid import Cell, add_table
from edge_agent.settings import ParsingLimits

_HEADING = re.compile(r"(?:heading|t[ií]tulo|encabezado)\s*([1-6])", re.IGNORECASE)
_MACROS = "macroEnabled"


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title and blocks of a .docx.

    Raises:
        ContentTooLarge: it unpacks to more (a zip bomb). InputInvalid: damaged.
        FormatUnsupported: another kind of archive.
    """
    _check_archive(content, limits.unpacked_bytes)
    try:
        document = docx.Document(io.BytesIO(content))
        return _read(document)
    except (AgentError, MemoryError):
        raise
    except (PackageNotFoundError, KeyError, ValueError) as error:
        if _MACROS in str(error):
            raise FormatUnsupported("the Word document may hold macros (.docm); save it as .docx") from error
        raise FormatUnsupported("the document is an archive, but not a Word document; save it as .docx") from error
    except Exception as error:  # python-docx and lxml raise whatever a damaged file leads them to
        raise InputInvalid("the Word document is damaged; open it in an office program and save it again") from error


def _check_archive(content: bytes, max_unpacked_bytes: int) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except Exception as error:  # of names that are no text, unknown packing, …
        raise InputInvalid("the Word document is damaged; open it in an office program and save it again") from error
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > max_unpacked_bytes or len(entries) > 10_000:
        raise ContentTooLarge(
            f"the Word document unpacks to {unpacked} bytes in {len(entries)} parts, at most {max_unpacked_bytes} are "
            "accepted; take its pictures out, or split it"
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise FormatUnsupported("the Word document is protected by a password; save it without one")


def _read(document: Document) -> Extract:
    builder = TextBuilder()
    title = document.core_properties.title or None
    style_names: dict[str | None, str] = {}  # python-docx searches all styles for each paragraph's
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            _read_table(item, builder)
            continue
        text = " ".join(item.text.split())
        if item._p.style not in style_names:
            style_names[item._p.style] = (item.style.name or "") if item.style is not None else ""
        style = style_names[item._p.style]
        heading = _HEADING.match(style)
        is_list = "list" in style.lower() or _is_numbered(item)
        if heading:
            builder.heading(text, int(heading[1]))
        elif style.lower() in ("title", "título", "puesto"):
            title = text or title
            builder.heading(text, 1)
        else:
            add = builder.item if is_list else builder.paragraph
            add(text)
    return builder.build(title or builder.first_heading)


def _is_numbered(paragraph: Paragraph) -> bool:
    properties = paragraph._p.pPr
    return properties is not None and properties.numPr is not None


def _read_table(table: Table, builder: TextBuilder) -> None:
    add_table(builder, [[Cell(cell.text) for cell in row.cells] for row in table.rows])
