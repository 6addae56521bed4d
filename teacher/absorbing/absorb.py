"""Absorbing a release: what branches taught the student, the student teaches the teacher.

The aggregated student (the bundle's encoder with the released head) says what it thinks of public texts and of the
labels' own names, and the teacher's intent head learns to say the same of the teacher's embeddings of these texts,
together with what the center's labelled texts ask for. New labels come with it. Where branches taught the query
adapter, the teacher's query side learns to adapt these texts as the student's does. The encoder stays as it is, so the
embedding space is kept and no index at any branch is rebuilt.

No text of a branch is used, only the release, which is private already: by post-processing (Dwork & Roth 2014,
proposition 2.1) nothing more is spent, on the condition that none of the texts came from a branch.

Guarantees:
    A release that is refused, or taught the teacher worse, leaves the disk as it was.
    The same absorption run again, after a kill or after the end, comes to the same teacher and spends nothing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.release.applying import privacy_spent
from federation.release.files import read_release
from federation.release.format import LedgerEntry, last_ledgers
from student.artifacts.digests import digest_file, digest_json
from student.artifacts.durable import making_folder
from student.bundle.folder import open_bundle
from student.bundle.manifest import Origin
from student.distill.pretrained import TEACHER_TRAINING, read_training_facts
from student.distill.targets import read_targets_manifest
from teacher.absorbing.part import AbsorbedPart, AbsorptionInputs, Sources
from teacher.absorbing.parts import absorbed_part
from teacher.absorbing.release_check import check_release
from teacher.encoders.encoder import EncodeInRole
from teacher.errors import AbsorptionRefused
from teacher.mixture.learner import Learner, copy_learner
from teacher.training.recipe import Absorption

REPORT = "absorption.json"
CONDITION = (
    "No further privacy is spent by post-processing, on the condition that the public texts and the center's own "
    "texts hold nothing that came from a branch."
)


def absorb(
    teacher: Learner,
    sources: Sources,
    recipe: Absorption,
    out: Path,
    *,
    encode: EncodeInRole,
    on_step: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """Makes a teacher that has learned what a release teaches.

    Args:
        teacher: as it is; its folder is left alone.
        sources: see `Sources`.
        recipe: see `Absorption`.
        out: folder of the new teacher; one that this same absorption has made is left as it is.
        encode: texts, role and languages → embeddings (N, D), by the teacher.
        on_step: called with what is being done.

    Returns:
        The report: labels, figures by group, and the condition under which no privacy was spent.

    Raises:
        ReleaseRefused: tampered with, of another federation, or not holding together.
        AbsorptionRefused: replayed, a ledger's chain broken, past the budget, or the teacher would lose too much.
        BundleError, TargetsRefused, DataRefused, TrainingRefused: a source cannot be used.
    """
    on_step("verifying the release")
    verified = _verify(teacher, sources, recipe)
    job = digest_json([[origin.sha256 for origin in verified.lineage], recipe.model_dump(mode="json")])
    if out.exists():
        return _same_absorption(out, job)
    on_step("the teacher learns what the aggregated student says of public texts")
    absorbed = verified.part.absorb(teacher, verified.inputs, recipe, encode)
    report = {"job": job, "release": verified.inputs.released.release.name, **absorbed.figures, "condition": CONDITION}
    on_step("writing the teacher")
    _write(teacher, absorbed.files, _facts(teacher, verified, recipe, report), report, out)
    return report


@dataclass(frozen=True, slots=True)
class _Verified:
    """A release that may be absorbed, and all that the result will be made from, by digest."""

    part: AbsorbedPart
    inputs: AbsorptionInputs
    ledgers: dict[str, dict[str, LedgerEntry]]
    lineage: list[Origin]


def _verify(teacher: Learner, sources: Sources, recipe: Absorption) -> _Verified:
    released, bundle = read_release(sources.release, sources.key), open_bundle(sources.bundle)
    release, ledgers = released.release, _ledgers(teacher)
    left = ledgers.get(release.federation, {})
    check_release(released, bundle, teacher.embedding_space, teacher.privacy, left, max_epsilon=recipe.max_epsilon)
    targets, targets_digest = read_targets_manifest(sources.targets)
    if targets.embedding_space != teacher.embedding_space:
        raise AbsorptionRefused(
            f"{sources.targets} was labelled by another teacher; name targets of this one, or with --model the teacher "
            "that labelled them: a mixture that has learned nothing yet by its targets"
        )
    part = absorbed_part(release.part)
    own = _own_data(part, sources)
    license_ = bundle.manifest.licenses[0].spdx
    named = [
        ("release", release.name, released.digest, license_),
        ("bundle", f"{bundle.manifest.name} {bundle.manifest.serial}", bundle.digest, license_),
        ("targets", "targets.json", targets_digest, "LicenseRef-see-targets"),
        (part.own_role, own.name, digest_file(own), sources.own_license),
    ]
    lineage = [Origin(role=role, name=name, sha256=sha256, license=spdx) for role, name, sha256, spdx in named]
    grown = ledgers | {release.federation: left | last_ledgers(release)}
    inputs = AbsorptionInputs(released, bundle, own, sources.targets)
    return _Verified(part, inputs, grown, [*_before(teacher), *lineage])


def _own_data(part: AbsorbedPart, sources: Sources) -> Path:
    own = part.own_data(sources)
    if own is None:
        raise AbsorptionRefused(f"this release is of the {part.name}; name the center's data: --{part.own_role}")
    return own


def _same_absorption(out: Path, job: str) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads((out / REPORT).read_bytes())
    except (OSError, ValueError):
        report = {}
    if report.get("job") != job:
        raise AbsorptionRefused(f"{out} holds something else than this absorption; name another folder")
    return report


def _ledgers(teacher: Learner) -> dict[str, dict[str, LedgerEntry]]:
    """Federation → branch → its ledger, as this teacher's absorptions left them."""
    written = read_training_facts(teacher.path).get("ledgers", {})
    return {
        federation: {branch: LedgerEntry.model_validate(entry) for branch, entry in branches.items()}
        for federation, branches in written.items()
    }


def _facts(teacher: Learner, verified: _Verified, recipe: Absorption, report: dict[str, Any]) -> dict[str, Any]:
    """`teacher_training.json` of the new teacher."""
    return {
        "recipe": recipe.model_dump(mode="json"),
        "lineage": [origin.model_dump() for origin in verified.lineage],
        "privacy": [each.model_dump() for each in (*teacher.privacy, privacy_spent(verified.inputs.released))],
        "ledgers": {
            federation: {branch: entry.model_dump() for branch, entry in branches.items()}
            for federation, branches in verified.ledgers.items()
        },
        "report": report,
    }


def _before(teacher: Learner) -> list[Origin]:
    """The teacher that absorbs, by its weights and head, and what that came from."""
    roles = {
        "teacher": "teacher absorbed into",
        "teacher's reduction": "its reduction",
        "teacher's intent head": "its intent head before",
        "teacher's query adapter": "its query adapter before",
    }
    return [origin.model_copy(update={"role": roles.get(origin.role, origin.role)}) for origin in teacher.as_teacher()]


def _write(
    teacher: Learner, files: Mapping[str, bytes], facts: dict[str, Any], report: dict[str, Any], out: Path
) -> None:
    """A copy of the teacher with what it has learned, made in a temporary folder and renamed into place."""
    with making_folder(out) as new:
        copy_learner(teacher, {**files, TEACHER_TRAINING: _json(facts), REPORT: _json(report)}, new, out)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
