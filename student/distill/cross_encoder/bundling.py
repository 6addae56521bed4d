"""A bundle's cross-encoder as part of the bundle: file, probes, lineage, notice and model card."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from student.bundle.folder import Bundle, write_bundle
from student.bundle.linear_head import read_head
from student.bundle.manifest import Origin, created_at
from student.distill.cross_encoder.examples import CROSS_ENCODER_ROLE
from student.distill.export.model_card import write_model_card
from student.distill.export.probe_texts import PROBE_TEXTS
from student.distill.verifier.bundling import PROBE_PASSAGES
from student.runtime.cross_encoder import CrossEncoder
from student.runtime.encoder import Encoder
from student.runtime.probes import write_probes
from student.runtime.verifier import Verifier

CROSS_ENCODER_METRICS = "cross_encoder_on_held_out_questions"
MAX_LOGIT_DIFFERENCE = 1.0
"""Between CPUs; int8 and float32 of the same cross-encoder differ by less."""
_FILE, _NOTICE = "cross_encoder.onnx", "NOTICE.txt"
_NOTICE_OPENING = "\nThe cross-encoder was trained on:\n"
_NOTICE_END = "The texts themselves are not part of the bundle.\n"
_LIMIT = "The cross-encoder learned from "


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
    """Writes a copy of a bundle with a cross-encoder, its probes, model card, notice and lineage made again.

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
    manifest, verifier = bundle.manifest, Verifier.from_bundle(bundle)
    heads = {name: read_head(bundle, name) for name in manifest.heads}
    with CrossEncoder.beside(bundle, encoder, graph) as cross_encoder:
        probes = write_probes(PROBE_TEXTS, encoder, heads, verifier, PROBE_PASSAGES, cross_encoder=cross_encoder)
    fields = manifest.model_dump(exclude={"files"})
    limits = dict(fields["limits"])
    limits["known"] = [*(one for one in limits.get("known", []) if not one.startswith(_LIMIT)), _limit(metrics)]
    fields |= {
        "serial": serial,
        "created": created_at(now),
        "cross_encoder": {"file": _FILE, "max_logit_difference": MAX_LOGIT_DIFFERENCE},
        "lineage": [o for o in fields["lineage"] if o["role"] != CROSS_ENCODER_ROLE]
        + [o.model_dump() for o in origins],
        "limits": limits,
        "metrics": fields["metrics"] | {CROSS_ENCODER_METRICS: metrics},
    }
    contents = {name: bundle.read(name) for name in manifest.files} | {
        _FILE: graph,
        _NOTICE: _notice(bundle, origins),
        manifest.probes.file: probes,
        manifest.model_card: write_model_card(fields).encode(),
    }
    return write_bundle(out, fields, contents, replace=replace)


def _limit(metrics: Mapping[str, Any]) -> str:
    """A limit of the bundle: where the cross-encoder learned, and its weakest figure."""
    said = f"{_LIMIT}questions on public help pages and textbooks."
    told_apart = [value for name, value in metrics.items() if name.startswith("near misses told apart")]
    if not told_apart:
        return said
    return f"{said} It ranks a text that answers above a near miss in {min(told_apart):.0%} of held-out cases."


def _notice(bundle: Bundle, origins: Sequence[Origin]) -> bytes:
    before = bundle.read(_NOTICE).decode() if _NOTICE in bundle.manifest.files else ""
    first, _, rest = before.partition(_NOTICE_OPENING)
    kept = first + rest.partition(_NOTICE_END)[2]
    lines = "".join(f"  {origin.name} ({origin.license})\n" for origin in origins)
    return f"{kept}{_NOTICE_OPENING}{lines}{_NOTICE_END}".encode()
