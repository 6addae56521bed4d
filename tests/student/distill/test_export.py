"""Making a bundle from the real weights, and the refusals on the way."""

import itertools
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer

from student.artifacts.json_lines import DataRefused
from student.bundle.folder import Bundle
from student.bundle.linear_head import LinearHead
from student.distill.encoder.recipe import Bounds
from student.distill.export.bundle_export import export_bundle
from student.distill.export.embedding_table import quantize_tables
from student.distill.export.encoder_export import export_encoder
from student.distill.export.fidelity import (
    Fidelity,
    FidelityLost,
    compare_embeddings,
    require_fidelity,
    require_teacher_similarity,
)
from student.distill.export.finding import Finding, compare_at_finding, require_finding, split_texts
from student.distill.export.plain_onnx import OutputExists, export_onnx
from student.distill.export.recipe import ExportRecipe
from student.distill.heads.intent_head import (
    LabelledTexts,
    near_copies,
    read_inside_and_outside,
    read_labelled,
    train_intent_head,
)
from student.distill.heads.messages import measure_on_messages, read_messages
from student.distill.pretrained import WeightsRefused, find_minilm, open_pretrained, require_exportable
from student.intents.calibration import calibration_error
from student.intents.folds import NEAR_COPY
from student.runtime.student import load_student
from tests.tiny import WORDS as TINY_WORDS
from tests.tiny import make_tiny_teacher

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WORDS = {
    "refund": "money back refund return reimburse",
    "password": "password login sign account locked",
    "dns": "domain record nameserver dns zone",
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "intents.jsonl"
    rows = [
        {"text": f"{opening} {word} {ending}", "label": label}
        for label, words in WORDS.items()
        for word in words.split()
        for opening in ("please help with my", "what about the", "I need")
        for ending in ("today", "now please")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def exported(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    recipe = ExportRecipe("test", 7, labelled, "made-up intents", "Apache-2.0", None, ())
    steps: list[tuple[int, int, str]] = []
    bundle = export_bundle(
        find_minilm(),
        recipe,
        tmp_path_factory.mktemp("out") / "b",
        now=NOW,
        on_progress=lambda done, total, what: steps.append((done, total, what)),
    )
    assert [done for done, total, _ in steps if total == 5] == [1, 2, 3, 4, 5]
    ends = [step for step in steps if step[0] == step[1] != 5]
    assert [what.split()[0] for _, _, what in ends] == ["comparing", "encoding"]
    return bundle


def test_export_keeps_torch_onnx_and_int8_within_bounds(exported: Bundle) -> None:
    metrics = exported.manifest.metrics
    assert metrics["onnx_against_torch"]["max_difference"] <= 1e-4
    assert metrics["int8_against_onnx"]["mean_similarity"] >= 0.985
    assert metrics["int8_against_onnx"]["min_similarity"] >= 0.95


def test_the_graphs_first_output_is_the_embedding_of_the_text(exported: Bundle) -> None:
    session = onnxruntime.InferenceSession(exported.path / "encoder.onnx")
    assert [output.name for output in session.get_outputs()] == ["sentence_embedding", "token_embeddings"]
    first = session.run(
        None,
        {name: np.array([[101, 2054, 102]]) for name in ("input_ids",)}
        | {"attention_mask": np.ones((1, 3), dtype=np.int64)},
    )[0]
    assert first.shape == (1, 384)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)


def test_exported_bundle_loads_and_classifies(exported: Bundle) -> None:
    student = load_student(exported.path)
    said = student.heads["intent"].classify(student.encoder.encode(["I need my money back"])[0])
    assert said.alternatives[0].label == "refund"
    student.close()


def test_model_card_says_what_the_manifest_says(exported: Bundle) -> None:
    card = exported.read("MODEL_CARD.md").decode()
    assert "What int8 loses at finding passages was not measured" in card
    assert "Its intents were not measured on messages" in card
    assert exported.manifest.lineage[1].sha256 in card
    assert str(exported.manifest.metrics["int8_against_onnx"]["min_similarity"]) in card


def test_quantization_outside_the_bounds_is_refused() -> None:
    perfect = Fidelity(100, 0.0, 1.0, 1.0, 1.0)
    bad = Fidelity(100, 0.1, 0.96, 0.85, 0.72)
    require_fidelity(perfect, perfect, Bounds())
    with pytest.raises(FidelityLost, match=r"int8 against float32, mean similarity is 0\.96"):
        require_fidelity(perfect, bad, Bounds())
    with pytest.raises(FidelityLost, match="ONNX against torch"):
        require_fidelity(bad, perfect, Bounds())


def test_a_quantization_that_finds_less_is_refused_unless_chance_explains_it() -> None:
    lost = Finding(texts=400, float_ndcg=0.90, int8_ndcg=0.89, loss=0.01, standard_error=0.002)
    require_finding(replace(lost, loss=0.005), Bounds())
    require_finding(replace(lost, standard_error=0.005), Bounds())
    require_finding(None, Bounds())
    with pytest.raises(FidelityLost, match=r"int8 finds 0\.8900 .* float32 0\.9000; allowed is a loss of 0\.005"):
        require_finding(lost, Bounds())


def test_an_encoder_that_finds_less_in_int8_is_not_exported(tmp_path: Path) -> None:
    """One large number makes the int8 of those beside it coarse, in the layer that decides."""
    tiny = make_tiny_teacher(tmp_path / "tiny")
    texts = [" ".join(words * 6) for words in itertools.islice(itertools.combinations(TINY_WORDS, 3), 0, None, 3)]
    loose = {"export_max_difference": 1, "int8_mean_similarity": -1, "int8_min_similarity": -1, "int8_top10_overlap": 0}
    facts = {"recipe": {"bounds": loose}, "log": [{"similarity": 1.0}]}
    weights = load_file(tiny.path / "model.safetensors")
    weights["embeddings.position_embeddings.weight"][:] = 0  # texts of the same words are near each other
    save_file(weights, tiny.path / "model.safetensors", metadata={"format": "pt"})
    found = export_encoder(replace(tiny, distillation=facts), texts).finding
    assert found is not None
    assert found.float_ndcg > 0.9
    weights["encoder.layer.1.attention.output.LayerNorm.weight"][0] = 4000
    weights["encoder.layer.1.output.dense.weight"] *= 100
    save_file(weights, tiny.path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(FidelityLost, match=r"int8 finds .* of 187 texts by their beginnings"):
        export_encoder(replace(tiny, distillation=facts), texts)
    with pytest.raises(FidelityLost, match="int8 against float32, lowest similarity"):
        export_encoder(tiny, texts)


def test_finding_is_measured_text_by_text() -> None:
    """Against a hand computation: int8 ranks every fourth passage second, float32 all first."""
    texts = [f"{number} " + " ".join(f"word{number}.{place}" for place in range(19)) for number in range(80)]
    known = {text.split()[0]: int(text.split()[0]) for text in texts}
    queries, passages = split_texts(texts)
    assert (queries[0].split()[-1], passages[0].split()[0]) == ("word0.5", "word0.6")

    def encode(some: list[str]) -> NDArray[np.float32]:
        return np.eye(80, dtype=np.float32)[[int(re.findall(r"word(\d+)", text)[0]) for text in some]]

    def worse(some: list[str]) -> NDArray[np.float32]:
        made = encode(some)
        if some[0].split()[0] in known:  # queries
            for row in range(0, 80, 4):
                made[row, (row + 1) % 80] = 2
        return made

    found = compare_at_finding(texts, encode, worse)
    assert found is not None
    assert found.float_ndcg == pytest.approx(1)
    assert found.int8_ndcg == pytest.approx(0.75 + 0.25 / np.log2(3))
    assert found.loss == pytest.approx(1 - found.int8_ndcg)
    assert compare_at_finding(texts[:49], encode, encode) is None
    assert compare_at_finding(["short text"] * 100, encode, encode) is None


def test_messages_outside_the_heads_labels_are_rightly_refused() -> None:
    head = LinearHead(np.eye(2, dtype=np.float32) * 10, np.zeros(2, np.float32), ("a", "b"), 1.0, 0.9)
    rows = {"1": (1, 0), "2": (0, 1), "3": (0.1, 0.1), "4": (1, 0)}
    messages = LabelledTexts(list(rows), ["a", "b", "other", "b"], ["en", "en", "es", "es"], [""] * 4)
    figures = measure_on_messages(head, messages, lambda texts: np.array([rows[t] for t in texts], dtype=np.float32))
    assert figures["accuracy"] == 0.75  # 4 is wrong, 3 is refused
    assert figures["macro_f1"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["labels_unknown_to_the_head"] == 1
    assert figures["accuracy_en"] == 1
    assert figures["macro_f1_es"] == 0
    assert figures["in_scope_refused"] == 0


def test_messages_of_other_labels_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"text": "hello", "label": "greeting"}\n')
    with pytest.raises(DataRefused, match=r"none of them among the 2 of the intent texts; .* such as a, b"):
        read_messages(tmp_path / "m.jsonl", ["a", "b"])
    assert read_messages(tmp_path / "m.jsonl", ["greeting"]).texts == ["hello"]


def test_a_student_too_far_from_its_teacher_is_refused(labelled: Path, tmp_path: Path) -> None:
    bounds = Bounds(teacher_similarity=0.9)
    require_teacher_similarity([{"similarity": 0.5}, {"similarity": 0.9}], bounds)
    with pytest.raises(FidelityLost, match=r"similarity to its teacher is 0\.89, its recipe asks for 0\.9"):
        require_teacher_similarity([{"similarity": 0.95}, {"similarity": 0.89}], bounds)
    facts = {"recipe": {"bounds": bounds.model_dump()}, "log": [{"similarity": 0.4}]}
    recipe = ExportRecipe("test", 1, labelled, "made-up intents", "Apache-2.0", None, ())
    with pytest.raises(FidelityLost, match="nothing was written"):
        export_bundle(replace(find_minilm(), distillation=facts), recipe, tmp_path / "b", now=NOW)
    assert not (tmp_path / "b").exists()


def test_other_tools_load_the_plain_onnx_folder(tmp_path: Path) -> None:
    tiny = make_tiny_teacher(tmp_path / "tiny")
    folder = export_onnx(tiny, tmp_path / "plain")
    texts = ["red server", "restore the backup of the site"]
    by_torch = SentenceTransformer(str(tiny.path), device="cpu").encode(texts)
    by_onnx = SentenceTransformer(str(folder), backend="onnx", device="cpu").encode(texts)
    assert np.abs(by_torch - by_onnx).max() < 1e-4
    with pytest.raises(OutputExists, match="not empty"):
        export_onnx(tiny, folder)


def test_comparison_matches_a_hand_computation() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(30, 8)).astype(np.float32)
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    same = compare_embeddings(reference, reference)
    assert (same.max_difference, same.top10_overlap) == (0.0, 1.0)
    moved = reference.copy()
    moved[0] = -moved[0]
    assert compare_embeddings(moved, reference).min_similarity == pytest.approx(-1.0)


def test_weights_with_another_digest_are_refused(tmp_path: Path) -> None:
    official = find_minilm().path
    (tmp_path / "model.safetensors").write_bytes((official / "model.safetensors").read_bytes()[:-1] + b"\0")
    with pytest.raises(WeightsRefused, match="not the official ones"):
        open_pretrained(tmp_path, name="x", license_="y", expected_sha256=find_minilm().weights_sha256)


@pytest.mark.parametrize(
    ("file", "change", "match"),
    [
        ("1_Pooling/config.json", ("pooling_mode_mean", "pooling_mode_max"), "does not pool by the mean"),
        ("config.json", ('"model_type": "bert"', '"model_type": "roberta"'), "is a roberta, expected a BERT"),
        ("modules.json", ("Normalize", "Dropout"), "modules Transformer, Pooling, Dropout, expected"),
    ],
)
def test_an_encoder_that_no_bundle_can_be_made_of_opens_and_is_not_exported(
    file: str, change: tuple[str, str], match: str, labelled: Path, tmp_path: Path
) -> None:
    path = make_tiny_teacher(tmp_path / "tiny").path
    content = (path / file).read_text()
    assert change[0] in content
    (path / file).write_text(content.replace(*change))
    opened = open_pretrained(path, name="x", license_="y")
    recipe = ExportRecipe("test", 1, labelled, "made-up intents", "Apache-2.0", None, ())
    with pytest.raises(WeightsRefused, match=match):
        export_bundle(opened, recipe, tmp_path / "b", now=NOW)
    assert not (tmp_path / "b").exists()


def test_a_folder_of_the_installed_version_opens_as_the_same_encoder(tmp_path: Path) -> None:
    before = make_tiny_teacher(tmp_path / "tiny")
    SentenceTransformer(str(before.path), device="cpu").save(str(tmp_path / "saved"), create_model_card=False)
    assert '"pooling_mode": "mean"' in (tmp_path / "saved" / "1_Pooling" / "config.json").read_text()
    assert "max_seq_length" not in (tmp_path / "saved" / "sentence_bert_config.json").read_text()
    after = open_pretrained(tmp_path / "saved", name="x", license_="y")
    require_exportable(after)
    assert (after.dimension, after.max_tokens) == (before.dimension, before.max_tokens)


def test_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match=r"no model\.safetensors"):
        open_pretrained(tmp_path, name="x", license_="y")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("not json\n", "line 1"),
        ('{"text": "a"}\n', "without the text column 'label'"),
        ('{"text": "a", "label": "x"}\n' * 9, "1 label"),
        ('{"text": "a", "label": "x"}\n{"text": "a", "label": "y"}\n', "two labels"),
        ('{"text": " ", "label": "x"}\n', "empty"),
        (
            "".join(f'{{"text": "{n}", "label": "x"}}\n' for n in range(9)) + '{"text": "a", "label": "once"}\n',
            r"1 of them with fewer than 8 texts \(once\)",
        ),
    ],
)
def test_labelled_data_of_the_wrong_form_is_refused(tmp_path: Path, content: str, match: str) -> None:
    (tmp_path / "data.jsonl").write_text(content)
    with pytest.raises(match=match):
        read_labelled(tmp_path / "data.jsonl")


def test_texts_out_of_scope_are_set_apart_and_are_no_label(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    labels = ("refund", "dns", "Out of scope")
    path.write_text("".join(f'{{"text": "{label} {n}", "label": "{label}"}}\n' for label in labels for n in range(8)))
    inside, outside = read_inside_and_outside(path)
    assert set(inside.labels) == {"refund", "dns"}
    assert len(inside.texts) == 16
    assert outside == [f"Out of scope {n}" for n in range(8)]
    path.write_text(path.read_text().replace("dns", "out_of_scope"))
    with pytest.raises(DataRefused, match="one label beside 'out_of_scope'"):
        read_inside_and_outside(path)


def test_head_figures_are_of_texts_it_was_not_trained_on(labelled: Path) -> None:
    data = read_labelled(labelled)
    student = load_student()
    head, metrics = train_intent_head(data, ["how tall is everest", "sing a song"], student.encoder.encode)
    assert metrics.train + metrics.validation + metrics.test == len(data.texts)
    assert metrics.accuracy > 0.8
    assert metrics.out_of_scope_auroc is not None
    assert metrics.out_of_scope_auroc > 0.8
    assert head.temperature > 0
    student.close()


def test_near_copies_are_counted_alike_in_parts_and_at_once() -> None:
    embeddings = np.random.default_rng(3).normal(size=(2500, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    similarities = embeddings @ embeddings.T
    np.fill_diagonal(similarities, -1)
    found = near_copies(embeddings)
    assert found == pytest.approx((similarities.max(axis=1) >= NEAR_COPY).mean(), abs=1e-3)
    assert 0.1 < found < 0.9
    apart = np.eye(1100, dtype=np.float32)
    assert near_copies(apart) == 0
    apart[1050] = apart[3]  # in another part of the rows
    assert near_copies(apart) == 2 / 1100


def test_calibration_error_matches_a_hand_computation() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    is_right = np.array([True, False, True, True])
    assert calibration_error(confidence, is_right) == pytest.approx(0.5 * 0.45 + 0.5 * 0.45)


def test_a_table_is_quantized_by_row_so_that_a_large_piece_spoils_no_other(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(500, 256)).astype(np.float32) * 0.01
    rows[7] *= 1000
    table = numpy_helper.from_array(rows, "table")
    lookup = helper.make_node("Gather", ["table", "ids"], ["looked_up"], name="lookup")
    graph = helper.make_graph(
        [lookup],
        "g",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [None])],
        [helper.make_tensor_value_info("looked_up", TensorProto.FLOAT, [None, 256])],
        [table],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    quantize_tables(model)
    onnx.checker.check_model(model)
    (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"ids": np.arange(500)})
    errors = np.abs(found - rows).max(axis=1) / np.abs(rows).max(axis=1)
    assert errors.max() < 0.5 / 127 + 1e-6
    assert len(model.SerializeToString()) < rows.nbytes / 3
