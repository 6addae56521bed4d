"""Damaged and nonsensical documents of every format through the parsers: only our own refusals may come out.

`python -m benchmarks fuzz`, or `python -m benchmarks.fuzz --runs N` for another number of documents of each format. The
parsers run unshielded, each batch in a process of its own, so that an error shows instead of being one more refusal of
the isolated child that serves documents (`edge_agent.ingest.parsing.isolation`).
"""

import argparse
import io
import json
import random
import resource
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import docx
import openpyxl
from markdown_it import MarkdownIt
from pptx import Presentation
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from benchmarks.compound_file import compound_file
from edge_agent.errors import AgentError
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits

RUNS, BATCH = 4000, 250
MAX_SECONDS = 20
MAX_BYTES = 1_500_000_000
TEXT = (
    "# Copias\n\nSe hacen cada noche, a las dos.\n\n- Plan *Marea*: 14 días\n- Plan Duna\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n"
)
_RTF = (
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}}{\stylesheet{\s1 heading 1;}}{\info{\title Copias}}"
    rb"\pard\s1 Copias\par\pard Se hacen cada noche, a las \u100?os\'e9.{\footnote Nota}\par"
    rb"{\listtext 1.\tab}\ls1 Plan\par\trowd\cellx100\cellx200\pard\intbl a\cell b\cell\row}"
)
TOKENS = [
    *(b"<< >> [ ] ( ) obj endobj stream endstream /Kids /Parent /Length /Filter /FlateDecode R xref trailer".split()),
    *(rb"\par \u-1 \bin9999 \trowd \cell \row \*\x { } \'e9 \uc9 \itap9 \nestcell".split()),
    *(b"<p> </p> <table> <tr><td> <!-- <![CDATA[ &#0; &#xD800; &amp; <w:p> <w:tbl> <w:gridSpan/> <svg> <h1>".split()),
    *(b'# > - 1. | ``` [a]( ![ ** "" , ; { } [ ] : \\ud800 \\u0000 1e999 -1 99999999999999999999 null'.split()),
    *(b"\0", b"\xff\xfe", b"\r", b"\t", "\u202e\u0301\u2028".encode(), "🚀".encode(), b"\n\n\n"),
]


def run(runs: int = RUNS) -> dict[str, Any]:
    """How many documents of each format were read, refused, or what else happened to them."""
    formats: dict[str, Any] = {}
    for document_format in filter(seeds_of, DocumentFormat):
        counts, unexpected = Counter[str](), []
        for first in range(0, runs, BATCH):
            batch = _run_batch(document_format, first, min(runs, first + BATCH))
            counts += Counter(batch["counts"])
            unexpected += batch["unexpected"]
        formats[document_format.value] = {"documents": runs, **dict(sorted(counts.items())), "unexpected": unexpected}
    return {"seconds_allowed": MAX_SECONDS, "bytes_allowed": MAX_BYTES, "formats": formats}


def seeds_of(document_format: DocumentFormat) -> list[bytes]:
    """Small sound documents of a format."""
    html = MarkdownIt("commonmark").enable("table").render(TEXT)
    seeds: list[bytes]
    match document_format:
        case DocumentFormat.PDF:
            seeds = [_make_pdf(is_packed) for is_packed in (False, True)]
        case DocumentFormat.DOCX:
            seeds = [_make_docx()]
        case DocumentFormat.XLSX | DocumentFormat.ODS:
            seeds = [_make_workbook(document_format)]
        case DocumentFormat.PPTX:
            seeds = [_make_pptx()]
        case DocumentFormat.ODT | DocumentFormat.ODP:
            seeds = [_make_odf(document_format, is_flat) for is_flat in (False, True)]
        case DocumentFormat.HTML:
            seeds = [f"<!doctype html><title>Ayuda</title><main>{html}</main>".encode(), html.encode()]
        case DocumentFormat.EML:
            seeds = [_make_mail()]
        case DocumentFormat.MSG:
            seeds = [_make_outlook_mail()]
        case DocumentFormat.IMAGE:
            seeds = []  # its parser is a program of others
        case _:
            seeds = _OTHERS.get(document_format, [TEXT.encode(), b"---\ntitle: x\n---\n" + TEXT.encode()])
    return seeds


_OTHERS = {
    DocumentFormat.RTF: [_RTF],
    DocumentFormat.CSV: ['question;answer\n"¿Cuándo?";"Cada noche; a las dos"\n¿Y?;Nada\n'.encode(), b"a,b\n1,2\n"],
    DocumentFormat.TSV: ["Sede\tExt.\nVigo\t5504\n".encode("utf-16")],
    DocumentFormat.JSON: [json.dumps({"title": "Tarifas", "rows": [{"a": 1, "b": [True]}, {"a": 2.5}]}).encode()],
    DocumentFormat.JSONL: [json.dumps({"subject": "Correo", "body": "No", "n": 1.5}).encode() + b'\n{"a": "b"}\n'],
}


def _make_mail() -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["Date"] = "Ayuda ñ", "a@b.example", "Mon, 02 Nov 2026 10:00:00 +0100"
    message.set_content(TEXT)
    message.add_alternative(MarkdownIt("commonmark").render(TEXT), subtype="html")
    message.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="año.csv")
    return message.as_bytes()


def _make_outlook_mail() -> bytes:
    return compound_file(
        {
            "__properties_version1.0": bytes(32),
            "__substg1.0_0037001F": "Ayuda ñ".encode("utf-16-le"),
            "__substg1.0_10130102": MarkdownIt("commonmark").render(TEXT).encode(),
            "__attach_version1.0_#00000000": {"__substg1.0_37010102": b"a,b", "__substg1.0_3707001F": b"a\0.\0c\0"},
        }
    )


def spoil(content: bytes, document_format: DocumentFormat, generator: random.Random) -> bytes:
    """A document with a few things changed at random; of a packed one mostly what is in it."""
    if generator.random() < 0.02:
        return generator.randbytes(generator.randrange(2000))
    if content.startswith(b"PK") and generator.random() < 0.8:
        return _spoil_part(content, generator)
    made = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 4, 16))):
        _spoil_once(made, generator)
    return bytes(made)


def fault_of(made: Extract) -> str | None:
    """What is wrong with what was read, None if its blocks lie in its text, in order, without space around them."""
    end = 0
    for block in made.blocks:
        text = made.text[block.start : block.end]
        if not end <= block.start < block.end <= len(made.text) or text.strip() != text:
            return "a block out of its place"
        end = block.end
    try:
        (made.text + (made.title or "")).encode()
    except UnicodeEncodeError:
        return "lone surrogates"
    return "NUL" if "\0" in made.text + (made.title or "") else None


def outcome_of(content: bytes, document_format: DocumentFormat) -> str:
    """`read`, the name of our refusal, or what should not have happened, beginning with `!`."""
    try:
        fault = fault_of(extract(content, document_format, ParsingLimits()))
    except AgentError as error:
        return type(error).__name__
    except RecursionError:
        return "InputInvalid"  # as the child answers it
    except (Exception, _TooSlow) as error:
        return f"!{type(error).__name__}"
    return f"!{fault}" if fault else "read"


def _spoil_once(made: bytearray, generator: random.Random) -> None:
    start = generator.randrange(len(made) + 1)
    end = min(len(made), start + generator.choice((1, 4, 30, 300)))
    match generator.randrange(6):
        case 0 if start < len(made):
            made[start] ^= 1 << generator.randrange(8)
        case 1:
            del made[start:end]
        case 2:
            made[start:start] = generator.choice(TOKENS) * generator.choice((1, 1, 2, 50, 1000))
        case 3:
            made[start:end] = generator.randbytes(end - start)
        case 4:
            other = generator.randrange(len(made) + 1)
            made[other:other] = made[start:end] * generator.choice((1, 1, 3, 100))
        case _:
            made[start:end] = str(generator.choice((0, -1, 2**31, 2**63, 10**30))).encode()


def _spoil_part(content: bytes, generator: random.Random) -> bytes:
    original, out = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    spoilt = generator.choice([name for name in original.namelist() for _ in range(10 if _is_text(name) else 1)])
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in original.namelist():
            part = bytearray(original.read(name))
            for _ in range(generator.choice((1, 2, 4)) if name == spoilt else 0):
                _spoil_once(part, generator)
            archive.writestr(name, bytes(part))
    return out.getvalue()


def _make_docx() -> bytes:
    document = docx.Document()
    document.add_heading("Copias", level=1)
    document.add_paragraph("Se hacen cada noche, a las dos.")
    document.add_paragraph("Plan Marea", style="List Bullet")
    document.add_table(rows=2, cols=2).cell(0, 0).text = "Plan"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _make_workbook(document_format: DocumentFormat) -> bytes:
    out = io.BytesIO()
    rows: list[list[str | int]] = [["Sede", "Ext."], ["Vigo", 5504]]
    if document_format is DocumentFormat.XLSX:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.active.merge_cells("A1:A2")
        book.save(out)
        return out.getvalue()
    names = "".join(f' xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in ("office", "table", "text"))
    cells = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>"
        for row in rows
    )
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        sheet = f'<table:table table:name="Hoja1">{cells}</table:table>'
        body = f"<office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body>"
        archive.writestr("content.xml", f"<office:document-content{names}>{body}</office:document-content>")
    return out.getvalue()


def _is_text(part: str) -> bool:
    return any(word in part for word in ("document.xml", "content.xml", "slides/slide"))


def _make_pptx() -> bytes:
    made = Presentation()
    slide = made.slides.add_slide(made.slide_layouts[1])
    slide.shapes.title.text = "Copias"
    slide.placeholders[1].text = "Se hacen cada noche, a las dos."
    slide.shapes.add_table(2, 2, 0, 0, 100, 100).table.cell(0, 0).text = "Plan"
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def _make_odf(document_format: DocumentFormat, is_flat: bool) -> bytes:
    inner = (
        '<text:h text:outline-level="1">Copias</text:h><text:p>Se hacen<text:s text:c="2"/>cada noche.</text:p>'
        "<text:list><text:list-item><text:p>Plan Marea</text:p></text:list-item></text:list><table:table>"
        '<table:table-row><table:table-cell table:number-columns-repeated="2" table:number-rows-spanned="2"><text:p>a'
        "</text:p></table:table-cell></table:table-row></table:table>"
    )
    kind = "text" if document_format is DocumentFormat.ODT else "presentation"
    if kind == "presentation":
        inner = f'<draw:page><draw:frame svg:y="2cm"><draw:text-box>{inner}</draw:text-box></draw:frame></draw:page>'
    names = {"office": "office", "text": "text", "table": "table", "draw": "drawing", "svg": "svg-compatible"}
    spaces = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{s}:1.0"' for n, s in names.items())
    root = "office:document" if is_flat else "office:document-content"
    xml = f"<{root} {spaces}><office:body><office:{kind}>{inner}</office:{kind}></office:body></{root}>"
    if is_flat:
        return xml.encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("content.xml", xml)
    return out.getvalue()


def _make_pdf(is_packed: bool) -> bytes:
    writer = PdfWriter()
    names = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica", "/Encoding": "/WinAnsiEncoding"}
    font = DictionaryObject({NameObject(key): NameObject(value) for key, value in names.items()})
    for lines in (["Copias de seguridad", "Se hacen cada noche."], ["Otra página."]):
        page = writer.add_blank_page(595, 842)
        fonts = DictionaryObject({NameObject("/F"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(
            ("BT /F 11 Tf 50 780 Td " + "".join(f"({t}) Tj 0 -14 Td " for t in lines) + "ET").encode("cp1252")
        )
        page[NameObject("/Contents")] = writer._add_object(stream.flate_encode() if is_packed else stream)
    writer.add_metadata({"/Title": "Copias"})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _run_batch(document_format: DocumentFormat, first: int, last: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.fuzz", "--worker", document_format.value, str(first), str(last)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if len(lines) < last - first:  # it died: the document after the last answer killed it
        lines.append({"number": first + len(lines), "outcome": f"!died with {done.returncode}"})
    counts = Counter(line["outcome"] for line in lines)
    return {"counts": counts, "unexpected": [line for line in lines if line["outcome"].startswith("!")]}


def _work(document_format: DocumentFormat, first: int, last: int) -> None:
    """Reads documents number first to last, one line of JSON for each."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _too_slow)
    seeds = seeds_of(document_format)
    for number in range(first, last):
        generator = random.Random(f"{document_format.value} {number}")  # noqa: S311
        content = spoil(generator.choice(seeds), document_format, generator)
        signal.alarm(MAX_SECONDS)
        outcome = outcome_of(content, document_format)
        signal.alarm(0)
        print(json.dumps({"number": number, "outcome": outcome}), flush=True)


class _TooSlow(BaseException):
    """A document took longer than it may."""


def _too_slow(*_: object) -> None:
    raise _TooSlow


def main() -> None:
    """Runs the sweep, or one batch of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="documents of each format")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        _work(DocumentFormat(given.worker[0]), int(given.worker[1]), int(given.worker[2]))
        return
    result = json.dumps(run(given.runs), indent=2)
    (Path(__file__).parent / "results" / "fuzz.json").write_text(result + "\n")
    print(result)


if __name__ == "__main__":
    main()
