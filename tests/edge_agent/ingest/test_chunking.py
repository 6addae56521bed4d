"""Passages along the structure, within the window."""

import re
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.ingest.chunking import chunk
from edge_agent.ingest.parsing.blocks import BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from edge_agent.storage.records import PassageKind, PassageSpan


def word_starts(text: str) -> NDArray[np.int64]:
    """A stand-in for the tokenizer in which every word is a token."""
    return np.array([match.start() for match in re.finditer(r"\S+", text)], dtype=np.int64)


def cut(markdown: str, max_tokens: int) -> tuple[Extract, list[PassageSpan]]:
    made = extract(markdown.encode(), DocumentFormat.MARKDOWN, ParsingLimits())
    return made, chunk(made, word_starts(made.text), max_tokens=max_tokens)


def test_sections_are_not_mixed_and_know_their_headings() -> None:
    made, spans = cut("# T\n\nintro\n\n## A\n\none\n\n### B\n\ntwo\n\n## C\n\nthree", 100)
    assert [(made.text[s.start : s.end], s.heading) for s in spans] == [
        ("intro", ""),
        ("one", "A"),
        ("two", "A › B"),
        ("three", "C"),
    ]


def test_small_blocks_of_a_section_share_a_passage() -> None:
    made, spans = cut("a b\n\nc d\n\ne f", 4)
    assert [made.text[s.start : s.end] for s in spans] == ["a b\n\nc d", "e f"]


def test_large_blocks_are_cut_at_sentences() -> None:
    made, spans = cut("One two three. Four five six. Seven.", 4)
    assert [made.text[s.start : s.end] for s in spans] == ["One two three.", "Four five six. Seven."]


def test_a_sentence_larger_than_a_passage_is_cut_between_tokens() -> None:
    made, spans = cut("a b c d e f g", 3)
    assert [made.text[s.start : s.end].split() for s in spans] == [["a", "b", "c"], ["d", "e", "f"], ["g"]]


@given(
    st.lists(st.sampled_from(["# T", "## A", "### B", "word", "two words", "One. Two. Three four five.", "- item"])),
    st.integers(1, 9),
)
def test_passages_keep_to_the_limit_and_lose_no_text(lines: list[str], max_tokens: int) -> None:
    text = "\n\n".join([*lines, "the end"])
    made, spans = cut(text, max_tokens)
    starts = word_starts(made.text)
    for span in spans:
        assert ((starts >= span.start) & (starts < span.end)).sum() <= max_tokens
    assert all(a.end <= b.start for a, b in pairwise(spans))
    covered = "".join(made.text[s.start : s.end] for s in spans if s.kind is not PassageKind.HEADING)
    blocks = "".join(made.text[b.start : b.end] for b in made.blocks if b.kind is not BlockKind.HEADING)
    assert "".join(covered.split()) == "".join(blocks.split())


def test_passages_know_their_kind() -> None:
    made, spans = cut(
        "# T\n\nintro\n\n## Plans\n\n| Plan | Price |\n|---|---|\n| A | 1 |\n| B | 2 |\n\n- one\n- two\n\n"
        "## May I pay later?\n\nYes.\n\n```\nrun\n```\n\n## Other\n\n## Last\n\nend",
        100,
    )
    assert [(made.text[s.start : s.end], s.kind.value) for s in spans] == [
        ("intro", "paragraph"),
        ("Plan: A | Price: 1", "table row"),
        ("Plan: B | Price: 2", "table row"),
        ("- one\n- two", "list"),
        ("Yes.\n\nrun", "question and answer"),
        ("Other", "heading"),
        ("end", "paragraph"),
    ]
