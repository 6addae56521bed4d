"""Measurement of systems (bundles and sentence-transformers folders) beside their teacher, in one run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from student.bundle.folder import open_bundle
from student.bundle.manifest import MANIFEST
from student.distill.encoder.torch_encoder import open_torch_encoder
from student.distill.pretrained import open_pretrained
from student.embeddings import Embeddings, Encode
from student.evaluation.figures import TaskEmbeddings, encode_task, measure_task
from student.evaluation.report import CUT_MARK
from student.evaluation.tasks import EvaluationTask, RetrievalTask
from student.runtime.encoder import Encoder

ASYMMETRIC = "asymmetric"
_Figures = dict[str, dict[str, dict[str, float]]]
"""System → task → figure → value."""
SHORT_QUERY = "How do I reset my password?"


@dataclass(frozen=True, slots=True)
class System:
    """An encoder to measure.

    Attributes:
        encode: queries and messages → embeddings (N, D) of unit norm.
        size_bytes: of its files.
        embedding_space: only systems of one space can search each other's documents.
        encode_documents: documents → embeddings (N, D), where they are encoded otherwise than queries.
    """

    name: str
    encode: Encode
    size_bytes: int
    embedding_space: str = ""
    encode_documents: Encode | None = None


def open_system(name: str, path: Path, *, precision: str = "float32") -> System:
    """A bundle, run as branches run it, or a sentence-transformers folder, run by torch in that precision."""
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    if (path / MANIFEST).is_file():
        bundle = open_bundle(path)
        return System(name, Encoder.from_bundle(bundle).encode, size, bundle.manifest.embedding_space)
    pretrained = open_pretrained(path, name=name, license_="LicenseRef-unknown")
    return System(name, open_torch_encoder(pretrained, precision=precision), size, pretrained.embedding_space)


def evaluate_systems(
    teacher: System,
    systems: Sequence[System],
    tasks: Sequence[EvaluationTask],
    *,
    teacher_language: str,
    dimensions: Sequence[int] = (),
    not_of_teacher: Sequence[str] = (),
    on_step: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """Measures systems and their teacher.

    Args:
        teacher: the baseline.
        systems: at least one.
        tasks: see `student.evaluation.tasks`.
        teacher_language: tasks whose documents are in it are also searched in the teacher's documents (asymmetric).
        dimensions: the first so many numbers of each system's embeddings are measured too, at retrieval.
        not_of_teacher: groups of tasks that the teacher is not asked, since it takes too long.
        on_step: called with the name of what is being encoded.

    Returns:
        `tasks` (sizes), `systems` (name → size, latency, figures by task), and for every system but the teacher
        `share_of_teacher` (its figure over the teacher's of the same task) and `share_of_teacher_language` (its
        retrieval figure over the teacher's of the same group in the teacher's own language).
    """
    figures: _Figures = {}
    teacher_documents: dict[str, Embeddings] = {}
    for system in (teacher, *systems):
        figures |= _measure_system(
            system,
            [task for task in tasks if system is not teacher or task.group not in not_of_teacher],
            teacher,
            teacher_documents,
            teacher_language=teacher_language,
            dimensions=() if system is teacher else dimensions,
            on_step=on_step,
        )
    latency = _latency((teacher, *systems))
    own, groups = _counterparts(tasks, teacher_language)
    reference, others = figures[teacher.name], [name for name in figures if name != teacher.name]
    return {
        "teacher": teacher.name,
        "tasks": {task.name: _sizes(task) for task in tasks},
        "systems": {
            system.name: {
                "size_mb": round(system.size_bytes / 1e6, 1),
                "one_query_ms": latency[system.name],
                "figures": figures[system.name],
            }
            for system in (teacher, *systems)
        }
        | {name: {"figures": figures[name]} for name in figures if CUT_MARK in name},
        "share_of_teacher": {name: _shares(figures[name], reference, own) for name in others},
        "share_of_teacher_language": {name: _shares(figures[name], reference, groups) for name in others},
    }


def measure_system(system: System, tasks: Sequence[EvaluationTask]) -> dict[str, dict[str, float]]:
    """The figures of one system by itself: task → figure → value."""
    return _measure_system(system, tasks, system, {}, teacher_language="", dimensions=(), on_step=lambda step: None)[
        system.name
    ]


def _measure_system(
    system: System,
    tasks: Sequence[EvaluationTask],
    teacher: System,
    teacher_documents: dict[str, Embeddings],
    *,
    teacher_language: str,
    dimensions: Sequence[int],
    on_step: Callable[[str], None],
) -> _Figures:
    """Figures of one system, whole and with each number of dimensions.

    `teacher_documents` holds the teacher's embeddings of each task's documents in its language; it is the first to be
    measured, and puts them there. Systems of its space are measured with them too.
    """
    encode, encode_documents = _remembering(system.encode), _remembering(system.encode_documents or system.encode)
    measured: dict[str, dict[str, float]] = {}
    at_sizes: dict[int, dict[str, dict[str, float]]] = {size: {} for size in dimensions}
    for task in tasks:
        on_step(f"{system.name}: {task.name}")
        embedded = encode_task(task, encode, encode_documents)
        measured[task.name] = measure_task(embedded)
        if not isinstance(task, RetrievalTask):
            continue
        for size, at_size in at_sizes.items():
            at_size[task.name] = measure_task(embedded.cut(size))
        if task.document_language == teacher_language:
            queries, documents = embedded.parts
            if system is teacher:
                teacher_documents[task.name] = documents
            elif task.name in teacher_documents and system.embedding_space == teacher.embedding_space:
                mixed = TaskEmbeddings(task, (queries, teacher_documents[task.name]))
                measured[f"{task.name} {ASYMMETRIC}"] = measure_task(mixed)
    return {system.name: measured} | {f"{system.name}{CUT_MARK}{size}": at_size for size, at_size in at_sizes.items()}


def _remembering(encode: Encode) -> Encode:
    """The same function, which encodes equal lists once: tasks of one group share queries and documents."""
    known: dict[tuple[str, ...], Embeddings] = {}

    def encode_once(texts: list[str]) -> Embeddings:
        key = tuple(texts)
        if key not in known:
            known[key] = encode(texts)
        return known[key]

    return encode_once


def _counterparts(tasks: Sequence[EvaluationTask], language: str) -> tuple[dict[str, str], dict[str, str]]:
    """For each task the teacher's task that it is compared with: the same, and the same group in a language."""
    own = {task.name: task.name for task in tasks}
    groups = {task.name: f"{task.group} {language}-{language}" for task in tasks if isinstance(task, RetrievalTask)}
    own |= {f"{name} {ASYMMETRIC}": other for name, other in own.items()}
    groups |= {f"{name} {ASYMMETRIC}": other for name, other in groups.items()}
    return own, groups


def _shares(
    figures: dict[str, dict[str, float]], reference: dict[str, dict[str, float]], counterpart: dict[str, str]
) -> dict[str, dict[str, float]]:
    """Each figure over the teacher's figure of the task's counterpart."""
    return {
        task: {
            name: round(value / reference[counterpart[task]][name], 4)
            for name, value in values.items()
            if reference[counterpart[task]].get(name)
        }
        for task, values in figures.items()
        if counterpart.get(task) in reference
    }


def _sizes(task: EvaluationTask) -> dict[str, int]:
    if isinstance(task, RetrievalTask):
        return {"queries": len(task.queries), "documents": task.document_count}
    return {"train": len(task.train.texts), "test": len(task.test.texts), "out_of_scope": len(task.out_of_scope)}


def _latency(systems: Sequence[System], repeats: int = 5, queries: int = 40) -> dict[str, float]:
    """Median milliseconds to encode one short query; the systems alternate."""
    times: dict[str, list[float]] = {system.name: [] for system in systems}
    for _ in range(repeats):
        for system in systems:
            system.encode([SHORT_QUERY])
            for _ in range(queries):
                started = time.perf_counter()
                system.encode([SHORT_QUERY])
                times[system.name].append((time.perf_counter() - started) * 1000)
    return {name: round(float(np.median(values)), 2) for name, values in times.items()}
