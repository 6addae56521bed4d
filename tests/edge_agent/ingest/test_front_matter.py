"""Properties that Markdown states above its text, however they are written."""

import pytest

from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.front_matter import FrontMatter, split_front_matter
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
        ("tags: [2025, yes]", ("2025", "yes")),
        ("tags: [[a], {b: c}, d]", ("d",)),
    ],
)
def test_tags_are_read_however_the_list_is_written(front_matter: str, tags: tuple[str, ...]) -> None:
    text = f"---\n{front_matter}\n---\n# Title\n\nSome text.\n"
    assert extract(text.encode(), DocumentFormat.MARKDOWN, ParsingLimits()).tags == tags


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("---\ntitle: >-\n  Dos\n  líneas\ntags: [a] # b\n---\n", FrontMatter("Dos líneas", ("a",))),
        ("---\ntitle: |\n  Dos\n  líneas\n---\n", FrontMatter("Dos líneas")),
        ('---\ntitle: "Ayuda: uso" # x\ndate: 2025-03-04\n---\n', FrontMatter("Ayuda: uso", (), "2025-03-04")),
        (
            "---\ntitle: 'It''s'\ndate: 2024-01-01\nlastmod: 2025-03-04T10:00:00Z\n...\n",
            FrontMatter("It's", (), "2025-03-04"),
        ),
        ("---\ntitle: Ayuda: uso\ndate: 04/03/2025\n---\n", FrontMatter("Ayuda: uso", (), "2025-03-04")),
        ("---\ntitle: Documento sin título\n---\n", FrontMatter()),
        ("---\n# only a comment\n---\n", FrontMatter()),
        ("---\n---\n", FrontMatter()),
        (
            '+++\ntitle = "Ayuda"\ntags = ["a", "b"]\ndate = 2025-03-04T10:00:00Z\n+++\n',
            FrontMatter("Ayuda", ("a", "b"), "2025-03-04"),
        ),
        ('{\n"title": "Ayuda", "tags": ["a"], "date": "2025-03-04"\n}\n', FrontMatter("Ayuda", ("a",), "2025-03-04")),
    ],
)
def test_properties_are_read_in_each_of_their_languages(text: str, stated: FrontMatter) -> None:
    found, body = split_front_matter(f"{text}Son 23 días.\n")
    assert found == stated
    assert body.strip() == "Son 23 días."


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nSon 23 días.\n\n---\n\nY más.\n",
        "---\ntitle: sin final\n",
        "+++\nno es = = TOML\n+++\nSon 23.\n",
        "{no es JSON}\nSon 23.\n",
        '{"title": "x"} sigue\n',
    ],
)
def test_other_text_between_rules_is_text(text: str) -> None:
    assert split_front_matter(text) == (FrontMatter(), text)


@pytest.mark.parametrize(
    "front_matter",
    [
        "a: &a [x]\n" + "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(200)),
        "a: " + "[" * 15_000,
        "a: " + "{b: " * 4_000,
        "- " * 8_000,
        "a: !!python/object/apply:os.system [x]",
        "? " * 8_000,
    ],
    ids=["aliases", "lists in lists", "mappings in mappings", "items in items", "objects", "keys of keys"],
)
def test_hostile_properties_are_bounded(front_matter: str) -> None:
    text = f"---\n{front_matter}\ntitle: Ayuda\n---\n# Otra\n\nSon 23 días.\n"
    made = extract(text.encode(), DocumentFormat.MARKDOWN, ParsingLimits())
    assert made.title in ("Ayuda", "Otra")
    assert made.text.endswith("Son 23 días.")
