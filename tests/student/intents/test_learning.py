"""A head learned from a few examples: against other ways to compute it, and with its parts taken away."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from student.bundle.linear_head import LinearHead
from student.embeddings import Embeddings
from student.intents.calibration import refusal_threshold
from student.intents.examples import Examples
from student.intents.figures import macro_f1, outside_figures, wilson_interval
from student.intents.folds import make_folds
from student.intents.learning import learn_head
from student.intents.regression import fit

SIZE = 16
THINGS = {"refund": "money back", "invoice": "bill paper", "outage": "site down"}


def encode(texts: list[str]) -> Embeddings:
    """Nothing but noise from the text's letters: an encoder that does not read."""
    rows = [np.random.default_rng(sum(map(ord, text))).normal(size=SIZE) for text in texts]
    return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


def made(count: int) -> Examples:
    generator = np.random.default_rng(3)
    texts, labels = [], []
    for label, words in THINGS.items():
        for number in range(count):
            texts.append(f"{words} {''.join(generator.choice(list('qwxzkj'), 6))} {number}")
            labels.append(label)
    return Examples(texts, labels, ["en"] * len(texts), list(range(2, len(texts) + 2)))


def test_the_fit_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(120, 6)).astype(np.float32)
    y = (x @ generator.normal(size=(6, 4)) + generator.normal(size=(120, 4))).argmax(axis=1)
    ours = fit(x, y, np.ones(120), classes=4, penalty=0.01, fixed=np.zeros((120, 0)))
    theirs = LogisticRegression(C=1 / (0.01 * 120), fit_intercept=False, tol=1e-8, max_iter=1000).fit(x, y)
    assert np.allclose(ours.T, theirs.coef_, atol=5e-3)


def test_classes_that_are_fixed_take_their_share_and_stay() -> None:
    x = np.ones((40, 1), dtype=np.float32)
    y = np.array([0] * 10 + [2] * 30)  # class 2 is the fixed one, at a logit of zero
    weights = fit(x, y, np.ones(40), classes=2, penalty=1e-6, fixed=np.zeros((40, 1)))
    assert weights[0, 0] == pytest.approx(np.log(10 / 30), abs=0.01)


def test_words_tell_apart_what_the_embedding_cannot() -> None:
    learned = learn_head(made(8), encode, before=None, keep=False, generator=np.random.default_rng(0))
    texts = ["please my money back now", "a bill on paper", "the site is down again"]
    said = [learned.head.classify(*pair).alternatives[0].label for pair in zip(encode(texts), texts, strict=True)]
    assert said == ["refund", "invoice", "outage"]
    blind = dataclasses.replace(learned.head, blend=None)
    assert learned.settings.lexical > 0
    assert [blind.classify(e).alternatives[0].label for e in encode(texts)] != said


def test_answers_of_the_head_before_help_to_learn() -> None:
    # The head before separates by two directions that eight examples in sixteen dimensions of noise do not show.
    generator = np.random.default_rng(5)
    true = np.arange(240) % 3
    x = generator.normal(size=(240, SIZE)) * 2
    x[:, 0], x[:, 1] = np.cos(true * 2.1) * 1.5, np.sin(true * 2.1) * 1.5
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    weight = np.zeros((3, SIZE), np.float32)
    weight[:, 0], weight[:, 1] = np.cos(np.arange(3) * 2.1) * 20, np.sin(np.arange(3) * 2.1) * 20
    before = LinearHead(weight, np.zeros(3, np.float32), ("x", "y", "z"), 1.0, 0.0)
    table = {f"{i:03d}": row for i, row in enumerate(x)} | {name: np.eye(SIZE)[9].astype(np.float32) for name in "abc"}
    texts = list(table)[:12]
    examples = Examples(texts, ["abc"[t] for t in true[:12]], [""] * 12, list(range(12)))

    def right(head: LinearHead | None) -> float:
        learned = learn_head(
            examples,
            lambda asked: np.stack([table[text] for text in asked]),
            before=head,
            keep=False,
            generator=np.random.default_rng(0),
        )
        rest = list(table)[12:240]
        return float(np.mean(learned.head.probabilities(x[12:], rest).argmax(axis=1) == true[12:]))

    assert right(before) > right(None) + 0.1


def test_labels_of_before_stay_and_still_win_their_own_messages() -> None:
    first = learn_head(made(8), encode, before=None, keep=False, generator=np.random.default_rng(0)).head
    words = ["transfer domain", "domain moves away", "take the domain elsewhere", "domain to another company"]
    more = Examples(words, ["transfer"] * 4, [""] * 4, [2, 3, 4, 5])
    joined = learn_head(more, encode, before=first, keep=True, generator=np.random.default_rng(0))
    assert joined.kept == ("invoice", "outage", "refund")
    texts = ["please my money back now", "a bill on paper", "the site is down again", "domain to somebody else"]
    said = [joined.head.classify(*pair).alternatives[0].label for pair in zip(encode(texts), texts, strict=True)]
    assert said == ["refund", "invoice", "outage", "transfer"]


def test_a_head_from_scratch_is_the_basis_of_the_next_and_a_basis_without_weight_is_left_out() -> None:
    def learn(before: LinearHead | None, *, is_from_scratch: bool = False) -> LinearHead:
        return learn_head(
            made(8),
            encode,
            before=before,
            keep=False,
            is_from_scratch=is_from_scratch,
            generator=np.random.default_rng(0),
        ).head

    shop = LinearHead(np.zeros((2, SIZE), np.float32), np.zeros(2, np.float32), ("x", "y"), 1.0, 0.0)
    alone = learn(shop, is_from_scratch=True)
    assert alone.blend is not None
    assert alone.blend.basis is None
    built = learn(alone)
    assert built.blend is not None
    assert built.blend.basis is alone
    again = learn(built)
    assert again.blend is not None
    assert again.blend.basis is alone


def test_at_most_the_stated_share_of_examples_is_refused_out_of_fold() -> None:
    examples = made(20)
    shuffled = np.random.default_rng(0).permutation(examples.labels).tolist()
    unsure = dataclasses.replace(examples, labels=[*shuffled[:30], *examples.labels[30:]])
    for share in (0.05, 0.2):
        learned = learn_head(
            unsure, encode, before=None, keep=False, generator=np.random.default_rng(0), false_refusals=share
        )
        refused = float((learned.probabilities.max(axis=1) < learned.head.threshold).mean())
        assert share - 0.06 <= refused <= share


def test_near_copies_are_never_on_both_sides_of_a_fold() -> None:
    generator = np.random.default_rng(1)
    base = generator.normal(size=(30, SIZE))
    x = np.repeat(base, 2, axis=0) + generator.normal(size=(60, SIZE)) * 0.01
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    labels = [f"label {i % 3}" for i in range(30) for _ in range(2)]
    folds = make_folds(x, labels, [""] * 60, np.random.default_rng(0))
    assert (folds[::2] == folds[1::2]).all()
    for label in set(labels):
        counts = np.bincount(folds[np.array(labels) == label], minlength=5)
        assert counts.min() >= 2


def test_figures_are_those_of_other_ways_to_compute_them() -> None:
    from sklearn.metrics import f1_score

    generator = np.random.default_rng(0)
    true, said = generator.integers(0, 4, 90), generator.integers(0, 4, 90)
    assert macro_f1(true, said) == pytest.approx(f1_score(true, said, average="macro"))
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_messages_of_no_label_lower_the_threshold_where_that_costs_none_of_them() -> None:
    inside = np.linspace(0.4, 1, 100)
    assert refusal_threshold(inside, 0.1) == pytest.approx(0.4545, abs=1e-3)
    for outside, expected in ((np.full(20, 0.3), 0.3), (np.full(20, 0.42), 0.42), (np.full(20, 0.9), 0.3)):
        chosen = refusal_threshold(inside, 0.1, np.append(outside, 0.3))
        assert expected < chosen < expected + 1e-4
        assert (inside < chosen).mean() <= 0.1
    assert refusal_threshold(inside, 0.1, np.array([])) == refusal_threshold(inside, 0.1)


def test_messages_of_no_label_are_counted_and_teach_nothing() -> None:
    examples = made(8)
    with_others = dataclasses.replace(
        examples, outside=["zzz unrelated words", "the site is down again"], outside_languages=["en", ""]
    )
    learned, other = (
        learn_head(each, encode, before=None, keep=False, generator=np.random.default_rng(0))
        for each in (examples, with_others)
    )
    assert other.head.labels == learned.head.labels
    assert np.allclose(other.head.weight, learned.head.weight, atol=1e-3)
    assert np.allclose(other.probabilities, learned.probabilities, atol=1e-3)
    assert other.outside_refused.shape == (2,)
    assert other.head.threshold <= learned.head.threshold
    report = outside_figures(np.array([1.0, 0.0]), ["en", ""])
    assert (report["all"]["refused"], report["en"]["refused"], report["en"]["examples"]) == (0.5, 1.0, 1)
