"""Facts of a teacher that is no model's folder: which encoders it is, by digest, and how they become one.

They stand in `teacher.json` of its folder, with the reduction beside it. A folder of targets states the same of the
teacher that labelled them, and is read alike.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from student.artifacts.digests import Digest, digest_json
from student.artifacts.settings import first_problem, read_settings
from student.distill.targets import TARGETS_MANIFEST, NamedFile, TargetsManifest, read_targets_manifest
from teacher.errors import TeacherRefused
from teacher.mixture.recipe import TeacherRecipe, VoiceSettings, found_from

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


def has_teacher_file(folder: Path) -> bool:
    """True where `read_teacher_facts` reads its `teacher.json`."""
    return (folder / TEACHER_FILE).is_file()


def states_a_teacher(folder: Path) -> bool:
    """True of a mixture's folder and of targets; False of a model's folder."""
    return has_teacher_file(folder) or (folder / TARGETS_MANIFEST).is_file()


def read_teacher_facts(folder: Path) -> TeacherFacts:
    """The facts that a folder states, paths found from where this process is. Errors: see `open_teacher_folder`."""
    if not has_teacher_file(folder):
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
    settings = settings_of(manifest, folder)
    if len(encoders) != len(settings):
        raise TeacherRefused(f"{folder} names no teacher that can be opened again; label again")
    recipe = TeacherRecipe(
        name=manifest.teacher_name or " and ".join(each.name for each in settings),
        dimension=manifest.dimension,
        translation_pull=_pull(manifest, encoders, folder),
        translation_lead=manifest.translation_lead,
        encoder=settings,
    )
    return TeacherFacts(
        embedding_space=manifest.embedding_space, recipe=recipe, encoders=encoders, reduction=manifest.reduction
    )


def settings_of(manifest: TargetsManifest, folder: Path) -> list[VoiceSettings]:
    """The encoders that targets name, in a folder. Raises `TeacherRefused`."""
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
