"""Parameters, policies and examples that tests share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

from federation.branch.policy import BranchPolicy
from federation.learning import parts
from federation.learning.features import FeatureMap, digest_array
from federation.learning.intent_head import INTENT_HEAD, HeadExamples, LinearHeadPart
from federation.learning.part import SumParameters
from federation.learning.parts import part_named, register
from federation.learning.round_parameters import RoundParameters

SPACE = "5" * 64
LABELS = ("billing", "domains", "email")
D = 6


def feature_map() -> FeatureMap:
    public = np.random.default_rng(7).standard_normal((50, D)).astype(np.float32)
    return FeatureMap.fit(public)


def weights(seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((D, len(LABELS))).astype(np.float32)


def parameters(**changes: Any) -> RoundParameters:
    values: dict[str, Any] = {
        "run_id": "run-1",
        "round_number": 1,
        "rounds": 4,
        "noise_multiplier": 20.0,
        "minimum_survivors": 3,
        "contributions": 5,
        "labels": LABELS,
        "dimension": D,
        "embedding_space": SPACE,
        "feature_map_digest": feature_map().digest,
        "weights_digest": digest_array(weights()),
    }
    return RoundParameters(**values | changes)


def clipped_sum(asked: RoundParameters, at: np.ndarray, own: HeadExamples, mapped: FeatureMap) -> np.ndarray:
    return part_named(asked.part).clipped_sum(asked, at, own, mapped)


def own_parts() -> Any:
    """Lets a test register parts: at the end the registry is as it was."""
    return mock.patch.dict(parts._PARTS)


@contextmanager
def spying(look: Callable[[SumParameters, HeadExamples], None]) -> Iterator[str]:
    """Registers the intent head under another name, which `look` is shown the examples of before they are summed."""

    class SpyHead(LinearHeadPart):
        def clipped_sum(
            self, parameters: SumParameters, weights: Any, examples: HeadExamples, feature_map: FeatureMap | None
        ) -> np.ndarray:
            look(parameters, examples)
            return super().clipped_sum(parameters, weights, examples, feature_map)

    with own_parts():
        register(SpyHead("spy", "spy", INTENT_HEAD.head, INTENT_HEAD.read_labelled))
        yield "spy"


def policy(**changes: Any) -> BranchPolicy:
    values: dict[str, Any] = {"branch": "branch-1", "max_epsilon": 3.0}
    return BranchPolicy(**values | changes)


def examples(count: int, *, customers: int = 4, seed: int = 1, labels: tuple[str, ...] = LABELS) -> HeadExamples:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((count, D))
    return HeadExamples(
        (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32).reshape(count, D),
        tuple(generator.choice(labels, count)) if count else (),
        tuple(f"customer {n}" for n in generator.integers(0, customers, count)),
        SPACE,
    )
