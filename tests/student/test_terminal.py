"""Progress of long commands: a log gets a line now and then, not thousands and not none."""

import pytest

from student.terminal import progress_bar


def lines(capsys: pytest.CaptureFixture[str], calls: list[tuple[int, int | None, str]]) -> list[str]:
    with progress_bar("starting") as show:
        for done, total, what in calls:
            show(done, total, what)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_a_log_gets_some_twenty_lines(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(capsys, [(step, 1000, f"loss {step}") for step in range(1, 1001)])
    assert len(said) == 20
    assert said[0] == "loss 50: 50 of 1000"
    assert said[-1] == "loss 1000: 1000 of 1000"


def test_what_comes_after_begins_again(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(capsys, [(10, 10, "encoding"), (1, 4, "rounds"), (4, 4, "rounds")])
    assert said == ["encoding: 10 of 10", "rounds: 1 of 4", "rounds: 4 of 4"]


def test_nothing_is_said_before_it_is_known_how_much_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, [(3, None, "encoding"), (0, 0, "nothing")]) == []
