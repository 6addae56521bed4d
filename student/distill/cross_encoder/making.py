"""Making of a bundle's cross-encoder: start from the bundle's own layers, train, measure, export, add."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from student.artifacts.json_lines import is_held_out
from student.bundle.folder import Bundle, open_bundle
from student.distill.continuing.weights import unpack_weights
from student.distill.cross_encoder.bundling import add_cross_encoder
from student.distill.cross_encoder.examples import CROSS_ENCODER_ROLE, RankingExample, read_ranking_examples
from student.distill.cross_encoder.model import start_cross_encoder
from student.distill.cross_encoder.onnx_export import export_cross_encoder
from student.distill.cross_encoder.recipe import CrossEncoderRecipe
from student.distill.cross_encoder.training import train_cross_encoder
from student.distill.example_origins import read_example_origins
from student.distill.training.supervision import Supervision
from student.runtime.cross_encoder import CrossEncoder, PairTokens
from student.runtime.encoder import Encoder, load_tokenizer

_START = "start"
_MOST_MEASURED = 500
"""Examples of a kind and language that are measured."""


def make_cross_encoder(
    bundle_path: Path,
    examples_path: Path,
    recipe: CrossEncoderRecipe,
    folder: Path,
    out: Path,
    *,
    serial: int,
    now: datetime,
    replace: bool = False,
    supervision: Supervision = Supervision(),
) -> Bundle:
    """Trains a cross-encoder from a bundle's layers and writes the bundle with it.

    Args:
        bundle_path: the bundle; a cross-encoder that it has is replaced.
        examples_path: of the examples.
        recipe: how to train.
        folder: of the run; a killed one is continued there.
        out: where the new bundle goes.
        serial: the new bundle's.
        now: its time of making.
        replace: allow a bundle at `out` to be replaced.
        supervision: of the training.

    Raises:
        DataRefused: the examples cannot be used. RecipeRefused: the recipe does not fit the bundle.
        AnotherRun: see `train_cross_encoder`. BundleError: the bundle cannot be used.
    """
    bundle = open_bundle(bundle_path)
    examples = read_ranking_examples(examples_path)
    entry = bundle.manifest.encoder
    tokens = PairTokens(load_tokenizer(bundle.read(entry.tokenizer)), entry.max_tokens)
    torch.manual_seed(recipe.seed)
    start = unpack_weights(bundle_path, folder / _START)
    model = start_cross_encoder(start, recipe.layers, dropout=recipe.dropout)
    learned, held_out = list[RankingExample](), list[RankingExample]()
    for example in examples:
        (held_out if is_held_out(example.group, recipe.hold_out) else learned).append(example)
    train_cross_encoder(model, learned, tokens, recipe, folder, supervision=supervision)
    graph = export_cross_encoder(model)
    encoder = Encoder.from_bundle(bundle)
    try:
        metrics = measure_cross_encoder(CrossEncoder(graph, encoder), held_out)
        origins = read_example_origins(examples_path, CROSS_ENCODER_ROLE)
        return add_cross_encoder(
            bundle, graph, origins, metrics, out, encoder=encoder, serial=serial, now=now, replace=replace
        )
    finally:
        encoder.close()


def measure_cross_encoder(cross_encoder: CrossEncoder, examples: Sequence[RankingExample]) -> dict[str, Any]:
    """Figures on examples, each language apart.

    `first`: the share of questions of a kind whose answer gets the highest logit of its list. `near misses told apart`:
    the share of pairs of an answer and of a text that answers nothing in which the answer's logit is higher (AUROC).
    """
    firsts: dict[str, list[bool]] = {}
    logits: dict[str, tuple[list[float], list[float]]] = {}
    for example in examples:
        kind = f"{example.kind.removeprefix('written: ')}, {example.language}"
        is_ranked = example.answers and example.others and len(firsts.setdefault(kind, [])) < _MOST_MEASURED
        is_told_apart = not example.answers or example.kind.startswith("written")
        if not is_ranked and not is_told_apart:
            continue
        texts = [*example.answers[:1], *example.others]
        found = cross_encoder.logits(example.question, texts if is_ranked else texts[:1])
        if is_ranked:
            firsts[kind].append(int(found.argmax()) == 0)
        if is_told_apart:
            logits.setdefault(example.language, ([], []))[not example.answers].append(float(found[0]))
    figures: dict[str, Any] = {f"first, {kind}": _share(np.array(right)) for kind, right in sorted(firsts.items())}
    for language, (answers, others) in sorted(logits.items()):
        if answers and others:
            told_apart = np.array(answers)[:, None] > np.array(others)[None]
            figures[f"near misses told apart, {language}"] = _share(told_apart)
    return figures


def _share(of: Any) -> float:
    return round(float(of.mean()), 4)
