"""The rule by which a remembered question counts for another, held to paraphrases and other questions of the demo."""

import json
from itertools import combinations, product
from typing import Any

import numpy as np

from edge_agent.feedback.memory import NEAR, asks_alike, nearness, stems_of
from student.bundle import DEFAULT_BUNDLE
from student.runtime.student import load_student
from tests.conftest import ROOT


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROOT / "demo" / name).read_text(encoding="utf-8").splitlines()]


def test_paraphrases_count_for_each_other_and_different_questions_on_one_topic_do_not() -> None:
    asked = [row for row in read("questions.jsonl") if row["split"] == "dev"]
    written = read("paraphrases.jsonl")
    texts = [row["text"] for row in (*asked, *written)]
    student = load_student(DEFAULT_BUNDLE, workers=1)
    cosines = (embeddings := student.encoder.encode(texts)) @ embeddings.T
    student.close()
    stems = [stems_of(text) for text in texts]
    number = {row["id"]: n for n, row in enumerate((*asked, *written))}

    def share(pairs: list[tuple[int, int]]) -> float:
        return float(np.mean([cosines[i, j] >= NEAR and asks_alike(stems[i], stems[j]) for i, j in pairs]))

    different = list(combinations(range(len(asked)), 2))
    groups: dict[str, list[int]] = {}
    for row in written:
        if row["asks_the_same"]:
            groups.setdefault(row["of"], [number[row["of"]]]).append(number[row["id"]])
    same = [pair for group in groups.values() for pair in combinations(group, 2)]
    near = [(number[row["of"]], number[row["id"]]) for row in written if not row["asks_the_same"]]
    foreign = [
        (n, other)
        for question, group in groups.items()
        for n, other in product(group[1:], range(len(asked)))
        if other != number[question]
    ]
    assert len(same) == 96
    assert share(same) >= 0.5
    assert share([*different, *foreign]) == 0
    assert share(near) <= 0.25  # written to differ in one word


def test_a_nearer_question_counts_more() -> None:
    weights = [nearness(cosine) for cosine in (NEAR, 0.8, 0.9, 1.0)]
    assert weights == sorted(weights)
    assert (weights[0], weights[-1]) == (0.2, 1.0)


def test_masks_are_no_words_that_questions_share() -> None:
    assert stems_of("Write to [EMAIL_1] or call [PHONE_2]: open 24 hours") == {"write", "call", "open", "24", "hours"}
    assert not asks_alike(stems_of("[EMAIL_1] invoices"), stems_of("[EMAIL_1] refunds"))
