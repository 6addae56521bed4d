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
from student.runtime.cross_encoder import CrossEncoder
from student.runtime.encoder import Encoder
from student.runtime.verifier import Verifier


class ProbeReading(BaseModel):
    """A passage, and the logit that it is given with the probe's text as the question."""

    model_config = ConfigDict(frozen=True, extra="allow")

    heading: str
    text: Annotated[str, Field(min_length=1)]
    logit: float


class Probe(BaseModel):
    """A text with what the bundle must reproduce of it.

    Attributes:
        embedding: D numbers.
        labels: head → label, None where the text is out of the head's scope.
        reading: a passage with its logit, where the bundle has a verifier; the name is the format's.
        pair: the same with the logit of the cross-encoder, where the bundle has one.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    text: Annotated[str, Field(min_length=1)]
    embedding: list[float]
    labels: dict[str, str | None] = {}
    reading: ProbeReading | None = None
    pair: ProbeReading | None = None


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """Outcome of a bundle's probes.

    Attributes:
        count: probes run.
        min_similarity: the lowest cosine between an embedding and the one expected.
        label_mismatches: how many labels differ from the ones expected.
        max_logit_difference: the largest between a logit of the verifier and the one expected.
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
    verifier: Verifier | None = None,
    passages: list[tuple[str, str, str]] | None = None,
    *,
    cross_encoder: CrossEncoder | None = None,
) -> bytes:
    """The bytes of a bundle's probe file, made by running its own parts.

    Args:
        texts: the probes.
        encoder: the bundle's own.
        heads: its own.
        verifier: its own, if it has one.
        passages: question, heading and text of those that verifier and cross-encoder are run on; the questions become
            probes too.
        cross_encoder: its own, if it has one.
    """
    readings: dict[str, dict[str, Any]] = {}
    for question, heading, text in passages or []:
        passage, read = {"heading": heading, "text": text}, readings.setdefault(question, {})
        if verifier:
            read["reading"] = passage | {"logit": verify_probe(question, heading, text, encoder, verifier)}
        if cross_encoder:
            read["pair"] = passage | {"logit": round(float(cross_encoder.logits(question, [(heading, text)])[0]), 6)}
    texts = list(dict.fromkeys([*texts, *(question for question, read in readings.items() if read)]))
    probes: list[dict[str, Any]] = []
    for text, embedding in zip(texts, encoder.encode(texts), strict=True):
        labels = {name: head.classify(embedding, text).label for name, head in heads.items()}
        numbers = [round(float(x), 6) for x in embedding]
        probe = {"text": text, "embedding": numbers, "labels": labels}
        probes.append(probe | readings.get(text, {}))
    return ("[\n" + ",\n".join(json.dumps(p, ensure_ascii=False) for p in probes) + "\n]\n").encode()


def read_probes(bundle: Bundle) -> list[Probe]:
    """The probes of a bundle, each with an embedding of the bundle's size. Raises `BundleUnusable`."""
    try:
        probes = _PROBES.validate_json(bundle.read(bundle.manifest.probes.file))
    except (ValidationError, ValueError) as error:
        raise BundleUnusable("the bundle's probes cannot be read; get the bundle again") from error
    if any(len(probe.embedding) != bundle.manifest.encoder.dimension for probe in probes):
        raise BundleUnusable("the bundle's probes have another size than its encoder; get the bundle again")
    return probes


def run_probes(
    bundle: Bundle, encoder: Encoder, heads: dict[str, LinearHead], verifier: Verifier | None = None
) -> ProbeReport:
    """Runs a bundle's probes.

    Returns:
        The outcome, when it is within the bundle's bounds.

    Raises:
        BundleUnusable: the probe file cannot be read.
        ProbesFailed: an embedding or a logit is further from the expected one than the manifest allows.
    """
    entry = bundle.manifest.probes
    probes = read_probes(bundle)
    expected = np.array([probe.embedding for probe in probes], dtype=np.float32)  # (N, D)
    embeddings = encoder.encode([probe.text for probe in probes])
    similarities = (embeddings * expected).sum(axis=1) / np.linalg.norm(expected, axis=1)  # (N,)
    mismatches = sum(
        heads[name].classify(embedding, probe.text).label != label
        for probe, embedding in zip(probes, embeddings, strict=True)
        for name, label in probe.labels.items()
        if name in heads
    )
    differences = [
        abs(
            verify_probe(probe.text, probe.reading.heading, probe.reading.text, encoder, verifier) - probe.reading.logit
        )
        for probe in probes
        if verifier and probe.reading
    ]
    difference = max(differences, default=0.0)
    report = ProbeReport(len(probes), float(similarities.min()), mismatches, difference)
    if not report.min_similarity >= entry.min_similarity:
        raise ProbesFailed(
            f"bundle {bundle.manifest.name} serial {bundle.manifest.serial} gives embeddings with similarity "
            f"{report.min_similarity:.4f} to its probes, expected at least {entry.min_similarity}; this CPU computes "
            "its arithmetic differently: use a bundle made for it"
        )
    if bundle.manifest.verifier and not difference <= bundle.manifest.verifier.max_logit_difference:
        raise ProbesFailed(
            f"bundle {bundle.manifest.name} serial {bundle.manifest.serial} gives logits off by {difference:.3f} from "
            f"those of its probes, expected at most {bundle.manifest.verifier.max_logit_difference}; this CPU computes "
            "its arithmetic differently: use a bundle made for it"
        )
    return report


def max_pair_difference(bundle: Bundle, cross_encoder: CrossEncoder) -> float:
    """The largest difference between a logit of the cross-encoder and the one that the probes expect.

    Raises:
        BundleUnusable: the probe file cannot be read, or has no logit of the cross-encoder.
    """
    pairs = [(probe.text, probe.pair) for probe in read_probes(bundle) if probe.pair]
    if not pairs:
        raise BundleUnusable("the bundle's probes say nothing of its cross-encoder; get the bundle again")
    return max(
        abs(float(cross_encoder.logits(text, [(pair.heading, pair.text)])[0]) - pair.logit) for text, pair in pairs
    )


def verify_probe(question: str, heading: str, text: str, encoder: Encoder, verifier: Verifier) -> float:
    """The verifier's logit for a question and a passage."""
    return verifier.logit(*encoder.encode_each_tokens([question, heading, text]))
