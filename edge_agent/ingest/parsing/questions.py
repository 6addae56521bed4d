"""Question and answer layouts: which lines of a document ask, and which answer.

People set a question in bold, number it, write `P:` or `Q:` before it, or answer it in the same paragraph. Whatever
the layout, what comes of it is the same: the question becomes a heading above its answer, so that it is searched with
it and never quoted alone.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from edge_agent.text import split_sentences

_MAX_QUESTION_CHARS = 300
_GAP = r"\s{0,3}"  # bounded: several in a row would take the cube of the time that one takes
_BULLET = r"(?:[-•*▪◦–]\s+)?"
_BULLETED = re.compile(_BULLET)
_NUMBERED = re.compile(rf"{_BULLET}(?:\(?\d{{1,3}}(?:\.\d{{1,3}})*[.)]+\s+|[a-z]\)\s+)?")
_ASKS = re.compile(
    rf"{_NUMBERED.pattern}(?:P|Q|Preg|Pregunta|Question){_GAP}\.?{_GAP}(?:n?[º°.]?{_GAP}\d{{1,3}})?{_GAP}[:.)\-–]\s*",
    re.IGNORECASE,
)
_ANSWERS = re.compile(
    rf"{_BULLET}(?:R|A|Rta|Resp|Respuesta|Answer){_GAP}\.?{_GAP}\d{{0,3}}{_GAP}[:.)\-–]\s*(?=\S)", re.IGNORECASE
)
_ARROW = re.compile(r"(?:[-=–—]{1,2}>|[→⇒➜►▶])\s*(?=\S)")
_DASH = re.compile(r"[–—-]\s+(?=\S)")
_MARKS, _CLOSING = ("?", "？"), "\"'»”’)]*_"


@dataclass(frozen=True, slots=True)
class Part:
    """A line or paragraph: a question that what follows it answers, or any other text."""

    text: str
    is_question: bool = False


def find_questions(paragraphs: Sequence[str], *, is_followed: bool, is_after_question: bool) -> Iterator[list[Part]]:
    """Divides each of some paragraphs into questions and other text.

    Args:
        paragraphs: neighbours in a document, without a heading between them; list items carry their marks.
        is_followed: whether other text answers a question at the end of the last one.
        is_after_question: whether the first one answers a question.
    """
    for number, paragraph in enumerate(paragraphs):
        lines = paragraph.split("\n")
        if not (is_after_question or _holds_mark(paragraph) or any(map(_ASKS.match, lines))):
            yield [Part(paragraph)]  # as nearly all of a text
            continue
        following = paragraphs[number + 1] if number + 1 < len(paragraphs) else ""
        parts: list[Part] = []
        for place, line in enumerate(lines):
            after = lines[place + 1] if place + 1 < len(lines) else following
            has_answer = bool(after) or is_followed
            for part in _split(line, after, has_answer=has_answer, is_after_question=is_after_question):
                parts.append(part)
                is_after_question = part.is_question
        yield list(_with_lines_joined(parts))


def is_question(text: str) -> bool:
    """Whether all that a line says is a question; a number or label before it does not count."""
    text = text.strip()
    if not _ends_asking(text) or len(text) > _MAX_QUESTION_CHARS:
        return False
    return all(_ends_asking(text[start:end]) for start, end in split_sentences(text, _label_end(text)))


def asked_by_heading(heading: str, below: str) -> str:
    """The question of a heading without its `Q:`; "" where it has no such label, or nothing tells that it asks."""
    label = _ASKS.match(heading)
    if label is None or label.end() == len(heading) or not (is_question(heading) or _ANSWERS.match(below)):
        return ""
    return heading[label.end() :]


def _with_lines_joined(parts: Sequence[Part]) -> Iterator[Part]:
    """Parts of a paragraph, neighbours that ask nothing as one."""
    for is_asking, run in groupby(parts, key=lambda part: part.is_question):
        if is_asking:
            yield from run
        else:
            yield Part("\n".join(part.text for part in run))


def _split(line: str, following: str, *, has_answer: bool, is_after_question: bool) -> list[Part]:
    if is_question(line):
        return [_asked(line)] if has_answer else [Part(line)]
    label = _ASKS.match(line)
    if label and label.end() < len(line) <= _MAX_QUESTION_CHARS and _ANSWERS.match(following):
        return [Part(line[label.end() :], is_question=True)]  # a question without its mark
    sentences = split_sentences(line, _label_end(line)) if _may_open_asking(line) else []
    asked = 0
    while asked < len(sentences) and is_question(line[slice(*sentences[asked])]):
        asked += 1
    if 0 < asked < len(sentences):
        question, answer = line[: sentences[asked - 1][1]], line[sentences[asked][0] :]
        return [_asked(question), Part(_without(_DASH, _answer(answer)))]
    if not is_after_question:
        return [Part(line)]
    is_single = line[:1] not in "–—" or line[:1] != following[:1]  # else the first of a list
    answer = _answer(line)
    return [Part(_without(_DASH, answer) if line[:1] in "–—" and is_single else answer)]


def _asked(line: str) -> Part:
    """A question without the label or bullet before it."""
    return Part(_without(_BULLETED, _without(_ASKS, line)), is_question=True)


def _answer(line: str) -> str:
    """An answer without its label, or without the arrow that leads to it."""
    return _without(_ARROW, _without(_ANSWERS, line))


def _holds_mark(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


def _may_open_asking(line: str) -> bool:
    """Whether the first sentence of a line can be a question: a long paragraph is not divided to find that out."""
    if not _holds_mark(line):
        return False
    start = _label_end(line)
    return _holds_mark(line[start : start + _MAX_QUESTION_CHARS])


def _ends_asking(text: str) -> bool:
    return text.rstrip(_CLOSING).endswith(_MARKS)


def _label_end(text: str) -> int:
    label = _ASKS.match(text) or _NUMBERED.match(text)
    return label.end() if label else 0


def _without(label: re.Pattern[str], text: str) -> str:
    found = label.match(text)
    return text[found.end() :] if found and found.end() < len(text) else text
