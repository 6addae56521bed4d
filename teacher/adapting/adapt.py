"""A student of one's own documents: read, labelled by the student itself, trained on, measured, written as a bundle.

The student is its own teacher: its embeddings of the documents' texts and of general questions hold it in place, and
what the documents ask and answer (`teacher.corpora.documents`) moves it to find one by the other. A tenth of the
documents is held out; a bundle is written only if it finds those better than the one that it began as.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from student.artifacts.digests import digest_json
from student.bundle.folder import Bundle, require_writable
from student.distill.continuing.bundle import NewBundle, export_trained_on
from student.distill.continuing.weights import open_start
from student.distill.encoder.distillation import distill_student
from student.distill.encoder.recipe import StudentRecipe
from student.distill.encoder.torch_encoder import open_torch_encoder
from student.distill.pretrained import Pretrained, open_model
from student.distill.targets import Targets, read_targets
from student.distill.training.supervision import Supervision
from student.runtime.encoder import Encoder
from student.runtime.student import Student
from student.terminal import Show
from teacher.adapting.measuring import Comparison, compare, questions_of, read_questions
from teacher.corpora.corpus import corpus_lineage
from teacher.corpora.documents import OwnDocuments, first_unread, read_documents
from teacher.corpora.guide_passages import WRITTEN_LICENSE, WRITTEN_QUESTIONS
from teacher.corpora.recipe import CorpusRecipe, Source
from teacher.errors import NotBetter, TooLittleToLearn
from teacher.labelling.label import label
from teacher.mixture.teacher import teacher_of
from teacher.roles import Role

FEWEST_QUESTIONS = 10
_OWN, _GENERAL = "own documents", "general questions"
_HELD_OUT = "held-out documents"
_LIMIT = (
    "The encoder learned from the documents named under the role 'own documents', without differential privacy: give "
    "the bundle to nobody who may not read them."
)


@dataclass(frozen=True, slots=True)
class Adaptation:
    """Settings of an adaptation.

    Attributes:
        documents: their folder.
        base: the bundle to begin with.
        start: its float student; None for the weights in the bundle.
        recipe: how the student is trained.
        run: folder of everything between; a killed adaptation of the same documents is continued there.
        hold_out: share of the documents that is held out.
        questions: JSON lines of one's own questions, to measure with; or None.
        name, serial: of the new bundle.
        is_forced: write the bundle even if it is no better.
    """

    documents: Path
    base: Path
    start: Path | None
    recipe: StudentRecipe
    run: Path
    hold_out: float
    questions: Path | None
    name: str
    serial: int
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class Adapted:
    """Outcome of an adaptation: the bundle, what of the folder was read, and how many documents were held out."""

    bundle: Bundle
    documents: OwnDocuments
    held_out: int


def adapt(
    settings: Adaptation,
    out: Path,
    *,
    now: datetime,
    replace: bool = False,
    show: Show = lambda done, total, what, *, kept=0: None,
    on_compared: Callable[[dict[str, Comparison]], None] = lambda comparisons: None,
) -> Adapted:
    """Makes a bundle for a folder of documents.

    Args:
        settings: see `Adaptation`.
        out: where the bundle goes.
        now: its time of making.
        replace: allow a bundle at `out` to be replaced.
        show: progress callback.
        on_compared: called with the comparisons before the bundle is written or refused.

    Raises:
        BundleExists: something is at `out`.
        DataRefused: the folder or the file of questions cannot be used.
        TooLittleToLearn: the held-out documents ask fewer than ten questions.
        NotBetter: the student is no better than the one it began as; nothing was written.
    """
    require_writable(out, replace=replace)  # not after half an hour
    show(0, None, "reading documents")
    own = read_documents(settings.documents, on_document=lambda done, total: show(done, total, "reading documents"))
    _, held_out = own.split(settings.hold_out)
    asked = {_HELD_OUT: (questions_of(own.documents, held_out), True)}
    _require_questions(len(asked[_HELD_OUT][0]), own, settings)
    if settings.questions:
        asked["own questions"] = (read_questions(settings.questions, own.documents), False)

    def judge(base: Student, encoder: Encoder) -> dict[str, Any]:
        comparisons = {
            name: compare(base.encoder, encoder, own.documents, questions, is_bare=is_bare)
            for name, (questions, is_bare) in asked.items()
        }
        on_compared(comparisons)
        if not (comparisons[_HELD_OUT].is_better or settings.is_forced):
            raise NotBetter(_no_gain(comparisons[_HELD_OUT]))
        return {name.replace(" ", "_").replace("-", "_"): each.as_metrics() for name, each in comparisons.items()}

    trained, targets = _train(settings, own, show)
    bundle = export_trained_on(
        trained,
        settings.base,
        targets,
        out,
        NewBundle(settings.name, settings.serial, now, limits=(_LIMIT,)),
        judge=judge,
        replace=replace,
        on_progress=show,
    )
    return Adapted(bundle, own, len(held_out))


def _train(settings: Adaptation, own: OwnDocuments, show: Show) -> tuple[Pretrained, Targets]:
    """The trained student, and the targets that it was trained on."""
    show(0, None, "reading the student's weights")
    start = open_start(settings.start or settings.base, settings.run / "start", name=None, license_=None)
    corpus = _own_corpus(settings.hold_out)
    read = [origin.model_dump() for origin in corpus_lineage(corpus, settings.documents)]  # wherever the files are
    parts = [read, settings.hold_out, settings.recipe.model_dump(mode="json"), start.weights_sha256]
    work = settings.run / digest_json(parts)[:12]
    teacher = teacher_of(start, open_torch_encoder(start, precision="auto"))
    label(
        teacher,
        corpus,
        settings.documents,
        work / "targets",
        on_rows=lambda rows: show(rows.done, rows.total, "embedding texts", kept=rows.kept),
        read_folder=lambda folder: own,  # parsing takes long; and what is held out is held out of these
    )
    targets = read_targets(work / "targets")
    trained = distill_student(
        targets,
        settings.recipe,
        work / "student",
        start=start,
        supervision=Supervision(lambda p: show(p.step, p.steps, "training", kept=p.kept_steps)),
    )
    return open_model(trained, name=settings.name, license_=None), targets


def _own_corpus(hold_out: float) -> CorpusRecipe:
    """The corpus of an adaptation: the documents, and the questions on public guides that come with this package."""
    own = Source(mix=_OWN, kind="folder", file=".", hold_out=hold_out, license="LicenseRef-own")
    general = Source(mix=_GENERAL, kind="texts", file=str(WRITTEN_QUESTIONS), role=Role.QUERY, license=WRITTEN_LICENSE)
    return CorpusRecipe(name=_OWN, source=[own, general])


def _require_questions(count: int, own: OwnDocuments, settings: Adaptation) -> None:
    if count < FEWEST_QUESTIONS:
        raise TooLittleToLearn(
            f"the held-out documents of {settings.documents} ask {count} questions (titles and headings), expected "
            f"at least {FEWEST_QUESTIONS}: {len(own.documents)} documents were read, {len(own.unread)} could not be"
            f"{first_unread(own.unread)}; add documents or raise --hold-out"
        )


def _no_gain(comparison: Comparison) -> str:
    before, after = comparison.before.mean(), comparison.after.mean()
    return (
        f"the own student finds held-out documents with nDCG@10 {after:.3f}, the bundle that it began as with "
        f"{before:.3f} (standard error of the gain {comparison.uncertainty:.3f}); nothing was written: keep that "
        "bundle, give more documents or more steps, or write it all the same with --even-if-no-better"
    )
