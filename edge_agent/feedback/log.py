"""What staff say of answers, and the queue of those worth a look: append-only, masked, read by federation.

A row names the bundle that had answered. `read_since` gives rows in the order they were written, so that a reader that
keeps its cursor misses none and sees none twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from edge_agent.errors import InputInvalid, ReviewUnknown
from edge_agent.feedback.masking import mask
from edge_agent.storage.database import Database


@dataclass(frozen=True, slots=True)
class NewFeedback:
    """What someone says of an answer; at least one of `is_helpful`, `intent` and `source` is given.

    Attributes:
        text: the question or message, as it was asked.
        is_helpful: whether the answer was.
        intent: the right one.
        source: of the right document.
        customer: a pseudonym that stays the same for a customer, never a name or number.
        review_id: the queued item that this settles.
    """

    text: str
    is_helpful: bool | None = None
    intent: str | None = None
    source: str | None = None
    customer: str | None = None
    review_id: int | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """A row of the log: `text` is masked, `feedback_id` is the cursor."""

    feedback_id: int
    at: str
    text: str
    is_helpful: bool | None
    intent: str | None
    source: str | None
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


class FeedbackLog:
    """The feedback and reviews of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, feedback: NewFeedback, bundle_digest: str) -> int:
        """Writes a row, its text masked; durable when this returns its id.

        Guarantees:
            No identifier that `masking` finds reaches the disk, in whichever field it was given.

        Raises:
            InputInvalid: it says nothing, or a field that is a name holds an identifier.
            ReviewUnknown: no such item is queued.
        """
        if feedback.is_helpful is None and feedback.intent is None and feedback.source is None:
            raise InputInvalid("the feedback says nothing; expected at least one of is_helpful, intent, source")
        _require_no_identifier(feedback.intent, "intent", "the name of an intent")
        _require_no_identifier(feedback.source, "source", "a document whose name holds none; rename it")
        _require_no_identifier(feedback.customer, "customer", "a pseudonym")
        with self._database.transaction() as db:
            if (
                feedback.review_id is not None
                and not db.execute("SELECT 1 FROM reviews WHERE id = ?", [feedback.review_id]).fetchone()
            ):
                raise ReviewUnknown(f"no review has the id {feedback.review_id}; list them with GET /v1/review")
            row = db.execute(
                "INSERT INTO feedback (at, text, is_helpful, intent, source, customer, review_id, bundle_digest) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    _now(),
                    mask(feedback.text),
                    None if feedback.is_helpful is None else int(feedback.is_helpful),
                    feedback.intent,
                    feedback.source,
                    feedback.customer,
                    feedback.review_id,
                    bundle_digest,
                ],
            )
            return int(row.lastrowid or 0)

    def read_since(self, cursor: int, *, limit: int = 1000) -> list[Feedback]:
        """Rows after a cursor (0 for all), in the order they were written, at most `limit`."""
        rows = self._database.read(
            "SELECT id AS feedback_id, at, text, is_helpful, intent, source, customer, review_id, bundle_digest "
            "FROM feedback WHERE id > ? ORDER BY id LIMIT ?",
            [cursor, limit],
        )
        return [
            Feedback(**row | {"is_helpful": None if row["is_helpful"] is None else bool(row["is_helpful"])})
            for row in rows
        ]

    def queue(self, text: str, why: str, intent: str | None, confidence: float, bundle_digest: str) -> None:
        """Queues a text, masked, for someone to look at; one that is waiting already is not queued again."""
        masked = mask(text)
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO reviews (at, text, why, intent, confidence, bundle_digest) "
                f"SELECT ?, ?, ?, ?, ?, ? WHERE NOT EXISTS ({_PENDING} AND r.text = ?)",
                [_now(), masked, why, intent, confidence, bundle_digest, masked],
            )

    def pending(self, *, after: int = 0, limit: int = 100) -> list[Review]:
        """Queued items that no feedback has settled, oldest first, those after an id."""
        rows = self._database.read(f"{_PENDING} AND r.id > ? ORDER BY r.id LIMIT ?", [after, limit])
        return [Review(**row) for row in rows]


_PENDING = (
    "SELECT r.id AS review_id, r.at, r.text, r.why, r.intent, r.confidence, r.bundle_digest FROM reviews r "
    "WHERE NOT EXISTS (SELECT 1 FROM feedback f WHERE f.review_id = r.id)"
)


def _require_no_identifier(value: str | None, name: str, expected: str) -> None:
    if value is not None and mask(value) != value:
        raise InputInvalid(f"{name} holds an e-mail, phone, card, account or identity number; expected {expected}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
