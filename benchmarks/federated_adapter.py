"""The query adapter against words that only branches use, trained on which guide answered a question.

Branches ask about the English guides of Business Central, but each says some things its own way: of twelve common
words it has replaced eight by invented ones, which no encoder and no guide has seen. Questions are titles, excerpts and
headings of the guides; titles are masked in what is indexed. Each question comes up three times, a customer asks three,
and staff name the right guide. Half of the guides, by digest, are asked about in training, the figures are of questions
about the other half: what is learned are the words, not the guides. Meaning alone is measured, a guide by its nearest
passage; settings were chosen on three folds of the training half.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.federated_data import DATA, encode_cached
from benchmarks.federation import Training
from benchmarks.known_items import GUIDES, masked, question_of
from benchmarks.measure import summarize_ranks
from federation.learning.examples import FoundDocument
from federation.learning.part import PublicShape
from federation.learning.plan import RunPlan, plan_run
from federation.learning.query_adapter import AdapterExamples, adapt, new_adapter, pick_candidates
from federation.learning.run_settings import RunSettings
from federation.learning.simulation import Noise, simulate_rounds
from federation.privacy.accounting import guarantee
from student.artifacts.json_lines import is_held_out, read_rows
from student.embeddings import Embeddings
from student.runtime.student import load_student
from teacher.corpora.sources import passages_of

SEEDS = (0, 1, 2)
EPSILONS = (1.0, 3.0, 8.0)
DELTA = 1e-5
BRANCHES, DROPPED, QUESTIONS_A_CUSTOMER = 50, 5, 3
RANK, CANDIDATES, SECTIONS = 64, 16, 8
TRAINING = {1.0: Training(10, 0.3, 0.8, 0.3), 3.0: Training(15, 0.5, 0.8, 0.3), 8.0: Training(20, 0.6, 0.8, 0.3)}
PUBLIC = DATA / "help_adobe_commerce" / "articles.jsonl"
INVENTED = {
    "account": "trevell",
    "cost": "sparrik",
    "customer": "mellock",
    "document": "vantrel",
    "inventory": "grubash",
    "item": "bixel",
    "order": "yaltine",
    "payment": "zumber",
    "purchase": "ruspell",
    "report": "jandrik",
    "sales": "pluvane",
    "warehouse": "nimbold",
}
WORDS_A_BRANCH = 8
OFFICES_A_QUESTION = 3


@dataclass(frozen=True, slots=True)
class Base:
    """The documents of every branch, and what is asked for.

    Attributes:
        passages: embeddings (N, D) of the guides' first sections, without titles.
        guides: of which each passage is (N,).
        questions: what the guides are asked for by: title, excerpt, and title with each heading.
        public: embeddings of another program's titles and excerpts: what the center has.
        space: of the embeddings.
    """

    passages: Embeddings
    guides: NDArray[np.str_]
    questions: list[FoundDocument]
    public: Embeddings
    space: str


def run() -> dict[str, Any]:
    """All figures."""
    base = read_base()
    learned = [each for each in base.questions if not is_held_out(each.source, 0.5)]
    asked = [each for each in base.questions if is_held_out(each.source, 0.5)]
    return {
        "guides": len(set(base.guides)),
        "passages": len(base.guides),
        "invented words": len(INVENTED),
        "of them at a branch": WORDS_A_BRANCH,
        "branches": BRANCHES,
        "lost in a round": DROPPED,
        "questions to learn from": len(learned),
        "customers": customers_of(learned),
        "systems": measure(base, learned, asked, TRAINING),
    }


def read_base() -> Base:
    """The English guides, eight sections of each."""
    passages, guides, questions = [], [], []
    for guide in read_rows(GUIDES):
        if guide["lang"] != "en":
            continue
        sections = passages_of(masked(guide), max_words=110)[:SECTIONS]
        title = question_of(guide["title"])
        headings = [f"{title}: {heading}" for heading, _ in sections if heading]
        passages += [f"{heading}\n{text}" for heading, text in sections]
        guides += [guide["id"]] * len(sections)
        texts = dict.fromkeys([title, guide.get("excerpt") or title, *headings])
        questions += [FoundDocument(text, guide["id"]) for text in texts if sections]
    with closing(load_student()) as student:
        embeddings, public = encode_cached(passages, student), encode_cached(public_texts(), student)
        space = student.bundle.manifest.embedding_space
    return Base(embeddings, np.array(guides), questions, public, space)


def public_texts() -> list[str]:
    """Titles and excerpts of another firm's guides."""
    rows = (row for row in read_rows(PUBLIC) if row["lang"] == "en")
    return [text for row in rows for text in (row["title"], row.get("excerpt")) if text]


def speak(text: str, words: Sequence[str]) -> str:
    """A question as a branch says it that has other words for these."""
    pattern = r"\b(" + "|".join(words) + r")(s?)\b"
    return re.sub(pattern, lambda found: INVENTED[found[1].lower()] + found[2], text, flags=re.IGNORECASE)


def measure(
    base: Base,
    learned: Sequence[FoundDocument],
    asked: Sequence[FoundDocument],
    settings: Mapping[float, Training],
) -> dict[str, Any]:
    """Ranks with no adapter, after a run without noise, and after private ones."""
    rows: dict[str, list[dict[str, float]]] = {}
    promised = {"no adapter": "", "trained without noise": "none"}
    for seed in SEEDS:
        scenario = draw(base, learned, asked, seed)
        branches, spoken, meant = scenario.branches, scenario.spoken, scenario.meant
        adapters: dict[str, NDArray[np.float32] | None] = {"no adapter": None}
        for epsilon, training in settings.items():
            plan = plan_of(base, epsilon, training, customers=customers_of(learned))
            name = f"epsilon {epsilon:g}"
            adapters[name] = train(base, plan, branches, seed, "at once")
            promised[name] = str(guarantee(plan.releases, DELTA))
            if epsilon == max(settings):
                adapters["trained without noise"] = train(base, plan, branches, seed, "none")
        for name, weights in adapters.items():
            found = _find(base, spoken, weights, "branch words") | _find(base, meant, weights, "usual words")
            rows.setdefault(name, []).append(found)
            print(f"  seed {seed}, {name}: {found}", flush=True)
    return {name: {"guarantee": promised[name], **summarize(rows[name])} for name in rows}


@dataclass(frozen=True, slots=True)
class Scenario:
    """Branches' examples, and the others' questions, in branches' words and in usual ones."""

    branches: list[AdapterExamples]
    spoken: list[FoundDocument]
    meant: list[FoundDocument]


def draw(base: Base, learned: Sequence[FoundDocument], asked: Sequence[FoundDocument], seed: int) -> Scenario:
    """Draws by a seed who says what."""
    generator = np.random.default_rng([seed, 0])
    words = [generator.choice(sorted(INVENTED), WORDS_A_BRANCH, replace=False) for _ in range(BRANCHES)]
    branches = _branches(base, learned, words, generator)
    return Scenario(branches, *_spoken(asked, words, generator))


def customers_of(learned: Sequence[FoundDocument]) -> int:
    """Number of customers who ask these questions."""
    return len(learned) * OFFICES_A_QUESTION // QUESTIONS_A_CUSTOMER


def _branches(
    base: Base, learned: Sequence[FoundDocument], words: Sequence[NDArray[np.str_]], generator: np.random.Generator
) -> list[AdapterExamples]:
    """Customers of three questions each, spread evenly; a branch's own documents are all the guides."""
    order = np.concatenate([generator.permutation(len(learned)) for _ in range(OFFICES_A_QUESTION)])
    asked: list[list[FoundDocument]] = [[] for _ in words]
    for position, row in enumerate(order):
        customer = position // QUESTIONS_A_CUSTOMER
        branch = customer % len(words)
        text = speak(learned[row].text, list(words[branch]))
        asked[branch].append(FoundDocument(text, learned[row].source, f"customer {customer}"))
    return [_examples(base, each) for each in asked]


def _examples(base: Base, asked: Sequence[FoundDocument]) -> AdapterExamples:
    queries = encode_cached([each.text for each in asked])
    right = [each.source for each in asked]
    candidates = pick_candidates(queries, right, base.passages, base.guides, CANDIDATES)
    return AdapterExamples(queries, candidates, tuple(each.customer for each in asked), base.space)


def _spoken(
    asked: Sequence[FoundDocument], words: Sequence[NDArray[np.str_]], generator: np.random.Generator
) -> tuple[list[FoundDocument], list[FoundDocument]]:
    """Questions as branches drawn at random ask them, where that changes a word; and the same in usual words."""
    branches = generator.integers(0, len(words), len(asked))
    texts = [speak(each.text, list(words[branch])) for each, branch in zip(asked, branches, strict=True)]
    meant = [each for text, each in zip(texts, asked, strict=True) if text != each.text]
    changed = [text for text, each in zip(texts, asked, strict=True) if text != each.text]
    return [FoundDocument(text, each.source) for text, each in zip(changed, meant, strict=True)], meant


def plan_of(base: Base, epsilon: float, training: Training, *, customers: int) -> RunPlan:
    """The run of an epsilon."""
    settings = RunSettings(
        run_id="adapter",
        epsilon=epsilon,
        delta=DELTA,
        branches=BRANCHES,
        minimum_survivors=BRANCHES - DROPPED,
        colluders=1,
        customers=customers,
        **training._asdict(),
    )
    shape = PublicShape(part="adapter", rank=RANK, dimension=base.passages.shape[1], embedding_space=base.space)
    return plan_run(settings, shape)


def train(
    base: Base, plan: RunPlan, branches: Sequence[AdapterExamples], seed: int, noise: Noise
) -> NDArray[np.float32]:
    """The adapter's weights after a simulated run."""
    generator, source = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    rounds = simulate_rounds(
        plan,
        branches,
        new_adapter(base.public, plan.shape.rank),
        feature_map=None,
        random_bytes=source.bytes,
        drop=lambda _: [int(lost) for lost in generator.choice(len(branches), DROPPED, replace=False)],
        noise=noise,
    )
    return list(rounds)[-1].state.weights


def _find(
    base: Base, questions: Sequence[FoundDocument], weights: NDArray[np.float32] | None, which: str
) -> dict[str, float]:
    """Ranks of the right guides among all, a guide by its nearest passage."""
    queries = encode_cached([each.text for each in questions])
    adapted = queries if weights is None else adapt(weights, queries)
    nearest, guides = nearest_of_guides(base, adapted)
    right = np.searchsorted(guides, [each.source for each in questions])
    ranks = 1 + (nearest > nearest[np.arange(len(right)), right][:, None]).sum(axis=1)
    found = summarize_ranks([int(rank) for rank in ranks])
    return {f"{which}, {name}": getattr(found, name) for name in ("hit_at_1", "hit_at_5", "mrr")}


def nearest_of_guides(base: Base, queries: Embeddings) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """The similarity of each query to each guide's nearest passage (n, guides), and the guides."""
    guides, of_passage = np.unique(base.guides, return_inverse=True)
    order = np.argsort(of_passage, kind="stable")
    starts = np.searchsorted(of_passage[order], np.arange(len(guides)))
    similarities = queries @ base.passages[order].T  # (n, N)
    return np.maximum.reduceat(similarities, starts, axis=1), guides


def summarize(measured: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of each figure."""
    return {
        name: {
            "mean": round(float(np.mean([each[name] for each in measured])), 4),
            "sd": round(float(np.std([each[name] for each in measured], ddof=1)), 4),
        }
        for name in measured[0]
    }
