"""Queries for passages: the baseline, language models, the round trip, and hard negatives."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from student.artifacts.json_lines import DataRefused
from student.embeddings import Embeddings
from teacher.corpora.queries import Pair, add_written, make_pairs, mine_negatives, read_query_pairs, write_pairs
from teacher.corpora.recipe import CorpusRecipe, Source
from teacher.corpora.writers import WriterFailed, endpoint_writer, local_writer, parse_queries, prompt_for

SENTENCES = "Open the page of invoices in the panel. Choose the one to pay and press the button. It is paid at once."
GUIDE = f"# Pay an invoice\n\n{SENTENCES}\n\n## By card\n\n{SENTENCES.replace('invoices', 'cards')}\n"
WORDS = ["invoice", "card", "backup", "domain"]


def count_words(texts: list[str]) -> Embeddings:
    """An embedding of four words and of the text's length."""
    rows = np.array([[text.lower().count(word) + 0.01 for word in WORDS] for text in texts], dtype=np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def test_titles_headings_and_first_sentences_ask_for_what_follows(tmp_path: Path) -> None:
    row = {"id": "x:en:pay", "lang": "en", "title": "Pay an invoice", "body_markdown": GUIDE}
    other = row | {"id": "x:es:pay", "lang": "es"}
    (tmp_path / "guides.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(other) + "\n")
    source = Source(mix="m", kind="guides", file="guides.jsonl", language="en", license="MIT")
    pairs = list(make_pairs(CorpusRecipe(name="r", source=[source]), tmp_path))
    assert {pair.maker for pair in pairs} == {"title", "heading", "first sentence"}
    assert {pair.guide for pair in pairs} == {"x:en:pay"}
    by_card = next(pair for pair in pairs if pair.maker == "heading")
    assert "By card" in by_card.query
    assert "cards" in by_card.passage
    for pair in pairs:
        assert pair.query not in pair.passage


def test_a_written_query_is_kept_if_its_passage_is_found_by_it() -> None:
    pairs = [Pair("q", f"all about the {word} here", word, "title", "en", "s") for word in WORDS]
    answers = {"invoice": ["pay my invoice?", "which domain?"], "card": ["a lost card"], "backup": [""], "domain": []}
    seen: list[tuple[int, int]] = []

    def write(passage: str, language: str) -> list[str]:
        assert language == "en"
        return next(queries for word, queries in answers.items() if word in passage)

    kept = list(
        add_written(
            pairs,
            write,
            count_words,
            maker="m",
            found_among=1,
            on_passage=lambda done, total: seen.append((done, total)),
        )
    )
    assert [(pair.query, pair.guide, pair.maker) for pair in kept] == [
        ("pay my invoice?", "invoice", "m"),
        ("a lost card", "card", "m"),
    ]
    assert seen[-1] == (4, 4)


def test_pairs_are_read_as_they_were_written_and_once(tmp_path: Path) -> None:
    pairs = [Pair(f"¿q{n}?", f"passage {n}", f"g{n}", "title", "es", "s") for n in range(25)]
    write_pairs(tmp_path / "p.jsonl", [*pairs, pairs[3]])
    assert read_query_pairs(tmp_path / "p.jsonl") == pairs


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ('{"query": "a"}\n', "without the text column 'passage'"),
        ('{"query": " ", "passage": "b"}\n', "empty query or passage"),
        ('{"query": "a", "passage": "b"}\n' * 30, "1 pairs; expected at least 20"),
        ("{\n", "line 1 is not a JSON object"),
    ],
)
def test_pairs_of_another_form_are_refused(tmp_path: Path, content: str, match: str) -> None:
    (tmp_path / "p.jsonl").write_text(content)
    with pytest.raises(DataRefused, match=match):
        read_query_pairs(tmp_path / "p.jsonl")


def test_hard_negatives_are_near_but_of_other_guides_and_not_as_near_as_the_answer() -> None:
    angles = np.radians([0.0, 5, 20, 40, 80])
    passages = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    guides = ["a", "b", "a", "c", "d"]  # row 1 is nearly the answer to row 0, row 2 is of the same guide
    pairs = [Pair(str(n), str(n), guide, "", "", "") for n, guide in enumerate(guides)]
    assert mine_negatives(pairs, passages, passages, count=2, share=0.95)[0] == [3, 4]
    assert mine_negatives(pairs, passages, passages, count=1, share=1.0)[0] == [1]


@pytest.mark.parametrize("answer", ["1. How do I pay?\n2) Where is it?\n3. More?", "- How do I pay?\n\n• Where is it?"])
def test_queries_are_lines_without_their_marks(answer: str) -> None:
    assert parse_queries(answer, 2) == ["How do I pay?", "Where is it?"]


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """A local server that answers as an OpenAI-compatible one, or with an error when asked for the model `broken`."""
    asked: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(body | {"path": self.path, "key": self.headers.get("authorization")})
            is_broken = body["model"] == "broken"
            answer = {} if is_broken else {"choices": [{"message": {"content": "1. Where do I pay?\n2. And when?"}}]}
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        log_message: Callable[..., None] = lambda *arguments: None

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", asked
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()


def test_an_endpoint_is_asked_in_the_passages_language(endpoint: tuple[str, list[dict[str, object]]]) -> None:
    url, asked = endpoint
    assert endpoint_writer(url, "m", key="k")("Se paga en el panel.", "es") == ["Where do I pay?", "And when?"]
    assert asked[0]["path"] == "/v1/chat/completions"
    assert asked[0]["key"] == "Bearer k"
    assert "Escribe 2 preguntas" in str(asked[0]["messages"])


def test_an_endpoint_that_does_not_answer_is_reported(endpoint: tuple[str, list[dict[str, object]]]) -> None:
    with pytest.raises(WriterFailed, match="did not answer as an OpenAI-compatible endpoint"):
        endpoint_writer(endpoint[0], "broken")("text", "en")
    with pytest.raises(WriterFailed, match="ConnectError"):
        endpoint_writer("http://127.0.0.1:9", "m")("text", "en")


def test_a_causal_language_model_in_a_folder_writes(tmp_path: Path) -> None:
    """Random weights: what it writes is nonsense, that it is asked, sampled and parsed is what is tested."""
    prompt = prompt_for("Se paga en el panel.", "es", 2)
    unknown = "[UNK]"
    vocabulary = {word: n for n, word in enumerate([unknown, *sorted({w for w in prompt.split() if len(w) < 3})])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=unknown, eos_token=unknown).save_pretrained(tmp_path)
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(vocab_size=len(vocabulary), n_embd=16, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    write = local_writer(tmp_path)
    written = [write("Se paga en el panel.", "es") for _ in range(3)]
    assert any(written)
    assert all(5 <= len(query) <= 300 for queries in written for query in queries)


def test_a_folder_without_a_language_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriterFailed, match="no causal language model"):
        local_writer(tmp_path)
