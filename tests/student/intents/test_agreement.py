"""Cohen's kappa against scikit-learn, and files of two labellers."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner

import orilla
from student.intents.agreement import cohen_kappa, measure_agreement
from student.intents.errors import IntentsRefused


def write(path: Path, labels: list[str]) -> Path:
    path.write_text("text,label\n" + "".join(f"message {i},{label}\n" for i, label in enumerate(labels)))
    return path


def test_kappa_is_that_of_scikit_learn_and_its_interval_covers_it() -> None:
    generator = np.random.default_rng(0)
    mine = generator.integers(0, 3, 4000)
    theirs = np.where(generator.random(4000) < 0.7, mine, generator.integers(0, 3, 4000))
    kappa, error = cohen_kappa(list(zip(mine.tolist(), theirs.tolist(), strict=True)))
    assert kappa == pytest.approx(cohen_kappa_score(mine, theirs))
    parts = [cohen_kappa(list(zip(mine[i::40].tolist(), theirs[i::40].tolist(), strict=True)))[0] for i in range(40)]
    assert error * np.sqrt(40) == pytest.approx(np.std(parts), rel=0.35)
    assert cohen_kappa([("a", "a")] * 5) == (1.0, 0.0)


def test_two_files_are_compared_by_text_with_the_lines_where_they_differ(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", ["refund"] * 6 + ["outage"] * 6)
    second = write(tmp_path / "b.csv", ["refund"] * 5 + ["outage"] * 7)
    agreement = measure_agreement(first, second)
    assert (agreement.messages, agreement.same) == (12, 11)
    assert [(d.first, d.second, d.lines) for d in agreement.differences] == [("refund", "outage", [(7, 7)])]
    shown = CliRunner().invoke(orilla.app, ["student", "agreement", str(first), str(second)]).stdout
    assert "kappa 0.83" in shown
    assert "refund against outage: 1 times, lines 7/7" in shown


def test_files_without_messages_in_common_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("text,label\nother,refund\n")
    with pytest.raises(IntentsRefused, match="have 0 texts in common, expected at least 10"):
        measure_agreement(write(tmp_path / "a.csv", ["refund"] * 12), tmp_path / "b.csv")
