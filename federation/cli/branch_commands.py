"""The commands of a branch's administrator: join, apply, and those of the privacy ledger."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from federation.cli.options import JsonOption, LedgerArgument, import_flower
from student.artifacts.private import keep_private, make_private_folder
from student.bundle import DEFAULT_BUNDLE


def join(
    kit: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The branch's kit, from enroll.")],
    bundle: Annotated[Path, typer.Option("--bundle", help="The bundle that the edge agent serves.")] = DEFAULT_BUNDLE,
    store: Annotated[Path | None, typer.Option("--store", help="The edge agent's store; opened read-only.")] = None,
    ticket_file: Annotated[
        list[Path] | None,
        typer.Option("--tickets", help="Labelled tickets: text, intent and customer in .csv or .jsonl."),
    ] = None,
    max_epsilon: Annotated[
        float,
        typer.Option(help="Most that a customer may ever lose here, at --delta (add-or-remove)."),
    ] = 8.0,
    delta: Annotated[float, typer.Option(help="At which epsilon is computed.")] = 1e-5,
    minimum_survivors: Annotated[int, typer.Option(min=3, help="Fewest branches in a secure sum.")] = 3,
    allow_local: Annotated[
        bool,
        typer.Option("--allow-local", help="Also allow rounds without secure aggregation, all noise added here."),
    ] = False,
) -> None:
    """Take part in rounds until interrupted, within the branch's own policy and budget.

    The options are used the first time; then they stand in branch.json and policy.json in the kit, to be edited there.
    What the center sends is numbers: no code of it is run here.
    """
    import signal
    import threading
    from datetime import UTC, datetime

    keep_private()
    import_flower()
    from federation.branch.data import encode_all
    from federation.branch.joining import keep_joined
    from federation.branch.kit import read_joining
    from federation.branch.policy import BranchPolicy
    from federation.branch.settings import SETTINGS_FILE, BranchSettings, set_up_branch
    from federation.errors import PolicyInvalid
    from student.artifacts.settings import make_settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    joining = read_joining(kit)
    make_private_folder(kit)
    if not (kit / SETTINGS_FILE).exists():
        tickets = tuple(path.absolute() for path in ticket_file or ())
        settings = BranchSettings(bundle=bundle.absolute(), store=store.absolute() if store else None, tickets=tickets)
        policy = make_settings(
            BranchPolicy,
            "the branch's policy",
            PolicyInvalid,
            branch=joining.branch,
            max_epsilon=max_epsilon,
            delta=delta,
            mechanisms=("secure", "local") if allow_local else ("secure",),
            minimum_survivors=minimum_survivors,
        )
        # What cannot be read is refused before it is written down; the texts stay encoded.
        encode_all(settings.model_copy(update={"cache": kit.absolute() / settings.cache}))
        set_up_branch(kit, settings, policy, now=datetime.now(UTC))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    keep_joined(kit, stop, on_status=lambda text: typer.echo(text, err=True))


def apply(
    release: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A release's folder.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the new bundle.")],
    key: Annotated[Path, typer.Option("--key", exists=True, dir_okay=False, help="release.pub of the federation.")],
    bundle: Annotated[Path, typer.Option("--bundle", help="The bundle that the release is for.")] = DEFAULT_BUNDLE,
    as_json: JsonOption = False,
) -> None:
    """Make a new bundle from an installed one and a release, one serial up; no index is rebuilt.

    Run it as the user that runs the server: nobody else may read what it writes.
    """
    from federation.release.applying import apply_release

    keep_private()
    made = apply_release(release, bundle, out, key=key)
    if as_json:
        typer.echo(json.dumps({"bundle": str(made.path), "serial": made.manifest.serial, "digest": made.digest}))
    else:
        typer.echo(f"bundle {made.manifest.name} {made.manifest.serial} in {made.path}")


def show_ledger(path: LedgerArgument, as_json: JsonOption = False) -> None:
    """Show what has been spent, round by round, and what it comes to."""
    from federation.privacy.accounting import NEIGHBORING, UNIT
    from federation.privacy.ledger_file import read_ledger

    state = read_ledger(_ledger_path(path))
    if as_json:
        entries = [entry.model_dump() for entry in state.entries]
        typer.echo(json.dumps({"branch": state.branch, "head": state.head, "entries": entries}))
        return
    what = f"per {UNIT}, {NEIGHBORING} neighbors, exact Gaussian composition"
    typer.echo(f"{state.branch}: {state.serial} releases ({what})")
    for entry in state.entries:
        typer.echo(
            f"  {entry.serial:4d}  {entry.at}  {entry.run_id} round {entry.round_number}  {entry.part}"
            f"  {entry.mechanism}  noise {entry.noise_multiplier:.4g}"
            f"  epsilon {entry.epsilon:.4f} of {entry.budget_epsilon:g} at delta {entry.delta:g}"
        )


def verify_ledger(path: LedgerArgument, as_json: JsonOption = False) -> None:
    """Check every line of a ledger: that none was changed, left out or cut off."""
    from federation.privacy.ledger_file import read_ledger

    state = read_ledger(_ledger_path(path))
    if as_json:
        typer.echo(json.dumps({"branch": state.branch, "serial": state.serial, "head": state.head, "is_sound": True}))
    else:
        typer.echo(f"{state.branch}: sound, {state.serial} releases, head {state.head}")


def _ledger_path(path: Path) -> Path:
    return path / "ledger.jsonl" if path.is_dir() else path
