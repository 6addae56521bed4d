"""The commit watermark: how many changes of a store are durable, kept beside it; a damaged store falls short of it.

SQLite ends its write-ahead log at the first frame whose checksum fails, and takes what is left for the whole: a log
that is damaged or cut off loses committed changes in silence, and an empty file is a new database. So the number of
changes stands in the database and, once a change is durable, here. This file is not synced: after a power cut it may be
older than the database, never newer (docs/adr/0024).
"""

import os
import re
import zlib
from contextlib import suppress
from pathlib import Path

from student.artifacts.private import PRIVATE_FILE

_LENGTH = 32


class CommitWatermark:
    """The number in an open file; `count` is 0 where the file is new, empty or unreadable."""

    def __init__(self, path: Path) -> None:
        """Opens the file, making it when it is missing.

        Raises:
            OSError: it cannot be opened.
        """
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        self.count = _parse(os.pread(self._descriptor, _LENGTH, 0))

    def write(self, count: int) -> None:
        """Says that so many changes are durable; where that cannot be written the older number stays, true as well."""
        with suppress(OSError):
            os.pwrite(self._descriptor, _format(count), 0)
            self.count = count

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


def _format(count: int) -> bytes:
    digits = f"{count:020d}"
    return f"{digits} {zlib.crc32(digits.encode()):010d}\n".encode()


def _parse(content: bytes) -> int:
    match = re.fullmatch(rb"(\d{20}) (\d{10})\n", content)
    return int(match[1]) if match and zlib.crc32(match[1]) == int(match[2]) else 0
