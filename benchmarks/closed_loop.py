"""One iteration of the loop: intents that only branches know, at other branches, the teacher and the next student.

BANKING77 with fifteen of its 77 intents unknown to the center, each known at three of fifty branches; a tenth of the
branches is lost in every round. The center has labelled thirty messages of each intent that it knows. Branches teach
the bundle's head under differential privacy (the product's mechanism in simulation), the teacher absorbs the aggregate
by the product's own soft labels and gates, and the next student's head learns from the teacher. The encoder is the
default bundle's, the teacher all-MiniLM-L6-v2, the public texts NLU++ and CLINC150; the encoder is not distilled
again, since no embedding of the teacher has moved. Figures are of the held-out fifth, means over three seeds that draw
the intents, the branches, the drop-outs and the noise. The unit of privacy is one message.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.federated_data import (
    DATA,
    HELD_OUT,
    ROOT,
    Task,
    banking77,
    make_branches,
    select,
    split_over_branches,
)
from benchmarks.federation import DELTA, Setting, Training, fit_map, head_plan
from federation.learning.features import FeatureMap
from federation.learning.intent_head import NAME_STRENGTH
from federation.learning.simulation import simulate
from federation.privacy.accounting import guarantee
from student.artifacts.digests import digest_json
from student.artifacts.json_lines import is_held_out, read_rows
from student.bundle.linear_head import LinearHead
from student.distill.heads.head_distillation import LabelledEmbeddings, SoftLabels, distill_head
from student.distill.heads.intent_head import LabelledTexts, calibrate
from student.distill.pretrained import find_minilm
from student.embeddings import Embeddings
from teacher.absorbing.soft_labels import learn
from teacher.errors import AbsorptionRefused
from teacher.training.recipe import read_absorption
from teacher.training.training_data import split_messages

SEEDS = (0, 1, 2)
BRANCHES, DROPPED, NEW, KNOWN_AT, LABELLED = 50, 5, 15, 3, 30
PUBLIC = 8000
TRAINING = {8.0: Training(30, 120, 0.8, 0.5), 3.0: Training(20, 60, 0.8, 0.6)}
CACHE = ROOT / ".run" / "closed_loop"


@dataclass(frozen=True, slots=True)
class Scenario:
    """BANKING77 as student and teacher see it: embeddings of the same messages, in the same order."""

    task: Task
    texts: list[str]
    teacher_train: Embeddings
    teacher_test: Embeddings
    teacher_public: Embeddings
    student_public: Embeddings


@dataclass(frozen=True, slots=True)
class Iteration:
    """Draw of a seed: who knows what.

    Attributes:
        seed: of it, of drop-outs and of noise.
        new: labels that the center does not know.
        center: rows of the training messages that it has labelled.
        branch_of: rows of the others, and the branch of each.
    """

    seed: int
    new: NDArray[np.int64]
    center: NDArray[np.int64]
    rest: NDArray[np.int64]
    branch_of: NDArray[np.int64]


def run() -> dict[str, Any]:
    """All figures."""
    scenario = open_scenario()
    measured: dict[str, list[dict[str, float]]] = {}
    guarantees = {"without privacy": "none"}
    for seed in SEEDS:
        iteration = draw(scenario, seed)
        for epsilon in (None, *TRAINING):
            name = f"epsilon {epsilon:g}" if epsilon else "without privacy"
            figures, promised = run_iteration(scenario, iteration, epsilon)
            measured.setdefault(name, []).append(figures)
            if epsilon:
                guarantees[name] = promised
            print(f"  seed {seed}, {name}: {figures}", flush=True)
    return {
        "branches": BRANCHES,
        "lost in a round": DROPPED,
        "intents only at branches": NEW,
        "branches that know each": KNOWN_AT,
        "messages of each other intent that the center has labelled": LABELLED,
        "test messages": len(scenario.task.test.targets),
        **{name: {"guarantee": guarantees[name], **_summary(rows)} for name, rows in measured.items()},
    }


def open_scenario() -> Scenario:
    """Embeds everything once; kept under `.run/`."""
    task = banking77()
    rows = list(read_rows(DATA / "banking77" / "train.jsonl"))
    texts = [row["text"] for row in rows]
    public = [row["text"] for name in ("banking", "hotels") for row in read_rows(DATA / "nlupp" / f"{name}.jsonl")]
    public += [row["text"] for row in read_rows(DATA / "clinc150" / "train.jsonl")]
    held_out = np.array([is_held_out(text, HELD_OUT) for text in texts])
    by_teacher, names = encode_by_teacher(texts), [label.replace("_", " ") for label in task.labels]
    kept = np.flatnonzero([is_held_out(f"absorb:{text}", PUBLIC / len(public)) for text in public])
    return Scenario(
        task,
        [text for text, is_test in zip(texts, held_out, strict=True) if not is_test],
        by_teacher[~held_out],
        by_teacher[held_out],
        np.concatenate([encode_by_teacher(names), encode_by_teacher(public)[kept]]),
        np.concatenate([task.names, task.public[kept]]),
    )


def encode_by_teacher(texts: Sequence[str]) -> Embeddings:
    """Embeddings (n, D) by all-MiniLM-L6-v2 in torch, kept by the digest of weights and texts."""
    from student.distill.encoder.torch_encoder import open_torch_encoder  # noqa: PLC0415  (seconds to import)

    teacher = find_minilm()
    path = CACHE / f"{digest_json([teacher.weights_sha256, list(texts)])}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, open_torch_encoder(teacher, precision="auto")(list(texts)))
    return np.asarray(np.load(path), dtype=np.float32)


def draw(scenario: Scenario, seed: int) -> Iteration:
    """Draws who knows what."""
    generator, train = np.random.default_rng([seed, 0]), scenario.task.train
    new = np.sort(generator.choice(len(scenario.task.labels), NEW, replace=False))
    order = generator.permutation(len(train.targets))
    known = [label for label in range(len(scenario.task.labels)) if label not in new]
    center = np.concatenate([order[train.targets[order] == label][:LABELLED] for label in known])
    rest = generator.permutation(np.setdiff1d(np.arange(len(train.targets)), center))
    branch_of = split_over_branches(train.targets[rest], BRANCHES, generator)
    for label in new:
        rows = np.flatnonzero(train.targets[rest] == label)
        branch_of[rows] = generator.choice(generator.choice(BRANCHES, KNOWN_AT, replace=False), len(rows))
    return Iteration(seed, new, center, rest, branch_of)


def run_iteration(scenario: Scenario, iteration: Iteration, epsilon: float | None) -> tuple[dict[str, float], str]:
    """Figures before and after one iteration, and what was promised."""
    task, train = scenario.task, scenario.task.train
    recipe = read_absorption(Path("teacher/recipes/absorption.toml"))
    own = LabelledTexts(
        [scenario.texts[i] for i in iteration.center], [task.labels[t] for t in train.targets[iteration.center]]
    )
    row_of = {text: row for row, text in enumerate(scenario.texts)}
    parts = split_messages(own, validation=recipe.validation_share, test=recipe.test_share, seed=recipe.seed)
    rows = {name: np.array([row_of[text] for text in part.texts]) for name, part in parts.items()}
    bundle = _by_labels(task, train.embeddings, rows)
    teacher = _by_labels(task, scenario.teacher_train, rows)
    released, promised = federate(scenario, iteration, bundle, rows["validation"], epsilon)
    seen = rows["train"]
    soft = SoftLabels(
        np.concatenate([scenario.teacher_public, scenario.teacher_train[seen]]),
        released.logits(np.concatenate([scenario.student_public, train.embeddings[seen]])),
        released.labels,
    )
    try:
        learned = learn(
            teacher, parts, soft, recipe, lambda texts: scenario.teacher_train[[row_of[text] for text in texts]]
        )
        absorbed, regularization = learned.head, learned.regularization
    except AbsorptionRefused:
        absorbed, regularization = teacher, float("nan")
    following = SoftLabels(scenario.student_public, absorbed.logits(scenario.teacher_public), absorbed.labels)
    labels = absorbed.labels
    following_head = distill_head(labels, _embedded(task, train.embeddings, seen, labels), following)
    checked = _embedded(task, train.embeddings, rows["validation"], labels)
    next_student = calibrate(following_head, checked.embeddings, checked.targets)
    figures = {
        **_at_branches(scenario, iteration, bundle, released),
        **_everywhere("teacher", scenario, iteration, (teacher, absorbed)),
        **_everywhere("next student", scenario, iteration, (bundle, next_student)),
    }
    gain = figures["released student, new intents after"]
    share = figures["teacher, new intents after"] / gain if gain else 0.0
    return {**figures, "teacher's share of the gain": share, "regularization": regularization}, promised


def federate(
    scenario: Scenario, iteration: Iteration, bundle: LinearHead, validation: NDArray[np.int64], epsilon: float | None
) -> tuple[LinearHead, str]:
    """The head that branches teach, calibrated by the center, and its guarantee."""
    task, feature_map = scenario.task, fit_map(scenario.task)
    plan = head_plan(
        task,
        feature_map,
        Setting(BRANCHES, TRAINING, dropped=DROPPED),
        epsilon or max(TRAINING),
        customers=len(iteration.rest),
    )
    branches = make_branches(task, select(task.train, iteration.rest), iteration.branch_of, BRANCHES)
    generator, noise = np.random.default_rng([iteration.seed, 1]), np.random.default_rng([iteration.seed, 2])
    rounds = simulate(
        plan,
        branches,
        _start(task, feature_map, bundle),
        feature_map=feature_map,
        random_bytes=noise.bytes,
        drop=lambda _: [int(lost) for lost in generator.choice(BRANCHES, DROPPED, replace=False)],
        noise="each" if epsilon else "none",
    )
    weight, bias = feature_map.to_head(list(rounds)[-1].state.weights)
    head, train = LinearHead(weight, bias, task.labels, 1.0, 0.0), task.train
    promised = str(guarantee(plan.releases, DELTA, unit="message"))
    return calibrate(head, train.embeddings[validation], train.targets[validation]), promised


def _start(task: Task, feature_map: FeatureMap, bundle: LinearHead) -> NDArray[np.float32]:
    """Start weights from the bundle's head, and of new labels from their names, as a run begins."""
    start = feature_map.from_names(task.names, NAME_STRENGTH)
    columns = [task.labels.index(label) for label in bundle.labels]
    taught = feature_map.from_head(bundle.weight, bundle.bias, task.public)
    start[:, columns] = taught * min(1.0, NAME_STRENGTH / float(np.linalg.norm(taught, axis=0).mean()))
    return start


def _by_labels(task: Task, embeddings: Embeddings, rows: dict[str, NDArray[np.int64]]) -> LinearHead:
    """The head that the center's labels alone teach."""
    labels = tuple(sorted({task.labels[target] for target in task.train.targets[rows["train"]]}))
    train, validation = (_embedded(task, embeddings, rows[part], labels) for part in ("train", "validation"))
    return calibrate(distill_head(labels, train, None), validation.embeddings, validation.targets)


def _embedded(
    task: Task, embeddings: Embeddings, rows: NDArray[np.int64], labels: tuple[str, ...]
) -> LabelledEmbeddings:
    return LabelledEmbeddings(
        embeddings[rows], np.array([labels.index(task.labels[target]) for target in task.train.targets[rows]])
    )


def _is_right(task: Task, head: LinearHead, embeddings: Embeddings) -> NDArray[np.bool_]:
    columns = np.array([task.labels.index(label) for label in head.labels])
    return np.asarray(columns[head.logits(embeddings).argmax(axis=1)] == task.test.targets)


def _at_branches(scenario: Scenario, iteration: Iteration, before: LinearHead, after: LinearHead) -> dict[str, float]:
    """Of the intents that a branch has messages of, and of those that it never met: means over branches."""
    task, test = scenario.task, scenario.task.test
    right = {when: _is_right(task, head, test.embeddings) for when, head in (("before", before), ("after", after))}
    made: dict[str, float] = {}
    new, targets = set(iteration.new), task.train.targets[iteration.rest]
    met = [set(targets[iteration.branch_of == branch]) & new for branch in range(BRANCHES)]
    for who, asked in (("met", met), ("never met", [new - each for each in met])):
        for when, is_right in right.items():
            rates = [is_right[np.isin(test.targets, list(labels))].mean() for labels in asked if labels]
            made[f"branch's student, intents it {who}, {when}"] = float(np.mean(rates))
    return made | _everywhere("released student", scenario, iteration, (before, after))


def _everywhere(
    who: str, scenario: Scenario, iteration: Iteration, heads: tuple[LinearHead, LinearHead]
) -> dict[str, float]:
    embeddings = scenario.teacher_test if who == "teacher" else scenario.task.test.embeddings
    is_new = np.isin(scenario.task.test.targets, iteration.new)
    return {
        f"{who}, {which} {when}": float(_is_right(scenario.task, head, embeddings)[rows].mean())
        for which, rows in (("new intents", is_new), ("old intents", ~is_new))
        for when, head in zip(("before", "after"), heads, strict=True)
    }


def _summary(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    return {
        name: {
            "mean": round(float(np.nanmean([row[name] for row in rows])), 4),
            "sd": round(float(np.nanstd([row[name] for row in rows], ddof=1)), 4),
        }
        for name in rows[0]
    }
