"""A whole iteration in miniature, killed in every step: it completes, spends privacy once, its lineage verifies."""

import json
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.storage.database import DATABASE
from federation.privacy.ledger_file import read_ledger
from student.artifacts.json_lines import read_rows
from student.bundle.folder import open_bundle
from teacher.lineage import trace
from teacher.loop.inputs import IterationRecipe, read_iteration_recipe
from teacher.loop.paths import IterationPaths
from teacher.loop.report import ITERATION_PAGE
from teacher.loop.scenario import make_scenario
from tests.conftest import ROOT
from tests.teacher.mixture.tiny_mixture import write_mixture
from tests.tiny import WORDS, make_tiny_teacher

pytestmark = pytest.mark.timeout(600)

TOPICS = WORDS[:4]
MIXTURE_STEPS = [1, 11, 12]
"""It labels, absorbs, and its targets are labelled again."""
RECIPE = {
    "name": "tiny",
    "messages": "messages.jsonl",
    "public": ["public.jsonl"],
    "new_intents": 1,
    "labelled": 40,
    "federation": {
        "rounds": 2,
        "epsilon": 8.0,
        "learning_rate": 20.0,
        "momentum": 0.5,
        "clip_norm": 0.6,
        "feature_dimension": 16,
        "max_regression": 1.0,
    },
    "absorption": {"name": "tiny", "texts": 200, "max_regression": 1.0, "regularizations": [0.0]},
    "student": {
        "name": "tiny student",
        "languages": ["en"],
        "architecture": {"layers": [0, 1], "vocabulary": 500, "trained_vocabulary": 200, "max_tokens": 32},
        "training": {"steps": 4, "batch_size": 8, "max_tokens": 32, "matryoshka_weight": 0.0, "checkpoint_steps": 2},
        "bounds": {"int8_mean_similarity": 0.5, "int8_min_similarity": 0.0, "int8_top10_overlap": 0.0},
    },
}


def write_data(folder: Path) -> Path:
    """Messages of four intents, public texts of the same words, and two documents."""
    generator = random.Random(3)
    folder.mkdir()
    rows = []
    for number in range(480):
        topic = TOPICS[number % 4]
        words = [topic, topic, *generator.sample(WORDS[4:], 3), str(number)]
        generator.shuffle(words)
        rows.append({"text": " ".join(words), "label": topic})
    (folder / "messages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    public = [{"text": " ".join(generator.sample(WORDS, 5)) + f" {number}"} for number in range(200)]
    (folder / "public.jsonl").write_text("".join(json.dumps(row) + "\n" for row in public))
    (folder / "documents").mkdir()
    for topic in TOPICS[:2]:
        (folder / "documents" / f"{topic}.md").write_text(
            f"# About {topic}\n\nThe {topic} server needs a {topic} key.\n"
        )
    questions = [{"text": f"where is the {topic} key", "language": "en", "gold": f"{topic}.md"} for topic in TOPICS[:2]]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    (folder / "recipe.json").write_text(json.dumps(RECIPE))
    return folder


_ATTEMPTS = """
import json, os, random, signal, sys, threading
from pathlib import Path
import torch
from student.distill.export.bundle_export import export_bundle
from student.distill.pretrained import open_pretrained
from student.distill.encoder.torch_encoder import open_torch_encoder
from teacher.loop.figures import measure_iteration
from teacher.loop.report import write_page
from teacher.loop.inputs import IterationInputs, IterationRecipe
from teacher.loop.iteration import run_iteration
from teacher.mixture.recipe import read_teacher_recipe
from teacher.mixture.teacher import open_teacher, teacher_of

data, teacher, home = map(Path, sys.argv[1:4])
recipe_of_teacher, killed_steps = sys.argv[4], json.loads(sys.argv[5])
recipe = IterationRecipe.model_validate_json((data / "recipe.json").read_bytes())
generator = random.Random(1)

def attempt(killed_in, delay_s):
    torch.set_num_threads(1)
    model = open_pretrained(teacher, name="tiny teacher", license_="Apache-2.0")
    opened = teacher_of(model, open_torch_encoder(model, precision="float32"))
    if recipe_of_teacher:
        opened = open_teacher(read_teacher_recipe(Path(recipe_of_teacher)))
    inputs = IterationInputs(opened, model, data, data / "documents")
    steps = iter(range(1000))
    def on_step(step):
        if next(steps) == killed_in:
            threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGKILL)).start()
    scenario = run_iteration(recipe, inputs, home, on_step=on_step)
    if killed_in is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    write_page(measure_iteration(recipe, inputs, scenario, home, data / "questions.jsonl"), home)

kills = 0
for killed_in in [*killed_steps, None]:
    child = os.fork()
    if child == 0:
        attempt(killed_in, generator.choice([0.0, 0.05, 0.2, 0.6]))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if killed_in is None:
        sys.exit(os.waitstatus_to_exitcode(status))
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, (killed_in, status)
"""


@pytest.fixture(scope="module", params=["one folder", "a mixture"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An iteration that was killed in each of its steps, a mixture's in those where it works, and then left to end."""
    folder = tmp_path_factory.mktemp("iteration")
    data = write_data(folder / "data")
    teacher = make_tiny_teacher(folder / "teacher")
    recipe, killed_steps = "", list(range(13))
    if request.param == "a mixture":
        recipe, killed_steps = str(write_mixture(folder / "mixture")), MIXTURE_STEPS
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _ATTEMPTS,
            str(data),
            str(teacher.path),
            str(folder / "home"),
            recipe,
            json.dumps(killed_steps),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "home"


def test_an_iteration_killed_in_every_step_and_started_again_completes(home: Path) -> None:
    paths = IterationPaths(home)
    for bundle, serial in ((paths.first_bundle, 1), (paths.branch(3) / "bundle", 2), (paths.next_bundle, 3)):
        assert open_bundle(bundle).manifest.serial == serial
    assert len({open_bundle(paths.branch(number) / "bundle").digest for number in (1, 2, 3)}) == 1
    following = open_bundle(paths.next_bundle).manifest
    assert len(following.heads["intent"].labels) == 4
    assert len(open_bundle(paths.first_bundle).manifest.heads["intent"].labels) == 3
    assert following.embedding_space == open_bundle(paths.first_bundle).manifest.embedding_space
    assert following.licenses[0].spdx == "LicenseRef-own AND Apache-2.0"  # the student's recipe, what it started from


def test_it_spends_no_more_than_its_recipe_says_and_every_ledger_is_sound(home: Path) -> None:
    spent = open_bundle(IterationPaths(home).next_bundle).manifest.privacy
    assert [each.serial for each in spent] == [1]
    for number in (1, 2, 3):
        state = read_ledger(IterationPaths(home).branch(number) / "ledger.jsonl")
        assert 1 <= state.serial <= RECIPE["federation"]["rounds"]  # type: ignore[index]
        assert state.epsilon(1e-5) <= 8.0 * (1 + 1e-6)
        assert state.epsilon(1e-5) <= spent[0].largest_ledger_epsilon + 1e-6


def test_feedback_is_given_once(home: Path) -> None:
    for number in (1, 2, 3):
        store = IterationPaths(home).branch(number) / "store" / DATABASE
        with closing(sqlite3.connect(store)) as database:
            texts = [text for (text,) in database.execute("SELECT text FROM feedback")]
        messages = [row["text"] for row in read_rows(home / "scenario" / f"branch-{number}.jsonl")]
        assert texts == messages


def test_the_lineage_of_the_next_bundle_leads_to_release_ledgers_and_targets(home: Path) -> None:
    found = {(node.role, node.name): node.path for node in trace(IterationPaths(home).next_bundle, [home]).walk()}
    assert found["release", "loop release 1"] is not None
    assert {found["ledger", f"branch-{number}"] is not None for number in (1, 2, 3)} == {True}
    assert found["targets", "targets.json"] is not None
    assert found["intents", "intents.jsonl"] is not None
    reductions = {path for (role, _), path in found.items() if role == "teacher's reduction"}
    assert None not in reductions
    (head,) = {path for (role, _), path in found.items() if role == "teacher's intent head"}
    assert head is not None


def test_the_next_bundles_card_says_what_was_spent(home: Path) -> None:
    bundle = open_bundle(IterationPaths(home).next_bundle)
    card = bundle.read("MODEL_CARD.md").decode()
    assert "loop release 1 |" in card
    assert "post-processing" in card
    assert "No data of any branch" not in card
    assert "No data of any branch" in open_bundle(IterationPaths(home).first_bundle).read("MODEL_CARD.md").decode()


def test_the_page_shows_every_model_and_ledger(home: Path) -> None:
    page = (home / ITERATION_PAGE).read_text()
    values = json.loads((home / "figures.json").read_text())
    assert len(values["rows"]) == 4
    assert values["reembedded"] == 0
    for row in values["rows"]:
        assert row["who"] in page
        assert row["new_before"] == 0
    assert all(each["branch"] in page for each in values["spent"])


def test_new_intents_are_at_branches_alone_and_not_at_the_last(home: Path) -> None:
    scenario = make_scenario(IterationRecipe.model_validate(RECIPE), Path(), Path(), home / "scenario")
    labels = [
        {row["label"] for row in read_rows(path)}
        for path in (scenario.intents, scenario.validation, *scenario.branches)
    ]
    assert [bool(each & set(scenario.new)) for each in labels] == [False, False, True, True, False]


@pytest.mark.parametrize("name", ["iteration", "demo-iteration"])
def test_the_recipes_that_ship_can_be_read(name: str) -> None:
    assert read_iteration_recipe(ROOT / "teacher" / "recipes" / f"{name}.toml").branches == 3
