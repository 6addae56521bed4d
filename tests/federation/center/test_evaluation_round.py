"""The evaluation at the end of a run, with the apps that are deployed: sums, costs, refusals, kills, the gate."""

import html
import json
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from flwr.app import Message

from federation.branch.client_app import app
from federation.branch.settings import LEDGER_FILE, POLICY_FILE
from federation.center.evaluation_round import ASKED_FILE, EVALUATION_FILE
from federation.center.prepared_run import PreparedRun, prepare_run
from federation.center.publishing import publish
from federation.center.report import write_report
from federation.center.rounds import Finished, run_rounds
from federation.errors import ReleaseRefused, RunFailed
from federation.learning.examples import read_tickets
from federation.learning.holdout import hash_bucket
from federation.privacy.ledger_file import read_ledger
from federation.release.applying import apply_release
from federation.release.files import read_release
from federation.transport.local_grid import LocalGrid, Loss
from federation.transport.wire import RECORD
from student.bundle.folder import open_bundle
from student.bundle.linear_head import read_head
from student.runtime.encoder import Encoder
from tests.federation.lab import Lab, build_lab, write_lines
from tests.federation.release.test_release import NOW, key_of, make_release, sign_again
from tests.federation.rounds import spying

SHARE = 0.5
Lose = Callable[[int, str], Loss | None]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return build_lab(tmp_path, branches=3, max_epsilon=8.1)


def evaluated(
    lab: Lab, lose: Lose = lambda branch, step: None, **changes: object
) -> tuple[Finished, PreparedRun, Path]:
    """A run of one round; `lose` is asked of its evaluation alone."""
    recipe = lab.recipe(**{"rounds": 1, "holdout_share": SHARE, **changes})
    folder = lab.home / "runs" / recipe.run_id
    run = prepare_run(recipe, folder)

    def lost(node: int, message: Message) -> Loss | None:
        step = str(message.content.config_records[RECORD]["step"])
        return lose(node - 1000, step) if message.metadata.group_id.endswith("evaluation") else None

    return run_rounds(LocalGrid(app, lab.node_configs, {}, lost), run, folder), run, folder


def counted(lab: Lab, run: PreparedRun, weights: np.ndarray) -> np.ndarray:
    """Right before, right after and all, of the held-out customers, added up in the open."""
    bundle, sums = open_bundle(lab.bundle), np.zeros(3)
    head, encoder = read_head(bundle, "intent"), Encoder.from_bundle(bundle, workers=1)
    assert run.prepared.feature_map is not None
    for of_branch in lab.branches:
        key = read_ledger(of_branch / LEDGER_FILE).ledger_id
        rows = [row for row in read_tickets(of_branch / "tickets.jsonl") if hash_bucket(row.customer, key) < SHARE]
        for row in rows:
            embedding = encoder.encode([row.text])
            now = run.prepared.shape.labels[int(np.argmax(run.prepared.feature_map.apply(embedding) @ weights))]
            before = head.labels[int(np.argmax(head.probabilities(embedding)))]
            share = 1 / sum(other.customer == row.customer for other in rows)
            sums += share * np.array([before == row.label, now == row.label, 1])
    encoder.close()
    return sums


def test_sums_of_three_branches_are_right_without_noise_one_of_them_with_no_customer_held_out(lab: Lab) -> None:
    nobody = [{"text": "billing1 billing2", "intent": "billing"}]  # no customer: always trained on
    write_lines(lab.branches[1] / "tickets.jsonl", nobody)
    with mock.patch("federation.privacy.noise.sample_discrete_gaussian", lambda v, n, b: np.zeros(n, dtype=np.int64)):
        finished, run, _ = evaluated(lab)
    found = finished.evaluation
    assert found is not None
    assert found.whole is not None
    assert found.survivors == 3
    before, after, customers = counted(lab, run, finished.state.weights)
    assert customers > 20
    assert found.whole.customers.value == pytest.approx(customers, abs=1e-3)
    assert found.whole.before is not None
    assert found.whole.after is not None
    assert found.whole.before.value == pytest.approx(before / customers, abs=1e-4)
    assert found.whole.after.value == pytest.approx(after / customers, abs=1e-4)


def test_it_costs_held_out_customers_and_no_others_and_ledgers_agree(lab: Lab) -> None:
    finished, _, _ = evaluated(lab)
    assert finished.evaluation is not None
    assert finished.evaluation.epsilon == pytest.approx(3.0)
    for of_branch in lab.branches:  # whose budget of 8.1 would not bear both on one customer
        ledger = read_ledger(of_branch / LEDGER_FILE)
        kept = [(entry.part, entry.customers_from, entry.customers_to) for entry in ledger.entries]
        assert kept == [("head", SHARE, 1.0), ("evaluation", 0.0, SHARE)]
        assert ledger.epsilon(1e-5) == pytest.approx(8.0)
        assert finished.evaluation.ledgers[ledger.branch].head == ledger.head


def test_customers_counted_are_never_trained_on(lab: Lab) -> None:
    seen: dict[str, list[set[str]]] = {"train": [], "evaluate": []}
    for folder in lab.branches:
        policy = json.loads((folder / POLICY_FILE).read_text())
        (folder / POLICY_FILE).write_text(json.dumps(policy | {"parts": ["spy"]}))
    with spying(lambda asked, own: seen[asked.purpose].append(set(own.customers))) as spy:
        evaluated(lab, rounds=2, part=spy)
    assert [len(seen["train"]), len(seen["evaluate"])] == [6, 3]
    for number, counted_there in enumerate(seen["evaluate"]):
        assert len(counted_there) > 5
        for trained in seen["train"][number::3]:
            assert trained.isdisjoint(counted_there)
            assert len(trained | counted_there) == 40


def test_a_branch_that_refuses_it_is_trained_with_and_pays_nothing_for_it(tmp_path: Path) -> None:
    lab = build_lab(tmp_path, branches=4)
    policy = lab.branches[0] / POLICY_FILE
    policy.write_text(policy.read_text().replace('"evaluates": true', '"evaluates": false'))
    finished, _, _ = evaluated(lab)
    assert finished.evaluation is not None
    assert [finished.history[0].survivors, finished.evaluation.survivors] == [4, 3]
    assert [read_ledger(of_branch / LEDGER_FILE).serial for of_branch in lab.branches] == [1, 2, 2, 2]


def test_once_branches_may_have_paid_it_is_not_asked_for_again(lab: Lab) -> None:
    finished, _, folder = evaluated(lab, lambda branch, step: "reply" if (branch, step) == (0, "mask") else None)
    assert finished.evaluation is not None
    assert "2 branches sent their vectors" in finished.evaluation.why_not
    assert [read_ledger(of_branch / LEDGER_FILE).serial for of_branch in lab.branches] == [2, 2, 2]
    assert evaluated(lab)[0].evaluation == finished.evaluation
    assert [read_ledger(of_branch / LEDGER_FILE).serial for of_branch in lab.branches] == [2, 2, 2]
    assert finished.evaluation.why_not in html.unescape(write_report(folder).read_text())


def test_as_long_as_nobody_has_paid_it_is_tried_again(lab: Lab) -> None:
    asked: list[int] = []

    def lose_first(branch: int, step: str) -> Loss | None:
        if step == "share":
            asked.append(branch)
            return "message" if len(asked) <= 3 else None
        return None

    finished, _, _ = evaluated(lab, lose_first)
    assert finished.evaluation is not None
    assert finished.evaluation.survivors == 3
    assert [read_ledger(of_branch / LEDGER_FILE).serial for of_branch in lab.branches] == [2, 2, 2]


class Killed(BaseException):
    """Ends the center where it stands."""


@pytest.mark.parametrize(("at", "why", "spent"), [("advertise", "", 2), ("reveal", "not asked for twice", 2)])
def test_a_center_killed_in_it_goes_on_with_it_or_without(lab: Lab, at: str, why: str, spent: int) -> None:
    def kill(branch: int, step: str) -> Loss | None:
        if step == at:
            raise Killed
        return None

    with pytest.raises(Killed):
        evaluated(lab, kill)
    folder = lab.home / "runs" / "run-1"
    assert (folder / ASKED_FILE).exists() == bool(why)
    assert not (folder / EVALUATION_FILE).exists()
    finished, _, _ = evaluated(lab)
    assert finished.evaluation is not None
    assert why in finished.evaluation.why_not
    assert (finished.evaluation.whole is None) == bool(why)
    assert [read_ledger(of_branch / LEDGER_FILE).serial for of_branch in lab.branches] == [spent] * 3


def test_a_release_says_what_branches_counted_and_lies_about_its_cost_are_refused(lab: Lab, tmp_path: Path) -> None:
    release = make_release(lab, "run-1", rounds=1, holdout_share=SHARE)
    found = read_release(release, key_of(lab)).release.evaluation.at_branches
    assert found is not None
    assert found.whole.after is not None
    assert len(found.ledgers) == found.survivors == 3
    assert f"{found.whole.after} after" in write_report(release.parent).read_text()
    new = apply_release(release, lab.bundle, tmp_path / "new", key=key_of(lab))
    assert b"Counted by 3 branches with customers that were not trained on" in new.read("MODEL_CARD.md")

    def cheaper(value: dict[str, dict[str, dict[str, float]]]) -> None:
        value["evaluation"]["at_branches"]["epsilon"] = 0.1

    sign_again(lab, release, cheaper)
    with pytest.raises(ReleaseRefused, match=r"its evaluation costs epsilon 3\.0"):
        read_release(release, key_of(lab))


def test_the_gate_uses_it_where_the_recipe_says_so_and_blames_no_noise(lab: Lab) -> None:
    make_release(lab, "run-0", rounds=1)  # makes the center
    _, _, folder = evaluated(lab_with_more(lab), max_regression_at_branches=0.1)
    value = json.loads((folder / EVALUATION_FILE).read_bytes())
    value["whole"]["change"] = {"value": -0.3, "error": 0.02}
    (folder / EVALUATION_FILE).write_text(json.dumps(value))
    with pytest.raises(RunFailed, match=r"changes accuracy at its branches by -0\.3000 ± 0\.0200"):
        publish(lab.home, folder, now=NOW)
    value["whole"]["change"]["error"] = 0.11  # the noise alone may have made it
    (folder / EVALUATION_FILE).write_text(json.dumps(value))
    assert publish(lab.home, folder, now=NOW).serial == 2


def lab_with_more(lab: Lab) -> Lab:
    """The same lab with a budget for two runs."""
    for of_branch in lab.branches:
        policy = of_branch / POLICY_FILE
        policy.write_text(policy.read_text().replace('"max_epsilon": 8.1', '"max_epsilon": 20.0'))
    return lab


def test_a_gate_that_needs_it_holds_a_release_for_want_of_it_and_another_does_not(lab: Lab) -> None:
    make_release(lab, "run-0", rounds=1)
    lab_with_more(lab)

    def lost(branch: int, step: str) -> Loss | None:
        return "message" if step == "advertise" and branch else None

    needing = evaluated(lab, lost, run_id="run-1", max_regression_at_branches=0.1)[2]
    with pytest.raises(RunFailed, match="what it lost is unknown: 1 branches are there"):
        publish(lab.home, needing, now=NOW)
    free = evaluated(lab, lost, run_id="run-2")[2]
    assert read_release(publish(lab.home, free, now=NOW).release, key_of(lab)).release.evaluation.at_branches is None


def test_a_run_without_it_is_what_it_was(lab: Lab) -> None:
    finished, run, folder = evaluated(lab, holdout_share=0.0)
    assert finished.evaluation is None
    assert not (folder / EVALUATION_FILE).exists()
    assert {"purpose", "holdout_share", "known_labels"}.isdisjoint(
        json.loads(run.plan.round(1, run.prepared.start).to_json())
    )
    assert run.recipe.digest == lab.recipe(rounds=1).digest != lab.recipe(rounds=1, holdout_share=SHARE).digest
    value = json.loads((folder / "run.json").read_bytes())
    for name in ("evaluation_multiplier", "known_labels"):
        del value[name]
    for name in ("holdout_share", "evaluation_epsilon", "max_regression_at_branches"):
        del value["recipe"][name]
    (folder / "run.json").write_text(json.dumps(value))  # as a run that was prepared before there were any
    assert evaluated(lab, holdout_share=0.0)[0].history == finished.history
