"""Paths of an iteration: one folder for each artefact, below the iteration's own."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class IterationPaths:
    """Folders of an iteration's artefacts; `home` holds them all."""

    home: Path

    @property
    def scenario(self) -> Path:
        """Messages of the center, the branches and the test."""
        return self.home / "scenario"

    @property
    def targets(self) -> Path:
        """Public texts labelled by the teacher as it was."""
        return self.home / "targets"

    @property
    def student(self) -> Path:
        """The run of the student's distillation."""
        return self.home / "student"

    @property
    def first_bundle(self) -> Path:
        """The bundle that branches begin with."""
        return self.home / "first-bundle"

    @property
    def center(self) -> Path:
        """The federation's center."""
        return self.home / "center"

    @property
    def absorbed_teacher(self) -> Path:
        """The teacher that has absorbed the release."""
        return self.home / "absorbed-teacher"

    @property
    def next_targets(self) -> Path:
        """The same texts, with the intents that the teacher knows now."""
        return self.home / "next-targets"

    @property
    def next_bundle(self) -> Path:
        """The bundle of the next iteration."""
        return self.home / "next-bundle"

    def branch(self, number: int) -> Path:
        """One branch: its store, bundle, policy and ledger."""
        return self.home / "branches" / f"branch-{number}"
