"""Scores of what was found: how well each sentence, row or piece of code seems to answer a question.

Deciding code: no I/O.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.answering.evidence import Answering, Candidate, Evidence, names_code
from edge_agent.answering.filler import is_filler
from edge_agent.answering.rows import shares_of_words
from edge_agent.storage.records import PassageKind
from edge_agent.text import OTHER_LANGUAGE_PENALTY, codes, content_terms, fold

_WORD = re.compile(r"\w+")


def score_units(evidence: Evidence, answering: Answering, text: str, *, language: str) -> NDArray[np.float64]:
    """How well each unit (K,) answers: its similarity, its passage's, what people said, the question's words in it.

    Args:
        evidence: for the answer.
        answering: weights.
        text: of the question.
        language: of the question, "" where unknown; units in another go after those nearly as good.
    """
    candidates, weight = evidence.candidates, answering.passage_weight
    passages = np.array([candidate.passage_similarity for candidate in candidates])
    moved = np.array([candidate.moved for candidate in candidates])
    scores: NDArray[np.float64] = (1 - weight) * evidence.similarities + weight * passages + moved
    others = np.array([language != "" and c.passage.language not in (language, "") for c in candidates])
    scores = scores - OTHER_LANGUAGE_PENALTY * others
    is_row = np.array([candidate.passage.kind is PassageKind.TABLE_ROW for candidate in candidates])
    scores = scores + answering.word_weight * is_row * shares_of_words(candidates, content_terms(text))
    scores = scores - _SAYS_NOTHING * _only_repeats(candidates, text)
    scores = scores - _SAYS_NOTHING * np.array([is_filler(c.text, c.passage, c.start) for c in candidates])
    for code in codes(text):
        holds = np.array([names_code(candidate, code) for candidate in candidates])
        if holds.any():
            scores = scores - _NOT_NAMED * ~holds
    return scores


_NOT_NAMED, _SAYS_NOTHING = 10.0, 5.0
"""More than any score: units under another code than the one asked for, labels and filler come after all others."""


def _only_repeats(candidates: Sequence[Candidate], text: str) -> NDArray[np.bool_]:
    """Which units (K,) are labels that hold nothing but words of the question, such as `F-3` or `Ipswich`."""
    asked = set(_WORD.findall(fold(text)))
    return np.array(
        [
            len(candidate.text) <= _LABEL_CHARS
            and candidate.text[-1:] not in ".!…"
            and set(_WORD.findall(fold(candidate.text))) <= asked
            for candidate in candidates
        ]
    )


_LABEL_CHARS = 80
