"""The encoder's queue: a few threads run one text after another, and questions go before what is being ingested.

Nothing is handed to a thread before it is free for it. So a question waits for the texts that are running when it
comes, milliseconds, however many thousand texts of a document are still to be encoded; and while questions keep coming
one thread is left to them, so that they do not even wait for those.
"""

import threading
import time
from collections.abc import Callable, Sequence
from enum import IntEnum
from heapq import heappop, heappush, heapreplace
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

SLICE = 8
"""Texts of one document that are run before another document of the same priority has its next ones run."""

KEPT_FREE_S = 1.0
"""Time after a question in which one thread, where there are several, begins no text of a document."""


class Priority(IntEnum):
    """The order in which texts are run: somebody waits for the answer to a question; nobody for a document."""

    QUESTION = 0
    INGEST = 1


class WorkQueue:
    """Runs functions of the GIL-free kind on threads of its own. Safe to use from several threads.

    Guarantees:
        What is given with a priority is begun before everything of a later one that has not begun.
    """

    def __init__(self, workers: int) -> None:
        """A queue with so many threads, which are started when something first comes."""
        self.workers = workers
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int, _Batch]] = []  # a heap, by priority and then by when it came
        self._given = 0
        self._asked_at = -KEPT_FREE_S
        self._ingesting = 0  # threads that run an item of a document
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def run(self, function: Callable[[Item], Result], items: Sequence[Item], priority: Priority) -> list[Result]:
        """The function's results for some items, in order.

        Args:
            function: run side by side for as many items as there are threads.
            items: in the order in which they are begun.
            priority: of them.

        Raises:
            RuntimeError: the queue is closed. And what the function raises, for the first item that it raises for.
        """
        if not items:
            return []
        batch = _Batch(function, items)
        with self._changed:
            if self._is_closed:
                raise RuntimeError("the encoder is closed")
            if priority == Priority.QUESTION:
                self._asked_at = time.monotonic()
            heappush(self._waiting, (priority, self._number(), batch))
            self._changed.notify(min(len(items), self.workers))
            if not self._threads:
                self._threads = [
                    threading.Thread(target=self._work, name=f"encode-{n}", daemon=True) for n in range(self.workers)
                ]
                for thread in self._threads:
                    thread.start()
        return batch.wait()

    def close(self) -> None:
        """Waits for what was given, and ends the threads."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            priority, batch, place = taken
            batch.run(place)
            if priority != Priority.QUESTION:
                with self._changed:
                    self._ingesting -= 1

    def _take(self) -> "tuple[int, _Batch, int] | None":
        """The next item, of the first batch, and its priority; None once the queue is closed and empty."""
        with self._changed:
            while not self._waiting or (kept := self._seconds_kept_free()) > 0:
                if not self._waiting and self._is_closed:
                    return None
                self._changed.wait(kept if self._waiting else None)
            priority, _, batch = self._waiting[0]
            self._ingesting += priority != Priority.QUESTION
            place = batch.begun
            batch.begun += 1
            if batch.begun >= len(batch.items):
                heappop(self._waiting)
            elif batch.begun % SLICE == 0:  # behind the others of its priority
                heapreplace(self._waiting, (priority, self._number(), batch))
            return priority, batch, place

    def _seconds_kept_free(self) -> float:
        """How long this thread waits for questions before it begins what waits; 0 to begin it now."""
        is_last = self._ingesting == self.workers - 1 and self.workers > 1
        if not is_last or self._waiting[0][0] == Priority.QUESTION:
            return 0
        return self._asked_at + KEPT_FREE_S - time.monotonic()

    def _number(self) -> int:
        self._given += 1
        return self._given


class _Batch:
    """Items that are given together, and their results."""

    def __init__(self, function: Callable[[Any], Any], items: Sequence[Any]) -> None:
        self.items, self.begun = items, 0
        self._function = function
        self._results: list[Any] = [None] * len(items)
        self._error: tuple[int, BaseException] | None = None
        self._left, self._lock, self._done = len(items), threading.Lock(), threading.Event()

    def run(self, place: int) -> None:
        """Runs one item, unless one of its batch has failed."""
        try:
            if self._error is None:
                self._results[place] = self._function(self.items[place])
        except BaseException as error:
            with self._lock:
                if self._error is None or place < self._error[0]:
                    self._error = place, error
        with self._lock:
            self._left -= 1
            if not self._left:
                self._done.set()

    def wait(self) -> list[Any]:
        """The results, once all are there."""
        self._done.wait()
        if self._error is not None:
            raise self._error[1]
        return self._results
