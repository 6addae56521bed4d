"""Check of a verifier beside another encoder than the one that it was trained for: does it still tell answers apart?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from student.distill.targets import evenly
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder
from student.runtime.verifier import Verifier

MAY_LOSE = 0.02
"""Share of cases that a verifier may judge wrong besides those that it judged wrong before."""


def share_told_apart(verifier: Verifier, encoder: Encoder, cases: Sequence[tuple[str, str, str]]) -> float:
    """Share of cases in which the verifier prefers the text that answers.

    Args:
        verifier: of any encoder.
        encoder: whose tokens it reads.
        cases: question, a text that answers it, and one that does not.
    """
    questions, answers, others = (encoder.encode_each_tokens(part) for part in zip(*cases, strict=True))
    nothing = encoder.encode_tokens("-")
    right = [
        verifier.logit(question, nothing, answer) > verifier.logit(question, nothing, other)
        for question, answer, other in zip(questions, answers, others, strict=True)
    ]
    return float(np.mean(right))


def near_misses(
    texts: Sequence[str], links: NDArray[np.int64], embeddings: Embeddings, *, count: int
) -> list[tuple[str, str, str]]:
    """Cases of questions, what answers them, and the nearest other answer.

    Args:
        texts: N.
        links: (A, 2), the rows of questions and of what answers them.
        embeddings: (N, D), to find what is near.
        count: at most so many, evenly drawn.
    """
    answering = {question: set(links[links[:, 0] == question, 1].tolist()) for question in set(links[:, 0].tolist())}
    others = np.unique(links[:, 1])
    cases = []
    for question, answer in links[evenly(len(links), count)]:
        order = others[np.argsort(-(embeddings[others] @ embeddings[question]))]
        near = next((int(row) for row in order if row not in answering[question]), None)
        if near is not None:
            cases.append((texts[question], texts[answer], texts[near]))
    return cases
