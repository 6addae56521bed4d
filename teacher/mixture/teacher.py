"""A teacher ready to label: its encoders, opened and tried, and what is known of the one that has learned intents."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from student.artifacts.digests import digest_json
from student.bundle.manifest import Origin
from student.distill.pretrained import Pretrained, open_model
from student.embeddings import Embeddings
from teacher.encoders.encoder import EncoderFacts, TeacherEncoder
from teacher.encoders.opening import open_encoder
from teacher.encoders.settings import Prompts
from teacher.errors import TeacherRefused
from teacher.mixture.recipe import TeacherRecipe, VoiceSettings
from teacher.roles import Role


@dataclass(frozen=True, slots=True)
class Voice:
    """An encoder of a teacher and what it may say."""

    encoder: TeacherEncoder
    settings: VoiceSettings

    @property
    def digest(self) -> str:
        """Of what fixes its embeddings, its weight and languages left out."""
        return self.encoder.facts.digest


@dataclass(frozen=True, slots=True)
class Teacher:
    """One or several encoders that label together.

    Attributes:
        recipe: see `TeacherRecipe`.
        voices: its encoders.
        pretrained: the folder that it is, where it is one: with its intent head and what it has absorbed.
    """

    recipe: TeacherRecipe
    voices: list[Voice]
    pretrained: Pretrained | None = None

    @property
    def dimension(self) -> int:
        """Of the targets."""
        return self.recipe.dimension or self.voices[0].encoder.facts.dimension

    @property
    def is_reduced(self) -> bool:
        """True if its targets are not simply the embeddings of its only encoder."""
        voice = self.voices[0]
        is_one = len(self.voices) == 1 and voice.encoder.facts.dimension == self.dimension
        return not is_one or voice.settings.is_centered or self.recipe.translation_pull > 0

    def embedding_space(self, reduction_sha256: str | None) -> str:
        """Digest of what fixes the space of its targets."""
        if reduction_sha256 is None:
            return self.pretrained.embedding_space if self.pretrained else self.voices[0].digest
        return digest_json([[voice.digest for voice in self.voices], reduction_sha256, self.recipe.translation_pull])

    def lineage(self) -> list[Origin]:
        """Its encoders, and what they were made from."""
        if self.pretrained:
            return self.pretrained.as_teacher()
        facts = [voice.encoder.facts for voice in self.voices]
        return [Origin(role="teacher", name=each.name, sha256=each.digest, license=each.license) for each in facts]


def open_teacher(recipe: TeacherRecipe, pretrained: Pretrained | None = None) -> Teacher:
    """Opens and tries the encoders of a teacher.

    Raises:
        EncoderRefused: one of them cannot be used.
        TeacherRefused: they do not go together.
    """
    voices = [Voice(open_encoder(settings), settings) for settings in recipe.encoder]
    require_a_dimension(recipe, voices)
    return Teacher(recipe, voices, pretrained)


def open_folder_teacher(
    path: Path | None, *, name: str, license_: str, precision: str = "auto", languages: list[str] | None = None
) -> Teacher:
    """The teacher that is one sentence-transformers folder; the official MiniLM, which reads English, if none is named.

    Args:
        path: of the folder.
        name: in lineage and model cards.
        license_: SPDX identifier.
        precision: `auto`, `float32` or `bfloat16`.
        languages: that it reads; None for all.

    Raises:
        WeightsRefused: it holds no weights. EncoderRefused: it cannot be used.
    """
    pretrained = open_model(path, name=name, license_=license_)
    settings = VoiceSettings.model_validate(
        {
            "name": pretrained.name,
            "model": str(pretrained.path),
            "license": pretrained.license,
            "precision": precision,
            "languages": languages if path else ["en"],
        }
    )
    return open_teacher(TeacherRecipe(name=pretrained.name, encoder=[settings]), pretrained)


def teacher_of(pretrained: Pretrained, encode: Callable[[list[str]], Embeddings]) -> Teacher:
    """The teacher that is one encoder, already at work as a function of texts to embeddings (N, D)."""
    settings = VoiceSettings(name=pretrained.name, model=str(pretrained.path), license=pretrained.license)
    facts = EncoderFacts(
        name=pretrained.name,
        license=pretrained.license,
        digest=pretrained.embedding_space,
        dimension=pretrained.dimension,
        max_tokens=pretrained.max_tokens,
        prompts=Prompts(),
    )
    recipe = TeacherRecipe(name=pretrained.name, encoder=[settings])
    return Teacher(recipe, [Voice(_Running(facts, encode), settings)], pretrained)


@dataclass(frozen=True, slots=True)
class _Running:
    facts: EncoderFacts
    run: Callable[[list[str]], Embeddings]

    def encode(self, texts: list[str], role: Role) -> Embeddings:
        return self.run(list(texts))


def require_a_dimension(recipe: TeacherRecipe, voices: list[Voice]) -> None:
    """Raises `TeacherRefused` unless the recipe says how many numbers are made of those of its encoders."""
    width = sum(voice.encoder.facts.dimension for voice in voices)
    if recipe.dimension is None and len(voices) > 1:
        raise TeacherRefused(f"{recipe.name} has {len(voices)} encoders; say with dimension how many numbers they make")
    if recipe.dimension and recipe.dimension > width:
        raise TeacherRefused(
            f"{recipe.name} asks for {recipe.dimension} numbers, its encoders make {width} together; lower dimension"
        )
