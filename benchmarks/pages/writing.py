"""Writes figures between two marks of the README and of each page, so that no number is typed by hand."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.pages.answers import render_conversations, render_demo
from benchmarks.pages.documents import render_cases, render_files
from benchmarks.pages.federation import render_adapter, render_audit, render_heads, render_labels, render_scale
from benchmarks.pages.intents import render_intents
from benchmarks.pages.loop import render_loop, render_words
from benchmarks.pages.masking import render_masking
from benchmarks.pages.readme import render_summary
from benchmarks.pages.retrieval import render_guides, render_hybrid, render_recommendations
from benchmarks.pages.robustness import (
    render_concurrency,
    render_fairness,
    render_fuzz,
    render_kills,
    render_reembedding,
)
from benchmarks.pages.scale import render_large_base, render_million, render_targets
from benchmarks.pages.speed import render_serving
from benchmarks.pages.student import render_distillation
from benchmarks.pages.teachers import render_teachers

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
Render = Callable[[dict[str, Any]], str]
# Page, found from docs/benchmarks → the results it shows, in this order.
PAGES: Mapping[str, Mapping[str, Render]] = {
    "speed": {"serving": render_serving},
    "../evaluation/student": {"distillation": render_distillation},
    "../evaluation/teachers": {"teachers": render_teachers},
    "retrieval": {
        "hybrid": render_hybrid,
        "known_items": render_guides,
        "recommend": render_recommendations,
    },
    "answers": {"demo": render_demo, "conversations": render_conversations},
    "documents": {"documents": render_cases, "document_files": render_files},
    "federation": {
        "federation": render_heads,
        "federated_labels": render_labels,
        "federated_adapter": render_adapter,
        "federated_audit": render_audit,
        "federated_scale": render_scale,
    },
    "loop": {"closed_loop": render_loop, "closed_loop_words": render_words},
    "scale": {"scale": render_large_base, "million": render_million, "targets_scale": render_targets},
    "masking": {"masking": render_masking},
    "intents": {"intents": render_intents},
    "robustness": {
        "kills": render_kills,
        "fuzz": render_fuzz,
        "concurrency": render_concurrency,
        "fairness": render_fairness,
        "reembedding": render_reembedding,
    },
}


def update_pages(results: Path) -> None:
    """Replaces what stands between the marks of the README and of every page."""
    for path, figures in render_all(results).items():
        before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        path.write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}", encoding="utf-8")


def render_all(results: Path) -> dict[Path, str]:
    """The figures of each file that shows some, as Markdown."""
    measured = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in results.glob("*.json")}
    pages = {
        ROOT / "docs" / "benchmarks" / f"{page}.md": "\n\n".join(
            render(measured[name]) for name, render in parts.items() if name in measured
        )
        for page, parts in PAGES.items()
    }
    return {ROOT / "README.md": render_summary(measured), **pages}


def read_figures(path: Path) -> str:
    """What stands between the marks of a file."""
    text = path.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()
