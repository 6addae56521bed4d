"""OCR: scans and pictures are read by tesseract, in the parser's process and its limits; without it that is said."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from edge_agent.errors import FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.document_format import DocumentFormat, format_of
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.formats import ocr
from edge_agent.ingest.parsing.isolation import IsolatedParser
from edge_agent.settings import ParsingLimits

needs_tesseract = pytest.mark.skipif(
    not ocr.languages(), reason="tesseract is not installed: apt install tesseract-ocr"
)
SENTENCES = ("The boiler room is locked at night.", "Ask the porter for the green key.")


@pytest.fixture
def parser() -> Iterator[IsolatedParser]:
    made = IsolatedParser(ParsingLimits())
    yield made
    made.close()


@pytest.fixture
def without_tesseract(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PATH", "/nowhere")
    ocr.languages.cache_clear()
    yield
    ocr.languages.cache_clear()


def picture(*sentences: str) -> "Image.Image":
    made = Image.new("L", (1240, 500), 255)
    draw = ImageDraw.Draw(made)
    for number, sentence in enumerate(sentences):
        draw.text((80, 80 + 90 * number), sentence, fill=0, font=ImageFont.load_default(44))
    return made


def saved(made: "Image.Image", kind: str) -> bytes:
    out = io.BytesIO()
    made.save(out, kind)
    return out.getvalue()


def pdf(*pages: "str | Image.Image", unpainted: str = "") -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for page in pages:
        if isinstance(page, str):
            canvas.drawString(72, 760, page)
        else:
            canvas.drawImage(ImageReader(page), 0, 300, A4[0], A4[0] * 500 / 1240)
        if unpainted:
            written = canvas.beginText(72, 500)
            written.setTextRenderMode(3)
            written.textLine(unpainted)
            canvas.drawText(written)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


@needs_tesseract
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_pictures_of_every_kind_are_read_in_the_parsers_process(parser: IsolatedParser, kind: str) -> None:
    made = parser.read(saved(picture(*SENTENCES), kind), DocumentFormat.IMAGE)
    assert " ".join(made.text.split()) == " ".join(SENTENCES)


@needs_tesseract
def test_scanned_pages_are_read_between_pages_of_text(parser: IsolatedParser) -> None:
    made = parser.read(pdf("Text that is set as text.", picture(*SENTENCES)), DocumentFormat.PDF)
    assert " ".join(made.text.split()) == " ".join(("Text that is set as text.", *SENTENCES))
    assert [block.page for block in made.blocks] == [1, 2, 2]
    assert made.notices == ()


@needs_tesseract
def test_a_picture_without_text_is_refused(parser: IsolatedParser) -> None:
    with pytest.raises(InputInvalid, match="no text that can be read"):
        parser.read(saved(Image.new("L", (400, 400), 200), "PNG"), DocumentFormat.IMAGE)


@needs_tesseract
def test_a_damaged_picture_is_refused(parser: IsolatedParser) -> None:
    with pytest.raises(InputInvalid, match="damaged"):
        parser.read(saved(picture(*SENTENCES), "PNG")[:60], DocumentFormat.IMAGE)


def test_what_ocr_wrote_over_a_scan_is_its_text() -> None:
    scan = Image.new("L", (1240, 1754), 255)
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.drawImage(ImageReader(scan), 0, 0, *A4)
    written = canvas.beginText(72, 500)
    written.setTextRenderMode(3)
    written.textLine("The porter has the green key.")
    canvas.drawText(written)
    canvas.save()
    made = extract(out.getvalue(), DocumentFormat.PDF, ParsingLimits())
    assert (made.text, made.invisible_chars) == ("The porter has the green key.", 0)


@pytest.mark.usefixtures("without_tesseract")
def test_without_ocr_it_is_said_what_to_install() -> None:
    for content, document_format in (
        (saved(picture(*SENTENCES), "PNG"), DocumentFormat.IMAGE),
        (pdf(picture(*SENTENCES)), DocumentFormat.PDF),
    ):
        with pytest.raises(FormatUnsupported, match="apt install tesseract-ocr tesseract-ocr-spa"):
            extract(content, document_format, ParsingLimits())


@pytest.mark.usefixtures("without_tesseract")
def test_without_ocr_the_pages_that_are_not_read_are_named() -> None:
    scan = picture(*SENTENCES)
    made = extract(pdf("Text that is set as text.", scan, scan), DocumentFormat.PDF, ParsingLimits())
    assert made.text == "Text that is set as text."
    assert [notice.split(":")[0] for notice in made.notices] == [
        "pages 2, 3 hold only pictures and OCR is not installed"
    ]


def test_a_picture_is_what_its_bytes_say() -> None:
    assert [format_of(f"a{suffix}") for suffix in (".PNG", ".jpeg", ".tif", ".bmp")] == [DocumentFormat.IMAGE] * 4
    with pytest.raises(FormatUnsupported, match="a PNG, JPEG, TIFF, WebP or BMP picture"):
        extract(b"text", DocumentFormat.IMAGE, ParsingLimits())
