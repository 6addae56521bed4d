"""Passages of public guides for the verifier's examples, chunked as a branch does it, and written questions on them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
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
from student.artifacts.json_lines import DataRefused, column, read_rows
from student.bundle.manifest import Origin
from student.distill.verifier.examples import VERIFIER_ROLE
from student.runtime.encoder import Encoder

WRITTEN_QUESTIONS = Path(__file__).parents[1] / "data" / "answerability.jsonl"
GUIDE_FILES = {
    "tau2_banking_documents/documents.jsonl": 600,
    "help_hetzner/articles.jsonl": 330,
    "help_letsencrypt/articles.jsonl": 60,
    "help_bc/articles.jsonl": 1000,
    "help_adobe_commerce/articles.jsonl": 700,
    "help_m365_es/articles.jsonl": 1000,
}
"""Files of guides below the data folder, and how many guides of each are used."""
LICENSES = {
    "tau2_banking_documents/documents.jsonl": "MIT",
    "help_hetzner/articles.jsonl": "MIT",
    "help_letsencrypt/articles.jsonl": "MPL-2.0",
    "help_bc/articles.jsonl": "CC-BY-4.0",
    "help_adobe_commerce/articles.jsonl": "MIT",
    "help_m365_es/articles.jsonl": "CC-BY-4.0",
    "parallel_en_es/segments.jsonl": "CC-BY-4.0 AND MIT",
    "banking77/train.jsonl": "CC-BY-4.0",
    "nlupp/hotels.jsonl": "CC-BY-4.0",
    "clinc150/train.jsonl": "CC-BY-3.0",
    "clinc150/oos_train.jsonl": "CC-BY-3.0",
}
PASSAGES_EACH, MAX_TOKENS = 5, 160
_OWN_LICENSE = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class GuidePassage:
    """A passage of a guide: `segment` is the data set, `guide` the guide's id."""

    segment: str
    guide: str
    language: str
    title: str
    heading: str
    text: str

    @property
    def headings(self) -> str:
        """Title and headings as the verifier sees them."""
        return "\n".join(part for part in (self.title, self.heading) if part)


def examples_lineage(data: Path) -> list[Origin]:
    """Name, digest and licence of every file that the examples are made from."""
    own = {"teacher/data/answerability.jsonl": (WRITTEN_QUESTIONS, _OWN_LICENSE)}
    files = own | {name: (data / name, license_) for name, license_ in LICENSES.items()}
    return [
        Origin(role=VERIFIER_ROLE, name=name, sha256=digest_file(path), license=license_)
        for name, (path, license_) in files.items()
    ]


def read_guide_passages(data: Path, encoder: Encoder, generator: random.Random) -> list[GuidePassage]:
    """At most `PASSAGES_EACH` passages of each guide drawn, as a branch would cut them."""
    passages = []
    for name, count in GUIDE_FILES.items():
        rows = list(read_rows(data / name))
        generator.shuffle(rows)
        for row in rows[:count]:
            made = _extract(row)
            spans = chunk(made, encoder.token_starts(made.text), max_tokens=MAX_TOKENS) if made else []
            first = generator.randrange(max(1, len(spans) - PASSAGES_EACH + 1))
            for span in spans[first : first + PASSAGES_EACH]:
                text = made.text[span.start : span.end] if made else ""
                if len(text) > 150 and "```" not in text:
                    language = str(row.get("lang") or "en")
                    segment = name.split("/")[0]
                    passages.append(GuidePassage(segment, row["id"], language, row["title"], span.heading, text))
    return passages


def read_written(path: Path, data: Path) -> Iterator[tuple[dict[str, Any], GuidePassage]]:
    """The questions written by hand, each with its passage.

    A row's `group` names its passage for good: it decides what is held out, whatever later parsers make of the text.

    Raises:
        DataRefused: a guide is missing, or its text there is no longer the one that the question was written for.
    """
    guides: dict[str, dict[str, Any]] = {}
    for row in read_rows(path):
        name = column(row, "data", path)
        if name not in guides:
            guides[name] = {guide["id"]: guide for guide in read_rows(data / name)}
        guide = guides[name].get(row["guide"], {"title": "", "body_markdown": ""})
        made = _extract(guide)
        text = made.text[row["start"] : row["end"]] if made else ""
        if made is None or digest_bytes(text.encode()) != row["sha256"]:
            raise DataRefused(
                f"{path}: question {row['id']} was written for another text of guide {row['guide']} in {name}; get the "
                "data that its ATTRIBUTION names"
            )
        segment, language = name.split("/")[0], str(guide.get("lang") or "en")
        yield row, GuidePassage(segment, row["guide"], language, guide["title"], _heading_at(made, row["start"]), text)


def _heading_at(made: Extract, start: int) -> str:
    """The headings above a position in a text: every section is one passage where no token counts."""
    sections = chunk(made, np.empty(0, dtype=np.int64), max_tokens=1)
    return next((span.heading for span in sections if span.start <= start < span.end), "")


def _extract(row: dict[str, Any]) -> Extract | None:
    """A guide as text below its title, None where it cannot be read."""
    markdown = f"# {row['title']}\n\n{row['body_markdown']}"
    try:
        return extract(markdown.encode(), DocumentFormat.MARKDOWN, ParsingLimits())
    except AgentError:
        return None
