"""Tags that a Markdown document carries in its front matter."""

import pytest

from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits


@pytest.mark.parametrize(
    ("front_matter", "tags"),
    [
        ("tags: [billing, 'refunds']", ("billing", "refunds")),
        ("tags: billing, refunds", ("billing", "refunds")),
        ('title: T\ntags:\n  - billing\n  - "two words"\nauthor: x', ("billing", "two words")),
        ("tags: []", ()),
        ("tags:\nauthor: x", ()),
        ("subtags: [no]", ()),
        (f"tags: [{'x' * 51}, short]", ("short",)),
    ],
)
def test_tags_are_read_however_the_list_is_written(front_matter: str, tags: tuple[str, ...]) -> None:
    text = f"---\n{front_matter}\n---\n# Title\n\nSome text.\n"
    assert extract(text.encode(), DocumentFormat.MARKDOWN, ParsingLimits()).tags == tags
