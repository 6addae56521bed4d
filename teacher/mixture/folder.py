"""The folder of a teacher that is no model's folder: which encoders it is, by digest, and how they become one.

`teacher.json` and the reduction beside it. A folder of targets says the same of the teacher that labelled them, so it
is opened alike: what it labels then lies in the space of those targets.

Guarantees:
    A teacher that opens has the encoders and the reduction that its folder names, by their digests.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from student.artifacts.digests import Digest, digest_bytes, digest_json
from student.artifacts.settings import first_problem, read_settings
from student.distill.pretrained import open_pretrained
from student.distill.targets import NamedFile, TargetsManifest, read_targets_manifest
from teacher.encoders.encoder import TeacherEncoder
from teacher.encoders.opening import open_encoder
from teacher.errors import EncoderRefused, TeacherRefused
from teacher.mixture.recipe import TeacherRecipe, VoiceSettings, found_from
from teacher.mixture.reduction import Reduction, unpack_reduction
from teacher.mixture.teacher import Teacher, Voice, open_teacher, require_a_dimension

TEACHER_FILE = "teacher.json"
_PULL_STEPS = 20


class TeacherFacts(BaseModel):
    """`teacher.json`: a teacher's encoders and their reduction.

    Attributes:
        embedding_space: of its targets.
        recipe: its files as found from its folder; they may lie elsewhere by now, then the paths are corrected here.
        encoders: digest of each, in the order of the recipe.
        reduction: None where targets are the embeddings of the only encoder.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    format: Literal["orilla-teacher"] = "orilla-teacher"
    format_version: Literal[1] = 1
    embedding_space: Digest
    recipe: TeacherRecipe
    encoders: Annotated[list[Digest], Field(min_length=1)]
    reduction: NamedFile | None = None


def is_teacher_folder(folder: Path) -> bool:
    """True where `open_teacher_folder` is what opens it, by its `teacher.json`."""
    return (folder / TEACHER_FILE).is_file()


def open_teacher_folder(folder: Path) -> Teacher:
    """The teacher of a folder, or the one that labelled a folder of targets; it encodes new texts in the same space.

    Args:
        folder: with `teacher.json`, or of targets.

    Raises:
        TeacherRefused: the folder does not say enough, is damaged, or an encoder is another one by now.
        EncoderRefused: an encoder cannot be opened. TargetsRefused: it holds neither.
    """
    if not is_teacher_folder(folder) and (of_model := _model_that_labelled(folder)):
        return of_model
    facts = read_teacher_facts(folder)
    voices = [Voice(_open(settings, folder), settings) for settings in facts.recipe.encoder]
    changed = [voice.settings.name for voice, sha in zip(voices, facts.encoders, strict=True) if voice.digest != sha]
    if changed:
        raise TeacherRefused(
            f"{changed[0]} is another encoder than {folder} was made with; name the files that it was made with, or "
            "label again"
        )
    require_a_dimension(facts.recipe, voices)
    teacher = Teacher(facts.recipe, voices, reduction=_read_reduction(folder, facts))
    reduced_by = facts.reduction.sha256 if facts.reduction else None
    if teacher.is_reduced != bool(reduced_by) or teacher.embedding_space(reduced_by) != facts.embedding_space:
        raise TeacherRefused(
            f"{folder} names encoders and a reduction that do not make its embedding space; label again"
        )
    return teacher


def read_teacher_facts(folder: Path) -> TeacherFacts:
    """The facts that a folder states, paths found from where this process is. Errors as of `open_teacher_folder`."""
    if not is_teacher_folder(folder):
        return _facts_of_targets(folder)
    facts = read_settings(folder / TEACHER_FILE, TeacherFacts, "teacher", TeacherRefused)
    if len(facts.encoders) != len(facts.recipe.encoder):
        raise TeacherRefused(
            f"{folder / TEACHER_FILE} names {len(facts.encoders)} digests of encoders, expected one each"
        )
    return facts.model_copy(update={"recipe": found_from(folder, facts.recipe)})


def _facts_of_targets(folder: Path) -> TeacherFacts:
    manifest, _ = read_targets_manifest(folder)
    encoders = [origin.sha256 for origin in manifest.lineage if origin.role == "teacher"]
    settings = _settings(manifest, folder)
    if len(encoders) != len(settings):
        raise TeacherRefused(f"{folder} names no teacher that can be opened again; label again")
    recipe = TeacherRecipe(
        name=manifest.teacher_name or " and ".join(each.name for each in settings),
        dimension=manifest.dimension,
        translation_pull=_pull(manifest, encoders, folder),
        encoder=settings,
    )
    return TeacherFacts(
        embedding_space=manifest.embedding_space, recipe=recipe, encoders=encoders, reduction=manifest.reduction
    )


def _settings(manifest: TargetsManifest, folder: Path) -> list[VoiceSettings]:
    if not manifest.teachers:
        raise TeacherRefused(f"{folder} was labelled before targets named their teacher; label again")
    try:
        return [VoiceSettings.model_validate(each) for each in manifest.teachers]
    except ValidationError as error:
        raise TeacherRefused(f"{folder} names no teacher: {first_problem(error)}; label again") from error


def _pull(manifest: TargetsManifest, encoders: list[str], folder: Path) -> float:
    """The teacher's `translation_pull`. Targets of before do not state it: the twentieth that gives their space."""
    if manifest.translation_pull is not None or manifest.reduction is None:
        return manifest.translation_pull or 0.0
    for step in range(_PULL_STEPS + 1):
        pull = step / _PULL_STEPS
        if digest_json([encoders, manifest.reduction.sha256, pull]) == manifest.embedding_space:
            return pull
    raise TeacherRefused(f"{folder} does not say how far it pulled translations together; label again")


def _model_that_labelled(folder: Path) -> Teacher | None:
    """The teacher of targets that was one model's folder; None where it was named by a recipe."""
    manifest, _ = read_targets_manifest(folder)
    named = [origin.sha256 for origin in manifest.lineage if origin.role == "teacher"]
    if manifest.reduction or len(manifest.teachers) != 1 or manifest.embedding_space in named:
        return None
    (settings,) = _settings(manifest, folder)
    pretrained = open_pretrained(Path(settings.model), name=settings.name, license_=settings.license)
    if pretrained.embedding_space != manifest.embedding_space:
        raise TeacherRefused(
            f"{settings.model} is another model than labelled {folder}; name it where it is, or label again"
        )
    return open_teacher(TeacherRecipe(name=settings.name, encoder=[settings]), pretrained)


def _read_reduction(folder: Path, facts: TeacherFacts) -> Reduction | None:
    if facts.reduction is None:
        return None
    path = folder / facts.reduction.file
    content = path.read_bytes() if path.is_file() else b""
    if digest_bytes(content) != facts.reduction.sha256:
        raise TeacherRefused(f"{path} is missing or differs from its digest; get it again, or label again")
    try:
        return unpack_reduction(content, [voice.weight for voice in facts.recipe.encoder])
    except ValueError as error:
        raise TeacherRefused(f"{path} is {error}; label again") from error


def _open(settings: VoiceSettings, folder: Path) -> TeacherEncoder:
    try:
        return open_encoder(settings)
    except EncoderRefused as error:
        raise EncoderRefused(f"{error} (named in {folder}, where its path can be corrected)") from error
