"""Other tools for `document_files`, each in a process of the Python that has it; imports nothing of ours.

    python document_tools.py versions         one line of JSON: the versions of all tools that are here
    python document_tools.py TOOL             paths on standard input; a line of JSON for each: its text, or why not

A tool named `truth` says what is in a file by the plain library of its format, for formats that no other program shows.
"""

import email
import email.policy
import importlib
import io
import json
import re
import signal
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

MAX_SECONDS = 60
PACKAGES = {
    "kreuzberg": "kreuzberg",
    "markitdown": "markitdown",
    "trafilatura": "trafilatura",
    "resiliparse": "Resiliparse",
    "pypdf": "pypdf",
    "pdfminer": "pdfminer.six",
    "docling-parse": "docling-parse",
    "pypdfium2": "pypdfium2",
    "mammoth": "mammoth",
    "striprtf": "striprtf",
    "odfpy": "odfpy",
    "calamine": "python-calamine",
    "html2text": "html2text",
    "extract-msg": "extract-msg",
    "chardet": "chardet",
    "Markdown": "markdown",
}


def _load(name: str) -> Any:
    return importlib.import_module(name)


def _kreuzberg(path: Path) -> str:
    return str(_load("kreuzberg").extract_file_sync(str(path)).content)


def _markitdown(path: Path) -> str:
    return str(_load("markitdown").MarkItDown(enable_plugins=False).convert(str(path)).text_content)


def _trafilatura(path: Path) -> str:
    return str(_load("trafilatura").extract(path.read_bytes(), include_tables=True, favor_recall=True) or "")


def _resiliparse(path: Path) -> str:
    detect = _load("resiliparse.parse.encoding").detect_encoding
    content = path.read_bytes()
    text = content.decode(detect(content), "replace")
    return str(_load("resiliparse.extract.html2text").extract_plain_text(text))


def _pypdf(path: Path) -> str:
    return "\n".join(page.extract_text() for page in _load("pypdf").PdfReader(path).pages)


def _pdfminer(path: Path) -> str:
    return str(_load("pdfminer.high_level").extract_text(str(path)))


def _pypdfium2(path: Path) -> str:
    pages = _load("pypdfium2").PdfDocument(path)
    return "\n".join(page.get_textpage().get_text_bounded() for page in pages)


def _docling_parse(path: Path) -> str:
    parser = _load("docling_parse.pdf_parser").DoclingPdfParser(loglevel="fatal")
    unit = _load("docling_core.types.doc.page").TextCellUnit.LINE
    document = parser.load(path_or_stream=str(path))
    return "\n".join(cell.text for _, page in document.iterate_pages() for cell in page.iterate_cells(unit_type=unit))


def _mammoth(path: Path) -> str:
    with path.open("rb") as file:
        return str(_load("mammoth").extract_raw_text(file).value)


def _striprtf(path: Path) -> str:
    return str(
        _load("striprtf.striprtf").rtf_to_text(path.read_text(encoding="cp1252", errors="replace"), errors="ignore")
    )


def _odfpy(path: Path) -> str:
    opened, text, teletype = _load("odf.opendocument").load(str(path)), _load("odf.text"), _load("odf.teletype")
    paragraphs = [*opened.getElementsByType(text.H), *opened.getElementsByType(text.P)]
    return "\n".join(teletype.extractText(paragraph) for paragraph in paragraphs)


def _calamine(path: Path) -> str:
    book = _load("python_calamine").CalamineWorkbook.from_path(str(path))
    rows = [row for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python()]
    return "\n".join(" ".join(str(cell) for cell in row) for row in rows)


def _plain(path: Path) -> str:
    """A text file as an editor opens it: UTF-8, else as chardet guesses."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        guessed = _load("chardet").detect(content)["encoding"] or "cp1252"
        return content.decode("cp1252" if guessed.lower().startswith("iso-8859-1") else guessed, "replace")


def _html2text(path: Path) -> str:
    return _page_text(_plain(path))


def _page_text(page: str) -> str:
    converter = _load("html2text").HTML2Text(bodywidth=0)
    converter.ignore_links = converter.ignore_images = converter.ignore_emphasis = True
    return str(converter.handle(page))


def _mail(path: Path) -> str:
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = mail.get_body(preferencelist=("html", "plain"))
    shown = body.get_content() if body is not None else ""
    shown = _page_text(shown) if body is not None and body.get_content_type() == "text/html" else shown
    heads = [f"{name}: {mail[name] or ''}" for name in ("Subject", "From", "To", "Cc", "Date")]
    return "\n".join([*heads, shown])


def _message(path: Path) -> str:
    message = _load("extract_msg").openMsg(str(path))
    body = message.body or (_page_text(message.htmlBody.decode("utf-8", "replace")) if message.htmlBody else "")
    people = [message.sender, message.to, message.cc, str(message.date)]
    heads = zip(("From", "To", "Cc", "Date"), people, strict=True)
    return "\n".join([message.subject or "", *(f"{name}: {value or ''}" for name, value in heads), body])


def _rendered(path: Path) -> str:
    text = re.sub(r"\A---\r?\n.*?\n---\r?\n", "", _plain(path), flags=re.DOTALL)
    return _page_text(_load("markdown").markdown(text, extensions=["tables", "fenced_code", "footnotes", "def_list"]))


def _json(path: Path) -> str:
    text = _plain(path)
    try:
        values = [json.loads(text)]
    except ValueError:
        values = [json.loads(line) for line in text.splitlines() if line.strip()]
    out = io.StringIO()
    stack = values[::-1]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack += [part for pair in value.items() for part in pair][::-1]
        elif isinstance(value, list):
            stack += value[::-1]
        elif value is not None and not isinstance(value, bool):
            out.write(f"{value}\n")
    return out.getvalue()


def _truth(path: Path) -> str:
    by_suffix = {"md": _rendered, "eml": _mail, "msg": _message, "json": _json, "jsonl": _json}
    return by_suffix.get(path.suffix[1:].lower(), _plain)(path)


TOOLS: dict[str, Callable[[Path], str]] = {
    "kreuzberg": _kreuzberg,
    "markitdown": _markitdown,
    "trafilatura": _trafilatura,
    "resiliparse": _resiliparse,
    "html2text": _html2text,
    "pypdf": _pypdf,
    "pdfminer": _pdfminer,
    "pypdfium2": _pypdfium2,
    "docling-parse": _docling_parse,
    "mammoth": _mammoth,
    "striprtf": _striprtf,
    "odfpy": _odfpy,
    "calamine": _calamine,
    "truth": _truth,
}


class _TooSlow(BaseException):
    """A file took longer than it may."""


def _too_slow(*_: object) -> None:
    raise _TooSlow(f"more than {MAX_SECONDS} s")


def _versions() -> dict[str, str]:
    found = {}
    for tool, package in PACKAGES.items():
        try:
            found[tool] = version(package)
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    """Runs one tool over the paths on standard input."""
    out, sys.stdout = sys.stdout, sys.stderr  # what a tool prints is no answer
    if sys.argv[1] == "versions":
        print(json.dumps(_versions()), file=out)
        return
    signal.signal(signal.SIGALRM, _too_slow)
    for line in sys.stdin.read().splitlines():
        signal.alarm(MAX_SECONDS)
        try:
            said = {"text": TOOLS[sys.argv[1]](Path(line))}
        except (Exception, _TooSlow) as error:
            said = {"refused": f"{type(error).__name__}: {error}"[:300]}
        signal.alarm(0)
        print(json.dumps({"path": line, **said}), file=out, flush=True)


if __name__ == "__main__":
    main()
