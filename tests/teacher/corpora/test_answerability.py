"""Examples for the verifier: the questions written by hand, and what is made from guides."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from student.artifacts.digests import digest_bytes
from student.artifacts.json_lines import DataRefused, is_held_out, read_rows
from student.runtime.student import load_student
from teacher.cli.options import TEACHER_RECIPES
from teacher.corpora.answerability import ask, make_examples, shorten
from teacher.corpora.guide_passages import (
    WRITTEN_QUESTIONS,
    GuidePassage,
    examples_lineage,
    read_guide_passages,
    read_written,
)
from teacher.corpora.questions_recipe import Guides, Messages, QuestionsRecipe, Segments, read_questions_recipe
from teacher.corpora.recipe import read_corpus_recipe
from tests.conftest import ROOT

DATA = ROOT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")


def rows() -> list[dict[str, Any]]:
    return list(read_rows(WRITTEN_QUESTIONS))


def test_there_are_questions_of_every_kind_in_both_languages_each_asked_once() -> None:
    counts = Counter((row["kind"], row["language"]) for row in rows())
    assert set(counts) == {(kind, lang) for kind in ("answered", "neighbour", "domain") for lang in ("en", "es")}
    assert min(counts.values()) >= 100
    assert len({row["text"] for row in rows()}) == len(rows()) == len({row["id"] for row in rows()})


def test_questions_name_their_passage_and_do_not_hold_it() -> None:
    for row in rows():
        assert set(row) - {"quote_start", "quote_end"} == {
            *("id", "language", "text", "kind", "data", "guide", "start", "end", "sha256", "group")
        }
        assert ("quote_start" in row) == (row["kind"] == "answered")


@needs_data
def test_every_question_finds_its_passage_and_every_answer_stands_in_it() -> None:
    found = list(read_written(WRITTEN_QUESTIONS, DATA))
    assert len(found) == len(rows())
    for row, passage in found:
        if row["kind"] == "answered":
            assert passage.text[row["quote_start"] : row["quote_end"]].strip()


@needs_data
def test_the_lineage_names_every_file_that_examples_are_made_of() -> None:
    recipe = read_questions_recipe(TEACHER_RECIPES / "questions.toml")
    named = {origin.name for origin in examples_lineage(recipe, DATA)}
    files = {each.file for each in (*recipe.guides, *recipe.segments, *recipe.messages)}
    assert named == {"teacher/data/answerability.jsonl", *files}
    assert len(files) == 11  # of help_guides two


def write_guides(folder: Path, body: str) -> Path:
    guide = {"id": "g1", "lang": "en", "title": "Backups", "body_markdown": body}
    folder.mkdir(exist_ok=True)
    (folder / "guides.jsonl").write_text(json.dumps(guide))
    return folder


def test_a_question_for_another_text_of_a_guide_is_refused(tmp_path: Path) -> None:
    data = write_guides(tmp_path / "data", "Backups are kept for fourteen days.")
    question = {"id": "q", "text": "?", "kind": "domain", "data": "guides.jsonl", "guide": "g1", "start": 0, "end": 9}
    (tmp_path / "q.jsonl").write_text(json.dumps(question | {"sha256": "0" * 64}))
    with pytest.raises(DataRefused, match="another text of guide g1"):
        list(read_written(tmp_path / "q.jsonl", data))


def test_guides_and_questions_of_areas_held_out_are_passed_over(tmp_path: Path) -> None:
    body = "Backups are kept for fourteen days. They are made every night, and nobody has to ask for them at all. " * 3
    guides = [
        {"id": f"{area}:en:1", "title": "Backups", "body_markdown": body} for area in ("hosting", "bank", "bank-2")
    ]
    (tmp_path / "guides.jsonl").write_text("\n".join(json.dumps(guide) for guide in guides))
    asked = {"id": "q", "text": "?", "kind": "domain", "data": "guides.jsonl", "start": 0, "end": 0}
    asked |= {"group": "g", "sha256": digest_bytes(b"")}
    written = tmp_path / "q.jsonl"
    written.write_text("\n".join(json.dumps(asked | {"guide": guide["id"]}) for guide in guides))
    recipe = QuestionsRecipe(
        name="tiny", guides=[Guides(file="guides.jsonl", license="MIT")], written=written, areas_held_out=["bank"]
    )
    student = load_student()
    try:
        passages = read_guide_passages(recipe, tmp_path, student.encoder, random.Random(0))
    finally:
        student.close()
    assert {passage.guide for passage in passages} == {"hosting:en:1", "bank-2:en:1"}
    asked_about = [passage.guide for _, passage in read_written(written, tmp_path, areas_held_out=["bank"])]
    assert asked_about == ["hosting:en:1", "bank-2:en:1"]


def test_the_default_recipe_holds_out_what_the_students_corpus_does() -> None:
    recipe = read_questions_recipe(TEACHER_RECIPES / "questions.toml")
    assert recipe.areas_held_out == read_corpus_recipe(TEACHER_RECIPES / "bilingual.toml").areas_held_out


def test_an_answer_is_asked_of_its_passage_and_of_the_passage_without_it(tmp_path: Path) -> None:
    (tmp_path / "segments.jsonl").write_text("")
    (tmp_path / "messages.jsonl").write_text(json.dumps({"text": "a message of elsewhere"}))
    recipe = QuestionsRecipe(
        name="tiny",
        guides=[Guides(file="guides.jsonl", license="MIT")],
        messages=[Messages(file="messages.jsonl", license="MIT", hold_out=0)],
        segments=[Segments(file="segments.jsonl", license="MIT")],
    )
    text = "Backups are kept for fourteen days. They are made every night. Nobody has to ask for them."
    asked = {"id": "q", "text": "how long?", "kind": "answered", "group": "a" * 12, "quote_start": 21, "quote_end": 34}
    passages = [GuidePassage(s, f"g{n}", "en", "T", "", f"{text} {n}") for n, s in enumerate(["help", "help", "other"])]
    written = [(asked, GuidePassage("help", "g9", "en", "Backups", "Copies", text))]

    def encode(texts: Any) -> Any:
        rng = np.random.default_rng(len(texts))
        made = rng.normal(size=(len(texts), 8)).astype(np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    made = list(make_examples(passages, written, encode, random.Random(0), recipe=recipe, data=tmp_path))
    whole = next(e for e in made if e.kind == "written: answered")
    assert whole.heading == "Backups\nCopies"
    assert whole.span
    assert whole.text[slice(*whole.span)] == "Backups are kept for fourteen days."
    without = next(e for e in made if e.kind == "written: answer removed")
    assert without.text == "They are made every night. Nobody has to ask for them."
    assert without.span is None
    assert {e.span for e in made if e.kind == "outside"} == {None}
    assert {e.question for e in made if e.kind == "outside"} == {"a message of elsewhere"}
    for example in made:
        if example.kind == "words" and example.span:
            removed = example.text[slice(*example.span)]
            assert not any(
                removed in e.text
                for e in made
                if e.kind == "words"
                and not e.span
                and e.question == example.question
                and e.group == example.group
                and len(e.text) < len(example.text)
            )


def test_messages_are_paired_with_guides_on_other_subjects_and_held_out_ones_with_none(tmp_path: Path) -> None:
    texts = [f"message number {number}" for number in range(60)]
    (tmp_path / "messages.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    recipe = QuestionsRecipe(
        name="tiny",
        guides=[Guides(file="guides.jsonl", license="MIT")],
        messages=[Messages(file="messages.jsonl", license="MIT", hold_out=0.5)],
    )
    passages = [GuidePassage("help", f"g{n}", "en", "T", "", f"Text {n}.", is_about_messages=n < 3) for n in range(6)]

    def encode(texts: Any) -> Any:
        return np.full((len(texts), 4), 0.5, dtype=np.float32)

    made = list(make_examples(passages, [], encode, random.Random(0), recipe=recipe, data=tmp_path))
    outside = [example for example in made if example.kind == "outside"]
    assert {example.question for example in outside} == {text for text in texts if not is_held_out(text, 0.5)}
    assert {example.text for example in outside} == {"Text 3.", "Text 4.", "Text 5."}


def test_shortened_sentences_keep_some_of_their_words_and_nothing_else() -> None:
    sentence = "You can restore files, databases and mailboxes by yourself from the control panel at any time of day."
    words = {word.strip(",.").lower() for word in sentence.split()}
    generator = random.Random(3)
    shortened = [shorten(sentence, generator).lower().split() for _ in range(50)]
    assert all({word.strip(",.") for word in some} <= words for some in shortened)
    assert 2 < np.mean([len(some) for some in shortened]) < len(words)


def test_openings_do_not_change_what_is_asked() -> None:
    generator = random.Random(3)
    assert all("restore files" in ask("restore files", language, generator) for language in ("en", "es", "fr") * 20)


def test_own_documents_alone_make_examples_of_both_answers(tmp_path: Path) -> None:
    for number, name in enumerate(("backups", "invoices", "domains", "mailboxes")):
        text = f"The {name} are kept for {number} days. They are made every night by a job. Nobody has to ask for them."
        path = tmp_path / "guides" / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# All about {name}\n\n{text}\n\n## How {name} are made\n\n{text} {text}\n", encoding="utf-8")
    (tmp_path / "recipe.toml").write_text('name = "own"\n[[guides]]\nfile = "guides"\nlicense = "LicenseRef-own"\n')
    recipe, generator = read_questions_recipe(tmp_path / "recipe.toml"), random.Random(0)
    student = load_student()
    try:
        passages = read_guide_passages(recipe, tmp_path, student.encoder, generator)
        made = list(make_examples(passages, [], student.encoder.encode, generator, recipe=recipe, data=tmp_path))
    finally:
        student.close()
    assert {passage.guide for passage in passages} == {"backups.md", "invoices.md", "domains.md", "mailboxes.md"}
    assert {example.kind for example in made} >= {"heading", "words"}
    assert {example.span is None for example in made} == {True, False}
    (origin,) = examples_lineage(recipe, tmp_path)
    assert (origin.name, origin.license) == ("guides", "LicenseRef-own")


def test_written_questions_are_under_our_licence_only_where_they_are_ours(tmp_path: Path) -> None:
    write_guides(tmp_path, "Backups are kept.")
    own = tmp_path / "own.jsonl"
    own.write_text("")
    guides = [Guides(file="guides.jsonl", license="MIT")]
    for path, expected in ((WRITTEN_QUESTIONS, "Apache-2.0"), (own, "LicenseRef-unknown")):
        recipe = QuestionsRecipe(name="tiny", guides=guides, written=path)
        assert examples_lineage(recipe, tmp_path)[0].license == expected


def test_a_licence_that_is_no_spdx_expression_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('name = "own"\n[[guides]]\nfile = "guides"\nlicense = "ours, sort of"\n')
    with pytest.raises(DataRefused, match="no SPDX expression"):
        read_questions_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize("missing", ["id", "title", "body_markdown"])
def test_a_guide_without_a_column_is_refused(tmp_path: Path, missing: str) -> None:
    guide = {"id": "g1", "title": "Backups", "body_markdown": "Backups are kept."}
    (tmp_path / "guides.jsonl").write_text(json.dumps({k: v for k, v in guide.items() if k != missing}))
    recipe = QuestionsRecipe(name="tiny", guides=[Guides(file="guides.jsonl", license="MIT")])
    student = load_student()
    try:
        with pytest.raises(DataRefused, match=f"without the text column '{missing}'"):
            read_guide_passages(recipe, tmp_path, student.encoder, random.Random(0))
    finally:
        student.close()
