"""Examples for the answerability verifier: questions that a passage answers, and ones that it only seems to answer.

Two kinds of sources. Questions written by hand (`teacher/data/answerability.jsonl`, our own writing): each names a
passage of a public guide by file, guide, offsets and digest, so that no text of the guides is in this repository. And
examples made from the guides themselves: a translated or shortened sentence asks for the passage that it stands in, a
title or heading for what follows it; the same passage without that sentence, and its neighbors, do not answer.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.text import split_sentences
from student.artifacts.json_lines import column, is_held_out, read_rows
from student.distill.verifier.examples import VerifierExample
from student.embeddings import Embeddings
from teacher.corpora.guide_passages import GuidePassage
from teacher.corpora.questions_recipe import QuestionsRecipe

TOO_NEAR = 0.93
"""Cosine of two passages that may both answer what one of them does."""


def make_examples(
    passages: Sequence[GuidePassage],
    written: Sequence[tuple[dict[str, Any], GuidePassage]],
    encode: Callable[[Sequence[str]], Embeddings],
    generator: random.Random,
    *,
    recipe: QuestionsRecipe,
    data: Path,
) -> Iterator[VerifierExample]:
    """All examples: of questions written by hand, of guides, and of messages from elsewhere.

    Args:
        passages: of guides that no written question is about.
        written: as `read_written` gives them.
        encode: texts → embeddings (N, D), to find what is near.
        generator: draws.
        recipe: names messages and translations.
        data: the data folder.
    """
    own = {passage.guide for _, passage in written}
    passages = [passage for passage in passages if passage.guide not in own]
    embeddings = encode([f"{passage.headings}\n{passage.text}" for passage in passages])  # (N, D)
    yield from _of_written(written, passages, embeddings, encode, generator)
    yield from _of_guides(passages, embeddings, _translations(recipe, data), generator)
    messages = []
    for source in recipe.messages:
        texts = [column(row, "text", data / source.file) for row in read_rows(data / source.file)]
        learned = [text for text in texts if not is_held_out(text, source.hold_out)]
        messages += _draw(learned, source.count, generator)
    if not messages:
        return
    rows = [row for row, passage in enumerate(passages) if not passage.is_about_messages]
    for message, line in zip(messages, encode(messages) @ embeddings[rows].T, strict=True):
        for near in _draw(list(np.argsort(-line)[:20]), 2, generator):
            yield _example("outside", message, passages[rows[near]], None, group=f"outside: {message}")


def _of_written(
    written: Sequence[tuple[dict[str, Any], GuidePassage]],
    passages: Sequence[GuidePassage],
    embeddings: Embeddings,
    encode: Callable[[Sequence[str]], Embeddings],
    generator: random.Random,
) -> Iterator[VerifierExample]:
    """Written questions, the passages without their answer, and others near to the question or far from it."""
    if not written:
        return
    questions = encode([row["text"] for row, _ in written])
    own = encode([f"{passage.headings}\n{passage.text}" for _, passage in written])
    segments = np.array([passage.segment for passage in passages])
    for (row, passage), question, itself in zip(written, questions, own, strict=True):
        text, group = row["text"], row["group"]
        if row["kind"] != "answered":
            yield _example(f"written: {row['kind']}", text, passage, None, group=group)
        else:
            span = _sentences_around(passage.text, row["quote_start"], row["quote_end"])
            yield _example("written: answered", text, passage, span, group=group)
            without = _without(passage, span)
            if len(without.text) > 30:
                yield _example("written: answer removed", text, without, None, group=group)
            similarities = np.where(
                (segments == passage.segment) & (embeddings @ itself < TOO_NEAR), embeddings @ question, -1
            )
            for near in _draw(list(np.argsort(-similarities)[:8]), 3, generator):
                yield _example("written: near", text, passages[near], None, group=group)
        similarities = np.where(segments != passage.segment, embeddings @ question, -1)
        for far in _draw(list(np.argsort(-similarities)[:8]), 1, generator):
            yield _example("written: far", text, passages[far], None, group=group)


def _of_guides(
    passages: Sequence[GuidePassage],
    embeddings: Embeddings,
    translations: dict[str, str],
    generator: random.Random,
) -> Iterator[VerifierExample]:
    """Titles and headings ask for what follows them, sentences for the passage that they stand in."""
    guides: dict[str, list[int]] = {}
    for row, passage in enumerate(passages):
        guides.setdefault(passage.guide, []).append(row)
    for row, passage in enumerate(passages):
        similarities = embeddings @ embeddings[row]
        similarities[guides[passage.guide]] = -1
        near = [int(i) for i in np.argsort(-similarities)[:30] if similarities[i] < TOO_NEAR][:10]
        siblings = [i for i in guides[passage.guide] if i != row]
        others = [passages[i] for i in _draw(siblings, 1, generator) + _draw(near, 1, generator)]
        whole = (0, len(passage.text))
        leaf = passage.heading.split(" › ")[-1]
        if len(leaf.split()) > 1:
            asked = ask(generator.choice([leaf, f"{passage.title} {leaf}"]), passage.language, generator)
            unnamed = replace(passage, heading="")
            yield _example("heading", asked, unnamed, whole, group=passage.guide)
            yield from (_example("heading", asked, replace(o, heading=""), None, group=passage.guide) for o in others)
        if passage.title and guides[passage.guide][0] == row:
            asked = ask(passage.title, passage.language, generator)
            yield _example("title", asked, replace(passage, title="", heading=""), whole, group=passage.guide)
            for other in _draw(near, 2, generator):
                unnamed = replace(passages[other], title="", heading="")
                yield _example("title", asked, unnamed, None, group=passage.guide)
        yield from _of_sentences(passage, others, translations, generator)


def _of_sentences(
    passage: GuidePassage, others: Sequence[GuidePassage], translations: dict[str, str], generator: random.Random
) -> Iterator[VerifierExample]:
    spans = [s for s in split_sentences(passage.text) if 5 <= len(passage.text[s[0] : s[1]].split()) <= 45]
    if len(spans) < 2:
        return
    chosen = [("words", generator.choice(spans))]
    translated = [span for span in spans if _plain(passage.text[span[0] : span[1]]) in translations]
    chosen += [("translation", span) for span in _draw(translated, 1, generator)]
    for kind, span in chosen:
        sentence, language = passage.text[span[0] : span[1]], passage.language
        if kind == "translation":
            sentence, language = translations[_plain(sentence)], "en" if language == "es" else "es"
        asked = ask(shorten(sentence, generator), language, generator)
        if len(asked.split()) > 1:
            yield _example(kind, asked, passage, span, group=passage.guide)
            yield _example(kind, asked, _without(passage, span), None, group=passage.guide)
            yield from (_example(kind, asked, other, None, group=passage.guide) for other in others[:1])


def shorten(sentence: str, generator: random.Random) -> str:
    """Some of a sentence's words, at times in another order: what somebody in a hurry might type."""
    words = re.findall(r"[\w'%€$.-]+", sentence)
    if generator.random() < 0.5 and len(words) > 12:
        first, count = generator.randrange(len(words) - 12), generator.randint(5, 12)
        words = words[first : first + count]
    kept = generator.uniform(0.4, 0.9)
    words = [word for word in words if generator.random() < kept]
    if generator.random() < 0.3:
        generator.shuffle(words)
    text = " ".join(words)
    return text.lower() if generator.random() < 0.5 else text


_OPENINGS = {
    "en": "how do i {}|how can I {}?|can i {}|is it possible to {}?|{}?|what about {}|help with {}|where do I find {}|"
    "does it work if {}?|I need to know {}|why {}|how long {}|when {}?|who {}",
    "es": "¿cómo {}?|como puedo {}|¿puedo {}?|se puede {}|¿{}?|¿qué pasa con {}?|ayuda con {}|dónde encuentro {}|"
    "¿funciona si {}?|necesito saber {}|¿por qué {}?|cuanto tiempo {}|cuando {}|quién {}",
}


def ask(text: str, language: str, generator: random.Random) -> str:
    """A text as it is, or behind the opening of a question, so that openings do not tell what is answered."""
    openings = _OPENINGS.get(language, _OPENINGS["en"]).split("|")
    return generator.choice(openings).format(text) if generator.random() < 0.6 else text


def _example(
    kind: str, question: str, passage: GuidePassage, span: tuple[int, int] | None, *, group: str
) -> VerifierExample:
    return VerifierExample(kind, passage.language, question, passage.headings, passage.text, span, group)


def _without(passage: GuidePassage, span: tuple[int, int]) -> GuidePassage:
    """The passage without a part of its text; all of it when nothing else would be left."""
    text = f"{passage.text[: span[0]].rstrip()}\n{passage.text[span[1] :].lstrip()}".strip()
    return replace(passage, text=text or "…")


def _sentences_around(text: str, start: int, end: int) -> tuple[int, int]:
    inside = [(a, b) for a, b in split_sentences(text) if a < end and b > start]
    return (inside[0][0], inside[-1][1]) if inside else (start, end)


def _translations(recipe: QuestionsRecipe, data: Path) -> dict[str, str]:
    paths = [data / source.file for source in recipe.segments]
    pairs = [
        (column(row, "en", path).strip(), column(row, "es", path).strip()) for path in paths for row in read_rows(path)
    ]
    both = pairs + [(spanish, english) for english, spanish in pairs]
    return {_plain(text): translation for text, translation in both if len(text.split()) >= 5}


def _plain(sentence: str) -> str:
    return sentence.strip("-* ").strip()


def _draw(items: list[Any], count: int, generator: random.Random) -> list[Any]:
    return generator.sample(items, min(count, len(items)))
