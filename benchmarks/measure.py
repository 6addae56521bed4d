"""Measuring that all benchmarks share: ranking figures, percentiles, and the machine they were taken on."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FORMER = Path(__file__).parents[1] / ".run" / "former-bundle"
"""The default bundle before, where `make former` has fetched it."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Known-item search over N questions: share found first, among the first five, and mean reciprocal rank."""

    questions: int
    hit_at_1: float
    hit_at_5: float
    mrr: float


def summarize_ranks(ranks: Sequence[int | None]) -> Ranking:
    """Figures of ranks counted from 1; None is not found."""
    reciprocal = [1 / rank if rank else 0.0 for rank in ranks]
    return Ranking(
        questions=len(ranks),
        hit_at_1=round(float(np.mean([rank == 1 for rank in ranks])), 4),
        hit_at_5=round(float(np.mean([rank is not None and rank <= 5 for rank in ranks])), 4),
        mrr=round(float(np.mean(reciprocal)), 4),
    )


def rank_of(source: str, ranked_sources: Sequence[str]) -> int | None:
    """The place of a document among ranked passages' documents, each counted once."""
    documents = list(dict.fromkeys(ranked_sources))
    return documents.index(source) + 1 if source in documents else None


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50 and p95 in milliseconds."""
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return {"p50_ms": round(float(p50), 3), "p95_ms": round(float(p95), 3)}


def resident_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def describe_machine() -> dict[str, Any]:
    """When and on what: what a reader needs to judge the figures."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    packages = ("onnxruntime", "tokenizers", "numpy", "fastapi", "uvicorn", "sentence-transformers", "torch")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def machine_in_words(machine: dict[str, Any]) -> str:
    """Cores, processor and date of what `describe_machine` gave, to be read after "on"."""
    cores = "1 core" if machine["cores"] == 1 else f"{machine['cores']} cores"
    return f"{cores} of an {machine['cpu']} ({machine['date']})"
