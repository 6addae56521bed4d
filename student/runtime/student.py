"""A loaded student, as `edge_agent` serves it. Opening one verifies the bundle and runs its probes."""

import logging
from dataclasses import dataclass
from pathlib import Path

from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import Bundle, open_bundle
from student.bundle.linear_head import LinearHead, read_head
from student.bundle.query_adapter import QueryAdapter, read_adapter
from student.embeddings import Embeddings
from student.runtime.cross_encoder import CrossEncoder
from student.runtime.encoder import Encoder
from student.runtime.probes import ProbeReport, max_pair_difference, run_probes
from student.runtime.verifier import Verifier

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Student:
    """A verified bundle with its encoder, heads, and what else it has in memory.

    `cross_encoder` is None too where this CPU computes it differently: a bundle serves without it.
    """

    bundle: Bundle
    encoder: Encoder
    heads: dict[str, LinearHead]
    verifier: Verifier | None
    probes: ProbeReport
    adapter: QueryAdapter | None = None
    cross_encoder: CrossEncoder | None = None

    def adapt(self, embeddings: Embeddings) -> Embeddings:
        """Questions' embeddings (N, D) as they are searched with: mapped by the query adapter, where there is one."""
        return self.adapter.adapt(embeddings) if self.adapter else embeddings

    def close(self) -> None:
        """Ends the encoder's threads."""
        self.encoder.close()


def load_student(path: Path = DEFAULT_BUNDLE, *, workers: int | None = None) -> Student:
    """Verifies a bundle, loads it and runs its probes.

    Args:
        path: the bundle's folder.
        workers: texts encoded side by side; None for one a core.

    Raises:
        BundleError: one of `student.errors`, by what is wrong with it.
    """
    bundle = open_bundle(path)
    adapter = read_adapter(bundle)
    heads = {name: read_head(bundle, name) for name in bundle.manifest.heads}
    encoder = Encoder.from_bundle(bundle, workers=workers)
    try:
        verifier = Verifier.from_bundle(bundle)
        probes = run_probes(bundle, encoder, heads, verifier)
        return Student(bundle, encoder, heads, verifier, probes, adapter, _open_cross_encoder(bundle, encoder))
    except BaseException:
        encoder.close()
        raise


def _open_cross_encoder(bundle: Bundle, encoder: Encoder) -> CrossEncoder | None:
    """A bundle's cross-encoder, None if it has none or this CPU computes it differently. Raises `BundleUnusable`."""
    cross_encoder = CrossEncoder.from_bundle(bundle, encoder)
    if cross_encoder is None or bundle.manifest.cross_encoder is None:
        return None
    difference, most = max_pair_difference(bundle, cross_encoder), bundle.manifest.cross_encoder.max_logit_difference
    if difference <= most:
        return cross_encoder
    log.warning(
        "the cross-encoder of bundle %s is left out: its logits are off by %.3f on this CPU, expected at most %s",
        bundle.manifest.name,
        difference,
        most,
    )
    return None
