"""A bundle with a branch's own intents: read, learn, measure, write."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from student.artifacts.digests import digest_file
from student.bundle.folder import Bundle, require_writable
from student.bundle.linear_head import INTENT, LinearHead
from student.intents.bundling import write_report, write_with_head
from student.intents.examples import Examples, read_examples
from student.intents.figures import figures_of, outcomes_of
from student.intents.learning import learn_head
from student.intents.report import report_lines, report_of
from student.runtime.encoder import Encoder
from student.runtime.student import load_student
from student.runtime.work_queue import Priority

OnProgress = Callable[[int, int, str], None]
"""Called with what is done, of how much, and its name."""


def make_intents(
    bundle: Path,
    examples: Path,
    out: Path,
    *,
    is_replacing: bool,
    is_from_scratch: bool = False,
    false_refusals: float,
    seed: int,
    now: datetime,
    replace: bool = False,
    on_progress: OnProgress = lambda done, total, what: None,
) -> tuple[Bundle, dict[str, Any]]:
    """Makes a bundle with a head of the examples' labels, and its report beside it.

    Args:
        bundle: whose encoder is used.
        examples: the file of examples.
        out: folder of the new bundle.
        is_replacing: the head has no labels but those of the examples.
        is_from_scratch: the answers of the bundle's head are not read.
        false_refusals: share of messages with a known label that may be refused.
        seed: of the folds.
        now: time of making.
        replace: allow a bundle at `out` to be replaced.
        on_progress: called with what is done, of how much, and its name.

    Returns:
        The new bundle, its probes run, and the report.

    Raises:
        IntentsRefused: the examples cannot be used; nothing is written.
        BundleError: a bundle cannot be read or written.
    """
    require_writable(out, replace=replace)
    student = load_student(bundle)
    try:
        before = student.heads.get(INTENT)
        known = before.labels if before and not is_replacing else ()
        read = read_examples(examples, languages=student.bundle.manifest.languages, known_labels=known)
        head, report = learn_and_report(
            read,
            student.encoder,
            before=before,
            is_replacing=is_replacing,
            is_from_scratch=is_from_scratch,
            false_refusals=false_refusals,
            seed=seed,
            on_progress=on_progress,
        )
    finally:
        student.close()
    made = write_with_head(
        student.bundle,
        head,
        report["overall"]["all"],
        out,
        examples_digest=digest_file(examples),
        now=now,
        replace=replace,
    )
    load_student(made.path, workers=1).close()
    write_report(report, list(report_lines(report)), out)
    return made, report


def learn_and_report(
    examples: Examples,
    encoder: Encoder,
    *,
    before: LinearHead | None,
    is_replacing: bool,
    is_from_scratch: bool,
    false_refusals: float,
    seed: int,
    on_progress: OnProgress,
) -> tuple[LinearHead, dict[str, Any]]:
    """A head of some examples and the report on it; see `make_intents`."""
    learned = learn_head(
        examples,
        lambda texts: encoder.encode(texts, priority=Priority.INGEST),
        before=before,
        keep=not is_replacing,
        is_from_scratch=is_from_scratch,
        generator=np.random.default_rng(seed),
        false_refusals=false_refusals,
        on_progress=on_progress,
    )
    outcomes = outcomes_of(examples, learned.probabilities, learned.head.labels, learned.head.threshold)
    figures = figures_of(outcomes, np.random.default_rng(seed))
    return learned.head, report_of(learned, figures, examples, false_refusals=false_refusals)
