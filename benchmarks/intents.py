"""Intents of one's own from a few messages, beside plain logistic regression and TF-IDF; and the default head as it is.

The demo's tickets of the development half are learned from, those of the test half are asked. Nobody tunes on these:
settings are chosen in five folds of the messages that are learned. The default head has never seen a ticket; which of
its labels a ticket's intent means was written down before it was measured (`intent_taxonomy.toml`).
"""

import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline

from student.artifacts.json_lines import read_rows
from student.bundle.linear_head import INTENT, LinearHead
from student.embeddings import Embeddings
from student.intents.examples import Examples
from student.intents.figures import figures_of, outcomes_of, wilson_interval
from student.intents.learning import learn_head
from student.runtime.student import Student, load_student

TICKETS = Path(__file__).parents[1] / "demo" / "tickets.jsonl"
TAXONOMY = Path(__file__).with_name("intent_taxonomy.toml")
SIZES: Sequence[int | None] = (5, 10, None)
DRAWS, SEED = 5, 20261130
_SPEED_LABELS, _SPEED_EACH = 30, 20


@dataclass(frozen=True, slots=True)
class _Tickets:
    texts: list[str]
    labels: list[str]
    languages: NDArray[np.str_]
    embeddings: Embeddings

    def rows(self, rows: NDArray[np.int64]) -> "_Tickets":
        texts, labels = [self.texts[row] for row in rows], [self.labels[row] for row in rows]
        return _Tickets(texts, labels, self.languages[rows], self.embeddings[rows])


@dataclass(frozen=True, slots=True)
class _Answers:
    """Probabilities (N, C) of N tickets for labels of these names, and where it refuses."""

    probabilities: NDArray[np.float64]
    labels: Sequence[str]
    threshold: float = 0.0


def run() -> dict[str, Any]:
    """Figures on the test half."""
    student = load_student()
    try:
        learned, asked = (_read(student, split) for split in ("dev", "test"))
        return {
            "bundle": student.bundle.manifest.name,
            "messages": {"learned": len(learned.texts), "asked": len(asked.texts)},
            "own": {str(size or "all"): _own(student, learned, asked, size) for size in SIZES},
            "default_head": default_head(student, "test"),
            "speed": _speed(student, learned),
        }
    finally:
        student.close()


def default_head(student: Student, split: str) -> dict[str, Any]:
    """How the bundle's head names the tickets whose intent it covers, by language."""
    head, tickets = student.heads[INTENT], _read(student, split)
    means = tomllib.loads(TAXONOMY.read_text(encoding="utf-8"))["means"]
    covered = np.array([row for row, label in enumerate(tickets.labels) if means[label] in head.labels], dtype=int)
    if not len(covered):
        return {"covered": 0}
    tickets = tickets.rows(covered)
    probabilities = head.probabilities(tickets.embeddings, tickets.texts)
    said = [head.labels[best] for best in probabilities.argmax(axis=1)]
    is_right = np.array([means[label] == named for label, named in zip(tickets.labels, said, strict=True)])
    is_refused = probabilities.max(axis=1) < head.threshold
    result: dict[str, Any] = {"covered": len(covered), "labels": len(head.labels)}
    for language in sorted(set(tickets.languages.tolist())):
        rows = tickets.languages == language
        right = int((is_right & ~is_refused)[rows].sum())
        result[language] = {
            "tickets": int(rows.sum()),
            "named_right": round(right / rows.sum(), 4),
            "interval": np.round(wilson_interval(right, int(rows.sum())), 4).tolist(),
            "right_if_none_is_refused": round(float(is_right[rows].mean()), 4),
            "refused": round(float(is_refused[rows].mean()), 4),
        }
    return result


def _read(student: Student, split: str) -> _Tickets:
    rows = [row for row in read_rows(TICKETS) if row["split"] == split]
    texts = [row["text"] for row in rows]
    languages = np.array([row["language"] for row in rows])
    return _Tickets(texts, [row["intent"] for row in rows], languages, student.encoder.encode(texts))


def _own(student: Student, learned: _Tickets, asked: _Tickets, size: int | None) -> dict[str, Any]:
    """Each way to learn, from so many messages a label, drawn several times, all of them once."""
    ways: dict[str, Callable[[_Tickets, int], _Answers]] = {
        "orilla": lambda some, draw: _orilla(student, some, asked, draw),
        "logistic regression": lambda some, draw: _plain(some, asked),
        "tf-idf": lambda some, draw: _words(some, asked),
    }
    figures: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for draw in range(DRAWS if size else 1):
        some = learned.rows(_drawn(learned, size, np.random.default_rng(SEED + draw)))
        for name, way in ways.items():
            figures[name].append(_figures(way(some, draw), asked))
    return {name: _medians(each) for name, each in figures.items()}


def _drawn(tickets: _Tickets, size: int | None, generator: np.random.Generator) -> NDArray[np.int64]:
    """So many messages of each label, both languages alike, as a branch would write them down."""
    groups: dict[str, list[list[int]]] = defaultdict(lambda: [[], []])
    for row in generator.permutation(len(tickets.texts)):
        groups[tickets.labels[row]][int(tickets.languages[row] == "es")].append(int(row))
    rows = []
    for english, spanish in groups.values():
        if size is None:
            rows += english + spanish
        else:
            more = size // 2 + size % 2 * int(generator.integers(2))
            rows += english[:more] + spanish[: size - more]
    return np.sort(np.array(rows, dtype=np.int64))


def _orilla(student: Student, some: _Tickets, asked: _Tickets, draw: int) -> _Answers:
    generator = np.random.default_rng(draw)
    head = learn_head(
        _examples(some), student.encoder.encode, before=student.heads.get(INTENT), keep=False, generator=generator
    ).head
    return _Answers(head.probabilities(asked.embeddings, asked.texts), head.labels, head.threshold)


def _plain(some: _Tickets, asked: _Tickets) -> _Answers:
    model = LogisticRegression(C=10, max_iter=2000).fit(some.embeddings, some.labels)
    return _Answers(model.predict_proba(asked.embeddings), model.classes_.tolist())


def _words(some: _Tickets, asked: _Tickets) -> _Answers:
    shape: dict[str, Any] = {"strip_accents": "unicode", "sublinear_tf": True}
    words = FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2), **shape)),
            ("pieces", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), **shape)),
        ]
    )
    model = make_pipeline(words, LogisticRegression(C=10, max_iter=2000)).fit(some.texts, some.labels)
    return _Answers(model.predict_proba(asked.texts), model.classes_.tolist())


def _figures(answers: _Answers, asked: _Tickets) -> dict[str, Any]:
    """Figures by language, as the command's own report has them."""
    outcomes = outcomes_of(_examples(asked), answers.probabilities, tuple(answers.labels), answers.threshold)
    overall = figures_of(outcomes, np.random.default_rng(SEED))["overall"]
    return {language: overall[language] for language in sorted(set(asked.languages.tolist()))}


def _examples(tickets: _Tickets) -> Examples:
    lines = list(range(1, len(tickets.texts) + 1))
    return Examples(tickets.texts, tickets.labels, tickets.languages.tolist(), lines)


def _medians(draws: list[dict[str, Any]]) -> dict[str, Any]:
    """Of every figure by language; of an interval those of its ends."""
    return {
        language: {
            name: np.round(np.median([draw[language][name] for draw in draws], axis=0), 4).tolist()
            for name in draws[0][language]
        }
        for language in draws[0]
    }


def _speed(student: Student, learned: _Tickets) -> dict[str, Any]:
    """Seconds to learn 30 labels of 20 messages in each language, and milliseconds to classify a message."""
    rows = np.resize(np.arange(len(learned.texts)), _SPEED_LABELS * _SPEED_EACH * 2)
    texts = [f"{learned.texts[row]} {count}" for count, row in enumerate(rows)]
    labels = [f"label {count % _SPEED_LABELS}" for count in range(len(rows))]
    examples = Examples(texts, labels, learned.languages[rows].tolist(), list(range(1, len(rows) + 1)))
    started = time.perf_counter()
    head: LinearHead = learn_head(
        examples,
        student.encoder.encode,
        before=student.heads.get(INTENT),
        keep=False,
        generator=np.random.default_rng(0),
    ).head
    learning = time.perf_counter() - started
    times = []
    for text in learned.texts[:200]:
        started = time.perf_counter()
        head.classify(student.encoder.encode([text])[0], text)
        times.append(time.perf_counter() - started)
    return {"messages": len(rows), "learn_s": round(learning, 1), "classify_ms": round(1000 * median(times), 2)}
