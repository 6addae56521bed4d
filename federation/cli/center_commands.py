"""The commands of a central team: up, enroll, run, simulate, status, audit, report."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from federation.cli.options import DEFAULT_HOME, HomeOption, JsonOption, RecipeArgument, import_flower
from student.terminal import progress_bar


def up(
    home: HomeOption = DEFAULT_HOME,
    name: Annotated[str, typer.Option(help="What the federation is called; used when its folder is made.")] = "orilla",
    address: Annotated[
        str, typer.Option(help="host:port under which branches reach the center; used when its folder is made.")
    ] = "127.0.0.1:8000",
    listen: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on.", show_default="as --address")
    ] = None,
) -> None:
    """Start the center and keep it up until interrupted.

    The first time it makes the folder: a lab's certificate authority, the center's certificate, and the key that
    releases are signed with. Flower's SuperLink then serves over TLS, and lets in none but enrolled branches.
    """
    import signal
    from datetime import UTC, datetime

    import_flower()
    from federation.center.home import CENTER_FILE, Center, bring_up, read_center, set_up_center
    from federation.errors import DeploymentFailed
    from federation.transport.processes import end_process
    from student.artifacts.settings import make_settings

    if not (home / CENTER_FILE).exists():
        new = make_settings(Center, "--name or --address", DeploymentFailed, federation=name, address=address)
        set_up_center(home, new, now=datetime.now(UTC))
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


def enroll(
    branch: Annotated[str, typer.Argument(help="The branch's name: letters, digits, dots, dashes.")],
    home: HomeOption = DEFAULT_HOME,
    public_key: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="From the branch: ssh-keygen -t ecdsa -b 384.",
            show_default="a key is made here",
        ),
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


def run(recipe: RecipeArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Run the rounds of a recipe with the branches that have joined; run again to go on with one that was stopped.

    Then it is checked against the gate, released and reported, in runs/RUN of the federation's folder.
    """
    import_flower()
    from federation.center.home import read_center
    from federation.center.prepared_run import prepare_run
    from federation.center.run_recipe import read_recipe
    from federation.center.submission import run_deployed

    plan = read_recipe(recipe)
    read_center(home)  # refused before texts are encoded
    folder = home / "runs" / plan.run_id
    with progress_bar("encoding public texts") as show:
        prepared = prepare_run(plan, folder, lambda done, total: show(done, total, "encoding public texts"))
        run_deployed(home, prepared, folder, lambda rounds: show(rounds, plan.rounds, "rounds"))
    _finish(home, folder, as_json)


def simulate(
    recipe: RecipeArgument,
    ticket_file: Annotated[
        Path,
        typer.Option(
            "--tickets", exists=True, dir_okay=False, help="Labelled tickets, split over the branches by customer."
        ),
    ],
    folder: Annotated[Path, typer.Option("--out", help="Folder that everything is kept in; made if missing.")],
    branches: Annotated[int, typer.Option(min=1, help="How many.")] = 10,
    lost: Annotated[float, typer.Option(min=0, max=0.9, help="Share of branches lost in each round.")] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Try a run on this machine: the apps that are deployed, with as many branches as you like, in one process."""
    import_flower()
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


def status(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show what is up, who is enrolled and online, and how far each run has come."""
    import_flower()
    from federation.center.home import enrolled_branches, is_up, online_branches, read_center
    from federation.center.prepared_run import RUN_FILE

    center, is_there, enrolled = read_center(home), is_up(home), enrolled_branches(home)
    online = online_branches(home) if is_there else []
    runs = [_run_status(path.parent) for path in sorted((home / "runs").glob(f"*/{RUN_FILE}"))]
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
        typer.echo(f"  {item['run_id']}: {_progress_in_words(item)}")


def _run_status(folder: Path) -> dict[str, Any]:
    """How far a run has come; `why_not` where that cannot be read, as of a run of an older version."""
    from federation.center.prepared_run import read_run
    from federation.center.rounds import read_progress
    from federation.errors import CheckpointInvalid

    try:
        run = read_run(folder)
        state, history = read_progress(folder, run)
    except CheckpointInvalid as error:
        return {"run_id": folder.name, "why_not": str(error)}
    value: dict[str, Any] = {"run_id": run.recipe.run_id, "round": len(history), "rounds": run.recipe.rounds}
    if not history:
        return value
    last = history[-1].model_dump(include={"accuracy", "survivors"})
    return value | last | dataclasses.asdict(state.guarantee(run.recipe.delta))


def _progress_in_words(item: dict[str, Any]) -> str:
    from federation.privacy.accounting import Guarantee

    if "why_not" in item:
        return str(item["why_not"])
    if not item["round"]:
        return f"round 0 of {item['rounds']}, not begun"
    spent = Guarantee(*(item[field.name] for field in dataclasses.fields(Guarantee)))
    return f"round {item['round']} of {item['rounds']}, accuracy {item['accuracy']:.3f}, {spent}"


def audit(
    run_id: Annotated[str, typer.Argument(help="The run.")],
    home: HomeOption = DEFAULT_HOME,
    canaries: Annotated[int, typer.Option(min=100, help="How many made-up customers.")] = 1000,
    as_json: JsonOption = False,
) -> None:
    """Attack a run of the head with canaries: a lower bound on epsilon, beside what the accountant promises.

    It is the run's own mechanism on made-up data; nothing is asked of branches. The report then shows it.
    """
    import_flower()
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


def report(
    run_id: Annotated[str, typer.Argument(help="The run.")],
    home: HomeOption = DEFAULT_HOME,
    mlflow: Annotated[str | None, typer.Option(help="Also write it to this MLflow store: a folder or a URI.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a run's report: accuracy and epsilon by round, who took part, bytes; a page and a picture."""
    import_flower()
    from federation.center.report import write_report
    from federation.center.tracking import track_run

    page = write_report(home / "runs" / run_id)
    if mlflow:
        track_run(home / "runs" / run_id, mlflow)
    typer.echo(json.dumps({"report": str(page)}) if as_json else str(page))


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
