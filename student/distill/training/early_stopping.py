"""Early stopping: a run ends when validation has not improved for a while (patience)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class EarlyStopping:
    """The best validation so far, and how many there were since.

    Attributes:
        patience: validations without a better score after which the run is over.
        best_score, best_step: of the best validation, and the step it was made at.
        stale: validations since.
    """

    patience: int
    best_score: float = -1.0
    best_step: int = 0
    stale: int = 0

    @property
    def is_over(self) -> bool:
        """True if the run ends here."""
        return self.stale >= self.patience

    def is_best(self, step: int, score: float) -> bool:
        """Counts a validation; returns whether it is the best so far."""
        if score > self.best_score:
            self.best_score, self.best_step, self.stale = score, step, 0
            return True
        self.stale += 1
        return False

    def as_facts(self) -> dict[str, str]:
        """All that a checkpoint has to remember of it."""
        return {"best": repr(self.best_score), "best_step": str(self.best_step), "stale": str(self.stale)}

    def restore(self, facts: Mapping[str, str]) -> None:
        """Takes up what a checkpoint remembers."""
        self.best_score, self.best_step = float(facts["best"]), int(facts["best_step"])
        self.stale = int(facts["stale"])
