"""PDF to text, blocks and pages, through PDFium. Scripts and attachments are left alone; scans are given to OCR."""

import re
import time

import pypdfium2 as pdfium
import pypdfium2.raw as native

from edge_agent.errors import AgentError, ContentTooLarge, FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.formats.ocr import Recognizer
from edge_agent.ingest.parsing.pdf.blocks import add_pages
from edge_agent.ingest.parsing.pdf.page import Page
from edge_agent.ingest.parsing.pdf.words import Seen, read_page
from edge_agent.ingest.parsing.titles import own_title
from edge_agent.settings import ParsingLimits

_MAX_SECONDS = 45.0
"""For reading the pages of one document; the parser's process is ended not long after."""
_MAX_SAME, _SAME_CHARS = 50, 200
_SCAN_CHARS = 20
_DATE = re.compile(r"(?:D:)?(\d{4})(\d{2})(\d{2})")


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title, date, blocks and pages of a PDF.

    Raises:
        ContentTooLarge: more than `limits.pages` pages, or they take too long.
        FormatUnsupported: a password is needed, or OCR is and is not installed.
        InputInvalid: damaged, or without text.
    """
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if error.err_code in (native.FPDF_ERR_PASSWORD, native.FPDF_ERR_SECURITY):
            raise FormatUnsupported("the PDF is protected by a password; save it without one") from error
        raise InputInvalid("the PDF is damaged; open it in a viewer and print it to a new PDF") from error
    try:
        return _read(document, limits)
    except (AgentError, MemoryError):
        raise
    except Exception as error:  # PDFium's wrapper raises whatever a damaged file leads it to
        raise InputInvalid("the PDF is damaged; open it in a viewer and print it to a new PDF") from error
    finally:
        document.close()


def _read(document: "pdfium.PdfDocument", limits: ParsingLimits) -> Extract:
    count = len(document)
    if count > limits.pages:
        raise ContentTooLarge(f"the PDF has {count} pages, at most {limits.pages} are accepted; split it")
    form = None
    if document.get_formtype() != native.FORMTYPE_NONE:
        document.init_forms()
        form = document.formenv.raw if document.formenv else None
    builder, recognizer = TextBuilder(), Recognizer()
    pages = _pages(document, builder, recognizer, form, limits)
    title = add_pages(builder, pages)
    recognizer.report(builder)
    if builder.is_empty and not builder.first_heading:
        recognizer.refuse_missing()
        raise InputInvalid("the PDF holds no text that can be read; expected at least a sentence")
    properties = document.get_metadata_dict()
    date = _date(properties.get("ModDate", "")) or _date(properties.get("CreationDate", ""))
    return builder.build(own_title(properties.get("Title")) or title or builder.first_heading, date=date)


def _pages(
    document: "pdfium.PdfDocument", builder: TextBuilder, recognizer: Recognizer, form: object, limits: ParsingLimits
) -> list[Page]:
    """The pages as they are set, scans as OCR sees them, each with the headings that the outline has for it."""
    started = time.monotonic()
    headings = _outline(document)
    pages: list[Page] = []
    known: dict[int, int] = {}
    chars = same = 0
    for number in range(1, len(document) + 1):
        if time.monotonic() - started - recognizer.seconds > _MAX_SECONDS:
            raise ContentTooLarge(f"the PDF's pages take more than {_MAX_SECONDS:.0f} s to read; split it")
        source = document[number - 1]
        seen = read_page(source, number, form)
        page = seen.page
        _settle_unpainted(seen)
        for text in seen.hidden:
            builder.hide(text)
        if _is_scan(seen):
            page.words = recognizer.page(source, number) or ([] if seen.is_garbled else page.words)
            page.rules = []
        source.close()
        text = " ".join(word.text for word in page.words)
        same += len(text) >= _SAME_CHARS and known.setdefault(hash(text), number) != number
        chars += len(text)
        if same > _MAX_SAME:
            raise InputInvalid(f"the PDF shows the same pages more than {_MAX_SAME} times; take the copies out")
        if chars > limits.chars:
            raise ContentTooLarge(f"the PDF's text has more than {limits.chars} characters; split it")
        page.headings = headings.get(number, {})
        pages.append(page)
    return pages


def _settle_unpainted(seen: Seen) -> None:
    """Text without ink is what OCR wrote over a scan where a picture fills the page; else it is hidden."""
    page = seen.page
    if seen.unpainted and page.pictures > 0.5 and len(seen.unpainted) > len(page.words):
        page.words = seen.unpainted + page.words
    else:
        seen.hidden += [word.text for word in seen.unpainted]


def _is_scan(seen: Seen) -> bool:
    """Whether a page's text can only be had from its picture."""
    page = seen.page
    if seen.is_garbled:
        return True
    chars = sum(len(word.text) for word in page.words)
    return chars < _SCAN_CHARS and (page.pictures > 0.05 or page.strokes > 100)


def _outline(document: "pdfium.PdfDocument") -> dict[int, dict[str, int]]:
    """Headings that the document's outline names, folded, with their levels, by page."""
    found: dict[int, dict[str, int]] = {}
    for count, entry in enumerate(document.get_toc(max_depth=6)):
        if count >= 5_000:
            break
        target = entry.get_dest()
        index = target.get_index() if target else None
        title = " ".join(entry.get_title().split()).casefold()
        if index is not None and title:
            found.setdefault(index + 1, {})[title] = min(entry.level + 1, 6)
    return found


def _date(written: str) -> str:
    """A date of a PDF's properties as `YYYY-MM-DD`; "" where it is none."""
    found = _DATE.match(written)
    if not found or not ("1990" <= found[1] <= "2100" and "01" <= found[2] <= "12" and "01" <= found[3] <= "31"):
        return ""
    return "-".join(found.groups())
