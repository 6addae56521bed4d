"""Passages of guides for the verifier's examples, chunked as a branch does it, and written questions on them."""

import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.errors import AgentError
from edge_agent.ingest.chunking import chunk
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from student.artifacts.digests import digest_bytes, digest_file
from student.artifacts.json_lines import DataRefused, area_of, column, read_rows
from student.bundle.manifest import Origin
from student.distill.licenses import UNKNOWN
from student.distill.verifier.examples import VERIFIER_ROLE
from student.runtime.encoder import Encoder
from teacher.corpora.documents import OwnDocument, digest_folder, read_documents
from teacher.corpora.questions_recipe import QuestionsRecipe

WRITTEN_LICENSE = "Apache-2.0"
WRITTEN_QUESTIONS = Path(__file__).parents[1] / "data" / "answerability.jsonl"
_FEWEST_CHARS = 150
_GUIDE, _QUESTION = ("title", "body_markdown"), ("question", "answer")
"""Columns of title and body, of a guide and of a question with its answer, which is read as one too."""


@dataclass(frozen=True, slots=True)
class GuidePassage:
    """A passage of a guide: `segment` is the data set, `guide` the guide's id.

    `is_about_messages`: see `Guides`.
    """

    segment: str
    guide: str
    language: str
    title: str
    heading: str
    text: str
    is_about_messages: bool = False

    @property
    def headings(self) -> str:
        """Title and headings as the verifier sees them."""
        return "\n".join(part for part in (self.title, self.heading) if part)


def written_origin(path: Path, role: str) -> Origin:
    """A file of written questions in a lineage: this project's own has its name and licence."""
    is_ours = path.samefile(WRITTEN_QUESTIONS)
    name, license_ = ("teacher/data/answerability.jsonl", WRITTEN_LICENSE) if is_ours else (path.name, UNKNOWN)
    return Origin(role=role, name=name, sha256=digest_file(path), license=license_)


def examples_lineage(recipe: QuestionsRecipe, data: Path) -> list[Origin]:
    """Name, digest and licence of every file that the examples are made from."""
    origins = [written_origin(recipe.written, VERIFIER_ROLE)] if recipe.written else []
    for each in (*recipe.guides, *recipe.segments, *recipe.messages):
        path = data / each.file
        digest = digest_folder(path) if path.is_dir() else digest_file(path)
        origins.append(Origin(role=VERIFIER_ROLE, name=each.file, sha256=digest, license=each.license))
    return origins


def read_guide_passages(
    recipe: QuestionsRecipe, data: Path, encoder: Encoder, generator: random.Random
) -> list[GuidePassage]:
    """Some passages of each guide drawn, as a branch would cut them.

    Raises:
        DataRefused: a file or folder of the recipe cannot be used.
    """
    passages = []
    for source in recipe.guides:
        guides = _read_folder(data / source.file) if (data / source.file).is_dir() else _read_file(data / source.file)
        guides = [guide for guide in guides if area_of({"id": guide.name}) not in recipe.areas_held_out]
        generator.shuffle(guides)
        for guide in guides[: source.count]:
            made = guide.extract()
            spans = chunk(made, encoder.token_starts(made.text), max_tokens=recipe.max_tokens) if made else []
            first = generator.randrange(max(1, len(spans) - recipe.passages_each + 1))
            for span in spans[first : first + recipe.passages_each]:
                text = made.text[span.start : span.end] if made else ""
                if len(text) > _FEWEST_CHARS and "```" not in text:
                    named = (source.file.split("/")[0], guide.name, guide.language, guide.title, span.heading, text)
                    passages.append(GuidePassage(*named, is_about_messages=source.is_about_messages))
    return passages


@dataclass(frozen=True, slots=True)
class _Guide:
    name: str
    language: str
    title: str
    extract: Callable[[], Extract | None]


def _read_file(path: Path) -> list[_Guide]:
    guides = []
    for row in read_rows(path):
        name, title, body = (column(row, key, path) for key in ("id", "title", "body_markdown"))
        guides.append(_Guide(name, str(row.get("lang") or "en"), title, partial(_extract, title, body)))
    return guides


def _read_folder(path: Path) -> list[_Guide]:
    return [
        _Guide(each.source, each.language or "en", each.title, partial(_extracted, each))
        for each in read_documents(path).documents
    ]


def _extracted(document: OwnDocument) -> Extract:
    return document.extracted


def read_written(
    path: Path, data: Path, *, areas_held_out: Collection[str] = ()
) -> Iterator[tuple[dict[str, Any], GuidePassage]]:
    """The questions written by hand, each with its passage; those on guides of areas held out are passed over.

    A row's `group` names its passage for good: it decides what is held out, whatever later parsers make of the text.

    Raises:
        DataRefused: a guide is missing, or its text there is no longer the one that the question was written for.
    """
    guides: dict[str, dict[str, Any]] = {}
    for row in read_rows(path):
        if area_of({"id": row["guide"]}) in areas_held_out:
            continue
        name = column(row, "data", path)
        if name not in guides:
            guides[name] = {guide["id"]: guide for guide in read_rows(data / name)}
        guide = guides[name].get(row["guide"], {"title": "", "body_markdown": ""})
        title, body = (guide[key] for key in (_GUIDE if "body_markdown" in guide else _QUESTION))
        made = _extract(title, body)
        text = made.text[row["start"] : row["end"]] if made else ""
        if made is None or digest_bytes(text.encode()) != row["sha256"]:
            raise DataRefused(
                f"{path}: question {row['id']} was written for another text of guide {row['guide']} in {name}; get the "
                "data that its ATTRIBUTION names"
            )
        segment, language = name.split("/")[0], str(guide.get("lang") or "en")
        yield row, GuidePassage(segment, row["guide"], language, title, _heading_at(made, row["start"]), text)


def _heading_at(made: Extract, start: int) -> str:
    """The headings above a position in a text: every section is one passage where no token counts."""
    sections = chunk(made, np.empty(0, dtype=np.int64), max_tokens=1)
    return next((span.heading for span in sections if span.start <= start < span.end), "")


def _extract(title: str, body: str) -> Extract | None:
    """A guide as text below its title, None where it cannot be read."""
    try:
        return extract(f"# {title}\n\n{body}".encode(), DocumentFormat.MARKDOWN, ParsingLimits())
    except AgentError:
        return None
