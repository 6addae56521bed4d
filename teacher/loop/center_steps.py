"""Steps of an iteration at the center: label, distill, export, and the next bundle after the release is absorbed."""

from datetime import UTC, datetime
from pathlib import Path

from tokenizers import Tokenizer

from student.distill.encoder.distillation import STUDENT_FOLDER, distill_student
from student.distill.encoder.vocabulary import read_pieces, tokenizer_json
from student.distill.export.bundle_export import export_bundle
from student.distill.export.recipe import ExportRecipe
from student.distill.pretrained import Pretrained, open_pretrained
from student.distill.targets import TARGETS_MANIFEST, read_targets
from teacher.corpora.recipe import CorpusRecipe, Source
from teacher.labelling.label import label, relabel
from teacher.loop.inputs import IterationInputs, IterationRecipe
from teacher.loop.paths import IterationPaths
from teacher.loop.scenario import Scenario
from teacher.mixture.teacher import teacher_of

FIRST_SERIAL, NEXT_SERIAL = 1, 3
"""Serials of the two bundles made here; 2 is the one that a release makes at a branch."""


def label_public_texts(inputs: IterationInputs, scenario: Scenario, targets: Path) -> None:
    """The teacher labels the public texts and the center's own."""
    if (targets / TARGETS_MANIFEST).exists():
        return
    texts = {"mix": "public", "kind": "texts", "file": scenario.public.name, "license": "LicenseRef-public"}
    own = {"mix": "messages", "kind": "texts", "file": scenario.intents.name, "license": "LicenseRef-own"}
    corpus = CorpusRecipe(name="iteration", source=[Source.model_validate(texts), Source.model_validate(own)])
    label(teacher_of(inputs.teacher, inputs.encode), corpus, scenario.folder, targets)


def distill_first_student(recipe: IterationRecipe, teacher: Pretrained, paths: IterationPaths) -> Pretrained:
    """The student, with the part of the teacher's vocabulary that its texts use: a new one takes hours to learn."""
    if not paths.first_bundle.exists():
        targets = read_targets(paths.targets)
        tokenizer = tokenizer_json(_used_pieces(teacher, targets.texts), recipe.student.architecture.max_tokens)
        head = teacher.intent_head
        distill_student(targets, recipe.student, paths.student, start=teacher, tokenizer=tokenizer, intent_head=head)
    return open_pretrained(paths.student / STUDENT_FOLDER, name=recipe.student.name, license_="Apache-2.0")


def export_first_bundle(student: Pretrained, scenario: Scenario, out: Path) -> None:
    """The bundle that branches begin with."""
    _export(student, scenario, None, FIRST_SERIAL, out)


def export_next_bundle(student: Pretrained, teacher: Pretrained, scenario: Scenario, paths: IterationPaths) -> None:
    """The same encoder, since no embedding of the teacher has moved; its head learns what the teacher has absorbed."""
    if not (paths.next_targets / TARGETS_MANIFEST).exists():
        absorbed = open_pretrained(paths.absorbed_teacher, name=teacher.name, license_=teacher.license)
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


def _used_pieces(teacher: Pretrained, texts: list[str]) -> list[str]:
    """The teacher's pieces in these texts, and those of one character, with which anything can be spelt."""
    tokenizer = Tokenizer.from_file(str(teacher.path / "tokenizer.json"))
    tokenizer.no_padding()
    used = {number for encoding in tokenizer.encode_batch(texts) for number in encoding.ids}
    return [
        piece
        for number, piece in enumerate(read_pieces(teacher.path / "tokenizer.json"))
        if number in used or len(piece.removeprefix("##")) == 1 or (piece.startswith("[") and "unused" not in piece)
    ]
