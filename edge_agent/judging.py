"""Judging: what is said of an answer is written down as feedback, and remembered of the documents that it is about."""

from dataclasses import replace
from typing import TYPE_CHECKING

from edge_agent.errors import InputInvalid
from edge_agent.feedback.log import NewFeedback
from edge_agent.text import checked, checked_source

if TYPE_CHECKING:
    from edge_agent.agent import Agent

MAX_CITED = 20
_MOST_CHARS = {"intent": 100, "source": 500, "customer": 100}


def add_feedback(agent: "Agent", feedback: NewFeedback) -> int:
    """Writes a judgement of an answer, masked, and remembers it; returns its id.

    A helpful answer speaks for the documents that it cites, one that was of no help against them; the right document,
    where it is named, is right in any case.

    Raises:
        InputInvalid, ContentTooLarge: a field breaks its rules, or nothing is said.
        DocumentUnknown, ReviewUnknown: there is no such document or review.
    """
    text = checked(feedback.text, "text", max_chars=agent.settings.limits.max_query_chars)
    given = {name: getattr(feedback, name) for name in _MOST_CHARS if getattr(feedback, name) is not None}
    given = {name: checked(value, name, max_chars=_MOST_CHARS[name]) for name, value in given.items()}
    document_id = None
    if "source" in given:
        given["source"] = checked_source(given["source"])
        with agent.store.snapshots.open() as snapshot:
            document_id = snapshot.document_named(given["source"], feedback.root).document_id
    said = replace(feedback, text=text, **given)
    judged = _judged(agent, said, document_id) if agent.memory.is_on else {}
    feedback_id = agent.feedback.add(said, agent.models.active.bundle.digest, document_id=document_id, judged=judged)
    if judged:
        agent.memory.refresh()
    return feedback_id


def _judged(agent: "Agent", said: NewFeedback, right_id: str | None) -> dict[str, bool]:
    """The documents, by id, that feedback says something of, and whether each is right."""
    if said.cited is not None and len(said.cited) > MAX_CITED:
        raise InputInvalid(f"cited names {len(said.cited)} documents; expected at most {MAX_CITED}")
    judged: dict[str, bool] = {}
    if said.is_helpful is not None:
        cited = agent.questions.cited_documents(said.text) if said.cited is None else said.cited
        judged = dict.fromkeys(cited, said.is_helpful)
    return judged if right_id is None else judged | {right_id: True}
