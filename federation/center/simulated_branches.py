"""A run on one machine: the deployed apps over a `LocalGrid`, with branches made from one file of tickets.

Every branch is a real one, with settings, policy, tickets and ledger in a folder of its own; only Flower's processes
and the network are missing. Nothing here is fit for tickets that may not be copied.
"""

import json
import random
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from flwr.app import Message

from federation.branch.client_app import SETTINGS, app
from federation.branch.policy import BranchPolicy
from federation.branch.settings import SETTINGS_FILE, BranchSettings, set_up_branch
from federation.center.home import CENTER_FILE, Center, set_up_center
from federation.center.prepared_run import prepare_run
from federation.center.rounds import RoundRecord, run_rounds
from federation.center.run_recipe import RunRecipe, read_recipe
from federation.learning.examples import LabelledText, read_tickets
from federation.transport.local_grid import LocalGrid, Loss
from federation.transport.wire import RECORD
from student.artifacts.durable import write_durably

ADDRESS = "127.0.0.1:8000"
OnRound = Callable[[RoundRecord, int], None]


def simulate_run(
    recipe: Path, tickets: Path, folder: Path, *, branches: int, lost: float, on_round: OnRound, seed: int = 0
) -> Path:
    """Runs the rounds of a recipe; call it again to go on with a run that was stopped.

    Args:
        recipe: of the run; its number of branches is replaced by `branches`.
        tickets: labelled texts; rows of one customer go to one branch, rows without a customer are one customer each.
        folder: of the federation and its branches; made if missing.
        branches: how many.
        lost: share of branches whose masked update does not arrive, drawn again in each round.
        on_round: called with each round, and how many there are.
        seed: of who is where, and lost when; never of noise.

    Returns:
        The run's folder.

    Raises:
        FederationError: as in a deployment.
    """
    plan = read_recipe(recipe).model_copy(
        update={"branches": branches, "branches_timeout_s": 1.0, "step_timeout_s": 0.01}
    )
    if not (folder / CENTER_FILE).exists():
        set_up_center(folder, Center(federation="simulation", address=ADDRESS), now=datetime.now(UTC))
    branch_folders = [
        _make_branch(folder, number, rows, plan) for number, rows in enumerate(_split(tickets, branches, seed))
    ]
    run_folder = folder / "runs" / plan.run_id
    run = prepare_run(plan, run_folder)
    generator = random.Random(seed)  # noqa: S311
    picked: dict[str, set[int]] = {}

    def lose(node: int, message: Message) -> Loss | None:
        group = message.metadata.group_id
        if group not in picked:
            picked[group] = set(generator.sample(range(1000, 1000 + branches), round(lost * branches)))
        is_masking = message.content.config_records[RECORD]["step"] in {"mask", "train"}
        return "reply" if is_masking and node in picked[group] else None

    grid = LocalGrid(app, [{SETTINGS: str(each / SETTINGS_FILE)} for each in branch_folders], {}, lose)
    run_rounds(grid, run, run_folder, lambda record: on_round(record, plan.rounds))
    return run_folder


def _split(tickets: Path, branches: int, seed: int) -> list[list[LabelledText]]:
    rows = [
        row if row.customer else LabelledText(row.text, row.label, f"row {i}")
        for i, row in enumerate(read_tickets(tickets))
    ]
    customers = sorted({row.customer for row in rows})
    generator = random.Random(seed)  # noqa: S311
    branch_of = {customer: generator.randrange(branches) for customer in customers}
    split: list[list[LabelledText]] = [[] for _ in range(branches)]
    for row in rows:
        split[branch_of[row.customer]].append(row)
    return split


def _make_branch(folder: Path, number: int, rows: list[LabelledText], plan: RunRecipe) -> Path:
    own = folder / "branches" / f"branch-{number:04d}"
    if (own / SETTINGS_FILE).exists():
        return own
    own.mkdir(parents=True, exist_ok=True)
    lines = [asdict(row) | {"intent": row.label} for row in rows]
    write_durably(own / "tickets.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines).encode())
    policy = BranchPolicy(
        branch=own.name,
        max_epsilon=plan.epsilon + 1e-6,
        delta=plan.delta,
        mechanisms=(plan.mechanism,),
        parts=(plan.part,),
        minimum_noise_multiplier=1e-3,
        max_contributions=plan.contributions,
    )
    settings = BranchSettings(bundle=plan.bundle, tickets=(Path("tickets.jsonl"),))
    set_up_branch(own, settings, policy, now=datetime.now(UTC))
    return own
