"""Heads that go with an encoder whose space has moved."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from student.bundle.linear_head import LinearHead
from student.distill.heads.carrying import carry_head, map_back

SIZE = 16


def unit(rows: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def moved() -> tuple[LinearHead, NDArray[Any], NDArray[Any]]:
    """A head, embeddings of its encoder, and those of an encoder that was rotated a good deal."""
    generator = np.random.default_rng(4)
    old = unit(generator.normal(size=(800, SIZE)))
    rotation = np.linalg.qr(np.eye(SIZE) + 0.3 * generator.normal(size=(SIZE, SIZE)))[0]
    rotation *= np.sign(np.diag(rotation))
    head = LinearHead(
        generator.normal(size=(5, SIZE)).astype(np.float32) * 6,
        np.zeros(5, dtype=np.float32),
        tuple("abcde"),
        temperature=1.0,
        threshold=0.4,
    )
    return head, old, unit(old @ rotation)


def test_a_carried_head_names_what_the_old_one_named(moved: tuple[LinearHead, NDArray[Any], NDArray[Any]]) -> None:
    head, old, new = moved
    carried = carry_head(head, old, new)
    assert carried.agreement > 0.9
    assert carried.head.threshold == head.threshold
    agreement = np.mean([head.classify(a).label == head.classify(b).label for a, b in zip(old, new, strict=True)])
    assert agreement < 0.8  # the head as it was reads the new embeddings wrong


def test_the_map_back_changes_nothing_where_nothing_moved(
    moved: tuple[LinearHead, NDArray[Any], NDArray[Any]],
) -> None:
    np.testing.assert_allclose(map_back(moved[1], moved[1]), np.eye(SIZE), atol=1e-6)
