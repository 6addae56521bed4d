"""`orilla edge …`: serve, ingest, query, check. Commands on a store that is being served go through its server."""

import contextlib
import dataclasses
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import platformdirs
import typer
from rich.console import Console

from edge_agent.errors import InputInvalid
from student.bundle.folder import DEFAULT_BUNDLE
from student.terminal import progress_bar

if TYPE_CHECKING:
    from edge_agent.agent import Agent
    from edge_agent.answering.results import Answer
    from edge_agent.client import RemoteAgent
    from edge_agent.ingest.folder import Synced

app = typer.Typer(no_args_is_help=True, help="The branch server: take in documents, answer questions.")

StoreOption = Annotated[
    Path, typer.Option("--store", envvar="ORILLA_STORE", help="Folder of the store; made if missing.")
]
BundleOption = Annotated[Path, typer.Option("--bundle", envvar="ORILLA_BUNDLE", help="Folder of the student's bundle.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
TagsOption = Annotated[list[str] | None, typer.Option("--tag", help="Sorts these documents; may be given again.")]
DEFAULT_STORE = Path(platformdirs.user_data_dir("orilla")) / "store"


@app.command()
def serve(
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    host: Annotated[str, typer.Option(envvar="ORILLA_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="ORILLA_PORT", min=0, max=65535, help="0 for any free one.")] = 8080,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Texts encoded side by side. [default: one a core]")
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Queue what the agent is unsure of, masked, for staff to label.")
    ] = False,
) -> None:
    """Serve a store over HTTP until interrupted.

    Then ask it:  curl -s localhost:8080/v1/query -H 'content-type: application/json' -d '{"text": "…"}'
    """
    import socket

    import uvicorn

    from edge_agent.agent import Agent
    from edge_agent.http.app import create_app
    from edge_agent.ingest.jobs import Jobs
    from edge_agent.settings import AgentSettings
    from edge_agent.storage.lock import StoreLock

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise InputInvalid(f"cannot listen on {host} port {port}: {error.strerror}; pass another --port") from error
        shown = f"[{host}]" if family is socket.AF_INET6 else host
        settings = AgentSettings(store, bundle, workers, is_reviewing=review)
        url = f"http://{shown}:{listener.getsockname()[1]}"
        with (
            StoreLock(store, url=url),
            Agent(settings) as agent,
            Jobs(store / "jobs", agent.take_in) as jobs,
        ):
            listener.listen(2048)
            counts = agent.counts()
            typer.echo(f"serving {counts.documents} documents ({counts.passages} passages) on {url}", err=True)
            config = uvicorn.Config(
                create_app(agent, jobs), log_config=None, access_log=False, timeout_graceful_shutdown=10
            )
            uvicorn.Server(config).run(sockets=[listener])


@app.command()
def ingest(
    path: Annotated[Path, typer.Argument(help="A file, or a folder whose documents are taken in.")],
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    tag: TagsOption = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also delete documents that are not in the folder (any more).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Take in documents: new ones are added, changed ones replaced, the rest left as they are.

    Markdown, text, HTML, PDF, Word (.docx), CSV and JSON lines. Each document is durable once it is counted; interrupt
    and run again at will. Works while the store is served. With --prune, the store holds exactly what the folder does.
    """
    from edge_agent.ingest.folder import sync

    with progress_bar("ingesting") as show, _agent(store, bundle) as agent:
        synced = sync(
            agent,
            path,
            tags=tag or (),
            prune=prune,
            on_file=lambda done, total: show(done, total, "ingesting"),
        )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(synced)))
    else:
        _show_synced(synced)
    if synced.refused:
        raise typer.Exit(1)


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A folder of documents.")],
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    tag: TagsOption = None,
) -> None:
    """Keep a store like a folder until interrupted: files are taken in as they come, change and go.

    Works best beside a server on the same store. Documents that are not in the folder are deleted, as by
    `ingest --prune`.
    """
    import signal
    import threading

    from edge_agent.ingest.folder import watch as watch_folder

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with _agent(store, bundle) as agent:
        for number, synced in enumerate(watch_folder(agent, folder, stop=stop, tags=tag or ())):
            if synced.has_changed or number == 0:
                _show_synced(synced)


@app.command()
def query(
    text: Annotated[str, typer.Argument(help="A question, in Spanish or English.")],
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from the documents, with citations, or say that they do not answer it."""
    with progress_bar("thinking"), _agent(store, bundle) as agent:
        answer = agent.query(text)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(answer), ensure_ascii=False))
    else:
        _show_answer(answer)


@app.command()
def check(
    store: StoreOption = DEFAULT_STORE, bundle: BundleOption = DEFAULT_BUNDLE, as_json: JsonOption = False
) -> None:
    """Check a store that is not being served: SQLite's structure, offsets, embeddings, and the index made from it."""
    from edge_agent.agent import Agent
    from edge_agent.settings import AgentSettings
    from edge_agent.storage.lock import StoreLock

    with StoreLock(store), Agent(AgentSettings(store, bundle)) as agent:
        problems = agent.store.check(agent.student.encoder.dimension)
        otherwise = len(agent.documents_cut_otherwise())
        readiness = agent.readiness()
    if not readiness.is_ready:
        problems.append(f"{readiness.passages} passages in the store, {readiness.indexed_passages} in the index")
    report = {
        "documents": readiness.documents,
        "passages": readiness.passages,
        "cut_otherwise": otherwise,
        "problems": problems,
    }
    if as_json:
        typer.echo(json.dumps(report))
    else:
        typer.echo(f"{readiness.documents} documents, {readiness.passages} passages: {'; '.join(problems) or 'sound'}")
        if otherwise:
            typer.echo(f"{otherwise} documents are cut into passages of another size or rule; ingest them again")
    if problems:
        raise typer.Exit(1)


class _agent:  # noqa: N801  (a context manager that reads as a function)
    """The store's agent: in this process when the store is free, else through the server that has it."""

    def __init__(self, store: Path, bundle: Path) -> None:
        self._store, self._bundle = store, bundle

    def __enter__(self) -> "Agent | RemoteAgent":
        from edge_agent.agent import Agent
        from edge_agent.client import RemoteAgent
        from edge_agent.errors import StoreLocked
        from edge_agent.settings import AgentSettings
        from edge_agent.storage.lock import StoreLock, holder_url

        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(StoreLock(self._store))
            except StoreLocked:
                url = holder_url(self._store)
                if url is None:
                    raise
                opened: Agent | RemoteAgent = stack.enter_context(contextlib.closing(RemoteAgent(url)))
            else:
                opened = stack.enter_context(Agent(AgentSettings(self._store, self._bundle)))
            self._stack = stack.pop_all()
        return opened

    def __exit__(self, *exception: object) -> None:
        self._stack.close()


def _show_synced(synced: "Synced") -> None:
    counts = {name: count for name, count in dataclasses.asdict(synced).items() if name != "refused"}
    typer.echo(", ".join(f"{count} {name}" for name, count in counts.items()) + f", {len(synced.refused)} refused")
    for item in synced.refused:
        typer.echo(f"  {item['source']}: {item['reason']}", err=True)


_OTHER_LANGUAGE = {
    ("es", "en"): "La fuente está en inglés; no se ha encontrado en español.",
    ("en", "es"): "The source is in Spanish; nothing was found in English.",
}


def _show_answer(answer: "Answer") -> None:
    console = Console(highlight=False)
    if answer.answer is None:
        console.print(f"No lo sé / I don't know (confidence {answer.confidence:.2f}). Nearest documents:", markup=False)
        for document in answer.nearest_documents:
            console.print(f"  {document.title} ({document.source})", markup=False)
    else:
        console.print(answer.answer, markup=False, style="bold")
        if answer.answer_language and answer.question_language not in (answer.answer_language, ""):
            console.print(_OTHER_LANGUAGE[answer.question_language, answer.answer_language], markup=False)
        console.print(f"confidence {answer.confidence:.2f}", markup=False)
        for number, c in enumerate(answer.citations, start=1):
            page = f"page {c.page}, " if c.page else ""
            console.print(f"  [{number}] {c.title} ({c.source}, {page}characters {c.start}–{c.end})", markup=False)
    if answer.intent:
        best = ", ".join(f"{a.label} {a.probability:.2f}" for a in answer.intent.alternatives)
        console.print(f"intent: {answer.intent.label or 'out of scope'} ({best})", markup=False)
    timings = answer.timings
    console.print(f"bundle {answer.bundle.name} {answer.bundle.serial}, {timings.total_ms:.0f} ms", markup=False)
