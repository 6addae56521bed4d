"""The student's tokenizer: a bilingual vocabulary, and the first embeddings of its pieces.

Of a start with WordPiece (BERT): pieces trained on the texts of both languages, filled up with the start's own most
frequent ones. Of a start with Unigram pieces of many languages (XLM-R): cut to those that the texts use, as
granite-embedding was (arXiv 2605.13521). A piece that the start knows begins with the start's embedding; a new one with
the mean of the start's pieces for the same letters.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.implementations import BertWordPieceTokenizer

from student.distill.encoder.recipe import Architecture, RecipeRefused

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_UNIGRAM_SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]
_BATCH_TEXTS = 10_000


def make_tokenizer(start: str, texts: Iterable[str], architecture: Architecture) -> str:
    """The `tokenizer.json` of a student, its padding piece first.

    Args:
        start: the `tokenizer.json` of the weights it starts from.
        texts: of both languages.
        architecture: for the sizes.

    Raises:
        RecipeRefused: the start's pieces are of another kind.
    """
    kind = json.loads(start)["model"]["type"]
    if kind == "WordPiece":
        pieces = train_vocabulary(
            texts, pieces_of(start), size=architecture.vocabulary, trained=architecture.trained_vocabulary
        )
        return tokenizer_json(pieces, architecture.max_tokens)
    if kind == "Unigram":
        return cut_unigram(start, texts, size=architecture.vocabulary, max_tokens=architecture.max_tokens)
    raise RecipeRefused(f"the start's tokenizer is {kind}; a student starts from WordPiece (BERT) or Unigram (XLM-R)")


def cut_unigram(start: str, texts: Iterable[str], *, size: int, max_tokens: int) -> str:
    """A Unigram tokenizer with the `size` pieces that the texts use most, all their letters among them.

    Scores stay as they are, so a word that is still one piece is split as before.
    """
    tokenizer = Tokenizer.from_str(start)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    uses: Counter[int] = Counter()
    letters: set[str] = set()
    for batch in _batches(texts):
        for encoding in tokenizer.encode_batch(batch, add_special_tokens=False):
            uses.update(encoding.ids)
        letters.update(*batch)
    facts = json.loads(start)
    old: list[list[Any]] = facts["model"]["vocab"]
    number = {piece: index for index, (piece, _) in enumerate(old)}
    special = [number[name] for name in _UNIGRAM_SPECIAL]
    single = [
        index for index, (piece, _) in enumerate(old) if len(piece.lstrip("▁")) <= 1 and set(piece) <= letters | {"▁"}
    ]
    kept = list(dict.fromkeys([*special, *single, *(index for index, _ in uses.most_common())]))[:size]
    return _renumbered(facts, kept, max_tokens)


def _renumbered(facts: dict[str, Any], kept: list[int], max_tokens: int) -> str:
    """A `tokenizer.json` with some of its pieces, in their new order."""
    facts["model"]["vocab"] = [facts["model"]["vocab"][index] for index in kept]
    new = {piece: index for index, (piece, _) in enumerate(facts["model"]["vocab"])}
    facts["model"]["unk_id"] = new["<unk>"]
    facts["added_tokens"] = [
        token | {"id": new[token["content"]]} for token in facts["added_tokens"] if token["content"] in new
    ]
    for name, special in facts["post_processor"]["special_tokens"].items():
        special["ids"] = [new[name]]
    facts["padding"] = None
    tokenizer = Tokenizer.from_str(json.dumps(facts))
    tokenizer.enable_truncation(max_tokens)
    return str(tokenizer.to_str())


def train_vocabulary(texts: Iterable[str], start: list[str], *, size: int, trained: int) -> list[str]:
    """The WordPiece pieces of a student's vocabulary, special ones first.

    Args:
        texts: of both languages.
        start: the start's pieces by id, roughly by falling frequency, as BERT's are.
        size: pieces in all.
        trained: pieces trained on the texts; the rest are the start's most frequent others.
    """
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(
        texts, vocab_size=trained, min_frequency=2, special_tokens=SPECIAL, limit_alphabet=400, show_progress=False
    )
    vocabulary = tokenizer.get_vocab()
    pieces = SPECIAL + sorted(set(vocabulary) - set(SPECIAL), key=lambda piece: vocabulary[piece])
    known = set(pieces)
    more = (piece for piece in start if piece not in known and not piece.startswith("["))
    for piece in more:
        if len(pieces) >= size:
            break
        pieces.append(piece)
    return pieces


def initial_embeddings(
    pieces: list[str], start: list[str], start_embeddings: NDArray[np.float32]
) -> NDArray[np.float32]:
    """First embeddings (V, H) of the pieces, made from the start's (V', H)."""
    row_of = {piece: row for row, piece in enumerate(start)}
    rows = []
    for piece in pieces:
        known = [piece] if piece in row_of else split_greedily(piece, row_of)
        rows.append(start_embeddings[[row_of[p] for p in known]].mean(axis=0))
    return np.stack(rows)


def split_greedily(piece: str, vocabulary: Collection[str]) -> list[str]:
    """WordPiece's longest-match-first pieces of a piece; `[UNK]` when some letter is unknown (Wu et al. 2016)."""
    is_inner = piece.startswith("##")
    rest = piece.removeprefix("##")
    found = []
    while rest:
        prefix = "##" if is_inner else ""
        length = next((n for n in range(len(rest), 0, -1) if prefix + rest[:n] in vocabulary), 0)
        if not length:
            return ["[UNK]"]
        found.append(prefix + rest[:length])
        rest, is_inner = rest[length:], True
    return found


def tokenizer_json(pieces: list[str], max_tokens: int) -> str:
    """The `tokenizer.json` of a BERT tokenizer (lower case, accents dropped) with these pieces."""
    tokenizer = BertWordPieceTokenizer({piece: number for number, piece in enumerate(pieces)}, lowercase=True)
    tokenizer.enable_truncation(max_tokens)
    return str(tokenizer.to_str())


def read_pieces(path: Path) -> list[str]:
    """The pieces of a `tokenizer.json`, in the order of their ids."""
    return pieces_of(path.read_text(encoding="utf-8"))


def pieces_of(tokenizer: str) -> list[str]:
    """The pieces of the content of a `tokenizer.json`, in the order of their ids."""
    model = json.loads(tokenizer)["model"]
    vocabulary: Any = model["vocab"]
    if model["type"] == "Unigram":
        return [piece for piece, _ in vocabulary]
    return sorted(vocabulary, key=lambda piece: vocabulary[piece])


def _batches(texts: Iterable[str]) -> Iterable[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == _BATCH_TEXTS:
            yield batch
            batch = []
    yield batch
