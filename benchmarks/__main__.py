"""`python -m benchmarks [NAME …]`: runs benchmarks and writes their results and the pages that show them."""

import json
import os
import sys
import time
from pathlib import Path

from benchmarks import (
    bases,
    closed_loop,
    closed_loop_words,
    concurrency,
    conversations,
    demo,
    distillation,
    document_files,
    documents,
    fairness,
    federated_adapter,
    federated_audit,
    federated_labels,
    federated_scale,
    federation,
    fuzz,
    hybrid,
    intents,
    kills,
    known_items,
    masking,
    recommend,
    reembedding,
    scale,
    serving,
    targets_scale,
    teachers,
)
from benchmarks.measure import describe_machine
from benchmarks.pages.loop import draw
from benchmarks.pages.writing import update_pages
from student.evaluation.report import draw_plots

RESULTS = Path(__file__).parent / "results"
EVALUATION = Path(__file__).parents[1] / "docs" / "evaluation"
BENCHMARKS = {
    "demo": demo.run,
    "bases": bases.run,
    "known_items": known_items.run,
    "hybrid": hybrid.run,
    "recommend": recommend.run,
    "conversations": conversations.run,
    "documents": documents.run,
    "document_files": document_files.run,
    "distillation": distillation.run,
    "serving": serving.run,
    "million": scale.run_million,
    "scale": scale.run,
    "federation": federation.run,
    "federated_labels": federated_labels.run,
    "federated_adapter": federated_adapter.run,
    "federated_audit": federated_audit.run,
    "federated_scale": federated_scale.run,
    "fuzz": fuzz.run,
    "kills": kills.run,
    "concurrency": concurrency.run,
    "masking": masking.run,
    "intents": intents.run,
    "fairness": fairness.run,
    "reembedding": reembedding.run,
    "closed_loop": closed_loop.run,
    "closed_loop_words": closed_loop_words.run,
    "targets_scale": targets_scale.run,
    "teachers": teachers.run,
}
NEED_DATA = (
    "bases",
    "known_items",
    "hybrid",
    "distillation",
    "scale",
    "million",
    "federation",
    "federated_labels",
    "federated_adapter",
    "federated_audit",
    "federated_scale",
    "closed_loop",
    "closed_loop_words",
    "masking",
    "teachers",
)


def main(names: list[str]) -> None:
    """Runs the named benchmarks, all by default."""
    if names == ["demo", "--fit"]:
        print(json.dumps(demo.fit(), indent=2))
        return
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        sys.exit(f"no benchmark called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        if name in NEED_DATA and not known_items.GUIDES.exists():
            print(f"{name}: skipped, {known_items.GUIDES} is not here")
            continue
        if name == "documents" and not documents.CASES.exists():
            print(f"{name}: skipped, {documents.CASES} is not here")
            continue
        if name == "document_files" and "ORILLA_CORPUS" not in os.environ:
            print(f"{name}: skipped, ORILLA_CORPUS names no folder of files")
            continue
        if name == "teachers" and (missing := teachers.missing_weights()):
            print(f"{name}: skipped, {missing} is not here; run orilla teacher weights")
            continue
        if name == "distillation" and (missing := distillation.missing_folder()):
            print(f"{name}: skipped, {missing} is not here; see benchmarks/distillation.py")
            continue
        print(f"{name}: running", flush=True)
        started = time.perf_counter()
        result = {"machine": describe_machine(), **BENCHMARKS[name]()}
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
        print(f"{name}: done in {time.perf_counter() - started:.0f} s, written to {RESULTS / name}.json")
    if set(names or BENCHMARKS) & {"closed_loop", "closed_loop_words"}:
        draw(RESULTS)
    if "distillation" in (names or BENCHMARKS):
        draw_plots(json.loads((RESULTS / "distillation.json").read_bytes()), EVALUATION)
    update_pages(RESULTS)


if __name__ == "__main__":
    main(sys.argv[1:])
