"""A branch joins with all it needs, or says what is missing and starts nothing."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from federation.branch.joining import NODE_LOG, SECRET_FILE, keep_joined
from federation.branch.kit import read_joining
from federation.branch.policy import BranchPolicy
from federation.branch.settings import SETTINGS_FILE, BranchSettings, set_up_branch
from federation.errors import DeploymentFailed, ExamplesInvalid, LedgerCorrupt, LedgerMissing
from federation.transport.certificates import write_branch_key
from student.errors import BundleMissing
from tests.federation.lab import Lab, build_lab

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICY = BranchPolicy(branch="north", max_epsilon=3.0)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return build_lab(tmp_path, branches=1)


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    folder = tmp_path / "kit"
    write_branch_key(folder)
    joining = {"branch": "north", "federation": "lab", "address": "127.0.0.1:1"}
    (folder / "join.json").write_text(json.dumps(joining))
    return folder


def join(kit: Path) -> None:
    stop = threading.Event()
    stop.set()
    keep_joined(kit, stop)
    assert not (kit / NODE_LOG).exists()


def test_a_kit_without_its_key_is_refused(kit: Path) -> None:
    (kit / "branch.key").unlink()
    with pytest.raises(DeploymentFailed, match="put the branch's private key there"):
        read_joining(kit)


@pytest.mark.parametrize("mode", [0o640, 0o602])
def test_a_kit_whose_key_others_could_have_is_refused(kit: Path, mode: int) -> None:
    (kit / "branch.key").chmod(mode)
    with pytest.raises(DeploymentFailed, match=rf"private key .* is open to others \(mode {mode:o}\), expected 600"):
        read_joining(kit)
    (kit / "branch.key").rename(kit / "moved.key")
    (kit / "branch.key").symlink_to(kit / "moved.key")
    with pytest.raises(DeploymentFailed, match="is a link"):
        read_joining(kit)


def test_the_secret_of_the_executor_is_written_through_no_link_and_is_for_the_owner_alone(
    kit: Path, lab: Lab, tmp_path: Path
) -> None:
    set_up_branch(kit, BranchSettings(bundle=lab.bundle), POLICY, now=NOW)
    (tmp_path / "victim").write_bytes(b"as it was")
    (kit / SECRET_FILE).symlink_to(tmp_path / "victim")
    stop = threading.Event()
    keep_joined(kit, stop, pause_s=0, on_status=lambda text: stop.set() if "SuperNode ended" in text else None)
    assert (tmp_path / "victim").read_bytes() == b"as it was"
    assert (kit / SECRET_FILE).lstat().st_mode & 0o777 == 0o600


def test_what_a_branch_has_is_embedded_before_the_first_round(kit: Path, lab: Lab) -> None:
    tickets = (lab.branches[0] / "tickets.jsonl",)
    set_up_branch(kit, BranchSettings(bundle=lab.bundle, tickets=tickets), POLICY, now=NOW)
    join(kit)
    assert (kit / "embeddings.db").exists()


def test_a_branch_is_set_up_once(kit: Path, lab: Lab) -> None:
    set_up_branch(kit, BranchSettings(bundle=lab.bundle), POLICY, now=NOW)
    before = {file.name: file.read_bytes() for file in kit.iterdir()}
    with pytest.raises(DeploymentFailed, match="edit"):
        set_up_branch(kit, BranchSettings(bundle=lab.bundle), POLICY, now=NOW)
    assert {file.name: file.read_bytes() for file in kit.iterdir()} == before


def test_a_branch_that_lost_its_ledger_starts_no_other(kit: Path, lab: Lab) -> None:
    set_up_branch(kit, BranchSettings(bundle=lab.bundle), POLICY, now=NOW)
    (kit / "ledger.jsonl").unlink()
    with pytest.raises(LedgerMissing, match="backup"):
        join(kit)
    (kit / SETTINGS_FILE).unlink()
    with pytest.raises(LedgerCorrupt, match="restore both"):
        set_up_branch(kit, BranchSettings(bundle=lab.bundle), POLICY, now=NOW)
    assert not (kit / "ledger.jsonl").exists()


def test_a_branch_that_lost_its_settings_keeps_its_ledger(kit: Path, lab: Lab) -> None:
    set_up_branch(kit, BranchSettings(bundle=lab.bundle), POLICY, now=NOW)
    before = (kit / "ledger.jsonl").read_bytes()
    (kit / SETTINGS_FILE).unlink()
    with pytest.raises(DeploymentFailed, match="of branch north, this is south"):
        set_up_branch(kit, BranchSettings(bundle=lab.bundle), POLICY.model_copy(update={"branch": "south"}), now=NOW)
    set_up_branch(kit, BranchSettings(bundle=lab.bundle), POLICY, now=NOW)
    join(kit)
    assert (kit / "ledger.jsonl").read_bytes() == before


def test_a_bundle_a_store_or_tickets_that_are_not_there_are_said_before_anything_starts(kit: Path, lab: Lab) -> None:
    set_up_branch(kit, BranchSettings(bundle=lab.bundle), POLICY, now=NOW)
    settings = json.loads((kit / SETTINGS_FILE).read_text())
    for changes, error in (
        ({"bundle": "absent"}, BundleMissing),
        ({"store": "absent"}, ExamplesInvalid),
        ({"tickets": ["absent.csv"]}, ExamplesInvalid),
    ):
        (kit / SETTINGS_FILE).write_text(json.dumps(settings | changes))
        with pytest.raises(error):
            join(kit)
