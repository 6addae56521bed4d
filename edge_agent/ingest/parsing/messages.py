"""Messages between the server and a child that parses: what is asked and what is answered, as bytes.

Each message is some frames: a length, then so many bytes. An extract's text, blocks and attachments are frames of their
own, so that the server turns five million characters and a hundred thousand blocks into objects without a pause in
which no question could be answered. Nothing slow to import is needed here: a child starts for one document.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import IO, Any

from edge_agent.ingest.parsing.blocks import Block, BlockKind, Extract

_LENGTH = struct.Struct("<Q")
_BLOCK = struct.Struct("<6I")
_KINDS = tuple(BlockKind)
FRAMED = frozenset({"text", "blocks", "attachments"})
"""Fields of an extract that are frames of their own; the others are in the head."""


def send(pipe: IO[bytes], frames: Sequence[bytes]) -> None:
    """Writes a message: how many frames it has, and the frames."""
    pipe.write(_LENGTH.pack(len(frames)))
    for frame in frames:
        pipe.write(_LENGTH.pack(len(frame)))
        pipe.write(frame)
    pipe.flush()


def receive(pipe: IO[bytes], *, at_most: int, at_most_frames: int) -> list[bytes] | None:
    """Reads a message; None at the end of the pipe, also amid one.

    Args:
        pipe: to read from.
        at_most: bytes in all frames together.
        at_most_frames: how many there may be.

    Raises:
        ValueError: it is larger.
    """
    count = _receive_length(pipe)
    if count is None:
        return None
    if count > at_most_frames:
        raise ValueError(f"a message of {count} frames, at most {at_most_frames} are accepted")
    frames: list[bytes] = []
    for _ in range(count):
        length = _receive_length(pipe)
        if length is None:
            return None
        at_most -= length
        if at_most < 0:
            raise ValueError(f"a message with a frame of {length} bytes, more than is accepted")
        frame = pipe.read(length)
        if len(frame) < length:
            return None
        frames.append(frame)
    return frames


def pack_extract(extract: Extract) -> list[bytes]:
    """An extract as frames: its head as JSON, its text, its blocks, each attachment's bytes."""
    head: dict[str, Any] = {f.name: getattr(extract, f.name) for f in fields(extract) if f.name not in FRAMED}
    names = [attachment.name for attachment in extract.attachments]
    return [
        json.dumps({"extract": head, "attachments": names}).encode(),
        extract.text.encode(errors="replace"),
        b"".join(_BLOCK.pack(_KINDS.index(b.kind), b.start, b.end, b.level, b.page, b.closes) for b in extract.blocks),
        *(attachment.content for attachment in extract.attachments),
    ]


def unpack_blocks(frame: bytes, *, chars: int) -> Iterator[Block]:
    """The blocks of a text of so many characters. Raises `ValueError` where they are not in order, or not in it."""
    if len(frame) % _BLOCK.size:
        raise ValueError("blocks that are cut off")
    before = 0
    for kind, start, end, level, page, closes in _BLOCK.iter_unpack(frame):
        if kind >= len(_KINDS) or not before <= start < end <= chars:
            raise ValueError("a block that is not where it may be")
        before = end
        yield Block(_KINDS[kind], start, end, level, page, closes)


def _receive_length(pipe: IO[bytes]) -> int | None:
    head = pipe.read(_LENGTH.size)
    return int(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else None
