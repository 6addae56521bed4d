"""Labelling: runs the teacher once over a corpus and writes targets, so that distillation never runs it again.

Shards are written one by one in a fixed order; a run that was killed goes on after the last whole one, and ends with
the same files as one that was not.
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from student.artifacts.digests import digest_file, digest_json
from student.artifacts.durable import write_durably
from student.bundle.linear_head import LinearHead
from student.distill.pretrained import Pretrained
from student.distill.targets import (
    IntentTargets,
    Shard,
    TargetsManifest,
    read_shards,
    read_targets_manifest,
    write_shard,
    write_targets_manifest,
)
from student.embeddings import Embeddings
from teacher.corpora.corpus import CORPUS_ROLE, CorpusRecipe, Example, corpus_lineage, read_corpus
from teacher.errors import LabelsDiffer

ROWS_IN_A_SHARD = 8192
_PROGRESS = "progress.json"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Outcome of a labelling: rows in all, and those written by this run."""

    rows: int
    rows_written: int


def label(
    pretrained: Pretrained,
    recipe: CorpusRecipe,
    data: Path,
    folder: Path,
    *,
    encode: Callable[[list[str]], Embeddings],
    share: float = 1.0,
    on_rows: Callable[[int, int], None] = lambda done, total: None,
) -> Labelled:
    """Labels a corpus.

    Args:
        pretrained: the teacher, for the lineage and the embedding space.
        recipe: the corpus.
        data: where its files are.
        folder: where the targets go; a started labelling of the same corpus by the same teacher is continued.
        encode: texts → embeddings (N, D), by the teacher.
        share: of the corpus to label, chosen by digest.
        on_rows: called with the numbers of rows done and of all.

    Raises:
        DataRefused: see `teacher.corpora.corpus`. LabelsDiffer: the folder holds something else's beginning.
    """
    examples = list(read_corpus(recipe, data, share=share))
    lineage = corpus_lineage(recipe, data)
    teacher = [pretrained.weights_sha256, *([pretrained.intent_head_sha256] if pretrained.intent_head_sha256 else [])]
    job = digest_json([*teacher, ROWS_IN_A_SHARD, [astuple(example) for example in examples]])
    folder.mkdir(parents=True, exist_ok=True)
    shards = _resume(folder, job)
    written = 0
    for number, rows in enumerate(_batched(examples, ROWS_IN_A_SHARD)):
        if number >= len(shards):
            embeddings = _encode_unique([row.teacher_text for row in rows], encode)
            intents = _intents(pretrained.intent_head, rows, embeddings) if pretrained.intent_head else None
            path = folder / f"shard-{number:05d}.parquet"
            texts, mixes = [row.text for row in rows], [row.mix for row in rows]
            shards.append(write_shard(path, texts, mixes, embeddings, intents))
            _save_progress(folder, job, shards)
            written += len(rows)
        on_rows(min((number + 1) * ROWS_IN_A_SHARD, len(examples)), len(examples))
    write_targets_manifest(
        folder,
        TargetsManifest(
            embedding_space=pretrained.embedding_space,
            dimension=pretrained.dimension,
            intents=list(pretrained.intent_head.labels) if pretrained.intent_head else [],
            intent_temperature=pretrained.intent_head.temperature if pretrained.intent_head else 1.0,
            lineage=[*pretrained.as_teacher(), *lineage],
            privacy=list(pretrained.privacy),
            shards=shards,
        ),
    )
    return Labelled(len(examples), written)


def relabel(pretrained: Pretrained, targets: Path, folder: Path) -> Labelled:
    """Labels targets again by a teacher of the same space, whose intent head has learned more; encodes no text again.

    Args:
        pretrained: the teacher.
        targets: labelled by an earlier teacher of its space; read one shard at a time.
        folder: where the new ones go; the same ones are written again if they are there.

    Raises:
        LabelsDiffer: the teacher has no intent head, or another space. TargetsRefused: the targets cannot be read.
    """
    before, _ = read_targets_manifest(targets)
    head = pretrained.intent_head
    if head is None or before.embedding_space != pretrained.embedding_space:
        raise LabelsDiffer(
            f"{targets} is of space {before.embedding_space[:12]}, the teacher {pretrained.embedding_space[:12]} with "
            f"{'an' if head else 'no'} intent head; only targets of its own space can be labelled again: run label"
        )
    folder.mkdir(parents=True, exist_ok=True)
    number = {label: index for index, label in enumerate(head.labels)}
    now_known = np.array([*(number.get(label, -1) for label in before.intents), -1], dtype=np.int16)
    shards = []
    for position, shard in enumerate(read_shards(targets)):
        known = shard.intents.known if shard.intents else np.full(len(shard.texts), -1, dtype=np.int16)
        logits = (shard.embeddings.astype(np.float32) @ head.weight.T + head.bias).astype(np.float16)
        intents = IntentTargets(logits, now_known[known])
        path = folder / f"shard-{position:05d}.parquet"
        shards.append(write_shard(path, shard.texts, shard.mixes, shard.embeddings, intents))
    corpus = [origin for origin in before.lineage if origin.role == CORPUS_ROLE]
    manifest = before.model_copy(
        update={
            "intents": list(head.labels),
            "intent_temperature": head.temperature,
            "lineage": [*pretrained.as_teacher(), *corpus],
            "privacy": list(pretrained.privacy),
            "shards": shards,
        }
    )
    write_targets_manifest(folder, manifest)
    rows = sum(shard.rows for shard in shards)
    return Labelled(rows, rows)


def _intents(head: LinearHead, rows: Sequence[Example], embeddings: Embeddings) -> IntentTargets:
    """The head's logits, and the known intents that it has a name for."""
    number = {label: index for index, label in enumerate(head.labels)}
    known = np.array([number.get(row.intent or "", -1) for row in rows], dtype=np.int16)
    return IntentTargets((embeddings @ head.weight.T + head.bias).astype(np.float16), known)


def _encode_unique(texts: list[str], encode: Callable[[list[str]], Embeddings]) -> Embeddings:
    """Embeddings (N, D), each different text encoded once, neighbours of like length for full batches."""
    unique = sorted(set(texts), key=len)
    row_of = {text: row for row, text in enumerate(unique)}
    return encode(unique)[[row_of[text] for text in texts]]


def _batched(examples: Sequence[Example], size: int) -> list[Sequence[Example]]:
    return [examples[first : first + size] for first in range(0, len(examples), size)]


def _resume(folder: Path, job: str) -> list[Shard]:
    """The shards that an earlier run of the same job finished, as far as they are whole."""
    path = folder / _PROGRESS
    if not path.exists():
        if any(folder.iterdir()):
            raise LabelsDiffer(f"{folder} is not empty and holds no started labelling; name another folder")
        return []
    started_job, shards = _PROGRESS_FORM.validate_json(path.read_bytes())
    if started_job != job:
        raise LabelsDiffer(
            f"{folder} holds targets of another teacher, recipe or data; name another folder or delete that one"
        )
    whole = []
    for shard in shards:
        if not (folder / shard.file).is_file() or digest_file(folder / shard.file) != shard.sha256:
            break
        whole.append(shard)
    return whole


def _save_progress(folder: Path, job: str, shards: list[Shard]) -> None:
    write_durably(folder / _PROGRESS, _PROGRESS_FORM.dump_json((job, shards)))


_PROGRESS_FORM = TypeAdapter(tuple[str, list[Shard]])
