"""Probes: texts with the embeddings and intents that a bundle must reproduce on this very CPU.

Quantized arithmetic depends on the processor (signed 8-bit products saturate on some), so a bundle that was
right where it was made can be wrong where it runs. A bundle that fails its probes is not served.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from student.bundle.folder import Bundle
from student.bundle.linear_head import LinearHead
from student.errors import BundleUnusable, ProbesFailed
from student.runtime.encoder import Encoder
from student.runtime.verifier import Reader


class ProbeReading(BaseModel):
    """A passage that the reader reads with the probe's text as the question, and the logit it gives."""

    model_config = ConfigDict(frozen=True, extra="allow")

    heading: str
    text: Annotated[str, Field(min_length=1)]
    logit: float


class Probe(BaseModel):
    """A text, its embedding (D numbers), the label that each head gives it (None: out of scope), and a reading."""

    model_config = ConfigDict(frozen=True, extra="allow")

    text: Annotated[str, Field(min_length=1)]
    embedding: list[float]
    labels: dict[str, str | None] = {}
    reading: ProbeReading | None = None


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The outcome of a bundle's probes.

    Attributes:
        count: probes run.
        min_similarity: the lowest cosine between an embedding and the one expected.
        label_mismatches: how many labels differ from the ones expected.
        max_logit_difference: the largest between a reading's logit and the one expected.
    """

    count: int
    min_similarity: float
    label_mismatches: int
    max_logit_difference: float


_PROBES = TypeAdapter(Annotated[list[Probe], Field(min_length=1)])


def write_probes(
    texts: list[str],
    encoder: Encoder,
    heads: dict[str, LinearHead],
    reader: Reader | None = None,
    passages: list[tuple[str, str, str]] | None = None,
) -> bytes:
    """The bytes of a bundle's probe file, made by running its own encoder, heads and reader.

    Args:
        texts: the probes.
        encoder: the bundle's own.
        heads: its own.
        reader: its own, if it has one.
        passages: question, heading and text of those that the reader reads; the questions become probes too.
    """
    readings = {
        question: {"heading": heading, "text": text, "logit": read_probe(question, heading, text, encoder, reader)}
        for question, heading, text in passages or []
        if reader
    }
    texts = list(dict.fromkeys([*texts, *readings]))
    probes: list[dict[str, Any]] = []
    for text, embedding in zip(texts, encoder.encode(texts), strict=True):
        labels = {name: head.classify(embedding).label for name, head in heads.items()}
        numbers = [round(float(x), 6) for x in embedding]
        probe = {"text": text, "embedding": numbers, "labels": labels}
        probes.append(probe | ({"reading": readings[text]} if text in readings else {}))
    return ("[\n" + ",\n".join(json.dumps(p, ensure_ascii=False) for p in probes) + "\n]\n").encode()


def run_probes(
    bundle: Bundle, encoder: Encoder, heads: dict[str, LinearHead], reader: Reader | None = None
) -> ProbeReport:
    """Runs a bundle's probes.

    Returns:
        What was found, when it is within the bundle's bound.

    Raises:
        BundleUnusable: the probe file cannot be read.
        ProbesFailed: an embedding or a reading is further from the expected one than the manifest allows.
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
    differences = [
        abs(read_probe(probe.text, probe.reading.heading, probe.reading.text, encoder, reader) - probe.reading.logit)
        for probe in probes
        if reader and probe.reading
    ]
    difference = max(differences, default=0.0)
    report = ProbeReport(len(probes), float(similarities.min()), mismatches, difference)
    if not report.min_similarity >= entry.min_similarity:
        raise ProbesFailed(
            f"bundle {bundle.manifest.name} serial {bundle.manifest.serial} gives embeddings with similarity "
            f"{report.min_similarity:.4f} to its probes, expected at least {entry.min_similarity}; this CPU computes "
            "its arithmetic differently: use a bundle made for it"
        )
    if bundle.manifest.reader and not difference <= bundle.manifest.reader.max_logit_difference:
        raise ProbesFailed(
            f"bundle {bundle.manifest.name} serial {bundle.manifest.serial} reads its probes with logits off by "
            f"{difference:.3f}, expected at most {bundle.manifest.reader.max_logit_difference}; this CPU computes its "
            "arithmetic differently: use a bundle made for it"
        )
    return report


def read_probe(question: str, heading: str, text: str, encoder: Encoder, reader: Reader) -> float:
    """The reader's logit for a question and a passage."""
    return reader.read(*encoder.encode_each_tokens([question, heading, text]))
