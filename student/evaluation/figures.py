"""The figures of one encoder on the tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from student.embeddings import Embeddings, Encode
from student.evaluation.tasks import EvaluationTask, IntentTask, RetrievalTask
from student.intents.calibration import calibration_error

CUT = 10
"""Of nDCG and recall."""


@dataclass(frozen=True, slots=True)
class TaskEmbeddings:
    """The texts of a task, encoded: queries and documents, or training, test and out-of-scope texts."""

    task: EvaluationTask
    parts: tuple[Embeddings, ...]

    def cut(self, dimensions: int) -> "TaskEmbeddings":
        """Only the first so many numbers of each embedding, at unit norm again (arXiv 2205.13147)."""
        parts = tuple(part[:, :dimensions] for part in self.parts)
        return TaskEmbeddings(self.task, tuple(p / np.linalg.norm(p, axis=1, keepdims=True) for p in parts))


def encode_task(task: EvaluationTask, encode: Encode, encode_documents: Encode | None = None) -> TaskEmbeddings:
    """Encodes the texts of a task, documents otherwise than queries where the second function is given."""
    if isinstance(task, RetrievalTask):
        return TaskEmbeddings(task, (encode(task.queries), (encode_documents or encode)(task.documents)))
    outside = encode(task.out_of_scope) if task.out_of_scope else np.empty((0, 1), dtype=np.float32)
    return TaskEmbeddings(task, (encode(task.train.texts), encode(task.test.texts), outside))


def measure_task(embedded: TaskEmbeddings) -> dict[str, float]:
    """The figures of one task."""
    if isinstance(embedded.task, RetrievalTask):
        return measure_retrieval(embedded.task, *embedded.parts)
    return measure_intents(embedded.task, *embedded.parts)


def measure_retrieval(task: RetrievalTask, queries: Embeddings, documents: Embeddings) -> dict[str, float]:
    """The figures of queries (Q, D) in documents (N, D), where each query has one answer.

    nDCG@10, which then is `1 / log2(rank + 1)`; recall@10; accuracy@1, the share of queries whose answer comes first.
    """
    ranks = ranks_of(queries, documents, np.array(task.answers), np.array(task.document_of), task.areas)
    return {
        f"nDCG@{CUT}": round(float(gains_of(ranks).mean()), 4),
        f"recall@{CUT}": round(float((ranks <= CUT).mean()), 4),
        "accuracy@1": round(float((ranks == 1).mean()), 4),
    }


def ranks_of(
    queries: Embeddings,
    documents: Embeddings,
    answers: NDArray[np.int64],
    document_of: NDArray[np.int64] | None = None,
    areas: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> NDArray[np.int64]:
    """The rank (Q,) of each query's document, 1 for the first; equally near ones share the better rank.

    Args:
        queries: (Q, D).
        documents: (N, D).
        answers: (Q,), numbers of documents.
        document_of: (N,), as in `RetrievalTask`.
        areas: as in `RetrievalTask`.
    """
    starts = np.unique(document_of, return_index=True)[1] if document_of is not None and len(document_of) else None
    asked, searched = (np.array(side) for side in areas)
    ranks = np.empty(len(queries), dtype=np.int64)
    for first in range(0, len(queries), 1024):  # all similarities at once would need much memory
        part = slice(first, first + 1024)
        similarities = queries[part] @ documents.T  # (b, N)
        if len(searched):
            similarities[asked[part][:, None] != searched[None, :]] = -np.inf
        if starts is not None:
            similarities = np.maximum.reduceat(similarities, starts, axis=1)  # (b, M)
        own = similarities[np.arange(len(similarities)), answers[part]]
        ranks[part] = (similarities > own[:, None]).sum(axis=1) + 1
    return ranks


def gains_of(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Gain of each query, its part of nDCG@10 where it has one answer: `1 / log2(rank + 1)`, 0 past rank 10."""
    return np.where(ranks <= CUT, 1 / np.log2(ranks + 1), 0)


def measure_intents(task: IntentTask, train: Embeddings, test: Embeddings, outside: Embeddings) -> dict[str, float]:
    """Of logistic regression on the embeddings: accuracy, macro-F1, calibration error, and out-of-scope AUROC."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  (a second to import)
    from sklearn.metrics import f1_score, roc_auc_score  # noqa: PLC0415

    model = LogisticRegression(C=30, max_iter=500).fit(train, task.train.labels)
    probabilities = model.predict_proba(test)  # (M, C)
    labels = np.array(task.test.labels)
    predicted, confidence = model.classes_[probabilities.argmax(axis=1)], probabilities.max(axis=1)
    figures = {
        "accuracy": float((predicted == labels).mean()),
        "macro-F1": float(f1_score(labels, predicted, average="macro")),
        "calibration error": calibration_error(confidence, predicted == labels),
    }
    if len(outside):
        inside = np.arange(len(test) + len(outside)) < len(test)
        everything = np.concatenate([confidence, model.predict_proba(outside).max(axis=1)])
        figures["out-of-scope AUROC"] = float(roc_auc_score(inside, everything))
    return {name: round(value, 4) for name, value in figures.items()}
