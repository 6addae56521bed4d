"""Real public files: how many are read, how much of what a reader sees arrives, beside other tools, and how fast.

`ORILLA_CORPUS` names a folder of files, a folder for each format, with a MANIFEST.tsv whose column `half` says `dev` or
`test`; choices are made by the dev half alone. `ORILLA_OTHERS` names the Python that has the other tools
(`document_tools.py`), `ORILLA_BASE` the code of the former parsers. What a reader sees is shown by programs that are no
part of the comparison (`document_truth.py`).

A word is kept if it arrives, and let in if it arrives though no reader sees it. Words are counted once a file, since
running heads stand on every page and names of columns in every row; shares are means over files, 0 for a file that a
tool does not read.
"""

import argparse
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.document_truth import show_all

WORKER, TOOLS = Path(__file__).with_name("document_worker.py"), Path(__file__).with_name("document_tools.py")
ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".run" / "document-truth"
REPEATS = 3
MAX_INGESTED_BYTES = 50_000
MAX_TIMED_BYTES = 300_000
OTHERS = {
    "csv": ["kreuzberg", "markitdown"],
    "docx": ["kreuzberg", "markitdown", "mammoth"],
    "eml": ["kreuzberg"],
    "html": ["kreuzberg", "markitdown", "trafilatura", "resiliparse", "html2text"],
    "json": ["kreuzberg", "markitdown"],
    "md": ["kreuzberg", "markitdown"],
    "msg": ["kreuzberg", "markitdown"],
    "odp": ["kreuzberg"],
    "ods": ["kreuzberg", "calamine"],
    "odt": ["kreuzberg", "odfpy"],
    "pdf": ["kreuzberg", "markitdown", "pypdf", "pdfminer", "pypdfium2", "docling-parse"],
    "pptx": ["kreuzberg", "markitdown"],
    "rtf": ["kreuzberg", "striprtf"],
    "tsv": ["kreuzberg", "markitdown"],
    "txt": ["kreuzberg", "markitdown"],
    "xlsx": ["kreuzberg", "markitdown", "calamine"],
}
"""The tools that say they read a format."""
UNSHOWN = ("broken", "image")
"""Folders of files whose text is not compared: damaged ones, and pictures."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the files and the other tools are; None for a comparison that is left out."""

    corpus: Path
    others: Path | None
    base: Path | None


def run() -> dict[str, Any]:
    """Figures of both halves, and of speed and memory on all files."""
    setting = setting_of(os.environ)
    halves = {half: measure_half(setting, half) for half in ("dev", "test")}
    return {
        "tools": _versions(setting),
        "halves": halves,
        "speed": measure_speed(setting),
        "ingest": measure_ingest(setting),
    }


def setting_of(environment: Mapping[str, str]) -> Setting:
    """The setting that the environment names."""
    others, base = (environment.get(name) for name in ("ORILLA_OTHERS", "ORILLA_BASE"))
    return Setting(Path(environment["ORILLA_CORPUS"]), Path(others) if others else None, Path(base) if base else None)


def measure_half(setting: Setting, half: str, formats: Sequence[str] = (), *, details: bool = False) -> dict[str, Any]:
    """Figures by format; with `details` also of each file, which are for mending and not for the results."""
    figures = {}
    for document_format, paths in files_of(setting.corpus, half).items():
        if formats and document_format not in formats:
            continue
        print(f"  {half} {document_format}: {len(paths)} files", flush=True)
        figures[document_format] = _measure_format(setting, document_format, paths, details=details)
    return figures


def files_of(corpus: Path, half: str) -> dict[str, list[Path]]:
    """The files of a half by format."""
    files: dict[str, list[Path]] = {}
    with (corpus / "MANIFEST.tsv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            if half in ("all", row["half"]) and (corpus / row["path"]).exists():
                files.setdefault(row["path"].split("/")[0], []).append(corpus / row["path"])
    return dict(sorted(files.items()))


def words_of(text: str) -> set[str]:
    """The different words of a text, without case and accents, hyphenated ones joined."""
    text = unicodedata.normalize("NFKD", re.sub(r"(\w)[-\u00ad]\n(\w)", r"\1\2", text)).replace("ı", "i")
    text = "".join(c for c in text.casefold() if not unicodedata.combining(c) and c not in "\u00ad\u200b\u200d\ufeff")
    return set(re.findall(r"[^\W_]+", text))


def measure_speed(setting: Setting) -> dict[str, Any]:
    """Seconds and peak memory by format: ours, the former parser on what both read, the chosen library alone."""
    figures = {}
    for document_format, found in files_of(setting.corpus, "all").items():
        paths = [path for path in found if path.stat().st_size <= MAX_TIMED_BYTES]
        if document_format in UNSHOWN:
            continue
        print(f"  speed {document_format}", flush=True)
        ours = _speed(ROOT, "speed", document_format, paths)
        former = _speed(setting.base, "speed", document_format, paths) if setting.base else None
        library = _speed(ROOT, "library", document_format, paths)
        figures[document_format] = {
            **_speed_figures(ours),
            "former": _beside(setting, document_format, paths, former, "speed") if setting.base else None,
            "library": _beside(setting, document_format, paths, library, "library"),
        }
    return figures


def measure_ingest(setting: Setting) -> dict[str, Any]:
    """Seconds of the whole ingest of Markdown and text, ours and the former parsers' in turns, medians."""
    figures = {}
    for document_format in ("md", "txt"):
        paths = files_of(setting.corpus, "all").get(document_format, [])
        paths = [path for path in paths if path.stat().st_size <= MAX_INGESTED_BYTES]
        if not setting.base or not paths:
            continue
        print(f"  ingest {document_format}", flush=True)
        read = set(_ingest(setting.base, paths)["files"]) & set(_ingest(ROOT, paths)["files"])
        paths = [path for path in paths if path.name in read]
        pairs = [(_ingest(setting.base, paths), _ingest(ROOT, paths)) for _ in range(REPEATS)]
        former, ours = (statistics.median(pair[n]["seconds"] for pair in pairs) for n in (0, 1))
        figures[document_format] = {
            "files": len(paths),
            "kb": round(pairs[0][1]["size_bytes"] / 1000),
            "former_s": round(former, 2),
            "seconds": round(ours, 2),
            "ratio": round(ours / former, 3),
        }
    return figures


def run_worker(command: Sequence[str], paths: Sequence[Path], *, code: Path = ROOT) -> dict[Path, dict[str, str]]:
    """The answers of a worker for each file; one that dies is started again after the file that killed it."""
    answers: dict[Path, dict[str, str]] = {}
    waiting = list(paths)
    while waiting:
        done = _run(command, waiting, code)
        for line in done.stdout.splitlines():
            answer = json.loads(line)
            answers[Path(answer["path"])] = answer
        if waiting[0] not in answers or len(answers) < len(paths):
            died = next(path for path in waiting if path not in answers)
            answers[died] = {"crashed": f"the process died with {done.returncode}"}
        waiting = [path for path in waiting if path not in answers]
    return answers


def _measure_format(setting: Setting, document_format: str, paths: list[Path], *, details: bool) -> dict[str, Any]:
    ours = run_worker([sys.executable, str(WORKER), "parse"], paths)
    refused = Counter(_kind_of(answer["refused"]) for answer in ours.values() if "refused" in answer)
    crashed = {path.name: answer["crashed"] for path, answer in ours.items() if "crashed" in answer}
    figures: dict[str, Any] = {
        "files": len(paths),
        "read": sum("text" in answer for answer in ours.values()),
        "crashed": len(crashed),
        "refused": dict(refused.most_common()),
    }
    if details:
        figures["answers"] = {str(p): {k: v for k, v in a.items() if k != "text"} for p, a in ours.items()}
    if document_format in UNSHOWN:
        return figures
    truth = {path: words for path, text in _truth(setting, paths).items() if (words := words_of(text))}
    figures |= {"compared": len(truth), **_shares(ours, truth)}
    if details:
        figures["by_file"] = [_file_figures(path, ours[path], truth[path]) for path in truth]
    if setting.others:
        figures["others"] = {
            tool: _shares(run_worker([str(setting.others), str(TOOLS), tool], list(truth)), truth)
            for tool in OTHERS[document_format]
        }
    return figures


def _truth(setting: Setting, paths: list[Path]) -> dict[Path, str]:
    shown = show_all(paths, KEPT)
    plain = [path for path in paths if path not in shown]
    from_library = run_worker([str(setting.others or sys.executable), str(TOOLS), "truth"], plain)
    is_plain = {"csv", "tsv", "txt", "md", "json", "eml", "msg"}
    return shown | {p: a["text"] for p, a in from_library.items() if "text" in a and p.parent.name in is_plain}


def _shares(answers: Mapping[Path, dict[str, str]], truth: Mapping[Path, set[str]]) -> dict[str, Any]:
    kept, let_in = [], []
    for path, seen in truth.items():
        words = words_of(answers[path].get("text", ""))
        kept.append(len(words & seen) / len(seen))
        if words:
            let_in.append(len(words - seen) / len(words))
    return {
        "kept": round(statistics.fmean(kept), 4) if kept else None,
        "let_in": round(statistics.fmean(let_in), 4) if let_in else None,
        "unread": sum("text" not in answers[path] for path in truth),
    }


def _file_figures(path: Path, answer: dict[str, str], seen: set[str]) -> dict[str, Any]:
    words = words_of(answer.get("text", ""))
    lost, strange = sorted(seen - words), sorted(words - seen)
    return {
        "file": path.name,
        "kept": round(1 - len(lost) / len(seen), 4),
        "let_in": round(len(strange) / len(words), 4) if words else 0.0,
        "lost": lost,
        "strange": strange,
        "why": answer.get("refused") or answer.get("crashed") or "",
    }


def _kind_of(refusal: str) -> str:
    return re.sub(r"\d[\d.,]*", "N", refusal)


def _ingest(code: Path, paths: Sequence[Path]) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(_run([sys.executable, str(WORKER), "ingest"], paths, code).stdout)
    return figures


def _speed(code: Path, what: str, document_format: str, paths: Sequence[Path]) -> dict[str, Any] | None:
    done = _run([sys.executable, str(WORKER), what, document_format, str(REPEATS)], paths, code)
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None


def _speed_figures(measured: dict[str, Any] | None) -> dict[str, Any]:
    if not measured or not measured["files"]:
        return {"files": 0}
    return {
        "files": len(measured["files"]),
        "ms_per_file": round(1000 * measured["seconds"] / len(measured["files"]), 2),
        "mb_per_s": round(measured["size_bytes"] / 1e6 / measured["seconds"], 2),
        "peak_mb": round(measured["peak_bytes"] / 1e6),
    }


def _beside(
    setting: Setting, document_format: str, paths: Sequence[Path], other: dict[str, Any] | None, what: str
) -> dict[str, Any] | None:
    """Ours over another on the files that both read, measured once more for both."""
    if not other or not other["files"]:
        return None
    common = [path for path in paths if path.name in set(other["files"])]
    ours = _speed(ROOT, "speed", document_format, common)
    if not ours or not ours["files"]:
        return None
    common = [path for path in common if path.name in set(ours["files"])]
    code = setting.base if what == "speed" and setting.base else ROOT
    measured = [_speed(ROOT, "speed", document_format, common), _speed(code, what, document_format, common)]
    if not measured[0] or not measured[1]:
        return None
    return {
        **_speed_figures(measured[1]),
        "seconds_ratio": round(measured[0]["seconds"] / measured[1]["seconds"], 3),
        "peak_ratio": round(measured[0]["peak_bytes"] / measured[1]["peak_bytes"], 3),
    }


def _versions(setting: Setting) -> dict[str, str]:
    programs = {
        "LibreOffice": ["soffice", "--version"],
        "poppler": ["pdftotext", "-v"],
        "Chromium": ["chromium", "--version"],
    }
    found = {}
    for name, command in programs.items():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        version = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
        found[name] = version[0] if version else ""
    if setting.others:
        done = subprocess.run([setting.others, TOOLS, "versions"], capture_output=True, text=True, check=True)
        found |= json.loads(done.stdout)
    return found


def _run(command: Sequence[str], paths: Sequence[Path], code: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
    given = "\n".join(map(str, paths))
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False, env=environment, cwd=code)


def main() -> None:
    """Figures of one half with those of each file, for mending."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--half", default="dev")
    parser.add_argument("--formats", nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    made = measure_half(setting_of(os.environ), asked.half, asked.formats, details=True)
    asked.out.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
