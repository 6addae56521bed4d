"""The choice of the default teacher: encoders that can be had, and mixtures of them, on two sets.

The first set is development: guides held out, textbooks, questions of other fields, the demo. The second is
one that nobody tuned on: customers' questions, Microsoft 365 and Let's Encrypt. Both are in `quick.toml`.
Weights are in `.run/weights/NAME` (`orilla teacher weights NAME --out .run/weights/NAME`), or in the folder that
ORILLA_WEIGHTS names. What encoders say is kept in `.run/teachers`, so a second run computes only figures. Means and
the reduction are fitted on a hundredth of the bilingual corpus's questions, answers and single texts.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from student.artifacts.durable import write_durably
from student.bundle import DEFAULT_BUNDLE
from student.distill.targets import Links
from student.distill.training.processes import Processes
from student.embeddings import Embeddings
from student.evaluation.evaluate import measure_system, open_system
from student.evaluation.figures import TaskEmbeddings, measure_task
from student.evaluation.recipe import read_evaluation_recipe
from student.evaluation.task_files import read_tasks
from student.evaluation.tasks import RetrievalTask
from teacher.corpora.corpus import Corpus, Example, read_corpus
from teacher.corpora.recipe import read_corpus_recipe
from teacher.encoders.encoder import EncoderFacts
from teacher.encoders.opening import open_encoder
from teacher.labelling.blocks import encode_blocks, keep_spoken_for
from teacher.labelling.said import Said, key_of
from teacher.mixture.recipe import TeacherRecipe, VoiceSettings, read_teacher_recipe
from teacher.mixture.reduction import fit_reduction
from teacher.mixture.teacher import Teacher, Voice
from teacher.roles import Role

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "teacher" / "recipes"
RECIPE = Path(__file__).parent / "quick.toml"
KEPT = ROOT / ".run" / "teachers"
SETS = {
    "development": ("guides", "textbooks", "encyclopedia", "demo articles"),
    "second": ("customers' questions", "Microsoft 365", "Let's Encrypt"),
}
CORPUS_SHARE = 0.01
DIMENSION = 384
BOTH = "e5 centered + USE"
CHOSEN = "MiniLM + e5 centered + USE"
E5, USE, MPNET, MINILM = "e5", "USE", "mpnet", "MiniLM"
CANDIDATES: Mapping[str, Sequence[str]] = {
    "e5": ["e5 raw"],
    "e5 centered": [E5],
    USE: [USE],
    BOTH: [E5, USE],
    MINILM: [MINILM],
    CHOSEN: ["MiniLM en", E5, USE],
    MPNET: ["mpnet en"],
    "mpnet + e5 centered + USE": ["mpnet en", E5, USE],
}
"""Candidate → its encoders. Those that read English only speak for English only."""


@dataclass(frozen=True, slots=True)
class KeptEncoder:
    """A `TeacherEncoder` that says nothing twice: lists of texts are kept on disk; not single ones, which are timed."""

    voice: Voice

    @property
    def facts(self) -> EncoderFacts:
        """Those of the encoder itself."""
        return self.voice.encoder.facts

    def encode(self, texts: list[str], role: Role) -> Embeddings:
        """As the encoder does; what is new is kept."""
        if len(texts) == 1:
            return self.voice.encoder.encode(texts, role)
        examples = [Example(text, None, role, "") for text in texts]
        said = Said(self.voice, KEPT / "said")
        new = {key_of(examples[row]): examples[row] for row in said.missing(examples)}
        for chunk in said.chunks(list(new.values())):
            chunk.encode(lambda rows: None)
        return Said(self.voice, KEPT / "said").embeddings(examples).astype(np.float32)


def run() -> dict[str, Any]:
    """Figures of all candidates on both sets, and of the bundle that ships."""
    tasks = _tasks()
    corpus = _corpus_sample()
    voices = _voices()
    figures: dict[str, Any] = {"bundle": measure_system(open_system("bundle", DEFAULT_BUNDLE), tasks)}
    for name, encoders in CANDIDATES.items():
        started = time.perf_counter()
        teacher = _fit(name, [voices[each] for each in encoders], corpus)
        figures[name] = {task.name: _measure(teacher, task) for task in tasks if _reads(teacher, task)}
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    return {
        "sets": {
            set_: [task.name for group in groups for task in tasks if task.group == group]
            for set_, groups in SETS.items()
        },
        "tasks": {task.name: {"queries": len(task.queries), "documents": task.document_count} for task in tasks},
        "candidates": dict(CANDIDATES),
        "chosen": CHOSEN,
        "references": [CHOSEN, "bundle"],
        "figures": figures,
        "means": {name: means_of(measured, tasks) for name, measured in figures.items()},
        "texts_a_second": _speeds({name: voices[name] for name in (MINILM, E5, USE, "mpnet en")}, corpus),
    }


def missing_weights() -> Path | None:
    """The first model that is not where it is looked for; None where all are."""
    return next((path for path in map(Path, _models().values()) if not path.exists()), None)


def _models() -> dict[str, str]:
    """Where the weights are."""
    weights = Path(os.environ.get("ORILLA_WEIGHTS", ROOT / ".run" / "weights"))
    return {
        E5: str(weights / "multilingual-e5-small" / "model_int8.onnx"),
        USE: str(weights / "universal-sentence-encoder-multilingual" / "model.onnx"),
        MINILM: str(weights / "all-MiniLM-L6-v2" / "model_int8.onnx"),
        MPNET: str(weights / "all-mpnet-base-v2"),
    }


def _tasks() -> list[RetrievalTask]:
    wanted = [group for groups in SETS.values() for group in groups]
    tasks = read_tasks(read_evaluation_recipe(RECIPE), RECIPE.parent)
    return [task for task in tasks if isinstance(task, RetrievalTask) and task.group in wanted]


def _voices() -> dict[str, Voice]:
    """Every encoder, by the names in `CANDIDATES`; those of the default teacher as its recipe has them."""
    settings = voice_settings(read_teacher_recipe(RECIPES / "bilingual-teacher.toml"), _models())
    opened = {model: open_encoder(each) for model, each in {each.model: each for each in settings.values()}.items()}
    return {name: Voice(opened[each.model], each) for name, each in settings.items()}


def voice_settings(recipe: TeacherRecipe, models: Mapping[str, str]) -> dict[str, VoiceSettings]:
    """Settings of every encoder.

    Args:
        recipe: of e5, USE, and MiniLM for English.
        models: where the weights of each are.
    """
    e5, use, minilm = (
        voice.model_copy(update={"model": models[name]})
        for name, voice in zip((E5, USE, MINILM), recipe.blocks, strict=True)
    )
    return {
        E5: e5,
        "e5 raw": e5.model_copy(update={"is_centered": False}),
        USE: use,
        MINILM: minilm.model_copy(update={"languages": None}),
        "MiniLM en": minilm,
        "mpnet en": VoiceSettings(
            name=MPNET, model=models[MPNET], license="Apache-2.0", max_tokens=256, languages=["en"]
        ),
    }


def _corpus_sample() -> Corpus:
    """A hundredth of those parts of the bilingual corpus that are read quickly."""
    path = KEPT / "corpus.json"
    if not path.exists():
        whole = read_corpus_recipe(RECIPES / "bilingual.toml")
        quick = [source for source in whole.source if source.kind in ("answers", "texts")]
        recipe = whole.model_copy(update={"source": quick, "guides_held_out": []})
        corpus = read_corpus(recipe, ROOT.parent / "shared" / "data", share=CORPUS_SHARE)
        KEPT.mkdir(parents=True, exist_ok=True)
        links = [part.tolist() for part in (corpus.links.answers, corpus.links.translations)]
        write_durably(path, json.dumps([[asdict(each) for each in corpus.examples], links]).encode())
    rows, (answers, translations) = json.loads(path.read_text(encoding="utf-8"))
    examples = [Example(**row | {"role": Role(row["role"])}) for row in rows]
    return Corpus(examples, Links.of(answers, [""] * len(answers), translations))


def _fit(name: str, voices: Sequence[Voice], corpus: Corpus) -> Teacher:
    """The encoders as one teacher, with means and a reduction fitted on the sample."""
    settings = [voice.settings for voice in voices]
    recipe = TeacherRecipe(name=name, dimension=DIMENSION if len(voices) > 1 else None, encoder=settings)
    teacher = Teacher(recipe, [Voice(KeptEncoder(voice), voice.settings) for voice in voices])
    if not teacher.is_reduced:
        return teacher
    spoken_for = keep_spoken_for(corpus, list(voices))
    blocks, _ = encode_blocks(list(voices), spoken_for, KEPT / "said", lambda progress: None, Processes())
    return replace(teacher, reduction=fit_reduction(blocks, teacher.dimension))


def _reads(teacher: Teacher, task: RetrievalTask) -> bool:
    """True if an encoder speaks for both languages of a task."""
    return all(
        any(voice.settings.reads(language) for voice in teacher.voices)
        for language in (task.query_language, task.document_language)
    )


def _measure(teacher: Teacher, task: RetrievalTask) -> dict[str, float]:
    queries = teacher.encode(task.queries, Role.QUERY, [task.query_language] * len(task.queries))
    documents = teacher.encode(task.documents, Role.PASSAGE, [task.document_language] * len(task.documents))
    return measure_task(TaskEmbeddings(task, (queries, documents)))


def means_of(measured: dict[str, dict[str, float]], tasks: Sequence[RetrievalTask]) -> dict[str, dict[str, float]]:
    """Mean nDCG@10 of each set over its groups: English, Spanish and across; only of what was measured whole."""
    means: dict[str, dict[str, float]] = {}
    for set_, groups in SETS.items():
        directions: dict[str, list[float]] = {}
        for task in tasks:
            if task.group in groups:
                is_same = task.query_language == task.document_language
                direction = task.query_language if is_same else "across"
                directions.setdefault(direction, []).append(measured.get(task.name, {}).get("nDCG@10", float("nan")))
        means[set_] = {
            direction: round(float(np.mean(values)), 4)
            for direction, values in directions.items()
            if np.isfinite(values).all()
        }
    return means


def _speeds(voices: dict[str, Voice], corpus: Corpus, *, count: int = 64) -> dict[str, float]:
    """Passages of the corpus that each encoder encodes a second, here and now."""
    texts = [each.text for each in corpus.examples if each.role is Role.PASSAGE and each.language == "en"][:count]
    speeds = {}
    for name, voice in voices.items():
        started = time.perf_counter()
        voice.encoder.encode(texts, Role.PASSAGE)
        speeds[name] = round(len(texts) / (time.perf_counter() - started), 1)
    return speeds
