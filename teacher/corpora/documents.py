"""Own documents: a folder as a branch would ingest it, and what its documents ask and answer by themselves.

A title asks for what its document says, a heading for the text below it, a question of an FAQ for its answer, and a
sentence for the rest of its passage (the inverse cloze of Lee et al. 2019, arXiv 1906.00300). Texts are parsed and cut
by the branch's own code, each document in a process of its own. Mail is left out: customers write it.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.errors import AgentError
from edge_agent.ingest.chunking import chunk, passage_input
from edge_agent.ingest.folder.places import Place, absolute
from edge_agent.ingest.folder.scan import File, Scan, scan
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat, format_of
from edge_agent.ingest.parsing.isolation import IsolatedParser
from edge_agent.ingest.parsing.titles import title_from_name
from edge_agent.settings import ParsingLimits
from edge_agent.storage.records import HEADING_GAP
from edge_agent.text import detect_language, split_sentences
from student.artifacts.digests import digest_bytes, digest_file, digest_json
from student.artifacts.json_lines import DataRefused

_MAIL = (DocumentFormat.EML, DocumentFormat.MSG)
_MAX_WORDS = 110
_TITLED = 3
"""First passages of a document that its title asks for."""
_FEWEST_WORDS = 8
"""Of a text that a question is made for."""
_WORDS = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class OwnPassage:
    """A passage of a document: the headings above it, outermost first, and its text."""

    headings: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class OwnDocument:
    """A document of a folder.

    Attributes:
        source: its path below the folder.
        title: its own, or made of its name.
        language: `en` or `es`; None where that cannot be told.
        passages: as a branch cuts them.
        extracted: what was read of it.
    """

    source: str
    title: str
    language: str | None
    passages: tuple[OwnPassage, ...]
    extracted: Extract


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and a text that answers it."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class OwnDocuments:
    """The documents of a folder, by source, and those that cannot be read, each with the reason."""

    documents: list[OwnDocument]
    unread: dict[str, str]

    def split(self, hold_out: float) -> tuple[list[OwnDocument], list[OwnDocument]]:
        """Documents to learn from, and that share of all, rounded up, that is held out: those of the lowest digests."""
        count = math.ceil(hold_out * len(self.documents))
        order = sorted(self.documents, key=lambda each: digest_bytes(f"own:{each.source}".encode()))
        held_out = {each.source for each in order[:count]}
        return (
            [each for each in self.documents if each.source not in held_out],
            [each for each in self.documents if each.source in held_out],
        )


ReadFolder = Callable[[Path], OwnDocuments]
"""A folder → its documents, as `read_documents` reads them."""


def read_documents(folder: Path, *, on_document: Callable[[int, int], None] = lambda done, total: None) -> OwnDocuments:
    """Reads a folder with all below it.

    Args:
        folder: of documents of any format that a branch reads.
        on_document: called with the numbers of documents read and of all.

    Raises:
        DataRefused: there is no folder, or no document in it that can be read.
    """
    if not folder.is_dir():
        raise DataRefused(f"{folder} is no folder; name the folder that your documents are in")
    found = scan(Place(absolute(folder), None))
    unread = {each.source: each.reason for each in found.refused}
    unread |= {each.source: each.reason for each in found.unlisted}
    files, documents = _files(found), []
    parser = IsolatedParser(ParsingLimits())
    try:
        for number, file in enumerate(files):
            on_document(number, len(files))
            try:
                content = (folder / file.relative).read_bytes()
                extracted = parser.read(content, format_of(file.source))
            except (AgentError, OSError) as error:
                unread[file.source] = str(error)
                continue
            documents.append(_document(file.source, extracted))
    finally:
        parser.close()
    if not documents:
        raise DataRefused(
            f"{folder} holds no document that can be read, {len(unread)} that cannot{first_unread(unread)}; expected "
            "Markdown, HTML, Word, PDF or another format of docs/documents.md"
        )
    return OwnDocuments(documents, unread)


def first_unread(unread: Mapping[str, str]) -> str:
    """The first document that cannot be read and the reason, to go on a message with; nothing where all can."""
    return next((f" (first {source}: {reason})" for source, reason in unread.items()), "")


def digest_folder(folder: Path) -> str:
    """Digest of the names and bytes of all documents in a folder."""
    files = _files(scan(Place(absolute(folder), None)))
    return digest_json([[file.source, digest_file(folder / file.relative)] for file in files])


def _files(found: Scan) -> list[File]:
    """The documents of a folder, by source."""
    return sorted((f for f in found.files if format_of(f.source) not in _MAIL), key=lambda file: file.source)


def asked_and_answered(document: OwnDocument) -> Iterator[Asked]:
    """The questions that a document asks and answers by itself.

    An answer never holds its question: the title is left out for titles, the last heading for headings.
    """
    for number, passage in enumerate(document.passages):
        text, headings = passage.text, passage.headings
        if number < _TITLED:
            yield Asked(document.title, passage_input("", HEADING_GAP.join(headings), text))
        if headings and headings[-1] != document.title and len(_WORDS.findall(text)) >= _FEWEST_WORDS:
            above = [name for name in headings[:-1] if name != headings[-1]]
            yield Asked(headings[-1], passage_input(document.title, HEADING_GAP.join(above), text))
        spans = split_sentences(text)
        if len(spans) > 1 and len(_WORDS.findall(text)) >= 2 * _FEWEST_WORDS:
            start, end = max(spans, key=lambda span: span[1] - span[0])
            rest = f"{text[:start].rstrip()}\n{text[end:].lstrip()}".strip()
            yield Asked(text[start:end].strip(), passage_input(document.title, HEADING_GAP.join(headings), rest))


def passages_in(extracted: Extract, *, max_words: int) -> list[tuple[str, str]]:
    """Heading and text of the passages of a document, cut as a branch cuts it, but by words instead of tokens."""
    starts = np.array([match.start() for match in _WORDS.finditer(extracted.text)], dtype=np.int64)
    spans = chunk(extracted, starts, max_tokens=max_words)
    return [(span.heading, extracted.text[span.start : span.end]) for span in spans]


def _document(source: str, extracted: Extract) -> OwnDocument:
    passages = tuple(
        OwnPassage(tuple(filter(None, heading.split(HEADING_GAP))), text)
        for heading, text in passages_in(extracted, max_words=_MAX_WORDS)
    )
    title = extracted.title or title_from_name(source)
    return OwnDocument(source, title, detect_language(extracted.text[:20_000]), passages, extracted)
