"""An own head: the record of how it is made, from the examples that were accepted to what came of them."""

from dataclasses import dataclass

from edge_agent.audit.actors import COMMANDS
from edge_agent.ingest.jobs import JobState


@dataclass(frozen=True, slots=True)
class LearningOptions:
    """How a head is learned; see `student.intents.making.make_intents`.

    Attributes:
        is_replacing: it has no labels but those of the examples.
        is_from_scratch: it learns nothing from the head before.
        false_refusals: share of messages with a known label that may be refused.
    """

    is_replacing: bool = False
    is_from_scratch: bool = False
    false_refusals: float = 0.05


@dataclass(frozen=True, slots=True)
class OwnHead:
    """A head on its way, or made.

    Attributes:
        head_id: its id; later ones sort last.
        state: see `JobState`.
        accepted_at: RFC 3339, UTC.
        examples: rows that were given.
        row: a row's word in refusals: `line` of a file, `row` of a list.
        options: as asked for.
        attempts: how often it was begun; more than once when the server ended meanwhile.
        digest: of the head, when it is made.
        embedding_space: that it reads; heads answer over bundles of their own space alone.
        labels: that it has.
        refusal, detail: when it failed: the error's class, and what it says.
        actor: who gave the examples.
    """

    head_id: str
    state: JobState
    accepted_at: str
    examples: int
    row: str
    options: LearningOptions
    attempts: int = 0
    digest: str | None = None
    embedding_space: str | None = None
    labels: tuple[str, ...] = ()
    refusal: str | None = None
    detail: str | None = None
    actor: str = COMMANDS

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in (JobState.DONE, JobState.FAILED)
