"""The tables of feedback and of what waits to be reviewed: read by the federation in order, and never changed.

Rows are only appended; they go as a whole when their time is over or when they are to be forgotten.

Texts come here masked (`student.masking`), which their type says. A row names the bundle that had answered.
"""

import sqlite3
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NewType

from edge_agent.errors import ReviewUnknown
from edge_agent.storage.database import Database
from edge_agent.storage.memory import remember
from edge_agent.storage.records import MAX_ID

MaskedText = NewType("MaskedText", str)
"""A text in which the identifiers of persons are masked."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A row of the feedback; `feedback_id` is the cursor of whoever reads on.

    `document_id` is the right document's, which stays where `source`, as it was named then, may not.
    """

    feedback_id: int
    at: str
    text: str
    is_helpful: bool | None
    intent: str | None
    source: str | None
    document_id: str | None
    customer: str | None
    review_id: int | None
    bundle_digest: str


@dataclass(frozen=True, slots=True)
class Review:
    """A question or message that the agent was unsure of: `text` is masked."""

    review_id: int
    at: str
    text: str
    why: str
    intent: str | None
    confidence: float
    bundle_digest: str


class FeedbackTable:
    """The feedback and reviews of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self,
        text: MaskedText,
        bundle_digest: str,
        *,
        is_helpful: bool | None,
        intent: str | None,
        source: str | None,
        document_id: str | None,
        customer: str | None,
        review_id: int | None,
        judged: Mapping[str, bool],
    ) -> int:
        """Appends a row, and remembers what it says of documents (by id); durable when this returns its id.

        Raises:
            ReviewUnknown: no such item is queued.
        """
        with self._database.transaction() as db:
            queued = "SELECT 1 FROM reviews WHERE id = ?"
            is_id = review_id is not None and 0 < review_id <= MAX_ID
            if review_id is not None and not (is_id and db.execute(queued, [review_id]).fetchone()):
                raise ReviewUnknown("no review has that id; list them with GET /v1/review")
            helpful = None if is_helpful is None else int(is_helpful)
            row = db.execute(
                "INSERT INTO feedback (at, text, is_helpful, intent, source, document_id, customer, review_id, "
                "bundle_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_now(), text, helpful, intent, source, document_id, customer, review_id, bundle_digest],
            )
            feedback_id = int(row.lastrowid or 0)
            remember(self._database, db, feedback_id, judged)
            return feedback_id

    def read_since(self, cursor: int, *, limit: int = 1000) -> list[Feedback]:
        """Rows after a cursor (0 for all), in the order they were written, at most `limit`."""
        with self._database.snapshots.open() as snapshot:
            query = f"SELECT {_COLUMNS} FROM feedback WHERE id > ? ORDER BY id LIMIT ?"
            return [_feedback(row) for row in snapshot.rows(query, [cursor, limit])]

    def queue(self, text: MaskedText, why: str, intent: str | None, confidence: float, bundle_digest: str) -> None:
        """Queues a text for review; one that is waiting already is not queued again."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO reviews (at, text, why, intent, confidence, bundle_digest) "
                f"SELECT ?, ?, ?, ?, ?, ? WHERE NOT EXISTS ({_PENDING} AND r.text = ?)",
                [_now(), text, why, intent, confidence, bundle_digest, text],
            )

    def pending(self, *, after: int = 0, limit: int = 100) -> list[Review]:
        """Queued items that no feedback has answered, oldest first, those after an id."""
        with self._database.snapshots.open() as snapshot:
            rows = snapshot.rows(f"{_PENDING} AND r.id > ? ORDER BY r.id LIMIT ?", [after, limit])
        return [Review(**row) for row in rows]

    def forget(
        self, is_meant: Callable[[Feedback], bool], is_meant_review: Callable[[Review], bool], *, is_trial: bool = False
    ) -> tuple[int, int]:
        """Deletes rows for good, with the reviews that they answer and the answers to reviews that are meant.

        Args:
            is_meant: says which feedback.
            is_meant_review: says which reviews, answered or not.
            is_trial: whether they are only counted.

        Returns:
            How many rows of feedback, and how many reviews.
        """
        with self._database.transaction() as db:
            feedback = [_feedback(dict(row)) for row in db.execute(f"SELECT {_COLUMNS} FROM feedback")]
            queued = [Review(**dict(row)) for row in db.execute(f"SELECT {_REVIEW_COLUMNS} FROM reviews r")]
            reviews = {each.review_id for each in queued if is_meant_review(each)}
            meant = {each.feedback_id for each in feedback if is_meant(each) or each.review_id in reviews}
            kept = {each.review_id for each in feedback if each.feedback_id not in meant}
            answered = {each.review_id for each in feedback if each.feedback_id in meant and each.review_id is not None}
            reviews |= answered - kept
            if not is_trial:
                self._delete(db, meant, reviews)
        return len(meant), len(reviews)

    def expire(self, before: str) -> tuple[int, int]:
        """Deletes the feedback of before a moment (RFC 3339, UTC), and the reviews that no later feedback answers.

        Returns:
            How many rows of feedback, and how many reviews.
        """
        with self._database.transaction() as db:
            feedback = {row["id"] for row in db.execute("SELECT id FROM feedback WHERE at < ?", [before])}
            query = (
                "SELECT id FROM reviews r WHERE at < ?1 AND NOT EXISTS "
                "(SELECT 1 FROM feedback f WHERE f.review_id = r.id AND f.at >= ?1)"
            )
            reviews = {row["id"] for row in db.execute(query, [before])}
            self._delete(db, feedback, reviews)
        return len(feedback), len(reviews)

    def _delete(self, db: sqlite3.Connection, feedback: Collection[int], reviews: Collection[int]) -> None:
        """Deletes rows; the trigger that keeps them is made again, word for word, in the same transaction."""
        if not feedback and not reviews:
            return
        self._database.note_deletion()
        kept = db.execute("SELECT sql FROM sqlite_master WHERE name = 'feedback_is_kept'").fetchone()["sql"]
        db.execute("DROP TRIGGER feedback_is_kept")
        db.executemany("DELETE FROM feedback WHERE id = ?", [(each,) for each in feedback])
        db.executemany("DELETE FROM reviews WHERE id = ?", [(each,) for each in reviews])
        db.execute(kept)


_COLUMNS = "id AS feedback_id, at, text, is_helpful, intent, source, document_id, customer, review_id, bundle_digest"
_REVIEW_COLUMNS = "r.id AS review_id, r.at, r.text, r.why, r.intent, r.confidence, r.bundle_digest"
_PENDING = (
    f"SELECT {_REVIEW_COLUMNS} FROM reviews r WHERE NOT EXISTS (SELECT 1 FROM feedback f WHERE f.review_id = r.id)"
)


def _feedback(row: dict[str, Any]) -> Feedback:
    return Feedback(**row | {"is_helpful": None if row["is_helpful"] is None else bool(row["is_helpful"])})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
