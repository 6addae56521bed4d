"""Tasks of an evaluation: finding a document, and naming an intent. `task_files.py` reads them from files."""

from dataclasses import dataclass, field

from student.distill.heads.intent_head import LabelledTexts


@dataclass(frozen=True, slots=True)
class RetrievalTask:
    """Q queries in one language, each answered by one of M documents in another or the same.

    Attributes:
        group: the tasks on the same documents in other languages share it.
        documents: N texts: the documents, or the passages of them, those of one document beside each other.
        answers: (Q,), the number of each query's document.
        document_of: (N,), the number of the document that a passage is of, rising; a document is as near as its
            nearest passage. Empty where each text is a document of its own.
        areas: (Q,) and (N,), of each query and each text; a query looks for documents of its own area alone. Empty
            where it looks among all.
    """

    group: str
    query_language: str
    document_language: str
    queries: list[str]
    documents: list[str]
    answers: list[int]
    document_of: list[int] = field(default_factory=list)
    areas: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))

    @property
    def name(self) -> str:
        """The group and the two languages."""
        return f"{self.group} {self.query_language}-{self.document_language}"

    @property
    def document_count(self) -> int:
        """M."""
        return self.document_of[-1] + 1 if self.document_of else len(self.documents)


@dataclass(frozen=True, slots=True)
class IntentTask:
    """Labelled texts to fit a linear classifier on, others to test it, and texts of no label."""

    name: str
    train: LabelledTexts
    test: LabelledTexts
    out_of_scope: list[str]

    @property
    def group(self) -> str:
        """Its name: it is a group of its own."""
        return self.name


EvaluationTask = RetrievalTask | IntentTask
