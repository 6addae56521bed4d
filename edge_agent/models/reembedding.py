"""Re-embedding: every passage gets its embedding in the space of the next bundle, in the background (docs/adr/0021).

The active bundle and its index go on answering meanwhile. Killed, it goes on where it was at the next start.
"""

import logging
import threading
from collections.abc import Callable

from edge_agent.ingest.passage_encoding import PassageText, encode_passages
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from student.runtime.student import Student, load_student

log = logging.getLogger(__name__)

OnEmbedded = Callable[[int], None]
"""Called with the number of passages embedded so far."""


def embed_missing(
    store: Store, student: Student, *, on_embedded: OnEmbedded, should_stop: Callable[[], bool], batch: int = 64
) -> None:
    """Gives passages and remembered questions that have none an embedding in a student's space, a few at a time.

    A kill loses only the few at hand.

    Args:
        store: read and written while others read and write it.
        student: that encodes.
        on_embedded: progress callback.
        should_stop: asked after every batch.
        batch: passages in a transaction.
    """
    space = student.bundle.manifest.embedding_space
    done = after = 0
    while not should_stop() and (missing := store.embeddings.missing(space, after=after, limit=batch)):
        with store.snapshots.open() as snapshot:
            passages = snapshot.passages(missing)  # without those deleted just now
        embeddings, sentences = encode_passages(
            student.encoder, [PassageText(p.title, p.heading, p.text, p.kind) for p in passages]
        )
        store.embeddings.put([p.passage_id for p in passages], embeddings, sentences, space)
        after = missing[-1]
        done += len(passages)
        on_embedded(done)
    store.memory.embed_missing(student.encoder.encode, space)


class Reembedding:
    """Prepares the next bundle in a thread of its own, on one core."""

    def __init__(self, settings: AgentSettings, store: Store, space: str, *, on_ready: Callable[[], None]) -> None:
        """Starts.

        Args:
            settings: name the next bundle.
            store: whose passages are embedded.
            space: of the next bundle.
            on_ready: called in the thread when every passage has an embedding; it promotes the next bundle, after
                embedding the passages that came meanwhile.
        """
        self._settings, self._store, self._space, self._on_ready = settings, store, space, on_ready
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reembed", daemon=True)
        self._thread.start()

    def remaining(self) -> int:
        """Passages that have no embedding in the new space yet."""
        return self._store.embeddings.count_missing(self._space)

    def join(self, timeout_s: float) -> None:
        """Waits until the next bundle is promoted."""
        self._thread.join(timeout_s)

    def close(self) -> None:
        """Stops after the batch at hand."""
        self._stop.set()
        self.join(timeout_s=60)

    def _run(self) -> None:
        try:
            student: Student = load_student(self._settings.bundle, workers=1)
            try:
                embed_missing(self._store, student, on_embedded=lambda done: None, should_stop=self._stop.is_set)
            finally:
                student.close()
            if not self._stop.is_set():
                self._on_ready()
        except Exception:
            log.exception("re-embedding stopped; the old bundle goes on answering, it is tried again at the next start")
