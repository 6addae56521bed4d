"""A run that is prepared: a folder with all that its rounds need, made once from a recipe.

Texts are encoded here, so that the process that runs the rounds needs numpy alone.

    run.json                    recipe, public shape, noise, baseline
    feature_map.safetensors     where the part has one
    start.safetensors           weights of the first round, and the validation set
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from safetensors.numpy import load_file, save

from federation.center.run_recipe import RunRecipe
from federation.errors import CheckpointInvalid
from federation.learning.features import FeatureMap, Weights
from federation.learning.part import PreparedPart, PublicShape, ValidationSet
from federation.learning.parts import part_named
from federation.learning.plan import RunPlan, plan_run
from student.artifacts.durable import write_durably
from student.artifacts.settings import to_json
from student.bundle.folder import open_bundle
from student.embeddings import Embeddings

RUN_FILE, MAP_FILE, ARRAYS_FILE = "run.json", "feature_map.safetensors", "start.safetensors"
OnEncoded = Callable[[int, int], None]
"""Called with how many texts are encoded, of how many."""
_BATCH = 64


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run as its folder holds it.

    Attributes:
        recipe: what it was made from.
        plan: what its rounds have in common.
        bundle_digest: of the bundle that the release will be for.
        prepared: its part before the first round.
    """

    recipe: RunRecipe
    plan: RunPlan
    bundle_digest: str
    prepared: PreparedPart

    def accuracy(self, weights: Weights) -> float:
        """The figure of weights on the center's validation set, in [0, 1]: for heads the share named rightly."""
        return part_named(self.recipe.part).measure(weights, self.prepared)


class _RunFile(BaseModel):
    """`run.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: RunRecipe
    shape: PublicShape
    noise_multiplier: float
    evaluation_multiplier: float = 0.0
    known_labels: int = 0
    bundle_digest: str
    baseline: float


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
    from student.runtime.encoder import Encoder  # noqa: PLC0415  (onnxruntime; what runs the rounds does without)

    bundle = open_bundle(recipe.bundle)
    encoder = Encoder.from_bundle(bundle)

    def encode(texts: Sequence[str]) -> Embeddings:
        parts = [np.empty((0, encoder.dimension), dtype=np.float32)]
        for begin in range(0, len(texts), _BATCH):
            parts.append(encoder.encode(texts[begin : begin + _BATCH]))
            on_encoded(min(begin + _BATCH, len(texts)), len(texts))
        return np.concatenate(parts)

    try:
        prepared = part_named(recipe.part).prepare(recipe, bundle, encode)
    finally:
        encoder.close()
    plan = plan_run(recipe, prepared.shape, known_labels=prepared.known_labels)
    run = PreparedRun(recipe, plan, bundle.digest, prepared)
    plan.round(1, prepared.start)  # what no round could be made of is refused now
    _write(run, folder)
    return run


def read_run(folder: Path) -> PreparedRun:
    """A run that was prepared.

    Raises:
        CheckpointInvalid: the folder holds none, or not all of it.
    """
    try:
        file = _RunFile.model_validate_json((folder / RUN_FILE).read_bytes())
        arrays = load_file(folder / ARRAYS_FILE)
        content = read_map(folder)
        plan = RunPlan(file.recipe, file.shape, file.noise_multiplier, file.evaluation_multiplier, file.known_labels)
        prepared = PreparedPart(
            file.shape,
            arrays["weights"],
            ValidationSet(arrays["embeddings"], arrays["targets"], arrays["passages"]),
            file.baseline,
            FeatureMap.from_bytes(content) if file.shape.feature_map_digest else None,
            file.known_labels,
        )
        return PreparedRun(file.recipe, plan, file.bundle_digest, prepared)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointInvalid(
            f"{folder} holds no run of this version that is prepared; begin it again under another run_id"
        ) from error


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


def _write(run: PreparedRun, folder: Path) -> None:
    """The run's file last: a folder without it is no run."""
    folder.mkdir(parents=True, exist_ok=True)
    prepared, plan = run.prepared, run.plan
    if prepared.feature_map:
        write_durably(folder / MAP_FILE, prepared.feature_map.to_bytes())
    validation = prepared.validation
    arrays: dict[str, NDArray[Any]] = {"weights": prepared.start, "embeddings": validation.embeddings}
    arrays |= {"targets": validation.targets, "passages": validation.passages}
    write_durably(folder / ARRAYS_FILE, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
    file = _RunFile(
        recipe=run.recipe,
        shape=prepared.shape,
        noise_multiplier=plan.noise_multiplier,
        evaluation_multiplier=plan.evaluation_multiplier,
        known_labels=plan.known_labels,
        bundle_digest=run.bundle_digest,
        baseline=prepared.baseline,
    )
    write_durably(folder / RUN_FILE, to_json(file))
