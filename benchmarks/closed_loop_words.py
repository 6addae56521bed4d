"""One iteration of the loop for words that only branches use: nDCG@10 at branches, of the teacher and the student.

The branches, words and guides are those of `federated_adapter`: fifty branches have replaced eight of twelve common
words by invented ones, and teach the default bundle's query adapter which guide was meant. The teacher, all-MiniLM,
learns its own adapter from the aggregated student's on public titles (Adobe Commerce), and the next student's adapter
learns from the teacher's; all of them search the passages as the branches have embedded them. A branch that never met
the words has learned nothing itself and has the released adapter like all others, so its figure is the branches'. Means
over three seeds; epsilon at delta 1e-5 per customer.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import federated_adapter as branches
from benchmarks.closed_loop import encode_by_teacher
from benchmarks.federated_data import encode_cached
from federation.learning.examples import FoundDocument
from federation.learning.query_adapter import to_adapter
from federation.privacy.accounting import guarantee
from student.artifacts.json_lines import is_held_out
from student.bundle.query_adapter import QueryAdapter
from student.distill.heads.adapter_distillation import distill_adapter
from student.embeddings import Embeddings
from student.evaluation.figures import gains_of

EPSILONS = (8.0, 3.0)
MOST = max(EPSILONS)


def run() -> dict[str, Any]:
    """All figures."""
    base = branches.read_base()
    learned = [each for each in base.questions if not is_held_out(each.source, 0.5)]
    asked = [each for each in base.questions if is_held_out(each.source, 0.5)]
    public = encode_by_teacher(branches.public_texts())
    measured: dict[str, list[dict[str, float]]] = {}
    guarantees = {"without privacy": "none"}
    for seed in branches.SEEDS:
        scenario = branches.draw(base, learned, asked, seed)
        for epsilon in (None, *EPSILONS):
            name = f"epsilon {epsilon:g}" if epsilon else "without privacy"
            training = branches.TRAINING[epsilon or MOST]
            plan = branches.plan_of(base, epsilon or MOST, training, customers=branches.customers_of(learned))
            if epsilon:
                guarantees[name] = str(guarantee(plan.releases, branches.DELTA))
            weights = branches.train(base, plan, scenario.branches, seed, "at once" if epsilon else "none")
            by_student = to_adapter(weights, base.passages.shape[1])
            by_teacher = distill_adapter(public, base.public, by_student)
            by_next = distill_adapter(base.public, public, by_teacher)
            figures = _figures(base, scenario.spoken, "branch words", by_student, by_teacher, by_next)
            figures |= _figures(base, scenario.meant, "usual words", by_student, by_teacher, by_next)
            gain, reached = (
                figures[f"{who}, branch words after"] - figures[f"{who}, branch words before"]
                for who in ("branch's student", "teacher")
            )
            measured.setdefault(name, []).append(figures | {"teacher's share of the gain": reached / gain})
            print(f"  seed {seed}, {name}: {measured[name][-1]}", flush=True)
    return {
        "branches": branches.BRANCHES,
        "guides": len(set(base.guides)),
        **{name: {"guarantee": guarantees[name], **branches.summarize(rows)} for name, rows in measured.items()},
    }


def _figures(
    base: branches.Base,
    questions: list[FoundDocument],
    which: str,
    *adapters: QueryAdapter,
) -> dict[str, float]:
    texts = [each.text for each in questions]
    student, teacher = encode_cached(texts), encode_by_teacher(texts)
    right = np.array([each.source for each in questions])
    made: dict[str, float] = {}
    names = ("branch's student", "teacher", "next student")
    for who, queries, adapter in zip(names, (student, teacher, student), adapters, strict=True):
        made[f"{who}, {which} before"] = _ndcg(base, queries, right)
        made[f"{who}, {which} after"] = _ndcg(base, adapter.adapt(queries), right)
    return made


def _ndcg(base: branches.Base, queries: Embeddings, right: NDArray[np.str_]) -> float:
    """nDCG@10 of the right guides, a guide by its nearest passage."""
    nearest, guides = branches.nearest_of_guides(base, queries)  # (n, guides)
    own = nearest[np.arange(len(right)), np.searchsorted(guides, right)]
    return float(np.mean(gains_of(1 + (nearest > own[:, None]).sum(axis=1))))
