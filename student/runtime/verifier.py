"""The answerability verifier: a small model that says whether a passage answers a question, given both together.

Similarity does not know what a text leaves out; the verifier does, a little. It takes the token embeddings of the
frozen encoder, so it costs a fraction of an encoder's run and nothing is encoded for it twice. A bundle may have none;
its field and its file in a bundle are called `reader`.
"""

from typing import Any, Self

from numpy.typing import NDArray

from student.bundle.folder import Bundle
from student.embeddings import TokenEmbeddings
from student.errors import BundleUnusable
from student.runtime.onnx_session import open_session

PARTS = ("question", "heading", "text")
"""Its inputs, in this order; `heading` holds the passage's title and headings, a line each."""
OUTPUT = "logit"
_QUESTION_TOKENS, _HEADING_TOKENS = 64, 48


class Verifier:
    """A bundle's answerability verifier. Safe to use from several threads, one run on the caller's thread each."""

    def __init__(self, graph: bytes, *, dimension: int) -> None:
        """Loads the graph. Raises `BundleUnusable` when it is no verifier for embeddings of `dimension` numbers."""
        self._session = open_session(graph, "answerability verifier")
        inputs = {node.name: node.shape[-1] for node in self._session.get_inputs() if len(node.shape) == 2}
        others = {node.name for node in self._session.get_inputs() if len(node.shape) != 2}
        outputs = {node.name for node in self._session.get_outputs()}
        expected = dict.fromkeys(PARTS, dimension)
        if inputs != expected or others != {f"{name}_ids" for name in PARTS} or outputs != {OUTPUT}:
            raise BundleUnusable(
                f"the bundle's verifier takes {inputs} and {sorted(others)} and gives {sorted(outputs)}; expected "
                f"{expected}, their ids, and {OUTPUT}; get the bundle again"
            )

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> Self | None:
        """The verifier of a bundle, None where it has none. Raises `BundleUnusable`."""
        entry = bundle.manifest.verifier
        return cls(bundle.read(entry.file), dimension=bundle.manifest.encoder.dimension) if entry else None

    def logit(self, question: TokenEmbeddings, heading: TokenEmbeddings, text: TokenEmbeddings) -> float:
        """Logit that a passage answers a question: above 0 where it more likely does than not, not calibrated.

        Args:
            question: its tokens.
            heading: those of the passage's title and headings, a line each, or of "-" where it has none.
            text: those of the passage.

        Returns:
            The logit; 0 where a part holds no token.
        """
        if not (len(question.ids) and len(heading.ids) and len(text.ids)):
            return 0.0
        bounds = (_QUESTION_TOKENS, _HEADING_TOKENS, len(text.ids))
        feed: dict[str, NDArray[Any]] = {}
        for name, tokens, most in zip(PARTS, (question, heading, text), bounds, strict=True):
            feed[name], feed[f"{name}_ids"] = tokens.embeddings[:most], tokens.ids[:most]
        (logit,) = self._session.run([OUTPUT], feed)
        return float(logit)
