"""Making of a bundle's answerability verifier: encode examples with the bundle's own encoder, train, measure, add."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from student.artifacts.json_lines import is_held_out
from student.bundle.folder import Bundle, open_bundle
from student.distill.example_origins import read_example_origins
from student.distill.training.supervision import Supervision
from student.distill.verifier.bundling import add_verifier
from student.distill.verifier.examples import VERIFIER_ROLE, VerifierExample, read_verifier_examples
from student.distill.verifier.model import VerifierModel
from student.distill.verifier.onnx_export import export_verifier
from student.distill.verifier.recipe import VerifierRecipe
from student.distill.verifier.token_table import TokenTable
from student.distill.verifier.training import train_verifier
from student.runtime.encoder import Encoder
from student.runtime.verifier import Verifier


def make_verifier(
    bundle_path: Path,
    examples_path: Path,
    recipe: VerifierRecipe,
    folder: Path,
    out: Path,
    *,
    serial: int,
    now: datetime,
    replace: bool = False,
    on_encode: Callable[[int, int], None] = lambda done, total: None,
    supervision: Supervision = Supervision(),
) -> Bundle:
    """Trains a verifier for a bundle and writes the bundle with it.

    Args:
        bundle_path: the bundle whose token embeddings the verifier is trained on; one that it has is replaced.
        examples_path: of the examples.
        recipe: how to train.
        folder: of the run; a killed one is continued there.
        out: where the new bundle goes.
        serial: the new bundle's.
        now: its time of making.
        replace: allow a bundle at `out` to be replaced.
        on_encode: called with the number of texts encoded and of all.
        supervision: of the training.

    Raises:
        DataRefused: the examples cannot be used. AnotherRun: see `train_verifier`. BundleError: the bundle cannot be.
    """
    bundle = open_bundle(bundle_path)
    examples = read_verifier_examples(examples_path)
    held_out = [e for e in examples if e.kind.startswith(recipe.favored) and is_held_out(e.group, recipe.hold_out)]
    groups = {example.group for example in held_out}
    encoder = Encoder.from_bundle(bundle)
    try:
        texts = list(dict.fromkeys(t for e in examples for t in (e.question, e.heading or "-", e.text)))
        torch.manual_seed(recipe.seed)
        model = VerifierModel(encoder.dimension)
        learned = [example for example in examples if example.group not in groups]
        table = TokenTable(texts, encoder, folder, on_encode)
        train_verifier(model, learned, table, recipe, folder, supervision=supervision)
        graph = export_verifier(model, encoder.dimension)
        metrics = measure_verifier(Verifier(graph, dimension=encoder.dimension), held_out, encoder) if held_out else {}
        origins = read_example_origins(examples_path, VERIFIER_ROLE)
        return add_verifier(
            bundle, graph, origins, metrics, out, encoder=encoder, serial=serial, now=now, replace=replace
        )
    finally:
        encoder.close()


def measure_verifier(verifier: Verifier, examples: Sequence[VerifierExample], encoder: Encoder) -> dict[str, Any]:
    """Share of cases where a passage that answers gets a higher logit than one that does not (AUROC), by kind."""
    logits: dict[str, list[float]] = {}
    for example in examples:
        parts = encoder.encode_each_tokens([example.question, example.heading or "-", example.text])
        logits.setdefault("answers" if example.span else example.kind, []).append(verifier.logit(*parts))
    answers = np.array(logits.pop("answers", []))
    return {"passages that answer": len(answers)} | {
        f"ranked above {kind.removeprefix('written: ')}": round(
            float((answers[:, None] > np.array(others)[None]).mean()), 4
        )
        for kind, others in sorted(logits.items())
    }
