"""`orilla edge …`: serve, ingest, watch, query, check. Commands on a store that is served go through its server."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

import edge_agent.cli.keys
import edge_agent.cli.memory
from edge_agent.cli.audit import audit_command
from edge_agent.cli.base import add_base_commands
from edge_agent.cli.forget import forget_command
from edge_agent.cli.opening import AgentOpener, opened_agent, require_store
from edge_agent.cli.options import (
    DEFAULT_STORE,
    BundleOption,
    JsonOption,
    MaskDocumentsOption,
    StoreOption,
    TagsOption,
    VerboseOption,
)
from edge_agent.cli.output import shortened, show_answer, show_changes, show_synced
from edge_agent.cli.serve import serve
from edge_agent.errors import InputInvalid
from student.artifacts.private import keep_private
from student.bundle import DEFAULT_BUNDLE
from student.terminal import progress_bar

app = typer.Typer(no_args_is_help=True, help="The branch server: ingest documents, answer questions.")
app.command()(serve)
app.add_typer(edge_agent.cli.keys.app, name="keys")
app.add_typer(edge_agent.cli.memory.app, name="memory")


@app.callback()
def _before_each_command() -> None:
    """Keeps what is written to the user that writes it, whatever the umask."""
    keep_private()


@app.command()
def ingest(
    path: Annotated[Path, typer.Argument(help="A file, or a folder whose documents are ingested.")],
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    tag: TagsOption = None,
    mask_documents: MaskDocumentsOption = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also delete documents of this folder whose files are gone.")
    ] = False,
    allow_many_deletions: Annotated[
        bool,
        typer.Option(
            "--allow-many-deletions",
            help="With --prune: delete also when all or most files are gone, which looks like a share not mounted.",
        ),
    ] = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ingest documents: new ones are added, changed ones replaced, renamed ones follow their files.

    Each document is durable once it is counted: interrupt and run again at will, also while the store is served. Every
    file that is not ingested is named with the reason. A refused file leaves the version that is stored, marked stale.

    The folder becomes a root of the store, and its documents are known by their path in it: equal names in two folders
    are two documents. A folder or file inside a known root belongs to that root.

    \b
      orilla edge ingest /srv/documents              add and replace, delete nothing
      orilla edge ingest /srv/documents --prune      and delete documents whose files are gone
      orilla edge ingest /srv/vps --tag vps          sorted, to narrow questions to them

    --prune deletes nothing, and ends with status 1, while it is not sure that files are gone: the folder has no
    document though it held some, all files or most of them (three or more) are missing, or a folder cannot be listed.
    """  # noqa: D301  (the backspace keeps the lines of the examples apart)
    import signal

    from edge_agent.ingest.folder.comparison import Plan
    from edge_agent.ingest.folder.sync import sync

    plan = Plan(tuple(tag or ()), prune=prune, allow_many_deletions=allow_many_deletions)
    if allow_many_deletions and not prune:
        raise InputInvalid("--allow-many-deletions says how --prune deletes; pass both, or neither")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends as by Ctrl-C, and says so
    try:
        with progress_bar("ingesting") as show, opened_agent(store, bundle, masks_documents=mask_documents) as agent:
            synced = sync(
                agent,
                path,
                plan,
                on_file=lambda done, total, source: show(done, total, f"ingesting {shortened(source)}"),
            )
    except KeyboardInterrupt:
        typer.echo("interrupted; what was ingested stays, run the same again to go on", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(synced.as_json()))
    else:
        show_synced(synced, is_verbose=verbose)
    if synced.has_failed:
        raise typer.Exit(1)


@app.command()
def watch(
    folder: Annotated[
        Path, typer.Argument(help="A folder of documents; it may be away, as a share that is mounted later.")
    ],
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    tag: TagsOption = None,
    mask_documents: MaskDocumentsOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Keep a store like a folder until interrupted: files are ingested as they come, change, move and go.

    Run it beside a server on the same store. It prints what it did, a line for each document. Ctrl-C or SIGTERM ends
    it.

    It waits while the folder or the server is away and goes on when they are back. Documents whose files are gone are
    deleted as by `ingest --prune`, with the same care: when all or most are missing at once, it says so, keeps them,
    and goes on with the rest. If that was on purpose, run the command that it prints.
    """
    import signal
    import threading

    from edge_agent.ingest.folder.comparison import Plan
    from edge_agent.ingest.folder.watch import watch_folder

    stop = threading.Event()

    def end(*_: object) -> None:
        if stop.is_set():  # asked twice: not even the document that is being ingested is waited for
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    watch_folder(
        AgentOpener(store, bundle, masks_documents=mask_documents),
        folder,
        Plan(tuple(tag or ())),
        stop=stop,
        show=lambda synced: show_changes(synced, is_verbose=verbose),
        say=lambda text: typer.echo(text, err=True),
    )


@app.command()
def query(
    text: Annotated[str, typer.Argument(help="A question, in Spanish or English.")],
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from the documents, with citations, or say that they do not answer it."""
    with progress_bar("thinking"), opened_agent(store, bundle, makes_store=False) as agent:
        answer = agent.questions.query(text)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(answer), ensure_ascii=False))
    else:
        show_answer(answer)


@app.command()
def check(
    store: StoreOption = DEFAULT_STORE, bundle: BundleOption = DEFAULT_BUNDLE, as_json: JsonOption = False
) -> None:
    """Check a store that is not being served: SQLite's structure, offsets, embeddings, and the index made from it."""
    from edge_agent.agent import Agent
    from edge_agent.settings import AgentSettings
    from edge_agent.storage.lock import StoreLock

    require_store(store)
    with StoreLock(store), Agent(AgentSettings(store, bundle)) as agent:
        problems = agent.store.check(agent.models.active.student.encoder.dimension)
        outdated = len(agent.outdated_chunking())
        readiness = agent.readiness()
    if not readiness.is_ready:
        problems.append(f"{readiness.passages} passages in the store, {readiness.indexed_passages} in the index")
    report = {
        "documents": readiness.documents,
        "passages": readiness.passages,
        "outdated_chunking": outdated,
        "problems": problems,
    }
    if as_json:
        typer.echo(json.dumps(report))
    else:
        typer.echo(f"{readiness.documents} documents, {readiness.passages} passages: {'; '.join(problems) or 'sound'}")
        if outdated:
            typer.echo(f"{outdated} documents have outdated chunking: another size or rule; ingest them again")
    if problems:
        raise typer.Exit(1)


add_base_commands(app)
app.command("forget")(forget_command)
app.command("audit")(audit_command)
