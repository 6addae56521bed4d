"""PDF to text, blocks and pages, through pypdf. Scripts, forms and attachments are left alone, pictures not read."""

import io
import re

from pypdf import PdfReader

from edge_agent.errors import AgentError, ContentTooLarge, FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import ParsingLimits

_ENDS_SENTENCE = re.compile(r"[.:;!?…)\]»”\"]$")
_STARTS_ITEM = re.compile(r"^\s*(?:[-•▪◦*–]|\d{1,3}[.)])\s+")


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title, blocks and page starts of a PDF.

    Raises:
        ContentTooLarge: more than `limits.pages` pages. FormatUnsupported: a password is needed.
        InputInvalid: damaged, or without text, such as a scan.
    """
    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise FormatUnsupported("the PDF is protected by a password; save it without one")
        if len(reader.pages) > limits.pages:
            raise ContentTooLarge(
                f"the PDF has {len(reader.pages)} pages, at most {limits.pages} are accepted; split it"
            )
        title = " ".join(str(reader.metadata.title or "").split()) if reader.metadata else ""
        builder = TextBuilder()
        for number, page in enumerate(reader.pages, start=1):
            for paragraph in _paragraphs(page.extract_text() or ""):
                builder.paragraph(paragraph, page=number)
    except (AgentError, MemoryError):
        raise
    except Exception as error:  # pypdf raises whatever a damaged file leads it to
        raise InputInvalid("the PDF is damaged; open it in a viewer and print it to a new PDF") from error
    if builder.is_empty:
        raise InputInvalid("the PDF holds no text, as scans do; run optical character recognition on it first")
    return builder.build(title or None)


def _paragraphs(text: str) -> list[str]:
    """Lines joined to paragraphs: a short line that ends a sentence, an item's mark or an empty line ends one."""
    lines = [" ".join(line.split()) for line in text.split("\n")]
    width = sorted(len(line) for line in lines if line)[-max(1, len(lines) // 10)] if any(lines) else 0
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if not line or _STARTS_ITEM.match(line):
            paragraphs.append([])
        if line:
            paragraphs[-1].append(line)
            if len(line) < 0.7 * width and _ENDS_SENTENCE.search(line):
                paragraphs.append([])
    return [_join(paragraph) for paragraph in paragraphs if paragraph]


def _join(lines: list[str]) -> str:
    """Lines as one, words that were divided at a line's end made whole."""
    text = lines[0]
    for line in lines[1:]:
        if re.search(r"\w-$", text) and re.match(r"[a-záéíóúüñ]", line):
            text = text[:-1] + line
        else:
            text += " " + line
    return text
