"""A server of embeddings as a teacher, over real sockets: order, retries, windows, and errors that show no secret."""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from student.embeddings import Embeddings
from teacher.encoders.opening import open_encoder
from teacher.encoders.settings import EncoderSettings
from teacher.errors import EncoderRefused
from teacher.roles import Role
from tests.teacher.encoders.embedding_server import DIMENSION, EmbeddingServer, embedding_of, serving_embeddings
from tests.teacher.encoders.tiny_encoders import TEXTS, settings_of, tiny_tokenizer

KEY = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with serving_embeddings() as running:
        yield running


def settings_for(server: EmbeddingServer, **changes: Any) -> EncoderSettings:
    return settings_of(server.url, **{"model_id": "tiny-embed", "timeout_s": 10, **changes})


def expected_of(texts: list[str]) -> Embeddings:
    rows = np.array([embedding_of(text) for text in texts], dtype=np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.mark.parametrize("as_base64", [False, True])
def test_texts_are_encoded_in_batches_and_in_their_order(as_base64: bool, server: EmbeddingServer) -> None:
    server.as_base64 = as_base64
    encoder = open_encoder(settings_for(server, batch_size=3, prompts={"query": "find: "}))
    assert (encoder.facts.dimension, encoder.facts.max_tokens) == (DIMENSION, 2048)
    before = len(server.requests)
    assert np.abs(encoder.encode(TEXTS, Role.PASSAGE) - expected_of(TEXTS)).max() < 1e-5
    assert len(server.requests) - before == 2
    prompted = [f"find: {text}" for text in TEXTS]
    assert np.abs(encoder.encode(TEXTS, Role.QUERY) - expected_of(prompted)).max() < 1e-5
    assert server.requests[-1]["model"] == "tiny-embed"


def test_dimensions_are_the_first_ones_of_unit_norm(server: EmbeddingServer) -> None:
    encoder = open_encoder(settings_for(server, dimensions=6))
    rows = np.array([embedding_of(text)[:6] for text in TEXTS])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.abs(encoder.encode(TEXTS, Role.QUERY) - rows).max() < 1e-5


def test_a_busy_server_is_asked_again(server: EmbeddingServer) -> None:
    encoder = open_encoder(settings_for(server))
    server.statuses = [429, 503]
    assert np.abs(encoder.encode(TEXTS, Role.QUERY) - expected_of(TEXTS)).max() < 1e-5


def test_a_server_that_stays_broken_is_reported_without_texts(server: EmbeddingServer) -> None:
    encoder = open_encoder(settings_for(server))
    server.statuses = [500] * 5
    with pytest.raises(EncoderRefused, match="answered 500, 5 times; start the server") as caught:
        encoder.encode(["a secret text"], Role.QUERY)
    assert "secret" not in "".join(traceback.format_exception_only(caught.value))


def test_texts_are_cut_to_what_the_server_accepts(server: EmbeddingServer) -> None:
    server.max_words = 200
    encoder = open_encoder(settings_for(server))
    assert encoder.facts.max_tokens == 256  # estimated tokens, of which a word has more than one
    encoder.encode(["red", "word " * 5000, "blue"], Role.QUERY)
    lengths = [len(text.split()) for request in server.requests[-2:] for text in request["input"]]
    assert 100 < max(lengths) <= 200
    server.max_words = 0
    with pytest.raises(EncoderRefused, match="answered 400, it does not accept the texts"):
        encoder.encode(["word " * 50], Role.QUERY)


def test_a_window_that_the_server_cuts_silently_is_measured(server: EmbeddingServer) -> None:
    server.max_words, server.cuts = 70, True
    facts = open_encoder(settings_for(server)).facts
    assert facts.max_tokens == 64
    with pytest.raises(EncoderRefused, match="accepts texts of 50 tokens, max_tokens asks for 100"):
        server.cuts = False
        server.max_words = 60
        open_encoder(settings_for(server, max_tokens=100))


def test_a_tokenizer_cuts_texts_exactly(server: EmbeddingServer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tiny_tokenizer().backend_tokenizer.save(str(path))
    encoder = open_encoder(settings_for(server, tokenizer=path, max_tokens=10))
    encoder.encode(["red server here"], Role.QUERY)
    assert server.requests[-1]["input"] == ["red serve"]  # a token a letter, and two special ones


def test_the_key_comes_from_the_environment_and_is_never_shown(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = KEY
    with pytest.raises(EncoderRefused, match=r"answered 401.*name the variable that holds its key"):
        open_encoder(settings_for(server))
    with pytest.raises(EncoderRefused, match="TINY_KEY is not set"):
        open_encoder(settings_for(server, api_key_variable="TINY_KEY"))
    monkeypatch.setenv("TINY_KEY", KEY)
    encoder = open_encoder(settings_for(server, api_key_variable="TINY_KEY"))
    assert KEY not in f"{encoder} {encoder.facts}"
    server.key = "another"
    with pytest.raises(EncoderRefused, match=r"answered 401.*set TINY_KEY to a valid key") as caught:
        encoder.encode(["text"], Role.QUERY)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    monkeypatch.setenv("TINY_KEY", "sk\nforged: header")
    with pytest.raises(EncoderRefused, match="TINY_KEY holds no key") as caught:
        open_encoder(settings_for(server, api_key_variable="TINY_KEY"))
    assert "forged" not in str(caught.value)


def without_index(answer: dict[str, Any]) -> Any:
    return answer | {"data": [{"embedding": each["embedding"]} for each in answer["data"]]}


def twice_the_same(answer: dict[str, Any]) -> Any:
    return answer | {"data": [each | {"index": 0} for each in answer["data"]] * 2}


def of_numbers(value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda answer: answer | {"data": [each | {"embedding": value} for each in answer["data"]]}


def unstable(answer: dict[str, Any]) -> Any:
    noise = np.random.default_rng().normal(size=DIMENSION)
    return answer | {"data": [each | {"embedding": list(noise + each["embedding"])} for each in answer["data"]]}


REFUSALS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no JSON": (lambda answer: b"<html>", "answered in another form"),
    "other JSON": (lambda answer: {"choices": []}, "answered in another form.*OpenAI-compatible"),
    "a list": (lambda answer: [1], "answered in another form"),
    "no index": (without_index, "answered in another form"),
    "too many": (twice_the_same, "answered in another form"),
    "words": (of_numbers(["a", "b"]), "answered in another form"),
    "broken base64": (of_numbers("!!"), "answered in another form"),
    "no numbers": (of_numbers([]), "gives .0,. numbers a text"),
    "nulls": (of_numbers([None, 1.0, 2.0]), "are not finite"),
    "zeros": (of_numbers([0.0] * 8), "embeddings are zero"),
    "constant": (of_numbers([1.0, 2.0]), "constant embeddings"),
    "unstable": (unstable, "change between two runs"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_server_that_cannot_teach_is_refused(kind: str, server: EmbeddingServer) -> None:
    server.alter, match = REFUSALS[kind]
    with pytest.raises(EncoderRefused, match=match):
        open_encoder(settings_for(server))


def test_a_server_that_is_not_there_is_refused_at_once() -> None:
    with pytest.raises(EncoderRefused, match=r"cannot be reached \(ConnectError\), 1 times; start the server"):
        open_encoder(settings_of("http://127.0.0.1:9/v1", model_id="m"))


def test_another_path_is_refused(server: EmbeddingServer) -> None:
    with pytest.raises(EncoderRefused, match="answered 404, expected 200; check that the URL is the base"):
        open_encoder(settings_of(f"{server.url}/embeddings", model_id="m"))


def test_a_dimension_that_changes_is_refused(server: EmbeddingServer) -> None:
    encoder = open_encoder(settings_for(server))
    server.alter = of_numbers([1.0, 2.0])
    with pytest.raises(EncoderRefused, match="embeddings of 2 numbers after ones of 24"):
        encoder.encode(TEXTS, Role.QUERY)


def test_the_digest_notices_another_model_behind_the_same_name(server: EmbeddingServer) -> None:
    digest = open_encoder(settings_for(server)).facts.digest
    assert open_encoder(settings_for(server, batch_size=2, name="renamed")).facts.digest == digest

    def other(answer: dict[str, Any]) -> Any:
        rows = [each | {"embedding": list(np.abs(each["embedding"]))} for each in answer["data"]]
        return answer | {"data": rows}

    server.alter = other
    assert open_encoder(settings_for(server)).facts.digest != digest
