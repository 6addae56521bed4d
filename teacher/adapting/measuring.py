"""Comparison of two students on own documents: which finds the right document for a question first, and how surely.

Titles and headings of documents that training did not see are the questions, the passages of all documents what is
searched, without title and headings, which would give the answer away. Questions of one's own are asked of the passages
as a branch embeds them. nDCG@10 (Järvelin & Kekäläinen 2002) with one right document: `1 / log2(rank + 1)`, 0 past ten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.ingest.chunking import passage_input
from edge_agent.storage.records import HEADING_GAP
from student.artifacts.json_lines import DataRefused, column, read_rows
from student.evaluation.figures import gains_of, ranks_of
from student.runtime.encoder import Encoder
from teacher.corpora.documents import OwnDocument


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the number of the document that answers it."""

    text: str
    document: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two students on the same N questions.

    Attributes:
        before, after: nDCG@10 of each question, (N,), of the one and the other.
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]

    @property
    def gain(self) -> float:
        """Mean difference of nDCG@10."""
        return float((self.after - self.before).mean())

    @property
    def uncertainty(self) -> float:
        """Standard error of the gain, over questions."""
        return float((self.after - self.before).std() / max(1, len(self.before)) ** 0.5)

    @property
    def is_better(self) -> bool:
        """True if the gain is above its standard error."""
        return self.gain > self.uncertainty

    def as_metrics(self) -> dict[str, float]:
        """The figures, rounded for a manifest."""
        figures: dict[str, float] = {"questions": len(self.before)}
        for name, scores in (("before", self.before), ("after", self.after)):
            figures |= {
                f"ndcg_at_10_{name}": round(float(scores.mean()), 4),
                f"right_document_first_{name}": round(float((scores == 1).mean()), 4),
            }
        return figures | {"gain": round(self.gain, 4), "standard_error": round(self.uncertainty, 4)}


def questions_of(documents: Sequence[OwnDocument], held_out: Sequence[OwnDocument]) -> list[Question]:
    """Titles and headings of the documents held out, those left out that stand in several documents."""
    named: dict[str, set[int]] = {}
    for number, document in enumerate(documents):
        for name in (document.title, *(p.headings[-1] for p in document.passages if p.headings)):
            named.setdefault(name, set()).add(number)
    sources = {document.source for document in held_out}
    return [
        Question(name, next(iter(numbers)))
        for name, numbers in named.items()
        if len(numbers) == 1 and documents[next(iter(numbers))].source in sources
    ]


def read_questions(path: Path, documents: Sequence[OwnDocument]) -> list[Question]:
    """Reads JSON lines of `question` and `source`, a document's path below its folder.

    Raises:
        DataRefused: a row lacks one of them, or names no document.
    """
    number_of = {document.source: number for number, document in enumerate(documents)}
    questions = []
    for row in read_rows(path):
        text, source = column(row, "question", path), column(row, "source", path)
        if source not in number_of:
            raise DataRefused(f"{path} names {source!r}, which is no document of the folder; write its path below it")
        questions.append(Question(text, number_of[source]))
    if not questions:
        raise DataRefused(f"{path} holds no question; expected JSON lines of question and source")
    return questions


def compare(
    before: Encoder, after: Encoder, documents: Sequence[OwnDocument], questions: Sequence[Question], *, is_bare: bool
) -> Comparison:
    """Compares two encoders.

    Args:
        before: the one.
        after: the other.
        documents: what is searched.
        questions: at least one.
        is_bare: search passages without title and headings.
    """
    texts = [
        passage.text if is_bare else passage_input(document.title, HEADING_GAP.join(passage.headings), passage.text)
        for document in documents
        for passage in document.passages
    ]
    owners = np.repeat(np.arange(len(documents)), [len(document.passages) for document in documents])
    right = np.array([question.document for question in questions])
    scores = []
    for encoder in (before, after):
        asked, searched = encoder.encode([question.text for question in questions]), encoder.encode(texts)
        scores.append(gains_of(ranks_of(asked, searched, right, owners)))  # as near as its nearest passage
    return Comparison(*scores)
