"""Examples for the cross-encoder: mined from questions and answers, and made of questions written by hand."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from student.artifacts.digests import digest_bytes
from student.artifacts.json_lines import DataRefused
from student.distill.cross_encoder.examples import RankingExample
from student.embeddings import Embeddings
from teacher.cli.options import TEACHER_RECIPES
from teacher.corpora.guide_passages import WRITTEN_QUESTIONS
from teacher.corpora.rankings import make_rankings, rankings_lineage, read_asked
from teacher.corpora.rankings_recipe import AnswersSource, RankingsRecipe, read_rankings_recipe
from teacher.corpora.recipe import read_corpus_recipe

THINGS = ["invoice", "backup", "password", "domain", "mailbox", "certificate", "server", "refund"]
GUIDE = "First, open the menu of backups. Restores take about an hour. Nothing else has to be done by you."


def words_as_embeddings(texts: Sequence[str]) -> Embeddings:
    """Unit-norm counts of the things and of a few other words."""
    words = [*THINGS, "days", "kept", "backups", "restores"]
    counts = np.array([[text.lower().count(word) for word in words] for text in texts], dtype=np.float32) + 0.01
    return np.asarray(counts / np.linalg.norm(counts, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def recipe(tmp_path: Path) -> RankingsRecipe:
    rows = [
        {
            "id": f"{'apart' if thing == 'refund' else 'shop'}:en:{thing}#h1",
            "question": f"How long is my {thing} kept?",
            "answer": f"Your {thing} is kept for {number + 2} days and then deleted.",
            "question_es": f"¿Cuánto se guarda mi {thing}?" if number == 0 else None,
        }
        for number, thing in enumerate(THINGS)
    ]
    write(tmp_path / "answers.jsonl", rows)
    source = AnswersSource(
        file="answers.jsonl", language="en", text="answer", translated="question_es", license="CC0-1.0"
    )
    return RankingsRecipe(name="things", areas_held_out=["apart"], others=3, source=[source], nearer=0.9)


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def examples(recipe: RankingsRecipe, data: Path) -> list[RankingExample]:
    return list(make_rankings(read_asked(recipe, data), recipe, words_as_embeddings, random.Random(1)))


def test_each_question_comes_with_its_answer_and_with_those_of_others(recipe: RankingsRecipe, tmp_path: Path) -> None:
    made = examples(recipe, tmp_path)
    assert Counter(example.language for example in made) == {"en": 7, "es": 1}
    for example in made:
        (answer,) = example.answers
        assert len(example.others) == 3
        assert answer not in example.others
    assert "refund" not in json.dumps([example.others for example in made])  # of an area that is held out


def test_what_may_answer_as_well_is_no_other(recipe: RankingsRecipe, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    again = rows[0] | {"id": "shop:en:other#h1", "question": "invoice time?", "answer": f"{rows[0]['answer']} Yes."}
    write(tmp_path / "answers.jsonl", [*rows, again])
    first = next(example for example in examples(recipe, tmp_path) if example.question == rows[0]["question"])
    assert ("", again["answer"]) not in first.others


def test_a_written_question_also_tells_the_units_of_its_passage_apart(recipe: RankingsRecipe, tmp_path: Path) -> None:
    write(tmp_path / "guides.jsonl", [{"id": "shop:en:restore", "title": "Restore", "body_markdown": GUIDE}])
    start = len("Restore\n\n")
    quote = GUIDE.index("Restores"), GUIDE.index(" Nothing")
    row: dict[str, Any] = {"id": "a-1", "language": "en", "data": "guides.jsonl", "guide": "shop:en:restore"}
    row |= {"group": "g", "start": start, "end": start + len(GUIDE), "sha256": digest_bytes(GUIDE.encode())}
    answered = row | {"text": "how slow is it", "kind": "answered", "quote_start": quote[0], "quote_end": quote[1]}
    near = row | {"id": "a-2", "text": "what does it cost", "kind": "neighbour"}
    write(tmp_path / "written.jsonl", [answered, near])
    recipe = recipe.model_copy(update={"written": tmp_path / "written.jsonl", "source": []})
    made = {example.kind: example for example in examples(recipe, tmp_path)}
    assert made["written: unit"].answers == (("Restore", "Restores take about an hour."),)
    assert [text for _, text in made["written: unit"].others] == [
        "First, open the menu of backups.",
        "Nothing else has to be done by you.",
    ]
    assert made["written: near miss"].answers == ()
    assert made["written: near miss"].others[0] == ("Restore", GUIDE)


def test_the_lineage_names_every_file(recipe: RankingsRecipe, tmp_path: Path) -> None:
    recipe = recipe.model_copy(update={"written": WRITTEN_QUESTIONS})
    names = [(origin.name, origin.license) for origin in rankings_lineage(recipe, tmp_path)]
    assert names == [("teacher/data/answerability.jsonl", "Apache-2.0"), ("answers.jsonl", "CC0-1.0")]


def test_the_default_recipe_holds_out_what_the_students_recipe_does() -> None:
    recipe = read_rankings_recipe(TEACHER_RECIPES / "rankings.toml")
    assert recipe.areas_held_out == read_corpus_recipe(TEACHER_RECIPES / "bilingual.toml").areas_held_out
    assert recipe.written
    assert recipe.written.samefile(WRITTEN_QUESTIONS)


def test_written_questions_that_are_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('name = "x"\nwritten = "none.jsonl"\n', encoding="utf-8")
    with pytest.raises(DataRefused, match=r"none\.jsonl, which is no file"):
        read_rankings_recipe(tmp_path / "recipe.toml")
