"""The feedback log: judgements of answers and the queue of reviews, masked before they are written.

`read_since` gives rows in the order they were written, so that whoever keeps a cursor misses none and sees none
twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge_agent.errors import InputInvalid
from edge_agent.storage.database import Database
from edge_agent.storage.feedback import Feedback, FeedbackTable, MaskedText, Review
from student.masking.credentials import RANDOM
from student.masking.identifiers import find_identifiers
from student.masking.pseudonyms import mask_text

_NOTHING: Mapping[str, bool] = {}


@dataclass(frozen=True, slots=True)
class NewFeedback:
    """A judgement of an answer; at least one of `is_helpful`, `intent` and `source` is given.

    Attributes:
        text: the question or message, as it was asked.
        is_helpful: whether the answer was.
        intent: the right one.
        source: of the right document.
        root: label of the folder that this document came from; None where its source alone says which it is.
        customer: a pseudonym that stays the same for a customer, never a name or number.
        review_id: the queued item that this answers.
        cited: ids of the documents that the answer cited; None to look what it cites now.
    """

    text: str
    is_helpful: bool | None = None
    intent: str | None = None
    source: str | None = None
    root: str | None = None
    customer: str | None = None
    review_id: int | None = None
    cited: Sequence[str] | None = None


class FeedbackLog:
    """The feedback and reviews of a database.

    Guarantees:
        No identifier that `student.masking` finds reaches the disk, in whichever field it was given.
    """

    def __init__(self, database: Database) -> None:
        self._table = FeedbackTable(database)

    def add(
        self,
        feedback: NewFeedback,
        bundle_digest: str,
        *,
        document_id: str | None = None,
        judged: Mapping[str, bool] = _NOTHING,
    ) -> int:
        """Writes a row, its text masked before the transaction begins; durable when this returns its id.

        Args:
            feedback: what was said.
            bundle_digest: of the bundle that had answered.
            document_id: of the document that `feedback.source` names.
            judged: documents to remember it for by id, and whether each is right.

        Raises:
            InputInvalid: it says nothing, or a field that is a name holds an identifier.
            ReviewUnknown: no such item is queued.
        """
        if feedback.is_helpful is None and feedback.intent is None and feedback.source is None:
            raise InputInvalid("the feedback says nothing; expected at least one of is_helpful, intent, source")
        _require_no_identifier(feedback.intent, "intent", "the name of an intent")
        _require_no_identifier(feedback.source, "source", "a document whose name holds none; rename it")
        _require_no_identifier(feedback.customer, "customer", "a pseudonym")
        return self._table.append(
            MaskedText(mask_text(feedback.text)),
            bundle_digest,
            is_helpful=feedback.is_helpful,
            intent=feedback.intent,
            source=feedback.source,
            document_id=document_id,
            customer=feedback.customer,
            review_id=feedback.review_id,
            judged=judged,
        )

    def read_since(self, cursor: int, *, limit: int = 1000) -> list[Feedback]:
        """Rows after a cursor (0 for all), in the order they were written, at most `limit`."""
        return self._table.read_since(cursor, limit=limit)

    def queue(self, text: str, why: str, intent: str | None, confidence: float, bundle_digest: str) -> None:
        """Queues a text, masked, for review; one that is waiting already is not queued again."""
        self._table.queue(MaskedText(mask_text(text)), why, intent, confidence, bundle_digest)

    def forget(
        self, is_meant: Callable[[Feedback], bool], is_meant_review: Callable[[Review], bool], *, is_trial: bool = False
    ) -> tuple[int, int]:
        """Deletes what is meant for good; see `FeedbackTable.forget`."""
        return self._table.forget(is_meant, is_meant_review, is_trial=is_trial)

    def expire(self, before: str) -> tuple[int, int]:
        """Deletes what is older than a moment; see `FeedbackTable.expire`."""
        return self._table.expire(before)

    def pending(self, *, after: int = 0, limit: int = 100) -> list[Review]:
        """Queued items that no feedback has answered, oldest first, those after an id."""
        return self._table.pending(after=after, limit=limit)


def _require_no_identifier(value: str | None, name: str, expected: str) -> None:
    """Refuses a name that holds an identifier; what only looks random may be a pseudonym and is none.

    The word before it lets an address of examples count, which a text may name.
    """
    if value is not None and any(span.reason != RANDOM for span in find_identifiers(f"IP {value}")):
        raise InputInvalid(
            f"{name} holds personal data, such as an e-mail, phone or identity number; expected {expected}"
        )
