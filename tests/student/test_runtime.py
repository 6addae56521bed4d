"""The default bundle at run time: encoder, heads, probes."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle, write_bundle
from student.bundle.linear_head import LinearHead, pack_head, read_head
from student.errors import BundleUnusable, ProbesFailed
from student.runtime.encoder import Encoder
from student.runtime.probes import run_probes
from student.runtime.student import load_student
from teacher.weights.nano_e5 import tokenizer_of

TEXTS = ["refund", "How do I reset my password?", "¿Cuánto tarda la transferencia de un dominio?", "a " * 400]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.from_bundle(open_bundle(DEFAULT_BUNDLE))


def rewrite_bundle(path: Path, *, files: dict[str, bytes] | None = None, **fields: object) -> Path:
    """A copy of the default bundle with other files or manifest fields, its digests right."""
    bundle = open_bundle(DEFAULT_BUNDLE)
    contents = {name: bundle.read(name) for name in bundle.manifest.files} | (files or {})
    manifest = bundle.manifest.model_dump(exclude={"files"}) | fields
    return write_bundle(path, manifest, contents).path


def test_default_bundle_is_under_30_megabytes() -> None:
    files = open_bundle(DEFAULT_BUNDLE).manifest.files.values()
    assert sum(entry.size_bytes for entry in files) < 30_000_000


def test_default_bundle_names_what_it_was_made_from() -> None:
    manifest = open_bundle(DEFAULT_BUNDLE).manifest
    teachers = {origin.name for origin in manifest.lineage if origin.role == "teacher"}
    assert teachers >= {"multilingual-e5-small", "universal-sentence-encoder-multilingual", "all-MiniLM-L6-v2"}
    card = (DEFAULT_BUNDLE / manifest.model_card).read_text()
    assert all(origin.sha256 in card and origin.license in card for origin in manifest.lineage)


def test_embeddings_are_unit_norm_float32(encoder: Encoder) -> None:
    embeddings = encoder.encode(TEXTS)
    assert embeddings.shape == (len(TEXTS), 384)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_an_embedding_does_not_depend_on_the_texts_encoded_with_it(encoder: Encoder) -> None:
    together = encoder.encode(TEXTS * 8)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_array_equal(together[: len(TEXTS)], alone)
    np.testing.assert_array_equal(together[-len(TEXTS) :], alone)


def test_many_threads_get_the_same_embeddings_as_one(encoder: Encoder) -> None:
    expected = encoder.encode(TEXTS)
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(encoder.encode(TEXTS))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(results) == 8
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_meaning_is_closer_than_wording(encoder: Encoder) -> None:
    query, same, other = encoder.encode(["I want my money back", "how can I get a refund", "how can I get a backup"])
    assert query @ same > query @ other


def test_spanish_and_english_of_the_same_meaning_are_near(encoder: Encoder) -> None:
    spanish, english, other = encoder.encode(
        ["hola, mi servidor no arranca", "my server does not start", "how do I get a refund?"]
    )
    assert spanish @ english > 0.5
    assert spanish @ english > spanish @ other + 0.3


def test_no_texts_give_no_embeddings(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_text_past_the_window_is_not_seen(encoder: Encoder) -> None:
    long = "word " * 300
    np.testing.assert_array_equal(encoder.encode([long])[0], encoder.encode([long + "refund"])[0])


def test_token_embeddings_carry_their_place_in_the_text(encoder: Encoder) -> None:
    text = "El certificado expiró ayer"
    tokens = encoder.encode_tokens(text)
    assert tokens.embeddings.shape == (len(tokens.offsets), 384)
    start, end = tokens.offsets[0]
    assert text[start:end] == "El"
    assert tokens.offsets[-1][1] == len(text)


def test_token_starts_are_in_code_points_for_texts_of_any_length(encoder: Encoder) -> None:
    text = "ñandú 🚀 " * 500
    starts = encoder.token_starts(text)
    assert len(starts) > 1000
    assert (np.diff(starts) >= 0).all()
    assert starts[-1] < len(text)


def test_token_starts_of_unigram_pieces_are_those_of_words() -> None:
    pieces = [(piece, -1.0) for piece in ("<s>", "<pad>", "</s>", "<unk>", "▁pay", "▁the", "▁bill", "▁")]
    bundle = open_bundle(DEFAULT_BUNDLE)
    tokenizer = str(tokenizer_of(pieces, 64).to_str()).encode()
    encoder = Encoder(bundle.path / "encoder.onnx", tokenizer, dimension=384, max_tokens=64, workers=1)
    assert encoder.token_starts("pay  the bill").tolist() == [0, 5, 9]
    assert encoder.encode_tokens("pay the bill").offsets.tolist() == [[0, 3], [4, 7], [8, 12]]
    encoder.close()


def test_token_starts_of_a_long_text_are_those_of_its_parts(encoder: Encoder) -> None:
    part = "Los cambios de DNS tardan hasta 48 horas. "
    whole, once = encoder.token_starts(part * 2000), encoder.token_starts(part.rstrip())
    expected = np.concatenate([once + n * len(part) for n in range(2000)])
    assert np.isin(expected, whole).all()
    assert len(whole) <= len(expected) + 10  # where it was divided a space may count
    assert len(encoder.token_starts("a" * 100_000)) >= 1
    assert len(encoder.token_starts("")) == 0


def test_head_probabilities_match_a_hand_computation() -> None:
    head = LinearHead(np.eye(2, dtype=np.float32), np.zeros(2, np.float32), ("a", "b"), temperature=0.5, threshold=0.9)
    embedding = np.array([1.0, 0.0], dtype=np.float32)
    expected = np.exp(2) / (np.exp(2) + 1)  # logits (1, 0) divided by 0.5
    said = head.classify(embedding)
    assert said.probability == pytest.approx(expected)
    assert [a.label for a in said.alternatives] == ["a", "b"]
    assert said.label is None  # 0.88 is under the threshold of 0.9


def test_default_head_knows_a_plain_request_and_refuses_what_is_foreign() -> None:
    student = load_student()
    wanted, foreign = student.encoder.encode(["I want to cancel my hosting plan", "how tall is the eiffel tower"])
    assert student.heads["intent"].classify(wanted).label == "cancel_service"
    assert student.heads["intent"].classify(foreign).label is None
    student.close()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"not safetensors", "not safetensors"),
        (pack_head(np.zeros((2, 384), np.float32), np.zeros(2, np.float32)), "expected weight"),
        (pack_head(np.full((36, 384), np.nan, np.float32), np.zeros(36, np.float32)), "not finite"),
    ],
)
def test_head_that_does_not_fit_is_refused(tmp_path: Path, content: bytes, match: str) -> None:
    bundle = open_bundle(rewrite_bundle(tmp_path / "b", files={"intent.safetensors": content}))
    with pytest.raises(BundleUnusable, match=match):
        read_head(bundle, "intent")


def test_probes_hold_on_this_machine() -> None:
    student = load_student()
    assert student.probes.count >= 10
    assert student.probes.min_similarity >= 0.995
    assert student.probes.label_mismatches == 0
    student.close()


def test_bundle_whose_encoder_computes_something_else_fails_its_probes(tmp_path: Path, encoder: Encoder) -> None:
    bundle = open_bundle(DEFAULT_BUNDLE)
    probes = json.loads(bundle.read("probes.json"))
    probes[3]["embedding"] = [-x for x in probes[3]["embedding"]]
    path = rewrite_bundle(tmp_path / "b", files={"probes.json": json.dumps(probes).encode()})
    with pytest.raises(ProbesFailed, match=r"similarity -1\.0000 to its probes, expected at least 0\.995"):
        load_student(path)


@pytest.mark.parametrize("content", [b"[]", b"{}", b'[{"text": "a", "embedding": [1, 2]}]', b"\xff"])
def test_unreadable_probes_are_refused(tmp_path: Path, encoder: Encoder, content: bytes) -> None:
    bundle = open_bundle(rewrite_bundle(tmp_path / "b", files={"probes.json": content}))
    with pytest.raises(BundleUnusable, match="probes"):
        run_probes(bundle, encoder, {})


def test_graph_of_another_size_is_refused(tmp_path: Path) -> None:
    entry = {"graph": "encoder.onnx", "tokenizer": "tokenizer.json", "dimension": 128, "max_tokens": 256}
    path = rewrite_bundle(tmp_path / "b", encoder=entry, heads={})
    with pytest.raises(BundleUnusable, match="sentence_embedding of 128 numbers"):
        load_student(path)
