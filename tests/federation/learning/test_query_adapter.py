"""A run of the query adapter, from staff's corrections in real stores to a bundle that finds what was meant."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from federation.branch.client_app import app
from federation.branch.settings import SETTINGS_FILE
from federation.center.home import Center, set_up_center
from federation.center.prepared_run import prepare_run
from federation.center.publishing import publish
from federation.center.report import write_report
from federation.center.rounds import run_rounds
from federation.center.run_recipe import RunRecipe
from federation.errors import ExamplesInvalid, ParametersInvalid, ReleaseRefused
from federation.learning.query_adapter import adapt, new_adapter, read_pairs, to_adapter
from federation.release.applying import apply_release
from federation.release.files import read_release
from federation.release.signing import SIGNING_PUBLIC_KEY
from federation.transport.local_grid import LocalGrid
from tests.federation.lab import ADAPTER_FILE, LABELS, Lab, build_lab, write_lines

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MEANT = {"login": "delivery", "delivery": "billing", "billing": "refund", "refund": "login"}
"""Customers' names of things → the documents' names of them."""


def document_of(label: str, k: int) -> str:
    return f"{label}{2 * k} {label}{2 * k + 1}"


def pair(generator: random.Random) -> tuple[str, str, int]:
    """A question, and the label and number of the document that is meant."""
    called, k = generator.choice(LABELS), generator.randrange(5)
    return f"{document_of(called, k)} filler{generator.randrange(12)}", MEANT[called], k


def give_store(branch: Path, bundle: Path, generator: random.Random) -> None:
    with Agent(AgentSettings(store=branch / "store", bundle=bundle)) as agent:
        for label in LABELS:
            for k in range(5):
                agent.add_document(f"{label}{k}.txt", document_of(label, k).encode(), DocumentFormat.TEXT)
        for n in range(60):
            text, label, k = pair(generator)
            agent.add_feedback(NewFeedback(text, source=f"{label}{k}.txt", customer=f"c{n}"))
    settings = json.loads((branch / SETTINGS_FILE).read_text())
    (branch / SETTINGS_FILE).write_text(json.dumps(settings | {"store": "store"}))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = build_lab(tmp_path_factory.mktemp("adapter"), branches=3)
    generator = random.Random(5)
    for branch in lab.branches:
        give_store(branch, lab.bundle, generator)
    pairs = [pair(generator) for _ in range(120)]
    write_lines(lab.home / "pairs.jsonl", [{"text": text, "passage": document_of(at, k)} for text, at, k in pairs])
    set_up_center(lab.home, Center(federation="lab", address="127.0.0.1:8000"), now=NOW)
    return lab


def recipe_of(lab: Lab, **changes: object) -> RunRecipe:
    fields: dict[str, object] = {
        "part": "adapter",
        "rank": 12,
        "rounds": 30,
        "epsilon": 40.0,
        "customers": 180,
        "learning_rate": 4.0,
        "momentum": 0.8,
        "validation": lab.home / "pairs.jsonl",
    }
    return lab.recipe(**fields | changes)


@pytest.fixture(scope="module")
def release(lab: Lab) -> Path:
    recipe = recipe_of(lab)
    folder = lab.home / "runs" / recipe.run_id
    run_rounds(LocalGrid(app, lab.node_configs, {}), prepare_run(recipe, folder), folder)
    return publish(lab.home, folder, now=NOW).release


def test_branches_teach_the_adapter_what_their_customers_mean(lab: Lab, release: Path) -> None:
    evaluation = read_release(release, lab.home / SIGNING_PUBLIC_KEY).release.evaluation
    assert evaluation.baseline < 0.1
    assert evaluation.accuracy > 0.3


def test_a_bundle_with_it_searches_better_over_the_same_index_and_names_intents_as_before(
    lab: Lab, release: Path, tmp_path: Path
) -> None:
    made = apply_release(release, lab.bundle, tmp_path / "new", key=lab.home / SIGNING_PUBLIC_KEY)
    rows = read_pairs(lab.home / "pairs.jsonl")
    found, named, again = [], [], list[int]()
    for bundle in (lab.bundle, made.path):
        settings = AgentSettings(store=lab.branches[0] / "store", bundle=bundle)
        with Agent(settings, on_reembedded=again.append) as agent:
            ranked = [[citation.quote for citation in agent.lookup.search(text, count=5)] for text, _ in rows]
            named.append([agent.lookup.classify(text)[0] for text, _ in rows])
        found.append(np.mean([passage in some for some, (_, passage) in zip(ranked, rows, strict=True)]))
    assert found[1] > found[0] + 0.2
    assert named[0] == named[1]
    assert again == []


def test_the_adapter_at_the_branch_is_the_one_that_was_trained(lab: Lab) -> None:
    questions = np.random.default_rng(1).standard_normal((20, 16)).astype(np.float32)
    weights = new_adapter(questions, 3) + np.float32(0.1)
    assert np.allclose(to_adapter(weights, 16).adapt(questions), adapt(weights, questions), atol=1e-6)


def test_an_adapter_whose_b_is_zero_changes_no_question(lab: Lab) -> None:
    questions = np.random.default_rng(1).standard_normal((20, 16)).astype(np.float32)
    questions /= np.linalg.norm(questions, axis=1, keepdims=True)
    assert np.allclose(to_adapter(new_adapter(questions, 3), 16).adapt(questions), questions, atol=1e-6)


def test_a_tampered_adapter_is_refused(lab: Lab, release: Path, tmp_path: Path) -> None:
    copy = tmp_path / "release"
    copy.mkdir()
    for file in release.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    content = bytearray((copy / ADAPTER_FILE).read_bytes())
    content[-1] ^= 1
    (copy / ADAPTER_FILE).write_bytes(content)
    with pytest.raises(ReleaseRefused, match="not the one that was signed"):
        apply_release(copy, lab.bundle, tmp_path / "new", key=lab.home / SIGNING_PUBLIC_KEY)
    assert not (tmp_path / "new").exists()


def test_who_expects_a_head_is_told_that_it_is_none(lab: Lab, release: Path) -> None:
    with pytest.raises(ReleaseRefused, match="of the query adapter; expected one of the intent head"):
        read_release(release, lab.home / SIGNING_PUBLIC_KEY, part="head")


def test_the_next_run_begins_with_the_adapter_of_the_bundle(lab: Lab, release: Path, tmp_path: Path) -> None:
    made = apply_release(release, lab.bundle, tmp_path / "new", key=lab.home / SIGNING_PUBLIC_KEY)
    again = recipe_of(lab, run_id="again", bundle=made.path)
    run = prepare_run(again, tmp_path / "run")
    assert run.prepared.baseline == read_release(release, lab.home / SIGNING_PUBLIC_KEY).release.evaluation.accuracy
    with pytest.raises(ParametersInvalid, match="has rank 12, the recipe 2"):
        prepare_run(again.model_copy(update={"rank": 2}), tmp_path / "other")


def test_the_report_names_what_was_measured(lab: Lab, release: Path) -> None:
    assert "right passage first" in write_report(release.parent).read_text().lower()


def test_pairs_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(ExamplesInvalid, match="passage"):
        read_pairs(tmp_path / "pairs.jsonl")
    (tmp_path / "pairs.jsonl").write_text('{"text": "x", "passage": "y"}\n')
    with pytest.raises(ExamplesInvalid, match="fewer than two passages"):
        read_pairs(tmp_path / "pairs.jsonl")
