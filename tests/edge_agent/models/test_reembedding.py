"""A bundle of another embedding space takes over a real base: nobody waits, nothing is lost."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.audit.files import read_log
from edge_agent.audit.lines import Action
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.records import document_id_of
from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle, write_bundle

MARKDOWN = DocumentFormat.MARKDOWN
NEW = b"# Parrots\n\nParrots may be kept in the office on Fridays only.\n"
OTHER_SPACE = "ab" * 32


@pytest.fixture
def settings(english_store: Path, tmp_path: Path) -> AgentSettings:
    """A store with the demo's English articles, made with the default bundle."""
    shutil.copytree(english_store, tmp_path / "store")
    return AgentSettings(store=tmp_path / "store")


@pytest.fixture
def next_settings(settings: AgentSettings, tmp_path: Path) -> AgentSettings:
    """The same store, with a bundle that is the default one under the name of another embedding space."""
    bundle = open_bundle(DEFAULT_BUNDLE)
    fields = bundle.manifest.model_dump(exclude={"files"}) | {"embedding_space": OTHER_SPACE}
    other = write_bundle(tmp_path / "other", fields, {name: bundle.read(name) for name in bundle.manifest.files})
    return dataclasses.replace(settings, bundle=other.path)


def test_the_former_bundle_answers_until_the_next_one_is_ready(next_settings: AgentSettings) -> None:
    old, new = open_bundle(DEFAULT_BUNDLE).digest, open_bundle(next_settings.bundle).digest
    with Agent(next_settings) as agent:
        assert agent.models.active.bundle.digest == old
        assert agent.readiness().passages_to_reembed > 0
        before = agent.questions.query("How long do refunds take to arrive?")
        assert before.bundle.digest == old
        assert not before.abstained
        agent.add_document("parrots.md", NEW, MARKDOWN)  # meanwhile
        agent.delete_document(document_id_of("dns-records.md"))
        assert agent.lookup.search("parrots in the office")[0].source == "parrots.md"
        agent.models.wait_until_promoted(timeout_s=120)
        assert agent.models.active.bundle.digest == new
        after = agent.questions.query("How long do refunds take to arrive?")
        assert (after.bundle.digest, after.answer) == (new, before.answer)  # the same encoder under another name
        assert agent.lookup.search("parrots in the office")[0].source == "parrots.md"
        readiness = agent.readiness()
        assert (readiness.is_ready, readiness.passages_to_reembed) == (True, 0)
        assert agent.store.check(384) == []
        former = open_bundle(DEFAULT_BUNDLE).manifest.embedding_space
        assert len(agent.store.embeddings.all(former, 384)[0]) == 0
    recorded = read_log(next_settings.store, latest=1000).latest
    assert [line.digest for line in recorded if line.action is Action.BUNDLE_ACTIVATED] == [old, new]
    assert [line.bundle for line in recorded[-3:]] == [old, old, new]  # added, deleted, promoted


def test_a_stop_on_the_way_costs_only_the_batch_at_hand(next_settings: AgentSettings) -> None:
    with Agent(next_settings) as agent:
        total = agent.readiness().passages
        while agent.store.embeddings.count_missing(OTHER_SPACE) > total - 64:
            pass  # until the first batch is there
    with Agent(next_settings) as agent:
        assert agent.store.embeddings.count_missing(OTHER_SPACE) <= total - 64
        agent.models.wait_until_promoted(timeout_s=120)
        assert agent.models.active.bundle.digest == open_bundle(next_settings.bundle).digest


def test_going_back_to_the_former_bundle_on_the_way_leaves_nothing_behind(
    settings: AgentSettings, next_settings: AgentSettings
) -> None:
    with Agent(next_settings):
        pass
    with Agent(settings) as agent:
        assert agent.models.active.bundle.digest == open_bundle(DEFAULT_BUNDLE).digest
        assert agent.readiness().is_ready
        assert len(agent.store.embeddings.all(OTHER_SPACE, 384)[0]) == 0


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_without_the_former_bundle_the_base_is_embedded_before_it_is_served(
    next_settings: AgentSettings, damage: str
) -> None:
    kept = next_settings.store / "bundle"
    former = open_bundle(DEFAULT_BUNDLE).manifest.embedding_space
    if damage == "missing":
        shutil.rmtree(kept)
    else:
        tokenizer = kept / "tokenizer.json"
        content = tokenizer.read_bytes()
        tokenizer.unlink()  # it may be a link to the bundle's own
        tokenizer.write_bytes(content[:-1] + b" ")
    done: list[int] = []
    with Agent(dataclasses.replace(next_settings), on_reembedded=done.append) as agent:
        assert agent.models.active.bundle.digest == open_bundle(next_settings.bundle).digest
        assert done[-1] == agent.readiness().passages
        assert len(agent.store.embeddings.all(former, 384)[0]) == 0


def test_embeddings_are_the_same_whichever_way_they_were_made(next_settings: AgentSettings) -> None:
    former = open_bundle(DEFAULT_BUNDLE).manifest.embedding_space
    with Agent(next_settings) as agent:
        _, before = agent.store.embeddings.all(former, 384)
        agent.models.wait_until_promoted(timeout_s=120)
        _, after = agent.store.embeddings.all(OTHER_SPACE, 384)
    np.testing.assert_array_equal(after, before)
