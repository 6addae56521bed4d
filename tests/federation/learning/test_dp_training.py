"""Clipping: bounds that hold for every input, and equality with Opacus."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from federation.errors import UpdateInvalid
from federation.learning.clipping import clip_factors
from federation.learning.intent_head import head_sum
from federation.learning.query_adapter import adapt, adapter_sum, new_adapter

numbers = st.floats(-1e3, 1e3, width=32)


@st.composite
def head_inputs(draw):  # type: ignore[no-untyped-def]
    n, d, c = draw(st.integers(0, 12)), draw(st.integers(1, 6)), draw(st.integers(2, 5))
    weights = draw(arrays.arrays(np.float32, (d, c), elements=numbers))
    rows = draw(arrays.arrays(np.float32, (n, d), elements=st.floats(-1e4, 1e4, width=32)))
    targets = draw(arrays.arrays(np.int64, n, elements=st.integers(0, c - 1)))
    customers = draw(arrays.arrays(np.int64, n, elements=st.integers(0, 4)))
    return weights, rows, targets, customers


@given(head_inputs(), st.floats(0.01, 10))
@settings(max_examples=150, deadline=None)
def test_one_customers_data_moves_the_sum_by_at_most_the_bound(inputs, clip_norm: float) -> None:  # type: ignore[no-untyped-def]
    weights, rows, targets, customers = inputs
    whole = head_sum(weights, rows, targets, customers, clip_norm)
    assert np.isfinite(whole).all()
    for customer in np.unique(customers):
        others = customers != customer
        without = head_sum(weights, rows[others], targets[others], customers[others], clip_norm)
        assert np.linalg.norm(whole - without) <= clip_norm * (1 + 1e-9)


@given(
    arrays.arrays(np.float64, (7, 5), elements=st.floats(-1e6, 1e6)),
    arrays.arrays(np.float64, (7, 3), elements=st.floats(-1e6, 1e6)),
    arrays.arrays(np.int64, 7, elements=st.integers(0, 3)),
    st.floats(0.01, 10),
)
def test_clipped_norms_hold_for_every_gradient(
    left: np.ndarray, right: np.ndarray, customers: np.ndarray, clip_norm: float
) -> None:
    factors = clip_factors([(left, right), (right, left)], customers, clip_norm)
    both = [np.einsum("n,na,nb->nab", factors, x, r).reshape(7, -1) for x, r in ((left, right), (right, left))]
    clipped = np.concatenate(both, axis=1)
    for customer in np.unique(customers):
        assert np.linalg.norm(clipped[customers == customer].sum(axis=0)) <= clip_norm * (1 + 1e-9)


def test_gradients_of_a_customer_that_all_but_cancel_stay_within_the_bound() -> None:
    generator = np.random.default_rng(6)
    for _ in range(50):
        x, r = 1e6 * generator.standard_normal((1, 8)), 1e6 * generator.standard_normal((1, 8))
        left, right = np.concatenate([x, -x * (1 + 1e-12)]), np.concatenate([r, r])
        factors = clip_factors([(left, right)], np.array([0, 0]), 0.1)
        assert np.linalg.norm(left.T @ (right * factors[:, None])) <= 0.1


def clip_one_by_one(gradients: np.ndarray, customers: np.ndarray, clip_norm: float) -> np.ndarray:
    """The baseline of the closed forms: each customer's sum formed, then clipped."""
    total = np.zeros(gradients.shape[1])
    for customer in np.unique(customers):
        own = gradients[customers == customer].sum(axis=0)
        total += own * min(1, clip_norm / np.linalg.norm(own))
    return total


def test_small_gradients_are_not_changed_by_clipping() -> None:
    generator = np.random.default_rng(0)
    weights, rows = generator.standard_normal((4, 3)).astype(np.float32), generator.standard_normal((9, 4))
    targets, customers = generator.integers(0, 3, 9), generator.integers(0, 4, 9)
    clipped = head_sum(weights, rows.astype(np.float32), targets, customers, 1e6)
    logits = rows.astype(np.float32).astype(np.float64) @ weights
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    probabilities[np.arange(9), targets] -= 1
    assert clipped == pytest.approx(rows.astype(np.float32).T @ probabilities, rel=1e-9)


@pytest.mark.parametrize("clip_norm", [0.3, 1.0, 100.0])
def test_the_closed_form_equals_gradients_formed_and_clipped_customer_by_customer(clip_norm: float) -> None:
    generator = np.random.default_rng(4)
    weights, rows = generator.standard_normal((6, 4)).astype(np.float32), unit_rows(generator, 30, 6)
    targets, customers = generator.integers(0, 4, 30), generator.integers(0, 9, 30)
    logits = rows.astype(np.float64) @ weights.astype(np.float64)
    residuals = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - np.eye(4)[targets]
    formed = np.einsum("nd,nc->ndc", rows.astype(np.float64), residuals).reshape(30, -1)
    expected = clip_one_by_one(formed, customers, clip_norm).reshape(6, 4)
    assert head_sum(weights, rows, targets, customers, clip_norm) == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_the_clipped_sum_equals_that_of_opacus() -> None:
    import torch
    from opacus import PrivacyEngine

    generator = np.random.default_rng(1)
    rows = generator.standard_normal((40, 8)).astype(np.float32)
    targets, weights = generator.integers(0, 5, 40), generator.standard_normal((8, 5)).astype(np.float32)
    model = torch.nn.Linear(8, 5, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(weights.T))
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(rows), torch.from_numpy(targets)), batch_size=40
    )
    private, optimizer, loader = PrivacyEngine().make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        data_loader=loader,
        noise_multiplier=0.0,
        max_grad_norm=0.7,
        poisson_sampling=False,
        loss_reduction="sum",
    )
    for inputs, wanted in loader:
        torch.nn.functional.cross_entropy(private(inputs), wanted, reduction="sum").backward()
        optimizer.step()
    moved = weights - model.weight.detach().numpy().T
    assert head_sum(weights, rows, targets, np.arange(40), 0.7) == pytest.approx(moved, abs=2e-5)
    assert np.abs(moved).max() > 0.1


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e7])
def test_weights_that_could_break_the_bound_are_refused(bad: float) -> None:
    weights = np.zeros((4, 3), dtype=np.float32)
    weights[1, 1] = bad
    with pytest.raises(UpdateInvalid, match="expected"):
        head_sum(weights, np.ones((1, 4), dtype=np.float32), np.array([0]), np.array([0]), 1.0)


def test_no_example_gives_zeros() -> None:
    empty = np.empty((0, 4), dtype=np.float32)
    none = np.empty(0, dtype=np.int64)
    assert not head_sum(np.ones((4, 3), dtype=np.float32), empty, none, none, 1.0).any()
    assert not adapter_sum(
        new_adapter(np.eye(4, dtype=np.float32), 2), empty, np.empty((0, 3, 4), dtype=np.float32), none, 1.0
    ).any()


def unit_rows(generator: np.random.Generator, *shape: int) -> np.ndarray:
    rows = generator.standard_normal(shape)
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


@given(st.integers(0, 10_000), st.floats(0.01, 5), st.floats(0, 1e3))
@settings(max_examples=60, deadline=None)
def test_one_customers_questions_move_the_adapters_sum_by_at_most_the_bound(
    seed: int, clip_norm: float, size: float
) -> None:
    generator = np.random.default_rng(seed)
    weights = (size * generator.standard_normal((2, 2 * 5))).astype(np.float32)
    queries, candidates = unit_rows(generator, 9, 5), unit_rows(generator, 9, 4, 5)
    customers = generator.integers(0, 3, 9)
    whole = adapter_sum(weights, queries, candidates, customers, clip_norm)
    assert np.isfinite(whole).all()
    for customer in np.unique(customers):
        others = customers != customer
        without = adapter_sum(weights, queries[others], candidates[others], customers[others], clip_norm)
        assert np.linalg.norm(whole - without) <= clip_norm * (1 + 1e-9)


@pytest.mark.parametrize("clip_norm", [0.5, 1e6])
def test_the_adapters_clipped_sum_equals_gradients_of_torch_clipped_customer_by_customer(clip_norm: float) -> None:
    import torch

    generator = np.random.default_rng(2)
    weights = generator.standard_normal((2, 3 * 6)).astype(np.float32)
    queries, candidates = unit_rows(generator, 5, 6), unit_rows(generator, 5, 4, 6)
    customers, gradients = np.array([0, 1, 1, 2, 0]), []
    for row in range(5):
        tensor = torch.from_numpy(weights.astype(np.float64)).requires_grad_()
        a, b = tensor.reshape(2, 3, 6)
        q, d = (torch.from_numpy(x[row].astype(np.float64)) for x in (queries, candidates))
        unit = torch.nn.functional.normalize(q + (a @ q) @ b, dim=0)
        torch.nn.functional.cross_entropy((d @ unit / 0.05)[None], torch.tensor([0])).backward()
        assert tensor.grad is not None
        gradients.append(tensor.grad.numpy().reshape(-1))
    expected = clip_one_by_one(np.stack(gradients), customers, clip_norm)
    ours = adapter_sum(weights, queries, candidates, customers, clip_norm)
    assert ours.reshape(-1) == pytest.approx(expected, rel=1e-8, abs=1e-10)


def test_an_adapter_whose_b_is_zero_changes_no_query() -> None:
    queries = unit_rows(np.random.default_rng(3), 5, 16)
    assert adapt(new_adapter(queries, 4), queries) == pytest.approx(queries, abs=1e-6)


def test_a_new_adapter_looks_along_the_directions_of_most_variance() -> None:
    public = np.random.default_rng(5).standard_normal((400, 6)) * [1, 9, 1, 5, 1, 1]
    a = new_adapter(public.astype(np.float32), 2).reshape(2, 2, 6)[0]
    assert np.abs(a).argmax(axis=1).tolist() == [1, 3]
    assert np.linalg.norm(a, axis=1) == pytest.approx(1, abs=1e-5)
