"""The cross-encoder: a small model that reads a question and a text together and says how well the text answers.

An embedding of a text is made without the question, so what tells two near passages apart may be lost in it. The
cross-encoder sees both (Nogueira & Cho 2019, arXiv 1901.04085), at the cost of a run for each text: it reads the few
that embeddings and words found. A bundle may have none.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from student.bundle.folder import Bundle
from student.errors import BundleUnusable
from student.runtime.encoder import Encoder
from student.runtime.onnx_session import open_session
from student.runtime.work_queue import Priority

INPUTS, OUTPUT = ("input_ids", "segment_ids"), "logit"
QUESTION_TOKENS, HEADING_TOKENS, TEXT_TOKENS = 48, 32, 150
"""Tokens that are read of a question, of the headings above a text, and of a text."""
_END_PROBE = "a"


class PairTokens:
    """Makes the token ids of a question and a text that are read together.

    `begin question end heading end text end`, where `begin` and `end` are the tokenizer's own special tokens; the
    segment of what belongs to the question is 0, of the rest 1. A text without headings has no part for them.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        """Of a tokenizer, for pairs of at most so many tokens: a small window leaves less to each part."""
        self._tokenizer, self._max_tokens = tokenizer, max_tokens
        ids = tokenizer.encode(_END_PROBE).ids
        self._begin, self._end = ids[0], ids[-1]

    def encode(self, question: str, heading: str, text: str) -> tuple[list[int], list[int]]:
        """Ids and segments (T,) of one pair; what is beyond the bounds is not read."""
        asked = [self._begin, *self._ids(question, min(QUESTION_TOKENS, self._max_tokens // 4)), self._end]
        above = [*self._ids(heading, min(HEADING_TOKENS, self._max_tokens // 8)), self._end] if heading else []
        left = self._max_tokens - len(asked) - len(above) - 1
        told = [*above, *self._ids(text, min(TEXT_TOKENS, left)), self._end]
        return [*asked, *told], [0] * len(asked) + [1] * len(told)

    def _ids(self, text: str, most: int) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids[:most]


class CrossEncoder:
    """A bundle's cross-encoder. Safe to use from several threads; pairs run side by side in the encoder's queue."""

    def __init__(self, graph: bytes, encoder: Encoder) -> None:
        """Loads the graph, which goes with the pieces of an encoder. Raises `BundleUnusable` if it is another one."""
        self._session = open_session(graph, "cross-encoder")
        inputs = {node.name for node in self._session.get_inputs()}
        outputs = {node.name for node in self._session.get_outputs()}
        if inputs != set(INPUTS) or outputs != {OUTPUT}:
            raise BundleUnusable(
                f"the bundle's cross-encoder maps {sorted(inputs)} to {sorted(outputs)}; expected {', '.join(INPUTS)} "
                f"to {OUTPUT}; get the bundle again"
            )
        self._tokens = PairTokens(encoder.tokenizer, encoder.max_tokens)
        self._queue = encoder.queue

    @classmethod
    def from_bundle(cls, bundle: Bundle, encoder: Encoder) -> Self | None:
        """The cross-encoder of a bundle, None where it has none. Raises `BundleUnusable`."""
        entry = bundle.manifest.cross_encoder
        return cls(bundle.read(entry.file), encoder) if entry else None

    def logits(self, question: str, texts: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """How well each text answers a question: above 0 where it more likely does than not, not calibrated.

        Args:
            question: in any language that the bundle reads.
            texts: N of heading ("" where there is none) and text.

        Returns:
            The logits (N,).
        """
        found = self._queue.run(lambda text: self._logit(question, *text), texts, Priority.QUESTION)
        return np.array(found, dtype=np.float32)

    def _logit(self, question: str, heading: str, text: str) -> float:
        feed: dict[str, NDArray[Any]] = {
            name: np.array([numbers], dtype=np.int64)
            for name, numbers in zip(INPUTS, self._tokens.encode(question, heading, text), strict=True)
        }
        (logit,) = self._session.run([OUTPUT], feed)
        return float(logit[0])
