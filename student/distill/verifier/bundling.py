"""Making a bundle's answerability verifier: encode examples with the bundle's own encoder, train, measure, write.

The bundle format calls the verifier `reader`; so do the texts that stand in bundles.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from student.artifacts.json_lines import is_held_out
from student.bundle.folder import Bundle, open_bundle, write_bundle
from student.bundle.linear_head import read_head
from student.bundle.manifest import Origin, created_at
from student.distill.export.model_card import write_model_card
from student.distill.export.probe_texts import PROBE_TEXTS
from student.distill.training.loop import TrainingProgress
from student.distill.verifier.examples import (
    VERIFIER_ROLE,
    VerifierExample,
    read_example_origins,
    read_verifier_examples,
)
from student.distill.verifier.model import VerifierModel
from student.distill.verifier.onnx_export import export_verifier
from student.distill.verifier.recipe import VerifierRecipe
from student.distill.verifier.token_table import TokenTable
from student.distill.verifier.training import train_verifier
from student.runtime.encoder import Encoder
from student.runtime.probes import write_probes
from student.runtime.verifier import Verifier

VERIFIER_METRICS = "reader_on_held_out_questions"
MAX_LOGIT_DIFFERENCE = 0.5
"""Between CPUs: int8 and float32 of the same verifier differ by 0.07."""
PROBE_PASSAGES = [
    (
        "How long are backups kept?",
        "Backups › Nightly copies",
        "Backups are taken every night at 02:00 and kept for fourteen days. A restore takes up to an hour.",
    ),
    (
        "¿Puedo pagar con criptomonedas?",
        "Formas de pago",
        "Se puede pagar con tarjeta, con PayPal y por transferencia. La transferencia tarda de uno a tres días.",
    ),
    ("how many minutes do I boil an egg", "Refunds", "A refund goes to the method you paid with, in ten working days."),
]


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
    on_encode: Callable[[int], None] = lambda count: None,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
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
        on_encode: called with the number of texts to be encoded.
        on_progress: progress callback, every step.

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
        on_encode(len(texts))
        torch.manual_seed(recipe.seed)
        model = VerifierModel(encoder.dimension)
        learned = [example for example in examples if example.group not in groups]
        train_verifier(model, learned, TokenTable(texts, encoder, folder), recipe, folder, on_progress=on_progress)
        graph = export_verifier(model, encoder.dimension)
        metrics = measure_verifier(Verifier(graph, dimension=encoder.dimension), held_out, encoder) if held_out else {}
        origins = read_example_origins(examples_path)
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


def add_verifier(
    bundle: Bundle,
    graph: bytes,
    origins: Sequence[Origin],
    metrics: dict[str, Any],
    out: Path,
    *,
    encoder: Encoder,
    serial: int,
    now: datetime,
    replace: bool,
) -> Bundle:
    """Writes a copy of a bundle with a verifier, its probes, model card, notice and lineage made again.

    Args:
        bundle: without a verifier, or with another one.
        graph: the verifier, by `export_verifier`.
        origins: what it was trained on, with the role `VERIFIER_ROLE`.
        metrics: what was measured.
        out: where the new bundle goes.
        encoder: the bundle's.
        serial: the new bundle's.
        now: its time of making.
        replace: allow a bundle at `out` to be replaced.
    """
    verifier = Verifier(graph, dimension=encoder.dimension)
    heads = {name: read_head(bundle, name) for name in bundle.manifest.heads}
    fields = bundle.manifest.model_dump(exclude={"files"})
    limits = dict(fields["limits"])
    limits["known"] = [limit for limit in limits.get("known", []) if limit != _LIMIT] + [_LIMIT]
    fields |= {
        "serial": serial,
        "created": created_at(now),
        "reader": {"file": _FILE, "max_logit_difference": MAX_LOGIT_DIFFERENCE},
        "lineage": [o for o in fields["lineage"] if o["role"] != VERIFIER_ROLE] + [o.model_dump() for o in origins],
        "limits": limits,
        "metrics": fields["metrics"] | {VERIFIER_METRICS: metrics},
    }
    contents = {name: bundle.read(name) for name in bundle.manifest.files} | {
        _FILE: graph,
        _NOTICE: _notice(bundle, origins),
        bundle.manifest.probes.file: write_probes(PROBE_TEXTS, encoder, heads, verifier, PROBE_PASSAGES),
        bundle.manifest.model_card: write_model_card(fields).encode(),
    }
    return write_bundle(out, fields, contents, replace=replace)


_LIMIT = (
    "The reader learned from help centres of software and a bank. Of a passage that answers and one of its "
    "subject that does not, it prefers the right one seven times in ten; questions close to a document are "
    "often answered wrong."
)
_FILE = "reader.onnx"
_NOTICE, _NOTICE_OPENING = "NOTICE.txt", "\nThe reader was trained on:\n"


def _notice(bundle: Bundle, origins: Sequence[Origin]) -> bytes:
    old = bundle.read(_NOTICE).decode().split(_NOTICE_OPENING)[0] if _NOTICE in bundle.manifest.files else ""
    lines = "".join(f"  {origin.name} ({origin.license})\n" for origin in origins)
    return f"{old}{_NOTICE_OPENING}{lines}The texts themselves are not part of the bundle.\n".encode()
