"""Words that the glossary retired do not come back: as identifiers, as file names, or in docstrings and messages."""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PRODUCT = ("orilla.py", "student", "edge_agent", "federation", "teacher", "demo")
EVERYWHERE = (*PRODUCT, "benchmarks", "tests")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")

RETIRED = {
    # In an identifier, as whole words of it (`take_in` is in `TakeIn` and `_take_in_job`) → the term of the glossary.
    "take_in": "ingest",
    "takes_in": "ingest",
    "taken_in": "ingest",
    "cut_otherwise": "outdated chunking",
    "passage_reading": "answerability verifier",
    "worth_reading": "span to verify",
    "least_spoken_of": "minimum term similarity",
    "coverage": "minimum term similarity",
    "turn": "iteration",
    "lesson": "soft labels",
    "ask_student": "soft labels",
    "caution": "regularization",
    "cautions": "regularization",
    "world": "scenario",
    "ground": "scenario",
    "alone": "exclusive lock",
    "carry_out": "run",
    "bring_to": "reconcile",
    "hand_over": "swap",
    "halve": "encode",
    "kept_bundle": "fallback bundle",
    "take_over": "promote",
    "set_aside": "holdout",
    "place_of": "hash bucket",
    "tally": "holdout",
    "chosen_now": "baseline",
    "most_lost": "maximum regression",
    "acknowledged": "commit watermark",
    "held_against": "baseline",
    "centre": "center",
    "centres": "center",
}
RETIRED_NAMES = {
    # The whole name of a class or module, where its words have other uses.
    "Serving": "active model",
    "Given": "raw document",
    "Reached": "baseline",
    "Places": "scenario",
    "Ground": "scenario",
    "Reader": "answerability verifier",
}
RETIRED_FILES = {
    "reading": "parse",
    "reader": "answerability verifier",
    "utils": "",
    "common": "",
    "helpers": "",
    "manager": "",
}
SPELLING = r"\bcentres?\b(?!\.json)"  # a file of 0.1 is called so
RETIRED_PHRASES = {
    # In docstrings, comments and messages → what to say.
    r"\b(take|takes|taken|taking) in\b": "ingest, read, accept",
    r"\bheld against\b": "validated against, compared with",
    r"\btold (how many|of)\b": "called with the count",
    r"\bcut otherwise\b": "outdated chunking",
    r"\b(make|makes|made) ready\b": "prepare",
    r"\b(deal|deals|dealt) out\b": "split, distribute",
    r"\b(kept|keep) (apart|aside)\b": "held out",
    r"\bmade aside\b": "in a temporary folder",
    r"\banew\b": "again",
    SPELLING: "center",
    r"\bspoken of\b": "minimum term similarity",
}
PLAIN_ELSEWHERE = {"coverage", "acknowledged", "alone"}
"""Plain words in benchmarks and tests: risk against coverage, what was acknowledged to a client, a sentence alone."""
PAGES = [
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
    if path.name not in {"CHANGELOG.md", "log.md", "glossary.md"}  # these speak of the words themselves, or of the past
]
NO_OPENING = ("What", "Who", "From", "Where", "Whether")


def is_yes_or_no(node: ast.AST, docstring: str) -> bool:
    """Whether a function answers yes or no and says so, as this one does."""
    returns = getattr(node, "returns", None)
    return docstring.startswith("Whether") and isinstance(returns, ast.Name) and returns.id == "bool"


def in_snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")


def files(package: str, *patterns: str) -> list[Path]:
    """A package's files of some kinds; a module by itself is its own."""
    if (ROOT / package).is_file():
        return [ROOT / package]
    matching = sorted(path for pattern in patterns for path in (ROOT / package).rglob(pattern))
    return [path for path in matching if path != Path(__file__)]


def identifiers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that a module defines or uses, with its line."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        for field in ("id", "attr", "arg", "name", "asname", "module"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield from ((part, line) for part in value.split("."))


def found(name: str, allowed: Collection[str] = ()) -> str | None:
    """What is wrong with an identifier, if anything is."""
    if name in RETIRED_NAMES:
        return f"{name}: say {RETIRED_NAMES[name]}"
    words = f"_{in_snake_case(name)}_"
    return next(
        (f"{name}: say {term}" for old, term in RETIRED.items() if f"_{old}_" in words and old not in allowed), None
    )


@pytest.mark.parametrize("package", EVERYWHERE)
def test_no_retired_word_is_an_identifier_or_a_file_name(package: str) -> None:
    wrong, allowed = set[str](), () if package in PRODUCT else PLAIN_ELSEWHERE
    for path in files(package, "*.py"):
        parts = [*path.relative_to(ROOT).parts[:-1], path.stem]
        names = [*identifiers(ast.parse(path.read_text(encoding="utf-8"))), *((part, 0) for part in parts)]
        wrong |= {f"{path.relative_to(ROOT)}: say {RETIRED_FILES[part]}" for part in parts if part in RETIRED_FILES}
        wrong |= {f"{path.relative_to(ROOT)}:{line} {said}" for name, line in names if (said := found(name, allowed))}
    assert not wrong, "\n".join(sorted(wrong))


@pytest.mark.parametrize("package", EVERYWHERE)
def test_no_retired_word_is_a_field_of_a_recipe(package: str) -> None:
    for path in files(package, "*.toml"):
        fields = re.findall(r"^(\w+) *=", path.read_text(encoding="utf-8"), re.MULTILINE)
        wrong = [said for name in [*fields, path.stem] if (said := found(name.replace("-", "_")))]
        assert not wrong, f"{path}: {wrong}"


@pytest.mark.parametrize("package", (*EVERYWHERE, *(str(path.relative_to(ROOT)) for path in PAGES)))
def test_no_retired_phrase_is_in_docstrings_comments_messages_or_pages(package: str) -> None:
    wrong = []
    for path in files(package, "*.py", "*.toml"):
        text = re.sub(r"\s*\n\s*#?\s*", " ", path.read_text(encoding="utf-8"))
        for old, say in RETIRED_PHRASES.items():
            if package in ("benchmarks", "tests") and old == SPELLING:  # results of before name their rows so
                continue
            matches = re.finditer(rf".{{0,20}}{old}.{{0,20}}", text, re.IGNORECASE)
            wrong += [f"{path.relative_to(ROOT)}: {match[0]!r}: say {say}" for match in matches]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", PRODUCT)
def test_docstrings_open_with_what_the_thing_is(package: str) -> None:
    wrong = []
    for path in files(package, "*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node) or ""
                if docstring.split(" ", 1)[0] in NO_OPENING and not is_yes_or_no(node, docstring):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.body[0].lineno} {docstring[:60]!r}")
    assert not wrong, "\n".join(wrong)


def test_a_retired_word_is_noticed_in_every_form() -> None:
    source = (
        "class TakeIn: pass\ndef _hand_over(centre, *, most_lost_at_branches): centre.caution = Reached(most_lost=1)"
    )
    names = {said.split(":")[0] for name, _ in identifiers(ast.parse(source)) if (said := found(name))}
    assert names == {"TakeIn", "_hand_over", "centre", "most_lost_at_branches", "caution", "Reached", "most_lost"}
    assert found("returned") is None
    assert found("intake_index") is None


def test_every_retired_word_has_a_term_in_the_glossary() -> None:
    terms = [term for row in re.findall(r"^\| ([^|]+) \|", GLOSSARY, re.MULTILINE) for term in [row.strip()]]
    listed = {part.strip(" `") for term in terms for part in re.sub(r"\(.*?\)", "", term).split(",")}
    assert set(RETIRED.values()) | set(RETIRED_NAMES.values()) <= listed


def test_the_glossary_says_each_term_once() -> None:
    terms = [row.strip() for row in re.findall(r"^\| ([^|]+) \|", GLOSSARY, re.MULTILINE)]
    repeated = {term for term in terms if terms.count(term) > 1} - {"term", "---"}
    assert repeated == set()
