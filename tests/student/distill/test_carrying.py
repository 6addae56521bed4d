"""Heads that go with an encoder whose space has moved."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from student.bundle.linear_head import LinearHead
from student.distill.heads.carrying import carry_head, map_back
from tests.student.test_blend import made_head

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


def test_the_basis_of_a_blend_is_carried_too() -> None:
    head = made_head()
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0].astype(np.float32)
    old = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    old /= np.linalg.norm(old, axis=1, keepdims=True)
    carried = carry_head(head, old, old @ turned).head
    texts = ["?"] * 20
    expected = head.probabilities(old[:20], texts)

    def error(which: LinearHead) -> float:
        return float(np.abs(which.probabilities(old[:20] @ turned, texts) - expected).mean())

    assert error(carried) < 0.04
    assert error(replace(carried, blend=head.blend)) > 3 * error(carried)
