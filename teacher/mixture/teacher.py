"""A teacher ready to label: its encoders, opened and tried, and what is known of the one that has learned intents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from student.artifacts.digests import digest_bytes, digest_json
from student.bundle.manifest import Origin
from student.distill.pretrained import Pretrained, open_model
from student.embeddings import Embeddings
from teacher.encoders.encoder import EncoderFacts, TeacherEncoder
from teacher.encoders.opening import open_encoder
from teacher.encoders.settings import Prompts
from teacher.errors import TeacherRefused
from teacher.mixture.learner import Learner
from teacher.mixture.recipe import TeacherRecipe, VoiceSettings
from teacher.mixture.reduction import Block, Reduction
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
    """One or several encoders that label together; they encode new texts once their reduction is known.

    Attributes:
        recipe: see `TeacherRecipe`.
        voices: its encoders.
        learner: its folder, where it has one: with its intent head and what it has absorbed.
        reduction: fitted by an earlier labelling; None to fit one when it labels.
    """

    recipe: TeacherRecipe
    voices: list[Voice]
    learner: Learner | None = None
    reduction: Reduction | None = None

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
            return self.learner.embedding_space if self.learner else self.voices[0].digest
        recipe = self.recipe
        lead = [recipe.translation_lead] if recipe.translation_lead else []  # spaces of before have none
        return digest_json([[voice.digest for voice in self.voices], reduction_sha256, recipe.translation_pull, *lead])

    @property
    def own_space(self) -> str:
        """Digest of its space, by the reduction that it has. Raises `TeacherRefused` where none is fitted yet."""
        return self.embedding_space(digest_bytes(self._fitted().packed()) if self.is_reduced else None)

    def encode(self, texts: list[str], role: Role, languages: Sequence[str | None] | None = None) -> Embeddings:
        """Embeddings (N, D) of new texts in the space of its targets, float32 of unit norm, in their order.

        Args:
            texts: N of them.
            role: in which all of them stand.
            languages: of each, None or "" where unknown; where an encoder may not speak for one, what the others let
                expect stands in for it.

        Raises:
            TeacherRefused: its reduction is not fitted yet, or no encoder may speak for a language.
        """
        if not self.is_reduced:
            return self.voices[0].encoder.encode(texts, role)
        reduction, known = self._fitted(), languages or [None] * len(texts)
        blocks = merge_stand_ins(self.voices, [_block(voice, texts, role, known) for voice in self.voices])
        silent = ~np.logical_or.reduce([block.is_said for block in blocks])
        if silent.any():
            language = known[int(silent.argmax())]
            raise TeacherRefused(
                f"no encoder of {self.recipe.name} may speak for language {language}; add one that may"
            )
        return reduction.apply(blocks, slice(None))

    def _fitted(self) -> Reduction:
        if self.reduction is None:
            raise TeacherRefused(
                f"the reduction of {self.recipe.name} is not fitted yet; label a corpus, and open the teacher of those "
                "targets"
            )
        return self.reduction

    def lineage(self) -> list[Origin]:
        """Its encoders, and what they were made from."""
        if self.learner:
            return self.learner.as_teacher()
        return [
            Origin(
                role="teacher",
                name=voice.encoder.facts.name,
                sha256=voice.digest,
                license=voice.encoder.facts.license,
                attribution=voice.settings.attribution,
            )
            for voice in self.voices
        ]


def _block(voice: Voice, texts: list[str], role: Role, languages: Sequence[str | None]) -> Block:
    is_said = np.array([voice.settings.reads(language or None) for language in languages], dtype=bool)
    embeddings = np.zeros((len(texts), voice.encoder.facts.dimension), dtype=np.float32)
    asked = [text for text, said in zip(texts, is_said, strict=True) if said]
    if asked:
        embeddings[is_said] = voice.encoder.encode(asked, role)
    roles = np.full(len(texts), list(Role).index(role), dtype=np.int64)
    return Block(embeddings, roles, is_said, voice.settings.weight, voice.settings.is_centered)


def merge_stand_ins(voices: Sequence[Voice], blocks: Sequence[Block]) -> list[Block]:
    """The blocks that a reduction takes, of those of all encoders: what a stand-in says fills the other's gaps."""
    settings = [voice.settings for voice in voices]
    merged = [block for own, block in zip(settings, blocks, strict=True) if own.stands_in_for is None]
    names = [own.name for own in settings if own.stands_in_for is None]
    for own, block in zip(settings, blocks, strict=True):
        if own.stands_in_for is not None:
            place = names.index(own.stands_in_for)
            fills = block.is_said & ~merged[place].is_said
            merged[place] = replace(
                merged[place],
                embeddings=np.where(fills[:, None], block.embeddings, merged[place].embeddings),
                roles=np.where(fills, block.roles, merged[place].roles),
                is_said=merged[place].is_said | fills,
            )
    return merged


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
    path: Path | None,
    *,
    name: str | None,
    license_: str | None,
    precision: str = "auto",
    languages: list[str] | None = None,
) -> Teacher:
    """The teacher that is one sentence-transformers folder; the official MiniLM, which reads English, if none is named.

    Args:
        path: of the folder.
        name: in lineage and model cards; None for what the folder says of itself.
        license_: an SPDX expression; None likewise.
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
            "attribution": pretrained.attribution,
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
    widths = {voice.settings.name: voice.encoder.facts.dimension for voice in voices}
    for voice in recipe.encoder:
        if voice.stands_in_for is not None and widths[voice.name] != widths[voice.stands_in_for]:
            raise TeacherRefused(
                f"{voice.name} makes {widths[voice.name]} numbers, {voice.stands_in_for}, for which it stands in, "
                f"{widths[voice.stands_in_for]}; a stand-in is of the same embedding space"
            )
    if recipe.dimension is None and len(voices) > 1:
        raise TeacherRefused(f"{recipe.name} has {len(voices)} encoders; say with dimension how many numbers they make")
    width = sum(widths[voice.name] for voice in recipe.blocks)
    if recipe.dimension and recipe.dimension > width:
        raise TeacherRefused(
            f"{recipe.name} asks for {recipe.dimension} numbers, its encoders make {width} together; lower dimension"
        )
