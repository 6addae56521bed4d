"""Attachments: which files inside a document are read, how they are named, and what is said of the others."""

from dataclasses import replace

import pytest

from edge_agent.errors import DocumentUnreadable, InputInvalid
from edge_agent.ingest.attachments import (
    MAX_ATTACHMENTS,
    MAX_DEPTH,
    RawDocument,
    ReadDocument,
    read_with_attachments,
    safe_name,
)
from edge_agent.ingest.parsing.blocks import Attachment, Block, BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.storage.records import ChunkingRecipe, NewDocument

RAW = RawDocument("mail.eml", None, (), b"", DocumentFormat.TEXT, "d" * 64, "b" * 64)
BLOCKS = (Block(BlockKind.PARAGRAPH, 0, 5),)


def reading(
    held: dict[str, list[str]], *, empty: tuple[str, ...] = (), broken: tuple[str, ...] = ()
) -> list[ReadDocument]:
    """What is read of a mail, given which sources hold which names, which have no text, and which break the parser."""

    def read(raw: RawDocument) -> ReadDocument:
        if raw.source in broken:
            raise DocumentUnreadable("the parser crashed")
        inside = tuple(Attachment(name, name.encode()) for name in held.get(raw.source, []))
        extract = Extract("Hello", None, () if raw.source in empty else BLOCKS, attachments=inside)
        new = NewDocument(
            raw.source, "T", "text", "en", "d" * 64, "Hello", ChunkingRecipe(1, 1), container=raw.container
        )
        return ReadDocument(new, extract)

    def attached(container: RawDocument, holder: NewDocument, source: str, content: bytes) -> RawDocument:
        if source.endswith(".exe"):
            raise InputInvalid("programs cannot be read")
        return replace(container, source=source, container=container.source, content=content)

    return read_with_attachments(RAW, read, attached, lambda source: source.endswith("taken.txt"))


def test_attachments_follow_their_container_and_name_it() -> None:
    read = reading({"mail.eml": ["a.txt", "inner.eml"], "mail.eml/inner.eml": ["b.txt"]})
    assert [(r.new.source, r.new.container) for r in read] == [
        ("mail.eml", ""),
        ("mail.eml/a.txt", "mail.eml"),
        ("mail.eml/inner.eml", "mail.eml"),
        ("mail.eml/inner.eml/b.txt", "mail.eml/inner.eml"),
    ]
    assert all(r.new.notices == () for r in read)


def test_what_cannot_be_read_is_named_in_the_notices_with_the_reason() -> None:
    [mail] = reading({"mail.eml": ["virus.exe", "taken.txt"]})
    assert mail.new.notices == (
        "attachment virus.exe was left out: programs cannot be read",
        "attachment taken.txt was left out: another document has its name",
    )


def test_equal_names_become_different_ones() -> None:
    read = reading({"mail.eml": ["a.txt", "x/a.txt", "", ""]})
    assert [r.new.source for r in read[1:]] == [
        "mail.eml/a.txt",
        "mail.eml/a-2.txt",
        "mail.eml/attachment-3",
        "mail.eml/attachment-4",
    ]


def test_depth_and_number_are_bounded_and_said() -> None:
    deep = {"/".join(["mail.eml", *["in.eml"] * n]): ["in.eml"] for n in range(10)}
    read = reading(deep)
    assert len(read) == MAX_DEPTH
    assert f"read to a depth of {MAX_DEPTH}" in read[-1].new.notices[0]
    many = reading({"mail.eml": [f"{n}.txt" for n in range(MAX_ATTACHMENTS + 2)]})
    assert len(many) == 1 + MAX_ATTACHMENTS
    assert len(many[0].new.notices) == 2


def test_a_parser_that_breaks_again_and_again_is_not_asked_for_ever() -> None:
    names = [f"{n}.txt" for n in range(10)]
    [mail] = reading({"mail.eml": names}, broken=tuple(f"mail.eml/{name}" for name in names))
    assert sum("crashed" in notice for notice in mail.new.notices) == 3
    assert len(mail.new.notices) == 10


def test_a_container_without_text_is_refused_unless_an_attachment_has_some() -> None:
    assert len(reading({"mail.eml": ["a.txt"]}, empty=("mail.eml",))) == 2
    with pytest.raises(InputInvalid, match="no text, and no attachment of it can be read"):
        reading({"mail.eml": ["a.exe"]}, empty=("mail.eml",))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("informe.pdf", "informe.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\docs\\precios 2026.xlsx", "precios 2026.xlsx"),
        ("a\u202egpj.exe", "a gpj.exe"),
        ("a\0b\n.txt", "a b.txt"),
        ("  ", "attachment-7"),
        ("...", "attachment-7"),
        ("/", "attachment-7"),
        ("an\u0303o.txt", "año.txt"),
        ("n" * 300 + ".pdf", "n" * 96 + ".pdf"),
    ],
)
def test_names_are_made_safe(given: str, expected: str) -> None:
    assert safe_name(given, 7) == expected
