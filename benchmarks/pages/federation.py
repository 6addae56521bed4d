"""The page on learning under privacy: accuracy, new labels, the query adapter, canaries, the cost of a round."""

from collections.abc import Iterable, Sequence
from typing import Any

EPSILONS = ("epsilon 1", "epsilon 3", "epsilon 8")


def render_heads(result: dict[str, Any]) -> str:
    """Accuracies of the federated intent head."""
    banking, clinc = result["BANKING77"], result["CLINC150"]
    bare, other = banking["without privacy"], clinc["without privacy"]
    names_alone, secure = bare["labels' names alone"], "secure, 50 branches, 10 % drop out"
    systems = {
        **banking["with privacy"],
        "Flower's usual way, 10 branches": banking["stock Opacus, 10 branches"],
        "Flower's usual way, 50 branches": banking["stock Opacus, 50 branches"],
        f"CLINC150: {secure}": clinc["with privacy"][secure],
    }
    said = (
        "## Learning under differential privacy\n\nAccuracy in percent, mean ± standard deviation over three seeds, "
        "of the "
        f"intent head on the held-out fifth of BANKING77's training file ({banking['examples']['train']} messages, 77 "
        "intents, spread over branches by Dirichlet 0.5). Epsilon is for the whole training at delta 1e-5, "
        "add-or-remove "
        "neighbors, exact Gaussian composition; the unit is one message, or the customer where said. *Secure* is "
        "secure "
        "aggregation, *local* all noise at each branch; Flower's usual way is DP-SGD by Opacus at each branch, "
        "averaged, "
        "from the same public start, its noise by Opacus' own accountant (PRV):"
    )
    rows = ([name, *(_percent(figures[epsilon]) for epsilon in EPSILONS)] for name, figures in systems.items())
    without = (
        f"Without privacy: {bare['central logistic regression']:.1%} in one place, FedAvg "
        f"{_percent(bare['FedAvg, 10 branches'])} over 10 and {_percent(bare['FedAvg, 50 branches'])} over 50 "
        "branches; the "
        f"labels' names alone, where all but the seeded runs start, give {names_alone:.1%}, a seed head of ten "
        "messages an "
        f"intent {_percent(bare['seed head of 10 an intent'])}. CLINC150: {other['central logistic regression']:.1%} "
        "in "
        f"one place, FedAvg over 50 branches {_percent(other['FedAvg, 50 branches'])}. The mechanism is that of "
        "[Privacy](../privacy.md)."
    )
    return f"{_table(said, ['', 'ε = 1', 'ε = 3', 'ε = 8'], rows)}\n\n{without}"


def render_labels(result: dict[str, Any]) -> str:
    """Recall of labels that only some branches know."""
    said = (
        f"## Labels that only {result['known at']} branches know\n\nTested on messages of all branches: recall in "
        "percent, "
        "before (seed head of the known labels, names of the new ones) and after a private run (per message, delta "
        "1e-5, "
        "as above). Without their names the recall of new labels before is 0:"
    )
    columns = [f"{which} labels, {when}" for which in ("new", "known") for when in ("seed head and names", "federated")]
    rows = (
        [task, epsilon.removeprefix("epsilon "), *(_percent(figures[column]) for column in columns)]
        for task, by_epsilon in result.items()
        if isinstance(by_epsilon, dict) and task != "machine"
        for epsilon, figures in by_epsilon.items()
    )
    return _table(said, ["", "ε", "new, before", "new, after", "known, before", "known, after"], rows)


def render_adapter(result: dict[str, Any]) -> str:
    """Figures of the query adapter."""
    said = (
        f"## A query adapter for the branches' own words\n\n{result['branches']} branches each say "
        f"{result['of them at a branch']} of {result['invented words']} common words with invented ones; from the "
        f"questions of {result['customers']} customers and the guides that answered them the adapter learns what is "
        f"meant. Right guide, in percent, among {result['guides']} guides, for questions about the half that nobody "
        "asked "
        "about in training; epsilon per customer of three questions at delta 1e-5, add-or-remove, exact composition, "
        "secure aggregation with 10 % lost in every round:"
    )
    columns = ("branch words, hit_at_1", "branch words, hit_at_5", "branch words, mrr", "usual words, hit_at_5")
    rows = ([name, *(_percent(figures[column]) for column in columns)] for name, figures in result["systems"].items())
    head = ["", "branch words, first", "among five", "MRR", "the same in usual words, among five"]
    return _table(said, head, rows)


def render_audit(result: dict[str, Any]) -> str:
    """Figures of the canaries."""
    noisy = {name.removeprefix("epsilon "): figures for name, figures in result.items() if name[-1].isdigit()}
    shown = [f"{figures['lower_bound']:.2f} of {promised}" for promised, figures in noisy.items()]
    most = min(figures["lower_bound"] for name, figures in result.items() if name.endswith("switched off"))
    return (
        "## Audited with canaries\n\nSteinke et al. 2023 (made-up customers, one run each): of the promised epsilon at "
        f"delta 1e-5 an attacker who sees every sum can show {', '.join(shown)} with 95 % confidence. With the noise "
        f"switched off it shows {most:.2f}, the most that {noisy['1']['canaries']} canaries can: the audits of 1 and 3 "
        "fail, as they must."
    )


def render_scale(result: dict[str, Any]) -> str:
    """Figures of the time, memory and bytes of rounds."""
    said = (
        "## A simulated round\n\n40 messages at each branch, 77 labels on 384 directions, one branch after "
        "another on "
        "one core of a busy machine ([plot](../evaluation/federation-scale.png)):"
    )
    columns = (
        "seconds a round",
        "CPU seconds a round",
        "milliseconds of a branch, at most",
        "memory of the process in MB",
        "kB up, a branch and round",
        "kB down, a branch and round",
    )
    rows = (
        [name.removesuffix(" branches"), *(str(figures[column]) for column in columns)]
        for name, figures in result.items()
        if name.endswith(" branches")
    )
    head = ["branches", "seconds", "of CPU", "ms at a branch, at most", "memory, MB", "kB up, each", "kB down, each"]
    return _table(said, head, rows)


def _percent(figure: dict[str, float]) -> str:
    return f"{100 * figure['mean']:.1f} ± {100 * figure['sd']:.1f}"


def _table(said: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join([said, "", *(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)])
