"""A bundle's cross-encoder as part of the bundle."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from student.bundle.folder import Bundle
from student.bundle.manifest import Origin
from student.distill.cross_encoder.examples import CROSS_ENCODER_ROLE
from student.distill.export.bundle_part import BundlePart, MadePart, add_part
from student.runtime.cross_encoder import CrossEncoder
from student.runtime.encoder import Encoder
from student.runtime.verifier import Verifier

CROSS_ENCODER_METRICS = "cross_encoder_on_held_out_questions"
CROSS_ENCODER = BundlePart(
    called="cross-encoder",
    called_before=None,
    field="cross_encoder",
    file="cross_encoder.onnx",
    max_logit_difference=1.0,  # int8 and float32 of the same cross-encoder differ by less
    role=CROSS_ENCODER_ROLE,
    metrics=CROSS_ENCODER_METRICS,
)


def add_cross_encoder(
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
    """Writes a copy of a bundle with a cross-encoder; see `add_part`.

    Args:
        bundle: without a cross-encoder, or with another one.
        graph: the cross-encoder, by `export_cross_encoder`.
        origins: what it was trained on, with the role `CROSS_ENCODER_ROLE`.
        metrics: what was measured.
        out: where the new bundle goes.
        encoder: the bundle's.
        serial: the new bundle's.
        now: its time of making.
        replace: allow a bundle at `out` to be replaced.
    """
    return add_part(
        bundle,
        CROSS_ENCODER,
        MadePart(graph, origins, metrics, _limit(metrics)),
        out,
        encoder=encoder,
        verifier=Verifier.from_bundle(bundle),
        cross_encoder=CrossEncoder(graph, encoder),
        serial=serial,
        now=now,
        replace=replace,
    )


def _limit(metrics: Mapping[str, Any]) -> str:
    """A limit of the bundle: where the cross-encoder learned, and its weakest figure."""
    said = f"{CROSS_ENCODER.limit_opening}questions on public help pages and textbooks."
    told_apart = [value for name, value in metrics.items() if name.startswith("near misses told apart")]
    if not told_apart:
        return said
    return f"{said} It ranks a text that answers above a near miss in {min(told_apart):.0%} of held-out cases."
