"""Baselines of federated training: no privacy at all, and Flower's usual way with Opacus at every branch."""

import math
import warnings
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.federated_data import Messages
from student.bundle.linear_head import softmax

Weights = NDArray[np.float64]


def central_accuracy(train: Messages, test: Messages) -> float:
    """Logistic regression on everything in one place."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    fitted = LogisticRegression(C=30, max_iter=1000).fit(train.embeddings, train.targets)
    return float((fitted.predict(test.embeddings) == test.targets).mean())


def seed_weights(x: NDArray[np.float32], targets: NDArray[np.int64], *, strength: float) -> NDArray[np.float32]:
    """A head (K, C) without bias, fitted on the few messages that the center has labelled itself."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    fitted = LogisticRegression(C=strength, max_iter=1000, fit_intercept=False).fit(x, targets)
    return np.asarray(fitted.coef_.T, dtype=np.float32)


def federated_averaging(
    branches: Sequence[tuple[NDArray[np.float32], NDArray[np.int64]]],
    classes: int,
    generator: np.random.Generator,
    *,
    rounds: int,
    epochs: int = 3,
    learning_rate: float = 20.0,
    batch: int = 32,
) -> Weights:
    """FedAvg (McMahan et al. 2017, arXiv 1602.05629) without privacy, branches weighed by their size."""
    weights = np.zeros((branches[0][0].shape[1], classes))
    sizes = np.array([len(targets) for _, targets in branches], dtype=np.float64)
    for _ in range(rounds):
        trained = []
        for x, targets in branches:
            local = weights.copy()
            for _ in range(epochs):
                for rows in np.array_split(generator.permutation(len(x)), -(-len(x) // batch) or 1):
                    if len(rows):
                        residuals = softmax(x[rows] @ local)
                        residuals[np.arange(len(rows)), targets[rows]] -= 1
                        local -= learning_rate / len(rows) * (x[rows].T @ residuals)
            trained.append(local)
        weights = np.tensordot(sizes / sizes.sum(), np.stack(trained), axes=1)
    return weights


def stock_opacus(
    branches: Sequence[tuple[NDArray[np.float32], NDArray[np.int64]]],
    start: NDArray[np.float32],
    *,
    epsilon: float,
    delta: float,
    seed: int,
    learning_rate: float,
    rounds: int = 5,
    steps: int = 5,
    batch: int = 128,
) -> NDArray[np.float32]:
    """Flower's usual way: DP-SGD by Opacus at every branch, all the noise added there, results averaged.

    It starts from the same public weights (K, C) as ours. The noise is calibrated by Opacus for all the steps of all
    rounds, which is more careful than Flower's example (a fresh engine in every round reports what one round costs).
    """
    import torch  # noqa: PLC0415
    from opacus import PrivacyEngine  # noqa: PLC0415

    torch.manual_seed(seed)
    weights = torch.from_numpy(start.T.copy())
    rates = [min(1.0, batch / max(len(targets), 1)) for _, targets in branches]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        noise = [_opacus_noise(epsilon, delta, math.ceil(rate * 50) / 50, rounds * steps) for rate in rates]
        for _ in range(rounds):
            trained = []
            for (x, targets), rate, noise_multiplier in zip(branches, rates, noise, strict=True):
                if not len(targets):
                    continue
                model = torch.nn.Linear(*start.shape, bias=False)
                with torch.no_grad():
                    model.weight.copy_(weights)
                data = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(targets))
                loader = torch.utils.data.DataLoader(data, batch_size=min(batch, len(targets)))
                optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
                private, optimizer, loader = PrivacyEngine(accountant="prv").make_private(
                    module=model,
                    optimizer=optimizer,
                    data_loader=loader,
                    noise_multiplier=noise_multiplier,
                    max_grad_norm=1.0,
                    poisson_sampling=rate < 1,
                )
                done = 0
                while done < steps:
                    for inputs, wanted in loader:
                        optimizer.zero_grad()
                        torch.nn.functional.cross_entropy(private(inputs), wanted).backward()
                        optimizer.step()
                        done += 1
                        if done == steps:
                            break
                trained.append(model.weight.detach().clone())
            weights = torch.stack(trained).mean(dim=0)
    return np.asarray(weights.numpy().T)


@cache
def _opacus_noise(epsilon: float, delta: float, sample_rate: float, steps: int) -> float:
    """By Opacus' tighter accountant. A second each, so rates are rounded up to fiftieths: 1 % more noise."""
    from opacus.accountants.utils import get_noise_multiplier  # noqa: PLC0415

    return float(
        get_noise_multiplier(
            target_epsilon=epsilon, target_delta=delta, sample_rate=sample_rate, steps=steps, accountant="prv"
        )
    )
