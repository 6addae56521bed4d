"""The parts of a bundle that go with a new encoder: heads, query adapter and verifier of the bundle that it began as.

The heads and the query adapter read the new embeddings through maps that lead back to the old ones
(`student.distill.heads`). The verifier reads the embeddings of tokens, which move with the encoder: it stays if it
still tells what answers from what does not, else it is left out.
"""

from dataclasses import dataclass

from student.bundle.linear_head import LinearHead
from student.bundle.query_adapter import QueryAdapter
from student.distill.heads.adapter_distillation import distill_adapter
from student.distill.heads.carrying import carry_head
from student.distill.targets import Targets
from student.distill.verifier.checking import MAY_LOSE, near_misses, share_told_apart
from student.runtime.encoder import Encoder
from student.runtime.student import Student

_TEXTS, _CASES = 1500, 150


@dataclass(frozen=True, slots=True)
class CarriedParts:
    """Parts of a bundle that go with a new encoder.

    Attributes:
        heads: for the new encoder.
        adapter: for the new encoder; None where the bundle has none.
        is_verified: True if the bundle's verifier stays.
        figures: share of held-out texts whose label stays, by head; share of cases told apart by the verifier.
    """

    heads: dict[str, LinearHead]
    adapter: QueryAdapter | None
    is_verified: bool
    figures: dict[str, float]


def carry_parts(base: Student, encoder: Encoder, targets: Targets) -> CarriedParts:
    """Carries the parts of a bundle over to a new encoder by the texts of its targets."""
    among = targets.evenly(_TEXTS)
    old, new = base.encoder.encode(among.texts), encoder.encode(among.texts)
    carried = {name: carry_head(head, old, new) for name, head in base.heads.items()}
    figures = {f"{name}_labels_kept": each.agreement for name, each in carried.items()}
    is_verified = False
    if base.verifier:
        cases = near_misses(among.texts, among.links.answers, old, count=_CASES)
        if cases:
            before, after = (share_told_apart(base.verifier, each, cases) for each in (base.encoder, encoder))
            figures |= {"verifier_before": before, "verifier_after": after, "verifier_cases": len(cases)}
            is_verified = after >= before - MAY_LOSE
    return CarriedParts(
        heads={name: each.head for name, each in carried.items()},
        adapter=distill_adapter(new, old, base.adapter) if base.adapter else None,
        is_verified=is_verified,
        figures={name: round(value, 4) for name, value in figures.items()},
    )
