"""A bilingual WordPiece vocabulary, and the first embeddings of its pieces.

Pieces trained on the texts of both languages, filled up with the teacher's own most frequent ones, so that English
keeps words that the texts happen to lack. A piece that the teacher knows starts from the teacher's embedding; a new one
from the mean of the teacher's pieces for the same letters.
"""

import json
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers.implementations import BertWordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def train_vocabulary(texts: Iterable[str], teacher: list[str], *, size: int, trained: int) -> list[str]:
    """The pieces of a student's vocabulary, special ones first.

    Args:
        texts: of both languages.
        teacher: the teacher's pieces by id, roughly by falling frequency, as BERT's are.
        size: pieces in all.
        trained: pieces trained on the texts; the rest are the teacher's most frequent others.
    """
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(
        texts, vocab_size=trained, min_frequency=2, special_tokens=SPECIAL, limit_alphabet=400, show_progress=False
    )
    vocabulary = tokenizer.get_vocab()
    pieces = SPECIAL + sorted(set(vocabulary) - set(SPECIAL), key=lambda piece: vocabulary[piece])
    known = set(pieces)
    more = (piece for piece in teacher if piece not in known and not piece.startswith("["))
    for piece in more:
        if len(pieces) >= size:
            break
        pieces.append(piece)
    return pieces


def initial_embeddings(
    pieces: list[str], teacher: list[str], teacher_embeddings: NDArray[np.float32]
) -> NDArray[np.float32]:
    """First embeddings (V, H) of the pieces, made from the teacher's (V', H)."""
    row_of = {piece: row for row, piece in enumerate(teacher)}
    rows = []
    for piece in pieces:
        known = [piece] if piece in row_of else split_greedily(piece, row_of)
        rows.append(teacher_embeddings[[row_of[p] for p in known]].mean(axis=0))
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
    vocabulary: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
    return sorted(vocabulary, key=lambda piece: vocabulary[piece])
