"""`orilla edge forget`: forgets a customer or words everywhere in a base, and gives a receipt."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.opening import opened_agent
from edge_agent.cli.options import DEFAULT_STORE, BundleOption, JsonOption, StoreOption
from edge_agent.errors import InputInvalid
from student.artifacts.durable import write_durably
from student.artifacts.private import PRIVATE_FILE
from student.bundle import DEFAULT_BUNDLE

if TYPE_CHECKING:
    from edge_agent.forgetting import Receipt


def forget_command(
    customer: Annotated[
        str | None, typer.Argument(help="The pseudonym that feedback was given with.", show_default=False)
    ] = None,
    words: Annotated[
        str | None, typer.Option("--words", help="A word or phrase instead; - to read it from standard input.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    keep_documents: Annotated[
        bool, typer.Option("--keep-documents", help="Only count documents that hold the words; change them yourself.")
    ] = False,
    receipt: Annotated[Path | None, typer.Option("--receipt", help="Also write the receipt to a new file.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget a customer, or a word or phrase, for good: no file of the store holds it when this ends.

    \b
      orilla edge forget c-1041                      feedback of a customer, and the reviews that it answers
      orilla edge forget --words "Ana García"        feedback, reviews, refusals, records of jobs, and whole documents

    What is found is counted and asked about first. Words are compared whole, without regard to case, accents and
    spaces. The receipt holds counts and digests and nothing of what was said. A file that is still in its folder comes
    back with the next ingest: change it there. Exports and backups made before are yours to delete.
    """  # noqa: D301  (the backspace keeps the lines of the examples apart)
    from edge_agent.forgetting import Asked

    if receipt is not None and receipt.exists():
        raise InputInvalid(f"{receipt} exists; name a new file for the receipt")
    given = sys.stdin.readline().strip() if words == "-" else words
    asked = Asked(customer, given, keeps_documents=keep_documents)
    with opened_agent(store, bundle, makes_store=False) as agent:
        found = agent.forget(dataclasses.replace(asked, is_trial=True))
        if found.found and not yes:
            typer.confirm(f"Forget {_counted(found)}?", abort=True, err=True)
        made = agent.forget(asked)
    content = json.dumps(dataclasses.asdict(made), indent=None if receipt is None else 1)
    if receipt is not None:
        write_durably(receipt, content.encode() + b"\n", mode=PRIVATE_FILE)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(made)))
    else:
        typer.echo(f"forgot {_counted(made)}")
    if made.documents_kept:
        typer.echo(f"{made.documents_kept} documents hold the words and were kept", err=True)
    if not made.is_erased:
        typer.echo("some of it may stand in files until nobody reads a moment of before; run this again", err=True)
    if made.documents_kept or not made.is_erased:
        raise typer.Exit(1)


def _counted(receipt: "Receipt") -> str:
    counts = {
        "judgements": receipt.feedback,
        "reviews": receipt.reviews,
        "documents": len(receipt.documents),
        "refusals": receipt.refusals,
        "records of jobs": receipt.jobs,
        "waiting examples": receipt.examples,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items())
