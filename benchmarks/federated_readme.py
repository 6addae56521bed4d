"""The README's figures of the federation, from the results of its four benchmarks."""

from typing import Any

EPSILONS = ("epsilon 1", "epsilon 3", "epsilon 8")


def render_heads(result: dict[str, Any]) -> str:
    """Accuracies of the federated intent head."""
    banking, clinc = result["BANKING77"], result["CLINC150"]
    rows = {
        **banking["with privacy"],
        "Flower's usual way, 10 branches": banking["stock Opacus, 10 branches"],
        "Flower's usual way, 50 branches": banking["stock Opacus, 50 branches"],
    }
    bare, other = banking["without privacy"], clinc["without privacy"]
    secure = "secure, 50 branches, 10 % drop out"
    return "\n".join(
        [
            f"**Learning under differential privacy**: accuracy in percent, mean ± standard "
            "deviation over three seeds, of the intent head on the held-out fifth of BANKING77's training file "
            f"({banking['examples']['train']} messages, 77 intents, spread over branches by Dirichlet 0.5). Epsilon is for "
            "the whole training at delta 1e-5, add-or-remove neighbors, exact Gaussian composition; the unit is one "
            "message, or the customer where said. *Secure* is secure aggregation, *local* all noise at each branch, and "
            "Flower's usual way is DP-SGD by Opacus at each branch, averaged, from the same public start:",
            "",
            "| | ε = 1 | ε = 3 | ε = 8 |",
            "|---|---|---|---|",
            *(f"| {name} | {' | '.join(_percent(figures[e]) for e in EPSILONS)} |" for name, figures in rows.items()),
            f"| CLINC150: {secure} | {' | '.join(_percent(clinc['with privacy'][secure][e]) for e in EPSILONS)} |",
            "",
            f"Without privacy: {bare['central logistic regression']:.1%} in one place, FedAvg "
            f"{_percent(bare['FedAvg, 10 branches'])} over 10 and {_percent(bare['FedAvg, 50 branches'])} over 50 branches; "
            f"the labels' names alone, where all runs but the seeded start, give {bare["labels' names alone"]:.1%}, a seed "
            f"head of ten messages an intent {_percent(bare['seed head of 10 an intent'])}. CLINC150: "
            f"{other['central logistic regression']:.1%} in one place, FedAvg over 50 branches "
            f"{_percent(other['FedAvg, 50 branches'])}. The mechanism is that of [docs/privacy.md](docs/privacy.md).",
        ]
    )


def render_labels(result: dict[str, Any]) -> str:
    """Recall of labels that only some branches know."""
    rows = [
        f"| {task} | {epsilon.removeprefix('epsilon ')} "
        + "".join(
            f"| {_percent(figures[f'{which} labels, {when}'])} "
            for which in ("new", "known")
            for when in ("seed head and names", "federated")
        )
        + "|"
        for task, by_epsilon in result.items()
        if isinstance(by_epsilon, dict) and task != "machine"
        for epsilon, figures in by_epsilon.items()
    ]
    return "\n".join(
        [
            f"**Labels that only {result['known at']} branches know**, tested on messages of all branches: recall in "
            "percent, before (seed head of the known labels, the new ones' names) and after a private run. Without their "
            "names the new labels' recall before is 0:",
            "",
            "| | ε | new, before | new, after | known, before | known, after |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


def render_adapter(result: dict[str, Any]) -> str:
    """What the query adapter finds."""
    columns = ("branch words, hit_at_1", "branch words, hit_at_5", "branch words, mrr", "usual words, hit_at_1")
    rows = [
        f"| {name} | {' | '.join(_percent(figures[column]) for column in columns)} |"
        for name, figures in result["systems"].items()
    ]
    return "\n".join(
        [
            f"**A query adapter for the branches' own words**: {result['branches']} branches say {result['of them at a branch']} "
            f"of {result['invented words']} common words with invented ones; from {result['customers']} customers' questions "
            "and the guides that answered them the adapter learns what is meant. Right guide, in percent, among "
            f"{result['guides']} guides, half of which nobody asked about in training; epsilon per customer of three "
            "questions at delta 1e-5, add-or-remove, exact composition, secure aggregation with 10 % lost in every round:",
            "",
            "| | branch words, first | among five | MRR | the same in usual words, first |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def render_scale(result: dict[str, Any]) -> str:
    """What rounds take."""
    rows = [
        f"| {name.removesuffix(' branches')} | {figures['seconds a round']} | {figures['milliseconds of a branch, at most']} "
        f"| {figures['memory of the process in MB']} | {figures['kB up, a branch and round']} "
        f"| {figures['kB down, a branch and round']} |"
        for name, figures in result.items()
        if name.endswith(" branches")
    ]
    return "\n".join(
        [
            "**A simulated round** with 40 messages at each branch, 77 labels on 384 directions, one branch after another "
            "on one core ([plot](docs/evaluation/federation-scale.png)):",
            "",
            "| branches | seconds | ms at a branch, at most | memory, MB | kB up, each | kB down, each |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


def _percent(figure: dict[str, float]) -> str:
    return f"{100 * figure['mean']:.1f} ± {100 * figure['sd']:.1f}"
