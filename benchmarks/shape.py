"""The shape of Python code bases, measured alike: `python -m benchmarks.shape [NAME=FOLDER …]`, by default our own.

Rows of a Markdown table: modules, modules in the largest package, imports of own modules in a module (90th percentile,
most), lines of a file (90th percentile, longest), lines of a function (90th percentile, longest). Tests, benchmarks,
examples, documentation and generated code do not count, nor do blank lines at the end of a function.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
LEFT_OUT = {"tests", "test", "benchmarks", "examples", "docs", "dev", "scripts", "build", "verify_release", "setup.py"}
HEADER = (
    "| code base | modules | largest package | own imports, p90 | most | file lines, p90 | longest "
    "| function lines, p90 | longest |\n|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """The figures of one code base: lists with one number for each package, module, file or function."""

    packages: Sequence[int]
    imports: Sequence[int]
    files: Sequence[int]
    functions: Sequence[int]


def measure_shape(root: Path) -> Shape:
    """The shape of the Python files below a folder."""
    paths = sorted(path for path in root.rglob("*.py") if _counts(path.relative_to(root)))
    modules = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for path in paths}
    modules |= {name.removeprefix("src.") for name in modules}
    packages, imports, files, functions = Counter[Path](), [], [], []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        packages[path.parent] += path.name != "__init__.py"
        imports.append(len(set(_own_imports(tree, modules, path.relative_to(root)))))
        files.append(len(text.splitlines()))
        functions += [
            _lines(node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    return Shape(list(packages.values()), imports, files, functions)


def to_row(name: str, shape: Shape) -> str:
    """A row of the table."""
    numbers = [len(shape.files), max(shape.packages)]
    for values in (shape.imports, shape.files, shape.functions):
        numbers += [round(float(np.percentile(values, 90))), max(values)]
    return f"| {name} | " + " | ".join(map(str, numbers)) + " |"


def _counts(path: Path) -> bool:
    return not set(path.parts) & LEFT_OUT and not any(
        part.startswith((".", "test_", "_version")) for part in path.parts
    )


def _own_imports(tree: ast.Module, modules: set[str], path: Path) -> Iterator[str]:
    """The modules of the same code base that are imported, by their names; relative imports too."""
    package = [part for part in path.with_suffix("").parts if part != "src"][:-1]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base for alias in node.names]
        yield from (name for name in names if name in modules)


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def main(arguments: Sequence[str]) -> None:
    """Prints the table."""
    print(HEADER)
    for argument in arguments or [f"Orilla={ROOT}"]:
        name, separator, folder = argument.partition("=")
        root = Path(folder if separator else argument)
        if not root.is_dir():
            sys.exit(f"No such folder: {root}. Expected NAME=FOLDER, or the folder of a code base.")
        print(to_row(name, measure_shape(root)))


if __name__ == "__main__":
    main(sys.argv[1:])
