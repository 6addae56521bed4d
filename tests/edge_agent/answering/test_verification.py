"""The nearest passage is verified where an answer is in doubt, and its tokens are kept."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.answering.evidence import Answering, Evidence, candidate_units, span_to_verify
from edge_agent.answering.gathering import headings
from edge_agent.answering.pipeline import Questions
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.records import Passage, document_id_of
from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle, write_bundle

BACKUPS = b"# Backups\n\nBackups are taken every night at two. They are kept for fourteen days.\n"
QUESTION = "How long are backups kept?"


def first_passage(agent: Agent) -> Passage:
    agent.add_document("backups.md", BACKUPS, DocumentFormat.MARKDOWN)
    return agent.store.snapshots.read(lambda s: s.passages(s.passages_of(document_id_of("backups.md"))))[0]


def all_of(passage: Passage) -> tuple[Passage, int, int]:
    return passage, passage.start, passage.end


def confidence(agent: Agent, *, doubt: tuple[float, float], weight: float) -> float:
    """Of an answer where the verification counts so much that it shows."""
    answering = Answering(doubt=doubt)
    agent.questions.answering = replace(answering, verified=replace(answering.verified, verification=weight))
    agent.add_document("other.md", f"# Other\n\nSaid {doubt} {weight}.\n".encode(), DocumentFormat.MARKDOWN)
    return agent.questions.query(QUESTION).confidence


def test_the_tokens_of_a_span_are_those_of_its_parts_and_the_same_when_they_are_known(agent: Agent) -> None:
    passage, model = first_passage(agent), agent.models.active
    expected = model.student.encoder.encode_each_tokens([headings(passage) or "-", passage.text])
    for _ in range(2):
        encoded = agent.questions._encode_span(model, *all_of(passage))
        for part, its_expected in zip(encoded, expected, strict=True):
            np.testing.assert_array_equal(part.embeddings, its_expected.embeddings)


def test_tokens_are_made_once_and_only_what_fits_is_kept(agent: Agent) -> None:
    passage, model = first_passage(agent), agent.models.active
    for size_bytes, runs in ((10_000_000, 1), (100, 2)):
        encoder = Mock(wraps=model.student.encoder)
        counted = replace(model, student=replace(model.student, encoder=encoder))
        questions = Questions(agent.settings, agent.store, agent.models, None, token_bytes=size_bytes)
        for _ in range(2):
            questions._encode_span(counted, *all_of(passage))
        assert encoder.encode_each_tokens.call_count == runs


def test_the_sentence_that_fits_best_is_verified_with_those_beside_it(agent: Agent) -> None:
    text = "One. Two. Three. Four. Five. "
    passage = replace(first_passage(agent), text=text, start=100, end=100 + len(text))
    other = replace(passage, passage_id=passage.passage_id + 1)
    candidates = candidate_units([(passage, 0.9), (other, 0.8)])
    embeddings = np.eye(len(candidates), dtype=np.float32)

    def span(best: int) -> str:
        similarities = embeddings @ (0.5 * embeddings[best] + embeddings[-1])
        _, start, end = span_to_verify(Evidence(candidates, similarities, 0.9, 1.0, 0.0))
        return text[start - 100 : end - 100]

    assert [span(best) for best in (0, 2, 4)] == ["One. Two.", "Two. Three. Four.", "Four. Five."]


def test_a_passage_is_verified_only_where_the_answer_is_in_doubt(agent: Agent) -> None:
    agent.add_document("backups.md", BACKUPS, DocumentFormat.MARKDOWN)
    assert confidence(agent, doubt=(0.0, 1.0), weight=9.0) != pytest.approx(
        confidence(agent, doubt=(0.0, 1.0), weight=-9.0)
    )
    assert confidence(agent, doubt=(0.0, 0.0), weight=9.0) == confidence(agent, doubt=(0.0, 0.0), weight=-9.0)


def test_a_bundle_without_a_verifier_answers(tmp_path: Path) -> None:
    bundle = open_bundle(DEFAULT_BUNDLE)
    contents = {name: bundle.read(name) for name in bundle.manifest.files if name != "reader.onnx"}
    fields = bundle.manifest.model_dump(exclude={"files", "verifier"})
    path = write_bundle(tmp_path / "bundle", fields, contents).path
    with Agent(AgentSettings(store=tmp_path / "store", bundle=path)) as agent:
        first_passage(agent)
        agent.questions.answering = Answering(doubt=(0.0, 1.0))
        assert "fourteen days" in str(agent.questions.query(QUESTION).answer)
        assert agent.questions.query("Who won the match in Antarctica?").abstained


def test_headings_are_a_line_each(agent: Agent) -> None:
    passage = replace(first_passage(agent), title="Backups", heading="Nightly › Restore")
    assert headings(passage) == "Backups\nNightly › Restore"
    assert headings(replace(passage, title="", heading="")) == ""
