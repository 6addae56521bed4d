"""A new bundle from an old one and a learned head: encoder, verifier and adapter stay, so no index is rebuilt."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from student.artifacts.durable import write_durably
from student.bundle.folder import Bundle, write_bundle
from student.bundle.head_folder import BASIS, head_parts
from student.bundle.linear_head import INTENT, LinearHead
from student.bundle.manifest import Manifest, created_at

OWN_EXAMPLES = "own examples"
"""Role in a lineage of labelled messages that may not be public."""
CROSS_VALIDATED = "intent_head_cross_validated"
_MEASURED_BEFORE = ("intent_head_on_held_out_texts", "intent_head_on_messages", CROSS_VALIDATED)


def write_with_head(
    old: Bundle,
    head: LinearHead,
    figures: Mapping[str, Any],
    out: Path,
    *,
    examples_digest: str,
    now: datetime,
    replace: bool = False,
) -> Bundle:
    """Writes a copy of a bundle with another intent head, one serial up.

    Args:
        old: the bundle.
        head: its new intent head.
        figures: of all examples, for manifest and model card.
        out: folder of the new bundle.
        examples_digest: SHA-256 of the file of examples.
        now: its time of making.
        replace: allow a bundle at `out` to be replaced.

    Raises:
        BundleExists: something is at `out`.
    """
    manifest = old.manifest
    files = {name: old.read(name) for name in manifest.files}
    heads = _heads(manifest, head, files)
    probes = files[manifest.probes.file]
    files[manifest.probes.file] = _relabelled(probes, {INTENT: head} | _basis(head))
    files[manifest.model_card] += _card_part(head, figures).encode()
    value = manifest.model_dump(mode="json", exclude={"files", "format", "format_version"})
    metrics = {name: group for name, group in value["metrics"].items() if name not in _MEASURED_BEFORE}
    spdx = manifest.licenses[0].spdx
    fields = value | {
        "serial": manifest.serial + 1,
        "created": max(created_at(now), manifest.created),
        "heads": heads,
        "metrics": metrics | {CROSS_VALIDATED: figures},
        "lineage": [
            *value["lineage"],
            {"role": "bundle", "name": f"{manifest.name} {manifest.serial}", "sha256": old.digest, "license": spdx},
            {"role": OWN_EXAMPLES, "name": OWN_EXAMPLES, "sha256": examples_digest, "license": "LicenseRef-own"},
        ],
    }
    return write_bundle(out, fields, files, replace=replace)


def report_paths(out: Path) -> tuple[Path, Path]:
    """Files of a bundle's report, as JSON and as a table: beside its folder, which holds its parts alone."""
    return out.with_name(f"{out.name}.report.json"), out.with_name(f"{out.name}.report.md")


def write_report(report: Mapping[str, Any], lines: list[str], out: Path) -> None:
    """Writes a report in both forms."""
    as_json, as_table = report_paths(out)
    write_durably(as_json, (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    write_durably(as_table, ("\n".join(lines) + "\n").encode())


def _basis(head: LinearHead) -> dict[str, LinearHead]:
    return {BASIS: head.blend.basis} if head.blend and head.blend.basis else {}


def _heads(manifest: Manifest, head: LinearHead, files: dict[str, bytes]) -> dict[str, Any]:
    """The entries of all heads; their files are put among the others."""
    for name in (INTENT, BASIS):
        entry = manifest.heads.get(name)
        for file in [entry.file, *([entry.blend.file] if entry.blend else [])] if entry else []:
            del files[file]
    heads = {name: e.model_dump(mode="json") for name, e in manifest.heads.items() if name not in {INTENT, BASIS}}
    entries, parts = head_parts(head)
    files |= parts
    return heads | entries


def _relabelled(probes: bytes, heads: Mapping[str, LinearHead]) -> bytes:
    """The probes with the labels that the heads give to them; embeddings stay as they are."""
    lines = []
    for value in json.loads(probes):
        embedding = np.array(value["embedding"], dtype=np.float32)
        said = {name: head.classify(embedding, value["text"]).label for name, head in heads.items()}
        lines.append(json.dumps(value | {"labels": value.get("labels", {}) | said}, ensure_ascii=False))
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def _card_part(head: LinearHead, figures: Mapping[str, Any]) -> str:
    return (
        f"\n## Own intents\n\nThe intent head was made again of {figures['examples']} examples of the branch's own, "
        f"for {len(head.labels)} labels; what stands above about the intent head is about the one before. By 5-fold "
        f"cross-validation: macro-F1 {figures['macro_f1']}, right {figures['accuracy']}, calibration error "
        f"{figures['expected_calibration_error']}, refused {figures['refused']}. It reads the words of a message too: "
        "`head.classify(embedding, text)`.\n"
    )
