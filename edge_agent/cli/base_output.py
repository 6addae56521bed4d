"""Output of the commands that look through a base, for people at a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from edge_agent.cli.output import printable
from edge_agent.reporting.base_report import Named, Pair, Versions
from edge_agent.reporting.words import WORDS, ReportLanguage, remark_in

if TYPE_CHECKING:
    from edge_agent.reporting.base_report import BaseReport
    from edge_agent.storage.overview import ShownDocument
    from edge_agent.storage.records import Document

_LISTED = 10


def show_documents(documents: "Sequence[Document]") -> None:
    """Prints a line for each document, and how many there are; a name last, since it may be long."""
    console = Console(highlight=False, soft_wrap=True)
    if documents:
        console.print(f"{'date':<10}  {'lang':<4}  {'format':<8}  passages  document", style="dim")
    for each in documents:
        state = "  STALE" if each.is_stale else "  (something left out: edge show)" if each.notices else ""
        name = escape(printable(f"{each.full_name} — {each.title}"))
        shown = f"{each.date:<10}  {each.language or '?':<4}  {each.format:<8}  {each.passages:>8}  {name}"
        console.print(f"{shown}[bold]{state}[/bold]")
    stale = sum(document.is_stale for document in documents)
    console.print(f"{len(documents)} documents" + (f", {stale} stale" if stale else ""))


def show_document(shown: "ShownDocument") -> None:
    """Prints what is known of a document, then its passages with their headings."""
    console, document = Console(highlight=False, soft_wrap=True), shown.document
    console.print(escape(printable(document.title)), style="bold")
    known = {
        "document": document.full_name,
        "id": document.document_id,
        "format": f"{document.format} {document.encoding}".strip(),
        "language": document.language or "unknown",
        "date": f"{document.date} (of the {document.date_origin})" if document.date else "unknown",
        "ingested": document.added_at,
        "tags": ", ".join(document.tags),
        "attachment of": document.container_id or "",
        "stale": f"{document.stale_reason} (since {document.stale_since})" if document.is_stale else "",
        "hidden text": f"{document.invisible_chars} characters left out" if document.invisible_chars else "",
        "left out": "; ".join(document.notices),
        "size": f"{document.chars} characters, {document.passages} passages",
    }
    for name, value in known.items():
        if value:
            console.print(f"{name + ':':<15} {escape(printable(value))}")
    for number, passage in enumerate(shown.passages, start=1):
        page = f", page {passage.page}" if passage.page else ""
        heading = f" · {printable(passage.heading)}" if passage.heading else ""
        console.print(f"\n[dim]{number} {passage.kind.value}{page}{escape(heading)}[/dim]")
        console.print(escape("\n".join(map(printable, shown.text[passage.start : passage.end].split("\n")))))


def show_report(report: "BaseReport", language: ReportLanguage) -> None:
    """Prints the base report: counts, then what to mend, the first of each list."""
    console, words = Console(highlight=False, soft_wrap=True), WORDS[language]
    console.print(words["title"], style="bold")
    figures = {name: getattr(report, name) for name in ("documents", "passages", "made_on")}
    console.print(words["summary"].format(**figures))
    for name in ("by_format", "by_language", "by_root", "by_age"):
        counts: dict[str, int] = getattr(report, name)
        named = [f"{words.get(key, key) if key else words['none']} {count}" for key, count in counts.items()]
        console.print(f"{words[name]}: {escape(', '.join(named) or words['none'])}")
    console.print(f"\n{words['mend_first'] if report.to_mend else words['all_well']}", style="bold")
    for number, name in enumerate(report.to_mend, start=1):
        entries = getattr(report, name)
        console.print(f"\n{number}. {words[name]}: {report.counts[name]}", style="bold")
        console.print(words[f"{name}_do"])
        for entry in entries[:_LISTED]:
            console.print(f"  {escape(printable(_line(entry, language)))}")
        if report.counts[name] > _LISTED:
            console.print(f"  {words['more'].format(count=report.counts[name] - _LISTED)}")


def _line(entry: Named | Pair | Versions, language: ReportLanguage) -> str:
    if isinstance(entry, Pair):
        return f"{entry.one.full_name} = {entry.other.full_name} ({round(100 * entry.share)} %)"
    if isinstance(entry, Versions):
        versions = ", ".join(f"{each.full_name} ({each.remark or '?'})" for each in entry.documents)
        headings = ", ".join(heading for heading in entry.headings[:3] if heading)
        return f"{versions}{': ' + headings if headings else ''}"
    return f"{entry.full_name}: {remark_in(language, entry.remark)}"
