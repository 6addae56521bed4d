"""Opening of an encoder: loaded or reached, probed, measured; what cannot be used is refused before any labelling."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from student.artifacts.digests import digest_json
from student.embeddings import Embeddings
from teacher.encoders.encoder import EncodeRaw, EncoderFacts, LoadedEncoder, TeacherEncoder
from teacher.encoders.endpoint import open_endpoint
from teacher.encoders.folder import open_folder
from teacher.encoders.onnx_graph import open_onnx_graph
from teacher.encoders.probing import PROBE_TEXTS, probe, unit_rows
from teacher.encoders.settings import EncoderSettings
from teacher.roles import Role

_OPEN = {"folder": open_folder, "onnx": open_onnx_graph, "endpoint": open_endpoint}


@dataclass(frozen=True, slots=True)
class _ProbedEncoder:
    """A `TeacherEncoder` whose every batch is checked as the probes were."""

    facts: EncoderFacts
    raw: EncodeRaw
    dimensions: int | None

    def encode(self, texts: list[str], role: Role) -> Embeddings:
        if not texts:
            return np.empty((0, self.facts.dimension), dtype=np.float32)
        return unit_rows(self.raw(texts, role), self.facts.name, self.dimensions)


def open_encoder(settings: EncoderSettings) -> TeacherEncoder:
    """Opens an encoder and probes it.

    Raises:
        EncoderRefused: it cannot be a teacher; the message says what to do.
    """
    loaded = _OPEN[settings.kind](settings)
    embeddings = probe(loaded.encode, settings.name, settings.dimensions)
    facts = EncoderFacts(
        name=settings.name,
        license=settings.license,
        digest=digest_json(_identity(loaded, settings, embeddings)),
        dimension=embeddings.shape[1],
        max_tokens=loaded.max_tokens,
        prompts=loaded.prompts,
        notes=loaded.notes,
    )
    return _ProbedEncoder(facts, loaded.encode, settings.dimensions)


def _identity(loaded: LoadedEncoder, settings: EncoderSettings, embeddings: Embeddings) -> dict[str, Any]:
    """Everything that fixes the embeddings. Precision does not count: it is the machine's choice and changes little.

    Of a server's probe embeddings the similarities count, to one decimal: single numbers differ in their last digits
    from run to run on a GPU, and another model behind the same name shows in these all the same.
    """
    identity: dict[str, Any] = {
        **loaded.identity,
        "dimension": embeddings.shape[1],
        "max_tokens": loaded.max_tokens,
        "prompts": loaded.prompts.model_dump(),
    }
    if loaded.is_remote:
        own = embeddings[: len(PROBE_TEXTS)]
        identity["probes"] = [[round(float(value), 1) + 0.0 for value in row] for row in own @ own.T]
    return identity
