"""An encoder at work, whichever kind it is, and the facts that were measured of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from student.embeddings import Embeddings
from teacher.encoders.settings import Prompts
from teacher.roles import Role

LONGEST_WINDOW = 2048
"""Tokens: the longest window that is measured, and therefore used, unless the settings ask for a longer one."""


@dataclass(frozen=True, slots=True)
class EncoderFacts:
    """Facts of an encoder, measured by encoding.

    Attributes:
        name: as the settings say.
        license: SPDX identifier, as the settings say.
        digest: SHA-256 of everything that fixes the embeddings.
        dimension: size D of the embeddings that it gave.
        max_tokens: window, special tokens and prompt included; None where there is none. Of a server it is an
            estimate: the longest text of those tried whose end was seen to count.
        prompts: by role, as they are applied.
        notes: for people, such as which prompts were taken from the folder.
    """

    name: str
    license: str
    digest: str
    dimension: int
    max_tokens: int | None
    prompts: Prompts
    notes: tuple[str, ...] = ()


class TeacherEncoder(Protocol):
    """An encoder that may label a corpus."""

    @property
    def facts(self) -> EncoderFacts:
        """The facts that were measured when it was opened."""

    def encode(self, texts: list[str], role: Role) -> Embeddings:
        """Embeddings (N, D) of texts, float32 of unit norm, in their order."""


EncodeInRole = Callable[[list[str], Role, Sequence[str]], Embeddings]
"""Texts, their role, and the language of each, "" where unknown → embeddings (N, D) of unit norm: a teacher at work."""

EncodeRaw = Callable[[list[str], Role], NDArray[np.float32]]
"""Texts → embeddings (N, D) of any norm."""


@dataclass(frozen=True, slots=True)
class LoadedEncoder:
    """An encoder that was loaded or reached, and not probed yet.

    Attributes:
        encode: texts and role → embeddings (N, D) as the encoder gives them.
        max_tokens: as in `EncoderFacts`.
        identity: JSON values that fix the embeddings.
        is_remote: its weights are out of sight, so that what it answers to probes belongs to its digest.
        prompts, notes: as in `EncoderFacts`.
    """

    encode: EncodeRaw
    max_tokens: int | None
    identity: dict[str, Any]
    is_remote: bool
    prompts: Prompts
    notes: tuple[str, ...] = ()


def prompt_for(prompts: Prompts, role: Role) -> str:
    """The prompt of a role."""
    return prompts.query if role is Role.QUERY else prompts.passage
