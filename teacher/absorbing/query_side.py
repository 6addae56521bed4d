"""The teacher's query side learns to adapt queries as the adapter does that branches taught the student."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from student.bundle.folder import Bundle
from student.bundle.query_adapter import QueryAdapter, pack_adapter
from student.distill.heads.adapter_distillation import distill_adapter, read_both
from student.distill.pretrained import QUERY_ADAPTER_FILE
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder
from teacher.absorbing.gates import Gate, compare, require_passed, to_figures
from teacher.absorbing.part import Absorbed, AbsorptionInputs, Sources
from teacher.corpora.queries import Pair, read_query_pairs
from teacher.encoders.encoder import EncodeInRole
from teacher.mixture.learner import Learner
from teacher.roles import Role
from teacher.training.recipe import Absorption


@dataclass(frozen=True, slots=True)
class AbsorbedQuerySide:
    """Releases of the query adapter, as the teacher learns from them (`teacher.absorbing.part.AbsorbedPart`)."""

    name: str = "adapter"
    own_role: str = "pairs"

    def own_data(self, sources: Sources) -> Path | None:
        """The center's own queries and passages."""
        return sources.pairs

    def absorb(self, teacher: Learner, inputs: AbsorptionInputs, recipe: Absorption, encode: EncodeInRole) -> Absorbed:
        """The file of the new query adapter, and its figures."""
        pairs = read_query_pairs(inputs.own)
        adapter, texts = learn_adapter(inputs.released.learned, inputs.bundle, inputs.targets, recipe.texts)
        old = teacher.query_adapter[0] if teacher.query_adapter else None
        gates = check_adapter(old, adapter, pairs, recipe.max_regression, encode)
        return Absorbed(
            {QUERY_ADAPTER_FILE: pack_adapter(adapter)}, {"public_texts": texts, "gates": to_figures(gates)}
        )


QUERY_SIDE = AbsorbedQuerySide()


def learn_adapter(adapter: QueryAdapter, bundle: Bundle, targets: Path, count: int) -> tuple[QueryAdapter, int]:
    """The teacher's adapter, from about `count` public texts of its targets; and how many they were."""
    student = Encoder.from_bundle(bundle)
    try:
        by_teacher, by_student = read_both(targets, student.encode, count=count)
    finally:
        student.close()
    return distill_adapter(by_teacher, by_student, adapter), len(by_teacher)


def check_adapter(
    old: QueryAdapter | None, new: QueryAdapter, pairs: list[Pair], max_regression: float, encode: EncodeInRole
) -> list[Gate]:
    """The gates of a new adapter: for how many of the center's queries the passage that answers is nearest.

    Raises:
        AbsorptionRefused: the whole, a language or a segment would lose too much.
    """
    languages = {pair.passage: pair.language for pair in pairs}
    passages = list(languages)
    rows = {passage: i for i, passage in enumerate(passages)}
    own = np.array([rows[pair.passage] for pair in pairs])
    documents, queries = (
        encode(passages, Role.PASSAGE, list(languages.values())),
        encode([pair.query for pair in pairs], Role.QUERY, [pair.language for pair in pairs]),
    )
    before = _is_nearest(old.adapt(queries) if old else queries, documents, own)
    after = _is_nearest(new.adapt(queries), documents, own)
    groups = {"language": [pair.language for pair in pairs], "segment": [pair.segment for pair in pairs]}
    gates = compare(before, after, groups)
    require_passed(gates, max_regression, loss="find less", measure="right passage first")
    return gates


def _is_nearest(queries: Embeddings, passages: Embeddings, own: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray((queries @ passages.T).argmax(axis=1) == own)
