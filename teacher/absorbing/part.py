"""The contract of a part that the teacher absorbs, and the sources that an absorption reads.

`teacher.absorbing.parts` lists the parts, by the names that releases give them (`federation.learning.parts`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from federation.release.files import VerifiedRelease
from student.bundle.folder import Bundle
from teacher.encoders.encoder import EncodeInRole
from teacher.mixture.learner import Learner
from teacher.training.recipe import Absorption


@dataclass(frozen=True, slots=True)
class Sources:
    """The files that an absorption reads.

    Attributes:
        release: its folder; `key` the file of the federation's public key.
        bundle: of the student that the branches taught.
        targets: public texts labelled by the teacher.
        labelled: the center's own labelled texts, for a release of the intent head.
        pairs: the center's own queries and passages, for one of the query adapter.
        own_license: of these, an SPDX identifier.
    """

    release: Path
    key: Path
    bundle: Path
    targets: Path
    labelled: Path | None = None
    pairs: Path | None = None
    own_license: str = "LicenseRef-own"


@dataclass(frozen=True, slots=True)
class AbsorptionInputs:
    """The inputs that a part learns from.

    Attributes:
        released: verified, and allowed to teach this teacher.
        bundle: of the student that the branches taught.
        own: the center's own data for this part.
        targets: public texts labelled by the teacher.
    """

    released: VerifiedRelease
    bundle: Bundle
    own: Path
    targets: Path


@dataclass(frozen=True, slots=True)
class Absorbed:
    """The result of learning a part: files of its folder by name, and figures for the report."""

    files: Mapping[str, bytes]
    figures: Mapping[str, Any]


class AbsorbedPart(Protocol):
    """One part of a bundle that branches teach, as the teacher learns it."""

    @property
    def name(self) -> str:
        """As releases name it."""

    @property
    def own_role(self) -> str:
        """Role in the lineage of the center's own data; also the option of the command that names it."""

    def own_data(self, sources: Sources) -> Path | None:
        """The center's own data for this part; None where the sources name none."""

    def absorb(self, teacher: Learner, inputs: AbsorptionInputs, recipe: Absorption, encode: EncodeInRole) -> Absorbed:
        """Teaches the teacher from a verified release.

        Raises:
            AbsorptionRefused: the teacher would lose too much.
        """
