"""Composition of an answer: which units of the documents are cited, in the order in which they are read.

Deciding code, like `evidence.py`: no I/O. How they read together is said in `rendering.py`.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.answering.answer_units import unit_of
from edge_agent.answering.evidence import Answering, Candidate, Evidence
from edge_agent.answering.filler import is_filler
from edge_agent.answering.results import Citation
from edge_agent.answering.rows import asked_cells, named_cells, without_other_rows
from edge_agent.answering.sections import section_of
from edge_agent.storage.records import Passage, PassageKind
from edge_agent.text import content_terms, fold, without_version

_WORD = re.compile(r"\w+")


def choose_units(evidence: Evidence, answering: Answering, text: str, scores: NDArray[np.float64]) -> list[Citation]:
    """The best unit whole, and those of the same document nearly as good, cited in the order of the text.

    A row of a table stands alone, or with rows that hold as many of the question's words. Where the question names a
    code, only what stands under that code is cited.

    Args:
        evidence: for the answer.
        answering: weights and bounds.
        text: of the question.
        scores: of the units, (K,); see `score_units`.

    Returns:
        No citation where nothing but filler was found.
    """
    candidates = evidence.candidates
    ranked = _ranked_units(evidence, answering, text, scores)
    best = candidates[ranked[0][0]]
    if is_filler(best.text, best.passage, best.start):
        return []
    near = {i: unit for i, unit in ranked if candidates[i].passage.document_id == best.passage.document_id}
    if best.passage.kind is PassageKind.QUESTION_ANSWER:
        near = dict(ranked[:1])
    chosen: list[Citation] = []
    for i in without_other_rows(candidates, list(near), text)[: answering.max_units]:
        unit = _without_said(near[i], chosen)
        if not chosen or sum(len(c.quote) for c in (*chosen, *unit)) <= answering.max_chars:
            chosen += unit
    chosen.sort(key=lambda citation: citation.start)
    return [*chosen, *_fields_named(candidates, best, f"{text} {' '.join(c.quote for c in chosen)}")]


def _ranked_units(
    evidence: Evidence, answering: Answering, text: str, scores: NDArray[np.float64]
) -> list[tuple[int, list[Citation]]]:
    """The candidates nearly as good as the best with the units around them, the best unit first.

    A unit counts as its candidate, and a little more for each other candidate that it holds.
    """
    order = [int(i) for i in np.argsort(-scores, kind="stable")]
    top = scores[order[0]]
    least = min(answering.keep_above * top, top)  # below 0 too, the best is kept
    near = [i for i in order if scores[i] >= least][:_MOST_UNITS]
    units = {i: _cited(evidence, i, text, answering, scores) for i in near}
    ranks = {
        i: scores[i]
        + answering.company_weight
        * sum(scores[j] - least for j in near if j != i and _holds(units[i], evidence.candidates[j]))
        for i in near
    }
    return [(i, units[i]) for i in sorted(near, key=ranks.__getitem__, reverse=True)]


_MOST_UNITS = 12
"""Candidates whose units are compared."""


def _holds(unit: Sequence[Citation], candidate: Candidate) -> bool:
    return any(
        part.document_id == candidate.passage.document_id and part.start <= candidate.start < part.end for part in unit
    )


def _cited(evidence: Evidence, i: int, text: str, answering: Answering, scores: NDArray[np.float64]) -> list[Citation]:
    """The citations of the unit around a candidate: of a wide row, of the cells that are asked for."""
    candidate, similarity = evidence.candidates[i], evidence.similarities[i]
    if candidate.passage.kind is PassageKind.TABLE_ROW:
        cells = asked_cells(candidate, content_terms(text))
        return [cite(candidate.passage, start, end, similarity) for start, end in cells]
    section = section_of(candidate.passage, evidence.around)
    near = {
        other.start: float(score)
        for other, score in zip(evidence.candidates, scores, strict=True)
        if other.passage.document_id == candidate.passage.document_id
    }
    return [
        cite(passage, start, end, similarity)
        for span in unit_of(candidate, section, text, answering.bounds, near)
        for passage, start, end in section.parts(*span)
    ]


def _without_said(unit: Sequence[Citation], chosen: Sequence[Citation]) -> list[Citation]:
    """A unit's citations without places, and words, that are cited already."""
    said = {_plain(citation.quote) for citation in chosen}
    return [
        citation
        for citation in unit
        if _plain(citation.quote) not in said
        and not any(citation.start < other.end and other.start < citation.end for other in chosen)
    ]


def _fields_named(candidates: Sequence[Candidate], best: Candidate, text: str) -> list[Citation]:
    """Of a question with fields beside its answer (`See the price field.`), those that question or answer name."""
    if best.passage.kind is not PassageKind.QUESTION_ANSWER:
        return []
    place = (best.passage.document_id, best.passage.heading)
    return [
        cite(field.passage, start, end, field.passage_similarity)
        for field in candidates
        if field.passage.kind is PassageKind.TABLE_ROW and (field.passage.document_id, field.passage.heading) == place
        for start, end in named_cells(field, content_terms(text))
    ]


def other_versions(
    evidence: Evidence, answering: Answering, text: str, scores: NDArray[np.float64], citations: Sequence[Citation]
) -> list[list[Citation]]:
    """The same place in other versions of the cited document, where it says something else, the best first.

    Versions are documents of one language whose titles differ in figures, dates and words such as "version" alone; the
    place is the one under the same headings, likewise.
    """
    least = answering.keep_above * float(scores.max())
    said = {_plain(citation.quote) for citation in citations}
    cited = {citation.document_id for citation in citations}
    subjects = {_subject(citation) for citation in citations}
    versions: list[list[Citation]] = []
    for i in (int(i) for i in np.argsort(-scores, kind="stable")):
        passage = evidence.candidates[i].passage
        if scores[i] < least or passage.document_id in cited or _subject(passage) not in subjects:
            continue
        cited.add(passage.document_id)
        parts = _cited(evidence, i, text, answering, scores)
        if not {_plain(part.quote) for part in parts} <= said:
            versions.append(parts)
    return versions


def _subject(place: Passage | Citation) -> tuple[str, str, str]:
    return place.language, without_version(place.title), without_version(place.heading)


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(fold(text)))


def cite(passage: Passage, start: int, end: int, similarity: float) -> Citation:
    """A citation of `start:end` of the document's text, which lies within a passage."""
    return Citation(
        document_id=passage.document_id,
        content_sha256=passage.content_sha256,
        passage_id=passage.passage_id,
        source=passage.source,
        title=passage.title,
        language=passage.language,
        heading=passage.heading,
        page=passage.page,
        start=start,
        end=end,
        quote=passage.text[start - passage.start : end - passage.start],
        similarity=float(similarity),
        root=passage.root,
        date=passage.date,
        is_stale=passage.is_stale,
        kind=passage.kind,
    )
