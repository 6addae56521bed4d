"""The result of a comparison of a folder with the store: what was done and what was not, by name with the reason."""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from edge_agent.ingest.folder.deletions import Withheld
from edge_agent.ingest.folder.scan import Refusal, Skipped


class Effect(StrEnum):
    """The effect of a comparison on one document."""

    ADDED = "added"
    REPLACED = "replaced"
    MOVED = "moved"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Done:
    """A document that was changed, how, and the source that it had before it was moved."""

    source: str
    effect: Effect
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was left out of a document, in its parser's words."""

    source: str
    text: str


@dataclass(slots=True)
class Synced:
    """The result of a comparison.

    Attributes:
        done: what was changed, in order.
        unchanged: how many documents were as they should be.
        skipped: files that are no documents.
        refused: files that should be documents and are not, and folders that cannot be listed.
        kept_old: sources of `refused` of which an older version is stored; it stays, marked stale.
        withheld: documents whose files seem gone, and that are kept because it is not sure.
        gone: sources of documents whose files are gone, and that are kept because nobody asked to delete them.
        notices: of documents that were added or replaced.
        remarks: on roots and on documents that are not stale any more, in words.
        is_unsettled: whether something is to be looked at again soon: a file that was being written, a file that went.
    """

    done: list[Done] = field(default_factory=list)
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    kept_old: set[str] = field(default_factory=set)
    withheld: list[Withheld] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    is_unsettled: bool = False

    @property
    def has_failed(self) -> bool:
        """Whether somebody should look at it."""
        return bool(self.refused or self.withheld)

    @property
    def has_news(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.done or self.skipped or self.refused or self.withheld or self.remarks)

    def without(self, told: "Synced") -> "Synced":
        """The result without what an earlier one told: files that are skipped, refused or kept for the same reason."""
        skipped, refused, withheld = set(told.skipped), set(told.refused), set(told.withheld)
        return replace(
            self,
            skipped=[each for each in self.skipped if each not in skipped],
            refused=[each for each in self.refused if each not in refused],
            withheld=[each for each in self.withheld if each not in withheld],
            remarks=[each for each in self.remarks if each not in told.remarks],
        )

    def count(self, effect: Effect) -> int:
        """How many documents it happened to."""
        return self.unchanged if effect is Effect.UNCHANGED else sum(each.effect is effect for each in self.done)

    @property
    def added(self) -> int:
        """New documents."""
        return self.count(Effect.ADDED)

    @property
    def replaced(self) -> int:
        """Documents with other content."""
        return self.count(Effect.REPLACED)

    @property
    def moved(self) -> int:
        """Documents under another name."""
        return self.count(Effect.MOVED)

    @property
    def deleted(self) -> int:
        """Documents whose files had gone."""
        return self.count(Effect.DELETED)

    def counts(self) -> dict[str, int]:
        """How many files and documents there are of each sort."""
        effects = (Effect.ADDED, Effect.REPLACED, Effect.MOVED, Effect.UNCHANGED)
        return {
            **{effect.value: self.count(effect) for effect in effects},
            "skipped": len(self.skipped),
            "deleted": self.deleted,
            "refused": len(self.refused),
        }

    def as_json(self) -> dict[str, Any]:
        """All of it, for scripts: counts, and every file that was changed, skipped, refused or kept."""
        refused = [asdict(each) | {"kept_old_version": each.source in self.kept_old} for each in self.refused]
        return {
            **self.counts(),
            "refused": refused,
            "changes": [asdict(each) for each in self.done],
            "skipped_files": [asdict(each) for each in self.skipped],
            "withheld": [asdict(each) for each in self.withheld],
            "gone": self.gone,
            "notices": [asdict(each) for each in self.notices],
        }
