"""Mails that Outlook saved, as compound files: properties, bodies in every form, attachments."""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from benchmarks.compound_file import Folder, compound_file
from edge_agent.errors import AgentError, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.formats.outlook_rtf import html_of_rtf, unpack_rtf
from edge_agent.settings import ParsingLimits

TEXT, PAGE = "Las copias se guardan 14 días.", "<p>Las copias se guardan <b>14 días</b>.</p>"
RTF = (
    rb"{\rtf1\ansi\ansicpg1252\fromhtml1 {\fonttbl{\f0 Arial;}}{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Las copias se "
    rb"guardan {\*\htmltag84 <b>}\htmlrtf \b\htmlrtf0 14 d\'edas{\*\htmltag92 </b>}\htmlrtf \b0\htmlrtf0 : 5 \u8364?."
    rb"{\*\htmltag72 </p>}\htmlrtf\par}\htmlrtf0}"
)


SENT = (
    0x00390040,
    int((datetime(2026, 11, 2, 8, 30, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10**7,
)


def properties(*numbers: tuple[int, int], head: int = 32) -> bytes:
    return bytes(head) + b"".join(struct.pack("<IIQ", tag, 6, value) for tag, value in numbers)


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def message(streams: Mapping[str, bytes], *, subject: str = "Política") -> dict[str, "bytes | Folder"]:
    return {
        "__properties_version1.0": properties(SENT),
        "__substg1.0_0037001F": wide(subject),
        "__substg1.0_0C1A001F": wide("Ana Ruiz"),
        "__substg1.0_5D01001F": wide("ana@acme.example"),
        "__recip_version1.0_#00000000": {
            "__properties_version1.0": properties(head=8),
            "__substg1.0_3001001F": wide("Soporte"),
            "__substg1.0_39FE001F": wide("soporte@acme.example"),
        },
        **{f"__substg1.0_{name}": content for name, content in streams.items()},
    }


def read(folder: Folder) -> Extract:
    return extract(compound_file(folder), DocumentFormat.MSG, ParsingLimits())


@pytest.mark.parametrize(
    "body",
    [
        {"1000001F": wide(TEXT)},
        {"1000001E": TEXT.encode("cp1252")},
        {"10130102": PAGE.encode()},
        {"10130102": PAGE.encode(), "1000001F": wide(TEXT)},
        {"10090102": struct.pack("<IIII", 0, len(RTF), 0x414C454D, 0) + RTF},
    ],
    ids=["wide", "narrow", "page", "page and text", "rich text"],
)
def test_each_body_is_read_once(body: dict[str, bytes]) -> None:
    made = read(message(body))
    assert (made.title, made.date) == ("Política", "2026-11-02")
    assert "From: Ana Ruiz <ana@acme.example>" in made.text
    assert "To: Soporte <soporte@acme.example>\nDate: 2026-11-02 08:30 UTC\n" in made.text
    assert made.text.count("Las copias se guardan 14 días") == 1


def test_attachments_are_given_with_their_names_and_mails_as_mails() -> None:
    inner = message({"1000001F": wide("Dentro hay texto.")}, subject="Interno")
    inner["__properties_version1.0"] = properties(SENT, head=24)
    folder = message({"1000001F": wide(TEXT)})
    folder["__attach_version1.0_#00000000"] = {
        "__properties_version1.0": properties(head=8),
        "__substg1.0_3707001F": wide("C:\\datos\\año.pdf"),
        "__substg1.0_37010102": b"%PDF-1.7" + bytes(5000),
    }
    folder["__attach_version1.0_#00000001"] = {"__substg1.0_3701000D": inner}
    folder["__attach_version1.0_#00000002"] = {
        "__substg1.0_370E001F": wide("image/png"),
        "__substg1.0_3712001F": wide("logo@x"),
        "__substg1.0_37010102": b"\x89PNG",
    }
    made = read(folder)
    assert [attachment.name for attachment in made.attachments] == ["año.pdf", "Interno.eml"]
    assert made.attachments[0].content == b"%PDF-1.7" + bytes(5000)
    again = extract(made.attachments[1].content, DocumentFormat.EML, ParsingLimits())
    assert "Dentro hay texto." in again.text
    assert again.title == "Interno"
    assert "Date: 2026-11-02 08:30 UTC" in again.text


def test_a_compound_file_that_is_no_mail_is_refused() -> None:
    with pytest.raises(InputInvalid, match="no mail of Outlook"):
        read({"WordDocument": b"abc"})


@pytest.mark.parametrize("length", [8, 100, 600, 1500])
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(AgentError):
        extract(compound_file(message({}))[:length], DocumentFormat.MSG, ParsingLimits())


def test_packed_rich_text_is_unpacked_as_the_format_describes() -> None:
    """The two examples of [MS-OXRTFCP], section 4."""
    simple = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert unpack_rtf(simple, at_most=1000) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    crossing = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
    assert unpack_rtf(crossing, at_most=1000) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert len(unpack_rtf(crossing, at_most=10)) < 60
    assert unpack_rtf(b"abc", at_most=10) == unpack_rtf(bytes(20), at_most=10) == b""


def test_the_page_wrapped_in_rich_text_comes_out_as_it_was() -> None:
    assert html_of_rtf(RTF) == "<p>Las copias se guardan <b>14 días</b>: 5 €.</p>"
    assert html_of_rtf(rb"{\rtf1 Hola}") == ""
    assert html_of_rtf(rb"{\rtf1\fromhtml1 " + b"{" * 5000).strip() == ""
