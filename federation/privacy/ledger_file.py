"""The two files of a privacy ledger: their lines, and the reading that verifies all of them. Torch-free.

A file of JSON lines. The first opens the ledger; every other records one release. Each line holds the SHA-256 of the
line before it, so that none can be changed, left out or put elsewhere; beside it a head file names the last line, so
that the end cannot be cut off either. A crash can only leave (1) an unfinished last line, which was never acknowledged
and is dropped, or (2) a line that the head does not name yet, which counts as spent. Everything else is
`LedgerCorrupt`: nothing is released until someone has looked.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from federation.errors import BudgetRefused, LedgerCorrupt, LedgerMissing
from federation.privacy.accounting import NEIGHBORING, UNIT, BucketRange, Spending, epsilon_of_worst
from student.artifacts.digests import digest_bytes
from student.artifacts.durable import write_durably

FORMAT: Final = "orilla-ledger"
FORMAT_VERSION: Final = 1
GENESIS = "0" * 64
"""Stands for the line before the first."""
_AnyLine = TypeVar("_AnyLine", bound="Line")


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a customer may lose at this branch: epsilon at a delta, add-or-remove neighbors."""

    epsilon: float
    delta: float


@dataclass(frozen=True, slots=True)
class Release:
    """A release that is about to be made: all of it public.

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


class Line(BaseModel):
    """A line of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    serial: int
    previous: str
    at: str


class Opened(Line):
    """The first line: it opens the ledger."""

    format: Literal["orilla-ledger"] = FORMAT
    format_version: Literal[1] = FORMAT_VERSION
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

    def epsilon_with(self, release: Release, budget: Budget) -> float:
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
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ledger_missing(path) from error
    *lines, torn = content.split(b"\n")
    if not lines:
        raise LedgerCorrupt(f"{path} has no whole line; restore it from a backup")
    opened: Opened = _parse(lines[0], Opened, path, 0)
    entries, previous, at = [], digest_bytes(lines[0]), opened.at
    if opened.previous != GENESIS:
        raise LedgerCorrupt(f"{path} line 1 does not begin a ledger; restore it from a backup")
    for serial, line in enumerate(lines[1:], start=1):
        entry: Entry = _parse(line, Entry, path, serial)
        if entry.previous != previous:
            raise LedgerCorrupt(
                f"{path} line {serial + 1} follows {entry.previous[:12]}, but the line above it is {previous[:12]}; "
                "the ledger was altered: restore it from a backup"
            )
        entries.append(entry)
        previous, at = digest_bytes(line), entry.at
    state = LedgerState(opened.branch, opened.ledger_id, tuple(entries), previous, at, len(torn))
    _check_head(path, state, lines)
    return state


def ledger_missing(path: Path) -> LedgerMissing:
    """The refusal where there is no ledger."""
    return LedgerMissing(f"no ledger at {path}; restore it from a backup, or start one when the branch enrolls")


def to_line(line: Line) -> bytes:
    """The bytes of one line, its end included."""
    value: dict[str, Any] = line.model_dump(mode="json")
    return (json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def write_head(path: Path, serial: int, digest: str) -> None:
    """Names the last line of the ledger at `path` in the file beside it, durably."""
    write_durably(head_path(path), json.dumps({"serial": serial, "digest": digest}).encode())


def head_path(path: Path) -> Path:
    """Path of the head of the ledger at `path`."""
    return path.with_name(f"{path.name}.head")


def _kind_of(one: Release | Entry) -> tuple[Spending, BucketRange]:
    return Spending(one.noise_multiplier, one.sample_rate), BucketRange(one.customers_from, one.customers_to)


def _check_head(path: Path, state: LedgerState, lines: list[bytes]) -> None:
    try:
        head = json.loads(head_path(path).read_bytes())
        serial, digest = int(head["serial"]), str(head["digest"])
    except FileNotFoundError:
        if state.serial == 0:  # killed between the first line and its head
            return
        raise LedgerCorrupt(f"{head_path(path)} is missing; restore it from a backup") from None
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerCorrupt(f"{head_path(path)} is not a ledger's head; restore it from a backup") from error
    if state.serial not in (serial, serial + 1):
        raise LedgerCorrupt(
            f"{path} ends with line {state.serial + 1}, but {head_path(path).name} names line {serial + 1}; "
            "entries were lost: restore both files from one backup"
        )
    if digest_bytes(lines[serial]) != digest:
        raise LedgerCorrupt(f"{path} line {serial + 1} is not the one that its head names; restore it from a backup")


def _parse(line: bytes, model: type[_AnyLine], path: Path, serial: int) -> _AnyLine:
    try:
        parsed = model.model_validate_json(line)
    except ValidationError as error:
        raise LedgerCorrupt(
            f"{path} line {serial + 1} is not an entry of a ledger of version {FORMAT_VERSION}; "
            "it was damaged or written by a later version: restore it from a backup, or upgrade orilla"
        ) from error
    if parsed.serial != serial:
        raise LedgerCorrupt(f"{path} line {serial + 1} says it is number {parsed.serial}; restore it from a backup")
    return parsed
