"""A process of ours for `documents` and `document_files`: a script, so that PYTHONPATH says which code it measures.

python document_worker.py cases FOLDER            a line of JSON for each row of expectations.jsonl
python document_worker.py parse                   paths on standard input; a line for each: its text, or why not
python document_worker.py speed FORMAT REPEATS    paths on standard input; one line: seconds and memory
python document_worker.py ingest                  paths on standard input; one line: seconds of all into a new base
python document_worker.py library FORMAT REPEATS  the same for the chosen library alone
"""

import csv
import email
import email.policy
import importlib
import io
import json
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from edge_agent.errors import AgentError
from edge_agent.settings import AgentSettings, ParsingLimits

MAX_BYTES, MAX_SECONDS = 1_500_000_000, 60
FACTS: dict[str, dict[str, Any]] = {
    "html_aspnet_form.html": {"text_holds": ["Las llaves se piden a conserjería antes de las 13:00."]},
    "html_shy.html": {"text_holds": ["El reembolso de gastos médicos"]},
    "csv_one_ragged.csv": {"text_holds": ["The team lead."]},
    "csv_multiline_cell.csv": {"text_holds": ["Wait 40 seconds."]},
    "md_yaml_block_title.md": {"title": "Vacaciones y permisos", "tags": ["rrhh"]},
    "md_bom_front.md": {"title": "Uniformes"},
    "es_opening_hours.md": {"language": "es"},
}
"""What a row says in its note alone, by its file."""


def read_cases(folder: Path) -> None:
    """Says of each row whether it holds, and why not."""
    agents = importlib.import_module("edge_agent.agent")  # only here and below: it loads the runtime of models
    for line in (folder / "expectations.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        with tempfile.TemporaryDirectory() as store, agents.Agent(AgentSettings(store=Path(store))) as agent:
            try:
                faults = _faults_of(agent, folder, row)
            except AgentError as error:
                faults = [f"refused: {error}"]
        print(json.dumps({"files": row["files"], "note": row["note"], "faults": faults}), flush=True)


def parse_files() -> None:
    """Parses one file after another as the isolated child does, with limits of its own."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    signal.signal(signal.SIGALRM, _too_slow)
    for path in _paths():
        signal.alarm(MAX_SECONDS)
        print(json.dumps({"path": str(path), **_outcome(path)}), flush=True)
        signal.alarm(0)


def measure(function: Any, repeats: int) -> None:
    """Seconds of all files together, the median of some repeats, after one that loads what is needed; and memory."""
    contents = [(path, path.read_bytes()) for path in _paths()]
    before = _peak_bytes()
    accepted: list[tuple[Path, bytes]] = []
    seconds: list[float] = []
    for number in range(repeats + 1):
        started = time.perf_counter()
        for path, content in contents if number == 0 else accepted:
            try:
                function(path, content)
            except Exception as error:  # whatever a library raises for what it does not read
                if number:
                    raise
                print(f"{path.name}: {type(error).__name__}", file=sys.stderr)
            else:
                accepted += [(path, content)] if number == 0 else []
        seconds.append(time.perf_counter() - started)
    size = sum(len(content) for _, content in accepted)
    print(
        json.dumps(
            {
                "files": [path.name for path, _ in accepted],
                "size_bytes": size,
                "first_s": seconds[0],
                "seconds": statistics.median(seconds[1:]),
                "peak_bytes": _peak_bytes(),
                "peak_before_bytes": before,
            }
        )
    )


def ingest_files() -> None:
    """Seconds that a new base takes for all files that are read: parsed, cut into passages, encoded, stored."""
    agents = importlib.import_module("edge_agent.agent")
    accepted, size, seconds = [], 0, 0.0
    with tempfile.TemporaryDirectory() as store, agents.Agent(AgentSettings(store=Path(store))) as agent:
        agent.add_document("warm.md", b"The first document loads what is needed.", _format_of("warm.md"))
        for number, path in enumerate(_paths()):
            content, started = path.read_bytes(), time.perf_counter()
            try:
                agent.add_document(f"{number}/{path.name}", content, _format_of(path.name))
            except AgentError:
                continue
            accepted.append(path.name)
            size += len(content)
            seconds += time.perf_counter() - started
    print(json.dumps({"files": accepted, "size_bytes": size, "seconds": seconds, "peak_bytes": _peak_bytes()}))


def extract_file(path: Path, content: bytes) -> Any:
    """Our extract of a file."""
    from edge_agent.ingest.parsing.extraction import extract  # noqa: PLC0415  (its parts differ by code base)

    return extract(content, _format_of(path.name), ParsingLimits())


def _faults_of(agent: Any, folder: Path, row: dict[str, Any]) -> list[str]:
    faults = []
    for name in row["files"]:
        added = agent.add_document(name, (folder / name).read_bytes(), _format_of(name)).document
        with agent.store.snapshots.open() as snapshot:
            text = snapshot.document_with_text(added.document_id)[1]
        facts = FACTS.get(name, {})
        for held in (*row["text_holds"], *facts.get("text_holds", ())):
            faults += [] if _folded(held) in _folded(text) else [f"its text lacks {held!r}"]
        for key in ("title", "language"):
            faults += (
                [f"{key} {getattr(added, key)!r}"] if facts.get(key, getattr(added, key)) != getattr(added, key) else []
            )
        faults += [f"no tag {tag!r}" for tag in facts.get("tags", ()) if tag not in added.tags]
    if row["question"] is not None:
        answer = agent.questions.query(row["question"])
        said = _folded(answer.answer_text or "")
        faults += ["abstained"] if answer.abstained else []
        faults += [
            f"the answer lacks {held!r}: {said[:200]!r}" for held in row["answer_holds"] if _folded(held) not in said
        ]
        faults += [f"the answer holds {lacked!r}" for lacked in row["answer_lacks"] if _folded(lacked) in said]
    return faults


def _format_of(name: str) -> Any:
    parsing = "edge_agent.ingest.parsing"
    try:
        known = importlib.import_module(f"{parsing}.document_format")
    except ImportError:  # a code base of before November 2026
        known = importlib.import_module(f"{parsing}.formats")
    return known.format_of(name)


def _outcome(path: Path) -> dict[str, str]:
    try:
        extract = extract_file(path, path.read_bytes())
    except AgentError as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    except RecursionError:
        return {"refused": "InputInvalid: nested too deeply"}  # as the child answers it
    except (Exception, _TooSlow) as error:
        return {"crashed": f"{type(error).__name__}: {error}"}
    return {"text": extract.text}


def _library(document_format: str) -> Any:
    """The chosen library's own way from a file's bytes to its text, without structure; None where none was chosen."""
    ways = {
        "html": lambda content: importlib.import_module("lxml.html").document_fromstring(content).text_content(),
        "md": lambda content: importlib.import_module("pyromark").html(content.decode("utf-8", "replace")),
        "csv": _rows,
        "tsv": _rows,
        "json": lambda content: json.loads(content.decode("utf-8-sig")),
        "docx": _parts,
        "odt": _parts,
        "pptx": _parts,
        "odp": _parts,
        "pdf": _pages,
        "xlsx": _sheets,
        "ods": _sheets,
        "eml": _mail,
    }
    way = ways.get(document_format)
    return (lambda path, content: way(content)) if way else None


def _rows(content: bytes) -> None:
    list(csv.reader(io.StringIO(content.decode("utf-8", "replace"), newline="")))


def _parts(content: bytes) -> None:
    etree = importlib.import_module("lxml.etree")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if name.endswith(".xml"):
                "".join(etree.fromstring(archive.read(name)).itertext())


def _pages(content: bytes) -> None:
    with importlib.import_module("pypdfium2").PdfDocument(content) as document:
        for page in document:
            page.get_textpage().get_text_bounded()


def _sheets(content: bytes) -> None:
    book = importlib.import_module("python_calamine").CalamineWorkbook.from_filelike(io.BytesIO(content))
    for name in book.sheet_names:
        book.get_sheet_by_name(name).to_python()


def _mail(content: bytes) -> None:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            part.get_content()


def _paths() -> list[Path]:
    return [Path(line) for line in sys.stdin.read().splitlines()]


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


class _TooSlow(BaseException):
    """A file took longer than it may."""


def _too_slow(*_: object) -> None:
    raise _TooSlow(f"more than {MAX_SECONDS} s")


def main() -> None:
    """Runs what the arguments ask for."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    match sys.argv[1:]:
        case ["cases", folder]:
            read_cases(Path(folder))
        case ["parse"]:
            parse_files()
        case ["speed", _, repeats]:
            measure(extract_file, int(repeats))
        case ["ingest"]:
            ingest_files()
        case ["library", document_format, repeats]:
            if way := _library(document_format):
                measure(way, int(repeats))
        case _:
            sys.exit("expected cases FOLDER, parse, ingest, speed FORMAT REPEATS or library FORMAT REPEATS")


if __name__ == "__main__":
    main()
