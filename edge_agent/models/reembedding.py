"""A bundle of another embedding space takes over without silence (docs/adr/0021).

Every passage gets its embedding in the new space in the background, while the old bundle and its index go on answering;
then both are replaced at once. Killed, it goes on where it was at the next start.
"""

import logging
import threading
from collections.abc import Callable

from edge_agent.models.active_model import embed_missing
from edge_agent.models.fallback_bundle import load_kept
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from student.runtime.student import Student, load_student

log = logging.getLogger(__name__)


def open_students(settings: AgentSettings, store: Store) -> tuple[Student, str | None]:
    """The student to answer with now, and the embedding space to make ready when that is not the given bundle's.

    Raises:
        BundleError: the given bundle cannot be used.
    """
    given = load_student(settings.bundle, workers=settings.workers)
    space, active = given.bundle.manifest.embedding_space, store.embeddings.active_space()
    if active in (None, space) or not store.embeddings.count_missing(space):
        return given, None
    kept = load_kept(settings.store, workers=settings.workers)
    if kept is None or kept.bundle.manifest.embedding_space != active:
        if kept is not None:
            kept.close()
        log.warning("the bundle of the store's embeddings is not there; it is re-embedded before it is served")
        return given, None
    given.close()
    return kept, space


class Reembedding:
    """Makes the next bundle ready in a thread of its own, on one core."""

    def __init__(self, settings: AgentSettings, store: Store, space: str, *, on_ready: Callable[[], None]) -> None:
        """Starts.

        Args:
            settings: name the next bundle.
            store: whose passages are embedded.
            space: theirs to be.
            on_ready: called in the thread when every passage has an embedding; it takes over, embedding those that
                came meanwhile.
        """
        self._settings, self._store, self._space, self._on_ready = settings, store, space, on_ready
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reembed", daemon=True)
        self._thread.start()

    def remaining(self) -> int:
        """Passages that have no embedding in the new space yet."""
        return self._store.embeddings.count_missing(self._space)

    def join(self, timeout_s: float) -> None:
        """Waits until the next bundle has taken over."""
        self._thread.join(timeout_s)

    def close(self) -> None:
        """Stops after the batch at hand."""
        self._stop.set()
        self.join(timeout_s=60)

    def _run(self) -> None:
        try:
            student: Student = load_student(self._settings.bundle, workers=1)
            try:
                embed_missing(self._store, student, on_done=lambda done: None, should_stop=self._stop.is_set)
            finally:
                student.close()
            if not self._stop.is_set():
                self._on_ready()
        except Exception:
            log.exception("re-embedding stopped; the old bundle goes on answering, it is tried again at the next start")
