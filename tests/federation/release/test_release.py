"""Releases: attacks on them, and what a bundle made from one is."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from federation.branch.client_app import app
from federation.center.home import Center, set_up_center
from federation.center.prepared_run import prepare_run
from federation.center.publishing import publish
from federation.center.report import write_audit, write_report
from federation.center.rounds import run_rounds
from federation.errors import KeysInvalid, ReleaseRefused, RunFailed
from federation.release.applying import apply_release
from federation.release.files import read_release
from federation.release.format import RELEASE_FILE, SIGNATURE_FILE
from federation.release.signing import SIGNING_KEY, SIGNING_PUBLIC_KEY, read_signing_key
from federation.transport.local_grid import LocalGrid
from student.artifacts.digests import digest_bytes
from student.bundle.folder import open_bundle
from student.bundle.linear_head import pack_head, read_head
from student.runtime.student import load_student
from tests.conftest import ROOT
from tests.federation.lab import HEAD_FILE, LABELS, Lab, build_lab

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, Path]:
    """A lab, and the release of its first run; tests copy what they change."""
    lab = build_lab(tmp_path_factory.mktemp("released"))
    return lab, make_release(lab, "run-1", rounds=2)


@pytest.fixture
def lab(released: tuple[Lab, Path]) -> Lab:
    return released[0]


@pytest.fixture
def release(released: tuple[Lab, Path], tmp_path: Path) -> Path:
    """A copy of the release."""
    copy = tmp_path / "release"
    copy.mkdir()
    for file in released[1].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def make_release(lab: Lab, run_id: str, **changes: object) -> Path:
    if not (lab.home / "center.json").exists():
        set_up_center(lab.home, Center(federation="lab", address="127.0.0.1:8000"), now=NOW)
    recipe = lab.recipe(run_id=run_id, **changes)
    folder = lab.home / "runs" / run_id
    run_rounds(LocalGrid(app, lab.node_configs, {}), prepare_run(recipe, folder), folder)
    return publish(lab.home, folder, now=NOW).release


def key_of(lab: Lab) -> Path:
    return lab.home / SIGNING_PUBLIC_KEY


def sign_again(lab: Lab, release: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Does what only the center could do: other words, rightly signed."""
    value = json.loads((release / RELEASE_FILE).read_bytes())
    change(value)
    content = json.dumps(value).encode()
    (release / RELEASE_FILE).write_bytes(content)
    signature = read_signing_key(lab.home / SIGNING_KEY).sign(content)
    (release / SIGNATURE_FILE).write_bytes(base64.b64encode(signature))


def test_a_release_is_kilobytes_and_reads_back_what_was_taught(lab: Lab, release: Path) -> None:
    read = read_release(release, key_of(lab))
    assert sum(file.stat().st_size for file in release.iterdir()) < 10_000
    assert read.release.privacy.epsilon == pytest.approx(8.0)
    assert read.release.evaluation.accuracy > read.release.evaluation.baseline
    assert [len(released.ledgers) for released in read.release.rounds] == [5, 5]
    assert read.learned.labels == ("billing", "delivery", "login", "refund")


def test_a_bundle_made_from_it_names_intents_rightly_in_the_same_embedding_space(
    lab: Lab, release: Path, tmp_path: Path
) -> None:
    old = open_bundle(lab.bundle)
    new = apply_release(release, lab.bundle, tmp_path / "new", key=key_of(lab))
    assert new.manifest.embedding_space == old.manifest.embedding_space
    assert new.read("encoder.onnx") == old.read("encoder.onnx")
    assert new.manifest.serial == old.manifest.serial + 1
    assert [origin.role for origin in new.manifest.lineage] == ["bundle", "release"]
    assert new.manifest.lineage[0].sha256 == old.digest
    (spent,) = new.manifest.privacy
    assert [spent.epsilon, spent.largest_ledger_epsilon] == pytest.approx([8.0, 8.0])
    assert b"## Taught by branches: lab release" in new.read("MODEL_CARD.md")
    rows = [json.loads(line) for line in (lab.home / "validation.jsonl").read_text().splitlines()]
    student = load_student(new.path, workers=1)
    try:
        head = student.heads["intent"]
        named = head.probabilities(student.encoder.encode([row["text"] for row in rows])).argmax(axis=1)
        assert student.probes.label_mismatches == 0
    finally:
        student.close()
    right = np.mean([head.labels[i] == row["intent"] for i, row in zip(named, rows, strict=True)])
    evaluation = read_release(release, key_of(lab)).release.evaluation
    assert right == pytest.approx(evaluation.accuracy, abs=0.011)  # one text of a hundred, for rounding
    assert right > evaluation.baseline


def test_an_edge_agent_serves_the_new_bundle_without_embedding_anything_again(
    lab: Lab, release: Path, tmp_path: Path
) -> None:
    store, again = tmp_path / "store", list[int]()
    with Agent(AgentSettings(store=store, bundle=lab.bundle)) as agent:
        for label in LABELS:
            text = f"# {label}\n\n{label}1 {label}2 {label}3 filler1."
            agent.add_document(f"{label}.md", text.encode(), DocumentFormat.MARKDOWN)
        before, former = agent.store.embeddings.all("ab" * 32, 16), agent.models.active.bundle
        made = apply_release(release, lab.bundle, tmp_path / "new", key=key_of(lab))  # while it answers
        found = agent.lookup.search("refund1 refund2", count=4)
    with Agent(AgentSettings(store=store, bundle=made.path), on_reembedded=again.append) as agent:
        after = agent.store.embeddings.all("ab" * 32, 16)
        assert (agent.models.active.bundle.serial, former.serial, again) == (5, 4, [])
        assert agent.readiness().is_ready
        assert agent.lookup.search("refund1 refund2", count=4) == found
        rows = [json.loads(line) for line in (lab.home / "validation.jsonl").read_text().splitlines()]
        named = [agent.lookup.classify(row["text"])[0] for row in rows]
    assert [array.tobytes() for array in before] == [array.tobytes() for array in after]
    right = [c is not None and c.alternatives[0].label == r["intent"] for c, r in zip(named, rows, strict=True)]
    assert np.mean(right) == pytest.approx(read_release(release, key_of(lab)).release.evaluation.accuracy, abs=0.011)


def test_the_same_bundle_and_release_make_the_same_bundle(lab: Lab, release: Path, tmp_path: Path) -> None:
    one, two = (apply_release(release, lab.bundle, tmp_path / name, key=key_of(lab)) for name in "ab")
    assert one.digest == two.digest


@pytest.mark.parametrize("file", [RELEASE_FILE, HEAD_FILE, SIGNATURE_FILE])
def test_a_tampered_file_is_refused_and_nothing_is_written(lab: Lab, release: Path, tmp_path: Path, file: str) -> None:
    content = bytearray((release / file).read_bytes())
    content[len(content) // 2] ^= 1
    (release / file).write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ReleaseRefused, match=r"not signed with|not the one that was signed"):
        apply_release(release, lab.bundle, tmp_path / "new", key=key_of(lab))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_release_of_another_federation_is_refused(release: Path, tmp_path: Path) -> None:
    set_up_center(tmp_path / "other", Center(federation="other", address="127.0.0.1:8000"), now=NOW)
    with pytest.raises(ReleaseRefused, match="of another federation"):
        read_release(release, tmp_path / "other" / SIGNING_PUBLIC_KEY)


def test_a_key_of_another_kind_is_refused(lab: Lab, release: Path) -> None:
    with pytest.raises(KeysInvalid, match="not a public key"):
        read_release(release, lab.home / "ca.crt")


def test_a_release_applied_again_leaves_its_bundle_as_it_is_and_no_other_is_written_over(
    lab: Lab, release: Path, tmp_path: Path
) -> None:
    one = apply_release(release, lab.bundle, tmp_path / "new", key=key_of(lab))
    assert apply_release(release, lab.bundle, tmp_path / "new", key=key_of(lab)).digest == one.digest
    before = (lab.bundle / "manifest.json").read_bytes()
    with pytest.raises(ReleaseRefused, match="holds another bundle"):
        apply_release(release, lab.bundle, lab.bundle, key=key_of(lab))
    assert (lab.bundle / "manifest.json").read_bytes() == before


def test_a_release_for_another_bundle_is_refused(lab: Lab, release: Path, tmp_path: Path, default_bundle: Path) -> None:
    with pytest.raises(ReleaseRefused, match="install that bundle first"):
        apply_release(release, default_bundle, tmp_path / "new", key=key_of(lab))
    assert not (tmp_path / "new").exists()


def test_a_release_that_the_bundle_has_had_is_refused(lab: Lab, release: Path, tmp_path: Path) -> None:
    apply_release(release, lab.bundle, tmp_path / "new", key=key_of(lab))
    with pytest.raises(ReleaseRefused, match="was sent before"):
        apply_release(release, tmp_path / "new", tmp_path / "newer", key=key_of(lab))
    assert not (tmp_path / "newer").exists()


def claim_less(value: dict[str, Any]) -> None:
    value["privacy"]["epsilon"] = 1.0


def lower_budget(value: dict[str, Any]) -> None:
    value["privacy"]["budget_epsilon"] = 7.0


def leave_round_out(value: dict[str, Any]) -> None:
    del value["rounds"][0]


def rewind_ledger(value: dict[str, Any]) -> None:
    value["rounds"][1]["ledgers"]["branch-2"] = value["rounds"][0]["ledgers"]["branch-2"]


def name_later_format(value: dict[str, Any]) -> None:
    value["format_version"] = 3


def claim_fewer_rounds(value: dict[str, Any]) -> None:
    value["rounds"] = value["rounds"][:1]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (claim_less, "not the 1.000000 it claims"),
        (lower_budget, "past its budget 7.0"),
        (leave_round_out, "not numbered from 1"),
        (rewind_ledger, "ledger of branch branch-2 is broken at round 2"),
        (name_later_format, "format_version"),
        (claim_fewer_rounds, "it claims"),
    ],
)
def test_a_signed_release_that_does_not_hold_together_is_refused(
    lab: Lab, release: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    sign_again(lab, release, change)
    with pytest.raises(ReleaseRefused, match=why):
        read_release(release, key_of(lab))


def test_a_signed_head_that_is_not_finite_is_refused(lab: Lab, release: Path) -> None:
    head = pack_head(np.full((4, 16), np.nan, dtype=np.float32), np.zeros(4, dtype=np.float32))
    (release / HEAD_FILE).write_bytes(head)
    sign_again(lab, release, lambda value: value.update(learned_sha256=digest_bytes(head)))
    with pytest.raises(ReleaseRefused, match="not finite"):
        read_release(release, key_of(lab))


def test_a_run_is_released_once_and_serials_grow(lab: Lab) -> None:
    folder = lab.home / "runs" / "run-1"
    before = (folder / "release" / RELEASE_FILE).read_bytes()
    assert publish(lab.home, folder).serial == 1
    assert (folder / "release" / RELEASE_FILE).read_bytes() == before
    assert read_release(make_release(lab, "run-2", rounds=2), key_of(lab)).release.serial == 2


def test_a_run_that_does_not_pass_the_gate_is_not_released(tmp_path: Path) -> None:
    lab = build_lab(tmp_path, head_knows=True)
    with pytest.raises(RunFailed, match="nothing is released"):
        make_release(lab, "run-1", rounds=1, epsilon=0.05, max_regression=0.0, learning_rate=400.0)
    assert not (lab.home / "runs" / "run-1" / "release").exists()


def test_an_unfinished_run_is_not_released(lab: Lab) -> None:
    folder = lab.home / "runs" / "run-3"
    prepare_run(lab.recipe(run_id="run-3"), folder)
    with pytest.raises(RunFailed, match="0 of 3 rounds"):
        publish(lab.home, folder)


def test_the_report_shows_every_round_and_ledger(lab: Lab) -> None:
    page = write_report(lab.home / "runs" / "run-1").read_text()
    history = json.loads((lab.home / "runs" / "run-1" / "history.json").read_text())
    for ledger in history[-1]["ledgers"].values():
        assert ledger["head"] in page
    assert "per customer, add-or-remove neighbors" in page
    assert (lab.home / "runs" / "run-1" / "report.png").read_bytes().startswith(b"\x89PNG")


def test_an_audit_stands_in_the_report_beside_what_was_promised(lab: Lab) -> None:
    folder = lab.home / "runs" / "run-1"
    found = write_audit(folder, canaries=200)
    assert found.is_consistent
    assert 0 <= found.lower_bound < found.promised.epsilon == pytest.approx(8.0)
    assert f"epsilon at least {found.lower_bound:.3f} with 95 % confidence" in write_report(folder).read_text()
    (folder / "audit.json").unlink()


def test_reading_a_release_needs_neither_torch_nor_flower(lab: Lab, release: Path) -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('torch', 'flwr', 'opacus', 'dp_accounting', 'Crypto'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from pathlib import Path\n"
        "from federation.release.files import read_release\n"
        "print(read_release(Path(sys.argv[1]), Path(sys.argv[2])).release.serial)\n"
    )
    command = [sys.executable, "-c", code, str(release), str(key_of(lab))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.stdout.strip() == "1", done.stderr


def test_the_head_of_the_bundle_is_that_of_the_release(lab: Lab, release: Path, tmp_path: Path) -> None:
    new = apply_release(release, lab.bundle, tmp_path / "new", key=key_of(lab))
    head, taught = read_head(new, "intent"), read_release(release, key_of(lab)).learned
    assert np.array_equal(head.weight, taught.weight)
    assert (head.temperature, head.threshold) == (taught.temperature, taught.threshold)
