"""Progress of long commands: a log gets a line now and then, not thousands and not none."""

import itertools

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


def test_a_line_has_speed_and_time_left_of_what_is_done_now(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(0, 10)  # ten seconds pass from call to call
    now = [0.0]

    def tick() -> float:
        return now[0]

    monkeypatch.setattr("student.terminal.time.monotonic", tick)
    with progress_bar("labelling", unit="texts") as show:
        for done, now[0] in zip(range(8000, 10_001, 500), clock, strict=False):
            show(done, 10_000, "labelling", kept=8000)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "labelling: 8500 of 10000, 50 texts/s, 30 s left"  # the 8,000 of before took no time now
    assert said[-1] == "labelling: 10000 of 10000, 50 texts/s"
    assert len(said) == 4


def test_units_count_what_is_in_a_step(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("student.terminal.time.monotonic", lambda: now[0])
    with progress_bar("distilling", unit="texts", units=64) as show:
        for step in range(0, 101):
            now[0] = step * 120.0
            show(step, 10_000, "distilling")
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("distilling: 6 of 10000, 0.5 texts/s, 333 h")  # ten minutes without a twentieth
    assert len(said) == 16


def test_one_of_several_processes_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("distilling", is_silent=True) as show:
        show(5, 10, "distilling", kept=2)
    assert capsys.readouterr().err == ""


def test_beside_json_progress_is_in_lines_at_a_terminal_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as at a terminal
    for is_plain in (True, False):
        with progress_bar("distilling", is_plain=is_plain) as show:
            show(10, 10, "distilling")
        is_line = capsys.readouterr().err == "distilling: 10 of 10\n"
        assert is_line is is_plain
