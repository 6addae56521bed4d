"""`orilla federation …`: teach the student at its branches, under differential privacy."""

import dataclasses
import json
import logging
from pathlib import Path
from typing import Annotated, Any

import platformdirs
import typer

from student.bundle.folder import DEFAULT_BUNDLE
from student.terminal import progress_bar

app = typer.Typer(
    no_args_is_help=True,
    help="Teach the student at its branches, under differential privacy. To try it: simulate. For real, the center: "
    "up, enroll BRANCH, run RECIPE; each branch: join KIT, then apply RELEASE. docs/federation.md has the whole of it.",
)
ledger_app = typer.Typer(no_args_is_help=True, help="A branch's privacy ledger: what its customers have lost so far.")
app.add_typer(ledger_app, name="ledger")

DEFAULT_HOME = Path(platformdirs.user_data_dir("orilla")) / "federation"
HomeOption = Annotated[Path, typer.Option("--home", envvar="ORILLA_FEDERATION_HOME", help="The federation's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
LedgerArgument = Annotated[Path, typer.Argument(help="A ledger's file, or the folder of a branch.")]
RecipeArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The run's recipe, a TOML file.")]


@app.command()
def up(
    home: HomeOption = DEFAULT_HOME,
    name: Annotated[str, typer.Option(help="What the federation is called; used when its folder is made.")] = "orilla",
    address: Annotated[
        str, typer.Option(help="host:port under which branches reach the center; used when its folder is made.")
    ] = "127.0.0.1:8000",
    listen: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on. [default: as address]")] = None,
) -> None:
    """Start the center and keep it up until interrupted.

    The first time it makes the folder: a lab's certificate authority, the center's certificate, and the key that
    releases are signed with. Flower's SuperLink then serves over TLS, and lets in none but enrolled branches.
    """
    import signal
    from datetime import UTC, datetime

    from federation.center.home import CENTER_FILE, Center, bring_up, read_center, set_up_center
    from federation.transport.processes import end_process

    if not (home / CENTER_FILE).exists():
        set_up_center(home, Center(federation=name, address=address), now=datetime.now(UTC))
    center = read_center(home)
    process = bring_up(home, listen, port=port or int(center.address.rpartition(":")[2]))
    try:
        for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background jobs are started deaf to the second
            signal.signal(number, signal.default_int_handler)
        typer.echo(f"federation {center.federation} is up at {center.address}; interrupt to end", err=True)
        raise typer.Exit(process.wait())
    except KeyboardInterrupt:
        typer.echo("ending", err=True)
    finally:
        end_process(process)


@app.command()
def enroll(
    branch: Annotated[str, typer.Argument(help="The branch's name: letters, digits, dots, dashes.")],
    home: HomeOption = DEFAULT_HOME,
    public_key: Annotated[
        Path | None,
        typer.Option(exists=True, help="From the branch: ssh-keygen -t ecdsa -b 384. [default: made here]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let a branch join, and make the kit to bring there."""
    from federation.center.home import enroll_branch

    kit = enroll_branch(home, branch, public_key)
    if as_json:
        typer.echo(json.dumps({"branch": branch, "kit": str(kit)}))
    else:
        typer.echo(f"{branch} may join; bring {kit} there over a safe way, then: orilla federation join KIT")


@app.command()
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
    delta: Annotated[float, typer.Option(help="At which epsilon is reckoned.")] = 1e-5,
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

    from federation.branch.joining import keep_joined
    from federation.branch.kit import read_joining
    from federation.branch.settings import SETTINGS_FILE, BranchSettings, set_up_branch
    from federation.learning.round_parameters import BranchPolicy

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    joining = read_joining(kit)
    if not (kit / SETTINGS_FILE).exists():
        tickets = tuple(path.absolute() for path in ticket_file or ())
        settings = BranchSettings(bundle=bundle.absolute(), store=store.absolute() if store else None, tickets=tickets)
        policy = BranchPolicy(
            branch=joining.branch,
            max_epsilon=max_epsilon,
            delta=delta,
            mechanisms=("secure", "local") if allow_local else ("secure",),
            minimum_survivors=minimum_survivors,
        )
        set_up_branch(kit, settings, policy, now=datetime.now(UTC))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    keep_joined(kit, stop, say=lambda text: typer.echo(text, err=True))


@app.command()
def run(recipe: RecipeArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Carry out a run with the branches that have joined; run again to go on with one that was stopped.

    Then it is checked against the gate, released and reported, in runs/RUN of the federation's folder.
    """
    from federation.center.run_recipe import prepare_run, read_recipe
    from federation.center.submission import run_deployed

    plan = read_recipe(recipe)
    folder = home / "runs" / plan.run_id
    with progress_bar("encoding public texts") as show:
        prepared = prepare_run(plan, folder, lambda done, total: show(done, total, "encoding public texts"))
        run_deployed(home, prepared, folder, lambda rounds: show(rounds, plan.rounds, "rounds"))
    _finish(home, folder, as_json)


@app.command()
def simulate(
    recipe: RecipeArgument,
    ticket_file: Annotated[
        Path, typer.Option("--tickets", exists=True, help="Labelled tickets, split over the branches by customer.")
    ],
    folder: Annotated[Path, typer.Option("--out", help="Folder that everything is kept in; made if missing.")],
    branches: Annotated[int, typer.Option(min=1, help="How many.")] = 10,
    lost: Annotated[float, typer.Option(min=0, max=0.9, help="Share of branches lost in each round.")] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Try a run on this machine: the apps that are deployed, with as many branches as you like, in one process."""
    from federation.center.simulated_branches import simulate_run

    with progress_bar("rounds") as show:
        run_folder = simulate_run(
            recipe,
            ticket_file,
            folder,
            branches=branches,
            lost=lost,
            on_round=lambda record, rounds: show(record.round_number, rounds, "rounds"),
        )
    _finish(folder, run_folder, as_json)


@app.command()
def status(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """What is up, who is enrolled and there, and how far each run has come."""
    from federation.center.home import enrolled_branches, is_up, online_branches, read_center
    from federation.center.rounds import read_progress
    from federation.center.run_recipe import RUN_FILE, read_run

    center, is_there, enrolled = read_center(home), is_up(home), enrolled_branches(home)
    online = online_branches(home) if is_there else []
    runs: list[dict[str, Any]] = []
    for folder in sorted(path.parent for path in (home / "runs").glob(f"*/{RUN_FILE}")):
        prepared = read_run(folder)
        history = read_progress(folder, prepared)[1]
        last = history[-1].model_dump(include={"accuracy", "epsilon", "survivors"}) if history else {}
        runs.append({"run_id": prepared.plan.run_id, "round": len(history), "rounds": prepared.recipe.rounds, **last})
    value = {
        "federation": center.federation,
        "address": center.address,
        "is_up": is_there,
        "enrolled": enrolled,
        "online": online,
        "runs": runs,
    }
    if as_json:
        typer.echo(json.dumps(value))
        return
    typer.echo(f"{center.federation} at {center.address}: {'up' if is_there else 'down'}")
    typer.echo(f"{len(enrolled)} branches enrolled, {len(online)} there: {', '.join(online) or 'none'}")
    for item in runs:
        done = f"accuracy {item['accuracy']:.3f}, epsilon {item['epsilon']:.3f}" if item["round"] else "not begun"
        typer.echo(f"  {item['run_id']}: round {item['round']} of {item['rounds']}, {done}")


@app.command()
def audit(
    run_id: Annotated[str, typer.Argument(help="The run.")],
    home: HomeOption = DEFAULT_HOME,
    canaries: Annotated[int, typer.Option(min=100, help="How many made-up customers.")] = 1000,
    as_json: JsonOption = False,
) -> None:
    """Attack a run of the head with canaries: a lower bound on epsilon, beside what the accountant promises.

    It is the run's own mechanism on made-up data; nothing is asked of branches. The report then shows it.
    """
    from federation.center.report import write_audit

    found = write_audit(home / "runs" / run_id, canaries=canaries)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found) | {"is_consistent": found.is_consistent}))
    else:
        typer.echo(
            f"{found.correct} of {found.guesses} guesses right: epsilon is at least {found.lower_bound:.3f} (95 % "
            f"confidence), promised {found.promised}"
        )
    if not found.is_consistent:
        raise typer.Exit(1)


@app.command()
def report(
    run_id: Annotated[str, typer.Argument(help="The run.")],
    home: HomeOption = DEFAULT_HOME,
    mlflow: Annotated[str | None, typer.Option(help="Also write it to this MLflow store: a folder or a URI.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a run's report: accuracy and epsilon by round, who took part, bytes; a page and a picture."""
    from federation.center.report import write_report
    from federation.center.tracking import track_run

    page = write_report(home / "runs" / run_id)
    if mlflow:
        track_run(home / "runs" / run_id, mlflow)
    typer.echo(json.dumps({"report": str(page)}) if as_json else str(page))


@app.command()
def apply(
    release: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A release's folder.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the new bundle.")],
    key: Annotated[Path, typer.Option("--key", exists=True, help="release.pub of the federation.")],
    bundle: Annotated[Path, typer.Option("--bundle", help="The bundle that the release is for.")] = DEFAULT_BUNDLE,
    as_json: JsonOption = False,
) -> None:
    """Make a new bundle from an installed one and a release: its intent head, one serial up; no index is rebuilt."""
    from federation.release.format import apply_release

    made = apply_release(release, bundle, out, key=key)
    if as_json:
        typer.echo(json.dumps({"bundle": str(made.path), "serial": made.manifest.serial, "digest": made.digest}))
    else:
        typer.echo(f"bundle {made.manifest.name} {made.manifest.serial} in {made.path}")


@ledger_app.command("show")
def show_ledger(path: LedgerArgument, as_json: JsonOption = False) -> None:
    """What has been spent, round by round, and what it comes to."""
    from federation.privacy.ledger import read_ledger

    state = read_ledger(_ledger_path(path))
    if as_json:
        entries = [entry.model_dump() for entry in state.entries]
        typer.echo(json.dumps({"branch": state.branch, "head": state.head, "entries": entries}))
        return
    typer.echo(f"{state.branch}: {state.serial} releases (per customer, add-or-remove neighbors)")
    for entry in state.entries:
        typer.echo(
            f"  {entry.serial:4d}  {entry.at}  {entry.run_id} round {entry.round_number}  {entry.part}"
            f"  {entry.mechanism}  noise {entry.noise_multiplier:.4g}"
            f"  epsilon {entry.epsilon:.4f} of {entry.budget_epsilon:g} at delta {entry.delta:g}"
        )


@ledger_app.command("verify")
def verify_ledger(path: LedgerArgument, as_json: JsonOption = False) -> None:
    """Check every line of a ledger: that none was changed, left out or cut off."""
    from federation.privacy.ledger import read_ledger

    state = read_ledger(_ledger_path(path))
    if as_json:
        typer.echo(json.dumps({"branch": state.branch, "serial": state.serial, "head": state.head, "is_sound": True}))
    else:
        typer.echo(f"{state.branch}: sound, {state.serial} releases, head {state.head}")


def _ledger_path(path: Path) -> Path:
    return path / "ledger.jsonl" if path.is_dir() else path


def _finish(home: Path, folder: Path, as_json: bool) -> None:
    """Releases a finished run, reports it, and says both."""
    from federation.center.publishing import publish
    from federation.center.report import write_report

    summary = publish(home, folder)
    page = write_report(folder)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(summary) | {"release": str(summary.release), "report": str(page)}))
        return
    typer.echo(f"accuracy {summary.baseline:.4f} before, {summary.accuracy:.4f} after; {summary.guarantee}")
    if summary.at_branches:
        typer.echo(f"at the branches, noisy: {summary.at_branches} (± standard error of the noise)")
    typer.echo(f"release: {summary.release}\nreport:  {page}")
