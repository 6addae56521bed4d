"""A branch's privacy ledger: what its customers have lost so far, and the refusal to lose more. Torch-free.

A release is recorded *before* anything is released, in two files that are fsynced before `spend` returns
(`federation.privacy.ledger_file`). A ledger that has been lost is not started again by opening it: only
`create_ledger` starts at zero.

Guarantees:
    What `spend` has returned stays spent, whatever is killed at whatever moment.
    No release is granted that would take the whole past the budget, after a restart too.
    Order and budget do not depend on the clock.
"""

import os
import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from federation.errors import LedgerCorrupt, LedgerLocked
from federation.privacy.ledger_file import (
    Budget,
    Entry,
    LedgerState,
    NoisyRelease,
    Opened,
    head_path,
    ledger_missing,
    read_ledger,
)
from student.artifacts.hash_chain import GENESIS, ChainEnd, append_line, drop_torn_line, start_file, write_head


def create_ledger(path: Path, branch: str, *, now: datetime | None = None) -> LedgerState:
    """Starts a branch's ledger at zero.

    Raises:
        LedgerCorrupt: a ledger, or the head of one, is there already.
    """
    if path.exists() or head_path(path).exists():
        raise LedgerCorrupt(
            f"{path} or its head exists; a branch has one ledger for ever: keep it, or restore both files"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = Opened(
        serial=0, previous=GENESIS, at=_stamp(now or datetime.now(UTC)), branch=branch, ledger_id=secrets.token_hex(16)
    )
    write_head(head_path(path), start_file(path, opened))
    return read_ledger(path)


class Ledger:
    """A ledger open for spending: one process at a time.

    A torn last line is dropped, and a head left behind by a crash is brought up, when it is opened. The lock is one of
    the operating system on a file beside the ledger: it is free again when the process ends, however that comes.
    """

    def __init__(self, path: Path) -> None:
        """Opens it.

        Raises:
            LedgerMissing, LedgerCorrupt, LedgerLocked: it cannot be used; it is left as it was.
        """
        self.path = path
        if not path.exists():
            raise ledger_missing(path)
        self._lock = _lock(path)
        try:
            self._descriptor = os.open(path, os.O_RDWR)
        except BaseException:
            self._lock.release()
            raise
        try:
            self.state = read_ledger(path)
            self._heal()
        except BaseException:
            self.close()
            raise

    def spend(self, release: NoisyRelease, budget: Budget, *, now: datetime) -> Entry:
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
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _append(self, entry: Entry) -> None:
        end = append_line(self._descriptor, self.path, entry)
        write_head(head_path(self.path), end)
        state = self.state
        self.state = LedgerState(state.branch, state.ledger_id, (*state.entries, entry), end.digest, entry.at)

    def _heal(self) -> None:
        drop_torn_line(self._descriptor, self.state.torn_bytes)
        write_head(head_path(self.path), ChainEnd(self.state.serial, self.state.head))


def _lock(path: Path) -> FileLock:
    lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise LedgerLocked(f"ledger {path} is in use by another process; wait for it, or stop it") from error
    return lock


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="seconds")
