"""A case: the files of a base, what is asked of it, and what must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.agent import Agent
from edge_agent.errors import AgentError
from edge_agent.ingest.parsing.document_format import format_of
from edge_agent.settings import AgentSettings
from tests.edge_agent.stored import text_of


@dataclass(frozen=True, slots=True)
class Case:
    """One fault that offices have met, tried with files that stand for its kind.

    Attributes:
        note: the kind.
        files: the base, by name.
        question: asked of it; "" where it is enough that the files are accepted.
        answer_holds, answer_lacks: of the answer's text, without regard to case and white space.
        text_holds, text_lacks: of the stored texts.
        notice_holds: of what is said to be left out.
        title, language, tags: of the first document; None where it does not matter.
    """

    note: str
    files: Mapping[str, bytes]
    question: str = ""
    answer_holds: tuple[str, ...] = ()
    answer_lacks: tuple[str, ...] = ()
    text_holds: tuple[str, ...] = ()
    text_lacks: tuple[str, ...] = ()
    notice_holds: tuple[str, ...] = ()
    title: str | None = None
    language: str | None = None
    tags: tuple[str, ...] | None = None


def faults_of(case: Case, store: Path) -> list[str]:
    """What does not hold of a case, on a new base of its files alone."""
    faults, texts, notices = [], "", ""
    with Agent(AgentSettings(store=store)) as agent:
        for name, content in case.files.items():
            try:
                document = agent.add_document(name, content, format_of(name)).document
            except AgentError as error:
                return [f"{name} is refused: {error}"]
            if not texts:
                got = (document.title, document.language, document.tags)
                wanted = zip((case.title, case.language, case.tags), got, strict=True)
                faults += [
                    f"expected {value!r}, got {other!r}" for value, other in wanted if value not in (None, other)
                ]
            notices += folded("\n".join(document.notices)) + "\n"
            texts += folded(text_of(agent.store, document.document_id)) + "\n"
        said = folded(agent.questions.query(case.question).answer_text or "") if case.question else ""
    faults += [f"the text lacks {held!r}: {texts[:500]!r}" for held in case.text_holds if folded(held) not in texts]
    faults += [f"the text holds {lacked!r}" for lacked in case.text_lacks if folded(lacked) in texts]
    faults += [f"no notice of {held!r}: {notices!r}" for held in case.notice_holds if folded(held) not in notices]
    faults += [f"the answer lacks {held!r}: {said!r}" for held in case.answer_holds if folded(held) not in said]
    faults += [f"the answer holds {lacked!r}: {said!r}" for lacked in case.answer_lacks if folded(lacked) in said]
    return faults


def folded(text: str) -> str:
    """A text without case, and with single spaces."""
    return " ".join(text.split()).casefold()
