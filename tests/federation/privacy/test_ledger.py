"""The ledger under crashes, tampering, refusals and a clock that goes back."""

import hashlib
import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.errors import BudgetRefused, LedgerCorrupt, LedgerLocked, LedgerMissing
from federation.privacy.accounting import Spending, epsilon_of
from federation.privacy.ledger import Ledger, create_ledger
from federation.privacy.ledger_file import Budget, Release, read_ledger
from tests.conftest import ROOT

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUDGET = Budget(epsilon=3.0, delta=1e-5)
KILLS = 12


def release(number: int, noise: float = 10.0) -> Release:
    return Release("run", number, "head", "secure", noise, "0" * 64)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_ledger(tmp_path / "ledger.jsonl", "branch-1", now=NOW)
    return tmp_path / "ledger.jsonl"


def spend(path: Path, count: int, **changes: float) -> None:
    with Ledger(path) as ledger:
        for number in range(count):
            ledger.spend(release(number + 1, **changes), BUDGET, now=NOW)


def test_what_is_spent_is_read_back_with_its_epsilon(path: Path) -> None:
    spend(path, 3)
    state = read_ledger(path)
    assert (state.branch, state.serial, state.releases) == ("branch-1", 3, {Spending(10.0): 3})
    assert state.entries[-1].epsilon == state.epsilon(1e-5) == epsilon_of({Spending(10.0): 3}, 1e-5)
    assert state.entries[-1].previous != state.head


def test_spending_over_the_budget_is_refused_after_a_restart_too_and_leaves_no_trace(path: Path) -> None:
    with Ledger(path) as ledger:
        for number in range(1, 100):
            try:
                ledger.spend(release(number), BUDGET, now=NOW)
            except BudgetRefused:
                break
        granted = number - 1
    before = path.read_bytes()
    with Ledger(path) as ledger, pytest.raises(BudgetRefused, match=r"its budget is 3 and 2\.\d+ is spent"):
        ledger.spend(release(number), BUDGET, now=NOW)
    assert path.read_bytes() == before
    assert epsilon_of({Spending(10.0): granted}, 1e-5) <= 3.0 < epsilon_of({Spending(10.0): granted + 1}, 1e-5)


def test_a_release_without_noise_is_refused(path: Path) -> None:
    with Ledger(path) as ledger, pytest.raises(BudgetRefused):
        ledger.spend(release(1, noise=0.0), BUDGET, now=NOW)


WORKER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from federation.privacy.ledger_file import Budget, Release
from federation.privacy.ledger import Ledger
with Ledger(Path(sys.argv[1])) as ledger:
    print("open", flush=True)
    for number in range(1, 100_000):
        release = Release("run", number, "head", "secure", 1000.0, "0" * 64)
        ledger.spend(release, Budget(50.0, 1e-5), now=datetime.now(UTC))
        print(number, flush=True)
"""


def test_what_spend_has_returned_stays_spent_whatever_is_killed_at_whatever_moment(path: Path) -> None:
    generator = random.Random(5)
    acknowledged, was_killed_at_work = 0, 0
    for _ in range(KILLS):
        command = [sys.executable, "-c", WORKER, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(generator.uniform(0, 0.06))
        process.kill()
        said = process.stdout.read().splitlines()
        process.wait(timeout=30)
        process.stdout.close()
        whole = [line for line in said if line]
        acknowledged += len(whole)
        was_killed_at_work += bool(whole)
        serial = read_ledger(path).serial
        assert acknowledged <= serial <= acknowledged + 1
        acknowledged = serial
    assert was_killed_at_work >= KILLS / 2
    with Ledger(path) as ledger:
        assert ledger.state.releases == {Spending(1000.0): acknowledged}


def test_a_last_line_torn_at_any_byte_is_dropped_and_the_rest_stands(path: Path) -> None:
    spend(path, 1)
    head = path.with_name("ledger.jsonl.head")
    acknowledged, old_head = path.read_bytes(), head.read_bytes()
    spend(path, 1)
    line = path.read_bytes()[len(acknowledged) :]
    for cut in range(0, len(line), 7):
        path.write_bytes(acknowledged + line[:cut])
        head.write_bytes(old_head)
        assert read_ledger(path).torn_bytes == cut
        with Ledger(path) as ledger:
            assert ledger.state.serial == 1
            ledger.spend(release(2), BUDGET, now=NOW)
        assert read_ledger(path).serial == 2


def test_a_line_that_the_head_does_not_name_yet_counts_as_spent(path: Path) -> None:
    spend(path, 1)
    old_head = path.with_name("ledger.jsonl.head").read_bytes()
    spend(path, 1)
    path.with_name("ledger.jsonl.head").write_bytes(old_head)
    with Ledger(path) as ledger:
        assert ledger.state.serial == 2
    assert json.loads(path.with_name("ledger.jsonl.head").read_text())["serial"] == 2


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")


def less_noise(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"noise_multiplier":10.0', b'"noise_multiplier":99.0', 1))


def one_left_out(path: Path) -> None:
    lines = lines_of(path)
    path.write_bytes(b"\n".join(lines[:2] + lines[3:]))


def end_cut_off(path: Path) -> None:
    path.write_bytes(b"\n".join(lines_of(path)[:-2]) + b"\n")


def last_altered(path: Path) -> None:
    lines = lines_of(path)
    lines[-2] = lines[-2].replace(b'"noise_multiplier":10.0', b'"noise_multiplier":99.0')
    path.write_bytes(b"\n".join(lines))


def last_newline_lost(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def two_swapped(path: Path) -> None:
    lines = lines_of(path)
    path.write_bytes(b"\n".join([lines[0], lines[2], lines[1], *lines[3:]]))


def garbage(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\x00\x00\n")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def head_gone(path: Path) -> None:
    path.with_name("ledger.jsonl.head").unlink()


def head_damaged(path: Path) -> None:
    path.with_name("ledger.jsonl.head").write_text("{}")


def started_again(path: Path) -> None:
    (path.parent / "other").mkdir()
    create_ledger(path.parent / "other" / "ledger.jsonl", "branch-1")
    (path.parent / "other" / "ledger.jsonl").rename(path)


ATTACKS = [
    *(less_noise, one_left_out, end_cut_off, last_altered, last_newline_lost, two_swapped),
    *(garbage, emptied, head_gone, head_damaged, started_again),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_altered_ledger_is_refused_and_left_as_it_is(attack, path: Path) -> None:  # type: ignore[no-untyped-def]
    spend(path, 4)
    attack(path)
    before = path.read_bytes()
    with pytest.raises(LedgerCorrupt):
        read_ledger(path)
    with pytest.raises(LedgerCorrupt):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_lost_ledger_is_not_made_anew_by_opening_it(tmp_path: Path) -> None:
    for open_it in (read_ledger, Ledger):
        with pytest.raises(LedgerMissing, match="restore it from a backup"):
            open_it(tmp_path / "ledger.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_second_ledger_is_not_started_where_one_is_or_was(path: Path) -> None:
    with pytest.raises(LedgerCorrupt, match="exists"):
        create_ledger(path, "branch-1")
    path.unlink()
    with pytest.raises(LedgerCorrupt, match="exists"):
        create_ledger(path, "branch-1")


def test_two_processes_do_not_spend_from_one_ledger(path: Path) -> None:
    with Ledger(path):
        with pytest.raises(LedgerLocked):
            Ledger(path)
        assert read_ledger(path).serial == 0
    spend(path, 1)


def test_order_and_budget_do_not_depend_on_the_clock(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.spend(release(1), BUDGET, now=NOW)
        entry = ledger.spend(release(2), BUDGET, now=NOW - timedelta(days=400))
        later = ledger.spend(release(3), BUDGET, now=NOW + timedelta(seconds=5))
    assert entry.at == read_ledger(path).entries[0].at
    assert entry.clock_behind_s == timedelta(days=400).total_seconds()
    assert later.clock_behind_s == 0
    assert read_ledger(path).releases == {Spending(10.0): 3}


def test_releases_from_different_customers_cost_as_much_as_the_most_that_any_one_of_them_is_in(path: Path) -> None:
    training, counting = Spending(10.0), Spending(4.0)
    with Ledger(path) as ledger:
        for number, (noise, begin, end) in enumerate([(10.0, 0.1, 1.0), (10.0, 0.1, 1.0), (4.0, 0.0, 0.1)]):
            asked = replace(release(number + 1, noise), customers_from=begin, customers_to=end)
            ledger.spend(asked, BUDGET, now=NOW)
        apart = max(epsilon_of({training: 2}, 1e-5), epsilon_of({counting: 1}, 1e-5))
        assert ledger.state.epsilon(1e-5) == read_ledger(path).epsilon(1e-5) == apart
        # Another share: those between 0.1 and 0.3 have been trained on and are counted now.
        ledger.spend(replace(release(4, 4.0), customers_to=0.3), BUDGET, now=NOW)
        both = [epsilon_of({counting: 2}, 1e-5), epsilon_of({training: 2, counting: 1}, 1e-5)]
        assert ledger.state.epsilon(1e-5) == max(both)
        ledger.spend(release(5, 10.0), BUDGET, now=NOW)  # of all
        both = [epsilon_of({counting: 2, training: 1}, 1e-5), epsilon_of({training: 3, counting: 1}, 1e-5)]
        assert ledger.state.epsilon(1e-5) == max(both)


def test_a_budget_is_refused_by_the_most_charged_customer(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.spend(replace(release(1, 1.5), customers_from=0.5), BUDGET, now=NOW)
        ledger.spend(replace(release(2, 1.5), customers_to=0.5), BUDGET, now=NOW)
        with pytest.raises(BudgetRefused):
            ledger.spend(replace(release(3, 1.5), customers_to=0.6), BUDGET, now=NOW)
    assert read_ledger(path).serial == 2


def test_entries_from_before_there_were_evaluations_are_of_all_customers(path: Path) -> None:
    spend(path, 1)
    first, line = path.read_bytes().splitlines()
    value = json.loads(line)
    del value["customers_from"], value["customers_to"]
    old = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    path.write_bytes(first + b"\n" + old + b"\n")
    digest = hashlib.sha256(old).hexdigest()
    path.with_name("ledger.jsonl.head").write_text(json.dumps({"serial": 1, "digest": digest}))
    (entry,) = read_ledger(path).entries
    assert (entry.customers_from, entry.customers_to) == (0.0, 1.0)
    assert read_ledger(path).epsilon(1e-5) == epsilon_of({Spending(10.0): 1}, 1e-5)
