"""Batches: questions beside what answers them, near misses together, texts as people type them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig

from student.distill.encoder.batches import Batches, split_by_length, typed_carelessly
from student.distill.encoder.distillation import encode_with_student
from student.distill.encoder.losses import answer_loss, answers_as_well, neighbor_loss
from student.distill.encoder.model import StudentModel
from student.distill.encoder.recipe import EncoderTraining
from student.distill.encoder.training import Gradients
from student.distill.encoder.vocabulary import SPECIAL, tokenizer_json
from student.distill.targets import Links, Targets, TargetsManifest

TEXTS, PAIRS = 400, 120
MANIFEST = TargetsManifest.model_construct(embedding_space="ab" * 32, dimension=8)


def targets() -> Targets:
    answers = [(2 * n, 2 * n + 1) for n in range(PAIRS)]
    links = Links.of(answers, [f"area {n % 4}" for n in range(PAIRS)])
    embeddings = np.zeros((TEXTS, 8), np.float16)
    return Targets(MANIFEST, "d", [f"text {n}" for n in range(TEXTS)], ["x"] * TEXTS, embeddings, links=links)


def test_a_batch_holds_questions_their_answers_and_the_rest() -> None:
    batches = Batches(targets(), EncoderTraining(steps=9, batch_size=32, answer_share=0.5))
    assert batches.answers == 8
    seen = set()
    for step in range(40):
        rows = batches.rows(step)
        assert len(rows) == 32
        np.testing.assert_array_equal(rows[:8] + 1, rows[8:16])
        seen |= set(rows.tolist())
    assert seen == set(range(TEXTS))


def test_half_of_the_questions_are_of_one_area_mostly() -> None:
    batches = Batches(targets(), EncoderTraining(steps=9, batch_size=32, answer_share=0.5))
    areas = [np.unique(batches.rows(step)[:4] // 2 % 4).size for step in range(14)]
    assert np.mean(areas) < 1.6  # of four drawn at random, 2.7


def test_what_is_drawn_depends_on_the_step_alone() -> None:
    training = EncoderTraining(steps=9, batch_size=32, answer_share=0.5, seed=3)
    one, other = Batches(targets(), training), Batches(targets(), training)
    in_order = [one.rows(step) for step in range(30)]
    for step in (29, 3, 17):
        np.testing.assert_array_equal(
            other.rows(step) if step > 17 else Batches(targets(), training).rows(step), in_order[step]
        )


def test_without_links_a_batch_is_of_single_texts() -> None:
    batches = Batches(replace(targets(), links=Links.of()), EncoderTraining(steps=9, batch_size=32, answer_share=0.5))
    assert batches.answers == 0
    assert len(set(batches.rows(0).tolist())) == 32


def test_weights_of_the_mix_are_how_often_a_text_is_drawn() -> None:
    mixed = replace(targets(), mixes=["often" if n % 2 else "never" for n in range(TEXTS)], links=Links.of())
    training = EncoderTraining(steps=9, batch_size=20, mix_weights={"often": 2.0, "never": 0.0})
    counts = np.bincount(np.concatenate([Batches(mixed, training).rows(step) for step in range(20)]), minlength=TEXTS)
    assert counts[0::2].tolist() == [0] * 200
    assert counts[1::2].tolist() == [2] * 200


def test_links_keep_to_the_rows_that_stay() -> None:
    links = Links.of([(0, 1), (2, 3), (4, 5)], ["a", "b", "c"], [(0, 2), (4, 0)])
    kept = links.among(np.array([4, 5, 0, 2]), 6)
    assert (kept.answers.tolist(), kept.areas, kept.translations.tolist()) == ([[0, 1]], ["c"], [[2, 3], [0, 2]])


def test_parts_are_of_like_length_and_hold_every_text_once() -> None:
    lengths = np.array([3, 50, 4, 60, 5, 5, 200])
    parts = split_by_length(lengths, 130)
    assert sorted(np.concatenate(parts).tolist()) == list(range(7))
    assert all(len(part) == 1 or lengths[part].max() * len(part) <= 130 for part in parts)


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("¿Cómo cambio mi contraseña?", "como cambio mi contrasena?"),
        ("Pay now", "pay now"),
        ("pay now", None),
        ("x" * 90 + " Á", None),
    ],
)
def test_texts_are_typed_in_a_hurry(text: str, typed: str | None) -> None:
    assert typed_carelessly(text) == typed


def test_answer_loss_matches_a_hand_computation() -> None:
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    passages = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    expected = np.log(2)  # both passages are as near to each query
    none, all_ = torch.zeros(2, 2, dtype=torch.bool), torch.ones(2, 2, dtype=torch.bool)
    assert answer_loss(queries, passages, none, 1.0).item() == pytest.approx(expected, abs=1e-5)
    assert answer_loss(queries, passages, all_, 1.0).item() == pytest.approx(0, abs=1e-6)  # no negative is left


def test_a_text_that_the_teacher_holds_to_be_nearer_answers_as_well() -> None:
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    passages = torch.tensor([[0.6, 0.8], [0.8, 0.6]])
    assert answers_as_well(queries, passages).tolist() == [[True, True], [True, True]]
    assert answers_as_well(queries, passages.flip(0)).tolist() == [[True, False], [False, True]]


def test_texts_that_answer_a_question_are_linked_to_it() -> None:
    several = replace(targets(), links=Links.of([(0, 5), (0, 6), (1, 7)], ["", "", ""]))
    linked = Batches(several, STEPS).are_linked(np.array([0, 1]), np.array([6, 7]))
    assert linked.tolist() == [[True, False], [False, True]]


PIECES = [*SPECIAL, "¿", "red", "server", "mail", "backup", *"0123456789", *(f"##{digit}" for digit in "0123456789")]
STEPS = EncoderTraining(steps=9, batch_size=16, answer_share=0.5, matryoshka_dimensions=[4], precision="float32")


def gradients(opening: str = "", **settings: float) -> tuple[Gradients, StudentModel, Targets, Tokenizer]:
    """One step's gradients of a tiny student, on texts of three to nine words that all begin alike."""
    torch.manual_seed(0)
    texts = [f"{opening}Red server {'mail ' * (n % 7)}backup {n}" for n in range(TEXTS)]
    rows = np.random.default_rng(1).normal(size=(TEXTS, 8))
    embeddings = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    some = replace(targets(), texts=texts, embeddings=embeddings)
    config = BertConfig(
        vocab_size=len(PIECES),
        max_position_embeddings=32,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        initializer_range=0.5,
    )
    student, tokenizer = StudentModel(config).eval(), Tokenizer.from_str(tokenizer_json(PIECES, 32))
    return Gradients(student, tokenizer, some, STEPS.model_copy(update=settings), None), student, some, tokenizer


def test_a_batch_that_is_encoded_in_parts_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    compute, student, some, tokenizer = gradients(similarity_weight=0.0, matryoshka_weight=0.0)
    monkeypatch.setattr("student.distill.encoder.training._TOKENS_A_PASS", {"cpu": 40, "cuda": 40})
    rows = Batches(some, STEPS).rows(0)
    expected = encode_with_student(student, tokenizer, [some.texts[row] for row in rows], precision="float32")
    similarity = (expected * some.embeddings[rows].astype(np.float32)).sum(axis=1).mean()
    assert float(compute(0).detach()) == pytest.approx(1 - float(similarity), abs=1e-3)


def test_answers_count_by_their_weight() -> None:
    without, once, twice = (float(gradients(answer_weight=weight)[0](0).detach()) for weight in (0.0, 1.0, 2.0))
    assert once > without + 0.5  # four passages that all look alike to the student
    assert twice - once == pytest.approx(once - without, rel=1e-3)


def test_the_neighbor_loss_matches_a_hand_computation() -> None:
    teacher, others = torch.tensor([[1.0, 0.0]]), torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    assert neighbor_loss(teacher, teacher, others, 0.5).item() == pytest.approx(0, abs=1e-7)
    by_teacher = np.exp([2, 0]) / np.exp([2, 0]).sum()
    expected = (by_teacher * np.log(by_teacher / by_teacher[::-1])).sum()  # a student that ranks them the other way
    assert neighbor_loss(torch.tensor([[0.0, 1.0]]), teacher, others, 0.5).item() == pytest.approx(expected, rel=1e-5)


def test_neighbors_count_by_their_weight_and_are_drawn_by_the_step() -> None:
    without, once, twice = (float(gradients(neighbor_weight=weight)[0](0).detach()) for weight in (0.0, 1.0, 2.0))
    assert once > without + 0.1
    assert twice - once == pytest.approx(once - without, rel=1e-3)
    assert float(gradients(neighbor_weight=1.0)[0](0).detach()) == once
    assert float(gradients(neighbor_weight=1.0, neighbors=10_000)[0](0).detach()) > without  # of 400 texts


def test_a_student_that_teaches_itself_takes_every_other_text_for_a_negative() -> None:
    asking, alone = (
        float(gradients(answer_weight=1.0, asks_teacher_of_negatives=asks)[0](0).detach()) for asks in (True, False)
    )
    assert alone > asking + 0.1  # a random teacher holds half of the others to answer as well


def test_a_share_of_texts_is_seen_as_it_is_typed_in_a_hurry() -> None:
    proper, hurried = (float(gradients("¿", careless_share=share)[0](0).detach()) for share in (0.0, 1.0))
    assert hurried == pytest.approx(float(gradients("")[0](0).detach()), abs=1e-5)
    assert abs(proper - hurried) > 1e-3
