"""Steps of an iteration at the center: label, distill, export, and the next bundle after the release is absorbed."""

from datetime import UTC, datetime
from pathlib import Path

from tokenizers import Tokenizer

from student.distill.encoder.distillation import STUDENT_FOLDER, distill_student
from student.distill.encoder.vocabulary import read_pieces, tokenizer_json
from student.distill.export.bundle_export import export_bundle
from student.distill.export.recipe import ExportRecipe
from student.distill.pretrained import Pretrained, open_model
from student.distill.targets import TARGETS_MANIFEST, read_targets
from teacher.corpora.recipe import CorpusRecipe, Source
from teacher.labelling.label import label, relabel
from teacher.loop.inputs import IterationInputs, IterationRecipe
from teacher.loop.paths import IterationPaths
from teacher.loop.scenario import Scenario
from teacher.mixture.folder import with_reduction
from teacher.mixture.learner import Learner, read_learner
from teacher.mixture.teacher import Teacher
from teacher.roles import Role

FIRST_SERIAL, NEXT_SERIAL = 1, 3
"""Serials of the two bundles made here; 2 is the one that a release makes at a branch."""


def label_public_texts(inputs: IterationInputs, scenario: Scenario, targets: Path) -> None:
    """The teacher labels the public texts and the center's own."""
    if (targets / TARGETS_MANIFEST).exists():
        return
    files = {"public": (scenario.public, "LicenseRef-public"), "messages": (scenario.intents, "LicenseRef-own")}
    sources = [
        Source(mix=mix, kind="texts", file=path.name, role=Role.QUERY, license=license_)
        for mix, (path, license_) in files.items()
    ]
    label(inputs.teacher, CorpusRecipe(name="iteration", source=sources), scenario.folder, targets)


def teacher_that_labelled(inputs: IterationInputs, targets: Path) -> tuple[Teacher, Learner]:
    """The teacher at work in the space of its targets, and its folder: of a mixture these targets."""
    teacher = with_reduction(inputs.teacher, targets)
    assert teacher.learner is not None  # noqa: S101  (the targets' teacher has learned nothing yet)
    return teacher, teacher.learner


def distill_first_student(recipe: IterationRecipe, inputs: IterationInputs, paths: IterationPaths) -> Pretrained:
    """The student, with the part of the start's vocabulary that its texts use: a new one takes hours to learn."""
    if not paths.first_bundle.exists():
        targets, start, learner = read_targets(paths.targets), inputs.start, inputs.teacher.learner
        tokenizer = tokenizer_json(_used_pieces(start, targets.texts), recipe.student.architecture.max_tokens)
        head = learner.intent_head if learner else None
        distill_student(targets, recipe.student, paths.student, start=start, tokenizer=tokenizer, intent_head=head)
    return open_model(paths.student / STUDENT_FOLDER, name=None, license_=None)


def export_first_bundle(student: Pretrained, scenario: Scenario, out: Path) -> None:
    """The bundle that branches begin with."""
    _export(student, scenario, None, FIRST_SERIAL, out)


def export_next_bundle(student: Pretrained, teacher: Learner, scenario: Scenario, paths: IterationPaths) -> None:
    """The same encoder, since no embedding of the teacher has moved; its head learns what the teacher has absorbed."""
    if not (paths.next_targets / TARGETS_MANIFEST).exists():
        absorbed = read_learner(paths.absorbed_teacher, name=teacher.name, license_=teacher.license)
        relabel(absorbed, paths.targets, paths.next_targets)
    _export(student, scenario, paths.next_targets, NEXT_SERIAL, paths.next_bundle)


def _export(student: Pretrained, scenario: Scenario, targets: Path | None, serial: int, out: Path) -> None:
    if not out.exists():
        recipe = ExportRecipe(
            name="loop",
            serial=serial,
            intents=scenario.intents,
            intents_name=scenario.intents.name,
            intents_license="LicenseRef-own",
            out_of_scope=None,
            passages=(),
            targets=targets,
        )
        export_bundle(student, recipe, out, now=datetime.now(UTC))


def _used_pieces(start: Pretrained, texts: list[str]) -> list[str]:
    """The start's pieces in these texts, and those of one character, with which anything can be spelt."""
    tokenizer = Tokenizer.from_file(str(start.path / "tokenizer.json"))
    tokenizer.no_padding()
    used = {number for encoding in tokenizer.encode_batch(texts) for number in encoding.ids}
    return [
        piece
        for number, piece in enumerate(read_pieces(start.path / "tokenizer.json"))
        if number in used or len(piece.removeprefix("##")) == 1 or (piece.startswith("[") and "unused" not in piece)
    ]
