"""A teacher on disk that may learn from releases: a model's folder, or that of a mixture with what it has absorbed.

A mixture's folder holds `teacher.json` (`facts.py`) and the reduction; what it learns stands beside them in the files
that a model's folder has for it. A folder of targets stands for the mixture that labelled them, before it learns.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from student.artifacts.settings import to_json
from student.bundle.linear_head import LinearHead
from student.bundle.manifest import Origin, PrivacySpent
from student.bundle.query_adapter import QueryAdapter
from student.distill.licenses import joined
from student.distill.pretrained import (
    INTENT_HEAD_FILES,
    QUERY_ADAPTER_FILE,
    Pretrained,
    name_learned,
    open_model,
    open_pretrained,
    read_intent_head,
    read_own_adapter,
    read_training_facts,
)
from student.distill.targets import read_targets_manifest
from teacher.errors import TeacherRefused
from teacher.mixture.facts import (
    TEACHER_FILE,
    TeacherFacts,
    has_teacher_file,
    read_teacher_facts,
    settings_of,
    states_a_teacher,
)
from teacher.mixture.recipe import as_seen_from


class Learner(Protocol):
    """A teacher on disk and what it has learned; `student.distill.pretrained.Pretrained` is one."""

    @property
    def path(self) -> Path:
        """Its folder."""

    @property
    def name(self) -> str:
        """Its name in lineage and model cards."""

    @property
    def license(self) -> str:
        """SPDX identifier."""

    @property
    def embedding_space(self) -> str:
        """Digest of what fixes the space of its targets."""

    @property
    def lineage(self) -> tuple[Origin, ...]:
        """Origins of it, as far as its folder names them."""

    @property
    def intent_head(self) -> LinearHead | None:
        """Its intent head, where it has learned one."""

    @property
    def query_adapter(self) -> tuple[QueryAdapter, str] | None:
        """Its query adapter and the digest of its file, where it has absorbed one."""

    @property
    def privacy(self) -> tuple[PrivacySpent, ...]:
        """Spent by the releases that it has absorbed."""

    def as_teacher(self) -> list[Origin]:
        """Itself in the lineage of targets, and what it came from."""


@dataclass(frozen=True, slots=True)
class MixtureFolder:
    """The folder of a mixture (`Learner`).

    Attributes:
        path: the folder; of targets, where nothing is learned yet.
        facts: see `teacher.mixture.facts`.
        lineage, intent_head, intent_head_sha256, query_adapter, privacy: as of `Pretrained`.
    """

    path: Path
    facts: TeacherFacts
    lineage: tuple[Origin, ...] = ()
    intent_head: LinearHead | None = None
    intent_head_sha256: str | None = None
    query_adapter: tuple[QueryAdapter, str] | None = None
    privacy: tuple[PrivacySpent, ...] = ()

    @property
    def name(self) -> str:
        """The recipe's."""
        return self.facts.recipe.name

    @property
    def license(self) -> str:
        """Of all its encoders."""
        return joined(voice.license for voice in self.facts.recipe.encoder)

    @property
    def embedding_space(self) -> str:
        """Of its targets."""
        return self.facts.embedding_space

    def as_teacher(self) -> list[Origin]:
        """Its encoders, its reduction, intent head and adapter, and what they came from."""
        encoders = [
            Origin(role="teacher", name=voice.name, sha256=sha256, license=voice.license)
            for voice, sha256 in zip(self.facts.recipe.encoder, self.facts.encoders, strict=True)
        ]
        reduction = self.facts.reduction
        if reduction:
            of_reduction = Origin(
                role="teacher's reduction", name=self.name, sha256=reduction.sha256, license="LicenseRef-see-targets"
            )
            encoders.append(of_reduction)
        adapter = self.query_adapter[1] if self.query_adapter else None
        return [*encoders, *name_learned(self.name, self.license, self.intent_head_sha256, adapter), *self.lineage]


def read_learner(path: Path | None, *, name: str | None, license_: str | None) -> Learner:
    """The teacher of a folder; the official MiniLM if none is named. No encoder is opened.

    Args:
        path: a model's folder, a mixture's, or targets, for the teacher that labelled them.
        name: of a model's folder; the others state theirs.
        license_: likewise, an SPDX identifier.

    Raises:
        TeacherRefused: a mixture's folder is damaged, or targets were labelled by a teacher that has learned, which
            its own folder alone holds.
        WeightsRefused, TargetsRefused: the folder is not one of these.
    """
    if path is None or not states_a_teacher(path):
        return open_model(path, name=name, license_=license_)
    learner = find_learner(path)
    if learner is None:
        raise TeacherRefused(
            f"{path} was labelled by a teacher that has learned; name the folder of that teacher, which holds its head "
            "and what it has absorbed"
        )
    return learner


def find_learner(folder: Path) -> Learner | None:
    """The teacher of a mixture's folder or of targets; None of targets whose teacher has learned already."""
    if has_teacher_file(folder):
        return _read_mixture(folder)
    manifest, _ = read_targets_manifest(folder)
    if model := model_that_labelled(folder):
        return model
    return None if manifest.intents or manifest.privacy else MixtureFolder(folder, read_teacher_facts(folder))


def model_that_labelled(targets: Path) -> Pretrained | None:
    """The model's folder that labelled targets; None where a recipe named the teacher.

    Raises:
        TeacherRefused: it is another model by now.
    """
    manifest, _ = read_targets_manifest(targets)
    named = [origin.sha256 for origin in manifest.lineage if origin.role == "teacher"]
    if manifest.reduction or len(manifest.teachers) != 1 or manifest.embedding_space in named:
        return None
    (settings,) = settings_of(manifest, targets)
    pretrained = open_pretrained(Path(settings.model), name=settings.name, license_=settings.license)
    if pretrained.embedding_space != manifest.embedding_space:
        raise TeacherRefused(
            f"{settings.model} is another model than labelled {targets}; name it where it is, or label again"
        )
    return pretrained


def copy_learner(teacher: Learner, learned: Mapping[str, bytes], new: Path, place: Path) -> None:
    """Fills a folder with a teacher and files that it has learned; of targets the teacher alone.

    Args:
        teacher: as it is.
        learned: files by name, which replace its own.
        new: the folder, empty.
        place: where that folder is going to be, from where paths in it are found.
    """
    if isinstance(teacher, MixtureFolder):
        recipe = as_seen_from(place, teacher.facts.recipe)
        (new / TEACHER_FILE).write_bytes(to_json(teacher.facts.model_copy(update={"recipe": recipe})))
        files = [teacher.facts.reduction.file] if teacher.facts.reduction else []
        for name in (*files, *INTENT_HEAD_FILES, QUERY_ADAPTER_FILE):
            if (teacher.path / name).exists():
                shutil.copyfile(teacher.path / name, new / name)
    else:
        shutil.copytree(teacher.path, new, dirs_exist_ok=True)
    for name, content in learned.items():
        (new / name).write_bytes(content)


def _read_mixture(folder: Path) -> MixtureFolder:
    facts = read_teacher_facts(folder)
    dimension, training = facts.recipe.dimension, read_training_facts(folder)
    if dimension is None:
        raise TeacherRefused(f"{folder / TEACHER_FILE} states no dimension; absorb the release again")
    head = read_intent_head(folder, dimension)
    return MixtureFolder(
        folder,
        facts,
        lineage=tuple(Origin.model_validate(origin) for origin in training.get("lineage", [])),
        intent_head=head[0] if head else None,
        intent_head_sha256=head[1] if head else None,
        query_adapter=read_own_adapter(folder, dimension),
        privacy=tuple(PrivacySpent.model_validate(each) for each in training.get("privacy", [])),
    )
