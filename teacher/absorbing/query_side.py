"""The teacher's query side moves to where branches found help: it learns the turn that a released adapter makes."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from student.bundle.folder import Bundle
from student.bundle.query_adapter import QueryAdapter
from student.distill.heads.adapter_distillation import distill_adapter, read_both
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder
from teacher.absorbing.gates import Gate, compare, require_passed
from teacher.absorbing.soft_labels import Encode
from teacher.corpora.queries import Pair


def learn_turn(adapter: QueryAdapter, bundle: Bundle, targets: Path, count: int) -> tuple[QueryAdapter, int]:
    """The teacher's adapter, from about `count` public texts of its targets; and how many they were."""
    student = Encoder.from_bundle(bundle)
    try:
        by_teacher, by_student = read_both(targets, student.encode, count=count)
    finally:
        student.close()
    return distill_adapter(by_teacher, by_student, adapter), len(by_teacher)


def check_turn(
    old: QueryAdapter | None, new: QueryAdapter, pairs: list[Pair], max_regression: float, encode: Encode
) -> list[Gate]:
    """The gates of a new adapter: for how many of the center's queries the passage that answers is nearest.

    Raises:
        AbsorptionRefused: the whole, a language or a segment would lose too much.
    """
    passages = list(dict.fromkeys(pair.passage for pair in pairs))
    place = {passage: i for i, passage in enumerate(passages)}
    own = np.array([place[pair.passage] for pair in pairs])
    documents, queries = encode(passages), encode([pair.query for pair in pairs])
    before = _is_nearest(old.adapt(queries) if old else queries, documents, own)
    after = _is_nearest(new.adapt(queries), documents, own)
    groups = {"language": [pair.language for pair in pairs], "segment": [pair.segment for pair in pairs]}
    gates = compare(before, after, groups)
    require_passed(gates, max_regression, loss="find less", measure="right passage first")
    return gates


def _is_nearest(queries: Embeddings, passages: Embeddings, own: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray((queries @ passages.T).argmax(axis=1) == own)
