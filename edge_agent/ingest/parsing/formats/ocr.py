"""OCR: the words of scanned pages and pictures, by the program `tesseract` where it is installed.

It runs page by page as a process of its own, gets the picture and gives the words over pipes, under the limits that
the parser's process has; so nothing is written to disk.
"""

import os
import shutil
import subprocess
import time
from functools import cache
from statistics import median

import pypdfium2 as pdfium

from edge_agent.errors import FormatUnsupported
from edge_agent.ingest.parsing.blocks import TextBuilder
from edge_agent.ingest.parsing.pdf.page import Word

INSTALL = "install tesseract (apt install tesseract-ocr tesseract-ocr-spa)"
_LANGUAGES = ("spa", "eng")
_DPI = 250
_MAX_PIXELS = 30_000_000
_MAX_PAGES, _MAX_SECONDS, _PAGE_SECONDS = 100, 40.0, 25.0
_SURE_LINE, _SURE_WORD = 60.0, 40.0
_LINE_LEVEL, _WORD_LEVEL = "4", "5"


class Recognizer:
    """Reads pages of one document with OCR, as many as its time allows, and knows which it could not."""

    def __init__(self) -> None:
        """A recognizer that has read nothing yet."""
        self.seconds = 0.0
        self._count = 0
        self._missing: list[int] = []
        self._late: list[int] = []

    def page(self, page: "pdfium.PdfPage", number: int) -> list[Word]:
        """The words of a PDF's page, in points as it is shown; none where it could not be read."""
        if not languages():
            self._missing.append(number)
            return []
        if self._count >= _MAX_PAGES or self.seconds >= _MAX_SECONDS:
            self._late.append(number)
            return []
        started = time.monotonic()
        width, height = page.get_size()
        scale = min(_DPI / 72, (_MAX_PIXELS / max(1.0, width * height)) ** 0.5)
        bitmap = page.render(scale=scale, grayscale=True, may_draw_forms=True)
        try:
            picture = _pgm(bitmap)
        finally:
            bitmap.close()
        found = recognize(picture, _MAX_SECONDS - self.seconds, dpi=round(72 * scale))
        self.seconds += time.monotonic() - started
        self._count += 1
        if found is None:
            self._late.append(number)
            return []
        words = found[0] if found else []
        for word in words:
            word.x0, word.top, word.x1, word.bottom = (v / scale for v in (word.x0, word.top, word.x1, word.bottom))
            word.base, word.size = word.base / scale, word.size / scale
        return words

    def report(self, builder: TextBuilder) -> None:
        """Says which pages were not read."""
        if self._missing:
            builder.notice(f"{_named(self._missing)} only pictures and OCR is not installed: not read; {INSTALL}")
        if self._late:
            builder.notice(f"{_named(self._late)} only pictures and OCR took too long: not read; split the document")

    def refuse_missing(self) -> None:
        """Refuses a document whose text only OCR could read, where that is not installed.

        Raises:
            FormatUnsupported: so it is.
        """
        if self._missing:
            raise FormatUnsupported(f"the document is a scan and OCR is not installed; {INSTALL}, or export it as text")


def recognize(picture: bytes, seconds: float, *, dpi: int | None = None) -> list[list[Word]] | None:
    """The words, in pixels, of each page of a picture in any format that tesseract knows.

    Returns:
        None where it is no picture, or takes longer than some seconds.
    """
    command = ["tesseract", "stdin", "stdout", "-l", "+".join(languages()), "--psm", "3"]
    command += ["--dpi", str(dpi)] if dpi else []
    try:
        done = subprocess.run(
            [*command, "tsv"],
            input=picture,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=min(max(1.0, seconds), _PAGE_SECONDS),
            env=_environment(),
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return None
    return _words(done.stdout.decode("utf-8", "replace")) if done.returncode == 0 else None


@cache
def languages() -> tuple[str, ...]:
    """The languages of ours that tesseract has; none where it is not installed."""
    if shutil.which("tesseract") is None:
        return ()
    try:
        done = subprocess.run(
            ["tesseract", "--list-langs"], capture_output=True, timeout=20, env=_environment(), check=False
        )
    except (subprocess.TimeoutExpired, OSError):
        return ()
    installed = done.stdout.decode("utf-8", "replace").split()
    return tuple(name for name in _LANGUAGES if name in installed)


def _environment() -> dict[str, str]:
    """Ours, which holds no more than a parser's process gets, and one thread: its limits are for one."""
    return {**os.environ, "OMP_THREAD_LIMIT": "1"}


def _words(table: str) -> list[list[Word]]:
    """The words of tesseract's table (TSV), page by page; of lines that it is not sure of only those that it is."""
    pages: dict[str, list[Word]] = {}
    lines: list[tuple[str, list[tuple[Word, float]]]] = []
    bottom, height = 0.0, 10.0
    for number, row in enumerate(table.split("\n")[1:]):
        cells = row.split("\t")
        if len(cells) < 12:
            continue
        left, top, width, tall = (float(value) for value in cells[6:10])
        text = cells[11].strip()
        if cells[0] == _LINE_LEVEL:
            bottom, height = top + tall, tall
            lines.append((cells[1], []))
        elif cells[0] == _WORD_LEVEL and text and lines:
            word = Word(text, left, top, left + width, top + tall, bottom, height, order=number)
            lines[-1][1].append((word, float(cells[10])))
    for page, found in lines:
        is_sure = bool(found) and median(sure for _, sure in found) >= _SURE_LINE
        kept = [word for word, sure in found if is_sure or sure >= _SURE_WORD]
        if is_sure or 2 * len(kept) > len(found):
            pages.setdefault(page, []).extend(kept)
    return [_even(words) for words in pages.values()]


def _even(words: list[Word]) -> list[Word]:
    """Words with one size for all lines of about the same height, which differs by the letters that are in them."""
    usual = median(word.size for word in words)
    for word in words:
        word.size = 0.8 * (usual if 0.6 * usual < word.size < 1.45 * usual else word.size)
        word.base = min(word.base, word.bottom + 0.3 * word.size)
    return words


def _pgm(bitmap: "pdfium.PdfBitmap") -> bytes:
    """A gray bitmap as a picture in the plainest of formats."""
    rows = memoryview(bitmap.buffer).cast("B")
    lines = [bytes(rows[y * bitmap.stride : y * bitmap.stride + bitmap.width]) for y in range(bitmap.height)]
    return b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + b"".join(lines)


def _named(numbers: list[int]) -> str:
    """Page numbers in words, the first twenty."""
    listed = ", ".join(map(str, numbers[:20])) + (" and others" if len(numbers) > 20 else "")
    return f"page {listed} holds" if len(numbers) == 1 else f"pages {listed} hold"
