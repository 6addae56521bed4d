"""Evaluation: what is measured, by hand and on the default bundle."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from student.artifacts.json_lines import DataRefused, is_held_out
from student.bundle import DEFAULT_BUNDLE
from student.distill.heads.intent_head import LabelledTexts
from student.embeddings import Embeddings
from student.evaluation.evaluate import SHORT_QUERY, System, evaluate_systems, measure_system
from student.evaluation.figures import TaskEmbeddings, measure_intents, measure_retrieval
from student.evaluation.recipe import read_evaluation_recipe
from student.evaluation.report import draw_plots, render_table
from student.evaluation.task_files import read_tasks
from student.evaluation.tasks import IntentTask, RetrievalTask
from tests.conftest import ROOT, require_data

RETRIEVAL = RetrievalTask("g", "en", "en", ["a", "b", "c"], ["x", "y", "z", "w"], [0, 1, 2])


def test_retrieval_figures_match_a_hand_computation() -> None:
    documents = np.eye(4, dtype=np.float32)
    queries = np.array([[1, 0, 0, 0], [0.8, 0.6, 0, 0], [0.7, 0.5, 0.4, 0.3]], dtype=np.float32)  # ranks 1, 2, 3
    figures = measure_retrieval(RETRIEVAL, queries, documents)
    assert figures == {"nDCG@10": round((1 + 1 / np.log2(3) + 1 / 2) / 3, 4), "recall@10": 1.0, "accuracy@1": 0.3333}


def test_an_answer_past_the_tenth_place_counts_nothing() -> None:
    task = RetrievalTask("g", "en", "en", ["a"], [str(n) for n in range(11)], [10])
    queries, documents = np.array([[1.0]], dtype=np.float32), np.linspace(1, 0, 11, dtype=np.float32)[:, None]
    assert measure_retrieval(task, queries, documents) == {"nDCG@10": 0.0, "recall@10": 0.0, "accuracy@1": 0.0}


def test_intent_figures_of_separable_and_of_wrong_labels() -> None:
    x = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0)
    labels = LabelledTexts([""] * 20, ["a"] * 10 + ["b"] * 10)
    outside = np.full((5, 2), 0.5, dtype=np.float32)
    right = measure_intents(IntentTask("t", labels, labels, []), x, x, outside)
    assert right["accuracy"] == right["macro-F1"] == right["out-of-scope AUROC"] == 1.0
    swapped = LabelledTexts([""] * 20, ["b"] * 10 + ["a"] * 10)
    wrong = measure_intents(IntentTask("t", labels, swapped, []), x, x, outside)
    assert wrong["accuracy"] == wrong["macro-F1"] == 0.0
    assert wrong["calibration error"] > 0.9


def test_cut_embeddings_have_unit_norm() -> None:
    parts = (np.array([[3 / 13, 4 / 13, 12 / 13]], dtype=np.float32),)
    assert TaskEmbeddings(RETRIEVAL, parts).cut(2).parts[0] == pytest.approx(np.array([[0.6, 0.8]]))


def encode_by(table: dict[str, list[float]]) -> System:
    def encode(texts: list[str]) -> Embeddings:
        return np.array([table[text] for text in texts], dtype=np.float32)

    return System("s", encode, 1_000_000)


def test_asymmetric_search_uses_the_teachers_documents() -> None:
    task = RetrievalTask("g", "en", "en", ["a", "b"], ["x", "y"], [0, 1])
    first, second = [0.8, 0.6], [0.6, 0.8]
    table = {"a": first, "b": second, "x": first, "y": second, SHORT_QUERY: first}
    teacher = encode_by(table)
    swapped = encode_by(table | {"x": table["y"], "y": table["x"]})
    result = evaluate_systems(
        System("teacher", teacher.encode, 2_000_000), [swapped], [task], teacher_language="en", dimensions=[1]
    )
    figures = result["systems"]["s"]["figures"]
    assert figures["g en-en"]["nDCG@10"] == round(1 / np.log2(3), 4)
    assert figures["g en-en asymmetric"]["nDCG@10"] == 1.0
    assert result["share_of_teacher"]["s"]["g en-en asymmetric"]["nDCG@10"] == 1.0
    assert result["systems"]["s"]["size_mb"] == 1.0
    assert "s, first 1" in result["systems"]
    assert "| g en-en | nDCG@10 | 1.0000 | 0.6309 (63.1%) |" in render_table(result)


def test_a_system_of_another_space_is_not_asked_about_the_teachers_documents() -> None:
    task = RetrievalTask("g", "en", "en", ["a"], ["x", "y"], [0])
    encode = encode_by({"a": [1.0, 0.0], "x": [1.0, 0.0], "y": [0.0, 1.0], SHORT_QUERY: [1.0, 0.0]}).encode
    teacher = System("teacher", encode, 1, "space")
    systems = [System("same", encode, 1, "space"), System("other", encode, 1, "another space")]
    measured = evaluate_systems(teacher, systems, [task], teacher_language="en")["systems"]
    assert "g en-en asymmetric" in measured["same"]["figures"]
    assert "g en-en asymmetric" not in measured["other"]["figures"]


def test_the_teacher_is_not_asked_about_groups_that_are_left_out() -> None:
    tasks = [RetrievalTask(group, "en", "en", [group], ["x", "y"], [0]) for group in ("a", "b")]
    encode = encode_by({text: [1.0, 0.0] for text in ("a", "x", SHORT_QUERY)} | {"y": [0.0, 1.0]}).encode
    other = encode_by({text: [1.0, 0.0] for text in ("a", "b", "x", SHORT_QUERY)} | {"y": [0.0, 1.0]})
    teacher = System("teacher", encode, 1)  # does not know "b"
    result = evaluate_systems(teacher, [other], tasks, teacher_language="en", not_of_teacher=["b"])
    assert list(result["systems"]["teacher"]["figures"]) == ["a en-en"]
    assert set(result["systems"]["s"]["figures"]) >= {"a en-en", "b en-en"}
    assert "b en-en" not in result["share_of_teacher"]["s"]
    assert "| b en-en | nDCG@10 |  | 1.0000 |" in render_table(result)


def test_documents_are_encoded_as_documents_and_equal_lists_once() -> None:
    asked: list[tuple[str, ...]] = []

    def encode_queries(texts: list[str]) -> Embeddings:
        asked.append(("queries", *texts))
        return np.array([[1.0, 0.0]] * len(texts), dtype=np.float32)

    def encode_documents(texts: list[str]) -> Embeddings:
        asked.append(("documents", *texts))
        return np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32)

    tasks = [RetrievalTask("g", "en", language, ["a"], ["x", "y"], [1]) for language in ("en", "es")]
    system = System("s", encode_queries, 1, encode_documents=encode_documents)
    assert {task: each["accuracy@1"] for task, each in measure_system(system, tasks).items()} == {
        "g en-en": 1.0,
        "g en-es": 1.0,
    }
    assert asked == [("queries", "a"), ("documents", "x", "y")]


def write_set(folder: Path) -> Path:
    """Guides in two languages, translations, a question, and intents, all small."""
    guides = [
        {"id": f"{language}{n}", "title": f"title {language} {n}", "body_markdown": f"# title\n\nbody {language} {n}"}
        for n in range(8)
        for language in ("en", "es")
    ]
    pairs = [{"pair_id": f"p{n}", "en_id": f"en{n}", "es_id": f"es{n}"} for n in range(8)]
    messages = [{"text": f"{word} {n}", "label": word} for n in range(12) for word in ("invoice", "password")]
    questions = [{"text": "How long?", "language": "en", "gold": "en/a.md", "quote": "For two days.", "split": "test"}]
    (folder / "guides").mkdir()
    (folder / "kb" / "en").mkdir(parents=True)
    (folder / "kb" / "en" / "a.md").write_text("# A\n\nIntroduction.\n\n## B\n\n- For **two** days.\n")
    for name, rows in (
        ("guides/articles", guides),
        ("guides/pairs", pairs),
        ("translations", [{"en": f"one {n}", "es": f"uno {n}"} for n in range(20)]),
        ("questions", questions),
        ("messages", messages),
    ):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = (
        """
        name = "small"
        task = [
            {kind = "guides", name = "guides", folders = ["guides"], hold_out = 0.5},
            {kind = "translations", name = "translations", file = "translations.jsonl", hold_out = 0.5},
            {kind = "questions", name = "questions", file = "questions.jsonl", documents = "kb", languages = ["en"]},
            {kind = "intents", name = "messages", train = "messages.jsonl", hold_out = 0.5},
        ]
    """.replace("\n            ", "")
        .replace(",]", "]")
        .replace(",        ]", "]")
    )
    (folder / "recipe.toml").write_text("\n".join(line.strip() for line in recipe.splitlines()))
    return folder / "recipe.toml"


def test_tasks_hold_only_what_was_held_out(tmp_path: Path) -> None:
    path = write_set(tmp_path)
    tasks = {task.name: task for task in read_tasks(read_evaluation_recipe(path), tmp_path)}
    kept = [n for n in range(8) if is_held_out(f"p{n}", 0.5)]
    crossing = tasks["guides es-en"]
    assert isinstance(crossing, RetrievalTask)
    assert crossing.queries == [f"title es {n}" for n in kept]
    assert all("title" not in document for document in crossing.documents)
    asked = tasks["questions en-en"]
    assert isinstance(asked, RetrievalTask)
    assert asked.documents[asked.answers[0]].startswith("A\nB")
    messages = tasks["messages"]
    assert isinstance(messages, IntentTask)
    assert all(is_held_out(text, 0.5) for text in messages.test.texts)
    assert not any(is_held_out(text, 0.5) for text in messages.train.texts)


def test_a_set_of_another_form_is_refused(tmp_path: Path) -> None:
    path = write_set(tmp_path)
    path.write_text(path.read_text().replace("hold_out = 0.5", "hold_out = 0.0001", 1))
    with pytest.raises(DataRefused, match="task 'guides' finds no text"):
        read_tasks(read_evaluation_recipe(path), tmp_path)
    (tmp_path / "questions.jsonl").write_text(
        json.dumps({"text": "q", "language": "en", "gold": "en/a.md", "quote": "Never."}) + "\n"
    )
    path.write_text(path.read_text().replace("0.0001", "0.5"))
    with pytest.raises(DataRefused, match="no section that holds the quote"):
        read_tasks(read_evaluation_recipe(path), tmp_path)
    path.write_text("name = 'x'\n")
    with pytest.raises(DataRefused, match=r"recipe .* is (refused: \d+ problem\(s\), first in|not TOML in UTF-8)"):
        read_evaluation_recipe(path)


def test_the_command_writes_figures_a_table_and_plots(tmp_path: Path) -> None:
    path = write_set(tmp_path)
    out = tmp_path / "report"
    command = [sys.executable, "-m", "orilla", "student", "evaluate", str(DEFAULT_BUNDLE), "--recipe", str(path)]
    subprocess.run([*command, "--out", str(out), "--dimensions", "128"], check=True, cwd=ROOT, timeout=100)
    written = json.loads((out / "evaluation.json").read_text())
    assert list(written["systems"]) == ["teacher", "default_bundle", "default_bundle, first 128"]
    assert written["systems"]["default_bundle"]["size_mb"] < 30
    assert written["systems"]["default_bundle"]["figures"]["messages"]["accuracy"] == 1.0
    assert {origin["name"] for origin in written["lineage"]} >= {"guides/pairs.jsonl", "messages.jsonl"}
    assert "| guides en-en | nDCG@10 |" in (out / "evaluation.md").read_text()
    assert {plot.name for plot in out.glob("*.png")} == {"retrieval.png", "intents.png", "dimensions.png"}
    assert all(plot.stat().st_size > 5000 for plot in out.glob("*.png"))


def test_no_plot_is_drawn_of_what_was_not_measured(tmp_path: Path) -> None:
    figures = {"g en-en": {"nDCG@10": 0.5}}
    result = {"teacher": "t", "systems": {"t": {"figures": figures}}, "share_of_teacher": {}}
    assert [path.name for path in draw_plots(result, tmp_path)] == ["retrieval.png"]


def test_the_benchmarks_recipe_names_only_files_that_are_there() -> None:
    require_data("banking77/train.jsonl")
    path = ROOT / "benchmarks" / "evaluation.toml"
    assert len(read_tasks(read_evaluation_recipe(path), path.parent)) == 29
