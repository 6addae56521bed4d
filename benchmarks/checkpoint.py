"""Figures of students during their training, beside the teacher's and the shipped bundle's that were measured before.

    python -m benchmarks.checkpoint .run/bilingual/model [FOLDER …]

Bundles and sentence-transformers folders, which are exported to an int8 graph first, as a bundle would be; by
`quick.toml` a minute or two of one core each. Prints a table; keeps nothing.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from student.bundle import DEFAULT_BUNDLE
from student.bundle.manifest import MANIFEST
from student.distill.export.encoder_export import open_exported
from student.distill.export.onnx_graph import export_graph, quantize_graph
from student.distill.pretrained import open_pretrained
from student.evaluation.evaluate import System, measure_system, open_system
from student.evaluation.recipe import read_evaluation_recipe
from student.evaluation.task_files import read_tasks

RECIPE = Path(__file__).parent / "quick.toml"
REFERENCES = Path(__file__).parent / "results" / "teachers.json"
COLUMNS = ("nDCG@10", "accuracy@1", "accuracy", "macro-F1")


def main() -> None:
    """Measures each folder and prints all figures in one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="*", default=[DEFAULT_BUNDLE])
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--precision", default="int8", help="of folders: int8, or float32 or bfloat16 by torch")
    arguments = parser.parse_args()
    tasks = read_tasks(read_evaluation_recipe(arguments.recipe), arguments.recipe.parent)
    figures = _references()
    for folder in arguments.folder:
        started = time.perf_counter()
        system = _open("/".join(folder.resolve().parts[-2:]), folder, arguments.precision)
        figures[system.name] = measure_system(system, tasks)
        print(f"{system.name}: {time.perf_counter() - started:.0f} s", flush=True)
    print(render(figures))


def _open(name: str, folder: Path, precision: str) -> System:
    if precision != "int8" or (folder / MANIFEST).exists():
        return open_system(name, folder, precision=precision)
    pretrained = open_pretrained(folder, name=name, license_="LicenseRef-unknown")
    with tempfile.TemporaryDirectory() as temporary:
        graph = quantize_graph(export_graph(pretrained, Path(temporary)))
    encoder = open_exported(pretrained, graph, (folder / "tokenizer.json").read_bytes())
    return System(name, encoder.encode, len(graph), pretrained.embedding_space)


def render(figures: dict[str, dict[str, dict[str, float]]]) -> str:
    """A row for each task and figure that the last system has, a column for each system."""
    names = list(figures)
    lines = ["| task | figure | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for task, measured in figures[names[-1]].items():
        for column in COLUMNS:
            if column in measured:
                values = [figures[name].get(task, {}).get(column) for name in names]
                lines.append(
                    f"| {task} | {column} | " + " | ".join("" if v is None else f"{v:.3f}" for v in values) + " |"
                )
    return "\n".join(lines)


def _references() -> dict[str, Any]:
    """The figures of the chosen teacher and of the shipped bundle, where `python -m benchmarks teachers` has run."""
    if not REFERENCES.exists():
        return {}
    measured = json.loads(REFERENCES.read_text(encoding="utf-8"))
    return {name: measured["figures"][name] for name in measured["references"]}


if __name__ == "__main__":
    main()
