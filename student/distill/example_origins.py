"""The origins of a file of examples, `NAME.origins.json` beside `NAME.jsonl`: the lineage of what learns from it."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from student.artifacts.digests import digest_file
from student.artifacts.durable import write_durably
from student.artifacts.json_lines import DataRefused
from student.bundle.manifest import Origin
from student.distill.licenses import UNKNOWN

_ORIGINS = TypeAdapter(list[Origin])


def write_examples(path: Path, lines: Sequence[str], origins: Sequence[Origin]) -> int:
    """Writes examples, a line each, and their origins durably; returns the number of examples."""
    write_durably(_origins_path(path), _ORIGINS.dump_json(list(origins), indent=1) + b"\n")
    write_durably(path, ("\n".join(lines) + "\n").encode())
    return len(lines)


def read_example_origins(path: Path, role: str) -> list[Origin]:
    """The origins of the examples in a file; the file itself in that role, its licence unknown, if nothing names them.

    Raises:
        DataRefused: the file of origins cannot be read.
    """
    if not _origins_path(path).exists():
        return [Origin(role=role, name=path.name, sha256=digest_file(path), license=UNKNOWN)]
    try:
        return _ORIGINS.validate_json(_origins_path(path).read_bytes())
    except ValidationError as error:
        raise DataRefused(f"{_origins_path(path)} is no list of origins; make the examples again") from error


def _origins_path(path: Path) -> Path:
    return path.with_suffix(".origins.json")
