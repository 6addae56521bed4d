"""The parameters of rounds, and the rounds that a branch's policy allows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from federation.branch.policy import read_policy
from federation.errors import ParametersInvalid, PolicyInvalid, PolicyRefused
from federation.learning.features import digest_array
from federation.learning.round_parameters import parse_round
from tests.federation.rounds import parameters, policy

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


def test_a_round_within_the_policy_is_allowed() -> None:
    policy().check(parameters())


@pytest.mark.parametrize(
    ("rules", "asked", "problem"),
    [
        ({}, {"mechanism": "local", "minimum_survivors": 1}, "mechanism local"),
        ({"parts": ("adapter",)}, {}, "part head"),
        ({"minimum_survivors": 10}, {}, "minimum_survivors 3"),
        ({"minimum_colluders": 1}, {}, "colluders 0"),
        ({"minimum_noise_multiplier": 21.0}, {}, r"noise_multiplier 20\.0"),
        ({"max_contributions": 4}, {}, "contributions 5"),
        ({"max_epsilon": 0.2}, {}, r"4 rounds that cost epsilon 0\.3"),
        ({}, {"rounds": 2000}, "2000 rounds that cost"),
    ],
    ids=str,
)
def test_a_round_that_the_policy_does_not_allow_is_refused(
    rules: dict[str, Any], asked: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PolicyRefused, match=problem):
        policy(**rules).check(parameters(**asked))


def test_a_policy_is_read_from_its_file_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{"branch": "branch-1", "max_epsilon": 3.0, "mechanisms": ["secure", "local"]}')
    assert read_policy(path) == policy(mechanisms=("secure", "local"))
    for wrong in ('{"branch": "branch-1"}', '{"branch": "b", "max_epsilon": -1}', '{"max_epsilom": 3}', "no"):
        path.write_text(wrong)
        with pytest.raises(PolicyInvalid, match="correct the file"):
            read_policy(path)
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        read_policy(tmp_path / "absent.json")


def test_arrays_are_named_by_values_and_shape() -> None:
    values = np.arange(6, dtype=np.float32)
    assert digest_array(values) == digest_array(values.astype(">f4"))
    assert digest_array(values.reshape(2, 3)) != digest_array(values.reshape(3, 2))
    assert digest_array(values) != digest_array(values + np.float32(1e-6))
