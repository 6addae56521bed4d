"""Erasure in the background: what was deleted or replaced leaves the store's files, and the saved graph, soon after."""

import logging
import threading
import time

from edge_agent.errors import AgentError
from edge_agent.models.lifecycle import Models
from edge_agent.storage.documents import Store

log = logging.getLogger(__name__)

ERASE_AFTER_S = 30
"""Seconds after which something that was replaced is looked for; what is deleted by name is erased at once."""
_RETRY_S = 5
_REST = 20
"""Times what an erasure took that pass until the next: in a large base that changes all the time it has to wait."""


class Erasure:
    """Erases what was deleted from all files, once somebody asks and from time to time by itself."""

    def __init__(self, store: Store, models: Models) -> None:
        """Starts; a store that was killed before its deletions were erased is seen to first."""
        self._store, self._models = store, models
        self._wake, self._is_closing = threading.Event(), False
        if store.database.has_to_erase:
            self._wake.set()
        self._thread = threading.Thread(target=self._run, name="erasure", daemon=True)
        self._thread.start()

    def now(self) -> bool:
        """Erases what was deleted from the store's files; the saved graph follows in the background.

        Returns:
            Whether nothing is left in the store's files; else it is gone on with in the background.
        """
        try:
            is_erased = self._store.database.erase()
        except AgentError as error:
            log.warning("what was deleted is not erased yet: %s", error)
            is_erased = False
        self._models.active.index.erase()
        if not is_erased:
            self._wake.set()
        return is_erased

    def close(self) -> None:
        """Ends the thread; closing the store and the index erases what is left."""
        self._is_closing = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s: float = ERASE_AFTER_S
        while True:
            self._wake.wait(pause_s)
            self._wake.clear()
            if self._is_closing:
                return
            began = time.monotonic()
            if self._store.database.has_to_erase or self._models.active.index.has_to_erase:
                self.now()
            pause_s = max(ERASE_AFTER_S, _REST * (time.monotonic() - began))
            if self._store.database.has_to_erase:  # somebody reads a moment of before
                pause_s = _RETRY_S
