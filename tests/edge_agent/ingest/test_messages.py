"""What a child that parses sends: the same extract arrives, and nothing else gets in."""

import io
import struct
from dataclasses import fields

import pytest

from edge_agent.ingest.parsing.blocks import Attachment, Block, BlockKind, Extract
from edge_agent.ingest.parsing.isolation import unpack_extract
from edge_agent.ingest.parsing.messages import FRAMED, pack_extract, receive, send, unpack_blocks

EXTRACT = Extract(
    text="Título\n\nUn párrafo \U0001f600.\n\n- uno",
    title='Un "título"',
    blocks=(
        Block(BlockKind.HEADING, 0, 6, level=1, page=1),
        Block(BlockKind.PARAGRAPH, 8, 21, page=2),
        Block(BlockKind.LIST_ITEM, 23, 28, level=3, page=2_000),
    ),
    tags=("a", "b"),
    date="2026-11-30",
    encoding="utf-8",
    invisible_chars=7,
    notices=("a picture was left out",),
    attachments=(Attachment("a.pdf", bytes(range(256))), Attachment("", b"")),
)


def test_an_extract_arrives_as_it_was_sent() -> None:
    pipe = io.BytesIO()
    send(pipe, pack_extract(EXTRACT))
    pipe.seek(0)
    frames = receive(pipe, at_most=10_000, at_most_frames=5)
    assert frames is not None
    assert unpack_extract(frames) == EXTRACT
    assert receive(pipe, at_most=10_000, at_most_frames=5) is None


def test_every_field_of_extract_and_block_is_sent() -> None:
    assert {field.name for field in fields(Block)} == {"kind", "start", "end", "level", "page", "closes"}
    assert {field.name for field in fields(Attachment)} == {"name", "content"}
    assert {field.name for field in fields(Extract)} >= FRAMED
    defaults = Extract(EXTRACT.text, None, EXTRACT.blocks)
    for field in fields(Extract):
        if field.name not in ("text", "blocks"):
            assert getattr(EXTRACT, field.name) != getattr(defaults, field.name), f"{field.name} is not tried here"


@pytest.mark.parametrize("length", [0, 5, 8, 12, 30])
def test_a_message_that_is_cut_off_is_none(length: int) -> None:
    pipe = io.BytesIO()
    send(pipe, [b"some", b"frames"])
    assert receive(io.BytesIO(pipe.getvalue()[:length]), at_most=100, at_most_frames=2) is None


def test_a_message_larger_than_accepted_is_refused_before_it_is_held() -> None:
    with pytest.raises(ValueError, match="frame of 1099511627776 bytes"):
        receive(io.BytesIO(struct.pack("<QQ", 1, 1 << 40)), at_most=100, at_most_frames=2)
    with pytest.raises(ValueError, match="3 frames, at most 2"):
        receive(io.BytesIO(struct.pack("<Q", 3)), at_most=100, at_most_frames=2)


@pytest.mark.parametrize(
    "blocks",
    [
        struct.pack("<6I", 1, 0, 99, 0, 0, 0),  # past the end
        struct.pack("<6I", 1, 3, 3, 0, 0, 0),  # empty
        struct.pack("<6I", 99, 0, 3, 0, 0, 0),  # of no kind
        struct.pack("<12I", 1, 0, 5, 0, 0, 0, 1, 4, 6, 0, 0, 0),  # overlapping
        b"abc",
    ],
)
def test_blocks_that_are_not_of_their_text_are_refused(blocks: bytes) -> None:
    with pytest.raises(ValueError, match="block"):
        list(unpack_blocks(blocks, chars=10))


@pytest.mark.parametrize(
    "frames",
    [
        [b"no JSON"],
        [b'{"extract": {"title": 7}}', b"", b""],
        [b'{"extract": {"title": null}, "attachments": ["a"]}', b"", b""],
        [b'{"extract": {"title": null}}', b"\xff", b""],
    ],
)
def test_a_reply_of_no_parser_of_ours_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack_extract(frames)
