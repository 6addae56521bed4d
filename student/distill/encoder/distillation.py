"""Distillation of a student: vocabulary, cut of the teacher, training, and a sentence-transformers folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from student.artifacts.digests import digest_bytes, digest_json
from student.artifacts.durable import write_durably
from student.bundle.manifest import Origin
from student.distill.encoder.model import StudentModel, cut_student, open_student, pad, save_sentence_transformer
from student.distill.encoder.recipe import RecipeRefused, StudentRecipe
from student.distill.encoder.training import train_encoder
from student.distill.encoder.vocabulary import read_pieces, tokenizer_json, train_vocabulary
from student.distill.pretrained import Pretrained
from student.distill.targets import Targets, describe_mix
from student.distill.training.loop import LOG, TrainingProgress
from student.distill.training.precision import autocast, choose_device
from student.embeddings import Embeddings

VALIDATION_TEXTS = 1000
STUDENT_FOLDER = "model"


def distill_student(
    teacher: Pretrained,
    targets: Targets,
    recipe: StudentRecipe,
    folder: Path,
    *,
    start: Pretrained | None = None,
    vocabulary: list[str] | None = None,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
) -> Path:
    """Distills a student.

    Args:
        teacher: whose layers and embeddings the student starts from, and whose targets they are.
        targets: see `student.distill.targets`.
        recipe: see `student.distill.encoder.recipe`.
        folder: of vocabulary, checkpoints, log and result; a killed run is continued there.
        start: an earlier student of that size to go on from, with its vocabulary; None to cut one from the teacher.
        vocabulary: the student's pieces, to repeat an earlier run: training them again gives slightly other ones,
            since the library breaks ties at random.
        on_progress: progress callback, every few steps.

    Returns:
        The folder of the finished student, below `folder`.

    Raises:
        RecipeRefused: recipe, teacher and targets do not fit together. AnotherRun: the folder holds another run.
    """
    _require_fitting_targets(teacher, targets, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    given = read_pieces(start.path / "tokenizer.json") if start else vocabulary
    pieces = _vocabulary(teacher, targets, recipe, folder / "vocab.txt", given)
    training_part, validation_part = _split(targets)
    student = _first_student(teacher, recipe, start, pieces)
    max_tokens = recipe.architecture.max_tokens
    tokenizer = Tokenizer.from_str(tokenizer_json(pieces, max_tokens))

    def validate(model: StudentModel) -> dict[str, float]:
        precision = recipe.training.precision
        return retention(
            encode_with_student(model, tokenizer, validation_part.texts, precision=precision), validation_part
        )

    train_encoder(
        student,
        tokenizer,
        training_part,
        recipe,
        folder,
        start=start.weights_sha256 if start else None,
        intent_head=teacher.intent_head,
        validate=validate,
        on_progress=on_progress,
    )
    facts = _facts(teacher, targets, recipe, start, pieces) | {
        "mix": describe_mix(training_part),
        "log": [json.loads(line) for line in (folder / LOG).read_text(encoding="utf-8").splitlines()],
    }
    save_sentence_transformer(student.cpu(), pieces, folder / STUDENT_FOLDER, max_tokens=max_tokens, facts=facts)
    return folder / STUDENT_FOLDER


def _first_student(
    teacher: Pretrained, recipe: StudentRecipe, start: Pretrained | None, pieces: list[str]
) -> StudentModel:
    if start:
        return open_student(start, recipe.architecture, teacher.dimension)
    return cut_student(teacher, recipe.architecture, pieces)


def _require_fitting_targets(teacher: Pretrained, targets: Targets, recipe: StudentRecipe) -> None:
    """Raises `RecipeRefused` unless the targets are the teacher's and hold what the recipe asks for."""
    if targets.manifest.embedding_space != teacher.embedding_space:
        raise RecipeRefused(
            "the targets were labelled by another teacher than the one given; label again with this one"
        )
    if recipe.training.intent_weight and not (targets.intents and teacher.intent_head):
        raise RecipeRefused(
            "the recipe weighs intents, but the teacher or its targets have none; train the teacher on intents and "
            "label again, or set intent_weight = 0"
        )


def _facts(
    teacher: Pretrained, targets: Targets, recipe: StudentRecipe, start: Pretrained | None, pieces: list[str]
) -> dict[str, Any]:
    """The student's `distillation.json`, its mix and log still empty."""
    return {
        "embedding_space": teacher.embedding_space,
        "languages": recipe.languages,
        "recipe": recipe.model_dump(),
        "mix": {},
        "lineage": [origin.model_dump() for origin in _lineage(targets, recipe, start, pieces)],
        "privacy": [each.model_dump() for each in targets.manifest.privacy],
        "log": [],
    }


def _lineage(targets: Targets, recipe: StudentRecipe, start: Pretrained | None, pieces: list[str]) -> list[Origin]:
    """Everything that the student is made from."""
    own = {
        ("vocabulary", "vocab.txt"): digest_bytes("\n".join(pieces).encode()),
        ("targets", "targets.json"): targets.digest,
        ("recipe", recipe.name): digest_json(recipe.model_dump()),
    }
    return [
        *targets.manifest.lineage,
        *([start.as_origin("student started from")] if start else []),
        *(Origin(role=role, name=name, sha256=sha256, license="Apache-2.0") for (role, name), sha256 in own.items()),
    ]


def encode_with_student(student: StudentModel, tokenizer: Tokenizer, texts: list[str], *, precision: str) -> Embeddings:
    """Embeddings (N, D) of texts by a student in torch, in batches of like length."""
    device = choose_device()
    encodings = tokenizer.encode_batch(texts)
    order = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids))
    embeddings = np.empty((len(texts), student.bert.config.hidden_size), dtype=np.float32)
    with torch.inference_mode(), autocast(device, precision):
        for first in range(0, len(order), 64):
            rows = order[first : first + 64]
            embeddings[rows] = student(*pad([encodings[i].ids for i in rows], device)).cpu().numpy()
    return embeddings


def retention(embeddings: Embeddings, targets: Targets) -> dict[str, float]:
    """Mean cosine of embeddings (N, D) to their targets, by part of the mix, and the share that finds its own first."""
    reference = targets.embeddings.astype(np.float32)
    similarities = (embeddings * reference).sum(axis=1)  # (N,)
    mixes = np.array(targets.mixes)
    figures = {f"similarity {mix}": float(similarities[mixes == mix].mean()) for mix in sorted(set(targets.mixes))}
    all_similarities = embeddings @ reference.T  # (N, N)
    own = similarities >= all_similarities.max(axis=1) - 1e-6
    return {"similarity": float(similarities.mean()), "finds its target first": float(own.mean()), **figures}


def _split(targets: Targets) -> tuple[Targets, Targets]:
    """The rows to train on and those to validate on: the texts of the lowest digests."""
    digests = [digest_bytes(text.encode()) for text in targets.texts]
    count = min(VALIDATION_TEXTS, len(digests) // 10)
    is_validation = np.zeros(len(digests), dtype=bool)
    is_validation[sorted(range(len(digests)), key=digests.__getitem__)[:count]] = True
    return targets.rows(np.flatnonzero(~is_validation)), targets.rows(np.flatnonzero(is_validation))


def _vocabulary(
    teacher: Pretrained, targets: Targets, recipe: StudentRecipe, path: Path, given: list[str] | None
) -> list[str]:
    """The student's pieces, given or trained once, and kept beside the checkpoints."""
    if path.exists():
        return path.read_text(encoding="utf-8").splitlines()
    pieces = given or train_vocabulary(
        targets.texts,
        read_pieces(teacher.path / "tokenizer.json"),
        size=recipe.architecture.vocabulary,
        trained=recipe.architecture.trained_vocabulary,
    )
    write_durably(path, ("\n".join(pieces) + "\n").encode())
    return pieces
