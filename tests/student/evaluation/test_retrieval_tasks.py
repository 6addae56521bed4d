"""Retrieval tasks: which rows they use, what is searched, and how a document of several passages is ranked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from student.artifacts.json_lines import DataRefused, is_page_held_out
from student.evaluation.figures import measure_retrieval, ranks_of
from student.evaluation.recipe import AnswersEntry, GuidesEntry, TaskEntry, TranslationsEntry, read_evaluation_recipe
from student.evaluation.retrieval_tasks import split_guide
from student.evaluation.task_files import files_of, read_tasks
from student.evaluation.tasks import RetrievalTask
from teacher.corpora.corpus import read_corpus
from teacher.corpora.recipe import CorpusRecipe, read_corpus_recipe
from tests.conftest import ROOT


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read(folder: Path, task: str) -> dict[str, RetrievalTask]:
    (folder / "recipe.toml").write_text(f'name = "small"\n[[task]]\n{task}\n', encoding="utf-8")
    tasks = read_tasks(read_evaluation_recipe(folder / "recipe.toml"), folder)
    return {task.name: task for task in tasks if isinstance(task, RetrievalTask)}


def test_a_document_is_as_near_as_its_nearest_passage() -> None:
    queries = np.array([[1, 0], [0, 1]], dtype=np.float32)
    passages = np.array([[0.9, 0], [0, 0.2], [0.8, 0], [0, 0.7], [0.1, 0.1]], dtype=np.float32)
    documents = np.array([0, 0, 1, 1, 2])
    assert ranks_of(queries, passages, np.array([1, 1]), documents).tolist() == [2, 1]
    assert ranks_of(queries, passages, np.array([0, 0]), documents).tolist() == [1, 2]


def test_documents_of_another_area_are_not_searched() -> None:
    task = RetrievalTask("g", "en", "en", ["a", "b"], ["x", "y", "z"], [1, 2], [0, 1, 2], (["p", "q"], ["q", "p", "q"]))
    queries, documents = np.array([[1.0], [1.0]], np.float32), np.array([[0.9], [0.8], [0.7]], np.float32)
    assert measure_retrieval(task, queries, documents)["accuracy@1"] == 0.5
    everything = RetrievalTask("g", "en", "en", ["a", "b"], ["x", "y", "z"], [1, 2])
    assert measure_retrieval(everything, queries, documents)["accuracy@1"] == 0.0


def test_answers_are_those_that_the_corpus_holds_out(tmp_path: Path) -> None:
    rows = [{"question": f"How: {n}?", "passage": f"So it is {n}."} for n in range(60)]
    rows += [{"id": f"shop:en:page{n}#part", "question": f"Why {n}?", "passage": f"For {n}."} for n in range(60)]
    write_rows(tmp_path / "rows.jsonl", rows)
    corpus = CorpusRecipe.model_validate(
        {
            "name": "c",
            "source": [
                {
                    "mix": "m",
                    "kind": "answers",
                    "file": "rows.jsonl",
                    "field": "question",
                    "answer": ["passage"],
                    "hold_out": 0.3,
                    "license": "CC0-1.0",
                }
            ],
        }
    )
    trained = {example.text for example in read_corpus(corpus, tmp_path).examples}
    tasks = read(
        tmp_path,
        """kind = "answers"
        name = "qa"
        files = ["rows.jsonl"]
        question = {en = "question"}
        answer = {en = "passage"}
        hold_out = 0.3""",
    )
    asked = set(tasks["qa en-en"].queries)
    assert len(asked) > 10
    assert asked | (trained & {row["question"] for row in rows}) == {row["question"] for row in rows}
    assert not trained & (asked | set(tasks["qa en-en"].documents))


def test_questions_of_two_languages_are_searched_in_all_directions_among_distractors(tmp_path: Path) -> None:
    rows = [
        {"question": f"¿{n}?", "passage": f"Es {n}.", "question_en": f"{n}?", "passage_en": f"It is {n}."}
        for n in range(40)
    ]
    write_rows(tmp_path / "es.jsonl", [*rows, {"question": "¿sola?", "passage": "Sí."}])
    write_rows(tmp_path / "en.jsonl", [{"question": f"{n}?", "passage": f"It is {n}."} for n in range(0, 40, 2)])
    write_rows(tmp_path / "pairs.jsonl", [{"en": f"Other {n}", "es": f"Otro {n}", "kind": "p"} for n in range(5)])
    entry = """kind = "answers"
        name = "books"
        files = ["es.jsonl"]
        question = {en = "question_en", es = "question"}
        answer = {en = "passage_en", es = "passage"}
        hold_out = 0.5
        distractors = [{file = "pairs.jsonl", text = {en = "en", es = "es"}, where = {kind = "p"}}]
        """
    tasks = read(tmp_path, entry)
    assert list(tasks) == ["books en-en", "books es-en", "books en-es", "books es-es"]
    crossing = tasks["books en-es"]
    held_out = [n for n in range(40) if is_page_held_out(f"¿{n}?", 0.5)]
    assert crossing.queries == [f"{n}?" for n in held_out]
    assert [crossing.documents[answer] for answer in crossing.answers] == [f"Es {n}." for n in held_out]
    assert crossing.documents[len(held_out) :] == [f"Otro {n}" for n in range(5)]
    strict = read(tmp_path, entry + 'apart_from = ["en.jsonl"]')["books en-es"]
    seen = {n for n in range(0, 40, 2) if not is_page_held_out(f"{n}?", 0.5)}
    assert strict.queries == [f"{n}?" for n in held_out if n not in seen]
    assert set(held_out) & seen


def test_answers_may_be_of_some_areas_alone_and_of_a_sample(tmp_path: Path) -> None:
    rows = [
        {"id": f"{area}:{n}", "question": f"{area} {n}?", "passage": f"{area} is {n}."}
        for area in ("shop", "bank")
        for n in range(100)
    ]
    write_rows(tmp_path / "rows.jsonl", rows)
    entry = """kind = "answers"
        name = "qa"
        files = ["rows.jsonl"]
        question = {en = "question"}
        answer = {en = "passage"}
        hold_out = 0.5
        """
    everything = read(tmp_path, entry)["qa en-en"].queries
    of_shop = read(tmp_path, entry + 'areas = ["shop"]')["qa en-en"].queries
    assert of_shop == [query for query in everything if query.startswith("shop")] != everything
    sample = read(tmp_path, entry + "sample = 0.5")["qa en-en"].queries
    assert set(sample) < set(everything)
    assert 0.3 < len(sample) / len(everything) < 0.7


def test_customers_questions_are_searched_in_the_guides_of_their_product(tmp_path: Path) -> None:
    guides = [
        {"id": f"{product}:en:{n}", "title": f"{product} {n}", "body_markdown": f"one {n}\n" + "word " * 400}
        for product in ("shop", "bank", "other")
        for n in range(3)
    ]
    write_rows(tmp_path / "guides.jsonl", guides)
    question = {"language": "en", "guide": "bank:en:1", "half": "dev"}
    write_rows(
        tmp_path / "questions.jsonl",
        [
            {**question, "text": "a"},
            {**question, "guide": "shop:en:2", "text": "b"},
            {**question, "half": "test", "text": "c"},
        ],
    )
    entry = """kind = "guide_questions"
        name = "customers"
        file = "questions.jsonl"
        guides = {en = "guides.jsonl"}
        where = {half = "dev"}"""
    task = read(tmp_path, entry)["customers en-en"]
    assert task.queries == ["a", "b"]
    assert task.document_count == 6
    assert len(task.documents) == len(task.document_of) == 24
    own = [text for text, number in zip(task.documents, task.document_of, strict=True) if number == task.answers[0]]
    assert all(text.startswith("bank 1\n") for text in own)
    assert task.areas[0] == ["bank", "shop"]
    assert set(task.areas[1]) == {"bank", "shop"}
    fewer = read(tmp_path, entry.replace("name =", "share = 0.01\n        name ="))["customers en-en"]
    assert [fewer.documents[fewer.document_of.index(answer)][:6] for answer in fewer.answers] == ["bank 1", "shop 2"]
    assert fewer.document_count == 2
    recipe = read_evaluation_recipe(tmp_path / "recipe.toml")
    assert [origin.name for origin in files_of(recipe, tmp_path)] == ["questions.jsonl", "guides.jsonl"]
    write_rows(tmp_path / "guides.jsonl", guides[:3])
    with pytest.raises(DataRefused, match="has no guide 'bank:en:1'"):
        read(tmp_path, entry)


def test_a_guide_is_cut_between_lines_and_nothing_of_it_is_lost() -> None:
    body = "\n".join(["first line", "", "second " * 60, "third"])
    passages = split_guide("Title", body, max_chars=200)
    assert all(passage.startswith("Title\n") and len(passage) <= 206 + 1 for passage in passages)
    assert " ".join(passages).replace("Title", "").split() == body.split()
    assert split_guide("Title", "") == ["Title"]


def test_an_article_is_found_by_any_of_its_sections(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "kb" / "en").mkdir(parents=True, exist_ok=True)
        (tmp_path / "kb" / "en" / f"{name}.md").write_text(f"# {name}\n\nStart.\n\n## Part\n\nThe {name} quote.\n")
    write_rows(
        tmp_path / "questions.jsonl", [{"text": "?", "language": "en", "gold": "en/b.md", "quote": "The b quote."}]
    )
    task = read(
        tmp_path,
        """kind = "questions"
        name = "q"
        file = "questions.jsonl"
        documents = "kb"
        languages = ["en"]
        find = "article" """,
    )["q en-en"]
    assert (task.document_count, len(task.documents), task.answers) == (2, 4, [1])


def test_guides_without_translations_are_searched_in_their_own_language(tmp_path: Path) -> None:
    rows = [{"id": f"m:es:{n}", "lang": "es", "title": f"t{n}", "body_markdown": f"# t{n}\nb{n}"} for n in range(20)]
    write_rows(tmp_path / "guides" / "articles.jsonl", [*rows, {**rows[0], "id": "m:en:0", "lang": "en"}])
    entry = """kind = "guides"
        name = "g"
        folders = ["guides"]
        hold_out = 0.5
        """
    task = read(tmp_path, entry + 'languages = ["es"]')["g es-es"]
    assert task.queries == [f"t{n}" for n in range(20) if is_page_held_out(f"m:es:{n}", 0.5)]
    with pytest.raises(DataRefused, match=r"has no pairs\.jsonl"):
        read(tmp_path, entry)


def test_the_halves_of_the_customers_questions_are_apart_and_each_names_a_guide_once() -> None:
    path = ROOT / "benchmarks" / "questions" / "questions.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {row["half"] for row in rows} == {"dev", "test"}
    assert len({row["id"] for row in rows}) == len({row["guide"] for row in rows}) == len(rows) == 406
    for name, half in (("evaluation", "dev"), ("quick", "dev"), ("evaluation-test", "test")):
        recipe = read_evaluation_recipe(ROOT / "benchmarks" / f"{name}.toml")
        assert [entry.where for entry in recipe.task if entry.kind == "guide_questions"] == [{"half": half}]


def benchmark_tasks(name: str) -> list[TaskEntry]:
    return read_evaluation_recipe(ROOT / "benchmarks" / f"{name}.toml").task


def split_shares(value: Any) -> tuple[Any, list[float]]:
    """An entry without its shares, and these in order; a share that is not given is of everything."""
    if isinstance(value, dict):
        rest = {name: split_shares(each) for name, each in sorted(value.items())}
        shares = [value[name] for name in ("hold_out", "sample", "share") if name in value]
        kept = {name: each for name, (each, _) in rest.items() if name not in ("hold_out", "sample", "share")}
        return kept, shares + [share for name in kept for share in rest[name][1]]
    if isinstance(value, list):
        parts = [split_shares(each) for each in value]
        return [each for each, _ in parts], [share for _, shares in parts for share in shares]
    return value, []


def test_the_quick_recipe_is_a_part_of_the_whole_one() -> None:
    whole = [split_shares(entry.model_dump(mode="json")) for entry in benchmark_tasks("evaluation")]
    for entry in benchmark_tasks("quick"):
        what, quick = split_shares(entry.model_dump(mode="json"))
        (shares,) = (shares for other, shares in whole if other == what)
        assert all(part <= all_of_it for part, all_of_it in zip(quick, shares, strict=True)), entry.name


def held_out_of(entry: TaskEntry) -> list[tuple[str, float]]:
    """Files and folders below the data's, and the share that an entry takes for not learned."""
    if isinstance(entry, GuidesEntry):
        return [(folder, entry.hold_out) for folder in entry.folders]
    if isinstance(entry, AnswersEntry):
        return [(file, entry.hold_out) for file in entry.files]
    return [(entry.file, entry.hold_out)] if isinstance(entry, TranslationsEntry) else []


@pytest.mark.parametrize("name", ["bilingual", "public"])
def test_training_holds_out_what_is_evaluated(name: str) -> None:
    corpus = read_corpus_recipe(ROOT / "teacher" / "recipes" / f"{name}.toml")
    sources = [*corpus.source, *corpus.guides_held_out]
    compared = 0
    for entry in [*benchmark_tasks("evaluation"), *benchmark_tasks("quick")]:
        for file, share in held_out_of(entry):
            known = file.removeprefix("../../shared/data/")
            shares = [each.hold_out for each in sources if known in (each.file, each.file.rpartition("/")[0])]
            assert all(each >= share for each in shares), (entry.name, file)
            compared += len(shares)
    assert compared > 0


def test_training_has_no_product_that_customers_ask_about() -> None:
    corpus = read_corpus_recipe(ROOT / "teacher" / "recipes" / "bilingual.toml")
    lines = (ROOT / "benchmarks" / "questions" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked_about = {json.loads(line)["guide"].split(":")[0] for line in lines}
    whole_sets = {"m365", "le"}  # Microsoft 365 and Let's Encrypt, of the second set
    assert asked_about | whole_sets == set(corpus.areas_held_out)
