"""Probes: texts with the embeddings and intents that a bundle must reproduce on this very CPU.

Quantized arithmetic depends on the processor (signed 8-bit products saturate on some), so a bundle that was
right where it was made can be wrong where it runs. A bundle that fails its probes is not served.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from student.bundle import Bundle
from student.encoder import Encoder
from student.errors import BundleUnusable, ProbesFailed
from student.heads import LinearHead


class Probe(BaseModel):
    """A text, its embedding (D numbers) and the label that each head gives it (None: out of scope)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    text: Annotated[str, Field(min_length=1)]
    embedding: list[float]
    labels: dict[str, str | None] = {}


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The outcome of a bundle's probes.

    Attributes:
        count: probes run.
        min_similarity: the lowest cosine between an embedding and the one expected.
        label_mismatches: how many labels differ from the ones expected.
    """

    count: int
    min_similarity: float
    label_mismatches: int


_PROBES = TypeAdapter(Annotated[list[Probe], Field(min_length=1)])


def write_probes(texts: list[str], encoder: Encoder, heads: dict[str, LinearHead]) -> bytes:
    """The bytes of a bundle's probe file, made by running its own encoder and heads."""
    probes: list[dict[str, Any]] = []
    for text, embedding in zip(texts, encoder.encode(texts), strict=True):
        labels = {name: head.classify(embedding).label for name, head in heads.items()}
        numbers = [round(float(x), 6) for x in embedding]
        probes.append({"text": text, "embedding": numbers, "labels": labels})
    return ("[\n" + ",\n".join(json.dumps(p, ensure_ascii=False) for p in probes) + "\n]\n").encode()


def run_probes(bundle: Bundle, encoder: Encoder, heads: dict[str, LinearHead]) -> ProbeReport:
    """Runs a bundle's probes.

    Returns:
        What was found, when it is within the bundle's bound.

    Raises:
        BundleUnusable: the probe file cannot be read.
        ProbesFailed: an embedding is further from the expected one than `min_similarity` allows.
    """
    entry = bundle.manifest.probes
    try:
        probes = _PROBES.validate_json(bundle.read(entry.file))
        expected = np.array([probe.embedding for probe in probes], dtype=np.float32)  # (N, D)
    except (ValidationError, ValueError) as error:
        raise BundleUnusable("the bundle's probes cannot be read; get the bundle again") from error
    if expected.shape != (len(probes), encoder.dimension):
        raise BundleUnusable("the bundle's probes have another size than its encoder; get the bundle again")
    embeddings = encoder.encode([probe.text for probe in probes])
    similarities = (embeddings * expected).sum(axis=1) / np.linalg.norm(expected, axis=1)  # (N,)
    mismatches = sum(
        heads[name].classify(embedding).label != label
        for probe, embedding in zip(probes, embeddings, strict=True)
        for name, label in probe.labels.items()
        if name in heads
    )
    report = ProbeReport(len(probes), float(similarities.min()), mismatches)
    if not report.min_similarity >= entry.min_similarity:
        raise ProbesFailed(
            f"bundle {bundle.manifest.name} serial {bundle.manifest.serial} gives embeddings with similarity "
            f"{report.min_similarity:.4f} to its probes, expected at least {entry.min_similarity}; this CPU computes "
            "its arithmetic differently: use a bundle made for it"
        )
    return report
