"""Distillation targets: texts with the embedding that the student must give them. Declared here, written by `teacher`.

A folder of Parquet shards (`text`, `mix`, `embedding` as D float16; of a teacher with an intent head also
`intent_logits` as C float16 and `intent`, the number of a known one), the links between the texts, how the
embeddings of several teachers were reduced to one, and `targets.json`, which is written last: a folder without it is
unfinished. Where a teacher cannot read a language, a text has the embedding of its translation (Reimers & Gurevych
2020, arXiv 2004.09813), which is how an English teacher yields a student that understands Spanish.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
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


class NamedFile(BaseModel):
    """Another file of a folder of targets."""

    model_config = ConfigDict(frozen=True, strict=True)

    file: FileName
    sha256: Digest


class TargetsManifest(BaseModel):
    """`targets.json`: whose embeddings these are, of what, in which files.

    `intent_temperature` divides the logits of the teacher's head; `privacy` was spent by the
    releases that it has absorbed. `links` holds what answers and what translates what; `reduction` how the
    embeddings of several teachers became one (`teacher.mixture.reduction`); `teachers` what was asked of each,
    `teacher_name`, `translation_pull` and `translation_lead` what their recipe says of them together (None in targets
    of before).
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
    links: NamedFile | None = None
    reduction: NamedFile | None = None
    teachers: list[dict[str, Any]] = []
    teacher_name: str = ""
    translation_pull: float | None = None
    translation_lead: Literal["en", "es"] | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """Links between the rows of targets.

    Attributes:
        answers: int64 (A, 2), the row of a question, heading or title and the row of a text that answers it.
        areas: (A,), product, company or subject of each; empty where nobody said.
        translations: int64 (T, 2), the rows of an English and a Spanish text that say the same.
    """

    answers: NDArray[np.int64]
    areas: list[str]
    translations: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        answers: Sequence[tuple[int, int]] = (),
        areas: Sequence[str] = (),
        translations: Sequence[tuple[int, int]] = (),
    ) -> "Links":
        """Links from lists of pairs."""
        pairs = (np.array(part, dtype=np.int64).reshape(-1, 2) for part in (answers, translations))
        return cls(next(pairs), list(areas), next(pairs))

    def among(self, rows: NDArray[np.int64], count: int) -> "Links":
        """The links of which both sides are among some of `count` rows, by their new numbers."""
        new = np.full(count, -1, dtype=np.int64)
        new[rows] = np.arange(len(rows))
        answers, translations = new[self.answers], new[self.translations]
        kept: NDArray[np.bool_] = np.all(answers >= 0, axis=1)
        areas = [self.areas[link] for link in np.flatnonzero(kept)]
        return Links(answers[kept], areas, translations[(translations >= 0).all(axis=1)])


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
    links: Links = field(default_factory=Links.of)

    def rows(self, rows: NDArray[np.int64]) -> "Targets":
        """The targets of some rows."""
        texts, mixes = [self.texts[i] for i in rows], [self.mixes[i] for i in rows]
        intents = self.intents.rows(rows) if self.intents else None
        links = self.links.among(rows, len(self.texts))
        embeddings = self.embeddings[rows]
        return replace(self, texts=texts, mixes=mixes, embeddings=embeddings, intents=intents, links=links)

    def evenly(self, most: int) -> "Targets":
        """The targets of at most so many rows, evenly drawn."""
        return self.rows(evenly(len(self.texts), most))


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """At most so many of the numbers below `count`, evenly drawn."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


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
    content = _parquet(pa.table(columns))
    write_durably(path, content)
    return Shard(file=path.name, sha256=digest_bytes(content), rows=len(texts))


def write_links(path: Path, links: Links) -> NamedFile:
    """Writes links durably."""
    rows = np.concatenate([links.answers, links.translations])
    kinds = ["answers"] * len(links.answers) + ["translates"] * len(links.translations)
    table = pa.table(
        {
            "kind": pa.array(kinds, pa.string()).dictionary_encode(),
            "left": pa.array(rows[:, 0], pa.int32()),
            "right": pa.array(rows[:, 1], pa.int32()),
            "area": pa.array([*links.areas, *[""] * len(links.translations)], pa.string()).dictionary_encode(),
        }
    )
    content = _parquet(table)
    write_durably(path, content)
    return NamedFile(file=path.name, sha256=digest_bytes(content))


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
        _read_links(folder, manifest),
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


def _read_links(folder: Path, manifest: TargetsManifest) -> Links:
    if manifest.links is None:
        return Links.of()
    path = folder / manifest.links.file
    if not path.is_file() or digest_file(path) != manifest.links.sha256:
        raise TargetsRefused(f"{path} is missing or differs from its digest; label again")
    try:
        table = pq.read_table(path, columns=["kind", "left", "right", "area"])
        rows = np.stack([table[side].to_numpy() for side in ("left", "right")], axis=1).astype(np.int64)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise TargetsRefused(f"{path} cannot be read as links between targets; label again") from error
    count = sum(shard.rows for shard in manifest.shards)
    if len(rows) and not 0 <= rows.min() <= rows.max() < count:
        raise TargetsRefused(f"{path} names row {rows.max()} of {count}; label again")
    is_answer = np.array(table["kind"].to_pylist(), dtype=object) == "answers"
    areas = [area for area, kept in zip(table["area"].to_pylist(), is_answer, strict=True) if kept]
    return Links(rows[is_answer], areas, rows[~is_answer])


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _float16_rows(rows: NDArray[Any]) -> pa.FixedSizeListArray:
    flat = pa.array(np.asarray(rows, dtype=np.float16).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def _read_rows(column: pa.ChunkedArray, width: int) -> NDArray[np.float16]:
    """A column of lists of `width` numbers as (N, width)."""
    return np.concatenate([np.asarray(c.flatten(), dtype=np.float16).reshape(-1, width) for c in column.chunks])


def describe_mix(targets: Targets) -> dict[str, int]:
    """Number of texts in each part of the mix."""
    return {mix: targets.mixes.count(mix) for mix in sorted(set(targets.mixes))}
