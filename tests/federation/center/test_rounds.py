"""Runs in one process, with the apps that are deployed: losses, restarts, refusals, and what crosses the wire."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict

from federation.branch.client_app import app
from federation.branch.settings import LEDGER_FILE, POLICY_FILE
from federation.center.prepared_run import PreparedRun, prepare_run
from federation.center.rounds import ATTEMPT_FILE, STATE_FILE, Finished, RoundRecord, read_progress, run_rounds
from federation.errors import CheckpointInvalid, RunFailed
from federation.privacy.ledger_file import read_ledger
from federation.secure_aggregation.primitives import to_integers
from federation.transport.local_grid import LocalGrid, Loss
from federation.transport.wire import RECORD
from tests.federation.lab import Lab, build_lab

Answer = Callable[[Message, Context], Message]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return build_lab(tmp_path)


def prepared(lab: Lab, **changes: object) -> tuple[PreparedRun, Path]:
    recipe = lab.recipe(**changes)
    folder = lab.home / "runs" / recipe.run_id
    return prepare_run(recipe, folder), folder


def run_in_process(
    lab: Lab,
    *,
    client: Answer = app,
    lose: Callable[[int, str], Loss | None] = lambda branch, step: None,
    on_round: Callable[[RoundRecord], None] = lambda record: None,
    **changes: object,
) -> Finished:
    run, folder = prepared(lab, **changes)
    grid = LocalGrid(client, lab.node_configs, {}, lambda node, message: lose(node - 1000, step_of(message)))
    return run_rounds(grid, run, folder, on_round)


def step_of(message: Message) -> str:
    return str(message.content.config_records[RECORD]["step"])


def spent(lab: Lab) -> list[int]:
    return [read_ledger(branch / LEDGER_FILE).serial for branch in lab.branches]


def changed(reply: Message, original: Message, **values: bytes | str) -> Message:
    """An answer with other values in it."""
    record = ConfigRecord({**dict(reply.content.config_records[RECORD]), **values})
    return Message(RecordDict({RECORD: record}), reply_to=original)


def test_a_run_teaches_the_head_and_its_history_agrees_with_every_ledger(lab: Lab) -> None:
    run, _ = prepared(lab)
    finished = run_in_process(lab)
    assert run.accuracy(finished.state.weights) > run.prepared.baseline + 0.3
    assert [record.round_number for record in finished.history] == [1, 2, 3]
    for branch in lab.branches:
        ledger = read_ledger(branch / LEDGER_FILE)
        last = finished.history[-1].ledgers[ledger.branch]
        assert (last.serial, last.head) == (3, ledger.head)
        assert last.epsilon == finished.history[-1].epsilon == pytest.approx(8.0)


def test_local_mode_takes_the_same_way_with_two_messages_a_round(lab: Lab) -> None:
    finished = run_in_process(lab, mechanism="local", minimum_survivors=1)
    assert [record.survivors for record in finished.history] == [5, 5, 5]
    assert spent(lab) == [3] * 5


@pytest.mark.parametrize(
    ("step", "way", "survivors", "spending"),
    [
        ("advertise", "message", 4, [0, 3, 3, 3, 3]),
        ("share", "message", 4, [0, 3, 3, 3, 3]),
        ("mask", "message", 4, [0, 3, 3, 3, 3]),
        ("mask", "reply", 4, [3, 3, 3, 3, 3]),
        ("share", "late", 4, [0, 3, 3, 3, 3]),
        ("mask", "late", 4, [3, 3, 3, 3, 3]),
        ("reveal", "message", 5, [3, 3, 3, 3, 3]),
    ],
)
def test_a_branch_lost_at_any_step_costs_its_own_part_and_no_more(
    lab: Lab, step: str, way: Loss, survivors: int, spending: list[int]
) -> None:
    finished = run_in_process(lab, lose=lambda branch, at: way if branch == 0 and at == step else None)
    assert [record.survivors for record in finished.history] == [survivors] * 3
    assert spent(lab) == spending


@pytest.mark.parametrize("mechanism", ["secure", "local"])
def test_a_branch_that_speaks_for_another_ones_ledger_is_left_out(lab: Lab, mechanism: str) -> None:
    (lab.home / "branches").mkdir()
    for number, branch in enumerate(lab.branches):
        (lab.home / "branches" / f"{branch.name}.node").write_text(str(1000 + number))
    policy = lab.branches[0] / POLICY_FILE
    policy.write_text(policy.read_text().replace("branch-0", "branch-1"))
    finished = run_in_process(lab, mechanism=mechanism, minimum_survivors=3)
    assert [record.survivors for record in finished.history] == [4, 4, 4]
    assert [list(record.refusals) for record in finished.history] == [
        ["an update's receipt is not of branch-0, whose key it came with; it is left out"]
    ] * 3
    honest = read_ledger(lab.branches[1] / LEDGER_FILE)
    assert finished.history[-1].ledgers["branch-1"].head == honest.head


def test_too_many_lost_branches_fail_the_round_and_release_nothing(lab: Lab) -> None:
    with pytest.raises(RunFailed, match="failed 2 times, last: 2 branches sent their vectors, expected at least 3"):
        run_in_process(lab, lose=lambda branch, step: "message" if branch < 3 and step == "mask" else None)
    assert not (lab.home / "runs" / "run-1" / STATE_FILE).exists()
    assert spent(lab) == [0, 0, 0, 2, 2]  # of two attempts: what may have been seen stays spent


def test_too_few_branches_end_the_wait_at_its_deadline(lab: Lab) -> None:
    with pytest.raises(RunFailed, match=r"5 branches are there after 0.1 s, expected at least 6"):
        run_in_process(lab, branches=7, minimum_survivors=6)


def test_a_branch_restarted_in_the_middle_of_a_round_is_left_out_of_it_and_back_in_the_next(lab: Lab) -> None:
    run, folder = prepared(lab)
    restarted: list[str] = []

    def lose(node: int, message: Message) -> Loss | None:
        if node == 1000 and step_of(message) == "mask" and not restarted:
            restarted.append("once")
            grid.forget(node)
        return None

    grid = LocalGrid(app, lab.node_configs, {}, lose)
    finished = run_rounds(grid, run, folder)
    assert [record.survivors for record in finished.history] == [4, 5, 5]
    assert any("restarted in the middle" in why for why in finished.history[0].refusals)
    assert spent(lab) == [2, 3, 3, 3, 3]


def test_a_round_that_nobody_can_pay_for_any_more_ends_the_run_with_those_before_and_counts_its_cost(lab: Lab) -> None:
    finished: list[int] = []
    shorter = run_in_process(
        lab,
        lose=lambda branch, step: "reply" if step == "mask" and finished == [1, 2] and branch < 3 else None,
        on_round=lambda record: finished.append(record.round_number),
    )
    assert [record.attempts for record in shorter.history] == [1, 2]
    assert shorter.history[-1].epsilon == pytest.approx(8.0)
    assert spent(lab) == [3] * 5
    assert run_in_process(lab).history == shorter.history


def test_a_run_whose_every_attempt_failed_says_that_it_is_paid_out(lab: Lab) -> None:
    for why in ("failed 2 times", "paid for all 3 rounds", "paid for all 3 rounds"):
        with pytest.raises(RunFailed, match=why):
            run_in_process(lab, lose=lambda branch, step: "reply" if step == "mask" and branch < 3 else None)
    assert spent(lab) == [3] * 5


def test_two_processes_never_run_the_rounds_of_one_run(lab: Lab) -> None:
    def again(record: RoundRecord) -> None:
        with pytest.raises(RunFailed, match="under way in another process"):
            run_in_process(lab)

    assert len(run_in_process(lab, on_round=again).history) == 3


class Killed(BaseException):
    """Ends the center where it stands."""


def test_a_center_killed_between_rounds_goes_on_after_the_last_one_and_spends_nothing_twice(lab: Lab) -> None:
    def kill(record: RoundRecord) -> None:
        if record.round_number == 2:
            raise Killed

    with pytest.raises(Killed):
        run_in_process(lab, on_round=kill)
    assert spent(lab) == [2] * 5
    finished = run_in_process(lab)
    assert [record.round_number for record in finished.history] == [1, 2, 3]
    assert spent(lab) == [3] * 5
    assert finished.history[-1].epsilon == pytest.approx(8.0)


def test_a_center_killed_within_a_round_counts_what_the_branches_spent_for_it(lab: Lab) -> None:
    def kill(branch: int, step: str) -> Loss | None:
        if step == "reveal":
            raise Killed
        return None

    with pytest.raises(Killed):
        run_in_process(lab, lose=kill)
    assert spent(lab) == [1] * 5
    finished = run_in_process(lab)
    assert [record.attempts for record in finished.history] == [2, 1]  # the attempt that failed costs a round
    assert spent(lab) == [3] * 5
    assert finished.history[-1].epsilon == pytest.approx(8.0)
    for branch in lab.branches:
        last = read_ledger(branch / LEDGER_FILE).entries[-1]
        assert finished.history[-1].epsilon == pytest.approx(last.epsilon)


def test_a_center_killed_between_its_two_files_runs_that_round_again(lab: Lab) -> None:
    def kill(record: RoundRecord) -> None:
        raise Killed

    with pytest.raises(Killed):
        run_in_process(lab, on_round=kill)
    folder = lab.home / "runs" / "run-1"
    (folder / STATE_FILE).unlink()  # as if it had not been written yet
    run, _ = prepared(lab)
    state, history = read_progress(folder, run)
    assert (state.next_round, history) == (1, ())
    assert [record.attempts for record in run_in_process(lab).history] == [2, 1]


def test_a_round_that_fails_before_anyone_has_paid_costs_nothing(lab: Lab) -> None:
    with pytest.raises(RunFailed, match="2 branches have shared keys, expected at least 3"):
        run_in_process(lab, lose=lambda branch, step: "message" if branch < 3 and step == "share" else None)
    assert spent(lab) == [0] * 5
    assert [record.attempts for record in run_in_process(lab).history] == [1, 1, 1]


def test_a_damaged_checkpoint_is_refused(lab: Lab) -> None:
    run_in_process(lab, rounds=1)
    path = lab.home / "runs" / "run-1" / STATE_FILE
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CheckpointInvalid, match="cannot be read"):
        run_in_process(lab, rounds=1)


def test_another_recipe_under_the_same_name_is_refused(lab: Lab) -> None:
    run_in_process(lab, rounds=1)
    with pytest.raises(CheckpointInvalid, match="of another recipe"):
        prepared(lab, rounds=2)


def test_a_branch_whose_policy_says_no_is_left_out_and_spends_nothing(lab: Lab) -> None:
    policy = lab.branches[1] / "policy.json"
    policy.write_text(policy.read_text().replace('"max_epsilon": 50.0', '"max_epsilon": 1.0'))
    finished = run_in_process(lab)
    assert [record.survivors for record in finished.history] == [4, 4, 4]
    assert any("this branch's policy allows epsilon 1.0" in why for why in finished.history[0].refusals)
    assert spent(lab) == [3, 0, 3, 3, 3]


def test_a_branch_past_its_budget_is_left_out_of_the_rest(tmp_path: Path) -> None:
    lab = build_lab(tmp_path, max_epsilon=9.0)
    run_in_process(lab)
    with pytest.raises(RunFailed, match="its budget is 9"):
        run_in_process(lab, run_id="run-2")
    assert spent(lab) == [3] * 5
    assert not (lab.home / "runs" / "run-2" / ATTEMPT_FILE).exists()  # and costs the others nothing


@pytest.mark.parametrize(
    "update",
    [b"", bytes(4 * 47), bytes(4 * 49), bytes(4 * 48 - 1), np.full(24, np.nan).tobytes() + b"1234"],
    ids=["empty", "short", "long", "not whole words", "floats"],
)
def test_a_wrong_shaped_update_is_left_out(lab: Lab, update: bytes) -> None:
    def client(message: Message, context: Context) -> Message:
        reply = app(message, context)
        is_bad = message.metadata.dst_node_id == 1000 and step_of(message) == "mask"
        return changed(reply, message, update=update) if is_bad else reply

    finished = run_in_process(lab, client=client)
    assert [record.survivors for record in finished.history] == [4, 4, 4]


@pytest.mark.parametrize(
    "said", [{"head": "not a digest"}, {"serial": 0}, {"epsilon": float("inf")}, {"branch": 7}], ids=str
)
def test_an_update_with_an_impossible_receipt_is_left_out(lab: Lab, said: dict[str, Any]) -> None:
    def client(message: Message, context: Context) -> Message:
        reply = app(message, context)
        is_bad = message.metadata.dst_node_id == 1000 and step_of(message) == "mask"
        return changed(reply, message, **said) if is_bad else reply

    finished = run_in_process(lab, client=client)
    assert [record.survivors for record in finished.history] == [4, 4, 4]


def test_a_plain_update_that_no_customers_could_make_is_left_out(lab: Lab) -> None:
    def client(message: Message, context: Context) -> Message:
        reply = app(message, context)
        is_bad = message.metadata.dst_node_id == 1000 and step_of(message) == "train"
        return changed(reply, message, update=np.full(48, 2**30, dtype="<u4").tobytes()) if is_bad else reply

    finished = run_in_process(lab, client=client, mechanism="local")
    assert [record.survivors for record in finished.history] == [4, 4, 4]
    assert any("does not follow the protocol" in why for why in finished.history[0].refusals)


@pytest.mark.parametrize("mechanism", ["secure", "local"])
def test_a_replayed_update_is_left_out(lab: Lab, mechanism: str) -> None:
    kept: dict[str, Message] = {}

    def client(message: Message, context: Context) -> Message:
        reply, step = app(message, context), step_of(message)
        if message.metadata.dst_node_id != 1000 or step not in {"mask", "train"}:
            return reply
        first = kept.setdefault(step, reply)
        return changed(first, message)

    finished = run_in_process(lab, client=client, mechanism=mechanism)
    assert [record.survivors for record in finished.history] == [5, 4, 4]
    assert any("of another round" in why for why in finished.history[1].refusals)


def test_a_branch_that_throws_garbage_into_a_secure_sum_fails_the_round_and_moves_nothing(lab: Lab) -> None:
    def client(message: Message, context: Context) -> Message:
        reply = app(message, context)
        is_bad = message.metadata.dst_node_id == 1000 and step_of(message) == "mask"
        return changed(reply, message, update=bytes(range(192))) if is_bad else reply

    with pytest.raises(RunFailed, match="does not follow the protocol"):
        run_in_process(lab, client=client)
    assert not (lab.home / "runs" / "run-1" / STATE_FILE).exists()


def test_a_poisoned_minority_is_bounded_by_clipping(tmp_path: Path) -> None:
    """One branch of five names every intent wrongly; clipping leaves it one customer's weight for each customer."""
    lab = build_lab(tmp_path)
    tickets = lab.branches[0] / "tickets.jsonl"
    swapped = {"billing": "refund", "refund": "billing", "login": "delivery", "delivery": "login"}
    text = tickets.read_text()
    for label, wrong in swapped.items():
        text = text.replace(f'"intent": "{label}"', f'"intent": "<{wrong}>"')
    tickets.write_text(text.replace("<", "").replace(">", ""))
    finished = run_in_process(lab)
    assert finished.history[-1].accuracy > 0.6


def test_a_branch_without_examples_cannot_be_told_from_the_others(lab: Lab) -> None:
    (lab.branches[2] / "tickets.jsonl").write_text("")
    finished = run_in_process(lab)
    assert [record.survivors for record in finished.history] == [5, 5, 5]
    assert [record.refusals for record in finished.history] == [{}, {}, {}]


def test_what_fails_inside_a_branch_is_not_shown_to_the_center(lab: Lab) -> None:
    (lab.branches[0] / "tickets.jsonl").write_text("my card number is on the invoice")
    finished = run_in_process(lab)
    assert set(finished.history[0].refusals) == {"mask: the branch failed; its own log says why"}
    assert spent(lab) == [0, 3, 3, 3, 3]


def test_a_corrupt_ledger_keeps_its_branch_out(lab: Lab) -> None:
    (lab.branches[0] / LEDGER_FILE).write_text("{}\n")
    finished = run_in_process(lab)
    assert [record.survivors for record in finished.history] == [4, 4, 4]


@pytest.mark.parametrize(("mechanism", "share"), [("secure", 1 / 16), ("local", 1.0)])
def test_the_center_never_receives_an_unmasked_update_in_secure_mode(lab: Lab, mechanism: str, share: float) -> None:
    """Updates are small beside 2^32; what crosses the wire is small by chance alone, and in the control always."""
    words: list[np.ndarray] = []

    def client(message: Message, context: Context) -> Message:
        reply = app(message, context)
        content = reply.content.config_records[RECORD].get("update")
        if isinstance(content, bytes):
            words.append(to_integers(np.frombuffer(content, dtype="<u4")))
        return reply

    run_in_process(lab, client=client, mechanism=mechanism)
    values = np.abs(np.concatenate(words))
    assert len(values) == 48 * 5 * 3
    assert np.mean(values < 2**27) == pytest.approx(share, abs=0.05)


def test_an_answer_holds_nothing_but_what_the_protocol_names(lab: Lab) -> None:
    seen: dict[str, set[str]] = {}

    def client(message: Message, context: Context) -> Message:
        reply = app(message, context)
        assert set(reply.content) == {RECORD}
        seen.setdefault(step_of(message), set()).update(reply.content.config_records[RECORD])
        return reply

    run_in_process(lab, client=client, rounds=1)
    always, receipt = {"step", "session"}, {"branch", "serial", "head", "epsilon"}
    assert seen == {
        "advertise": always | {"masking", "sealing", "needs_map"},
        "share": always | {"nodes", "values"},
        "mask": always | receipt | {"update"},
        "reveal": always | {"nodes", "values"},
    }


def test_the_feature_map_is_sent_once_in_a_run(lab: Lab) -> None:
    finished = run_in_process(lab)
    first, second, third = (record.down_bytes for record in finished.history)
    assert second == third
    assert first > second + 5 * 4 * 16 * 12


def test_a_plain_update_is_not_given_in_a_secure_round(lab: Lab) -> None:
    run, folder = prepared(lab)
    grid = LocalGrid(app, lab.node_configs, {})
    parameters = run.plan.round(1, run.prepared.start)
    assert run.prepared.feature_map is not None
    record = ConfigRecord(
        {
            "step": "train",
            "session": b"s" * 16,
            "parameters": parameters.to_json(),
            "weights": run.prepared.start.tobytes(),
            "feature_map": run.prepared.feature_map.to_bytes(),
        }
    )
    (reply,) = grid.send_and_receive([Message(RecordDict({RECORD: record}), 1000, "train", group_id="1")])
    assert "it is not given" in str(reply.content.config_records[RECORD]["refused"])
    assert spent(lab) == [0] * 5
    assert not (folder / ATTEMPT_FILE).exists()
