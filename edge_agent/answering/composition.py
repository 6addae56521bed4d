"""Composition of an answer: which units of the documents are cited, and how they read together.

Deciding code, like `evidence.py`: no I/O. A unit is what can be quoted alone: a sentence, an answer to a question, a
row of a table, a piece of code.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.answering.evidence import Answering, Candidate, Evidence, names_code
from edge_agent.answering.results import Citation
from edge_agent.ingest.parsing.grid import CELL_GAP
from edge_agent.storage.records import Passage, PassageKind
from edge_agent.text import OTHER_LANGUAGE_PENALTY, codes, content_terms, fold, without_version

_FEW_CELLS = 3
_WORD = re.compile(r"\w+")


def choose_units(evidence: Evidence, answering: Answering, text: str, scores: NDArray[np.float64]) -> list[Citation]:
    """The best unit and those of the same document nearly as good, cited in the order of the text.

    A row of a table stands alone, or with rows that hold as many of the question's words; a short answer to a question
    stands whole. Where the question names a code, only what stands under that code is cited.

    Args:
        evidence: for the answer.
        answering: weights and bounds.
        text: of the question.
        scores: of the units, (K,); see `score_units`.
    """
    candidates, similarities = evidence.candidates, evidence.similarities
    order = [int(i) for i in np.argsort(-scores, kind="stable")]
    best = candidates[order[0]]
    least = min(answering.keep_above * scores[order[0]], scores[order[0]])  # below 0 too, the best is kept
    near = [i for i in order if scores[i] >= least and candidates[i].passage.document_id == best.passage.document_id]
    if best.passage.kind is PassageKind.QUESTION_ANSWER:
        near = [i for i in order if candidates[i].passage.passage_id == best.passage.passage_id]
    chosen = _without_other_rows(candidates, near, text)[: answering.max_units]
    citations = [
        cite(candidates[i].passage, start, end, similarities[i])
        for i in sorted(chosen, key=lambda i: candidates[i].start)
        for start, end in _quoted(candidates[i], text)
    ]
    return [*citations, *_fields_named(candidates, best, f"{text} {answer_text(citations)}")]


def _fields_named(candidates: Sequence[Candidate], best: Candidate, text: str) -> list[Citation]:
    """Of a question with fields beside its answer (`See the price field.`), those that question or answer name."""
    if best.passage.kind is not PassageKind.QUESTION_ANSWER:
        return []
    place = (best.passage.document_id, best.passage.heading)
    return [
        cite(field.passage, start, end, field.passage_similarity)
        for field in candidates
        if field.passage.kind is PassageKind.TABLE_ROW and (field.passage.document_id, field.passage.heading) == place
        for start, end in _named_cells(field, content_terms(text))
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
    versions: list[list[Citation]] = []
    for i in (int(i) for i in np.argsort(-scores, kind="stable")):
        unit = evidence.candidates[i]
        passage = unit.passage
        if scores[i] < least or passage.document_id in cited or _subject(passage) not in map(_subject, citations):
            continue
        cited.add(passage.document_id)
        parts = [cite(passage, start, end, evidence.similarities[i]) for start, end in _quoted(unit, text)]
        if not {_plain(part.quote) for part in parts} <= said:
            versions.append(parts)
    return versions


def _subject(place: Passage | Citation) -> tuple[str, str, str]:
    return place.language, without_version(place.title), without_version(place.heading)


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(fold(text)))


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
    scores = scores + answering.word_weight * is_row * _shares_of_words(candidates, content_terms(text))
    scores = scores - _SAYS_NOTHING * _only_repeats(candidates, text)
    for code in codes(text):
        holds = np.array([names_code(candidate, code) for candidate in candidates])
        if holds.any():
            scores = scores - _NOT_NAMED * ~holds
    return scores


_NOT_NAMED, _SAYS_NOTHING = 10.0, 5.0
"""More than any score: units under another code than the one asked for, and labels, come after all others."""


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


def _shares_of_words(candidates: Sequence[Candidate], terms: Sequence[str]) -> NDArray[np.float64]:
    wanted = set(terms)
    held = [set(_WORD.findall(fold(f"{c.passage.heading} {c.text}"))) for c in candidates]
    return np.array([len(wanted & words) / max(1, len(wanted)) for words in held])


def _without_other_rows(candidates: Sequence[Candidate], chosen: Sequence[int], text: str) -> list[int]:
    """Units without rows that hold fewer of the question's words than the best row: rows of other things."""
    is_row = np.array([_is_row(candidate) for candidate in candidates])
    shares = _shares_of_words(candidates, content_terms(text))
    most = max((shares[i] for i in chosen if is_row[i]), default=0.0)
    return [i for i in chosen if not is_row[i] or shares[i] >= most]


def _is_row(unit: Candidate) -> bool:
    """Whether a unit is a row of a table or, in a text, a line that says something of what it begins with."""
    return unit.passage.kind is PassageKind.TABLE_ROW or bool(_LINE.fullmatch(unit.text))


_LINE = re.compile(r"(?:[-•*] )?[^:.!?\n]{1,60}(?:: +|\.{3,} *)[^\n]{1,120}")


def _quoted(unit: Candidate, text: str) -> list[tuple[int, int]]:
    """The parts of a unit to cite: it whole, but of a wide row the cells that are asked for."""
    return (
        _asked_cells(unit, content_terms(text))
        if unit.passage.kind is PassageKind.TABLE_ROW
        else [(unit.start, unit.end)]
    )


def _asked_cells(row: Candidate, terms: Sequence[str]) -> list[tuple[int, int]]:
    """The cells of a row to cite: of a wide one the first, which names it, and those whose columns are asked for."""
    named = _named_cells(row, terms)
    first = row.start, row.start + len(row.text.split(CELL_GAP, 1)[0])
    if row.text.count(CELL_GAP) < _FEW_CELLS or not set(named) - {first}:
        return [(row.start, row.end)]
    return list(dict.fromkeys([first, *named]))


def _named_cells(row: Candidate, terms: Sequence[str]) -> list[tuple[int, int]]:
    """The cells of a row that some words ask for: those of the columns that they name best, and those that hold any."""
    wanted = set(terms)
    cells: list[tuple[int, int, int, bool]] = []
    place = row.start
    for cell in row.text.split(CELL_GAP):
        name, gap, value = cell.partition(": ")
        shared = len(set(_WORD.findall(fold(name))) & wanted) if gap else 0
        cells.append((place, place + len(cell), shared, bool(set(_WORD.findall(fold(value))) & wanted)))
        place += len(cell) + len(CELL_GAP)
    most = max((shared for _, _, shared, _ in cells), default=0)
    return [(start, end) for start, end, shared, is_held in cells if most and (shared == most or is_held)]


_PROSE = frozenset({PassageKind.PARAGRAPH, PassageKind.QUESTION_ANSWER})


def answer_text(citations: Sequence[Citation], *, is_disputed: bool = False) -> str:
    """The answer that citations make: sentences after one another, rows, items and code each on a line of its own.

    Where versions say different things, each stands after its document's title and date.
    """
    parts: list[str] = []
    for before, citation in zip([None, *citations], citations, strict=False):
        if is_disputed and (before is None or before.document_id != citation.document_id):
            parts.append(("\n" if before else "") + _name(citation))
        elif before is not None:
            is_same_row = citation.kind is PassageKind.TABLE_ROW and before.passage_id == citation.passage_id
            is_prose = {before.kind, citation.kind} <= _PROSE and not (
                _LINE.fullmatch(before.quote) or _LINE.fullmatch(citation.quote)
            )
            parts.append(CELL_GAP if is_same_row else " " if is_prose else "\n")
        parts.append(citation.quote)
    return "".join(parts)


def _name(citation: Citation) -> str:
    """The title of a version and what tells it apart, where its title does not: its date, else its source."""
    if citation.date and citation.date[:4] in citation.title:
        return f"{citation.title}: "
    return f"{citation.title} ({citation.date or citation.source}): "


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
