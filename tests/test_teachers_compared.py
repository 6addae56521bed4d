"""The benchmark of teachers: encoders as the default recipe has them, means of whole directions; checkpoints' table."""

from benchmarks.checkpoint import render
from benchmarks.teachers import CANDIDATES, CHOSEN, SETS, means_of, voice_settings
from student.evaluation.recipe import read_evaluation_recipe
from student.evaluation.tasks import RetrievalTask
from teacher.mixture.recipe import read_teacher_recipe
from tests.conftest import ROOT

MODELS = {"e5": "w/e5.onnx", "USE": "w/use.onnx", "MiniLM": "w/minilm.onnx", "mpnet": "w/mpnet"}


def test_the_chosen_candidate_has_the_encoders_of_the_default_teacher() -> None:
    recipe = read_teacher_recipe(ROOT / "teacher" / "recipes" / "bilingual-teacher.toml")
    settings = voice_settings(recipe, MODELS)
    assert {name for names in CANDIDATES.values() for name in names} == set(settings)
    chosen = [settings[name] for name in CANDIDATES[CHOSEN]]
    assert {each.model for each in chosen} == {MODELS[name] for name in ("e5", "USE", "MiniLM")}
    assert sorted(each.name for each in chosen) == sorted(each.name for each in recipe.blocks)
    for each in recipe.blocks:
        (ours,) = (other for other in chosen if other.name == each.name)
        assert ours.model_copy(update={"model": each.model, "weight": each.weight}) == each


def test_every_group_of_a_set_is_a_task_of_the_quick_recipe() -> None:
    groups = {entry.name for entry in read_evaluation_recipe(ROOT / "benchmarks" / "quick.toml").task}
    assert sorted(groups) == sorted(group for set_ in SETS.values() for group in set_)


def test_a_mean_is_of_a_whole_direction_or_is_not_there() -> None:
    first, second = SETS["development"][:2]
    tasks = [
        RetrievalTask(group, asked, searched, ["q"], ["d"], [0])
        for group in (first, second)
        for asked, searched in (("en", "en"), ("en", "es"), ("es", "en"))
    ]
    figures = {f"{first} en-en": 0.5, f"{second} en-en": 0.7, f"{first} en-es": 0.2, f"{first} es-en": 0.4}
    figures[f"{second} en-es"] = 0.6
    measured = {name: {"nDCG@10": value} for name, value in figures.items()}
    assert means_of(measured, tasks) == {"development": {"en": 0.6}, "second": {}}
    measured[f"{second} es-en"] = {"nDCG@10": 0.8}
    assert means_of(measured, tasks)["development"] == {"en": 0.6, "across": 0.5}


def test_a_checkpoints_table_has_a_row_for_each_of_its_figures_beside_what_others_have() -> None:
    figures = {
        "bundle": {"g en-en": {"nDCG@10": 0.25}},
        "run/model": {"g en-en": {"nDCG@10": 0.5, "accuracy@1": 0.125}},
    }
    assert render(figures).splitlines() == [
        "| task | figure | bundle | run/model |",
        "|---|---|---|---|",
        "| g en-en | nDCG@10 | 0.250 | 0.500 |",
        "| g en-en | accuracy@1 |  | 0.125 |",
    ]
