"""Absorbing a release: what the teacher learns, what it keeps, and what is refused with the disk as it was."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.center.home import Center, set_up_center
from federation.errors import ReleaseRefused
from federation.privacy.accounting import Spending, epsilon_of
from federation.release.files import read_release
from federation.release.format import RELEASE_FILE, SIGNATURE_FILE
from federation.release.signing import SIGNING_PUBLIC_KEY
from student.artifacts.digests import digest_bytes
from student.bundle.linear_head import pack_head
from student.errors import OrillaError
from teacher.absorbing.absorb import REPORT, absorb
from teacher.absorbing.gates import Gate
from teacher.errors import AbsorptionRefused
from tests.federation.lab import HEAD_FILE, ticket
from tests.teacher.absorption import (
    KNOWN,
    NEW,
    NOW,
    RECIPE,
    TinyCenter,
    build_center,
    files_of,
    open_teacher,
    origins_by_role,
    sign_again,
)


@pytest.fixture(scope="module")
def center(tmp_path_factory: pytest.TempPathFactory) -> TinyCenter:
    return build_center(tmp_path_factory.mktemp("center"))


@pytest.fixture
def release(center: TinyCenter, tmp_path: Path) -> Path:
    """A copy of the first release, to be changed."""
    return Path(shutil.copytree(center.sources.release, tmp_path / "release"))


def recall(center: TinyCenter, teacher: Path, label: str) -> float:
    head = open_teacher(teacher).intent_head
    assert head is not None
    generator = random.Random(77)
    texts = [ticket(generator, label)["text"] for _ in range(100)]
    said = head.probabilities(center.encode(texts)).argmax(axis=1)
    return float(np.mean([head.labels[i] == label for i in said]))


def test_a_teacher_learns_what_only_branches_knew_and_keeps_what_it_knew(center: TinyCenter, tmp_path: Path) -> None:
    report = absorb(center.teacher, center.sources, RECIPE, tmp_path / "new", encode=center.encode)
    assert recall(center, tmp_path / "new", NEW) > 0.4
    assert np.mean([recall(center, tmp_path / "new", label) for label in KNOWN]) > 0.6
    gates = {(gate["kind"], gate["group"]) for gate in report["gates"]}
    assert gates == {("all", "all"), ("language", "en"), *(("label", label) for label in KNOWN)}
    assert report["agrees_with_student"] > 0.6


def test_an_absorbed_teacher_keeps_its_space_and_says_what_it_was_made_from(center: TinyCenter, tmp_path: Path) -> None:
    absorb(center.teacher, center.sources, RECIPE, tmp_path / "new", encode=center.encode)
    made, released = open_teacher(tmp_path / "new"), read_release(center.sources.release, center.sources.key)
    assert made.embedding_space == center.teacher.embedding_space
    assert made.weights_sha256 == center.teacher.weights_sha256
    origins = origins_by_role(made.lineage)
    assert origins["release"].sha256 == released.digest
    assert origins["bundle"].sha256 == released.release.bundle_digest
    assert origins["teacher absorbed into"].sha256 == center.teacher.weights_sha256
    (spent,) = made.privacy
    assert (spent.sha256, spent.epsilon, spent.unit) == (released.digest, 30.0, "customer")
    assert "post-processing" in json.loads((tmp_path / "new" / REPORT).read_text())["condition"]


def test_the_same_absorption_run_again_changes_nothing(center: TinyCenter, tmp_path: Path) -> None:
    first = absorb(center.teacher, center.sources, RECIPE, tmp_path / "new", encode=center.encode)
    before = files_of(tmp_path)
    again = absorb(center.teacher, center.sources, RECIPE, tmp_path / "new", encode=center.encode)
    assert (again, files_of(tmp_path)) == (json.loads(json.dumps(first)), before)
    elsewhere = absorb(center.teacher, center.sources, RECIPE, tmp_path / "other", encode=center.encode)
    assert elsewhere == first
    assert files_of(tmp_path / "other") == files_of(tmp_path / "new")


def test_another_absorption_is_not_written_over(center: TinyCenter, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with pytest.raises(AbsorptionRefused, match="something else than this absorption"):
        absorb(center.teacher, center.sources, RECIPE, tmp_path / "new", encode=center.encode)


def test_releases_are_absorbed_in_order_and_each_once(center: TinyCenter, tmp_path: Path) -> None:
    absorb(center.teacher, center.sources, RECIPE, tmp_path / "one", encode=center.encode)
    second = replace(center.sources, release=center.sources.release.parent / "release-2")
    absorb(open_teacher(tmp_path / "one"), second, RECIPE, tmp_path / "two", encode=center.encode)
    before = files_of(tmp_path)
    both = open_teacher(tmp_path / "two")
    assert [spent.serial for spent in both.privacy] == [1, 2]
    assert both.privacy[1].largest_ledger_epsilon > both.privacy[0].largest_ledger_epsilon
    with pytest.raises(AbsorptionRefused, match="is absorbed already"):
        absorb(both, second, RECIPE, tmp_path / "three", encode=center.encode)
    absorb(center.teacher, second, RECIPE, tmp_path / "only-two", encode=center.encode)
    with pytest.raises(AbsorptionRefused, match="not newer than release 2"):
        absorb(open_teacher(tmp_path / "only-two"), center.sources, RECIPE, tmp_path / "x", encode=center.encode)
    shutil.rmtree(tmp_path / "only-two")
    assert files_of(tmp_path) == before


def refuse(center: TinyCenter, tmp_path: Path, error: type[OrillaError], match: str, **changes: Any) -> None:
    """Absorbing with changed sources is refused, and nothing is on the disk that was not there."""
    before = files_of(tmp_path), files_of(center.teacher.path)
    recipe = changes.pop("recipe", RECIPE)
    teacher = changes.pop("teacher", center.teacher)
    with pytest.raises(error, match=match):
        absorb(teacher, replace(center.sources, **changes), recipe, tmp_path / "new", encode=center.encode)
    assert (files_of(tmp_path), files_of(center.teacher.path)) == before


@pytest.mark.parametrize("file", [RELEASE_FILE, HEAD_FILE, SIGNATURE_FILE])
def test_a_tampered_release_is_refused(center: TinyCenter, release: Path, tmp_path: Path, file: str) -> None:
    content = bytearray((release / file).read_bytes())
    content[len(content) // 2] ^= 1
    (release / file).write_bytes(content)
    refuse(center, tmp_path, ReleaseRefused, r"not signed with|not the one that was signed", release=release)


def test_a_release_of_an_unknown_federation_is_refused(center: TinyCenter, tmp_path: Path) -> None:
    set_up_center(tmp_path / "other", Center(federation="other", address="127.0.0.1:8000"), now=NOW)
    key = tmp_path / "other" / SIGNING_PUBLIC_KEY
    refuse(center, tmp_path, ReleaseRefused, "of another federation", key=key)


def forget_spending(value: dict[str, Any]) -> None:
    """As if branch-2 had come with a new ledger: consistent within this release, but not with the one before."""
    for number, released in enumerate(value["rounds"], start=1):
        released["ledgers"]["branch-2"] |= {"serial": number, "epsilon": 0.1 * number}


def break_within(value: dict[str, Any]) -> None:
    value["rounds"][1]["ledgers"]["branch-2"] = value["rounds"][0]["ledgers"]["branch-2"]


def overspend(value: dict[str, Any]) -> None:
    value["privacy"]["budget_epsilon"] = 7.0


@pytest.mark.parametrize(
    ("change", "why"),
    [(break_within, "ledger of branch branch-2 is broken at round 2"), (overspend, "past its budget")],
)
def test_a_release_with_a_broken_ledger_or_past_its_budget_is_refused(
    center: TinyCenter, release: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    sign_again(center.lab, release, change)
    refuse(center, tmp_path, ReleaseRefused, why, release=release)


def test_a_ledger_that_does_not_go_on_from_the_last_absorption_is_refused(center: TinyCenter, tmp_path: Path) -> None:
    absorb(center.teacher, center.sources, RECIPE, tmp_path / "one", encode=center.encode)
    second = Path(shutil.copytree(center.sources.release.parent / "release-2", tmp_path / "release-2"))
    sign_again(center.lab, second, forget_spending)
    one = open_teacher(tmp_path / "one")
    refuse(center, tmp_path, AbsorptionRefused, "branch-2 .* chain is broken", release=second, teacher=one)


def test_a_branch_past_the_centers_limit_is_refused(center: TinyCenter, tmp_path: Path) -> None:
    strict = RECIPE.model_copy(update={"max_epsilon": 9.5})
    refuse(center, tmp_path, AbsorptionRefused, r"over all its runs; the limit here is 9\.5", recipe=strict)


def test_a_branch_past_the_centers_limit_after_the_evaluation_is_refused(
    center: TinyCenter, release: Path, tmp_path: Path
) -> None:
    def evaluated(value: dict[str, Any]) -> None:
        last = {branch: dict(entry) for each in value["rounds"] for branch, entry in each["ledgers"].items()}
        for entry in last.values():
            entry["serial"] += 1
        last["branch-2"]["epsilon"] = 60.0
        cost = epsilon_of({Spending(20.0): 1}, value["privacy"]["delta"])
        counts = {"customers": {"value": 9.0, "error": 1.0}, "before": None, "after": None, "change": None}
        found = {"whole": counts, "epsilon": cost, "noise_multiplier": 20.0, "survivors": len(last), "ledgers": last}
        value["evaluation"]["at_branches"] = found

    sign_again(center.lab, release, evaluated)
    strict = RECIPE.model_copy(update={"max_epsilon": 50.0})
    refuse(center, tmp_path, AbsorptionRefused, "branch-2 .* after the evaluation", release=release, recipe=strict)


def test_a_release_for_another_bundle_or_space_is_refused(
    center: TinyCenter, tmp_path: Path, default_bundle: Path
) -> None:
    refuse(center, tmp_path, AbsorptionRefused, "name that bundle", bundle=default_bundle)
    elsewhere = replace(center.teacher, embedding_space="cd" * 32)
    refuse(center, tmp_path, AbsorptionRefused, "absorb it into the teacher of that space", teacher=elsewhere)


def test_a_release_that_would_teach_the_teacher_worse_leaves_the_old_one_in_place(
    center: TinyCenter, release: Path, tmp_path: Path
) -> None:
    """Rightly signed, but its head names every label by the next one."""
    head = read_release(release, center.sources.key).learned
    rolled = pack_head(np.roll(head.weight, 1, axis=0), np.roll(head.bias, 1))
    (release / HEAD_FILE).write_bytes(rolled)
    sign_again(center.lab, release, lambda value: value.update(learned_sha256=digest_bytes(rolled)))
    eager = RECIPE.model_copy(update={"regularizations": (0.0,)})
    refuse(center, tmp_path, AbsorptionRefused, "the old teacher stays", release=release, recipe=eager)


def test_a_group_may_lose_half_a_point_or_what_chance_loses() -> None:
    assert Gate("all", "all", 1000, 0.9, lost=5, gained=0).is_passed(0.005)
    assert not Gate("all", "all", 1000, 0.9, lost=6, gained=0).is_passed(0.005)
    assert Gate("all", "all", 1000, 0.9, lost=27, gained=13).is_passed(0.005)
    assert not Gate("all", "all", 1000, 0.9, lost=28, gained=12).is_passed(0.005)
    assert Gate("label", "a", 20, 1.0, lost=5, gained=0).is_passed(0.005)
    assert not Gate("label", "a", 20, 1.0, lost=6, gained=0).is_passed(0.005)
    assert Gate("label", "a", 20, 1.0, lost=12, gained=0, groups=60).is_passed(0.005)  # one label of sixty by chance
    assert not Gate("label", "a", 20, 1.0, lost=13, gained=0, groups=60).is_passed(0.005)
    assert Gate("label", "a", 20, 0.8, lost=4, gained=1).after == pytest.approx(0.65)
