"""The corpus: which texts the teacher labels, drawn from files by a recipe, with whole guides held out.

A recipe is a TOML file (`teacher/recipes`). What is held out is decided by a digest of its key, so that anyone can
find out again what a student has never seen: `student.artifacts.json_lines.is_held_out`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.errors import AgentError
from edge_agent.ingest.chunking import chunk
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from student.artifacts.digests import digest_bytes, digest_file
from student.artifacts.json_lines import DataRefused, column, is_held_out, read_rows
from student.artifacts.settings import read_settings
from student.bundle.manifest import Origin

CORPUS_ROLE = "distillation texts"
_GRAM = 12


@dataclass(frozen=True, slots=True)
class Example:
    """A text for the student, and the text whose embedding by the teacher it must reach (its own or a translation)."""

    text: str
    teacher_text: str
    mix: str
    intent: str | None = None


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Model):
    """One file of the corpus.

    Attributes:
        mix: the name of the part of the mix that its texts belong to.
        kind: `texts` (a text a row), `pairs` (`en` and `es` a row), `passages` (consecutive pairs joined to
            passages), `guides` (titles, excerpts and passages of `language`), `guide_pages` (longer passages of
            guides, without titles) or `guide_pairs` (titles and excerpts of translated guides; `file` lists pairs,
            `articles` holds the guides).
        file, articles: below the data folder.
        field: the text's name in a row of `texts`.
        intent_field: the intent's name there, where the rows have one.
        joined: how many pairs make a passage, at least and at most.
        hold_out: share held out, by the row's text, or by the guide's `pair_id` or `id`.
        language: rows of another one are left out.
        license: of the file, an SPDX identifier.
    """

    mix: str
    kind: Literal["texts", "pairs", "passages", "guides", "guide_pages", "guide_pairs"]
    file: str
    articles: str | None = None
    field: str = "text"
    intent_field: str | None = None
    joined: tuple[Annotated[int, Field(ge=2)], int] = (2, 6)
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.0
    language: str | None = None
    license: str


class CorpusRecipe(_Model):
    """A corpus: its sources, and the guides whose sentences no source may bring in by another way."""

    name: str
    max_chars: Annotated[int, Field(ge=50)] = 1200
    guides_held_out: list[Source] = []
    source: Annotated[list[Source], Field(min_length=1)]


def read_corpus_recipe(path: Path) -> CorpusRecipe:
    """Reads a recipe. Raises `DataRefused`."""
    return read_settings(path, CorpusRecipe, "corpus recipe", DataRefused)


def read_corpus(recipe: CorpusRecipe, data: Path, *, share: float = 1.0) -> Iterator[Example]:
    """The examples of a corpus in a fixed order, each text once; of them a share chosen by digest, all by default.

    Empty texts and repeated ones are left out; texts longer than `max_chars` are cut. Translations stay together.

    Raises:
        DataRefused: a file is missing, is not UTF-8 JSON lines, or lacks a column.
    """
    held_out = _HeldOutText(" ".join(_guide_texts(recipe, data)))
    seen: set[str] = set()
    for source in recipe.source:
        for example in _READERS[source.kind](source, data, held_out):
            text, teacher_text = (_tidy(t, recipe.max_chars) for t in (example.text, example.teacher_text))
            if not text or not teacher_text or text in seen or not is_held_out(f"share:{teacher_text}", share):
                continue
            seen.add(text)
            yield replace(example, text=text, teacher_text=teacher_text)


def corpus_lineage(recipe: CorpusRecipe, data: Path) -> list[Origin]:
    """Name, digest and licence of every file of a corpus."""
    files = {}
    for source in recipe.source:
        for name in (source.file, source.articles):
            if name:
                files[name] = source.license
    return [
        Origin(role=CORPUS_ROLE, name=name, sha256=digest_file(data / name), license=license_)
        for name, license_ in files.items()
    ]


class _HeldOutText:
    """Knows whether a sentence stands in the held-out guides; only letters and digits count."""

    def __init__(self, text: str) -> None:
        self._text = _squeeze(text)
        self._grams = {self._text[i : i + _GRAM] for i in range(len(self._text) - _GRAM + 1)}

    def __contains__(self, sentence: str) -> bool:
        squeezed = _squeeze(sentence)
        return squeezed != "" and (len(squeezed) < _GRAM or squeezed[:_GRAM] in self._grams) and squeezed in self._text


def _read_texts(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[Example]:
    for row in read_rows(data / source.file):
        text = column(row, source.field, data / source.file)
        if source.language in (None, row.get("lang")) and not is_held_out(text, source.hold_out):
            intent = column(row, source.intent_field, data / source.file) if source.intent_field else None
            yield Example(text, text, source.mix, intent)


def _pairs(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[tuple[str, str]]:
    """The pairs (English, Spanish) of a file that are not held out."""
    for row in read_rows(data / source.file):
        english, spanish = column(row, "en", data / source.file), column(row, "es", data / source.file)
        if not is_held_out(english, source.hold_out) and english not in held_out:
            yield english, spanish


def _read_pairs(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[Example]:
    for english, spanish in _pairs(source, data, held_out):
        yield Example(english, english, source.mix)
        yield Example(spanish, english, source.mix)


def _read_passages(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[Example]:
    """Joins consecutive pairs; how many, a digest of the first decides."""
    pairs = list(_pairs(source, data, held_out))
    least, most = source.joined
    position = 0
    while position < len(pairs):
        count = least + int(digest_bytes(pairs[position][0].encode())[:4], 16) % (most - least + 1)
        english, spanish = ("\n".join(side) for side in zip(*pairs[position : position + count], strict=True))
        position += count
        yield Example(english, english, source.mix)
        yield Example(spanish, english, source.mix)


def read_guides(source: Source, data: Path) -> Iterator[dict[str, Any]]:
    """The guides of a file that are of its language and not held out."""
    for row in read_rows(data / source.file):
        key = column(row, "id", data / source.file).split(":")[-1]
        if source.language in (None, row.get("lang")) and not is_held_out(key, source.hold_out):
            yield row


def _read_guides(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[Example]:
    for row in read_guides(source, data):
        title, body = column(row, "title", data / source.file), column(row, "body_markdown", data / source.file)
        passages = (f"{title}\n{heading}\n{text}" for heading, text in passages_of(body, max_words=110))
        for text in (title, row.get("excerpt") or "", *passages):
            yield Example(text, text, source.mix)


def _read_guide_pages(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[Example]:
    """As much of a guide at a time as fills an encoder's window."""
    for row in read_guides(source, data):
        words = re.findall(r"\S+\s*", column(row, "body_markdown", data / source.file))
        for first in range(0, len(words), 180):
            text = "".join(words[first : first + 180])
            yield Example(text, text, source.mix)


def _read_guide_pairs(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[Example]:
    if source.articles is None:
        raise DataRefused(f"source {source.file} of kind guide_pairs names no articles")
    guides = {row["id"]: row for row in read_rows(data / source.articles)}
    for row in read_rows(data / source.file):
        if is_held_out(column(row, "pair_id", data / source.file), source.hold_out):
            continue
        english, spanish = (guides[column(row, name, data / source.file)] for name in ("en_id", "es_id"))
        for name in ("title", "excerpt"):
            if english.get(name) and spanish.get(name):
                yield Example(english[name], english[name], source.mix)
                yield Example(spanish[name], english[name], source.mix)


_READERS = {
    "texts": _read_texts,
    "pairs": _read_pairs,
    "passages": _read_passages,
    "guides": _read_guides,
    "guide_pages": _read_guide_pages,
    "guide_pairs": _read_guide_pairs,
}


def _guide_texts(recipe: CorpusRecipe, data: Path) -> Iterator[str]:
    """The bodies of the guides that are held out, whose sentences stand in files of pairs too."""
    for source in recipe.guides_held_out:
        for row in read_rows(data / source.file):
            if is_held_out(column(row, "id", data / source.file).split(":")[-1], source.hold_out):
                yield column(row, "title", data / source.file)
                yield column(row, "body_markdown", data / source.file)


def passages_of(body: str, *, max_words: int) -> list[tuple[str, str]]:
    """A guide's passages as a branch would cut them, by words instead of tokens: heading and text."""
    try:
        made = extract(body.encode(), DocumentFormat.MARKDOWN, ParsingLimits())
    except AgentError:
        return []
    starts = np.array([match.start() for match in re.finditer(r"\S+", made.text)], dtype=np.int64)
    spans = chunk(made, starts, max_tokens=max_words)
    return [(span.heading, made.text[span.start : span.end]) for span in spans]


def _tidy(text: str, max_chars: int) -> str:
    return text.strip()[:max_chars]


def _squeeze(text: str) -> str:
    """Only letters and digits, so that markup cannot hide a sentence."""
    return re.sub(r"[^a-z0-9áéíóúüñ]+", "", text.lower())
