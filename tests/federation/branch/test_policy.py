"""The rounds that a branch's policy allows, and the policies that can be read."""

from pathlib import Path
from typing import Any

import pytest

from federation.branch.policy import read_policy
from federation.errors import PolicyInvalid, PolicyRefused
from tests.federation.rounds import parameters, policy


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
