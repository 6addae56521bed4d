"""`orilla edge list`, `show`, `delete`, `report`, `export`, `import`: looking through a base, and moving it."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.opening import opened_agent
from edge_agent.cli.options import DEFAULT_STORE, BundleOption, JsonOption, StoreOption
from edge_agent.errors import InputInvalid
from student.bundle import DEFAULT_BUNDLE
from student.terminal import progress_bar

if TYPE_CHECKING:
    from edge_agent.agent import Agent
    from edge_agent.client import RemoteAgent
    from edge_agent.storage.records import Document

RootOption = Annotated[
    str | None, typer.Option("--root", help="Label of the folder that it came from, as `edge list` shows it.")
]


def add_base_commands(app: typer.Typer) -> None:
    """Adds the commands to those of `orilla edge`."""
    app.command("list")(list_command)
    app.command("show")(show_command)
    app.command("delete")(delete_command)
    app.command("report")(report_command)
    app.command("export")(export_command)
    app.command("import")(import_command)


def list_command(
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    root: RootOption = None,
    stale: Annotated[bool, typer.Option("--stale", help="Only those of which an update was refused.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the documents: where they came from, title, format, language, date, and whether they are stale."""
    from edge_agent.cli.base_output import show_documents

    with opened_agent(store, bundle, makes_store=False) as agent:
        documents = [document for document in agent.documents(root) if document.is_stale or not stale]
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(document) for document in documents], ensure_ascii=False))
    else:
        show_documents(documents)


def show_command(
    source: Annotated[str, typer.Argument(help="Of the document, as `edge list` shows it.")],
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a document as it is stored: what is known of it, what was left out, and its passages one by one."""
    from edge_agent.cli.base_output import show_document

    with opened_agent(store, bundle, makes_store=False) as agent:
        shown = agent.shown_document(_named(agent, source, root).document_id)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(shown), ensure_ascii=False))
    else:
        show_document(shown)


def delete_command(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Of the documents, as `edge list` shows them.", show_default=False)
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    root: RootOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete documents for good, with the attachments in them. A file that is still in its folder comes back.

    Nothing is deleted unless all of them are known. With --root and no documents, the whole root is deleted: all
    documents that came from that folder, which is then forgotten. No file of the store holds anything of them when this
    ends. Feedback is kept: `edge forget` deletes that too.
    """
    if not sources and root is None:
        raise InputInvalid("nothing to delete; name documents, or a root with --root")
    with opened_agent(store, bundle, makes_store=False) as agent:
        if not sources:
            _delete_root(agent, str(root), is_sure=yes)
            return
        documents = [_named(agent, source, root) for source in sources]
        if not yes:
            typer.confirm(f"Delete {', '.join(each.full_name for each in documents)}?", abort=True)
        for document in documents:
            agent.delete_document(document.document_id)
            typer.echo(f"deleted {document.full_name}")


def report_command(
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    html: Annotated[Path | None, typer.Option("--html", help="Write it as a page, one file without scripts.")] = None,
    language: Annotated[str, typer.Option(help="Of the report: en or es.")] = "en",
    as_json: JsonOption = False,
) -> None:
    """Report on the base: documents by format, language and age; what was refused, lost, doubled or contradicts.

    What harms answers most comes first, each with what to do about it.
    """
    from edge_agent.cli.base_output import show_report
    from edge_agent.reporting.page import report_page
    from edge_agent.reporting.words import report_language

    chosen = report_language(language)
    with progress_bar("reading the base"), opened_agent(store, bundle, makes_store=False) as agent:
        report = agent.report()
    if html is not None:
        html.write_text(report_page(report, chosen), encoding="utf-8")
        typer.echo(f"written to {html}", err=True)
    elif as_json:
        typer.echo(json.dumps(dataclasses.asdict(report) | {"to_mend": report.to_mend}, ensure_ascii=False))
    else:
        show_report(report, chosen)


def export_command(
    out: Annotated[Path, typer.Argument(help="File to make; only you may read it.")],
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Export a whole base into one file: documents, passages, embeddings, feedback and reviews.

    Works while the store is served. The file holds the documents' texts: keep it as you keep those. Bring it back with
    `orilla edge import`.
    """
    from edge_agent.audit.lines import Action
    from edge_agent.audit.log import AuditLog
    from edge_agent.storage.transfer import export_base

    with progress_bar("exporting") as show:
        manifest = export_base(store, out, on_bytes=lambda done, total: show(done, total, "exporting"))
    AuditLog(store).record(Action.BASE_EXPORTED, digest=manifest.sha256, counts={"documents": manifest.documents})
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(manifest)))
    else:
        typer.echo(f"{manifest.documents} documents and {manifest.feedback} judgements exported to {out}")


def import_command(
    archive: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="As `edge export` made it.")],
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Make a store of an exported base. Its folder must hold none yet; a base of an older version is upgraded."""
    from edge_agent.audit.lines import Action
    from edge_agent.audit.log import AuditLog
    from edge_agent.storage.lock import StoreLock
    from edge_agent.storage.transfer import import_base

    with progress_bar("importing") as show, StoreLock(store):
        manifest = import_base(archive, store, on_bytes=lambda done, total: show(done, total, "importing"))
        AuditLog(store).record(Action.BASE_IMPORTED, digest=manifest.sha256, counts={"documents": manifest.documents})
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(manifest)))
    else:
        typer.echo(f"{manifest.documents} documents and {manifest.feedback} judgements imported into {store}")


def _delete_root(agent: "Agent | RemoteAgent", label: str, *, is_sure: bool) -> None:
    known = {root.label: root for root in agent.roots()}
    if label not in known:
        raise InputInvalid(f"no root is called {label!r}; expected one of {', '.join(known) or 'none: there are none'}")
    if not is_sure:
        count, path = known[label].documents, known[label].path
        typer.confirm(f"Delete all {count} documents of the root {label} ({path})?", abort=True)
    agent.forget_root(label)
    typer.echo(f"deleted the root {label} and its {known[label].documents} documents")


def _named(agent: "Agent | RemoteAgent", source: str, root: str | None) -> "Document":
    """The document with a source, in a root where one is named; `ROOT/SOURCE`, as a list shows it, will do as well."""
    found = list(_matching(agent.documents(root), source))
    if not found:
        raise InputInvalid(f"no document is called {source!r}; see `orilla edge list`")
    if len(found) > 1:
        labels = ", ".join(repr(document.root) for document in found)
        raise InputInvalid(f"{len(found)} documents are called so, in the roots {labels}; name one with --root")
    return found[0]


def _matching(documents: "Iterator[Document]", source: str) -> "Iterator[Document]":
    return (document for document in documents if source in (document.source, document.full_name))
