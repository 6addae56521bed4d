"""Figures of a run as event files, which TensorBoard shows; written and read by tensorboardX, an extra.

TensorBoard reads all event files of a folder as one run, so a continued run begins another file. TensorBoard itself
(160 MB installed, with a web server) is not needed to write them.
"""

import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from student.artifacts.durable import write_durably
from student.errors import TrackingFailed
from student.extras import import_extra
from student.tracking.tracked_run import RunFacts

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

EVENTS = "events.out.tfevents.*"
_HEAD, _CHECK = 12, 4
"""Bytes of a record's length and its checksum before the content, and of the checksum after it."""


class TensorBoardStore:
    """The event files of a folder.

    Raises:
        ExtraMissing: tensorboardX is not installed.
    """

    def __init__(self, folder: Path) -> None:
        import_extra("--track tensorboard", "tensorboard", ("tensorboardX",))
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def begin(self, facts: RunFacts, step: int) -> None:
        """Begins a file; of those there, events of later steps are dropped."""
        from tensorboardX import SummaryWriter  # noqa: PLC0415  (an extra)

        try:
            for path in self._folder.glob(EVENTS):
                _forget_after(path, step)
            is_new = not any(self._folder.glob(EVENTS))
            self._writer = SummaryWriter(str(self._folder), filename_suffix=f".{os.urandom(4).hex()}")
        except OSError as error:
            raise self._failure(error) from error
        if is_new:
            self._writer.add_text("parameters", _table("parameter", facts.parameters), 0)
        self._writer.flush()

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Adds a point for each figure; it is on the disk when this returns."""
        if self._writer is None:
            return
        try:
            for name, value in figures.items():
                self._writer.add_scalar(name, value, step)
            self._writer.flush()
        except OSError as error:
            raise self._failure(error) from error

    def end(self, facts: RunFacts) -> None:
        """Adds what was made, and closes the file."""
        if self._writer is None:
            return
        try:
            if facts.artifacts:
                self._writer.add_text("artifacts", _table("artifact", facts.artifacts), 0)
            self._writer.close()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> TrackingFailed:
        return TrackingFailed(f"{self._folder} cannot be written: {error.strerror}; see to the folder, or leave it out")


def read_events(content: bytes) -> Iterator[tuple[Any, bytes]]:
    """The events of a file and their records; one that a crash cut off, and what follows it, is left out."""
    from tensorboardX.proto.event_pb2 import Event  # noqa: PLC0415  (an extra)

    position = 0
    while position + _HEAD <= len(content):
        (length,) = struct.unpack_from("<Q", content, position)
        end = position + _HEAD + length + _CHECK
        if end > len(content):
            return
        yield Event.FromString(content[position + _HEAD : end - _CHECK]), content[position:end]
        position = end


def _forget_after(path: Path, step: int) -> None:
    content = path.read_bytes()
    kept = b"".join(record for event, record in read_events(content) if event.step <= step)
    if not kept:
        path.unlink()
    elif kept != content:
        write_durably(path, kept)


def _table(what: str, values: Mapping[str, str]) -> str:
    rows = "".join(f"| {name} | `{value}` |\n" for name, value in values.items())
    return f"| {what} | value |\n|---|---|\n{rows}"
