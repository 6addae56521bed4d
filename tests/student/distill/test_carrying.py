"""Heads that go with an encoder whose space has moved."""

import numpy as np
import pytest

from student.bundle.linear_head import LinearHead
from student.distill.heads.carrying import carry_head, map_back

SIZE = 16


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def moved() -> tuple[LinearHead, np.ndarray, np.ndarray]:
    """A head, embeddings of its encoder, and those of an encoder that was turned a good deal."""
    generator = np.random.default_rng(4)
    old = unit(generator.normal(size=(800, SIZE)))
    turn = np.linalg.qr(np.eye(SIZE) + 0.3 * generator.normal(size=(SIZE, SIZE)))[0]
    turn *= np.sign(np.diag(turn))
    head = LinearHead(
        generator.normal(size=(5, SIZE)).astype(np.float32) * 6,
        np.zeros(5, dtype=np.float32),
        tuple("abcde"),
        temperature=1.0,
        threshold=0.4,
    )
    return head, old, unit(old @ turn)


def test_a_carried_head_names_what_the_old_one_named(moved: tuple[LinearHead, np.ndarray, np.ndarray]) -> None:
    head, old, new = moved
    carried = carry_head(head, old, new)
    assert carried.agreement > 0.9
    assert carried.head.threshold == head.threshold
    agreement = np.mean([head.classify(a).label == head.classify(b).label for a, b in zip(old, new, strict=True)])
    assert agreement < 0.8  # the head as it was reads the new embeddings wrong


def test_the_map_back_changes_nothing_where_nothing_moved(
    moved: tuple[LinearHead, np.ndarray, np.ndarray],
) -> None:
    np.testing.assert_allclose(map_back(moved[1], moved[1]), np.eye(SIZE), atol=1e-6)
