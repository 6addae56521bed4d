"""What the benchmark of re-embedding calls a failure."""

import pytest

from benchmarks.reembedding import Asked, figures_of

BEFORE = [Asked(0.0, 0.01, 200, "a", ("x.md",))]
DURING = [Asked(1.0, 0.02, 200, "a", ("x.md",)), Asked(2.0, 0.04, 200, "a", ()), Asked(4.0, 0.01, 200, "b", ())]
AFTER = [Asked(5.0, 0.01, 200, "b", ("x.md",))]


def test_the_figures_of_a_change_in_which_nothing_failed() -> None:
    figures = figures_of(BEFORE, DURING, AFTER, "a", "b")
    counted = ("requests", "failed", "answered_by_former", "answered_by_next", "former_after_next", "seconds")
    assert [figures[name] for name in counted] == [5, 0, 2, 2, 0, 3.0]
    assert figures["found_something"] == {"before": 1.0, "while_embedding": 0.5, "after": 1.0}
    assert figures["latency"]["p50_ratio"] == 3.0
    assert figures["latency"]["slowest_while_embedding_ms"] == 40.0


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (Asked(6.0, 0.01, 503, "", ()), r"1 requests failed \(\[503\]\)"),
        (Asked(6.0, 0.01, 0, "", ()), r"1 requests failed \(\[0\]\)"),
        (Asked(6.0, 0.01, 200, "a", ()), "1 were answered by the former bundle after the next one"),
    ],
    ids=["a request that failed", "a server that was gone", "an answer of the former bundle after the next one's"],
)
def test_a_broken_promise_ends_the_benchmark(asked: Asked, complaint: str) -> None:
    with pytest.raises(SystemExit, match=complaint):
        figures_of(BEFORE, DURING, [*AFTER, asked], "a", "b")


def test_an_answer_of_a_third_bundle_ends_the_benchmark() -> None:
    strange = [DURING[0], Asked(1.5, 0.01, 200, "c", ()), *DURING[1:]]
    with pytest.raises(SystemExit, match="1 by another one"):
        figures_of(BEFORE, strange, AFTER, "a", "b")
