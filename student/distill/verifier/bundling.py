"""A bundle's verifier as part of the bundle: field, file, probes, lineage, notice and model card.

The bundle format calls the verifier `reader`.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from student.bundle.folder import Bundle, write_bundle
from student.bundle.linear_head import read_head
from student.bundle.manifest import Origin, created_at
from student.distill.export.model_card import write_model_card
from student.distill.export.probe_texts import PROBE_TEXTS
from student.distill.verifier.examples import VERIFIER_ROLE
from student.runtime.cross_encoder import CrossEncoder
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
    limits["known"] = [*without_verifier(limits.get("known", [])), _limit(origins, metrics)]
    fields |= {
        "serial": serial,
        "created": created_at(now),
        "reader": {"file": _FILE, "max_logit_difference": MAX_LOGIT_DIFFERENCE},
        "lineage": [o for o in fields["lineage"] if o["role"] != VERIFIER_ROLE] + [o.model_dump() for o in origins],
        "limits": limits,
        "metrics": fields["metrics"] | {VERIFIER_METRICS: metrics},
    }
    with CrossEncoder.from_bundle(bundle, encoder) or nullcontext() as cross_encoder:
        probes = write_probes(PROBE_TEXTS, encoder, heads, verifier, PROBE_PASSAGES, cross_encoder=cross_encoder)
    contents = {name: bundle.read(name) for name in bundle.manifest.files} | {
        _FILE: graph,
        _NOTICE: _notice(bundle, origins),
        bundle.manifest.probes.file: probes,
        bundle.manifest.model_card: write_model_card(fields).encode(),
    }
    return write_bundle(out, fields, contents, replace=replace)


def without_verifier(limits: Sequence[str]) -> list[str]:
    """The known limits of a bundle but for that of its verifier."""
    return [limit for limit in limits if not _EARLIER_LIMIT.match(limit)]


_FILE = "reader.onnx"
_RANKED = "ranked above "
_NOTICE, _NOTICE_OPENING = "NOTICE.txt", "\nThe verifier was trained on:\n"
_EARLIER_NOTICE = re.compile(r"\nThe (?:verifier|reader) was trained on:\n")
_EARLIER_LIMIT = re.compile(r"The (?:verifier|reader) learned from ")
"""In bundles of 0.1 the verifier is called reader."""


def _limit(origins: Sequence[Origin], metrics: Mapping[str, Any]) -> str:
    """The verifier's sources and its weakest figure, as a limit of the bundle."""
    ranked = {name.removeprefix(_RANKED): value for name, value in metrics.items() if name.startswith(_RANKED)}
    sources = dict.fromkeys(origin.name.split("/")[0] for origin in origins)
    said = f"The verifier learned from {', '.join(sources)}."
    if not ranked:
        return said
    worst = min(ranked, key=ranked.__getitem__)
    return (
        f"{said} It ranks a passage that answers above one that does not ({worst}) in {ranked[worst]:.0%} of held-out "
        "cases; questions close to a document are often answered wrong."
    )


def _notice(bundle: Bundle, origins: Sequence[Origin]) -> bytes:
    before = bundle.read(_NOTICE).decode() if _NOTICE in bundle.manifest.files else ""
    before = _EARLIER_NOTICE.split(before)[0]
    lines = "".join(f"  {origin.name} ({origin.license})\n" for origin in origins)
    return f"{before}{_NOTICE_OPENING}{lines}The texts themselves are not part of the bundle.\n".encode()
