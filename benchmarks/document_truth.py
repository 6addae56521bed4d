"""What a reader sees in a file, by programs that are no part of what is compared: LibreOffice, poppler and Chromium.

Office documents are shown by LibreOffice, PDF by `pdftotext`, pages by Chromium; what needs no program is read by the
plain library of its format (`document_tools`, `truth`). Of a page, what is marked as menu, head or foot of its site
is taken out first. What was once shown is kept below a folder, by digest.
"""

import hashlib
import html
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

OFFICE = {"docx", "odt", "rtf", "pptx", "odp", "xlsx", "ods"}
_SHEETS = "csv:Text - txt - csv (StarCalc):32,34,76,1,,0,false,true,false,false,false,-1"
_BATCH = 10
_SCRIPT = (
    "<script>addEventListener('load',()=>{for(const e of document.querySelectorAll('nav,body>header,body>footer,"
    "[role=navigation],[role=banner],[role=contentinfo],[role=search]'))e.remove();"
    "const t=document.body.innerText,p=document.createElement('pre');"
    "p.id='orilla-shown';p.textContent=t;document.documentElement.replaceChildren(p)})</script>"
)


def show_all(paths: Sequence[Path], kept: Path) -> dict[Path, str]:
    """The text that programs show of those files that they show; a file they cannot open has none."""
    kept.mkdir(parents=True, exist_ok=True)
    places = {path: kept / f"{hashlib.sha256(path.read_bytes()).hexdigest()}.{path.parent.name}.txt" for path in paths}
    missing = [path for path in paths if not places[path].exists()]
    office = [path for path in missing if path.parent.name in OFFICE]
    for first in range(0, len(office), _BATCH):
        for path, text in _show_office(office[first : first + _BATCH]).items():
            places[path].write_text(text, encoding="utf-8")
    for path in missing:
        if path.parent.name == "pdf":
            places[path].write_text(_run("pdftotext", "-enc", "UTF-8", str(path), "-"), encoding="utf-8")
        elif path.parent.name == "html":
            places[path].write_text(_show_page(path), encoding="utf-8")
    return {path: place.read_text(encoding="utf-8") for path, place in places.items() if place.exists()}


def _show_office(paths: Sequence[Path]) -> dict[Path, str]:
    """Texts as LibreOffice writes them: of a text its own words and, in the PDF that it prints, heads and notes."""
    with tempfile.TemporaryDirectory() as folder:
        room, named = Path(folder), dict[Path, Path]()
        for number, path in enumerate(paths):
            named[path] = room / f"f{number}.{path.parent.name}"
            shutil.copyfile(path, named[path])
        kinds = {path: "xlsx" if path.parent.name in ("xlsx", "ods") else "pdf" for path in paths}
        for kind, target in (("xlsx", _SHEETS), ("pdf", "pdf")):
            some = [str(named[path]) for path in paths if kinds[path] == kind]
            profile = f"-env:UserInstallation=file://{room}/profile"
            if some:
                _run("soffice", "--headless", profile, "--convert-to", target, "--outdir", str(room / "out"), *some)
        shown = {}
        for path in paths:
            made = sorted((room / "out").glob(f"{named[path].stem}[.-]*"))
            if kinds[path] == "pdf":
                texts = [_run("pdftotext", "-enc", "UTF-8", str(file), "-") for file in made]
            else:
                texts = [file.read_text(encoding="utf-8", errors="replace") for file in made]
            if made:
                shown[path] = "\n".join(texts)
        return shown


def _show_page(path: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        content = re.sub(rb"(?is)<script\b.*?</script\s*>", b"", path.read_bytes())
        page.write_bytes(content + _SCRIPT.encode())
        dumped = _run(
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=3000", "--dump-dom", page.as_uri(),
        )  # fmt: skip
    found = re.search(r'<pre id="orilla-shown">(.*)</pre>', dumped, re.DOTALL)
    return html.unescape(found[1]) if found else ""


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=180)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode("utf-8", "replace")
