"""Archives of XML parts: opened within bounds, whatever their headers and parts say."""

import io
import zipfile

import pytest
from lxml import etree

from edge_agent.errors import ContentTooLarge, FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.package import Package, Relation, parse_xml
from edge_agent.settings import ParsingLimits


def packed(**parts: bytes | str) -> bytes:
    """An archive of parts; `__` in a name stands for a slash."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def opened(content: bytes, unpacked_bytes: int = 100_000) -> Package:
    return Package(content, "Word document", ParsingLimits(unpacked_bytes=unpacked_bytes))


def test_parts_are_found_whatever_the_case_of_their_names() -> None:
    package = opened(packed(Word__Document=b"<a/>"))
    assert "word/document" in package
    assert package.read("/WORD/document") == b"<a/>"
    assert package.read("word/other") is None
    assert package.xml("word/other") is None


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(ContentTooLarge, match="unpacks to 200000 bytes in 1 parts, at most 100000 are accepted"):
        opened(packed(a=b"a" * 200_000))
    with pytest.raises(ContentTooLarge, match="in 10001 parts"):
        opened(packed(**{f"p{n}": b"" for n in range(10_001)}))


def test_a_part_asked_for_again_and_again_is_refused() -> None:
    package = opened(packed(a=b"a" * 60_000))
    package.read("a")
    with pytest.raises(ContentTooLarge, match="refers to its parts too often"):
        package.read("a")


def test_a_locked_archive_is_refused() -> None:
    content = bytearray(packed(a=b"abc"))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(FormatUnsupported, match="the Word document is protected by a password"):
        opened(bytes(content))


@pytest.mark.parametrize("content", [b"PK\x03\x04 and no more", b""])
def test_a_damaged_archive_is_refused(content: bytes) -> None:
    with pytest.raises(InputInvalid, match="the Word document is damaged"):
        opened(content)


def test_a_part_whose_bytes_are_spoilt_is_refused() -> None:
    content = bytearray(packed(a=b"abc" * 100))
    content[35] ^= 0xFF
    with pytest.raises(InputInvalid, match="damaged"):
        opened(bytes(content)).read("a")


def test_xml_that_is_none_or_nests_too_deeply_is_refused() -> None:
    for part in (b"<a>", b"<a>" * 2_000 + b"</a>" * 2_000, b"", b"\xff\xfe\x00"):
        with pytest.raises(InputInvalid, match="damaged"):
            opened(packed(a=part)).xml("a")


def test_entities_are_neither_expanded_nor_fetched() -> None:
    laughs = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    for declared, name in ((f'<!ENTITY a0 "ha">{laughs}', "a9"), ('<!ENTITY x SYSTEM "file:///etc/passwd">', "x")):
        content = f"<!DOCTYPE r [{declared}]><r>So &{name}; it is</r>".encode()
        try:
            root = parse_xml(content)
        except etree.XMLSyntaxError:
            continue
        assert "".join(root.xpath("//text()")) == "So  it is"


def test_strict_names_become_transitional_ones_in_any_encoding() -> None:
    xml = '<?xml version="1.0" encoding="{}"?><p xmlns="http://purl.oclc.org/ooxml/wordprocessingml/main">ñ</p>'
    for encoding in ("utf-8", "utf-16"):
        root = parse_xml(xml.format(encoding).encode(encoding))
        assert root.tag == "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}p"
        assert root.text == "ñ"


def test_relations_name_parts_from_the_top_and_addresses_as_they_are() -> None:
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="a" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/footnotes"'
        ' Target="foot%20notes.xml"/>'
        '<Relationship Id="b" Type="x/header" Target="/other/../../h.xml"/>'
        '<Relationship Id="c" Type="x/hyperlink" Target="http://a.example/" TargetMode="External"/></Relationships>'
    )
    package = opened(packed(**{"word/_rels/document.xml.rels": rels}))
    assert package.relations("word/document.xml") == {
        "a": Relation("footnotes", "word/foot notes.xml"),
        "b": Relation("header", "h.xml"),
        "c": Relation("hyperlink", "http://a.example/", is_external=True),
    }
    assert package.relations("word/none.xml") == {}
