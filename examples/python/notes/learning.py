"""Batch, mini-batch, stochastic and online learning, and the notes' regression by online learning.

Run: python examples/python/notes/learning.py
"""

from __future__ import annotations

import denpa as dp
import numpy as np
from showing import title

RATE = 0.07
SEEDS = range(20)


def regression(activation: str, seed: int) -> dp.Sequential:
    """2-10-1; all weights and biases normal(1); half the squared error; steps of 0.07."""
    start = dp.Normal(scale=1.0)
    layers = [
        dp.Dense(10, initializer=start, bias_initializer=start),
        dp.create(activation),
        dp.Dense(1, initializer=start, bias_initializer=start),
    ]
    net = dp.Sequential(layers, input_shape=(2,), dtype="float64", seed=seed)
    net.compile(loss=dp.MeanSquaredError(half=True), optimizer=dp.SGD(learning_rate=RATE))
    return net


def samples(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two numbers in [0, 1), and f(x) = 3 x0 + 2 x1."""
    x = np.random.default_rng(seed).random((count, 2))
    return x, 3 * x[:, :1] + 2 * x[:, 1:]


def side_by_side() -> dict[str, list[float]]:
    title("Four ways of learning: 1,000 samples, 5 epochs, the same first weights and the same rate")
    x, t = samples(1000, seed=0)
    errors: dict[str, list[float]] = {}
    # One step for all samples, for 32 of them, for each one in random order.
    for name, size in (("batch", len(x)), ("mini-batch", 32), ("stochastic", 1)):
        net = regression("sigmoid", seed=1)
        errors[name] = [net.loss(x, t)]
        for _ in range(5):
            net.fit(x, t, batch_size=size)
            errors[name].append(net.loss(x, t))
        print(f"    {name:<11} {net.step_count:>5} steps   error {as_text(errors[name])}")
    # Online: samples arrive one by one. Each is learned and forgotten, none is seen twice.
    net, draw = regression("sigmoid", seed=1), np.random.default_rng(1)
    errors["online"] = [net.loss(x, t)]
    for _ in range(5):
        for _ in range(1000):
            sample = draw.random(2)
            net.train_batch(sample, [3 * sample[0] + 2 * sample[1]])
        errors["online"].append(net.loss(x, t))
    print(f"    {'online':<11} {net.step_count:>5} steps   error {as_text(errors['online'])}")
    last = {name: values[-1] for name, values in errors.items()}
    assert last["batch"] > 10 * last["mini-batch"] > 10 * last["stochastic"], last
    assert last["online"] < 2 * last["stochastic"], "new samples teach as much as old ones"
    return errors


def as_text(errors: list[float]) -> str:
    return " ".join(f"{error:.5f}" for error in errors)


def online_learning(activation: str, seed: int) -> list[float]:
    """The loss of each of 1,000 draws with replacement from 100,000 samples."""
    net, (x, t) = regression(activation, seed), samples(100_000, seed)
    drawn = np.random.default_rng(1000 + seed).integers(0, len(x), 1000)
    return [net.train_batch(x[n], t[n]) for n in drawn]


def online_regression() -> None:
    title("Regression by online learning: 3 x0 + 2 x1, 1,000 draws, 20 seeds")
    for activation, bound in (("relu", 0.001), ("sigmoid", 0.004)):
        losses = np.array([online_learning(activation, seed) for seed in SEEDS])
        tenths = np.median(losses.reshape(len(SEEDS), 10, 100).mean(axis=2), axis=0)
        print(f"    {activation:<8} medians of the mean losses of 100 draws: {as_text(list(tenths))}")
        print(f"    {'':<8} of the last 100: {tenths[-1]:.4f}, below {bound}")
        assert tenths[-1] < bound


def main() -> None:
    side_by_side()
    online_regression()


if __name__ == "__main__":
    main()
