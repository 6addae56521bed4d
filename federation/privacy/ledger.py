"""A branch's privacy ledger: what its customers have lost so far, and the refusal to lose more. Torch-free.

A file of JSON lines. The first opens the ledger; every other records one release *before* anything is released. Each
line holds the SHA-256 of the line before it, so that none can be changed, left out or put elsewhere; beside it a head
file names the last line, so that the end cannot be cut off either. Both are fsynced before `spend` returns. A crash can
only leave (1) an unfinished last line, which was never acknowledged and is dropped, or (2) a line that the head does
not name yet, which counts as spent. Everything else is `LedgerCorrupt`: nothing is released until someone has looked.

A ledger that has been lost is not made anew by opening it: only `create_ledger` starts at zero.

Guarantees:
    What `spend` has returned stays spent, whatever is killed at whatever moment.
    No release is granted that would take the whole past the budget, after a restart too.
    Order and budget do not depend on the clock.
"""

import fcntl
import json
import os
import secrets
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from federation.errors import BudgetRefused, LedgerCorrupt, LedgerLocked, LedgerMissing
from federation.privacy.accounting import BucketRange, Spending, epsilon_of_worst
from student.artifacts.digests import digest_bytes
from student.artifacts.durable import write_durably

FORMAT: Final = "orilla-ledger"
FORMAT_VERSION: Final = 1
GENESIS = "0" * 64
"""What the first line names as the line before it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a customer may lose at this branch: epsilon at a delta, add-or-remove neighbors."""

    epsilon: float
    delta: float


@dataclass(frozen=True, slots=True)
class Release:
    """What is about to be released: all of it public.

    `customers_from` and `customers_to`: it is of the customers whose place lies between (`learning.holdout`).
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


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    serial: int
    previous: str
    at: str


class _Opened(_Line):
    format: Literal["orilla-ledger"] = FORMAT
    format_version: Literal[1] = FORMAT_VERSION
    kind: Literal["opened"] = "opened"
    branch: str
    ledger_id: str
    unit: Literal["customer"] = "customer"
    neighboring: Literal["add-or-remove"] = "add-or-remove"


_AnyLine = TypeVar("_AnyLine", bound=_Line)


class Entry(_Line):
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
        ledger_id: random, so that two ledgers of one branch are told apart.
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
        """What was released, by kind."""
        counts: Counter[Spending] = Counter()
        for entry in self.entries:
            counts[Spending(entry.noise_multiplier, entry.sample_rate)] += entry.steps
        return dict(counts)

    def epsilon(self, delta: float) -> float:
        """What the customer who lost most has lost, at a delta."""
        return epsilon_of_worst(self._by_customers, delta)

    def epsilon_with(self, release: Release, budget: Budget) -> float:
        """What would be spent with one release more, which is not recorded.

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


def create_ledger(path: Path, branch: str, *, now: datetime | None = None) -> LedgerState:
    """Starts a branch's ledger at zero.

    Raises:
        LedgerCorrupt: a ledger, or the head of one, is there already.
    """
    if path.exists() or _head_path(path).exists():
        raise LedgerCorrupt(
            f"{path} or its head exists; a branch has one ledger for ever: keep it, or restore both files"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = _Opened(
        serial=0, previous=GENESIS, at=_stamp(now or datetime.now(UTC)), branch=branch, ledger_id=secrets.token_hex(16)
    )
    line = _to_line(opened)
    write_durably(path, line)
    _write_head(path, 0, digest_bytes(line[:-1]))
    return read_ledger(path)


def read_ledger(path: Path) -> LedgerState:
    """Reads a ledger and verifies every line of it; changes nothing.

    Raises:
        LedgerMissing: it is not there. LedgerCorrupt: it is not what was written.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise LedgerMissing(
            f"no ledger at {path}; restore it from a backup, or start one when the branch enrolls"
        ) from error
    *lines, torn = content.split(b"\n")
    if not lines:
        raise LedgerCorrupt(f"{path} has no whole line; restore it from a backup")
    opened: _Opened = _parse(lines[0], _Opened, path, 0)
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


class Ledger:
    """A ledger open for spending: one process at a time.

    A torn last line is dropped, and a head left behind by a crash is brought up, when it is opened.
    """

    def __init__(self, path: Path) -> None:
        """Opens it.

        Raises:
            LedgerMissing, LedgerCorrupt, LedgerLocked: it cannot be used; it is left as it was.
        """
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError as error:
            raise LedgerMissing(
                f"no ledger at {path}; restore it from a backup, or start one when the branch enrolls"
            ) from error
        try:
            self._lock()
            self.state = read_ledger(path)
            self._heal()
        except BaseException:
            os.close(self._descriptor)
            raise

    def spend(self, release: Release, budget: Budget, *, now: datetime) -> Entry:
        """Records a release before it is made; durable when this returns.

        Raises:
            BudgetRefused: it would take the whole past the budget; nothing is recorded.
        """
        epsilon = self.state.epsilon_with(release, budget)
        at = max(_stamp(now), self.state.at)
        entry = Entry(
            serial=self.state.serial + 1,
            previous=self.state.head,
            at=at,
            **asdict(release),
            epsilon=epsilon,
            delta=budget.delta,
            budget_epsilon=budget.epsilon,
            clock_behind_s=(datetime.fromisoformat(at) - now).total_seconds() if at > _stamp(now) else 0.0,
        )
        self._append(entry)
        return entry

    def close(self) -> None:
        """Lets it go."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _append(self, entry: Entry) -> None:
        line = _to_line(entry)
        os.lseek(self._descriptor, 0, os.SEEK_END)
        if os.write(self._descriptor, line) != len(line):
            raise OSError(f"{self.path} took only part of a line; is the disk full?")
        os.fsync(self._descriptor)
        head = digest_bytes(line[:-1])
        _write_head(self.path, entry.serial, head)
        state = self.state
        self.state = LedgerState(state.branch, state.ledger_id, (*state.entries, entry), head, entry.at)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerLocked(f"ledger {self.path} is in use by another process; wait for it, or stop it") from error

    def _heal(self) -> None:
        if self.state.torn_bytes:
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - self.state.torn_bytes)
            os.fsync(self._descriptor)
        _write_head(self.path, self.state.serial, self.state.head)


def _kind_of(one: Release | Entry) -> tuple[Spending, BucketRange]:
    return Spending(one.noise_multiplier, one.sample_rate), BucketRange(one.customers_from, one.customers_to)


def _check_head(path: Path, state: LedgerState, lines: list[bytes]) -> None:
    try:
        head = json.loads(_head_path(path).read_bytes())
        serial, digest = int(head["serial"]), str(head["digest"])
    except FileNotFoundError:
        if state.serial == 0:  # killed between the first line and its head
            return
        raise LedgerCorrupt(f"{_head_path(path)} is missing; restore it from a backup") from None
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerCorrupt(f"{_head_path(path)} is not a ledger's head; restore it from a backup") from error
    if state.serial not in (serial, serial + 1):
        raise LedgerCorrupt(
            f"{path} ends with line {state.serial + 1}, but {_head_path(path).name} names line {serial + 1}; "
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


def _to_line(line: _Line) -> bytes:
    value: dict[str, Any] = line.model_dump(mode="json")
    return (json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def _write_head(path: Path, serial: int, digest: str) -> None:
    write_durably(_head_path(path), json.dumps({"serial": serial, "digest": digest}).encode())


def _head_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.head")


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="seconds")
