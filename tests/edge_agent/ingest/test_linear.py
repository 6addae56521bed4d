"""Texts of one thing over and over: nothing takes time that grows faster than the text does.

What does would take hours with these, so that the child is ended and the document refused.
"""

import re
from collections.abc import Iterator

import numpy as np
import pytest

from edge_agent.ingest.chunking import chunk
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.isolation import IsolatedParser
from edge_agent.settings import ParsingLimits
from edge_agent.text import detect_language, split_sentences

SIZE = 300_000
UNITS = {
    "sentences": "Palabra. ",
    "initials": "a. ",
    "combining marks": "\u0301\u0316",
    "spaces": " ",
    "no-break spaces": "\u00a0",
    "controls": "\x01",
    "ellipses": "…",
    "exclamation marks": "!",
    "question marks": "?",
    "dots and spaces": ". ",
    "hashes": " #",
    "rules": "= ",
    "quotation marks": '?"',
    "numbers": "1.",
    "bullets": "- ",
    "brackets": "[(",
    "letters": "x",
    "lines": "a\n",
}
STARTS = ("Hola a", "P", "1. P", "# a", "paso 1", "página 1", "R.")


@pytest.fixture(scope="module")
def parser() -> Iterator[IsolatedParser]:
    opened = IsolatedParser(ParsingLimits(), children=1)
    yield opened
    opened.close()


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_a_text_of_one_thing_over_and_over_is_read_in_the_time_of_its_length(parser: IsolatedParser, unit: str) -> None:
    parts = [start + unit * (SIZE // len(STARTS) // len(unit)) + "x" for start in STARTS]
    made = parser.read("\n\n".join(parts).encode(), DocumentFormat.TEXT)
    assert made.text.count("Hola ") == 1
    token_starts = np.array([match.start() for match in re.finditer(r"\w+|[^\w\s]", made.text)], dtype=np.int64)
    spans = chunk(made, token_starts, max_tokens=160)
    sentences = [split_sentences(made.text, span.start, span.end) for span in spans]
    assert all(sentences)
    assert all(span.end - span.start <= 5_000 or unit == "x" for span in spans)
    detect_language(made.text)
