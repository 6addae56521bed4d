"""Distillation targets: texts with the embedding that the student must give them. Declared here, written by `teacher`.

A folder of Parquet shards (`text`, `mix`, `embedding` as D float16) and `targets.json`, which is written last: a
folder without it is unfinished. The embedding of a translation is that of the English side (Reimers & Gurevych 2020,
arXiv 2004.09813), which is how an English teacher yields a student that understands Spanish.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from student.digests import Digest, digest_bytes, digest_file
from student.durable import write_durably
from student.errors import OrillaError
from student.manifest import FileName, Origin

MANIFEST = "targets.json"


class TargetsRefused(OrillaError):
    """A folder of targets is missing, unfinished, damaged or of another form."""


class Shard(BaseModel):
    """One Parquet file of a folder of targets."""

    model_config = ConfigDict(frozen=True, strict=True)

    file: FileName
    sha256: Digest
    rows: Annotated[int, Field(ge=1)]


class TargetsManifest(BaseModel):
    """`targets.json`: whose embeddings these are, of what, in which files."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    format: Literal["orilla-targets"] = "orilla-targets"
    format_version: Literal[1] = 1
    embedding_space: Digest
    dimension: Annotated[int, Field(ge=1)]
    lineage: list[Origin]
    shards: Annotated[list[Shard], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Targets:
    """All targets in memory: N texts, the part of the mix that each belongs to, and embeddings (N, D) float16."""

    manifest: TargetsManifest
    digest: str
    texts: list[str]
    mixes: list[str]
    embeddings: NDArray[np.float16]


def write_shard(path: Path, texts: Sequence[str], mixes: Sequence[str], embeddings: NDArray[Any]) -> Shard:
    """Writes N texts with embeddings (N, D) aside and renames the file into place."""
    flat = pa.array(np.asarray(embeddings, dtype=np.float16).reshape(-1))
    columns = {
        "text": pa.array(texts, pa.string()),
        "mix": pa.array(mixes, pa.string()).dictionary_encode(),
        "embedding": pa.FixedSizeListArray.from_arrays(flat, embeddings.shape[1]),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    write_durably(path, content)
    return Shard(file=path.name, sha256=digest_bytes(content), rows=len(texts))


def write_manifest(folder: Path, manifest: TargetsManifest) -> None:
    """Writes `targets.json`, which makes a folder of shards complete."""
    write_durably(folder / MANIFEST, manifest.model_dump_json(indent=2).encode() + b"\n")


def read_targets(folder: Path) -> Targets:
    """Reads and verifies a folder of targets.

    Raises:
        TargetsRefused: it is missing or unfinished, a shard differs from its digest, or a column is missing.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise TargetsRefused(f"{folder} holds no finished targets; run: orilla teacher label")
    content = path.read_bytes()
    try:
        manifest = TargetsManifest.model_validate_json(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise TargetsRefused(f"{path} breaks the format of targets at {where}; label again") from error
    texts: list[str] = []
    mixes: list[str] = []
    parts = []
    for shard in manifest.shards:
        table = _read_shard(folder / shard.file, shard)
        texts += table["text"].to_pylist()
        mixes += table["mix"].to_pylist()
        flat = table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        parts.append(flat.reshape(-1, manifest.dimension))
    return Targets(manifest, digest_bytes(content), texts, mixes, np.concatenate(parts))


def _read_shard(path: Path, shard: Shard) -> pa.Table:
    if not path.is_file() or digest_file(path) != shard.sha256:
        raise TargetsRefused(
            f"{path} is missing or differs from its digest; delete {MANIFEST} beside it and label again"
        )
    try:
        return pq.read_table(path, columns=["text", "mix", "embedding"])
    except (pa.ArrowException, KeyError) as error:
        raise TargetsRefused(f"{path} lacks a column of targets: text, mix, embedding; label again") from error


def describe_mix(targets: Targets) -> dict[str, int]:
    """How many texts each part of the mix has."""
    return {mix: targets.mixes.count(mix) for mix in sorted(set(targets.mixes))}
