"""The center: what it refuses, how weights move, and that a killed run goes on."""

from pathlib import Path

import numpy as np
import pytest

from federation.errors import CheckpointInvalid, UpdateInvalid
from federation.learning.aggregation import check_sum, load_state, pass_gate, save_state, start_run, step
from federation.learning.run_settings import RunSettings
from federation.privacy.accounting import Spending, epsilon_of
from tests.federation.rounds import parameters, weights

SETTINGS = RunSettings(
    run_id="run-1",
    epsilon=8.0,
    rounds=4,
    branches=4,
    minimum_survivors=3,
    customers=20,
    learning_rate=2.0,
    momentum=0.5,
)
CALM = {"noise_multiplier": 0.01, "clip_norm": 1.0}


def encoded(value: float) -> np.ndarray:
    asked = parameters()
    return np.full(asked.size, round(value * asked.scale), dtype=np.int64)


def test_a_step_divides_by_the_expected_customers_of_the_survivors() -> None:
    state = step(start_run("run-1", weights()), encoded(0.5), parameters(), survivors=3, settings=SETTINGS)
    assert state.weights == pytest.approx(weights() - 2.0 * 0.5 / 15, abs=1e-5)
    again = step(state, encoded(0.5), parameters(round_number=2), survivors=4, settings=SETTINGS)
    velocity = 0.5 * 0.5 / 15 + 0.5 / 20
    assert again.weights == pytest.approx(state.weights - 2.0 * velocity, abs=1e-5)
    assert [(done.round_number, done.survivors) for done in again.finished] == [(1, 3), (2, 4)]


@pytest.mark.parametrize(
    ("total", "changes", "survivors", "problem"),
    [
        (encoded(0.1), {"round_number": 2}, 3, "was sent before"),
        (encoded(0.1), {"run_id": "run-2"}, 3, "another run"),
        (encoded(0.1), {}, 2, "2 branches are in the sum"),
        (encoded(0.1)[:-1], {}, 3, "expected integers"),
        (encoded(0.1).astype(float), {}, 3, "expected integers"),
        (encoded(30.0), CALM, 3, "does not follow the protocol"),
    ],
    ids=["replayed", "another run", "too few", "wrong shape", "no integers", "norm too large"],
)
def test_a_sum_that_cannot_be_one_is_refused(
    total: np.ndarray, changes: dict[str, object], survivors: int, problem: str
) -> None:
    with pytest.raises(UpdateInvalid, match=problem):
        step(
            start_run("run-1", weights()),
            total,
            parameters(**changes),
            survivors=survivors,
            settings=SETTINGS,
        )


def test_honest_noise_passes_the_check_of_the_norm() -> None:
    from federation.privacy.noise import encode

    asked = parameters()
    total = np.sum([encode(np.zeros(asked.shape), asked) for _ in range(4)], axis=0)
    check_sum(total, asked, customers=1, branches=4)


def test_a_killed_run_goes_on_at_the_last_finished_round(tmp_path: Path) -> None:
    state = start_run("run-1", weights())
    for number in (1, 2):
        asked = parameters(round_number=number)
        state = step(state, encoded(0.3), asked, survivors=3, settings=SETTINGS, attempts=number)
        save_state(tmp_path / "run" / "state.safetensors", state)
    loaded = load_state(tmp_path / "run" / "state.safetensors", "run-1")
    assert (loaded.run_id, loaded.finished, loaded.next_round) == ("run-1", state.finished, 3)
    assert loaded.weights.tolist() == state.weights.tolist()
    assert loaded.velocity.tolist() == state.velocity.tolist()
    assert loaded.guarantee(1e-5).epsilon == epsilon_of({Spending(20.0): 3}, 1e-5)


def test_a_checkpoint_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    with pytest.raises(CheckpointInvalid, match="cannot be read"):
        load_state(path, "run-1")
    save_state(path, start_run("run-1", weights()))
    with pytest.raises(CheckpointInvalid, match="expected run-2"):
        load_state(path, "run-2")
    whole = path.read_bytes()
    for damaged in (whole[:-5], b"", b"\x00" * 100, whole.replace(b"orilla-run", b"ollira-run")):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointInvalid):
            load_state(path, "run-1")


def test_the_gate_lets_through_what_loses_no_more_than_the_tolerance() -> None:
    assert pass_gate(0.80, 0.80)
    assert pass_gate(0.79, 0.80, tolerance=0.02)
    assert not pass_gate(0.79, 0.80)
    assert not pass_gate(float("nan"), 0.0)
