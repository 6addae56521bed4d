"""Examples for a cross-encoder: questions with texts that answer them, and near ones that do not.

Two kinds of sources. Questions of public help pages and textbooks with their answers; what does not answer is mined:
the answers of other questions that the bundle's encoder finds near (hard negatives, Xiong et al. 2020, arXiv
2007.00808), without those that may answer as well: much nearer than the answer itself, or nearly the same text. And
questions written by hand (`teacher/data/answerability.jsonl`) on passages of guides, which also say where in the
passage the answer stands, so that its units are told apart, and which passages only seem to answer.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.ingest.units import unit_spans
from edge_agent.storage.records import PassageKind
from student.artifacts.digests import digest_file
from student.artifacts.json_lines import area_of, column, is_held_out, page_of, read_rows
from student.bundle.manifest import Origin
from student.distill.cross_encoder.examples import CROSS_ENCODER_ROLE, RankingExample, Told
from student.embeddings import Embeddings
from teacher.corpora.guide_passages import GuidePassage, read_written, written_origin
from teacher.corpora.rankings_recipe import AnswersSource, RankingsRecipe

_BLOCK, _SHOWN_TEXTS = 256, 512
_SHORTEST_TEXT, _SHORTEST_UNIT = 30, 16
_SHORTEST_QUESTION, _LONGEST_QUESTION = 8, 300
_SAME, _OTHER = 0.5, 0.2
"""Share of a unit that must lie in the quoted answer to be of it, and that may where it is not."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the text that it was asked of.

    `quote` is the place of the answer in a passage that a written question was asked of, None where that passage does
    not answer; what is mined has none, and all of the text answers.
    """

    kind: str
    language: str
    question: str
    told: Told
    told_language: str
    group: str
    source: str
    quote: tuple[int, int] | None = None


def read_asked(recipe: RankingsRecipe, data: Path) -> list[Asked]:
    """The questions of a recipe's sources that are not of areas held out. Raises `DataRefused`."""
    asked = [each for source in recipe.source for each in _of_source(source, recipe, data)]
    if recipe.written:
        written = read_written(recipe.written, data, areas_held_out=recipe.areas_held_out)
        asked += [_of_written(row, passage, recipe) for row, passage in written]
    return asked


def make_rankings(
    asked: Sequence[Asked],
    recipe: RankingsRecipe,
    encode: Callable[[Sequence[str]], Embeddings],
    generator: random.Random,
) -> Iterator[RankingExample]:
    """The examples of questions, those of pages and those written by hand each with others of their own kind.

    Args:
        asked: by `read_asked`.
        recipe: for its bounds.
        encode: texts → embeddings (N, D), to find what is near.
        generator: draws.
    """
    for is_written in (False, True):
        rows = [each for each in asked if each.kind.startswith("written") == is_written]
        if rows:
            near = _mine(rows, recipe, encode, generator)
            for each, others in zip(rows, near, strict=True):
                yield from _written_examples(each, others) if is_written else _mined_examples(each, others)


def shown(
    encode: Callable[[Sequence[str]], Embeddings], on_texts: Callable[[int, int], None]
) -> Callable[[Sequence[str]], Embeddings]:
    """An encoder that says how far it is: the number of texts done and of all."""

    def encode_in_parts(texts: Sequence[str]) -> Embeddings:
        parts = []
        for first in range(0, len(texts), _SHOWN_TEXTS):
            parts.append(encode(texts[first : first + _SHOWN_TEXTS]))
            on_texts(min(first + _SHOWN_TEXTS, len(texts)), len(texts))
        return np.concatenate(parts)

    return encode_in_parts


def rankings_lineage(recipe: RankingsRecipe, data: Path) -> list[Origin]:
    """Name, digest and licence of every file that the examples are made from."""
    sources = [
        Origin(role=CROSS_ENCODER_ROLE, name=each.file, sha256=digest_file(data / each.file), license=each.license)
        for each in recipe.source
    ]
    return [*([written_origin(recipe.written, CROSS_ENCODER_ROLE)] if recipe.written else []), *sources]


def _of_source(source: AnswersSource, recipe: RankingsRecipe, data: Path) -> Iterator[Asked]:
    path = data / source.file
    for row in read_rows(path):
        question, text = (" ".join(column(row, source.field, path).split()), column(row, source.text, path).strip())
        area, page = area_of(row), page_of(row, question)
        share = source.capped_share if area in source.capped else source.share
        is_long_enough = len(text) >= _SHORTEST_TEXT and _SHORTEST_QUESTION <= len(question) <= _LONGEST_QUESTION
        if area in recipe.areas_held_out or not is_long_enough or not is_held_out(f"source:{page} {question}", share):
            continue
        heading = column(row, source.heading, path) if source.heading else ""
        told = (heading, text[: recipe.max_chars])
        language = source.language
        yield Asked("mined", language, question, told, language, page, page)
        translated = row.get(source.translated) if source.translated else None
        if translated:
            other = "es" if language == "en" else "en"
            yield Asked("mined", other, " ".join(translated.split()), told, language, page, page)


def _of_written(row: dict[str, Any], passage: GuidePassage, recipe: RankingsRecipe) -> Asked:
    return Asked(
        "written",
        row["language"],
        row["text"],
        (passage.headings, passage.text[: recipe.max_chars]),
        passage.language,
        row["group"],
        passage.guide,
        (row["quote_start"], row["quote_end"]) if row["kind"] == "answered" else None,
    )


def _mine(
    asked: Sequence[Asked],
    recipe: RankingsRecipe,
    encode: Callable[[Sequence[str]], Embeddings],
    generator: random.Random,
) -> Iterator[tuple[Told, ...]]:
    """For each question, texts of others that are near it and do not answer."""
    texts = list(dict.fromkeys(each.told for each in asked))
    number = {told: n for n, told in enumerate(texts)}
    own = [number[each.told] for each in asked]
    facts = {number[each.told]: (each.told_language, each.source) for each in asked}
    sources = [facts[n][1] for n in range(len(texts))]
    languages = np.array([facts[n][0] for n in range(len(texts))])
    rows = encode([f"{heading}\n{text}".strip()[: recipe.compared_chars] for heading, text in texts])  # (M, D)
    questions = encode([each.question for each in asked])  # (N, D)
    for first in range(0, len(asked), _BLOCK):
        similarities = questions[first : first + _BLOCK] @ rows.T
        for offset, similarity in enumerate(similarities):
            place = first + offset
            mine = own[place]
            scores = similarity - recipe.other_language * (languages != languages[mine])
            nearest = np.argsort(-scores)[: recipe.among]
            may_answer = rows[nearest] @ rows[mine] >= recipe.alike
            kept = [
                int(n)
                for n, is_alike in zip(nearest, may_answer, strict=True)
                if not is_alike
                and n != mine
                and sources[n] != sources[mine]
                and scores[n] < similarity[mine] + recipe.nearer
            ][: recipe.drawn_among]
            yield tuple(texts[n] for n in _drawn(kept, recipe.others, generator))


def _drawn(ranked: list[int], count: int, generator: random.Random) -> list[int]:
    """So many of a ranking, its beginning more often."""
    left, drawn = list(ranked), list[int]()
    while left and len(drawn) < count:
        (place,) = generator.choices(range(len(left)), [1 / (3 + n) for n in range(len(left))])
        drawn.append(left.pop(place))
    return drawn


def _mined_examples(each: Asked, others: tuple[Told, ...]) -> Iterator[RankingExample]:
    if others:
        yield RankingExample(each.kind, each.language, each.question, (each.told,), others, each.group)


def _written_examples(each: Asked, others: tuple[Told, ...]) -> Iterator[RankingExample]:
    heading, text = each.told
    units = [(start, end) for start, end in unit_spans(text, PassageKind.PARAGRAPH) if end - start >= _SHORTEST_UNIT]
    if each.quote is None:
        told = (each.told, *((heading, text[start:end]) for start, end in units))
        yield RankingExample("written: near miss", each.language, each.question, (), told, each.group)
        return
    if others:
        yield RankingExample("written: passage", each.language, each.question, (each.told,), others, each.group)
    inside = {unit: _share_inside(unit, each.quote) for unit in units}
    right = [(heading, text[start:end]) for (start, end), share in inside.items() if share > _SAME]
    wrong = [(heading, text[start:end]) for (start, end), share in inside.items() if share <= _OTHER]
    if right and wrong:
        yield RankingExample("written: unit", each.language, each.question, tuple(right), tuple(wrong), each.group)


def _share_inside(unit: tuple[int, int], quote: tuple[int, int]) -> float:
    """The share of a unit that lies in a quote, 1 where it holds the whole quote."""
    overlap = min(unit[1], quote[1]) - max(unit[0], quote[0])
    return 1.0 if unit[0] <= quote[0] and quote[1] <= unit[1] else max(0.0, overlap / (unit[1] - unit[0]))
