"""Forgetting: what a base holds of a customer, or with certain words in it, is deleted everywhere, with a receipt.

Feedback is known by the customer's pseudonym; reviews by the feedback that answers them; everything else by its words
alone. Words are compared whole, without regard to case, accents and spaces: rather too much is forgotten than too
little.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from edge_agent.audit.lines import Action
from edge_agent.errors import DocumentUnknown, InputInvalid
from edge_agent.ingest.jobs import Job
from edge_agent.storage.feedback import Feedback, Review
from edge_agent.storage.records import Document, Refusal
from edge_agent.text import fold

if TYPE_CHECKING:
    from edge_agent.agent import Agent

MIN_CHARS = 3
MAX_CHARS = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to forget: either of `customer` and `words` is given.

    Attributes:
        customer: the pseudonym that feedback was given with.
        words: a word or phrase.
        keeps_documents: whether documents that hold the words stay; they are counted.
        is_trial: whether everything is counted only.
    """

    customer: str | None = None
    words: str | None = None
    keeps_documents: bool = False
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof of what was forgotten: counts and digests, nothing of what it said.

    Attributes:
        at: RFC 3339, UTC.
        by: `customer` or `words`.
        asked_salt, asked_scrypt: by which somebody who knows what was asked can prove it (scrypt, n=16384, r=8, p=1,
            32 bytes, in hexadecimal).
        feedback, reviews, refusals, jobs, examples: how many were deleted; examples are those that wait to be learned.
        documents: the SHA-256 of the content of each document that was deleted.
        documents_kept: how many hold the words and were kept.
        is_trial: that nothing was deleted, only counted.
        is_erased: whether nothing is left in any file; else it is gone on with in the background.
    """

    at: str
    by: str
    asked_salt: str
    asked_scrypt: str
    feedback: int
    reviews: int
    refusals: int
    jobs: int
    examples: int
    documents: tuple[str, ...]
    documents_kept: int
    is_trial: bool
    is_erased: bool

    @property
    def counts(self) -> dict[str, int]:
        """How many things were deleted, by their kind."""
        counted = {name: getattr(self, name) for name in ("feedback", "reviews", "refusals", "jobs", "examples")}
        return counted | {"documents": len(self.documents)}

    @property
    def found(self) -> int:
        """How many things were found in all."""
        return sum(self.counts.values()) + self.documents_kept


def forget(agent: "Agent", asked: Asked) -> Receipt:
    """Forgets it in feedback, reviews, documents, refusals, records of jobs, examples that wait, and memory.

    Raises:
        InputInvalid: neither or both of customer and words are given, or it is too short or too long.
    """
    value = _checked(asked)
    if asked.customer is not None:
        counts = agent.feedback.forget(lambda row: row.customer == value, _nothing, is_trial=asked.is_trial)
        refusals, examples, documents = 0, 0, list[Document]()
        is_meant: Callable[[Job], bool] = _nothing
    else:
        holds = _holding(value)
        counts = agent.feedback.forget(
            lambda row: holds(row.text, row.customer, row.intent, row.source),
            lambda review: holds(review.text, review.intent),
            is_trial=asked.is_trial,
        )
        refusals = agent.store.refusals.forget(
            lambda refusal: holds(refusal.source, refusal.reason), is_trial=asked.is_trial
        )
        examples = agent.models.own_heads.forget(holds, is_trial=asked.is_trial)
        documents = _documents_holding(agent, holds)
        is_meant = partial(_is_job_meant, holds, documents)

    deleted = [] if asked.keeps_documents else documents
    jobs = agent.erase(is_meant, is_trial=asked.is_trial)  # before their documents, which would take them along
    if not asked.is_trial:
        for document in deleted:
            agent.delete_document(document.document_id)
    salt = secrets.token_bytes(16)
    receipt = Receipt(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        by="words" if asked.customer is None else "customer",
        asked_salt=salt.hex(),
        asked_scrypt=hashlib.scrypt(value.encode(), salt=salt, n=16384, r=8, p=1, dklen=32).hex(),
        feedback=counts[0],
        reviews=counts[1],
        refusals=refusals,
        jobs=jobs,
        examples=examples,
        documents=tuple(each.content_sha256 for each in deleted),
        documents_kept=len(documents) - len(deleted),
        is_trial=asked.is_trial,
        is_erased=not agent.store.database.has_to_erase,
    )
    if not asked.is_trial:
        agent.audit.record(Action.FORGOTTEN, counts=receipt.counts)
    return receipt


def forget_remembered(agent: "Agent", memory_id: int | None = None) -> int:
    """Deletes what is remembered under an id, or all, for good; returns how much. The feedback that it came from stays.

    Raises:
        MemoryUnknown: nothing is remembered under that id.
    """
    deleted = 1
    if memory_id is None:
        deleted = agent.store.memory.clear()
    else:
        agent.store.memory.delete(memory_id)
    agent.erase(_nothing)
    return deleted


def expire(agent: "Agent", now: datetime, *, keep_days: int) -> tuple[int, int, int]:
    """Deletes feedback, reviews and records of jobs that are older than some days; returns how many of each."""
    before = (now - timedelta(days=keep_days)).astimezone(UTC).isoformat(timespec="seconds")
    feedback, reviews = agent.feedback.expire(before)
    return feedback, reviews, agent.erase(lambda job: job.accepted_at < before)


def _checked(asked: Asked) -> str:
    value = asked.words if asked.customer is None else asked.customer
    if value is None or None not in (asked.customer, asked.words):
        raise InputInvalid("say what is to be forgotten: a customer's pseudonym, or words; one of them")
    if not 0 < len(value.strip()) <= MAX_CHARS:
        raise InputInvalid(f"what is to be forgotten needs 1 to {MAX_CHARS} characters")
    if asked.customer is None and len(re.findall(r"\w", value)) < MIN_CHARS:
        raise InputInvalid(f"words to be forgotten need {MIN_CHARS} letters or digits; fewer would take half the base")
    return value.strip()


def _is_job_meant(holds: Callable[..., bool], documents: Sequence[Document], job: Job) -> bool:
    return holds(job.source, job.title, job.detail, *job.tags) or any(job.is_of(each) for each in documents)


def _nothing(_: Feedback | Review | Refusal | Job) -> bool:
    return False


def _holding(words: str) -> Callable[..., bool]:
    """A test of some texts: does any hold some words, whole and in this order?"""
    between = r"\s+".join(re.escape(fold(word)) for word in words.split())
    pattern = re.compile(rf"(?<!\w){between}(?!\w)")
    return lambda *texts: any(text and pattern.search(fold(text)) for text in texts)


def _documents_holding(agent: "Agent", holds: Callable[..., bool]) -> list[Document]:
    """The documents that hold words in their text or in what is known of them; of an attachment, that it is in."""
    found = dict[str, Document]()
    for document in agent.documents():
        try:
            with agent.store.snapshots.open() as snapshot:
                _, text = snapshot.document_with_text(document.document_id)
                if holds(text, document.title, document.source, *document.tags, *document.notices):
                    outer = document
                    while outer.container_id is not None:
                        outer = snapshot.document(outer.container_id)
                    found[outer.document_id] = outer
        except DocumentUnknown:  # deleted meanwhile
            continue
    return list(found.values())
