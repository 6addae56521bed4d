"""Parts that every model card has: front matter as model hubs read it, and tables of what a model was made from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from student.distill.licenses import identifiers, is_share_alike

CORPUS_ROLES = ("distillation texts", "intent texts", "reader")
"""Roles in a lineage of texts that something was trained on."""
START_ROLE = "student started from"
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure of a model card's index.

    Attributes:
        task: as hubs name it, such as `text-classification`.
        data: what it was measured on.
        metric: as hubs name it, such as `accuracy`.
        what: of the figure, for people.
    """

    task: str
    data: str
    metric: str
    what: str
    value: float


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Facts of a model card's front matter.

    Attributes:
        license: an SPDX expression.
        library: that opens the model, as hubs name it.
        lineage: `role`, `name`, `sha256` and `license` of each origin.
    """

    name: str
    languages: Sequence[str]
    license: str
    library: str
    tags: Sequence[str]
    lineage: Sequence[Mapping[str, Any]]
    measured: Sequence[Measured] = field(default_factory=tuple)


def front_matter(facts: CardFacts) -> str:
    """The YAML at the head of a model card, its marks included."""
    bases = [origin["name"] for origin in facts.lineage if origin["role"] in (START_ROLE, "encoder")]
    starts = [origin["name"] for origin in facts.lineage if origin["role"] == START_ROLE]
    name = facts.license.lower() if _is_single(facts.license) else _OTHER
    data = ModelCardData(
        language=list(facts.languages),
        library_name=facts.library,
        tags=list(facts.tags),
        pipeline_tag="sentence-similarity",
        base_model=_each_once(name for name in starts or bases if _is_hub_name(name)) or None,
        datasets=_each_once(
            _data_set(str(origin["name"])) for origin in facts.lineage if origin["role"] in CORPUS_ROLES
        )
        or None,
        metrics=_each_once(figure.metric for figure in facts.measured) or None,
        model_name=facts.name if facts.measured else None,
        eval_results=[_result(figure) for figure in facts.measured] or None,
        license=name,
        license_name=None if name != _OTHER else facts.license,
    )
    return f"---\n{data.to_yaml()}\n---\n"


def made_from_section(lineage: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table of all that a model was made from, and below it what and whom the licences ask to name."""
    bound = share_alike(lineage)
    return [
        "## Made from",
        "",
        "| role | name | licence | SHA-256 |",
        "|---|---|---|---|",
        *(f"| {o['role']} | {o['name']} | {o['license']} | `{o['sha256']}` |" for o in lineage),
        "",
        *((bound, "") if bound else ()),
        *(f"- {line}" for line in attributions(lineage)),
        "",
    ]


def attributions(lineage: Iterable[Mapping[str, Any]]) -> list[str]:
    """Whom the licences of a lineage ask to name, each once with the names of what is theirs."""
    named: dict[tuple[str, str], list[str]] = {}
    for origin in lineage:
        if said := origin.get("attribution"):
            named.setdefault((said, origin["license"]), []).append(origin["name"])
    return [f"{', '.join(dict.fromkeys(names))} ({spdx}): {said}" for (said, spdx), names in named.items()]


def share_alike(lineage: Iterable[Mapping[str, Any]]) -> str:
    """A paragraph that names the texts under share-alike licences; empty where there are none."""
    bound = [o for o in lineage if o["role"] in CORPUS_ROLES and is_share_alike(o["license"])]
    if not bound:
        return ""
    named = ", ".join(f"{o['name']} ({o['license']})" for o in bound)
    return (
        f"Under share-alike licences, and used for training only: {named}. No text of theirs is part of this model; "
        "whoever shares adapted texts of theirs shares them under the same licence."
    )


def _is_single(expression: str) -> bool:
    """True if it is one licence that hubs know; anything else is `other`, with its name."""
    return len(identifiers(expression)) == 1 and not expression.startswith("LicenseRef-")


def _is_hub_name(name: str) -> bool:
    return re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None


def _data_set(name: str) -> str:
    """A name that hubs accept: of the folder that holds a file, or of the file."""
    path = PurePosixPath(name)
    parts = path.parent.parts if path.suffix and path.parent.parts else (path.stem,)
    plain = [re.sub(r"[^\w.-]+", "-", part).strip("-.") for part in parts]
    return "/".join([plain[0], "-".join(plain[1:])] if len(plain) > 1 else plain)


def _result(figure: Measured) -> EvalResult:
    return EvalResult(
        task_type=figure.task,
        dataset_type=_data_set(figure.data),
        dataset_name=figure.data,
        metric_type=figure.metric,
        metric_name=figure.what,
        metric_value=figure.value,
    )


def _each_once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
