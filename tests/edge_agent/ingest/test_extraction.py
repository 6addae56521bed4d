"""Bytes become text and blocks; what is not text is refused."""

import gzip
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.characters import normalize
from edge_agent.errors import ContentTooLarge, FormatUnsupported, InputInvalid, TextUndecodable
from edge_agent.ingest.parsing.blocks import BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat, format_of
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits

MARKDOWN = """---
title: "Refunds: how"
lang: en
---
# Other title

Paid **back** within [10 days](http://x.example).
Same paragraph. <b>Bold</b> ![image](x.png)

- first `code` item
- second
  1. inner
  2. inner two

| Plan | Days |
|---|---|
| Brisa | 7 |
| Marea | 14 |

## Details

    indented code

```bash
dig malecon.example
```
<!-- a comment -->
"""


def read(text: str, document_format: DocumentFormat = DocumentFormat.MARKDOWN) -> Extract:
    return extract(text.encode(), document_format, ParsingLimits())


def test_markdown_becomes_plain_text_with_its_structure() -> None:
    made = read(MARKDOWN)
    assert made.title == "Refunds: how"
    assert made.text == (
        "Other title\n\n"
        "Paid back within 10 days. Same paragraph. Bold\n\n"
        "- first code item\n- second\n  1. inner\n  2. inner two\n\n"
        "Plan: Brisa | Days: 7\nPlan: Marea | Days: 14\n\n"
        "Details\n\n"
        "indented code\n\n"
        "dig malecon.example"
    )
    headings = [made.text[b.start : b.end] for b in made.blocks if b.kind is BlockKind.HEADING]
    assert headings == ["Other title", "Details"]


def test_first_top_heading_is_the_title_without_front_matter() -> None:
    assert read("# Backups\n\nEvery night.\n\n# Second").title == "Backups"


def test_plain_text_is_cut_at_blank_lines() -> None:
    made = read("one line\nsame paragraph\r\n\r\nanother\r\n", DocumentFormat.TEXT)
    assert made.text == "one line same paragraph\n\nanother"
    assert made.title is None


def test_byte_order_mark_and_decomposed_accents_are_normalized() -> None:
    made = extract(b"\xef\xbb\xbfFacturacio\xcc\x81n", DocumentFormat.TEXT, ParsingLimits(bytes=100))
    assert made.text == "Facturaci\u00f3n"


def zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"0" * 50_000_000)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content", [zip_bomb(), gzip.compress(b"0" * 1_000_000), b"\x7fELF\x00\x01", b"%PDF-1.7 text", b"\0text\0\0text"]
)
def test_binary_content_is_refused_and_never_unpacked(content: bytes) -> None:
    with pytest.raises(FormatUnsupported, match="not what its type 'markdown' promises; expected text"):
        extract(content, DocumentFormat.MARKDOWN, ParsingLimits())


def test_large_documents_are_refused() -> None:
    with pytest.raises(ContentTooLarge, match="has 101 bytes, at most 100"):
        extract(b"a" * 101, DocumentFormat.TEXT, ParsingLimits(bytes=100))


@pytest.mark.parametrize("text", ["  \n\n ", "# Only a heading", "<!-- comment -->", "---\ntitle: x\n---\n"])
def test_documents_without_text_are_refused(text: str) -> None:
    with pytest.raises(InputInvalid, match="no text besides headings"):
        read(text)


@pytest.mark.parametrize("source", ["a.zip", "a.exe", "a", "folder.md/a.wpd"])
def test_unknown_suffixes_are_refused(source: str) -> None:
    with pytest.raises(FormatUnsupported, match=r"expected one of \.md"):
        format_of(source)


def test_suffixes_are_known_in_any_case() -> None:
    assert format_of("LEEME.MD") is DocumentFormat.MARKDOWN
    assert format_of("notas.Txt") is DocumentFormat.TEXT


@given(st.text(max_size=400), st.sampled_from(DocumentFormat))
def test_blocks_are_in_order_and_cover_all_text_but_space(text: str, document_format: DocumentFormat) -> None:
    try:
        made = extract(text.encode(), document_format, ParsingLimits())
    except (InputInvalid, FormatUnsupported, TextUndecodable):
        return
    position = 0
    for block in made.blocks:
        assert made.text[position : block.start].strip() == ""
        assert block.start < block.end
        position = block.end
    assert position == len(made.text)


@given(st.text(max_size=200))
def test_normalizing_twice_changes_nothing(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)
