"""The two files of a privacy ledger: their lines, and the reading that verifies all of them. Torch-free.

A hash chain (`student/artifacts/hash_chain.py`) and its head. The first line opens the ledger; every other records one
release. A line that the head does not name yet counts as spent. A chain that is broken is `LedgerCorrupt`: nothing is
released until someone has looked.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from federation.errors import BudgetRefused, LedgerCorrupt, LedgerMissing
from federation.privacy.accounting import NEIGHBORING, UNIT, BucketRange, Spending, epsilon_of_worst
from student.artifacts.hash_chain import ChainBroken, ChainFormat, Flaw, Line, check_head, parse_chain, read_head

LEDGER_FORMAT: Final = "orilla-ledger"
LEDGER_FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a customer may lose at this branch: epsilon at a delta, add-or-remove neighbors."""

    epsilon: float
    delta: float


@dataclass(frozen=True, slots=True)
class NoisyRelease:
    """A noisy result that is about to leave the branch: all of it public.

    `customers_from` and `customers_to`: it is of the customers whose hash bucket lies between (`learning.holdout`).
    """

    run_id: str
    round_number: int
    part: str
    mechanism: str
    noise_multiplier: float
    parameters_digest: str
    sample_rate: float = 1.0
    steps: int = 1
    customers_from: float = 0.0
    customers_to: float = 1.0


class Opened(Line):
    """The first line: it opens the ledger."""

    format: Literal["orilla-ledger"] = LEDGER_FORMAT
    format_version: Literal[1] = LEDGER_FORMAT_VERSION
    kind: Literal["opened"] = "opened"
    branch: str
    ledger_id: str
    unit: Literal["customer"] = UNIT
    neighboring: Literal["add-or-remove"] = NEIGHBORING


class Entry(Line):
    """A line that records a release: `epsilon` is the total after it, at `delta`.

    `clock_behind_s` is by how much the clock stood before the line above when this was written; `at` is then that
    line's.
    """

    kind: Literal["spent"] = "spent"
    run_id: str
    round_number: int
    part: str
    mechanism: str
    noise_multiplier: float
    parameters_digest: str
    sample_rate: float
    steps: int
    epsilon: float
    delta: float
    budget_epsilon: float
    clock_behind_s: float = 0.0
    customers_from: Annotated[float, Field(ge=0, lt=1)] = 0.0
    customers_to: Annotated[float, Field(gt=0, le=1)] = 1.0


@dataclass(frozen=True, slots=True)
class LedgerState:
    """A verified ledger.

    Attributes:
        branch: whose it is.
        ledger_id: random, so that two ledgers of one branch can be distinguished.
        entries: oldest first.
        head: digest of the last line; names the whole history.
        at: of the last line.
        torn_bytes: of an unfinished last line that was never acknowledged.
    """

    branch: str
    ledger_id: str
    entries: tuple[Entry, ...]
    head: str
    at: str
    torn_bytes: int = 0

    @property
    def serial(self) -> int:
        """Of the last line; 0 where nothing is spent."""
        return len(self.entries)

    @property
    def releases(self) -> dict[Spending, int]:
        """Counts of releases by kind."""
        counts: Counter[Spending] = Counter()
        for entry in self.entries:
            counts[Spending(entry.noise_multiplier, entry.sample_rate)] += entry.steps
        return dict(counts)

    def epsilon(self, delta: float) -> float:
        """Epsilon, at a delta, of the customer who lost most."""
        return epsilon_of_worst(self._by_customers, delta)

    def epsilon_with(self, release: NoisyRelease, budget: Budget) -> float:
        """Epsilon with one release more, which is not recorded.

        Raises:
            BudgetRefused: more than the budget.
        """
        releases = self._by_customers
        releases[_kind_of(release)] += release.steps
        epsilon = epsilon_of_worst(releases, budget.delta)
        if not epsilon <= budget.epsilon:
            raise BudgetRefused(
                f"round {release.round_number} of run {release.run_id} would take this branch to epsilon {epsilon:.4f} "
                f"at delta {budget.delta:g} (per customer, add-or-remove, exact composition); its budget is "
                f"{budget.epsilon:g} and {self.epsilon(budget.delta):.4f} is spent; nothing was released"
            )
        return epsilon

    @property
    def _by_customers(self) -> Counter[tuple[Spending, BucketRange]]:
        counts: Counter[tuple[Spending, BucketRange]] = Counter()
        for entry in self.entries:
            counts[_kind_of(entry)] += entry.steps
        return counts


def read_ledger(path: Path) -> LedgerState:
    """Reads a ledger and verifies every line of it; changes nothing.

    Raises:
        LedgerMissing: it is not there. LedgerCorrupt: it is not what was written.
    """
    try:
        chain = parse_chain(path.read_bytes(), path, _FORMAT)
        check_head(chain, path, _FORMAT.name, head_path(path), read_head(head_path(path)))
    except FileNotFoundError as error:
        raise ledger_missing(path) from error
    except ChainBroken as error:
        raise LedgerCorrupt(f"{error}; {_ADVICE[error.flaw]}") from error
    opened, last = chain.first, chain.last
    return LedgerState(opened.branch, opened.ledger_id, chain.following, chain.end.digest, last.at, chain.torn_bytes)


def ledger_missing(path: Path) -> LedgerMissing:
    """The refusal where there is no ledger."""
    return LedgerMissing(f"no ledger at {path}; restore it from a backup, or start one when the branch enrolls")


def head_path(path: Path) -> Path:
    """Path of the head of the ledger at `path`."""
    return path.with_name(f"{path.name}.head")


def _kind_of(one: NoisyRelease | Entry) -> tuple[Spending, BucketRange]:
    return Spending(one.noise_multiplier, one.sample_rate), BucketRange(one.customers_from, one.customers_to)


_FORMAT = ChainFormat("a ledger", LEDGER_FORMAT_VERSION, Opened, Entry)
_ADVICE = {
    Flaw.DAMAGED: "restore it from a backup",
    Flaw.ALTERED: "the ledger was altered: restore it from a backup",
    Flaw.CUT: "entries were lost: restore both files from one backup",
    Flaw.UNREADABLE: "it was damaged or written by a later version: restore it from a backup, or upgrade orilla",
}
