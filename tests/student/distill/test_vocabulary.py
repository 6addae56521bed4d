"""The student's tokenizer of a start with Unigram pieces: cut to what the texts use, nothing else changed."""

import json

import pytest
from tokenizers import Tokenizer

from student.distill.encoder.recipe import Architecture, RecipeRefused
from student.distill.encoder.vocabulary import cut_unigram, make_tokenizer, pieces_of
from teacher.weights.nano_e5 import tokenizer_of

LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)] + ["é", "ñ", "я"]
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    *LETTERS,
    "▁pago",
    "▁factura",
    "▁bill",
    "▁Rechnung",
    "▁счет",
    "s",
    "<mask>",
]
TEXTS = ["pago la factura", "the bill", "pago la factura mañana"] * 3


@pytest.fixture(scope="module")
def start() -> str:
    pieces = [(piece, -2.0 if len(piece) > 2 else -4.0) for piece in dict.fromkeys(PIECES)]
    return str(tokenizer_of(pieces, 64).to_str())


def test_texts_are_split_as_before_with_fewer_pieces(start: str) -> None:
    cut = cut_unigram(start, TEXTS, size=30, max_tokens=16)
    before, after = Tokenizer.from_str(start), Tokenizer.from_str(cut)
    assert after.get_vocab_size() <= 30 < before.get_vocab_size()
    for text in TEXTS:
        assert after.encode(text).tokens == before.encode(text).tokens
    assert after.encode("я").ids[2] == after.token_to_id("<unk>")
    assert after.encode("la " * 40).ids[-1] == after.token_to_id("</s>")
    assert len(after.encode("la " * 40).ids) == 16


def test_padding_is_piece_0_and_frequent_pieces_are_kept(start: str) -> None:
    pieces = pieces_of(cut_unigram(start, TEXTS, size=24, max_tokens=16))
    assert pieces[:4] == ["<pad>", "<unk>", "<s>", "</s>"]
    assert {"▁pago", "▁factura"} <= set(pieces)
    assert "▁Rechnung" not in pieces
    assert set(pieces) >= set("pagolfcturthebimñ")  # with letters alone any word of these texts can be spelt


def test_other_kinds_of_pieces_are_refused(start: str) -> None:
    other = json.loads(start)
    other["model"]["type"] = "BPE"
    with pytest.raises(RecipeRefused, match="tokenizer is BPE; a student starts from WordPiece"):
        make_tokenizer(json.dumps(other), TEXTS, Architecture(layers=[0]))
