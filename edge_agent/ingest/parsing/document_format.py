"""Document formats: those that are parsed, the one that a file's name promises, and the one that its bytes begin as."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from edge_agent.errors import FormatUnsupported
from edge_agent.ingest.parsing.encoding import is_utf_16


class DocumentFormat(StrEnum):
    """Formats that can be ingested."""

    MARKDOWN = "markdown"
    TEXT = "text"
    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"
    ODT = "odt"
    ODP = "odp"
    PPTX = "pptx"
    RTF = "rtf"
    XLSX = "xlsx"
    ODS = "ods"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    JSONL = "jsonl"
    IMAGE = "image"
    EML = "eml"
    MSG = "msg"


_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"BM")
_BINARY = (
    _ZIP,
    _OLE,
    b"%PDF-",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"7z\xbc\xaf",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x7fELF",
)


def is_text(content: bytes) -> bool:
    """Whether bytes may be text: UTF-16, or anything almost without NUL that begins as no binary format."""
    if content.startswith(_BINARY):
        return False
    return content.count(0) <= 2 + len(content) // 200 or is_utf_16(content)


def is_zip(content: bytes) -> bool:
    """Whether bytes begin as a zip archive."""
    return content.startswith(_ZIP)


def is_ole(content: bytes) -> bool:
    """Whether bytes begin as a compound file: an older Office format, an Outlook message, or an encrypted document."""
    return content.startswith(_OLE)


def is_workbook(content: bytes) -> bool:
    """Whether bytes begin as a workbook of Excel does, of 2007 and later or of before."""
    return is_zip(content) or is_ole(content)


def is_pdf(content: bytes) -> bool:
    """Whether bytes begin as a PDF, junk before it aside."""
    return b"%PDF-" in content[:1024]


def is_picture(content: bytes) -> bool:
    """Whether bytes begin as a PNG, JPEG, TIFF, WebP or BMP picture."""
    return content.startswith(_PICTURES) or (content.startswith(b"RIFF") and content[8:12] == b"WEBP")


def is_opendocument(content: bytes) -> bool:
    """Whether bytes begin as an archive or as the one XML file that an OpenDocument can be."""
    return is_zip(content) or b"<office:document" in content[:4096]


def is_rtf(content: bytes) -> bool:
    """Whether bytes begin as rich text, white space before it aside."""
    return content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n\0").startswith(b"{\\rtf")


def is_mail(content: bytes) -> bool:
    """Whether bytes begin as no binary format; parts of a mail may hold any bytes."""
    return not content.startswith(_BINARY)


@dataclass(frozen=True, slots=True)
class Signature:
    """How files of a format are named and begin: suffixes, the usual one first; a check; and what that expects."""

    suffixes: tuple[str, ...]
    begins_right: Callable[[bytes], bool] = is_text
    expected: str = "text"


SIGNATURES = {
    DocumentFormat.MARKDOWN: Signature((".md", ".markdown")),
    DocumentFormat.TEXT: Signature((".txt", ".text")),
    DocumentFormat.HTML: Signature((".html", ".htm", ".xhtml", ".xht")),
    DocumentFormat.PDF: Signature((".pdf",), is_pdf, "a PDF, which begins with %PDF-"),
    DocumentFormat.DOCX: Signature((".docx", ".dotx"), is_zip, "a Word document of 2007 or later (.docx)"),
    DocumentFormat.ODT: Signature((".odt", ".ott", ".fodt"), is_opendocument, "an OpenDocument text (.odt)"),
    DocumentFormat.ODP: Signature((".odp", ".otp", ".fodp"), is_opendocument, "an OpenDocument presentation (.odp)"),
    DocumentFormat.PPTX: Signature((".pptx", ".potx", ".ppsx"), is_zip, "a presentation of 2007 or later (.pptx)"),
    DocumentFormat.RTF: Signature((".rtf",), is_rtf, r"rich text, which begins with {\rtf"),
    DocumentFormat.XLSX: Signature((".xlsx", ".xlsm", ".xlsb", ".xls"), is_workbook, "an Excel workbook (.xlsx, .xls)"),
    DocumentFormat.ODS: Signature((".ods",), is_zip, "an OpenDocument spreadsheet (.ods)"),
    DocumentFormat.CSV: Signature((".csv",)),
    DocumentFormat.TSV: Signature((".tsv", ".tab")),
    DocumentFormat.JSON: Signature((".json",)),
    DocumentFormat.JSONL: Signature((".jsonl", ".ndjson")),
    DocumentFormat.IMAGE: Signature(
        (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"),
        is_picture,
        "a PNG, JPEG, TIFF, WebP or BMP picture",
    ),
    DocumentFormat.EML: Signature((".eml",), is_mail, "a mail as text (RFC 5322)"),
    DocumentFormat.MSG: Signature((".msg",), is_ole, "a mail saved by Outlook (.msg)"),
}
FORMAT_OF_SUFFIX = {suffix: name for name, signature in SIGNATURES.items() for suffix in signature.suffixes}


def format_of(source: str) -> DocumentFormat:
    """The format that a file's name promises.

    Raises:
        FormatUnsupported: no format of ours has that suffix.
    """
    suffix = PurePosixPath(source).suffix.lower()
    if suffix not in FORMAT_OF_SUFFIX:
        raise FormatUnsupported(
            f"documents of that type, or without a suffix that says it, cannot be read; expected one of "
            f"{', '.join(FORMAT_OF_SUFFIX)}; convert the document first"
        )
    return FORMAT_OF_SUFFIX[suffix]


def require_format(content: bytes, document_format: DocumentFormat) -> None:
    """Refuses a document that does not begin as its format does.

    Raises:
        FormatUnsupported: it is something else; binary content meant to be text is never unpacked.
    """
    signature = SIGNATURES[document_format]
    if signature.begins_right(content):
        return
    if signature.begins_right(_ZIP) and is_ole(content):
        raise FormatUnsupported(
            "the document is of an older Office format or protected by a password; save it as "
            f"{signature.suffixes[0]} without one"
        )
    raise FormatUnsupported(
        f"the document is not what its type {document_format.value!r} promises; expected {signature.expected}; "
        "convert or unpack it first, or give it its right suffix"
    )
