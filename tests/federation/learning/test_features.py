"""The public map from embeddings to features, and the way back to a bundle's head."""

import numpy as np
import pytest

from federation.errors import UpdateInvalid
from federation.learning.features import FeatureMap

PUBLIC = np.random.default_rng(1).standard_normal((300, 12)).astype(np.float32) * np.linspace(3, 0.1, 12, dtype="f4")


@pytest.mark.parametrize(("dimension", "power"), [(None, 0.0), (5, 0.0), (12, -0.25)])
def test_features_are_of_unit_norm_and_of_the_directions_of_most_variance(dimension: int | None, power: float) -> None:
    made = FeatureMap.fit(PUBLIC, dimension, power=power)
    x = made.apply(PUBLIC)
    assert x.shape == (300, dimension or 12)
    assert np.linalg.norm(x, axis=1) == pytest.approx(np.ones(300), abs=1e-5)
    if dimension == 5:
        assert np.abs(made.projection[:5]).max() > 0.9 > np.abs(made.projection[8:]).max()


def test_a_head_made_from_weights_names_the_same_labels() -> None:
    made = FeatureMap.fit(PUBLIC, 8, power=-0.25)
    weights = np.random.default_rng(2).standard_normal((8, 4)).astype(np.float32)
    texts = np.random.default_rng(3).standard_normal((100, 12)).astype(np.float32)
    weight, bias = made.to_head(weights)
    assert (weight.shape, bias.shape) == ((4, 12), (4,))
    by_head = np.argmax(texts @ weight.T + bias, axis=1)
    assert by_head.tolist() == np.argmax(made.apply(texts) @ weights, axis=1).tolist()


def test_weights_made_from_a_head_name_nearly_the_same_labels() -> None:
    made = FeatureMap.fit(PUBLIC)
    generator = np.random.default_rng(4)
    weight, bias = (
        generator.standard_normal((4, 12)).astype(np.float32),
        generator.standard_normal(4).astype(np.float32),
    )
    texts = generator.standard_normal((400, 12)).astype(np.float32) * np.linspace(3, 0.1, 12, dtype="f4")
    by_weights = np.argmax(made.apply(texts) @ made.from_head(weight, bias, PUBLIC), axis=1)
    agree = by_weights == np.argmax(texts @ weight.T + bias, axis=1)
    assert agree.mean() > 0.85


def test_names_alone_point_at_their_own_labels() -> None:
    made = FeatureMap.fit(PUBLIC)
    names = PUBLIC[:4]
    assert np.argmax(made.apply(names) @ made.from_names(names, 8.0), axis=1).tolist() == [0, 1, 2, 3]


def test_a_map_is_the_same_after_its_file() -> None:
    made = FeatureMap.fit(PUBLIC, 5)
    again = FeatureMap.from_bytes(made.to_bytes())
    assert again.digest == made.digest
    assert again.projection.tolist() == made.projection.tolist()
    assert FeatureMap.fit(PUBLIC, 6).digest != made.digest


@pytest.mark.parametrize("content", [b"", b"{}", FeatureMap.fit(PUBLIC).to_bytes()[:-9]])
def test_what_is_no_map_is_refused(content: bytes) -> None:
    with pytest.raises(UpdateInvalid, match="no feature map"):
        FeatureMap.from_bytes(content)


@pytest.mark.parametrize(
    ("center", "projection"),
    [(np.zeros(3), np.eye(4)), (np.zeros(4), np.zeros(4)), (np.full(4, np.nan), np.eye(4))],
)
def test_a_map_whose_parts_do_not_fit_is_refused(center: np.ndarray, projection: np.ndarray) -> None:
    with pytest.raises(UpdateInvalid, match="expected finite"):
        FeatureMap(center.astype(np.float32), projection.astype(np.float32))
