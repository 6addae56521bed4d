"""Labelling: runs a teacher once over a corpus and writes targets, so that distillation never runs it again.

What each encoder says is kept in chunks (`said.py`), so a run that was killed goes on where it was and ends with the
same files as one that was not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from student.artifacts.digests import digest_bytes
from student.artifacts.durable import write_durably
from student.bundle.linear_head import LinearHead
from student.distill.targets import (
    TARGETS_MANIFEST,
    IntentTargets,
    NamedFile,
    Shard,
    TargetsManifest,
    read_shards,
    read_targets_manifest,
    write_links,
    write_shard,
    write_targets_manifest,
)
from student.distill.training.processes import Processes
from student.embeddings import Embeddings
from teacher.corpora.corpus import CORPUS_ROLE, Corpus, Example, corpus_lineage, read_corpus
from teacher.corpora.documents import ReadFolder, read_documents
from teacher.corpora.recipe import CorpusRecipe
from teacher.errors import LabelsDiffer
from teacher.labelling.blocks import OnRows, encode_blocks, keep_spoken_for
from teacher.mixture.learner import Learner
from teacher.mixture.recipe import TeacherRecipe
from teacher.mixture.reduction import REDUCTION_FILE, Block, Reduction, fit_reduction
from teacher.mixture.teacher import Teacher

ROWS_IN_A_SHARD = 8192
SAID = "said"
"""Folder of what the encoders say, beside the targets."""
_LINKS = "links.parquet"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Outcome of a labelling: rows in all, and texts encoded by this run, summed over encoders and processes."""

    rows: int
    texts_encoded: int


def label(
    teacher: Teacher,
    recipe: CorpusRecipe,
    data: Path,
    folder: Path,
    *,
    share: float = 1.0,
    on_rows: OnRows = lambda progress: None,
    processes: Processes = Processes(),
    read_folder: ReadFolder = read_documents,
) -> Labelled:
    """Labels a corpus.

    Args:
        teacher: see `teacher.mixture.teacher`.
        recipe: the corpus.
        data: where its files are.
        folder: where the targets go; a started labelling by the same encoders is continued, whatever the share.
        share: of the corpus to label, chosen by digest.
        on_rows: progress callback, after every batch.
        processes: that take chunks of the corpus in turn; the main one writes the targets.
        read_folder: reads the corpus's folders of documents.

    Raises:
        DataRefused: see `teacher.corpora.corpus`. LabelsDiffer: the folder holds something else.
    """
    if processes.is_main:
        _require_own_folder(folder)
    corpus = keep_spoken_for(read_corpus(recipe, data, share=share, read_folder=read_folder), teacher.voices)
    if not corpus.examples:
        raise LabelsDiffer(f"the corpus {recipe.name} holds no text at share {share}; raise --share or check the files")
    (folder / SAID).mkdir(parents=True, exist_ok=True)
    blocks, encoded = encode_blocks(teacher.voices, corpus, folder / SAID, on_rows, processes)
    if not processes.is_main:
        return Labelled(len(corpus.examples), encoded)
    reduction, embeddings = _reduce(teacher, corpus, blocks)
    reduced_by = _write_reduction(folder, reduction)
    write_targets_manifest(
        folder,
        TargetsManifest(
            embedding_space=teacher.embedding_space(reduced_by.sha256 if reduced_by else None),
            dimension=teacher.dimension,
            lineage=[*teacher.lineage(), *corpus_lineage(recipe, data)],
            teachers=[voice.settings.model_dump(mode="json") for voice in teacher.voices],
            teacher_name=teacher.recipe.name,
            translation_pull=teacher.recipe.translation_pull,
            translation_lead=teacher.recipe.translation_lead,
            reduction=reduced_by,
            links=write_links(folder / _LINKS, corpus.links),
            shards=_write_shards(folder, teacher.learner, corpus.examples, embeddings),
            **_intent_fields(teacher.learner),
        ),
    )
    return Labelled(len(corpus.examples), encoded)


def _require_own_folder(folder: Path) -> None:
    """Raises `LabelsDiffer` where the folder holds anything but targets or their beginning."""
    if folder.exists() and any(folder.iterdir()) and not any((folder / n).exists() for n in (SAID, TARGETS_MANIFEST)):
        raise LabelsDiffer(f"{folder} is not empty and holds no started labelling; name another folder")


def _reduce(teacher: Teacher, corpus: Corpus, blocks: list[Block]) -> tuple[Reduction | None, Embeddings]:
    """The reduction, the teacher's or a fitted one, and the targets (N, D); None where there is but one encoder's."""
    if not teacher.is_reduced:
        return None, blocks[0].embeddings.astype(np.float32)
    reduction = teacher.reduction or fit_reduction(blocks, teacher.dimension)
    count = len(corpus.examples)
    targets = np.concatenate(
        [reduction.apply(blocks, slice(first, first + ROWS_IN_A_SHARD)) for first in range(0, count, ROWS_IN_A_SHARD)]
    )
    return reduction, _pull(targets, corpus.links.translations, teacher.recipe)


def _pull(targets: Embeddings, translations: NDArray[np.int64], recipe: TeacherRecipe) -> Embeddings:
    """Moves both sides of each translation towards their mean, or the one towards that of the leading language."""
    pull, lead = recipe.translation_pull, recipe.translation_lead
    if not pull or not len(translations):
        return targets
    sides = dict(zip(("en", "es"), (targets[translations[:, side]] for side in (0, 1)), strict=True))
    goal = sides[lead] if lead else (sides["en"] + sides["es"]) / 2
    pulled = targets.copy()
    for side, (language, own) in enumerate(sides.items()):
        if language != lead:
            moved = own * (1 - pull) + goal * pull
            pulled[translations[:, side]] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return pulled


def _write_reduction(folder: Path, reduction: Reduction | None) -> NamedFile | None:
    if reduction is None:
        return None
    content = reduction.packed()
    write_durably(folder / REDUCTION_FILE, content)
    return NamedFile(file=REDUCTION_FILE, sha256=digest_bytes(content))


def _write_shards(
    folder: Path, learner: Learner | None, examples: Sequence[Example], embeddings: Embeddings
) -> list[Shard]:
    head = learner.intent_head if learner else None
    shards = []
    for number, first in enumerate(range(0, len(examples), ROWS_IN_A_SHARD)):
        rows = examples[first : first + ROWS_IN_A_SHARD]
        own = embeddings[first : first + len(rows)]
        intents = _intents(head, rows, own) if head else None
        path = folder / f"shard-{number:05d}.parquet"
        shards.append(write_shard(path, [row.text for row in rows], [row.mix for row in rows], own, intents))
    return shards


def _intent_fields(learner: Learner | None) -> dict[str, Any]:
    """Fields of the manifest about the teacher's intent head and what it has absorbed."""
    head = learner.intent_head if learner else None
    fields: dict[str, Any] = {"privacy": list(learner.privacy) if learner else []}
    if head:
        fields |= {"intents": list(head.labels), "intent_temperature": head.temperature}
    return fields


def relabel(learner: Learner, targets: Path, folder: Path) -> Labelled:
    """Labels targets again by a teacher of the same space, whose intent head has learned more; encodes no text again.

    Args:
        learner: the teacher; none of its encoders is opened.
        targets: labelled by an earlier teacher of its space; read one shard at a time.
        folder: where the new ones go; the same ones are written again if they are there.

    Raises:
        LabelsDiffer: the teacher has no intent head, or another space. TargetsRefused: the targets cannot be read.
    """
    before, _ = read_targets_manifest(targets)
    head = learner.intent_head
    if head is None or before.embedding_space != learner.embedding_space:
        raise LabelsDiffer(
            f"{targets} is of space {before.embedding_space[:12]}, the teacher {learner.embedding_space[:12]} with "
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
    for named in (before.links, before.reduction):
        if named:
            write_durably(folder / named.file, (targets / named.file).read_bytes())
    manifest = before.model_copy(
        update={
            "intents": list(head.labels),
            "intent_temperature": head.temperature,
            "lineage": [*learner.as_teacher(), *corpus],
            "privacy": list(learner.privacy),
            "shards": shards,
        }
    )
    write_targets_manifest(folder, manifest)
    return Labelled(rows=sum(shard.rows for shard in shards), texts_encoded=0)


def _intents(head: LinearHead, rows: Sequence[Example], embeddings: Embeddings) -> IntentTargets:
    """The head's logits, and the known intents that it has a name for."""
    number = {label: index for index, label in enumerate(head.labels)}
    known = np.array([number.get(row.intent or "", -1) for row in rows], dtype=np.int16)
    return IntentTargets((embeddings @ head.weight.T + head.bias).astype(np.float16), known)
