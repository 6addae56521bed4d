"""Export of a student that was trained on from a bundle: a new encoder with the other parts of that bundle."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from student.bundle.folder import Bundle, write_bundle
from student.bundle.linear_head import pack_head
from student.bundle.manifest import Manifest, Origin, created_at
from student.bundle.query_adapter import pack_adapter
from student.distill.cards import attributions
from student.distill.continuing.carried_parts import CarriedParts, carry_parts
from student.distill.export.encoder_export import (
    EXPORT_STEPS,
    ExportedEncoder,
    OnProgress,
    export_encoder,
    open_exported,
)
from student.distill.export.manifest_fields import DISTILLATION_FIELDS
from student.distill.export.model_card import write_model_card
from student.distill.export.probe_texts import PROBE_PASSAGES, PROBE_TEXTS
from student.distill.licenses import joined
from student.distill.pretrained import Pretrained, WeightsRefused
from student.distill.targets import Targets
from student.distill.verifier.bundling import VERIFIER
from student.runtime.cross_encoder import CrossEncoder
from student.runtime.encoder import Encoder
from student.runtime.probes import write_probes
from student.runtime.student import Student, load_student

_COMPARED = 300
_NOTICE = "NOTICE.txt"
Judge = Callable[[Student, Encoder], dict[str, Any]]
"""The base and the new encoder → groups of figures for the manifest; raises where the new one shall not be written."""


@dataclass(frozen=True, slots=True)
class NewBundle:
    """Name, serial and time of making of a bundle, and what is to be known of it besides what is known of its base."""

    name: str
    serial: int
    now: datetime
    limits: tuple[str, ...] = ()


def export_trained_on(
    pretrained: Pretrained,
    base: Path,
    targets: Targets,
    out: Path,
    new: NewBundle,
    *,
    judge: Judge = lambda student, encoder: {},
    replace: bool = False,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Bundle:
    """Makes the bundle.

    Args:
        pretrained: the student that was trained on.
        base: the bundle whose other parts it gets.
        targets: that it was trained on; parts are carried over by their texts.
        out: where the bundle goes.
        new: what it is called.
        judge: see `Judge`.
        replace: allow a bundle at `out` to be replaced.
        on_progress: progress callback.

    Raises:
        WeightsRefused: the student is no continuation of the bundle's: it makes other numbers.
        FidelityLost: see `export_encoder`; nothing was written.
    """
    student = load_student(base)
    try:
        if pretrained.dimension != student.encoder.dimension:
            raise WeightsRefused(
                f"{pretrained.name} makes {pretrained.dimension} numbers, bundle {base} {student.encoder.dimension}; "
                "name the bundle that it was trained on from, or export with --intents"
            )
        compared = [*PROBE_TEXTS, *targets.evenly(_COMPARED).texts]
        exported = export_encoder(pretrained, list(dict.fromkeys(compared)), on_progress=on_progress)
        encoder = open_exported(pretrained, exported.graph, exported.tokenizer)
        try:
            on_progress(4, EXPORT_STEPS, "measuring")
            figures = judge(student, encoder)
            on_progress(5, EXPORT_STEPS, "carrying the heads over")
            parts = carry_parts(student, encoder, targets)
            figures = exported.as_metrics() | figures | {"carried_over": parts.figures}
            fields = _fields(student, pretrained, parts, new, figures)
            contents = _contents(student, pretrained, exported, encoder, parts)
            contents[student.bundle.manifest.model_card] = write_model_card(fields).encode()
            return write_bundle(out, fields, contents, replace=replace)
        finally:
            encoder.close()
    finally:
        student.close()


def _fields(
    base: Student,
    pretrained: Pretrained,
    parts: CarriedParts,
    new: NewBundle,
    figures: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest without `files`."""
    manifest = base.bundle.manifest
    kept = manifest.model_dump(exclude={"files", "verifier", "adapter", "distillation"}, by_alias=True)
    distillation = pretrained.distillation or {}
    summary = f"{manifest.name}, serial {manifest.serial}, trained on with documents of its maker's."
    known = kept["limits"].get("known", [])
    if not parts.is_verified:
        known = VERIFIER.without_limit(known)
    limits = kept["limits"] | {"summary": summary, "known": [*known, *new.limits]}
    fields = kept | {
        "name": new.name,
        "serial": new.serial,
        "created": created_at(new.now),
        "embedding_space": pretrained.embedding_space,
        "encoder": manifest.encoder.model_dump() | {"max_tokens": pretrained.max_tokens},
        "limits": limits,
        "licenses": _licenses(manifest, pretrained),
        "metrics": dict(figures),
        "lineage": list({(o.role, o.sha256): o.model_dump() for o in _origins(pretrained)}.values()),
        "distillation": {key: distillation[key] for key in DISTILLATION_FIELDS if key in distillation},
    }
    if parts.is_verified and manifest.verifier:
        fields["reader"] = manifest.verifier.model_dump()
    if parts.adapter and manifest.adapter:
        fields["adapter"] = manifest.adapter.model_dump()
    return fields


def _licenses(base: Manifest, pretrained: Pretrained) -> list[dict[str, Any]]:
    """The encoder's is that of the student that was trained on, the other parts' are the base's."""
    graph, others = base.encoder.graph, [each.model_dump() for each in base.licenses]
    own = {"spdx": joined([pretrained.license]), "applies_to": f"{graph}, {base.encoder.tokenizer}"}
    return [others[0] | own, *(each for each in others if graph not in each["applies_to"])]


def _contents(
    base: Student, pretrained: Pretrained, exported: ExportedEncoder, encoder: Encoder, parts: CarriedParts
) -> dict[str, bytes]:
    """The bundle's files but its model card."""
    manifest = base.bundle.manifest
    gone = {manifest.verifier.file} if manifest.verifier and not parts.is_verified else set()
    contents = {file: base.bundle.read(file) for file in manifest.files if file not in gone}
    contents |= {manifest.heads[name].file: pack_head(head.weight, head.bias) for name, head in parts.heads.items()}
    if parts.adapter and manifest.adapter:
        contents[manifest.adapter.file] = pack_adapter(parts.adapter)
    verifier = base.verifier if parts.is_verified else None
    cross_encoder = CrossEncoder.from_bundle(base.bundle, encoder)  # it belongs to the pieces, which stay
    probes = write_probes(PROBE_TEXTS, encoder, parts.heads, verifier, PROBE_PASSAGES, cross_encoder=cross_encoder)
    return contents | {
        manifest.encoder.graph: exported.graph,
        manifest.encoder.tokenizer: exported.tokenizer,
        manifest.probes.file: probes,
        _NOTICE: _notice(base, contents.get(_NOTICE, b"").decode(), pretrained),
    }


def _origins(pretrained: Pretrained) -> Sequence[Origin]:
    return [pretrained.as_origin("encoder"), *pretrained.lineage]


def _notice(base: Student, before: str, pretrained: Pretrained) -> bytes:
    manifest = base.bundle.manifest
    known = {origin.sha256 for origin in manifest.lineage}
    added = [origin for origin in pretrained.lineage if origin.sha256 not in known]
    own = "".join(f"  {o.role}: {o.name} ({o.license})\n" for o in added)
    named = "".join(f"  {line}\n" for line in attributions([origin.model_dump() for origin in added]))
    opening = f"This bundle was trained on from {manifest.name}, serial {manifest.serial}, with:\n"
    asked = f"Attribution:\n{named}" if named else ""
    return (
        f"{opening}{own}{asked}The texts themselves are not part of it. The notice of {manifest.name}:\n\n{before}"
    ).encode()
