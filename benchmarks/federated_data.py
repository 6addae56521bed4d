"""Public data as branches would hold it: texts embedded once by the default bundle, split over branches."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from federation.learning.intent_head import HeadExamples
from student.artifacts.digests import digest_json
from student.artifacts.json_lines import is_held_out, read_rows
from student.embeddings import Embeddings
from student.runtime.student import Student, load_student

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
CACHE = ROOT / ".run" / "federation"
HELD_OUT = 0.2


@dataclass(frozen=True, slots=True)
class Messages:
    """Embedded messages (n, D) and the columns of their labels (n,)."""

    embeddings: Embeddings
    targets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Task:
    """Messages to train on, others to test on, and what is public: labels' names and texts of the same kind."""

    name: str
    labels: tuple[str, ...]
    names: Embeddings
    train: Messages
    test: Messages
    public: Embeddings
    space: str


def banking77() -> Task:
    """BANKING77's train file: a fifth is held out by digest. Public: NLU++ and CLINC150."""
    rows = list(read_rows(DATA / "banking77" / "train.jsonl"))
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    public = [row["text"] for name in ("banking", "hotels") for row in read_rows(DATA / "nlupp" / f"{name}.jsonl")]
    public += [row["text"] for row in read_rows(DATA / "clinc150" / "train.jsonl")]
    held_out = np.array([is_held_out(text, HELD_OUT) for text in texts])
    return _task("BANKING77", texts, labels, held_out, public)


def clinc150() -> Task:
    """CLINC150: its train and validation files, out of scope left out. Public: NLU++ and BANKING77."""
    parts = [list(read_rows(DATA / "clinc150" / f"{name}.jsonl")) for name in ("train", "val")]
    texts, labels = ([row[key] for rows in parts for row in rows] for key in ("text", "label"))
    public = [row["text"] for name in ("banking", "hotels") for row in read_rows(DATA / "nlupp" / f"{name}.jsonl")]
    public += [row["text"] for row in read_rows(DATA / "banking77" / "train.jsonl")]
    is_test = np.arange(len(texts)) >= len(parts[0])
    return _task("CLINC150", texts, labels, is_test, public)


def demo_tickets() -> Task:
    """The demo's tickets: the development half trains. Public: the Bitext utterances and the demo's documents."""
    rows = list(read_rows(ROOT / "demo" / "tickets.jsonl"))
    documents = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "demo" / "knowledge_base").rglob("*.md"))]
    public = [line for text in documents for line in text.split("\n") if len(line) > 20]
    is_test = np.array([row["split"] == "test" for row in rows])
    return _task("demo tickets", [row["text"] for row in rows], [row["intent"] for row in rows], is_test, public)


def encode_cached(texts: Sequence[str], student: Student | None = None) -> Embeddings:
    """Embeddings (n, D) by the default bundle, kept under `.run/` by the digest of bundle and texts."""
    opened = student or load_student()
    path = CACHE / f"{digest_json([opened.bundle.digest, list(texts)])}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, opened.encoder.encode(texts))
    if student is None:
        opened.close()
    return np.asarray(np.load(path), dtype=np.float32)


def split_over_branches(
    targets: NDArray[np.int64], branches: int, generator: np.random.Generator, *, concentration: float = 0.5
) -> NDArray[np.int64]:
    """The branch of each message (n,): each label is spread by a draw from a symmetric Dirichlet distribution."""
    branch_of = np.zeros(len(targets), dtype=np.int64)
    for label in np.unique(targets):
        rows = np.flatnonzero(targets == label)
        shares = generator.dirichlet(np.full(branches, concentration))
        branch_of[rows] = generator.choice(branches, size=len(rows), p=shares)
    return branch_of


def make_branches(
    task: Task, messages: Messages, branch_of: NDArray[np.int64], branches: int, *, per_customer: int = 1
) -> list[HeadExamples]:
    """Every branch's examples; each customer wrote `per_customer` of them."""
    made = []
    for branch in range(branches):
        rows = np.flatnonzero(branch_of == branch)
        made.append(
            HeadExamples(
                messages.embeddings[rows],
                tuple(task.labels[target] for target in messages.targets[rows]),
                tuple(f"customer {position // per_customer}" for position in range(len(rows))),
                task.space,
            )
        )
    return made


def select(messages: Messages, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Messages:
    """Some of the messages."""
    return Messages(messages.embeddings[rows], messages.targets[rows])


def _task(name: str, texts: list[str], labels: list[str], is_test: NDArray[np.bool_], public: list[str]) -> Task:
    student = load_student()
    ordered = tuple(sorted(set(labels)))
    messages = Messages(encode_cached(texts, student), np.array([ordered.index(label) for label in labels]))
    names = encode_cached([label.replace("_", " ") for label in ordered], student)
    made = Task(
        name,
        ordered,
        names,
        select(messages, ~is_test),
        select(messages, is_test),
        encode_cached(public, student),
        student.bundle.manifest.embedding_space,
    )
    student.close()
    return made
