"""Lineage: from what was served back to data, teacher, release and ledgers, and what breaks it."""

import json
import shutil
from pathlib import Path

import pytest

from federation.privacy.ledger import create_ledger
from federation.release.applying import apply_release
from student.artifacts.digests import digest_file
from teacher.absorbing.absorb import absorb
from teacher.errors import LineageBroken
from teacher.labelling.label import relabel
from teacher.lineage import Node, trace
from tests.conftest import run_orilla
from tests.federation.lab import HEAD_FILE
from tests.teacher.absorption import RECIPE, TinyCenter, build_center, open_teacher


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TinyCenter:
    return build_center(tmp_path_factory.mktemp("center"))


@pytest.fixture
def center(built: TinyCenter, tmp_path: Path) -> Path:
    """A copy of the center's folder with a bundle made from its first release, to be damaged."""
    folder = Path(shutil.copytree(built.sources.targets.parent, tmp_path / "center"))
    apply_release(folder / "release-1", built.lab.bundle, folder / "applied", key=built.sources.key)
    return folder


def by_role(node: Node) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for each in node.walk():
        found.setdefault(each.role, []).append(each)
    return found


def test_a_bundle_leads_to_its_release_its_run_and_the_ledgers_of_all_branches(built: TinyCenter, center: Path) -> None:
    found = by_role(trace(center / "applied", [center], key=built.sources.key))
    assert [node.path is not None for role in ("release", "recipe") for node in found[role]] == [True, True]
    assert {node.name for node in found["ledger"] if node.path} == {f"branch-{number}" for number in range(5)}


def test_an_answer_leads_to_the_bundle_that_gave_it(center: Path) -> None:
    digest = digest_file(center / "applied" / "manifest.json")
    answer = center / "answer.json"
    answer.write_text(json.dumps({"answer": "…", "bundle": {"name": "tiny", "serial": 5, "digest": digest}}))
    node = trace(answer, [center])
    assert [below.path for below in node.made_from] == [center / "applied" / "manifest.json"]


def test_targets_of_an_absorbed_teacher_lead_to_the_release(built: TinyCenter, center: Path, tmp_path: Path) -> None:
    absorb(built.teacher, built.sources, RECIPE, center / "absorbed", encode=built.encode)
    relabel(open_teacher(center / "absorbed"), built.sources.targets, center / "next-targets")
    digest = digest_file(center / "next-targets" / "targets.json")
    manifest = json.loads((center / "applied" / "manifest.json").read_text())
    manifest["lineage"].append({"role": "targets", "name": "targets.json", "sha256": digest, "license": "x"})
    (center / "applied" / "manifest.json").write_text(json.dumps(manifest))
    found = by_role(trace(center / "applied", [center]))
    assert found["teacher's intent head"][0].path == center / "absorbed" / "intent_head.safetensors"
    assert [node.path for node in found["intents"]] == [center / "labelled.jsonl"]


def test_what_is_not_here_stays_a_name(center: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copytree(center / "applied", tmp_path / "elsewhere" / "applied"))
    found = by_role(trace(alone, []))
    assert found["release"][0].path is None
    assert "ledger" not in found


@pytest.mark.parametrize("content", ["{", "[]", '{"of": "another program"}'])
def test_a_file_that_only_has_the_name_of_ours_is_passed_over(center: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    assert trace(center / "applied", [tmp_path]).path == center / "applied" / "manifest.json"


def damage_release(center: Path) -> None:
    for path in center.rglob(HEAD_FILE):
        path.write_bytes(b"other")


def cut_ledger(center: Path) -> None:
    """An earlier backup of the ledger and its head, put back."""
    folder = center / "federation" / "branch-2"
    lines = (folder / "ledger.jsonl").read_bytes().split(b"\n")
    for path in folder.glob("ledger.*"):
        path.unlink()
    assert len(lines) > 2
    create_ledger(folder / "ledger.jsonl", "branch-2")


def damage_bundle(center: Path) -> None:
    (center / "applied" / "probes.json").write_text("[]")


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (damage_release, "not the one that the release names"),
        (cut_ledger, "ledger of branch branch-2, and has no line"),
        (damage_bundle, "is not whole"),
    ],
)
def test_what_is_found_and_is_not_what_it_says_breaks_the_lineage(center: Path, damage: object, why: str) -> None:
    assert callable(damage)
    damage(center)
    with pytest.raises(LineageBroken, match=why):
        trace(center / "applied", [center])


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(LineageBroken, match="no bundle, release or answer"):
        trace(tmp_path / "x.json", [])


def test_the_command_prints_the_tree(built: TinyCenter, center: Path) -> None:
    done = run_orilla("lineage", str(center / "applied"), "--in", str(center), "--key", str(built.sources.key))
    assert done.returncode == 0, done.stderr
    assert "release" in done.stdout
    assert "branch-4" in done.stdout
    as_json = run_orilla("lineage", str(center / "applied"), "--in", str(center), "--json")
    assert json.loads(as_json.stdout)["role"] == "bundle"
