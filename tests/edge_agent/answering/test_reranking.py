"""What the cross-encoder says changes the order of passages and of sentences."""

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from edge_agent.answering.evidence import Answering, Candidate, Evidence
from edge_agent.answering.gathering import headings
from edge_agent.answering.reranking import rerank_passages, rerank_units
from edge_agent.retrieval.search import Found
from edge_agent.storage.records import Passage, PassageKind
from student.runtime.cross_encoder import CrossEncoder

ANSWERING = Answering(reranked_passages=3, reranked_units=2, rerank_weight=0.3, unit_rerank_weight=0.3)


class Liking:
    """Gives a high logit to texts that hold a word, and keeps what it was asked."""

    def __init__(self, word: str) -> None:
        self.word, self.asked = word, list[tuple[str, str]]()

    def logits(self, question: str, texts: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        self.asked += texts
        return np.array([6.0 if self.word in text else -6.0 for _, text in texts], dtype=np.float32)


def passage(number: int, text: str, *, title: str = "", heading: str = "") -> Passage:
    return Passage(
        passage_id=number,
        document_id=f"d{number}",
        content_sha256="0" * 64,
        page=0,
        source=f"{number}.md",
        title=title,
        heading=heading,
        text=text,
        start=0,
        end=len(text),
        language="en",
        kind=PassageKind.PARAGRAPH,
    )


def found(*texts: str) -> list[Found]:
    return [Found(passage(n, text), 0.9 - n / 10, 0.9 - n / 10) for n, text in enumerate(texts)]


def test_a_passage_that_answers_comes_first_and_what_is_not_read_stays_behind() -> None:
    likes = Liking("thirty")
    retrieved = found("a day", "an hour", "thirty days", "thirty years")
    ranked = rerank_passages(cast(CrossEncoder, likes), "how long?", retrieved, ANSWERING)
    assert [each.passage.text for each in ranked] == ["thirty days", "a day", "an hour", "thirty years"]
    assert [each.logit for each in ranked] == [6.0, -6.0, -6.0, None]


def evidence(*texts: str) -> Evidence:
    candidates = [Candidate(passage(0, " ".join(texts)), 0.8, 0, 1, text) for text in texts]
    return Evidence(candidates, np.zeros(len(texts), dtype=np.float32), 0.8, 0.8, 0.5)


def test_the_best_sentences_are_read_and_the_others_gain_nothing() -> None:
    likes = Liking("thirty")
    scores = rerank_units(
        cast(CrossEncoder, likes),
        "how long?",
        evidence("a day", "thirty days", "thirty years"),
        np.array([0.6, 0.5, 0.1]),
        ANSWERING,
    )
    assert int(scores.argmax()) == 1
    assert scores[2] == 0.1
    assert len(likes.asked) == 2


def test_title_and_headings_are_read_above_a_text() -> None:
    likes = Liking("x")
    retrieved = [Found(passage(1, "x", title="Backups", heading="Times"), 0.9, 0.9)]
    rerank_passages(cast(CrossEncoder, likes), "how long?", retrieved, ANSWERING)
    assert likes.asked == [("Backups\nTimes", "x")]
    assert headings(passage(1, "x")) == ""
