"""The verifier of the default bundle: loaded, used, checked by the probes, and optional."""

import json
from pathlib import Path

import pytest

from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle, write_bundle
from student.errors import BundleUnusable, ManifestInvalid, ProbesFailed
from student.runtime.encoder import Encoder
from student.runtime.student import load_student
from student.runtime.verifier import Verifier

QUESTION = "How long do I have to ask for my money back?"
ANSWERS = "You can ask for a refund within 30 days of the purchase. It is paid to the card that you used."
SILENT = "Invoices are issued ten days before the renewal. They can be downloaded as PDF for six years."


def rewrite_bundle(path: Path, *, files: dict[str, bytes] | None = None, **fields: object) -> Path:
    """A copy of the default bundle with other files or manifest fields, its digests right."""
    bundle = open_bundle(DEFAULT_BUNDLE)
    contents = {name: bundle.read(name) for name in bundle.manifest.files} | (files or {})
    return write_bundle(path, bundle.manifest.model_dump(exclude={"files"}) | fields, contents).path


def test_a_passage_that_answers_gets_a_higher_logit_than_one_that_does_not() -> None:
    student = load_student(workers=1)
    assert student.verifier is not None
    question, heading, answers, silent = student.encoder.encode_each_tokens([QUESTION, "Billing", ANSWERS, SILENT])
    assert student.verifier.logit(question, heading, answers) > student.verifier.logit(question, heading, silent) + 0.5
    student.close()


def test_a_logit_does_not_change_from_one_run_to_the_next() -> None:
    student = load_student(workers=1)
    parts = student.encoder.encode_each_tokens([QUESTION, "-", ANSWERS])
    assert student.verifier is not None
    assert len({student.verifier.logit(*parts) for _ in range(5)}) == 1
    student.close()


def test_a_bundle_without_a_verifier_is_served(tmp_path: Path) -> None:
    bundle = open_bundle(DEFAULT_BUNDLE)
    contents = {name: bundle.read(name) for name in bundle.manifest.files if name != "reader.onnx"}
    fields = bundle.manifest.model_dump(exclude={"files", "verifier"})
    student = load_student(write_bundle(tmp_path / "b", fields, contents).path, workers=1)
    assert student.verifier is None
    assert student.probes.max_logit_difference == 0.0
    student.close()


def test_a_verifier_that_the_manifest_does_not_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid, match=r"files does not list other\.onnx"):
        rewrite_bundle(tmp_path / "b", reader={"file": "other.onnx", "max_logit_difference": 0.5})


@pytest.mark.parametrize("graph", [b"no graph", (DEFAULT_BUNDLE / "encoder.onnx").read_bytes()])
def test_a_graph_that_is_no_verifier_is_refused(tmp_path: Path, graph: bytes) -> None:
    with pytest.raises(BundleUnusable, match="verifier"):
        load_student(rewrite_bundle(tmp_path / "b", files={"reader.onnx": graph}))


def test_a_verifier_for_other_embeddings_is_refused() -> None:
    with pytest.raises(BundleUnusable, match="takes"):
        Verifier((DEFAULT_BUNDLE / "reader.onnx").read_bytes(), dimension=32)


def test_a_verifier_that_gives_its_probes_other_logits_is_refused(tmp_path: Path) -> None:
    probes = json.loads((DEFAULT_BUNDLE / "probes.json").read_bytes())
    readings = [probe["reading"] for probe in probes if probe.get("reading")]
    assert len(readings) >= 3
    readings[0]["logit"] += 1.0
    path = rewrite_bundle(tmp_path / "b", files={"probes.json": json.dumps(probes).encode()})
    with pytest.raises(ProbesFailed, match="gives logits off by"):
        load_student(path)


def test_token_embeddings_of_several_texts_are_those_of_each() -> None:
    encoder = Encoder.from_bundle(open_bundle(DEFAULT_BUNDLE), workers=2)
    for text, tokens in zip([QUESTION, ""], encoder.encode_each_tokens([QUESTION, ""]), strict=True):
        alone = encoder.encode_tokens(text)
        assert (tokens.embeddings == alone.embeddings).all()
        assert tokens.ids.tolist() == alone.ids.tolist()
        assert tokens.offsets.shape == (len(tokens.ids), 2)
    encoder.close()


def test_the_embedding_of_a_text_and_its_tokens_come_from_one_run() -> None:
    encoder = Encoder.from_bundle(open_bundle(DEFAULT_BUNDLE), workers=1)
    embedding, tokens = encoder.encode_with_tokens(QUESTION)
    assert (embedding == encoder.encode([QUESTION])[0]).all()
    assert (tokens.embeddings == encoder.encode_tokens(QUESTION).embeddings).all()
    encoder.close()


def test_a_part_without_a_token_gets_a_logit_of_0() -> None:
    student = load_student(workers=1)
    question, nothing = student.encoder.encode_each_tokens([QUESTION, ""])
    assert student.verifier is not None
    assert (
        student.verifier.logit(nothing, question, question)
        == student.verifier.logit(question, question, nothing)
        == 0.0
    )
    student.close()
