"""Writers of abstract documents that need no library: Markdown, HTML, XHTML, plain text and mails."""

from email.message import EmailMessage
from html import escape

from benchmarks.compound_file import compound_file
from tests.edge_agent.ingest.documents.abstract import (
    Block,
    Code,
    Document,
    Entry,
    Heading,
    Hidden,
    Items,
    Layout,
    Pair,
    Paragraph,
    Table,
)


def write_markdown(document: Document) -> bytes:
    """CommonMark with pipe tables, footnotes and, for what it has no marks for, HTML."""
    parts = ["---", f"title: {document.title}", "---", ""]
    notes = 0
    for block in document.blocks:
        match block:
            case Heading(level, text):
                parts += [f"{'#' * level} {text}", ""]
            case Paragraph(text, note, way):
                notes += bool(note)
                text = f"{text}[^{notes}]" if note else text
                parts += [f"<div>\n\n{text}\n\n</div>" if way == 1 else text, ""]
                parts += [f"[^{notes}]: {note}", ""] if note else []
            case Items():
                parts += [*_markdown_items(block.entries, block.is_numbered, ""), ""]
            case Table() if block.merged > 1:
                parts += [_html_table(block), ""]
            case Table():
                lines = [block.names, ["---"] * len(block.names), *block.rows]
                parts += [*("| " + " | ".join(line) + " |" for line in lines), ""]
            case Pair(question, answer, Layout.HEADING):
                parts += [f"#### {question}", "", answer, ""]
            case Pair(question, answer, Layout.NATIVE):
                parts += [f"<details><summary>{question}</summary>\n\n{answer}\n\n</details>", ""]
            case Pair():
                first, second = pair_lines(block)
                first = f"**{first}**" if block.layout is Layout.BOLD else first
                parts += [first, "", second, ""] if second else [first, ""]
            case Code(lines):
                parts += ["```", *lines, "```", ""]
            case Hidden(text):
                parts += [f"<!-- {text} -->", ""]
    return "\n".join(parts).encode()


def write_text(document: Document) -> bytes:
    """Plain text with marks as people type them. Tables and notes are left out, headings stand underlined."""
    parts = [document.title, "=" * len(document.title), ""]
    for block in document.blocks:
        match block:
            case Heading(_, text):
                parts += [text, "-" * len(text), ""]
            case Paragraph(text):
                parts += [text, ""]
            case Items():
                for entry, depth, number in block.flat():
                    parts.append(f"{'    ' * (depth - 1)}{f'{number}.' if block.is_numbered else '-'} {entry.text}")
                parts.append("")
            case Pair():
                parts += [line for line in pair_lines(block) if line]
                parts.append("")
            case Code(lines):
                parts += [*lines, ""]
            case Table() | Hidden():
                pass
    return "\r\n".join(parts).encode("cp1252")


def write_html(document: Document) -> bytes:
    """A page as people's editors write it, in Windows-1252 as it declares, between a menu and a footer."""
    return (
        '<!DOCTYPE html><html><head><meta charset="windows-1252">'
        f"<title>{escape(document.title)}</title><style>p {{ margin: 0 }}</style></head><body>"
        f"<main>{_html_body(document)}</main></body></html>"
    ).encode("cp1252")


def write_xhtml(document: Document) -> bytes:
    """The same page as XHTML."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n'
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{escape(document.title)}</title></head>'
        f"<body>{_html_body(document)}</body></html>"
    ).encode()


def write_mail(document: Document) -> bytes:
    """A mail whose body is the page; a mail program shows its plain text only where it cannot show that."""
    mail = EmailMessage()
    mail["Subject"] = document.title
    mail["From"] = "Soporte <soporte@marea.example>"
    mail["To"] = "turno@marea.example"
    mail["Date"] = "Mon, 02 Nov 2026 09:30:00 +0100"
    mail.set_content("")
    mail.add_alternative(f"<html><body>{_html_body(document)}</body></html>", subtype="html")
    return mail.as_bytes()


def write_message(document: Document) -> bytes:
    """The same as Outlook saves it."""
    return compound_file(
        {
            "__properties_version1.0": bytes(32),
            "__substg1.0_0037001F": document.title.encode("utf-16-le"),
            "__substg1.0_0C1A001F": "Soporte".encode("utf-16-le"),
            "__substg1.0_10130102": f"<html><body>{_html_body(document)}</body></html>".encode(),
        }
    )


def pair_lines(pair: Pair) -> tuple[str, str]:
    """A question and its answer as lines of text, the second "" where they share one."""
    match pair.layout:
        case Layout.LABELS:
            return f"P: {pair.question}", f"R: {pair.answer}"
        case Layout.ENGLISH_LABELS:
            return f"Q: {pair.question}", f"A: {pair.answer}"
        case Layout.SAME_PARAGRAPH:
            return f"{pair.question} {pair.answer}", ""
        case _:
            return pair.question, pair.answer


def _markdown_items(entries: tuple[Entry, ...], is_numbered: bool, indent: str) -> list[str]:
    lines = []
    for number, entry in enumerate(entries, start=1):
        lines.append(f"{indent}{f'{number}.' if is_numbered else '-'} {entry.text}")
        lines += _markdown_items(entry.entries, is_numbered, indent + "    ")
    return lines


def _html_body(document: Document) -> str:
    blocks = document.blocks
    return "\n".join(
        f"<!-- {block.text} -->"  # a hidden element below a heading may be a panel that it opens
        if isinstance(block, Hidden) and isinstance(before, Heading)
        else _html_block(block)
        for before, block in zip((None, *blocks), blocks, strict=False)
    )


def _html_block(block: Block) -> str:  # noqa: PLR0911  (one for each kind)
    match block:
        case Heading(level, text):
            return f"<h{level}>{text}</h{level}>"
        case Paragraph(text, note, way):
            before, after = (
                ("<p>", "</p>"),
                ("<div>", "</div>"),
                ("<section><p>", "</p></section>"),
                ("<p><b>", "</b></p>"),
            )[way]
            return f"{before}{text}{after}" + (f"<aside><p>{note}</p></aside>" if note else "")
        case Items():
            return _html_items(block.entries, "ol" if block.is_numbered else "ul")
        case Table():
            return _html_table(block)
        case Pair(question, answer, Layout.HEADING):
            return f"<h4>{question}</h4><p>{answer}</p>"
        case Pair(question, answer, Layout.NATIVE):
            if len(question) % 2:
                return f"<dl><dt>{question}</dt><dd>{answer}</dd></dl>"
            return f"<details><summary>{question}</summary><p>{answer}</p></details>"
        case Pair():
            first, second = pair_lines(block)
            first = f"<b>{first}</b>" if block.layout is Layout.BOLD else first
            return f"<p>{first}</p>" + (f"<p>{second}</p>" if second else "")
        case Code(lines):
            return "<pre>" + "\n".join(lines) + "</pre>"
        case Hidden(text):
            if len(text) % 2:
                return f"<!-- {text} -->"
            return f'<p style="display: none">{text}</p>'


def _html_items(entries: tuple[Entry, ...], name: str) -> str:
    inner = "".join(
        f"<li>{entry.text}{_html_items(entry.entries, name) if entry.entries else ''}</li>" for entry in entries
    )
    return f"<{name}>{inner}</{name}>"


def _html_table(table: Table) -> str:
    rows = ["".join(f"<th>{name}</th>" for name in table.names)]
    for number, row in enumerate(table.rows):
        cells = [f"<td>{cell}</td>" for cell in row]
        if table.merged > 1 and number < table.merged:
            cells[0] = f'<td rowspan="{table.merged}">{row[0]}</td>' if number == 0 else ""
        rows.append("".join(cells))
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"
