"""`orilla edge memory`: lists and deletes what feedback said of documents, by which rankings move."""

import dataclasses
import json
from typing import Annotated

import typer

from edge_agent.cli.opening import opened_agent
from edge_agent.cli.options import DEFAULT_STORE, BundleOption, JsonOption, StoreOption
from edge_agent.cli.output import printable
from student.bundle import DEFAULT_BUNDLE

app = typer.Typer(
    no_args_is_help=True,
    help="What feedback said of documents: it moves them in the ranking of the same and similar questions, at once.",
)
_YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("list")
def list_command(
    store: StoreOption = DEFAULT_STORE, bundle: BundleOption = DEFAULT_BUNDLE, as_json: JsonOption = False
) -> None:
    """List what is remembered, the oldest first: id, when it was given, right or wrong, uses, document, question."""
    with opened_agent(store, bundle, makes_store=False) as agent:
        rows = agent.memory.all()
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in rows], ensure_ascii=False))
        return
    for row in rows:
        judged = "right" if row.is_right else "WRONG"
        used = f"used {row.uses} times"
        typer.echo(printable(f"{row.memory_id}  {row.at}  {judged}  {used}  {row.source}  {row.text}"))
    typer.echo(f"{len(rows)} remembered")


@app.command()
def delete(
    memory_id: Annotated[int, typer.Argument(metavar="ID", help="As `edge memory list` shows it.")],
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Delete one for good. The feedback that it came from stays: `edge forget` deletes both."""
    with opened_agent(store, bundle, makes_store=False) as agent:
        agent.forget_remembered(memory_id)
    typer.echo(f"deleted {memory_id}")


@app.command()
def clear(store: StoreOption = DEFAULT_STORE, bundle: BundleOption = DEFAULT_BUNDLE, yes: _YesOption = False) -> None:
    """Delete all for good; rankings are as without feedback then. Feedback itself stays."""
    if not yes:
        typer.confirm("Delete all that is remembered?", abort=True, err=True)
    with opened_agent(store, bundle, makes_store=False) as agent:
        deleted = agent.forget_remembered()
    typer.echo(f"deleted {deleted}")
