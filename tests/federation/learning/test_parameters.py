"""The parameters of rounds: read back exactly, and refused where they contradict each other."""

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from federation.errors import ParametersInvalid
from federation.learning.features import digest_array
from federation.learning.round_parameters import parse_round
from tests.federation.rounds import parameters

ADAPTER = {"part": "adapter", "labels": (), "rank": 2, "feature_map_digest": None}


@pytest.mark.parametrize("changes", [{}, {"clip_norm": 0.1 + 0.2}, {"colluders": 2}, ADAPTER], ids=str)
def test_parameters_read_back_exactly(changes: dict[str, Any]) -> None:
    asked = parameters(**changes)
    assert parse_round(asked.to_json()) == asked
    assert parse_round(asked.to_json()).digest == asked.digest


def test_every_change_changes_the_digest() -> None:
    digests = {
        parameters(**changes).digest for changes in ({}, {"round_number": 2}, {"colluders": 1}, {"scale": 2**12})
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"round_number": 5}, "past rounds"),
        ({"minimum_survivors": 2}, "at least 3"),
        ({"mechanism": "local"}, "local noise has minimum_survivors 1"),
        ({"colluders": 3}, "colluders must be fewer"),
        ({"labels": ("one",)}, "two labels"),
        ({"labels": ("one", "one")}, "labels repeat"),
        ({"rank": 2}, "rank 0"),
        ({"part": "adapter"}, "an adapter needs a rank"),
        ({**ADAPTER, "feature_map_digest": "0" * 64}, "an adapter none"),
        ({"feature_map_digest": None}, "needs a feature map"),
        ({"scale": 1000}, "no power of two"),
        ({"noise_multiplier": 0.0}, "greater than 0"),
        ({"noise_multiplier": float("nan")}, "finite"),
        ({"clip_norm": float("inf")}, "finite"),
        ({"contributions": 0}, "greater than or equal to 1"),
        ({"weights_digest": "abc"}, "pattern"),
        ({"run_id": "../run"}, "pattern"),
        ({"unit": "ticket"}, "customer"),
        ({"neighboring": "replace"}, "add-or-remove"),
        ({"surprise": 1}, "Extra inputs"),
        ({"rounds": "4"}, "valid integer"),
    ],
    ids=str,
)
def test_parameters_that_contradict_each_other_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        parameters(**changes)
    value = json.loads(parameters().to_json()) | changes
    with pytest.raises(ParametersInvalid, match="parameters are refused"):
        parse_round(json.dumps(value))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", b"\xff"])
def test_what_is_no_parameters_is_refused(text: str | bytes) -> None:
    with pytest.raises(ParametersInvalid):
        parse_round(text)


def test_arrays_are_named_by_values_and_shape() -> None:
    values = np.arange(6, dtype=np.float32)
    assert digest_array(values) == digest_array(values.astype(">f4"))
    assert digest_array(values.reshape(2, 3)) != digest_array(values.reshape(3, 2))
    assert digest_array(values) != digest_array(values + np.float32(1e-6))
