"""The model card of a bundle, generated from its manifest's own fields so that the two cannot disagree."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


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
        "## Meant for",
        "",
        limits["intended_use"],
        "",
        "## Known limits",
        "",
        *(f"- {limit}" for limit in limits["known"]),
        "",
        "## Made from",
        "",
        "| role | name | licence | SHA-256 |",
        "|---|---|---|---|",
        *(f"| {o['role']} | {o['name']} | {o['license']} | `{o['sha256']}` |" for o in fields["lineage"]),
        "",
        "## Measured",
        "",
        *_metric_tables(fields["metrics"]),
        "## Heads",
        "",
    ]
    lines += [line for name, head in fields["heads"].items() for line in _head(name, head)]
    if distillation := fields.get("distillation"):
        lines += _distillation(distillation)
    lines += [
        "## Privacy",
        "",
        *_privacy(fields.get("privacy", [])),
    ]
    return "\n".join(lines) + "\n"


def _head(name: str, head: Mapping[str, Any]) -> list[str]:
    return [
        f"**{name}**: {len(head['labels'])} labels, temperature {head['temperature']}, out of scope below "
        f"{head['threshold']}: {', '.join(head['labels'])}.",
        "",
    ]


def _distillation(distillation: Mapping[str, Any]) -> list[str]:
    return [
        "## Distillation",
        "",
        "Texts of each part of the mix: " + ", ".join(f"{n} {mix}" for mix, n in distillation["mix"].items()) + ".",
        "",
        "To make it again: `orilla teacher label` on the files above, `orilla student distill` with the recipe "
        "below and `--vocabulary` this bundle's tokenizer.json, then `orilla student export`.",
        "",
        "The recipe, and the last entry of the log (similarity to the teacher's embeddings on held-out texts):",
        "",
        "```json",
        json.dumps(distillation["recipe"], indent=2),
        json.dumps(distillation["log"][-1], indent=2),
        "```",
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
