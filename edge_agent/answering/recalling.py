"""The memory at a question: what people said for it and for similar ones, of the documents that it looks in."""

from datetime import UTC, datetime

from edge_agent.feedback.memory import Memory, Recalled
from edge_agent.retrieval.search import Snapshot
from edge_agent.storage.memory import documents_within
from edge_agent.storage.records import Filter
from student.embeddings import Embeddings


def recall(
    memory: Memory | None, space: str, snapshot: Snapshot, text: str, encoding: Embeddings, *, where: Filter
) -> Recalled:
    """Judgements that are remembered for a question, of documents that a filter lets through; counted as used.

    Args:
        memory: None where nothing is remembered.
        space: that the question was encoded in.
        snapshot: of the base.
        text: of the question.
        encoding: its embedding (D,), which is not adapted to documents.
        where: which documents to look in.
    """
    if memory is None:
        return Recalled()
    recalled = memory.recall(text, encoding, space, now=datetime.now(UTC))
    if not recalled.moves:
        return recalled
    recalled = recalled.within(documents_within(snapshot.store, list(recalled.moves), where))
    memory.note_uses(recalled.ids)
    return recalled
