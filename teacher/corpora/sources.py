"""Readers of a corpus's files, one for each kind of source: rows → entries of texts that belong together.

An entry is the least that is taken or left out: a question with its answer, a text with its translation. Its key
decides by digest whether it is held out and where in the corpus it stands.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.errors import AgentError
from edge_agent.ingest.chunking import passage_input
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from edge_agent.storage.records import HEADING_GAP
from student.artifacts.digests import digest_bytes
from student.artifacts.json_lines import (
    DataRefused,
    area_of,
    column,
    is_held_out,
    is_page_held_out,
    page_of,
    read_rows,
)
from teacher.corpora.documents import (
    OwnDocument,
    OwnDocuments,
    ReadFolder,
    asked_and_answered,
    passages_in,
    read_documents,
)
from teacher.corpora.guide_passages import read_written
from teacher.corpora.recipe import CorpusRecipe, Source
from teacher.roles import Role

Text = tuple[str, str | None, Role]
"""A text, its language and role."""
_GRAM = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """Texts that belong together.

    Attributes:
        key: by which it is taken, held out and ordered.
        texts: of it.
        answers: (question, answer), numbers of texts.
        translations: (English, Spanish), numbers of texts.
        area: product, company or subject, where the row names one.
        intent: of its one text.
    """

    key: str
    texts: tuple[Text, ...]
    answers: tuple[tuple[int, int], ...] = ()
    translations: tuple[tuple[int, int], ...] = ()
    area: str = ""
    intent: str | None = None


class HeldOutText:
    """Knows whether a sentence stands in the held-out guides; only letters and digits count."""

    def __init__(self, text: str) -> None:
        self._text = _squeeze(text)
        self._grams = {self._text[i : i + _GRAM] for i in range(len(self._text) - _GRAM + 1)}

    def __contains__(self, sentence: str) -> bool:
        squeezed = _squeeze(sentence)
        return squeezed != "" and (len(squeezed) < _GRAM or squeezed[:_GRAM] in self._grams) and squeezed in self._text


def read_entries(
    source: Source,
    recipe: CorpusRecipe,
    data: Path,
    held_out: HeldOutText,
    *,
    read_folder: ReadFolder = read_documents,
) -> Iterator[Entry]:
    """The entries of one source that are neither held out nor left out by its share. Raises `DataRefused`."""
    if source.kind == "folder":
        entries = _folder_entries(source, read_folder(data / source.file))
    else:
        entries = _READERS[source.kind](source, data, held_out)
    for entry in entries:
        share = source.capped_share if entry.area in source.capped else source.share
        if entry.area not in recipe.areas_held_out and is_held_out(f"source:{entry.key}", share):
            yield entry


def read_guides(source: Source, data: Path) -> Iterator[dict[str, Any]]:
    """The guides of a file that are of its language and not held out."""
    for row in read_rows(data / source.file):
        if source.language in (None, row.get("lang")) and not is_held_out(
            _guide_key(row, source, data), source.hold_out
        ):
            yield row


def guide_texts(recipe: CorpusRecipe, data: Path) -> Iterator[str]:
    """Titles and bodies of the guides that are held out, whose sentences stand in files of pairs too."""
    for source in recipe.guides_held_out:
        for row in read_rows(data / source.file):
            if is_held_out(_guide_key(row, source, data), source.hold_out):
                yield column(row, "title", data / source.file)
                yield column(row, "body_markdown", data / source.file)


def passages_of(body: str, *, max_words: int) -> list[tuple[str, str]]:
    """A guide's passages as a branch would cut them, by words instead of tokens: heading and text."""
    try:
        made = extract(body.encode(), DocumentFormat.MARKDOWN, ParsingLimits())
    except AgentError:
        return []
    return passages_in(made, max_words=max_words)


def _read_texts(source: Source, data: Path, held_out: HeldOutText) -> Iterator[Entry]:
    for row in read_rows(data / source.file):
        text = column(row, source.field, data / source.file)
        language = row.get("lang") or source.language
        if source.language in (None, language) and not is_held_out(text, source.hold_out):
            intent = column(row, source.intent_field, data / source.file) if source.intent_field else None
            yield Entry(text, ((text, language, source.role),), area=area_of(row), intent=intent)


def _read_pairs(source: Source, data: Path, held_out: HeldOutText) -> Iterator[Entry]:
    for row in read_rows(data / source.file):
        english, spanish = column(row, "en", data / source.file), column(row, "es", data / source.file)
        if not is_held_out(english, source.hold_out) and english not in held_out:
            yield _translation(english, spanish, source.role, area=area_of(row))


def _read_passages(source: Source, data: Path, held_out: HeldOutText) -> Iterator[Entry]:
    """Joins consecutive pairs; how many, a digest of the first decides."""
    pairs = [(entry.texts[0][0], entry.texts[1][0]) for entry in _read_pairs(source, data, held_out)]
    least, most = source.joined
    position = 0
    while position < len(pairs):
        count = least + int(digest_bytes(pairs[position][0].encode())[:4], 16) % (most - least + 1)
        english, spanish = ("\n".join(side) for side in zip(*pairs[position : position + count], strict=True))
        position += count
        yield _translation(english, spanish, Role.PASSAGE)


def _read_guides(source: Source, data: Path, held_out: HeldOutText) -> Iterator[Entry]:
    for row in read_guides(source, data):
        title, body = column(row, "title", data / source.file), column(row, "body_markdown", data / source.file)
        language = row.get("lang") or source.language
        passages = [f"{title}\n{heading}\n{text}" for heading, text in passages_of(body, max_words=110)]
        own: list[Text] = [(title, language, Role.QUERY), (row.get("excerpt") or "", language, Role.PASSAGE)]
        yield Entry(str(row["id"]), (*own, *((text, language, Role.PASSAGE) for text in passages)), area=area_of(row))


def _read_guide_pages(source: Source, data: Path, held_out: HeldOutText) -> Iterator[Entry]:
    """As much of a guide at a time as fills an encoder's window."""
    for row in read_guides(source, data):
        words = re.findall(r"\S+\s*", column(row, "body_markdown", data / source.file))
        language = row.get("lang") or source.language
        for first in range(0, len(words), 180):
            text = "".join(words[first : first + 180])
            yield Entry(f"{row['id']} {first}", ((text, language, Role.PASSAGE),), area=area_of(row))


def _read_guide_pairs(source: Source, data: Path, held_out: HeldOutText) -> Iterator[Entry]:
    if source.articles is None:
        raise DataRefused(f"source {source.file} of kind guide_pairs names no articles")
    guides = {row["id"]: row for row in read_rows(data / source.articles)}
    for row in read_rows(data / source.file):
        if is_held_out(column(row, "pair_id", data / source.file), source.hold_out):
            continue
        english, spanish = (guides[column(row, name, data / source.file)] for name in ("en_id", "es_id"))
        roles: dict[str, Role] = {"title": Role.QUERY, "excerpt": Role.PASSAGE}
        for name, role in roles.items():
            if english.get(name) and spanish.get(name):
                yield _translation(english[name], spanish[name], role, area=area_of(row))


def _read_answers(source: Source, data: Path, held_out: HeldOutText) -> Iterator[Entry]:
    for row in read_rows(data / source.file):
        language = row.get("lang") or source.language
        question = column(row, source.field, data / source.file)
        answer = "\n".join(row[name] for name in source.answer if row.get(name))
        page = page_of(row, question)
        if source.language not in (None, language) or is_page_held_out(page, source.hold_out):
            continue
        texts: list[Text] = [(question, language, Role.QUERY), (answer, language, Role.PASSAGE)]
        translated = row.get(source.translated) if source.translated else None
        if not translated:
            yield Entry(f"{page} {question}", tuple(texts), ((0, 1),), area=area_of(row))
            continue
        texts.append((translated, "es" if language == "en" else "en", Role.QUERY))
        sides = (0, 2) if language == "en" else (2, 0)
        yield Entry(f"{page} {question}", tuple(texts), ((0, 1), (2, 1)), (sides,), area=area_of(row))


def _read_written(source: Source, data: Path, held_out: HeldOutText) -> Iterator[Entry]:
    """Questions that a passage answers, with the passage as a branch encodes it."""
    for row, passage in read_written(source.path(data), data):
        if row["kind"] != "answered" or is_held_out(passage.guide.split(":")[-1], source.hold_out):
            continue
        answer = passage_input(passage.title, passage.heading, passage.text)
        texts = (
            (column(row, "text", source.path(data)), row["language"], Role.QUERY),
            (answer, passage.language, Role.PASSAGE),
        )
        yield Entry(f"{passage.guide} {row['text']}", texts, ((0, 1),), area=area_of({"id": passage.guide}))


def _folder_entries(source: Source, documents: OwnDocuments) -> Iterator[Entry]:
    learned, _ = documents.split(source.hold_out)
    for document in learned:
        yield _own_document(document, document.language or source.language)


def _own_document(document: OwnDocument, language: str | None) -> Entry:
    """All passages as a branch encodes them, then what the document asks and answers."""
    texts: list[Text] = [
        (passage_input(document.title, HEADING_GAP.join(passage.headings), passage.text), language, Role.PASSAGE)
        for passage in document.passages
    ]
    answers = []
    for pair in asked_and_answered(document):
        answers.append((len(texts), len(texts) + 1))
        texts += [(pair.question, language, Role.QUERY), (pair.answer, language, Role.PASSAGE)]
    area = document.source.rpartition("/")[0]
    return Entry(document.source, tuple(texts), tuple(answers), area=area)


def _translation(english: str, spanish: str, role: Role, area: str = "") -> Entry:
    return Entry(english, ((english, "en", role), (spanish, "es", role)), translations=((0, 1),), area=area)


def _guide_key(row: dict[str, Any], source: Source, data: Path) -> str:
    return column(row, "id", data / source.file).split(":")[-1]


def _squeeze(text: str) -> str:
    """Only letters and digits, so that markup cannot hide a sentence."""
    return re.sub(r"[^a-z0-9áéíóúüñ]+", "", text.lower())


_READERS: dict[str, Callable[[Source, Path, HeldOutText], Iterator[Entry]]] = {
    "texts": _read_texts,
    "pairs": _read_pairs,
    "passages": _read_passages,
    "guides": _read_guides,
    "guide_pages": _read_guide_pages,
    "guide_pairs": _read_guide_pairs,
    "answers": _read_answers,
    "written": _read_written,
}
