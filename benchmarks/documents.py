"""The project's list of documents as offices have them: how many rows hold, now and with the former parsers.

Each row of `../shared/cases/documents/expectations.jsonl` gets a base of its own files. `ORILLA_BASE` names the code of
the former parsers; without it the figure that was measured last stays.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CASES = ROOT.parent / "shared" / "cases" / "documents"
WORKER = Path(__file__).with_name("document_worker.py")
LAST = Path(__file__).parent / "results" / "documents.json"


def run() -> dict[str, Any]:
    """Rows that hold, before and now, and what does not hold."""
    base = os.environ.get("ORILLA_BASE")
    before: dict[str, Any] | None = None
    if base:
        before = _rows(Path(base)) | {"commit": _commit(Path(base))}
    elif LAST.exists():
        before = json.loads(LAST.read_text(encoding="utf-8"))["before"]
    return {"before": before, "now": _rows(ROOT)}


def _rows(code: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(WORKER), "cases", str(CASES)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment, cwd=code
    )  # for its child
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    failing = {" ".join(row["files"]): row["note"] for row in rows if row["faults"]}
    return {"rows": len(rows), "hold": len(rows) - len(failing), "failing": failing}


def _commit(code: Path) -> str:
    command = ["git", "-C", str(code), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
