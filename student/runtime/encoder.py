"""The encoder at run time: tokenizer and ONNX graph, text in, unit-norm embeddings out. No torch.

The recipe is measured (docs/adr/0004): one session with one thread a run, no spinning, as many runs side by
side as there are cores, and one text a run at its exact length. Dynamic int8 scales activations by tensor, so
an embedding would depend on the rest of its batch.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from student.bundle.folder import Bundle
from student.embeddings import Embeddings, TokenEmbeddings
from student.errors import BundleUnusable
from student.runtime.onnx_session import open_session
from student.runtime.work_queue import Priority, WorkQueue

_PIECE_CHARS = 20_000


class Encoder:
    """Encodes texts with a bundle's encoder, several at a time on as many threads as there are workers.

    Guarantees:
        The embedding of a text does not depend on the texts encoded with it.
    """

    def __init__(
        self, graph: bytes | Path, tokenizer: bytes, *, dimension: int, max_tokens: int, workers: int | None = None
    ) -> None:
        self.dimension = dimension
        self.max_tokens = max_tokens
        self.tokenizer = load_tokenizer(tokenizer)
        self._session = _load_session(graph, dimension)
        self.workers = workers or len(os.sched_getaffinity(0))
        self.queue = WorkQueue(self.workers)

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, workers: int | None = None) -> Self:
        """The encoder of a verified bundle.

        Args:
            bundle: as `open_bundle` returned it.
            workers: runs side by side; None for one a core that this process may use.

        Raises:
            BundleUnusable: onnxruntime or tokenizers refuse a file, or the graph has other inputs or outputs.
        """
        entry = bundle.manifest.encoder
        return cls(
            bundle.path / entry.graph,  # onnxruntime would keep a copy of bytes
            bundle.read(entry.tokenizer),
            dimension=entry.dimension,
            max_tokens=entry.max_tokens,
            workers=workers,
        )

    def encode(self, texts: Sequence[str], *, priority: Priority = Priority.QUESTION) -> Embeddings:
        """The embeddings (N, D) of N texts; text past `max_tokens` tokens is not seen.

        Args:
            texts: each run by itself.
            priority: of documents' texts, `Priority.INGEST`, so that questions go before them.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        return np.stack(self.queue.run(self._encode_one, texts, priority))  # (N, D)

    def encode_with_tokens(self, text: str) -> tuple[Embeddings, TokenEmbeddings]:
        """The embedding (D,) of a question and those of its tokens, of one run."""
        return self.queue.run(self._encode_both, [text], Priority.QUESTION)[0]

    def encode_tokens(self, text: str) -> TokenEmbeddings:
        """The embedding of each token of one text, with its offsets in the text."""
        return self.encode_each_tokens([text])[0]

    def encode_each_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """The embeddings of the tokens of each of several texts, a question's or those that may answer it."""
        return self.queue.run(self._encode_tokens, texts, Priority.QUESTION)

    def token_starts(self, text: str) -> NDArray[np.int64]:
        """Starts (T,) of the tokens of a text of any length, in code points, ascending."""
        starts = [np.empty(0, dtype=np.int64)]
        begin = 0
        while begin < len(text):  # piece by piece, since what the tokenizer makes is fifty times its text
            end = begin + _PIECE_CHARS
            if end < len(text):
                end = max(text.rfind(" ", begin, end), text.rfind("\n", begin, end)) + 1 or end
            part = text[begin:end]
            piece = self.tokenizer.encode_batch([part], add_special_tokens=False)[0]  # unlike `encode`, no GIL
            starts.append(begin + np.array([_past_spaces(part, *span) for span in piece.offsets], dtype=np.int64))
            begin = end
        found = np.concatenate(starts)
        return found[found < len(text)]  # space at the end is a piece of its own in some vocabularies

    def close(self) -> None:
        """Waits for running texts and ends the threads."""
        self.queue.close()

    def _encode_one(self, text: str) -> Embeddings:
        (embedding,) = self._session.run(["sentence_embedding"], _inputs(self._tokenize(text).ids))
        return np.asarray(embedding[0], dtype=np.float32)  # (D,)

    def _encode_tokens(self, text: str) -> TokenEmbeddings:
        encoding = self._tokenize(text)
        (embeddings,) = self._session.run(["token_embeddings"], _inputs(encoding.ids))
        return _own_tokens(text, encoding, embeddings[0])

    def _encode_both(self, text: str) -> tuple[Embeddings, TokenEmbeddings]:
        encoding = self._tokenize(text)
        outputs = self._session.run(["sentence_embedding", "token_embeddings"], _inputs(encoding.ids))
        return np.asarray(outputs[0][0], dtype=np.float32), _own_tokens(text, encoding, outputs[1][0])

    def _tokenize(self, text: str) -> Encoding:
        """The tokens of a text that fit into the window, with the special ones around them."""
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        encoding.truncate(self.max_tokens - self.tokenizer.num_special_tokens_to_add(is_pair=False))
        return self.tokenizer.post_process(encoding)


def _own_tokens(text: str, encoding: Encoding, embeddings: NDArray[np.float32]) -> TokenEmbeddings:
    own = np.array(encoding.special_tokens_mask) == 0  # (T with special tokens,)
    spans = [(_past_spaces(text, start, end), end) for start, end in encoding.offsets]
    offsets = np.array(spans, dtype=np.int64)[own]
    ids = np.array(encoding.ids, dtype=np.int64)[own]
    return TokenEmbeddings(np.asarray(embeddings, dtype=np.float32)[own], offsets.reshape(-1, 2), ids)


def _past_spaces(text: str, start: int, end: int) -> int:
    """The start of a token's own letters: pieces of Unigram begin with the space before a word."""
    while start < end and text[start].isspace():
        start += 1
    return start


def _inputs(ids: list[int]) -> dict[str, NDArray[np.int64]]:
    input_ids = np.array([ids], dtype=np.int64)  # (1, T)
    return {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)}


def load_tokenizer(content: bytes) -> Tokenizer:
    """A bundle's tokenizer, which neither pads nor cuts. Raises `BundleUnusable`."""
    try:
        tokenizer = Tokenizer.from_str(content.decode())
    except Exception as error:  # tokenizers raises bare Exception
        raise BundleUnusable("the bundle's tokenizer cannot be loaded; get the bundle again") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _load_session(graph: bytes | Path, dimension: int) -> Any:
    session = open_session(graph, "encoder")
    inputs = {node.name for node in session.get_inputs()}
    outputs = {node.name: node.shape[-1] for node in session.get_outputs()}
    is_known = outputs.keys() == {"sentence_embedding", "token_embeddings"}
    if inputs != {"input_ids", "attention_mask"} or not is_known or outputs["sentence_embedding"] != dimension:
        raise BundleUnusable(
            f"the bundle's graph maps {sorted(inputs)} to {outputs}; expected input_ids and attention_mask to "
            f"token_embeddings and a sentence_embedding of {dimension} numbers; get the bundle again"
        )
    return session
