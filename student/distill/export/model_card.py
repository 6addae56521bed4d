"""The model card of a bundle, generated from its manifest's own fields so that the two cannot disagree."""

from collections.abc import Mapping, Sequence
from typing import Any

from student.bundle.linear_head import INTENT
from student.bundle.manifest import OWN_DOCUMENTS
from student.distill.cards import CardFacts, Measured, front_matter, made_from_section
from student.distill.encoder.student_card import distillation_section, similarity_measured
from student.distill.export.limits import FINDING_FIGURES, INTENT_FIGURES, MESSAGE_FIGURES
from student.distill.licenses import joined

USAGE = """\
from pathlib import Path

from student.runtime.student import load_student

student = load_student(Path("."))  # this folder; verifies every byte and runs the probes
print(student.encoder.encode(["How do I reset my password?"]).shape)
print({name: head.classify(student.encoder.encode(["Where is my invoice?"])[0]).label
       for name, head in student.heads.items()})
"""
SERVER = """\
orilla edge ingest DOCUMENTS --store STORE --bundle .
orilla edge serve --store STORE --bundle . --port 8080 --trust-this-machine
"""
REQUEST = """\
curl -s http://127.0.0.1:8080/v1/query -H 'content-type: application/json' \\
     -d '{"text": "How do I reset my password?"}'
"""


def write_model_card(fields: Mapping[str, Any]) -> str:
    """The Markdown model card (after Mitchell et al. 2019, arXiv 1810.03993) of a manifest's fields."""
    limits, encoder = fields["limits"], fields["encoder"]
    lines = [
        f"# {fields['name']}, serial {fields['serial']}",
        "",
        limits["summary"],
        "",
        "| | |",
        "|---|---|",
        f"| made | {fields['created']} |",
        f"| languages | {', '.join(fields['languages'])} |",
        f"| embedding | {encoder['dimension']} numbers, unit norm, window of {encoder['max_tokens']} tokens |",
        f"| embedding space | `{fields['embedding_space']}` |",
        "",
        *_usage(),
        "## Meant for",
        "",
        limits["intended_use"],
        "",
        "## Known limits",
        "",
        *(f"- {limit}" for limit in limits["known"]),
        "",
        *made_from_section(fields["lineage"]),
        "## Measured",
        "",
        *_metric_tables(fields["metrics"]),
        "## Heads",
        "",
    ]
    lines += [line for name, head in fields["heads"].items() for line in _head(name, head)]
    if distillation := fields.get("distillation"):
        lines += [*distillation_section(distillation), "Then `orilla student export` makes the bundle.", ""]
    lines += ["## Licences", "", *(f"- {one['applies_to']}: {one['spdx']}" for one in fields["licenses"]), ""]
    lines += ["## Privacy", "", *_own_documents(fields["lineage"]), *_privacy(fields.get("privacy", []))]
    return _front_matter(fields) + "\n" + "\n".join(lines) + "\n"


def _usage() -> list[str]:
    blocks = [("python", USAGE), ("sh", SERVER), ("sh", REQUEST)]
    lines = ["## Use", "", "In Python, in this folder; no torch is needed:", ""]
    for number, (language, code) in enumerate(blocks):
        if number == 1:
            lines += ["As a server, with answers from your own documents, and what it is asked:", ""]
        lines += [f"```{language}", code.rstrip(), "```", ""]
    return lines


def _front_matter(fields: Mapping[str, Any]) -> str:
    return front_matter(
        CardFacts(
            name=f"{fields['name']} {fields['serial']}",
            languages=fields["languages"],
            license=joined(one["spdx"] for one in fields["licenses"]),
            library="onnx",
            tags=("onnx", "int8", "sentence-similarity", "text-classification", "customer-support", "orilla"),
            lineage=fields["lineage"],
            measured=_measured(fields),
        )
    )


def _measured(fields: Mapping[str, Any]) -> list[Measured]:
    """The figures of a manifest that hubs show."""
    metrics, measured = fields["metrics"], similarity_measured(fields.get("distillation") or {})
    texts = next((o["name"] for o in fields["lineage"] if o["role"] == "intent texts"), "labelled texts")
    task = "text-classification"
    if INTENT in fields["heads"] and (held_out := metrics.get(INTENT_FIGURES)):
        data = f"{texts}, held out"
        measured.append(Measured(task, data, "accuracy", "accuracy on held-out texts", held_out["accuracy"]))
        measured.append(Measured(task, data, "f1", "macro-F1 on held-out texts", held_out["macro_f1"]))
    if real := metrics.get(MESSAGE_FIGURES):
        measured.append(Measured(task, real["file"], "f1", "macro-F1 on messages of users", real["macro_f1"]))
    if finding := metrics.get(FINDING_FIGURES):
        what = "nDCG@10 of finding a text by its beginning, in int8"
        measured.append(Measured("text-retrieval", "comparison texts", "ndcg_at_10", what, finding["int8_ndcg"]))
    return measured


def _head(name: str, head: Mapping[str, Any]) -> list[str]:
    return [
        f"**{name}**: {len(head['labels'])} labels, temperature {head['temperature']}, out of scope below "
        f"{head['threshold']}: {', '.join(head['labels'])}.",
        "",
    ]


def _own_documents(lineage: Sequence[Mapping[str, Any]]) -> list[str]:
    """Whose documents the encoder learned, where these may not be public."""
    folders = [origin["name"] for origin in lineage if origin["role"] == OWN_DOCUMENTS]
    if not folders:
        return []
    return [
        f"The encoder learned the documents of its maker's folder {', '.join(folders)}, without differential privacy. "
        "Give the bundle to nobody who may not read them. Besides:",
        "",
    ]


def _privacy(spent: Sequence[Mapping[str, Any]]) -> list[str]:
    """The privacy spent by the releases behind a bundle, or that there are none."""
    if not spent:
        return ["No data of any branch or customer went into this bundle, so no privacy was spent on it."]
    return [
        "The teacher of this bundle has absorbed these releases of branches. Distilling from it spends nothing more "
        "(post-processing), on the condition that the public and the center's texts hold nothing from a branch.",
        "",
        "| release | epsilon of its run | delta | largest ledger after it | rounds | fewest branches |",
        "|---|---|---|---|---|---|",
        *(
            f"| {s['federation']} release {s['serial']} | {s['epsilon']:g} | {s['delta']:g} | "
            f"{s['largest_ledger_epsilon']:g} | {s['rounds']} | {s['fewest_branches']} |"
            for s in spent
        ),
        "",
        "Epsilon is per "
        + "; ".join(
            dict.fromkeys(
                f"{s['unit']}, {s['neighboring']} neighbors, {s['accountant']}, {s['mechanism']} noise" for s in spent
            )
        )
        + ". A ledger adds up all runs of its branch.",
    ]


def _metric_tables(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    for group, figures in metrics.items():
        lines += [f"**{group.replace('_', ' ')}**", "", "| figure | value |", "|---|---|"]
        for name, value in figures.items():
            lines.append(f"| {name.replace('_', ' ')} | {value if value is not None else 'not measured'} |")
        lines.append("")
    return lines
