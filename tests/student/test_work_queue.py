"""The encoder's queue: what somebody waits for goes first, and results are in order whatever runs when."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from student.runtime.work_queue import SLICE, Priority, WorkQueue


class Gate:
    """A function that notes what it is called with, and stays in the first call until it is opened."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.is_entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, item: str) -> str:
        self.seen.append(item)
        self.is_entered.set()
        assert self.opened.wait(timeout=30)
        return item.upper()


def wait_until_waiting(queue: WorkQueue, batches: int) -> None:
    while len(queue._waiting) < batches:
        assert not queue._is_closed


def test_questions_go_before_all_of_a_document_that_has_not_begun() -> None:
    queue, gate = WorkQueue(1), Gate()
    document = [f"d{n}" for n in range(3 * SLICE)]
    with ThreadPoolExecutor(3) as pool:
        ingest = pool.submit(queue.run, gate, document, Priority.INGEST)
        assert gate.is_entered.wait(timeout=30)
        questions = [pool.submit(queue.run, gate, [f"q{n}"], Priority.QUESTION) for n in range(2)]
        wait_until_waiting(queue, 3)
        gate.opened.set()
        assert [question.result(timeout=30) for question in questions] == [["Q0"], ["Q1"]]
        assert ingest.result(timeout=30) == [item.upper() for item in document]
    assert gate.seen[0] == "d0"
    assert set(gate.seen[1:3]) == {"q0", "q1"}
    assert gate.seen[3:] == document[1:]
    queue.close()


def test_documents_are_run_in_slices_one_after_the_other() -> None:
    queue, gate = WorkQueue(1), Gate()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(queue.run, gate, [f"a{n}" for n in range(2 * SLICE)], Priority.INGEST)
        assert gate.is_entered.wait(timeout=30)
        second = pool.submit(queue.run, gate, [f"b{n}" for n in range(SLICE + 1)], Priority.INGEST)
        wait_until_waiting(queue, 2)
        gate.opened.set()
        first.result(timeout=30)
        second.result(timeout=30)
    assert "".join(item[0] for item in gate.seen) == "a" * SLICE + "b" * SLICE + "a" * SLICE + "b"
    queue.close()


def test_results_are_in_the_order_of_the_items_on_any_number_of_threads() -> None:
    queue = WorkQueue(4)
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(queue.run, lambda n: n * n, range(100), priority) for priority in (1, 0, 1, 0)]  # type: ignore[arg-type]
        assert all(run.result(timeout=30) == [n * n for n in range(100)] for run in runs)
    assert queue.run(str, [], Priority.QUESTION) == []
    queue.close()


def test_an_error_reaches_whoever_gave_the_item_and_nobody_else() -> None:
    queue = WorkQueue(2)

    def refuse(item: int) -> int:
        if item >= 3:
            raise ValueError(f"item {item}")
        return item

    with pytest.raises(ValueError, match="item 3"):
        queue.run(refuse, range(3, 4), Priority.INGEST)
    with pytest.raises(ValueError, match="item"):
        queue.run(refuse, range(50), Priority.INGEST)
    assert queue.run(refuse, range(3), Priority.QUESTION) == [0, 1, 2]
    queue.close()


def test_a_queue_that_closes_ends_what_it_was_given_and_refuses_more() -> None:
    queue, gate = WorkQueue(1), Gate()
    with ThreadPoolExecutor(2) as pool:
        run = pool.submit(queue.run, gate, ["a", "b"], Priority.INGEST)
        assert gate.is_entered.wait(timeout=30)
        closing = pool.submit(queue.close)
        gate.opened.set()
        closing.result(timeout=30)
        assert run.result(timeout=30) == ["A", "B"]
    with pytest.raises(RuntimeError, match="closed"):
        queue.run(gate, ["c"], Priority.QUESTION)
    assert not any(thread.is_alive() for thread in queue._threads)
