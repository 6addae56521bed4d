"""The corpus: which texts the teacher labels, drawn from files by a recipe, with whole guides held out.

A recipe is a TOML file (`teacher/recipes`). What is held out is decided by a digest of its key, so that anyone can
find out again what a student has never seen: `is_held_out`.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_agent.chunking import chunk
from edge_agent.errors import AgentError
from edge_agent.extraction import DocumentFormat, extract
from student.digests import digest_bytes, digest_file
from student.manifest import Origin
from teacher.errors import CorpusRefused

_GRAM = 12


@dataclass(frozen=True, slots=True)
class Example:
    """A text for the student, and the text whose embedding by the teacher it must reach (its own or a translation)."""

    text: str
    teacher_text: str
    mix: str


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Model):
    """One file of the corpus.

    Attributes:
        mix: the name of the part of the mix that its texts belong to.
        kind: `texts` (a text a row), `pairs` (`en` and `es` a row), `passages` (consecutive pairs joined to
            passages), `guides` (titles, excerpts and passages of `language`) or `guide_pairs` (titles and excerpts
            of translated guides; `file` lists pairs, `articles` holds the guides).
        file, articles: below the data folder.
        field: the text's name in a row of `texts`.
        hold_out: share held out, by the row's text, or by the guide's `pair_id` or `id`.
        language: rows of another one are left out.
        license: of the file, an SPDX identifier.
    """

    mix: str
    kind: Literal["texts", "pairs", "passages", "guides", "guide_pairs"]
    file: str
    articles: str | None = None
    field: str = "text"
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
    """Reads a recipe. Raises `CorpusRefused`."""
    try:
        return CorpusRecipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise CorpusRefused(f"corpus recipe {path} cannot be used: {error}") from error


def is_held_out(key: str, share: float) -> bool:
    """Whether what has this key is held out: a digest of the key, as a fraction, is under the share."""
    return int(digest_bytes(key.encode())[:8], 16) / 2**32 < share


def read_examples(recipe: CorpusRecipe, data: Path) -> Iterator[Example]:
    """All examples of a corpus in a fixed order, each text once.

    Empty texts and repeated ones are left out; texts longer than `max_chars` are cut.

    Raises:
        CorpusRefused: a file is missing, is not UTF-8 JSON lines, or lacks a column.
    """
    held_out = _HeldOutText(" ".join(_guide_texts(recipe, data)))
    seen: set[str] = set()
    for source in recipe.source:
        for example in _READERS[source.kind](source, data, held_out):
            text, teacher_text = (_tidy(t, recipe.max_chars) for t in (example.text, example.teacher_text))
            if not text or not teacher_text or text in seen:
                continue
            seen.add(text)
            yield Example(text, teacher_text, source.mix)


def corpus_lineage(recipe: CorpusRecipe, data: Path) -> list[Origin]:
    """Name, digest and licence of every file of a corpus."""
    files = {}
    for source in recipe.source:
        for name in (source.file, source.articles):
            if name:
                files[name] = source.license
    return [
        Origin(role="distillation texts", name=name, sha256=digest_file(data / name), license=license_)
        for name, license_ in files.items()
    ]


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, blank lines left out. Raises `CorpusRefused`."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise CorpusRefused(f"corpus file {path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8"))
        except ValueError as error:
            raise CorpusRefused(f"{path} line {number} is not UTF-8 JSON; expected JSON lines") from error
        if not isinstance(row, dict):
            raise CorpusRefused(f"{path} line {number} is not an object; expected JSON lines of objects")
        yield row


def _column(row: dict[str, Any], name: str, source: Source) -> str:
    if not isinstance(row.get(name), str):
        raise CorpusRefused(f"{source.file} has a row without the text column {name!r}; its columns are {sorted(row)}")
    return str(row[name])


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
        text = _column(row, source.field, source)
        if source.language in (None, row.get("lang")) and not is_held_out(text, source.hold_out):
            yield Example(text, text, source.mix)


def _pairs(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[tuple[str, str]]:
    """The pairs (English, Spanish) of a file that are not held out."""
    for row in read_rows(data / source.file):
        english, spanish = _column(row, "en", source), _column(row, "es", source)
        if not is_held_out(english, source.hold_out) and english not in held_out:
            yield english, spanish


def _read_pairs(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[Example]:
    for english, spanish in _pairs(source, data, held_out):
        yield Example(english, english, source.mix)
        yield Example(spanish, english, source.mix)


def _read_passages(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[Example]:
    """Joins two to six consecutive pairs; how many, a digest of the first decides."""
    pairs = list(_pairs(source, data, held_out))
    position = 0
    while position < len(pairs):
        count = 2 + int(digest_bytes(pairs[position][0].encode())[:4], 16) % 5
        english, spanish = ("\n".join(side) for side in zip(*pairs[position : position + count], strict=True))
        position += count
        yield Example(english, english, source.mix)
        yield Example(spanish, english, source.mix)


def _read_guides(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[Example]:
    for row in read_rows(data / source.file):
        key = _column(row, "id", source).split(":")[-1]
        if source.language not in (None, row.get("lang")) or is_held_out(key, source.hold_out):
            continue
        title, body = _column(row, "title", source), _column(row, "body_markdown", source)
        for text in (title, row.get("excerpt") or "", *_passages(title, body)):
            yield Example(text, text, source.mix)


def _read_guide_pairs(source: Source, data: Path, held_out: _HeldOutText) -> Iterator[Example]:
    if source.articles is None:
        raise CorpusRefused(f"source {source.file} of kind guide_pairs names no articles")
    guides = {row["id"]: row for row in read_rows(data / source.articles)}
    for row in read_rows(data / source.file):
        if is_held_out(_column(row, "pair_id", source), source.hold_out):
            continue
        english, spanish = (guides[_column(row, name, source)] for name in ("en_id", "es_id"))
        for name in ("title", "excerpt"):
            if english.get(name) and spanish.get(name):
                yield Example(english[name], english[name], source.mix)
                yield Example(spanish[name], english[name], source.mix)


_READERS = {
    "texts": _read_texts,
    "pairs": _read_pairs,
    "passages": _read_passages,
    "guides": _read_guides,
    "guide_pairs": _read_guide_pairs,
}


def _guide_texts(recipe: CorpusRecipe, data: Path) -> Iterator[str]:
    """The bodies of the guides that are held out, whose sentences stand in files of pairs too."""
    for source in recipe.guides_held_out:
        for row in read_rows(data / source.file):
            if is_held_out(_column(row, "id", source).split(":")[-1], source.hold_out):
                yield _column(row, "title", source)
                yield _column(row, "body_markdown", source)


def _passages(title: str, body: str) -> list[str]:
    """A guide's passages as a branch would cut them, by words instead of tokens, with the title before them."""
    try:
        made = extract(body.encode(), DocumentFormat.MARKDOWN, max_bytes=10_000_000)
    except AgentError:
        return []
    starts = np.array([match.start() for match in re.finditer(r"\S+", made.text)], dtype=np.int64)
    spans = chunk(made, starts, max_tokens=110)
    return [f"{title}\n{span.heading}\n{made.text[span.start : span.end]}" for span in spans]


def _tidy(text: str, max_chars: int) -> str:
    return text.strip()[:max_chars]


def _squeeze(text: str) -> str:
    """Only letters and digits, so that markup cannot hide a sentence."""
    return re.sub(r"[^a-z0-9áéíóúüñ]+", "", text.lower())
