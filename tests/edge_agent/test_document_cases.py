"""Documents as offices have them: a case for each kind of fault that was met, and the project's list of such files."""

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.edge_agent.cases import marked_text, printed
from tests.edge_agent.cases.case import Case, faults_of

SHARED = ROOT.parent / "shared" / "cases" / "documents"
CASES = {case.note: case for case in (*marked_text.CASES, *printed.CASES)}
_PENDING = frozenset(("a code beside one that begins as it does",))
"""What does not hold yet: the verifier, which knows no codes, lowers a confidence that would do."""


@pytest.mark.parametrize(
    "note", [pytest.param(n, marks=[pytest.mark.xfail(strict=False)] if n in _PENDING else []) for n in CASES]
)
def test_what_must_come_of_a_kind_of_document(note: str, tmp_path: Path) -> None:
    assert not faults_of(CASES[note], tmp_path)


def test_the_list_of_documents_holds(tmp_path: Path) -> None:
    if not SHARED.exists():
        pytest.skip(f"the list of documents is not here: {SHARED}")
    faults = {}
    for number, line in enumerate((SHARED / "expectations.jsonl").read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        case = Case(
            row["note"],
            {name: (SHARED / name).read_bytes() for name in row["files"]},
            row["question"] or "",
            answer_holds=tuple(row["answer_holds"]),
            answer_lacks=tuple(row["answer_lacks"]),
            text_holds=tuple(row["text_holds"]),
        )
        if found := faults_of(case, tmp_path / str(number)):
            faults[" ".join(row["files"])] = found
    assert not faults
