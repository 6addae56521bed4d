"""A loaded student, as `edge_agent` serves it. Opening one verifies the bundle and runs its probes."""

from dataclasses import dataclass
from pathlib import Path

from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import Bundle, open_bundle
from student.bundle.linear_head import LinearHead, read_head
from student.bundle.query_adapter import QueryAdapter, read_adapter
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder
from student.runtime.probes import ProbeReport, run_probes
from student.runtime.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Student:
    """A verified bundle with its encoder, heads, verifier and query adapter (where it has them) in memory."""

    bundle: Bundle
    encoder: Encoder
    heads: dict[str, LinearHead]
    verifier: Verifier | None
    probes: ProbeReport
    adapter: QueryAdapter | None = None

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
        return Student(bundle, encoder, heads, verifier, run_probes(bundle, encoder, heads, verifier), adapter)
    except BaseException:
        encoder.close()
        raise
