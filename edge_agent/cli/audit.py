"""`orilla edge audit`: verifies the audit log, and shows who did what last."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from edge_agent.cli.output import printable

if TYPE_CHECKING:
    from edge_agent.audit.files import VerifiedLog
    from edge_agent.audit.lines import AuditLine


def audit_command(
    store: StoreOption = DEFAULT_STORE,
    last: Annotated[int, typer.Option("--last", min=0, help="How many of the latest lines are shown.")] = 0,
    noted: Annotated[
        str | None, typer.Option("--noted", help="A digest that was noted before: it must still be a line's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify every line of the audit log: who did what with which document, key, intent head and bundle.

    It works while the store is served, and prints the number of lines and the digest of the newest. Note that outside
    this machine, and give it with --noted the next time: whoever may write the store could also write another log.

    \b
      orilla edge audit --last 20         also who did what last; a document by its present name, where it is there
      orilla edge audit --noted 3f0c…     also that the log goes on from the line that was noted

    Status 1 says that the log is not what was written, and what is wrong with it.
    """  # noqa: D301  (the backspace keeps the lines of the examples apart)
    from edge_agent.audit.files import read_log
    from edge_agent.cli.opening import require_store
    from edge_agent.errors import AuditBroken
    from edge_agent.storage.read_only import names_of_documents

    require_store(store)
    try:
        log = read_log(store, latest=last, noted=noted)
    except AuditBroken as error:
        typer.echo(json.dumps({"problem": str(error)}) if as_json else f"broken: {error}", err=not as_json)
        raise typer.Exit(1) from None
    names = names_of_documents(store) if log.latest else {}
    if as_json:
        latest = [line.model_dump(mode="json") | {"document": names.get(line.subject)} for line in log.latest]
        typer.echo(json.dumps({"lines": log.lines, "digest": log.end.digest, "latest": latest}, ensure_ascii=False))
    else:
        _show(log, names)


def _show(log: "VerifiedLog", names: dict[str, str]) -> None:
    for line in log.latest:
        typer.echo(printable(_in_words(line, names)))
    typer.echo(f"{log.lines} lines, sound; the newest is {log.end.digest if log.lines else 'none'}")


def _in_words(line: "AuditLine", names: dict[str, str]) -> str:
    about = [line.subject, *(f"{count} {kind}" for kind, count in line.counts.items() if count)]
    if line.action.startswith("document"):
        about.append(names.get(line.subject, "(no longer there)"))
    if line.digest:
        about.append(f"sha256 {line.digest[:12]}")
    shown = "  ".join(part for part in about if part)
    return f"{line.serial:>6}  {line.at}  {line.actor:<18}  {line.action.value:<21}  {shown}".rstrip()
