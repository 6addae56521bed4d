"""Words of a PDF's pages through PDFium: their boxes and styles; text that no reader sees is left out and counted.

Only what a page draws is read: scripts are never run, attachments and notes never opened.
"""

import ctypes
import re
from dataclasses import dataclass, field

import pypdfium2 as pdfium
import pypdfium2.raw as native

from edge_agent.errors import ContentTooLarge
from edge_agent.ingest.parsing.pdf.accents import ACCENTS, accent
from edge_agent.ingest.parsing.pdf.objects import Drawn, is_artifact, read_drawn, read_fields
from edge_agent.ingest.parsing.pdf.page import Box, Page, Rule, Word

_MAX_CHARS = 200_000
_MIN_SIZE = 2.0
_BOLD = re.compile(r"bold|black|heavy|[-,]demi|cmbx|sfbx", re.IGNORECASE)
_SPACES = frozenset((*range(2), *range(3, 33), 0x7F, 0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000, 0xFFFE))
_LINE_HYPHEN = 2
"""PDFium's sign for a hyphen at the end of a line."""
_MAX_LOOSE = 200
_UNKNOWN = re.compile("[\ue000-\uf8ff\ufffd]")


@dataclass(slots=True)
class _Style:
    """How an object of a page draws its characters; `turns` is how often it has to be turned right to stand upright."""

    size: float = 10.0
    is_bold: bool = False
    is_unpainted: bool = False
    is_white: bool = False
    is_artifact: bool = False
    turns: int = 0


@dataclass(slots=True)
class Seen:
    """A page, what it says beside its body, and what nobody sees of it.

    Attributes:
        page: what a reader sees.
        artifacts: what the document itself marks as running heads, page numbers and decoration.
        unpainted: text without ink: what OCR wrote over a scan, or hidden text.
        hidden: other hidden text.
        is_garbled: whether most characters have no meaning, as a font without a map of its glyphs leaves them.
    """

    page: Page
    artifacts: list[Word] = field(default_factory=list)
    unpainted: list[Word] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    is_garbled: bool = False


def read_page(page: "pdfium.PdfPage", number: int, form: object = None) -> Seen:
    """Reads a page. Raises `ContentTooLarge` for one of too many characters."""
    textpage = page.get_textpage()
    try:
        return _PageWords(page, textpage.raw).seen(number, form)
    finally:
        textpage.close()


class _PageWords:
    """The words of one page while they are read."""

    def __init__(self, page: "pdfium.PdfPage", raw: "native.FPDF_TEXTPAGE") -> None:
        self._page, self._raw = page, raw
        box = native.FS_RECTF()
        native.FPDF_GetPageBoundingBox(page.raw, box)
        self._box = (box.left, box.bottom, box.right, box.top)
        self._styles: dict[int, _Style] = {}
        self._bold_fonts: dict[int, bool] = {}
        self._turns = 0

    def seen(self, number: int, form: object) -> Seen:
        words = self._words()
        chars = [0, 0, 0, 0]
        for _, style in words:
            chars[style.turns] += 1
        self._turns = max(range(4), key=lambda turns: chars[turns])
        if not words:
            self._turns = native.FPDFPage_GetRotation(self._page.raw) % 4
        width, height = self._box[2] - self._box[0], self._box[3] - self._box[1]
        page = Page(number, *((height, width) if self._turns % 2 else (width, height)), [])
        drawn = self._drawn(page)
        seen = Seen(page)
        aside: list[Word] = []
        for word, style in words:
            x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
            is_outside = not (self._box[0] <= x <= self._box[2] and self._box[1] <= y <= self._box[3])
            self._show(word)
            if style.size < _MIN_SIZE or is_outside or (style.is_white and not drawn.is_covered(word)):
                seen.hidden.append(word.text)
            elif style.is_unpainted:
                seen.unpainted.append(word)
            elif style.is_artifact:
                seen.artifacts.append(word)
            elif style.turns != self._turns:
                aside.append(word)
            else:
                page.words.append(word)
        if len(seen.artifacts) > len(page.words):  # a writer that marks everything
            page.words, seen.artifacts = sorted(page.words + seen.artifacts, key=lambda word: word.order), []
        page.words += _below(aside, page.height)
        if form is not None:
            for box, text in read_fields(self._page.raw, form):
                x0, top, x1, bottom = self._shown(box)
                size = min(12.0, 0.8 * (bottom - top)) or 10.0
                page.words.append(Word(text, x0, top, x1, bottom, bottom - 0.25 * (bottom - top), size))
        total = sum(len(word.text) for word in page.words)
        seen.is_garbled = sum(len(_UNKNOWN.findall(word.text)) for word in page.words) > 0.3 * total
        return seen

    def _drawn(self, page: Page) -> Drawn:
        drawn = read_drawn(self._page.raw)
        drawn.covers = [self._shown(box) for box in drawn.covers]
        area = max(1.0, page.width * page.height)
        for box in drawn.pictures:
            x0, top, x1, bottom = self._shown(box)
            seen = max(0.0, min(x1, page.width) - max(x0, 0)) * max(0.0, min(bottom, page.height) - max(top, 0))
            page.pictures = min(1.0, page.pictures + seen / area)
            drawn.covers.append((x0, top, x1, bottom))
        page.rules = [Rule(*self._shown(box)) for box in drawn.rules]
        page.strokes = drawn.strokes
        return drawn

    def _words(self) -> list[tuple[Word, _Style]]:
        """All words, in the page's own coordinates."""
        count = native.FPDFText_CountChars(self._raw)
        if count > _MAX_CHARS:
            raise ContentTooLarge(f"a page of the PDF has {count} characters, at most {_MAX_CHARS} are accepted")
        raw, get, first = self._raw, native.FPDFText_GetUnicode, 0
        letters: list[str] = []
        words: list[tuple[Word, _Style]] = []
        loose: list[int] = []
        mark = ""
        for index in range(count):
            code = get(raw, index)
            if code in ACCENTS:
                side = self._accented(index, bool(letters))
                if side < 0:
                    letters[-1] = accent(letters[-1], code)
                    continue
                if side > 0:
                    mark = chr(code)
                    continue
                if not letters and index + 1 < count and get(raw, index + 1) in _SPACES:
                    loose.append(index)
                    continue
            if code not in _SPACES:
                if not letters:
                    first = index
                letter = "-" if code == _LINE_HYPHEN else chr(code) if code < 0x110000 else "\ufffd"
                letters.append(accent(letter, ord(mark)) if mark else letter)
                mark = ""
            if letters and (code in _SPACES or code == _LINE_HYPHEN):
                last = max(first, index - 1)
                words.append(self._word("".join(letters), first, last))
                letters = []
        if letters:
            words.append(self._word("".join(letters), first, count - 1))
        for index in loose[:_MAX_LOOSE]:
            self._attach(index, words)
        return words

    def _accented(self, index: int, has_before: bool) -> int:
        """Which neighbor an accent stands over: -1 the character before it, 1 the one after, 0 none."""
        own, other = native.FS_RECTF(), native.FS_RECTF()
        native.FPDFText_GetLooseCharBox(self._raw, index, own)
        middle = (own.left + own.right) / 2
        for side in (-1, 1) if has_before else (1,):
            native.FPDFText_GetLooseCharBox(self._raw, index + side, other)
            if other.left < middle < other.right and abs(own.bottom - other.bottom) < 0.6 * (own.top - own.bottom):
                return side
        return 0

    def _attach(self, index: int, words: list[tuple[Word, _Style]]) -> None:
        """Puts an accent that was drawn apart over its letter; TeX draws those of capitals so."""
        own, other = native.FS_RECTF(), native.FS_RECTF()
        native.FPDFText_GetLooseCharBox(self._raw, index, own)
        middle, tall = (own.left + own.right) / 2, own.top - own.bottom
        for word, _ in words:
            if word.x0 < middle < word.x1 and abs(word.top - own.bottom) < 0.6 * tall:
                for place, letter in enumerate(word.text):
                    native.FPDFText_GetLooseCharBox(self._raw, word.order + place, other)
                    if other.left < middle < other.right:
                        marked = accent(letter, native.FPDFText_GetUnicode(self._raw, index))
                        word.text = word.text[:place] + marked + word.text[place + 1 :]
                        return

    def _word(self, text: str, first: int, last: int) -> tuple[Word, _Style]:
        style = self._style_at(first)
        a, b = native.FS_RECTF(), native.FS_RECTF()
        native.FPDFText_GetLooseCharBox(self._raw, first, a)
        native.FPDFText_GetLooseCharBox(self._raw, last, b)
        x, y = ctypes.c_double(), ctypes.c_double()
        native.FPDFText_GetCharOrigin(self._raw, first, x, y)
        box = (min(a.left, b.left), min(a.bottom, b.bottom), max(a.right, b.right), max(a.top, b.top))
        base = x.value if style.turns % 2 else y.value
        return Word(text, box[0], box[1], box[2], box[3], base, style.size, style.is_bold, first), style

    def _show(self, word: Word) -> None:
        """Moves a word from the page's own coordinates to those in which it is shown."""
        origin = (
            (word.base, word.top, word.base, word.top) if self._turns % 2 else (word.x0, word.base, word.x0, word.base)
        )
        word.base = self._shown(origin)[1]
        word.x0, word.top, word.x1, word.bottom = self._shown((word.x0, word.top, word.x1, word.bottom))
        word.base = min(max(word.base, word.top), word.bottom)

    def _shown(self, box: Box) -> Box:
        """A box (left, low, right, high) of the page's own coordinates as it is shown: turned, from the top left."""
        left, right = box[0] - self._box[0], box[2] - self._box[0]
        low, high = box[1] - self._box[1], box[3] - self._box[1]
        width, height = self._box[2] - self._box[0], self._box[3] - self._box[1]
        if self._turns == 1:
            return low, left, high, right
        if self._turns == 2:
            return width - right, low, width - left, high
        if self._turns == 3:
            return height - high, width - right, height - low, width - left
        return left, height - high, right, height - low

    def _style_at(self, index: int) -> _Style:
        drawn = native.FPDFText_GetTextObject(self._raw, index)
        address = ctypes.cast(drawn, ctypes.c_void_p).value or 0
        style = self._styles.get(address)
        if style is None:
            style = self._styles[address] = self._style_of(drawn, index) if address else _Style()
        return style

    def _style_of(self, drawn: "native.FPDF_PAGEOBJECT", index: int) -> _Style:
        matrix = native.FS_MATRIX()
        native.FPDFText_GetMatrix(self._raw, index, matrix)
        scale = (matrix.c**2 + matrix.d**2) ** 0.5 or 1.0
        if abs(matrix.b) > 2 * abs(matrix.a):
            turns = 1 if matrix.b > 0 else 3
        else:
            turns = 2 if matrix.a < 0 and matrix.d < 0 else 0
        font = native.FPDFTextObj_GetFont(drawn)
        key = ctypes.cast(font, ctypes.c_void_p).value or 0
        if key not in self._bold_fonts:
            self._bold_fonts[key] = bool(key) and _is_bold(font)
        mode = native.FPDFTextObj_GetTextRenderMode(drawn)
        color = [ctypes.c_uint() for _ in range(4)]
        is_known = native.FPDFPageObj_GetFillColor(drawn, *color)
        red, green, blue, alpha = (part.value for part in color)
        is_filled = bool(is_known) and mode in (native.FPDF_TEXTRENDERMODE_FILL, native.FPDF_TEXTRENDERMODE_FILL_CLIP)
        return _Style(
            size=abs(native.FPDFText_GetFontSize(self._raw, index)) * scale,
            is_bold=self._bold_fonts[key] or mode == native.FPDF_TEXTRENDERMODE_FILL_STROKE,
            is_unpainted=mode in (native.FPDF_TEXTRENDERMODE_INVISIBLE, native.FPDF_TEXTRENDERMODE_CLIP)
            or (is_filled and alpha < 13),
            is_white=is_filled and min(red, green, blue) >= 250,
            is_artifact=is_artifact(drawn),
            turns=turns,
        )


def _is_bold(font: "native.FPDF_FONT") -> bool:
    name = ctypes.create_string_buffer(200)
    native.FPDFFont_GetBaseFontName(font, name, 200)
    return native.FPDFFont_GetWeight(font) >= 600 or bool(_BOLD.search(name.value.decode("latin-1")))


def _below(words: list[Word], height: float) -> list[Word]:
    """Words set aside in another direction, as lines below the page, in the order in which they are drawn."""
    x, base, before = 0.0, height, None
    for word in words:
        size = word.size
        if before is None or abs(before - size) > 0.1 or x > 400:
            x, base = 0.0, base + 3 * size
        length = 0.5 * size * len(word.text)
        word.x0, word.x1, word.top, word.bottom, word.base = x, x + length, base - size, base + 0.2 * size, base
        x, before = x + length + 0.3 * size, size
    return words
