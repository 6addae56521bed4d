"""A part that is added to a bundle: the copy, with probes, lineage, limits, notice and model card made again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from student.bundle.folder import Bundle, write_bundle
from student.bundle.linear_head import read_head
from student.bundle.manifest import Origin, created_at
from student.distill.export.model_card import write_model_card
from student.distill.export.probe_texts import PROBE_PASSAGES, PROBE_TEXTS
from student.runtime.cross_encoder import CrossEncoder
from student.runtime.encoder import Encoder
from student.runtime.probes import write_probes
from student.runtime.verifier import Verifier

_NOTICE, _NOTICE_END = "NOTICE.txt", "The texts themselves are not part of the bundle.\n"


@dataclass(frozen=True, slots=True)
class BundlePart:
    """A verifier or a cross-encoder, as a bundle holds and names it.

    Attributes:
        called: in sentences, such as `verifier`.
        called_before: a name that earlier bundles have for it in sentences; None where there is none.
        field: of the manifest.
        file: of the bundle.
        max_logit_difference: between the CPU that made the probes and the branch's.
        role: of what it was trained on, in the lineage.
        metrics: name of its group of figures.
    """

    called: str
    called_before: str | None
    field: str
    file: str
    max_logit_difference: float
    role: str
    metrics: str

    @property
    def limit_opening(self) -> str:
        """How its limit begins among the known ones."""
        return f"The {self.called} learned from "

    def without_limit(self, limits: Sequence[str]) -> list[str]:
        """The known limits of a bundle but for that of this part."""
        return [limit for limit in limits if not re.match(rf"The {self._names} learned from ", limit)]

    def notice(self, before: str, origins: Sequence[Origin]) -> str:
        """A bundle's notice with what this part was trained on, at its end; what it said of it before goes."""
        earlier = rf"\nThe {self._names} was trained on:\n.*?(?:{re.escape(_NOTICE_END)}|\Z)"
        lines = "".join(f"  {origin.name} ({origin.license})\n" for origin in origins)
        kept = re.sub(earlier, "", before, flags=re.DOTALL)
        return f"{kept}\nThe {self.called} was trained on:\n{lines}{_NOTICE_END}"

    @property
    def _names(self) -> str:
        names = [name for name in (self.called, self.called_before) if name]
        return f"(?:{'|'.join(map(re.escape, names))})"


@dataclass(frozen=True, slots=True)
class MadePart:
    """A part that was made: its graph, what it was trained on, its figures, and what of its limits is to be known."""

    graph: bytes
    origins: Sequence[Origin]
    figures: dict[str, Any]
    limit: str


def add_part(
    bundle: Bundle,
    part: BundlePart,
    made: MadePart,
    out: Path,
    *,
    encoder: Encoder,
    verifier: Verifier | None,
    cross_encoder: CrossEncoder | None,
    serial: int,
    now: datetime,
    replace: bool,
) -> Bundle:
    """Writes a copy of a bundle with a part.

    Args:
        bundle: without the part, or with another one.
        part: which one.
        made: what it is.
        out: where the new bundle goes.
        encoder: the bundle's.
        verifier: the new bundle's.
        cross_encoder: the new bundle's.
        serial: the new bundle's.
        now: its time of making.
        replace: allow a bundle at `out` to be replaced.
    """
    manifest = bundle.manifest
    heads = {name: read_head(bundle, name) for name in manifest.heads}
    probes = write_probes(PROBE_TEXTS, encoder, heads, verifier, PROBE_PASSAGES, cross_encoder=cross_encoder)
    fields = manifest.model_dump(exclude={"files"})
    limits = fields["limits"]
    others = [origin for origin in fields["lineage"] if origin["role"] != part.role]
    fields |= {
        "serial": serial,
        "created": created_at(now),
        part.field: {"file": part.file, "max_logit_difference": part.max_logit_difference},
        "lineage": [*others, *(origin.model_dump() for origin in made.origins)],
        "limits": limits | {"known": [*part.without_limit(limits.get("known", [])), made.limit]},
        "metrics": fields["metrics"] | {part.metrics: made.figures},
    }
    notice = bundle.read(_NOTICE).decode() if _NOTICE in manifest.files else ""
    contents = {name: bundle.read(name) for name in manifest.files} | {
        part.file: made.graph,
        _NOTICE: part.notice(notice, made.origins).encode(),
        manifest.probes.file: probes,
        manifest.model_card: write_model_card(fields).encode(),
    }
    return write_bundle(out, fields, contents, replace=replace)
