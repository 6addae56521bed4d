"""Opening of a teacher by its folder, or by targets that it labelled: it encodes new texts in the same space.

Guarantees:
    A teacher that opens has the encoders and the reduction that its folder names, by their digests.
"""

from pathlib import Path

from student.artifacts.digests import digest_bytes
from student.distill.targets import read_targets_manifest
from teacher.encoders.encoder import TeacherEncoder
from teacher.encoders.opening import open_encoder
from teacher.errors import EncoderRefused, TeacherRefused
from teacher.mixture.facts import TeacherFacts, has_teacher_file, read_teacher_facts, settings_of, states_a_teacher
from teacher.mixture.learner import find_learner, model_that_labelled
from teacher.mixture.recipe import TeacherRecipe, VoiceSettings
from teacher.mixture.reduction import Reduction, unpack_reduction
from teacher.mixture.teacher import Teacher, Voice, open_folder_teacher, open_teacher, require_a_dimension


def open_teacher_folder(folder: Path) -> Teacher:
    """The teacher of a folder, or the one that labelled a folder of targets; it encodes new texts in the same space.

    Args:
        folder: with `teacher.json`, or of targets.

    Raises:
        TeacherRefused: the folder does not say enough, is damaged, or an encoder is another one by now.
        EncoderRefused: an encoder cannot be opened. TargetsRefused: it holds neither.
    """
    if not has_teacher_file(folder) and (model := model_that_labelled(folder)):
        (settings,) = settings_of(read_targets_manifest(folder)[0], folder)
        return open_teacher(TeacherRecipe(name=settings.name, encoder=[settings]), model)
    facts = read_teacher_facts(folder)
    return _made_of(facts, [Voice(_open(settings, folder), settings) for settings in facts.recipe.encoder], folder)


def open_any_teacher(
    path: Path | None,
    *,
    name: str | None,
    license_: str | None,
    precision: str = "auto",
    languages: list[str] | None = None,
) -> Teacher:
    """The teacher of a folder of any kind: see `open_teacher_folder`, and of a model's folder `open_folder_teacher`."""
    if path and states_a_teacher(path):
        return open_teacher_folder(path)
    return open_folder_teacher(path, name=name, license_=license_, precision=precision, languages=languages)


def with_reduction(teacher: Teacher, targets: Path) -> Teacher:
    """A teacher that has labelled, with the reduction that it fitted; its encoders are not opened again."""
    return teacher if teacher.learner else _made_of(read_teacher_facts(targets), teacher.voices, targets)


def _made_of(facts: TeacherFacts, voices: list[Voice], folder: Path) -> Teacher:
    changed = [voice.settings.name for voice, sha in zip(voices, facts.encoders, strict=True) if voice.digest != sha]
    if changed:
        raise TeacherRefused(
            f"{changed[0]} is another encoder than {folder} was made with; name the files that it was made with, or "
            "label again"
        )
    require_a_dimension(facts.recipe, voices)
    teacher = Teacher(facts.recipe, voices, find_learner(folder), _read_reduction(folder, facts))
    reduced_by = facts.reduction.sha256 if facts.reduction else None
    if teacher.is_reduced != bool(reduced_by) or teacher.embedding_space(reduced_by) != facts.embedding_space:
        raise TeacherRefused(
            f"{folder} names encoders and a reduction that do not make its embedding space; label again"
        )
    return teacher


def _read_reduction(folder: Path, facts: TeacherFacts) -> Reduction | None:
    if facts.reduction is None:
        return None
    path = folder / facts.reduction.file
    content = path.read_bytes() if path.is_file() else b""
    if digest_bytes(content) != facts.reduction.sha256:
        raise TeacherRefused(f"{path} is missing or differs from its digest; get it again, or label again")
    try:
        return unpack_reduction(content, [voice.weight for voice in facts.recipe.blocks])
    except ValueError as error:
        raise TeacherRefused(f"{path} is {error}; label again") from error


def _open(settings: VoiceSettings, folder: Path) -> TeacherEncoder:
    try:
        return open_encoder(settings)
    except EncoderRefused as error:
        raise EncoderRefused(f"{error} (named in {folder}, where its path can be corrected)") from error
