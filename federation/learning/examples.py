"""What a branch trains on: labelled texts and answered questions of its own, embedded by the frozen encoder.

They come from the edge agent's store, opened read-only, and from files of labelled tickets. They are embedded once
(`EmbeddingCache`) and never leave: what leaves is made in `federation.branch.contribution`.

The unit of privacy is the customer, so every example has one. Rows without a customer are all taken as of one and the
same: they may be, and what is bounded must be bounded for the worst case.
"""

import csv
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.storage.database import DATABASE, SCHEMA_VERSION
from federation.errors import ExamplesInvalid
from student.artifacts.digests import digest_bytes
from student.artifacts.json_lines import DataRefused, column, read_rows
from student.embeddings import Embeddings

NO_CUSTOMER = ""
"""The one customer of all rows that name none."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A message and its right intent."""

    text: str
    label: str
    customer: str = NO_CUSTOMER


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A question and the document that answers it."""

    text: str
    source: str
    customer: str = NO_CUSTOMER


@dataclass(frozen=True, slots=True)
class HeadExamples:
    """What the head is trained on at a branch.

    Attributes:
        embeddings: (n, D).
        labels: n names; those that a round does not list are passed over in it.
        customers: n names.
        embedding_space: of the embeddings.
    """

    embeddings: Embeddings
    labels: tuple[str, ...]
    customers: tuple[str, ...]
    embedding_space: str

    def take(self, rows: NDArray[np.int64]) -> "HeadExamples":
        """Those at some places."""
        labels, customers = (tuple(names[i] for i in rows) for names in (self.labels, self.customers))
        return HeadExamples(self.embeddings[rows], labels, customers, self.embedding_space)


@dataclass(frozen=True, slots=True)
class AdapterExamples:
    """What the query adapter is trained on at a branch.

    Attributes:
        queries: (n, D).
        candidates: (n, K, D); of each, the first is of the right document, the others of wrong ones.
        customers: n names.
        embedding_space: of the embeddings.
    """

    queries: Embeddings
    candidates: NDArray[np.float32]
    customers: tuple[str, ...]
    embedding_space: str

    def take(self, rows: NDArray[np.int64]) -> "AdapterExamples":
        """Those at some places."""
        customers = tuple(self.customers[i] for i in rows)
        return AdapterExamples(self.queries[rows], self.candidates[rows], customers, self.embedding_space)


def read_feedback(store: Path) -> tuple[list[LabelledText], list[FoundDocument]]:
    """What staff said at a branch: right intents, and right documents of questions, oldest first.

    Args:
        store: the edge agent's folder; its database is opened read-only, while the agent runs.

    Raises:
        ExamplesInvalid: there is no store of this version.
    """
    rows = _query(store, "SELECT text, intent, source, customer FROM feedback ORDER BY id")
    labelled = [LabelledText(text, intent, customer or NO_CUSTOMER) for text, intent, _, customer in rows if intent]
    found = [FoundDocument(text, source, customer or NO_CUSTOMER) for text, _, source, customer in rows if source]
    return labelled, found


def read_tickets(
    path: Path, *, text: str = "text", label: str = "intent", customer: str = "customer"
) -> list[LabelledText]:
    """The labelled tickets of a CSV or JSON-lines file, by its suffix; rows without text or label are passed over.

    Args:
        path: `.csv` with a header, or `.jsonl`.
        text: name of the column with the message.
        label: of the one with its intent.
        customer: of the one with the customer's pseudonym.

    Raises:
        ExamplesInvalid: not readable, of another format, or without those columns.
    """
    rows = _read_csv(path) if path.suffix == ".csv" else read_lines(path)
    tickets, names = [], set[str]()
    for row in rows:
        names |= set(row)
        if isinstance(row.get(text), str) and isinstance(row.get(label), str) and row[text] and row[label]:
            tickets.append(LabelledText(str(row[text]), str(row[label]), str(row.get(customer) or NO_CUSTOMER)))
    if names and not {text, label} <= names:
        raise ExamplesInvalid(
            f"{path} has the columns {sorted(names)}; expected {text!r} and {label!r}: name the right ones"
        )
    return tickets


def read_lines(path: Path, *columns: str) -> Iterator[dict[str, Any]]:
    """The rows of a file of JSON lines, whose `columns` are texts. Raises `ExamplesInvalid`."""
    try:
        for row in read_rows(path):
            yield row | {name: column(row, name, path) for name in columns}
    except DataRefused as error:
        raise ExamplesInvalid(str(error)) from error


def make_head_examples(texts: Sequence[LabelledText], encode: "EmbeddingCache", embedding_space: str) -> HeadExamples:
    """Embeds labelled texts."""
    return HeadExamples(
        encode([row.text for row in texts]),
        tuple(row.label for row in texts),
        tuple(row.customer for row in texts),
        embedding_space,
    )


def make_adapter_examples(
    store: Path, found: Sequence[FoundDocument], encode: "EmbeddingCache", embedding_space: str, *, candidates: int = 16
) -> AdapterExamples:
    """Embeds questions and picks their candidates from the branch's own documents.

    The right candidate is the passage of the right document nearest to the question; the wrong ones are the nearest
    passages of other documents. Questions whose document is no longer in the store are passed over, and all of them
    where the store holds fewer than `candidates` passages.

    Raises:
        ExamplesInvalid: there is no store of this version.
    """
    rows = _query(
        store,
        "SELECT d.source, e.embedding FROM embeddings e JOIN passages p ON p.id = e.passage_id "
        "JOIN documents d ON d.id = p.document_id JOIN embedding_spaces s ON s.id = e.space_id "
        "WHERE s.digest = ? ORDER BY p.id",
        [embedding_space],
    )
    sources = np.array([source for source, _ in rows], dtype=object)
    known = [row for row in found if row.source in set(sources)] if len(rows) >= candidates else []
    queries = encode([row.text for row in known])  # (n, D)
    stored = np.frombuffer(b"".join(blob for _, blob in rows), dtype="<f2").reshape(len(rows), queries.shape[1])
    passages = stored.astype(np.float32)  # (N, D)
    chosen = pick_candidates(queries, [row.source for row in known], passages, sources, candidates)
    return AdapterExamples(queries, chosen, tuple(row.customer for row in known), embedding_space)


def pick_candidates(
    queries: Embeddings, right: Sequence[str], passages: Embeddings, sources: NDArray[Any], count: int
) -> NDArray[np.float32]:
    """Candidates (n, count, D) of queries (n, D): the nearest passage of the right document, then of wrong ones.

    Args:
        queries: (n, D).
        right: of each, the source of the right document, which has a passage.
        passages: (N, D), N of at least `count`.
        sources: (N,) of each passage.
        count: of candidates.
    """
    chosen = np.zeros((len(queries), count, passages.shape[1]), dtype=np.float32)
    for i, source in enumerate(right):
        ranked = np.argsort(-(passages @ queries[i]), kind="stable")
        is_right = sources[ranked] == source
        picked = np.concatenate([ranked[is_right][:1], ranked[~is_right][: count - 1]])
        chosen[i, : len(picked)] = passages[picked]
    return chosen


def bound_contributions(customers: Sequence[str], most: int) -> NDArray[np.int64]:
    """BucketRange of the newest `most` examples of each customer, in order."""
    seen: dict[str, int] = {}
    kept = []
    for place in range(len(customers) - 1, -1, -1):
        seen[customers[place]] = seen.get(customers[place], 0) + 1
        if seen[customers[place]] <= most:
            kept.append(place)
    return np.array(kept[::-1], dtype=np.int64)


class EmbeddingCache:
    """Encodes texts, each only once in the life of a bundle; its file stays at the branch, like the texts."""

    def __init__(
        self, path: Path, encode: Callable[[Sequence[str]], Embeddings], bundle_digest: str, *, dimension: int
    ) -> None:
        """Opens the file, making it if it is missing; what another bundle has embedded is dropped.

        Args:
            path: of the SQLite file.
            encode: N texts → embeddings (N, `dimension`); called where a text is new, and only then.
            bundle_digest: of the bundle that encodes.
            dimension: D.
        """
        self._encode, self._dimension = encode, dimension
        self._bundle = bundle_digest
        self._database = sqlite3.connect(path, timeout=10)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS embeddings "
            "(bundle TEXT, text_sha256 TEXT, embedding BLOB, PRIMARY KEY (bundle, text_sha256)) STRICT"
        )
        self._database.execute("DELETE FROM embeddings WHERE bundle != ?", [bundle_digest])
        self._database.commit()

    def __call__(self, texts: Sequence[str]) -> Embeddings:
        """The embeddings (N, D) of N texts."""
        digests = [digest_bytes(text.encode()) for text in texts]
        rows = self._database.execute("SELECT text_sha256, embedding FROM embeddings WHERE bundle = ?", [self._bundle])
        known: dict[str, bytes] = dict(rows.fetchall())
        missing = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}
        if missing:
            made = self._encode(list(missing.values())).astype("<f4")
            new = {digest: row.tobytes() for digest, row in zip(missing, made, strict=True)}
            with self._database:
                self._database.executemany(
                    "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)",
                    [(self._bundle, digest, blob) for digest, blob in new.items()],
                )
            known |= new
        stored = b"".join(known[digest] for digest in digests)
        return np.frombuffer(stored, dtype="<f4").reshape(len(texts), self._dimension).copy()

    def close(self) -> None:
        """Closes the file."""
        self._database.close()


def _query(store: Path, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    path = store / DATABASE
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version != SCHEMA_VERSION:
                raise ExamplesInvalid(
                    f"store {store} has version {version}, expected {SCHEMA_VERSION}; upgrade the edge agent, or this"
                )
            return database.execute(query, values).fetchall()
        finally:
            database.close()
    except sqlite3.Error as error:
        raise ExamplesInvalid(
            f"{path} cannot be read as an edge agent's store ({error}); name its folder with --store"
        ) from error


def _read_csv(path: Path) -> Iterable[dict[str, object]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, strict=True)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExamplesInvalid(f"{path} cannot be read as CSV in UTF-8; check the file") from error
