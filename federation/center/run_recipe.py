"""What a central team writes down before a run, and what is made ready from it: a folder with all that the rounds need.

Everything in the recipe is public, and may be shown to branches before they join. Noise is not written but follows from
the budget. Texts are encoded here, once, so that the process that runs the rounds needs numpy alone.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from safetensors.numpy import load_file, save

from federation.errors import CheckpointInvalid, ExamplesInvalid, ParametersInvalid
from federation.learning.adapter_run import read_pairs, right_first, start_of
from federation.learning.examples import read_lines, read_tickets
from federation.learning.features import FeatureMap, Weights
from federation.learning.plan import Cohort, RunPlan, Training, plan_run
from federation.learning.round_parameters import MAX_HOLDOUT_SHARE, MIN_SECURE_COHORT, Label, Mechanism, Name, Part
from student.artifacts.digests import digest_json
from student.artifacts.durable import write_durably
from student.artifacts.settings import read_settings
from student.bundle.folder import DEFAULT_BUNDLE, Bundle, open_bundle
from student.bundle.linear_head import LinearHead, read_intent_head
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder

RUN_FILE, MAP_FILE, ARRAYS_FILE = "run.json", "feature_map.safetensors", "start.safetensors"
"""The head that is trained."""
NAME_STRENGTH = 8.0
"""Of a start from labels' names alone (docs/log.md)."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
OnEncoded = Callable[[int, int], None]
_BATCH = 64


class RunRecipe(BaseModel):
    """A run of the intent head or of the query adapter, in public.

    Attributes:
        run_id: its name, and that of its folder.
        part: what is trained: "head" or "adapter".
        rank: of the adapter; 0 for the head.
        mechanism: "secure" or "local"; see `RoundParameters`.
        rounds: how many.
        epsilon, delta: what one customer may lose in this run (add-or-remove neighbors, exact composition).
        clip_norm: L2 bound on one customer's contribution to a round.
        contributions: most examples used of one customer.
        branches: that must be there before a round begins, and are expected in it.
        minimum_survivors: branches whose updates must be in a sum.
        colluders: of those, how many may subtract their own noise with the guarantee still standing.
        customers: of all branches together, an estimate from public knowledge; sums are divided by it.
        learning_rate, momentum: of the center's steps.
        new_labels: that the bundle's head lacks; they start from what their names mean.
        keeps_labels: whether the head's own labels stay; if not, new_labels are all there are.
        bundle: folder of the bundle that branches have, relative to the recipe; by default the one that is installed.
        public_texts: texts like those at the branches, none of them from one: `{"text": …}` lines.
        feature_dimension: directions of the feature map; for the head.
        validation: the center's own labelled texts, `{"text": …, "intent": …}` lines; for the adapter questions and
            what answers them, `{"text": …, "passage": …}`.
        max_regression: accuracy on it that a release may lose against the bundle's head, or against the start of the
            first round where that is better; more, and there is none.
        holdout_share: of each branch's customers, kept from training for one evaluation at the end; 0 for none.
        evaluation_epsilon: what the evaluation may cost those customers, and at most `epsilon`.
        max_regression_at_branches: accuracy there that a release may lose, beyond twice the standard error of the
            noise; None to report it alone.
        attempts: at a round that ends with too few branches; each costs those that took part.
        branches_timeout_s: for `branches` to be there.
        step_timeout_s: for the answers to one message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: Name
    part: Part = "head"
    rank: Annotated[int, Field(ge=0, le=256)] = 0
    mechanism: Mechanism = "secure"
    rounds: Annotated[int, Field(ge=1, le=1000)]
    epsilon: Positive
    delta: Annotated[float, Field(gt=0, le=1e-3)] = 1e-5
    clip_norm: Positive = 1.0
    contributions: Annotated[int, Field(ge=1)] = 20
    branches: Annotated[int, Field(ge=1)]
    minimum_survivors: Annotated[int, Field(ge=1)]
    colluders: Annotated[int, Field(ge=0)] = 0
    customers: Annotated[int, Field(ge=1)]
    learning_rate: Positive = 60.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.8
    new_labels: tuple[Label, ...] = ()
    keeps_labels: bool = True
    bundle: Path = DEFAULT_BUNDLE
    public_texts: Path
    feature_dimension: Annotated[int, Field(ge=2, le=8192)] = 256
    validation: Path
    max_regression: Annotated[float, Field(ge=0, le=1)] = 0.0
    holdout_share: Annotated[float, Field(ge=0, le=MAX_HOLDOUT_SHARE)] = 0.0
    evaluation_epsilon: Positive = 3.0
    max_regression_at_branches: Annotated[float, Field(ge=0, le=1)] | None = None
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    branches_timeout_s: Positive = 600.0
    step_timeout_s: Positive = 120.0

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.branches < self.minimum_survivors:
            raise ValueError("minimum_survivors is larger than branches")
        if self.part == "head" and self.rank:
            raise ValueError("a run of the head has no rank")
        if self.part == "adapter" and (self.rank < 1 or self.new_labels):
            raise ValueError("a run of the adapter needs a rank of 1 or more, and no new_labels")
        if self.part == "adapter" and self.holdout_share:
            raise ValueError("an evaluation counts intents: a run of the adapter has none")
        if self.max_regression_at_branches is not None and not self.holdout_share:
            raise ValueError("max_regression_at_branches needs an holdout_share")
        if self.mechanism == "secure" and self.minimum_survivors < MIN_SECURE_COHORT:
            raise ValueError(f"a secure sum needs minimum_survivors of {MIN_SECURE_COHORT} or more")
        return self

    @property
    def digest(self) -> str:
        """Names the recipe: a run goes on under the same one only."""
        return digest_json(self.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that is ready: read from its folder.

    Attributes:
        recipe: what it was made from.
        plan: what its rounds have in common.
        bundle_digest: of the bundle that the release will be for.
        feature_map: public; None for the adapter.
        start: weights of the first round, (K, C) or (2, r * D).
        embeddings: (n, D) of the validation set.
        targets: int64 (n,) columns of the weights, or rows of the passages.
        passages: (m, D) for the adapter, (0, D) for the head.
        baseline: accuracy of the bundle's own head or adapter on it.
    """

    recipe: RunRecipe
    plan: RunPlan
    bundle_digest: str
    feature_map: FeatureMap | None
    start: Weights
    embeddings: Embeddings
    targets: NDArray[np.int64]
    passages: Embeddings
    baseline: float

    def accuracy(self, weights: Weights) -> float:
        """Share of the center's validation set that weights name rightly, or find the right passage of first."""
        if self.feature_map is None:
            return right_first(weights, self.embeddings, self.passages, self.targets)
        return float(((self.feature_map.apply(self.embeddings) @ weights).argmax(axis=1) == self.targets).mean())


def read_recipe(path: Path) -> RunRecipe:
    """Reads a recipe; its paths become absolute.

    Raises:
        ParametersInvalid: not readable, an unknown field, or a value out of range.
    """
    recipe = read_settings(path, RunRecipe, "recipe", ParametersInvalid)
    here = path.absolute().parent
    return recipe.model_copy(
        update={name: here / getattr(recipe, name) for name in ("bundle", "public_texts", "validation")}
    )


def prepare_run(recipe: RunRecipe, folder: Path, on_encoded: OnEncoded = lambda done, total: None) -> PreparedRun:
    """Encodes the public texts and the validation set, starts from the bundle's part, and writes it all.

    A folder that holds the same run is read and left as it is, so that a run can be continued.

    Raises:
        CheckpointInvalid: the folder holds a run of another recipe.
        ExamplesInvalid: too few public texts, or labels in the validation set that the run does not have.
        BundleError: the bundle cannot be used. ParametersInvalid: no scale fits so many customers.
    """
    if (folder / RUN_FILE).exists():
        return _read_same_run(recipe, folder)
    prepare = _prepare_head if recipe.part == "head" else _prepare_adapter
    run = prepare(recipe, open_bundle(recipe.bundle), on_encoded)
    run.plan.round(1, run.start)  # what no round could be made of is refused now
    _write(run, folder)
    return run


def _prepare_head(recipe: RunRecipe, bundle: Bundle, on_encoded: OnEncoded) -> PreparedRun:
    public = [row["text"] for row in read_lines(recipe.public_texts, "text")]
    validation = read_tickets(recipe.validation)
    head = read_intent_head(bundle)
    kept = head.labels if head and recipe.keeps_labels else ()
    labels = tuple(dict.fromkeys((*kept, *recipe.new_labels)))
    _check_texts(recipe, public, {row.label for row in validation}, labels)
    encoder = Encoder.from_bundle(bundle)
    try:
        texts = public + [row.text for row in validation]
        embeddings = _encode(encoder, texts, on_encoded)
        names = encoder.encode([label.replace("_", " ") for label in labels])
    finally:
        encoder.close()
    on_public, held_out = embeddings[: len(public)], embeddings[len(public) :]
    feature_map = FeatureMap.fit(on_public, min(recipe.feature_dimension, encoder.dimension), power=-0.25)
    start = _start(feature_map, head, labels, names, on_public)
    targets = np.array([labels.index(row.label) for row in validation])
    baseline = _accuracy(head, held_out, [row.label for row in validation]) if head else 0.0
    plan = _plan(
        recipe,
        bundle,
        feature_map.projection.shape[1],
        labels=labels,
        feature_map_digest=feature_map.digest,
        known_labels=len(kept),
    )
    none = np.empty((0, encoder.dimension), dtype=np.float32)
    return PreparedRun(
        recipe, plan, bundle.digest, feature_map, start, held_out, targets.astype(np.int64), none, baseline
    )


def _prepare_adapter(recipe: RunRecipe, bundle: Bundle, on_encoded: OnEncoded) -> PreparedRun:
    public = [row["text"] for row in read_lines(recipe.public_texts, "text")]
    pairs = read_pairs(recipe.validation)
    passages = list(dict.fromkeys(passage for _, passage in pairs))
    encoder = Encoder.from_bundle(bundle)
    try:
        embeddings = _encode(encoder, [*public, *(text for text, _ in pairs), *passages], on_encoded)
    finally:
        encoder.close()
    on_public, questions, answers = np.split(embeddings, [len(public), len(public) + len(pairs)])
    start = start_of(bundle, recipe.rank, on_public)
    places = {passage: place for place, passage in enumerate(passages)}
    targets = np.array([places[passage] for _, passage in pairs], dtype=np.int64)
    plan = _plan(recipe, bundle, encoder.dimension, rank=recipe.rank)
    baseline = right_first(start, questions, answers, targets)
    return PreparedRun(recipe, plan, bundle.digest, None, start, questions, targets, answers, baseline)


def read_run(folder: Path) -> PreparedRun:
    """A run that was made ready.

    Raises:
        CheckpointInvalid: the folder holds none, or not all of it.
    """
    try:
        value = json.loads((folder / RUN_FILE).read_bytes())
        arrays = load_file(folder / ARRAYS_FILE)
        plan: dict[str, Any] = value["plan"]
        plan |= {"cohort": Cohort(**plan["cohort"]), "training": Training(**plan["training"])}
        plan["labels"] = tuple(plan["labels"])
        return PreparedRun(
            RunRecipe.model_validate(value["recipe"]),
            RunPlan(**plan),
            value["bundle_digest"],
            FeatureMap.from_bytes(read_map(folder)) if plan["part"] == "head" else None,
            arrays["weights"],
            arrays["embeddings"],
            arrays["targets"],
            arrays["passages"],
            value["baseline"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointInvalid(f"{folder} holds no run that is ready; begin it anew under another name") from error


def read_map(folder: Path) -> bytes:
    """The file of a run's feature map; empty where it has none."""
    path = folder / MAP_FILE
    return path.read_bytes() if path.exists() else b""


def _read_same_run(recipe: RunRecipe, folder: Path) -> PreparedRun:
    run = read_run(folder)
    if run.recipe.digest != recipe.digest:
        raise CheckpointInvalid(
            f"{folder} holds run {recipe.run_id} of another recipe ({run.recipe.digest[:12]}, this is "
            f"{recipe.digest[:12]}); give the new one another run_id"
        )
    return run


def _start(
    feature_map: FeatureMap, head: LinearHead | None, labels: tuple[str, ...], names: Embeddings, public: Embeddings
) -> Weights:
    """Weights (K, C) of what the head knows, and from the names of what it does not.

    Beside new labels the head's columns are brought to the length of theirs: which of its labels it chooses stays the
    same, and its certainty, which nothing has taught it about the new ones, does not drown them.
    """
    start = feature_map.from_names(names, NAME_STRENGTH)
    known = {label: i for i, label in enumerate(head.labels)} if head else {}
    columns = [i for i, label in enumerate(labels) if label in known]
    if head and columns:
        taught = feature_map.from_head(head.weight, head.bias, public)[:, [known[labels[i]] for i in columns]]
        longest = float(np.linalg.norm(taught, axis=0).mean())
        start[:, columns] = taught if len(columns) == len(labels) else taught * min(1.0, NAME_STRENGTH / longest)
    return start


def _accuracy(head: LinearHead, embeddings: Embeddings, labels: list[str]) -> float:
    chosen = head.probabilities(embeddings).argmax(axis=1)
    return float(np.mean([head.labels[i] == label for i, label in zip(chosen, labels, strict=True)]))


def _plan(
    recipe: RunRecipe,
    bundle: Bundle,
    dimension: int,
    *,
    labels: tuple[str, ...] = (),
    rank: int = 0,
    feature_map_digest: str | None = None,
    known_labels: int = 0,
) -> RunPlan:
    return plan_run(
        recipe.run_id,
        recipe.part,
        epsilon=recipe.epsilon,
        delta=recipe.delta,
        dimension=dimension,
        embedding_space=bundle.manifest.embedding_space,
        cohort=Cohort(recipe.branches, recipe.minimum_survivors, recipe.customers, recipe.colluders),
        training=Training(recipe.rounds, recipe.learning_rate, recipe.momentum, recipe.clip_norm, recipe.contributions),
        mechanism=recipe.mechanism,
        labels=labels,
        rank=rank,
        feature_map_digest=feature_map_digest,
        holdout_share=recipe.holdout_share,
        evaluation_epsilon=min(recipe.evaluation_epsilon, recipe.epsilon),
        known_labels=known_labels,
    )


def _write(run: PreparedRun, folder: Path) -> None:
    """The run's file last: a folder without it is no run."""
    folder.mkdir(parents=True, exist_ok=True)
    if run.feature_map:
        write_durably(folder / MAP_FILE, run.feature_map.to_bytes())
    arrays: dict[str, NDArray[Any]] = {"weights": run.start, "embeddings": run.embeddings}
    arrays |= {"targets": run.targets, "passages": run.passages}
    write_durably(folder / ARRAYS_FILE, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
    value = {
        "recipe": run.recipe.model_dump(mode="json"),
        "plan": asdict(run.plan),
        "bundle_digest": run.bundle_digest,
        "baseline": run.baseline,
    }
    write_durably(folder / RUN_FILE, (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode())


def _check_texts(recipe: RunRecipe, public: list[str], used: set[str], labels: tuple[str, ...]) -> None:
    if len(public) < 2 * recipe.feature_dimension:
        raise ExamplesInvalid(
            f"{recipe.public_texts} holds {len(public)} texts, expected at least twice feature_dimension, "
            f"{2 * recipe.feature_dimension}; add texts, or lower feature_dimension"
        )
    if len(labels) < 2:
        raise ExamplesInvalid("the run has fewer than two labels; use a bundle with an intent head, or name new_labels")
    if not used or not used <= set(labels):
        raise ExamplesInvalid(
            f"{recipe.validation} uses {len(used - set(labels))} labels that neither the bundle's head nor new_labels "
            f"has, and {len(used & set(labels))} that one of them has; name the rest in new_labels"
        )


def _encode(encoder: Encoder, texts: list[str], on_encoded: OnEncoded) -> Embeddings:
    parts = []
    for begin in range(0, len(texts), _BATCH):
        parts.append(encoder.encode(texts[begin : begin + _BATCH]))
        on_encoded(min(begin + _BATCH, len(texts)), len(texts))
    return np.concatenate(parts)
