"""The model card of a float student: README.md of its sentence-transformers folder."""

import json
from collections.abc import Mapping
from typing import Any

from student.distill.cards import CardFacts, Measured, front_matter, made_from_section

USAGE = """\
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(".")  # this folder
print(model.encode(["How do I reset my password?", "¿Cómo cambio la contraseña?"]).shape)
"""


def write_student_card(facts: Mapping[str, Any], *, pieces: int, dimension: int, max_tokens: int) -> str:
    """The Markdown card of a student.

    Args:
        facts: its `distillation.json`.
        pieces: of its vocabulary.
        dimension: D.
        max_tokens: window, special tokens included.
    """
    lines = [
        f"# {facts['name']}",
        "",
        "A sentence encoder, distilled from a teacher's embeddings: "
        f"{dimension} numbers of unit norm, a window of {max_tokens} tokens, {pieces:,} pieces.",
        "",
        "## Use",
        "",
        "```python",
        USAGE.rstrip(),
        "```",
        "",
        "Go on from it on texts of your own with `orilla student distill --start`, and make a bundle of it, for a "
        "branch server, with `orilla student export --model`.",
        "",
        "## Known limits",
        "",
        *(f"- {limit}" for limit in _limits(facts, max_tokens)),
        "",
        *distillation_section(facts),
        *made_from_section(facts["lineage"]),
        "## Licence",
        "",
        f"The weights: {facts['license']}. The texts that it learned from are not part of it.",
    ]
    return _front_matter(facts) + "\n" + "\n".join(lines) + "\n"


def distillation_section(facts: Mapping[str, Any]) -> list[str]:
    """How a student was distilled, by its `distillation.json` or by the bundle's fields, and how to do it again."""
    if not facts.get("log"):  # weights of a bundle that was not distilled here
        return []
    links, teachers = facts.get("links", {}), facts.get("teachers", [])
    lines = ["## Distillation", ""]
    lines += ["Texts of each part of the mix: " + ", ".join(f"{n:,} {mix}" for mix, n in facts["mix"].items()) + "."]
    if links:
        lines[-1] += (
            f" Linked in the targets: {links['answers']:,} questions with what answers them, "
            f"{links['translations']:,} translations."
        )
    if teachers:
        lines += ["", *(f"- teacher {_described(teacher)}" for teacher in teachers)]
    label = "--teacher teacher.toml" if len(teachers) > 1 else "--model TEACHER"
    return [
        *lines,
        "",
        "To make it again, with the files, teachers and start that are named under “Made from”, and the recipe below:",
        "",
        f"    orilla teacher label --recipe corpus.toml --data DATA {label} --out targets",
        "    orilla student distill --recipe student.toml --targets targets --start START --tokenizer tokenizer.json "
        "--out run",
        "",
        "The recipe, and the last entry of the log (similarity to the teacher's embeddings on held-out texts):",
        "",
        "```json",
        json.dumps(facts["recipe"], indent=2, ensure_ascii=False),
        json.dumps(facts["log"][-1], indent=2, ensure_ascii=False),
        "```",
        "",
    ]


def similarity_measured(facts: Mapping[str, Any]) -> list[Measured]:
    """The similarity to its teacher that a student reached, for a card's index."""
    similarity = facts["log"][-1].get("similarity") if facts.get("log") else None
    what = "mean cosine to the teacher's embeddings"
    data = "texts of the distillation held out of training"
    return [] if similarity is None else [Measured("sentence-similarity", data, "cosine", what, similarity)]


def weakest_parts(facts: Mapping[str, Any]) -> list[str]:
    """A limit that names the parts of the mix where a student is furthest from its teacher."""
    last = facts["log"][-1] if facts.get("log") else {}
    by_part = {
        name.removeprefix("similarity "): value for name, value in last.items() if name.startswith("similarity ")
    }
    if not by_part:
        return []
    lowest = sorted(by_part, key=by_part.__getitem__)[:3]
    return ["It is furthest from its teacher on " + ", ".join(f"{mix} ({by_part[mix]:.2f})" for mix in lowest) + "."]


def _limits(facts: Mapping[str, Any], max_tokens: int) -> list[str]:
    source = facts.get("read_back_from")
    rounded = f"Its weights were read back from the int8 bundle {source}: each was rounded once, so its embeddings are "
    return [
        *([f"{rounded}near those of the student that the bundle was made of, not equal to them."] if source else []),
        f"Meant for {', '.join(facts['languages'])}; nothing was trained or measured in other languages.",
        f"Of a text only the first {max_tokens} tokens are seen.",
        *weakest_parts(facts),
        "Subjects other than those of the mix below were not learned. How well it finds documents is not measured "
        "here: `orilla student evaluate` does.",
    ]


def _described(teacher: Mapping[str, Any]) -> str:
    """A teacher of several in one line, with all that was asked of it."""
    parts = [f"weight {teacher.get('weight', 1):g}"]
    if prompts := {role: text for role, text in teacher.get("prompts", {}).items() if text}:
        parts.append("prompts " + ", ".join(f"“{text}” ({role})" for role, text in prompts.items()))
    if teacher.get("languages"):
        parts.append("reads " + ", ".join(teacher["languages"]))
    if teacher.get("is_centered"):
        parts.append("its mean removed")
    return f"{teacher['name']} ({teacher['license']}): {'; '.join(parts)}"


def _front_matter(facts: Mapping[str, Any]) -> str:
    return front_matter(
        CardFacts(
            name=facts["name"],
            languages=facts["languages"],
            license=facts["license"],
            library="sentence-transformers",
            tags=("sentence-transformers", "feature-extraction", "distillation", "orilla"),
            lineage=facts["lineage"],
            measured=similarity_measured(facts),
        )
    )
