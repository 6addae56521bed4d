"""The child process that learns a head: `python -m edge_agent.intents.learning_child`, its task on standard input.

It computes on one thread, after everybody else, in memory that is gone when it ends: a question waits for none of it.
"""

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from edge_agent.errors import ExamplesInvalid
from edge_agent.intents.example_rows import check_rows, unpack_masked_rows
from edge_agent.intents.own_head import LearningOptions
from edge_agent.intents.own_heads import REPORT
from student.bundle.head_folder import read_head_folder, write_head_folder
from student.bundle.linear_head import INTENT
from student.errors import BundleUnusable, OrillaError
from student.intents.making import learn_and_report
from student.runtime.student import load_student

_NICENESS = 10
_PARENT_DEATH_SIGNAL = 1  # of prctl(2)
_SEED = 0


@dataclass(frozen=True, slots=True)
class Task:
    """A head to be learned.

    Attributes:
        bundle, bundle_digest: folder and identity of the bundle that is served.
        before: folder of the own head that is at work; "" where it is the bundle's.
        examples: file of the packed rows, and a row's word.
        out: folder for the head and its report.
        options: see `LearningOptions`.
    """

    bundle: str
    bundle_digest: str
    before: str
    examples: str
    row: str
    out: str
    options: LearningOptions

    def packed(self) -> bytes:
        """The task as the child reads it."""
        return json.dumps(asdict(self)).encode()


def main() -> None:
    """Learns one head. Prints progress and, where the examples are refused, why, as JSON lines."""
    _step_back()
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not stand among the lines
    value = json.load(sys.stdin)
    task = Task(**{**value, "options": LearningOptions(**value["options"])})
    try:
        _learn(task, lines)
    except ExamplesInvalid as error:
        _say(lines, refused=str(error))
    except Exception as error:  # the message of one that is not ours may quote an example
        _say(lines, failed=str(error) if isinstance(error, OrillaError) else type(error).__name__)
        sys.exit(1)


def _step_back() -> None:
    os.nice(_NICENESS)
    with suppress(AttributeError, OSError):  # Linux alone has it
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory runs out, this process ends, not the server


def _learn(task: Task, lines: IO[str]) -> None:
    student = load_student(Path(task.bundle), workers=1)
    try:
        bundle, options = student.bundle, task.options
        if bundle.digest != task.bundle_digest:
            raise BundleUnusable(f"the bundle in {bundle.path} is no longer the one that is served; start the server")
        before = read_head_folder(Path(task.before)).head if task.before else student.heads.get(INTENT)
        known = before.labels if before and not options.is_replacing else ()
        _say(lines, done=0, total=1, doing="masking messages")
        rows = unpack_masked_rows(Path(task.examples).read_bytes())
        examples = check_rows(rows, task.row, languages=bundle.manifest.languages, known_labels=known)
        head, report = learn_and_report(
            examples,
            student.encoder,
            before=before,
            is_replacing=options.is_replacing,
            is_from_scratch=options.is_from_scratch,
            false_refusals=options.false_refusals,
            seed=_SEED,
            on_progress=lambda done, total, doing: _say(lines, done=done, total=total, doing=doing),
        )
    finally:
        student.close()
    files = {REPORT: (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode()}
    write_head_folder(Path(task.out), head, embedding_space=bundle.manifest.embedding_space, files=files)


def _say(lines: IO[str], **what: Any) -> None:
    lines.write(json.dumps(what) + "\n")
    lines.flush()


if __name__ == "__main__":
    main()
