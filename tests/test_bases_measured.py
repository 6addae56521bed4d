"""How the benchmark on whole bases judges an answer."""

import pytest

from benchmarks.bases import Said, outcome_of, words_of

UNIT = "Backups are kept for fourteen days and then deleted; the Marea plan keeps them for thirty."
STEPS = ["Open the panel.", "Choose **Backups**, then [Restore](/help/restore)."]


def said(text: str) -> Said:
    return Said(text, [], 0.9)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (UNIT, "useful"),
        (f"Note that this changed. {UNIT.replace('fourteen', '14')}", "useful"),
        (f"{UNIT} {'And much more about quite other things. ' * 9}", "partial"),
        ("Backups are kept for fourteen days.", "partial"),
        ("They are kept for years.", "fragment"),
        ("An invoice can be paid by card.", "wrong"),
        ("", "declined"),
    ],
)
def test_an_answer_is_judged_by_the_words_of_the_unit_in_it(text: str, outcome: str) -> None:
    assert outcome_of(said(text), [UNIT], needs_all=False) == outcome


def test_one_of_several_units_is_enough_unless_all_are_needed() -> None:
    assert outcome_of(said(STEPS[0]), STEPS, needs_all=False) == "useful"
    assert outcome_of(said(STEPS[0]), STEPS, needs_all=True) == "partial"
    assert outcome_of(said("Open the panel. Choose Backups, then Restore."), STEPS, needs_all=True) == "useful"


def test_marks_and_addresses_of_links_are_no_words() -> None:
    assert words_of("See [**the** guide](https://x.example/a-b) <br> now") == ["see", "the", "guide", "now"]
