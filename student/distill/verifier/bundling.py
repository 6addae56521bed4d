"""A bundle's verifier as part of the bundle.

The bundle format calls the verifier `reader`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from student.bundle.folder import Bundle
from student.bundle.manifest import Origin
from student.distill.export.bundle_part import BundlePart, MadePart, add_part
from student.distill.verifier.examples import VERIFIER_ROLE
from student.runtime.cross_encoder import CrossEncoder
from student.runtime.encoder import Encoder
from student.runtime.verifier import Verifier

VERIFIER_METRICS = "reader_on_held_out_questions"
VERIFIER = BundlePart(
    called="verifier",
    called_before="reader",  # in bundles of 0.1
    field="reader",
    file="reader.onnx",
    max_logit_difference=0.5,  # int8 and float32 of the same verifier differ by 0.07
    role=VERIFIER_ROLE,
    metrics=VERIFIER_METRICS,
)


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
    """Writes a copy of a bundle with a verifier; see `add_part`.

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
    return add_part(
        bundle,
        VERIFIER,
        MadePart(graph, origins, metrics, _limit(origins, metrics)),
        out,
        encoder=encoder,
        verifier=Verifier(graph, dimension=encoder.dimension),
        cross_encoder=CrossEncoder.from_bundle(bundle, encoder),
        serial=serial,
        now=now,
        replace=replace,
    )


_RANKED = "ranked above "


def _limit(origins: Sequence[Origin], metrics: Mapping[str, Any]) -> str:
    """The verifier's sources and its weakest figure, as a limit of the bundle."""
    ranked = {name.removeprefix(_RANKED): value for name, value in metrics.items() if name.startswith(_RANKED)}
    sources = dict.fromkeys(origin.name.split("/")[0] for origin in origins)
    said = f"{VERIFIER.limit_opening}{', '.join(sources)}."
    if not ranked:
        return said
    worst = min(ranked, key=ranked.__getitem__)
    return (
        f"{said} It ranks a passage that answers above one that does not ({worst}) in {ranked[worst]:.0%} of held-out "
        "cases; questions close to a document are often answered wrong."
    )
