"""Distillation of a student: tokenizer, start, training, and a sentence-transformers folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from student.artifacts.digests import digest_bytes, digest_json
from student.artifacts.durable import write_durably
from student.bundle.linear_head import LinearHead
from student.bundle.manifest import Origin
from student.distill.cards import START_ROLE
from student.distill.encoder.model import StudentModel, fit_map, pad, save_sentence_transformer, start_student
from student.distill.encoder.recipe import RecipeRefused, StudentRecipe
from student.distill.encoder.training import train_encoder
from student.distill.encoder.vocabulary import make_tokenizer
from student.distill.licenses import joined
from student.distill.pretrained import Pretrained
from student.distill.targets import Targets, describe_mix
from student.distill.training.loop import LOG
from student.distill.training.precision import autocast, choose_device
from student.distill.training.processes import Processes
from student.distill.training.supervision import Supervision
from student.embeddings import Embeddings

VALIDATION_TEXTS = 1000
_MAP_TEXTS = 8000
_OF_A_TEACHER = ("name", "license", "prompts", "weight", "languages", "is_centered")
"""Published of each teacher; the place of its weights is not."""
STUDENT_FOLDER = "model"
_TOKENIZER = "tokenizer.json"


def distill_student(
    targets: Targets,
    recipe: StudentRecipe,
    folder: Path,
    *,
    start: Pretrained,
    tokenizer: str | None = None,
    intent_head: LinearHead | None = None,
    supervision: Supervision = Supervision(),
    processes: Processes = Processes(),
) -> Path:
    """Distills a student.

    Args:
        targets: see `student.distill.targets`.
        recipe: see `student.distill.encoder.recipe`.
        folder: of tokenizer, checkpoints, log and result; a killed run is continued there.
        start: the weights that the student begins with, an earlier student or any BERT; they need not be the teacher's.
        tokenizer: the content of the student's `tokenizer.json`, to repeat an earlier run: training WordPiece again
            gives slightly other pieces, since the library breaks ties at random.
        intent_head: the teacher's, where the recipe weighs intents.
        supervision: of the training.
        processes: that share every batch; the main one writes.

    Returns:
        The folder of the finished student, below `folder`.

    Raises:
        RecipeRefused: recipe, start and targets do not fit together. AnotherRun: the folder holds another run.
    """
    if recipe.training.intent_weight and not (targets.intents and intent_head):
        raise RecipeRefused(
            "the recipe weighs intents, but the teacher or its targets have none; train the teacher on intents and "
            "label again, or set intent_weight = 0"
        )
    with processes.main_first():
        _make_tokenizer(start, targets, recipe, folder / _TOKENIZER, tokenizer)
    own = (folder / _TOKENIZER).read_text(encoding="utf-8")
    training_part, validation_part = _split(targets, recipe.training.validation_share)
    tokenize = Tokenizer.from_str(own)
    student = _first_student(start, recipe, own, training_part)
    precision, max_tokens = recipe.training.precision, recipe.architecture.max_tokens
    if recipe.architecture.layers is None:
        max_tokens = min(max_tokens, start.max_tokens)

    def validate(model: StudentModel) -> dict[str, float]:
        embeddings = encode_with_student(model, tokenize, validation_part.texts, precision=precision)
        return retention(embeddings, validation_part)

    train_encoder(
        student,
        tokenize,
        training_part,
        recipe,
        folder,
        start=start.weights_sha256,
        intent_head=intent_head,
        validate=validate,
        supervision=supervision,
        processes=processes,
    )
    if processes.is_main:
        facts = {
            **_origin_facts(targets, recipe, start, own),
            "mix": describe_mix(training_part),
            "log": [json.loads(line) for line in (folder / LOG).read_text(encoding="utf-8").splitlines()],
        }
        save_sentence_transformer(student.cpu(), own, folder / STUDENT_FOLDER, max_tokens=max_tokens, facts=facts)
    processes.wait()
    return folder / STUDENT_FOLDER


def _first_student(start: Pretrained, recipe: StudentRecipe, tokenizer: str, targets: Targets) -> StudentModel:
    """The student before training, its map fitted to some of the targets where it has a new one."""
    is_same_space = start.embedding_space == targets.manifest.embedding_space
    student = start_student(
        start,
        recipe.architecture,
        tokenizer,
        dimension=targets.manifest.dimension,
        is_same_space=is_same_space,
    )
    if not is_same_space:
        some = targets.evenly(_MAP_TEXTS)
        student.to(choose_device())
        means = _encode(student.mean, Tokenizer.from_str(tokenizer), some.texts, recipe.training.precision)
        fit_map(student, means, some.embeddings.astype(np.float32))
    return student


def _origin_facts(targets: Targets, recipe: StudentRecipe, start: Pretrained, tokenizer: str) -> dict[str, Any]:
    """The part of the student's `distillation.json` that is known before it is trained."""
    links = targets.links
    return {
        "name": recipe.name,
        "license": joined([recipe.license, start.license]),
        "embedding_space": _embedding_space(targets, recipe, start),
        "languages": recipe.languages,
        "teachers": [{key: said[key] for key in _OF_A_TEACHER if said.get(key)} for said in targets.manifest.teachers],
        "links": {"answers": len(links.answers), "translations": len(links.translations)},
        "recipe": recipe.model_dump(),
        "lineage": [origin.model_dump() for origin in _lineage(targets, recipe, start, tokenizer)],
        "privacy": [each.model_dump() for each in targets.manifest.privacy],
    }


def _embedding_space(targets: Targets, recipe: StudentRecipe, start: Pretrained) -> str:
    """The targets' space, or one of its own, named by all that the student comes from."""
    if not recipe.leaves_space:
        return targets.manifest.embedding_space
    return digest_json([targets.digest, recipe.model_dump(), start.weights_sha256])


def _lineage(targets: Targets, recipe: StudentRecipe, start: Pretrained, tokenizer: str) -> list[Origin]:
    """Everything that the student is made from."""
    texts = joined(origin.license for origin in targets.manifest.lineage)
    own = (
        ("vocabulary", "tokenizer.json", digest_bytes(tokenizer.encode()), joined([recipe.license, start.license])),
        ("targets", "targets.json", targets.digest, texts),
        ("recipe", recipe.name, digest_json(recipe.model_dump()), recipe.license),
    )
    return [
        *targets.manifest.lineage,
        start.as_origin(START_ROLE),
        *(Origin(role=role, name=name, sha256=sha256, license=spdx) for role, name, sha256, spdx in own),
    ]


def encode_with_student(student: StudentModel, tokenizer: Tokenizer, texts: list[str], *, precision: str) -> Embeddings:
    """Embeddings (N, D) of texts by a student in torch, in batches of like length."""
    return _encode(student, tokenizer, texts, precision)


def _encode(
    run: Callable[[Tensor, Tensor], Tensor], tokenizer: Tokenizer, texts: list[str], precision: str
) -> NDArray[np.float32]:
    """The output of a part of a student for texts, a row each, in batches of like length."""
    device = choose_device()
    encodings = tokenizer.encode_batch(texts)
    order = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids))
    made = []
    with torch.inference_mode(), autocast(device, precision):
        for first in range(0, len(order), 64):
            rows = order[first : first + 64]
            made.append(run(*pad([encodings[i].ids for i in rows], device)).float().cpu().numpy())
    return np.concatenate(made)[np.argsort(order)]


def retention(embeddings: Embeddings, targets: Targets) -> dict[str, float]:
    """Mean cosine of embeddings (N, D) to their targets, by part of the mix, and the share that finds its own first."""
    reference = targets.embeddings.astype(np.float32)
    similarities = (embeddings * reference).sum(axis=1)  # (N,)
    mixes = np.array(targets.mixes)
    figures = {f"similarity {mix}": float(similarities[mixes == mix].mean()) for mix in sorted(set(targets.mixes))}
    all_similarities = embeddings @ reference.T  # (N, N)
    own = similarities >= all_similarities.max(axis=1) - 1e-6
    return {"similarity": float(similarities.mean()), "finds its target first": float(own.mean()), **figures}


def _split(targets: Targets, share: float) -> tuple[Targets, Targets]:
    """The rows to train on and those to validate on: the texts of the lowest digests."""
    digests = [digest_bytes(text.encode()) for text in targets.texts]
    count = min(VALIDATION_TEXTS, int(len(digests) * share))
    is_validation = np.zeros(len(digests), dtype=bool)
    is_validation[sorted(range(len(digests)), key=digests.__getitem__)[:count]] = True
    return targets.rows(np.flatnonzero(~is_validation)), targets.rows(np.flatnonzero(is_validation))


def _make_tokenizer(start: Pretrained, targets: Targets, recipe: StudentRecipe, path: Path, given: str | None) -> None:
    """Writes the student's tokenizer, given, the start's own or made once, beside the checkpoints."""
    if path.exists():
        return
    of_start = (start.path / "tokenizer.json").read_text(encoding="utf-8")
    if recipe.architecture.layers is None:
        made = of_start
    else:
        made = given or make_tokenizer(of_start, targets.texts, recipe.architecture)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, made.encode())
