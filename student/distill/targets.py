"""Distillation targets: texts with the embedding that the student must give them. Declared here, written by `teacher`.

A folder of Parquet shards (`text`, `mix`, `embedding` as D float16; of a teacher with an intent head also
`intent_logits` as C float16 and `intent`, the number of a known one) and `targets.json`, which is written last: a
folder without it is unfinished. The embedding of a translation is that of the English side (Reimers & Gurevych 2020,
arXiv 2004.09813), which is how an English teacher yields a student that understands Spanish.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from student.artifacts.digests import Digest, digest_bytes, digest_file
from student.artifacts.durable import write_durably
from student.bundle.manifest import FileName, Origin, PrivacySpent
from student.errors import OrillaError

TARGETS_MANIFEST = "targets.json"


class TargetsRefused(OrillaError):
    """A folder of targets is missing, unfinished, damaged or of another form."""


class Shard(BaseModel):
    """One Parquet file of a folder of targets."""

    model_config = ConfigDict(frozen=True, strict=True)

    file: FileName
    sha256: Digest
    rows: Annotated[int, Field(ge=1)]


class TargetsManifest(BaseModel):
    """`targets.json`: whose embeddings these are, of what, in which files.

    `intent_temperature` divides the logits of the teacher's head; `privacy` was spent by the
    releases that it has absorbed.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    format: Literal["orilla-targets"] = "orilla-targets"
    format_version: Literal[1] = 1
    embedding_space: Digest
    dimension: Annotated[int, Field(ge=1)]
    intents: list[str] = []
    intent_temperature: Annotated[float, Field(gt=0)] = 1.0
    lineage: list[Origin]
    privacy: list[PrivacySpent] = []
    shards: Annotated[list[Shard], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class IntentTargets:
    """Soft labels of the teacher's intent head for N texts, and the known labels.

    Attributes:
        logits: float16 (N, C).
        known: int16 (N,), the number of a text's known intent, or -1.
    """

    logits: NDArray[np.float16]
    known: NDArray[np.int16]

    def rows(self, rows: NDArray[np.int64]) -> "IntentTargets":
        """The targets of some rows."""
        return IntentTargets(self.logits[rows], self.known[rows])


@dataclass(frozen=True, slots=True)
class Targets:
    """All targets in memory: N texts, the part of the mix that each belongs to, and embeddings (N, D) float16.

    `intents` is None when the teacher has no intent head.
    """

    manifest: TargetsManifest
    digest: str
    texts: list[str]
    mixes: list[str]
    embeddings: NDArray[np.float16]
    intents: IntentTargets | None = None

    def rows(self, rows: NDArray[np.int64]) -> "Targets":
        """The targets of some rows."""
        texts, mixes = [self.texts[i] for i in rows], [self.mixes[i] for i in rows]
        intents = self.intents.rows(rows) if self.intents else None
        return replace(self, texts=texts, mixes=mixes, embeddings=self.embeddings[rows], intents=intents)


def write_shard(
    path: Path,
    texts: Sequence[str],
    mixes: Sequence[str],
    embeddings: NDArray[Any],
    intents: IntentTargets | None = None,
) -> Shard:
    """Writes N texts with embeddings (N, D) durably."""
    columns = {
        "text": pa.array(texts, pa.string()),
        "mix": pa.array(mixes, pa.string()).dictionary_encode(),
        "embedding": _float16_rows(embeddings),
    }
    if intents:
        columns |= {"intent_logits": _float16_rows(intents.logits), "intent": pa.array(intents.known, pa.int16())}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    write_durably(path, content)
    return Shard(file=path.name, sha256=digest_bytes(content), rows=len(texts))


def write_targets_manifest(folder: Path, manifest: TargetsManifest) -> None:
    """Writes `targets.json`, which makes a folder of shards complete."""
    write_durably(folder / TARGETS_MANIFEST, manifest.model_dump_json(indent=2).encode() + b"\n")


def read_targets(folder: Path) -> Targets:
    """Reads and verifies a folder of targets, all of it into memory.

    Raises:
        TargetsRefused: as `read_shards`.
    """
    manifest, digest = read_targets_manifest(folder)
    parts = list(read_shards(folder))
    intents = None
    if manifest.intents:
        read = [part.intents for part in parts if part.intents]
        intents = IntentTargets(np.concatenate([p.logits for p in read]), np.concatenate([p.known for p in read]))
    return Targets(
        manifest,
        digest,
        [text for part in parts for text in part.texts],
        [mix for part in parts for mix in part.mixes],
        np.concatenate([part.embeddings for part in parts]),
        intents,
    )


def read_shards(folder: Path) -> Iterator[Targets]:
    """Reads and verifies a folder of targets one shard at a time: memory does not grow with the corpus.

    Raises:
        TargetsRefused: it is missing or unfinished, a shard differs from its digest, or a column is missing.
    """
    manifest, digest = read_targets_manifest(folder)
    for shard in manifest.shards:
        table = _read_shard(folder / shard.file, shard, manifest)
        intents = None
        if manifest.intents:
            known = table["intent"].to_numpy().astype(np.int16)
            intents = IntentTargets(_read_rows(table["intent_logits"], len(manifest.intents)), known)
        embeddings = _read_rows(table["embedding"], manifest.dimension)
        yield Targets(manifest, digest, table["text"].to_pylist(), table["mix"].to_pylist(), embeddings, intents)


def read_targets_manifest(folder: Path) -> tuple[TargetsManifest, str]:
    """`targets.json` of a folder, and its digest.

    Raises:
        TargetsRefused: it is missing or breaks the format.
    """
    path = folder / TARGETS_MANIFEST
    if not path.is_file():
        raise TargetsRefused(f"{folder} holds no finished targets; run: orilla teacher label")
    content = path.read_bytes()
    try:
        return TargetsManifest.model_validate_json(content), digest_bytes(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise TargetsRefused(f"{path} breaks the format of targets at {where}; label again") from error


def _read_shard(path: Path, shard: Shard, manifest: TargetsManifest) -> pa.Table:
    if not path.is_file() or digest_file(path) != shard.sha256:
        raise TargetsRefused(
            f"{path} is missing or differs from its digest; delete {TARGETS_MANIFEST} beside it and label again"
        )
    columns = ["text", "mix", "embedding", *(["intent_logits", "intent"] if manifest.intents else [])]
    try:
        table = pq.read_table(path, columns=columns)
    except (pa.ArrowException, KeyError) as error:
        raise TargetsRefused(f"{path} cannot be read as targets; label again") from error
    missing = set(columns) - set(table.column_names)
    if missing:
        raise TargetsRefused(f"{path} lacks columns of targets: {', '.join(sorted(missing))}; label again")
    return table.set_column(1, "mix", table["mix"].cast(pa.string()))


def _float16_rows(rows: NDArray[Any]) -> pa.FixedSizeListArray:
    flat = pa.array(np.asarray(rows, dtype=np.float16).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def _read_rows(column: pa.ChunkedArray, width: int) -> NDArray[np.float16]:
    """A column of lists of `width` numbers as (N, width)."""
    return np.concatenate([np.asarray(c.flatten(), dtype=np.float16).reshape(-1, width) for c in column.chunks])


def describe_mix(targets: Targets) -> dict[str, int]:
    """Number of texts in each part of the mix."""
    return {mix: targets.mixes.count(mix) for mix in sorted(set(targets.mixes))}
