"""Gradients: numerical differentiation and its cost, the delta that is used again, vanishing, sparsity.

Run: python examples/python/notes/gradients.py
"""

from __future__ import annotations

import time
from typing import Callable

import denpa as dp
import numpy as np
from showing import check, title

H = 1e-4


def fastest(function: Callable[[], object], times: int) -> float:
    """Return the seconds of the fastest of several calls."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def numerical_differentiation() -> None:
    title("Numerical differentiation (E(w + h) - E(w - h)) / 2h, and backpropagation")
    net = dp.Sequential(
        [dp.Dense(30, activation="sigmoid"), dp.Dense(10)], (20,), dtype="float64", seed=0, names="book"
    )
    net.compile(loss="softmax_cross_entropy")
    draw = np.random.default_rng(0)
    x, t = draw.normal(size=(32, 20)), draw.integers(0, 10, 32)

    def numerical() -> dict[str, np.ndarray]:
        gradients = {}
        for name, weights in net.parameters.items():
            gradients[name] = np.empty_like(weights)
            for index, w in np.ndenumerate(weights.copy()):
                weights[index] = w + H
                above = net.loss(x, t)
                weights[index] = w - H
                below = net.loss(x, t)
                weights[index] = w
                gradients[name][index] = (above - below) / (2 * H)
        return gradients

    _, by_backpropagation = net.loss_and_gradients(x, t)
    for name, gradient in numerical().items():
        difference = np.abs(gradient - by_backpropagation[name]).max()
        print(f"    dE/d{name}: the largest difference is {difference:.1e}")
        assert difference < 1e-8  # h^2 times the third derivative
    slow, fast = fastest(numerical, 3), fastest(lambda: net.loss_and_gradients(x, t), 100)
    weights = net.parameter_count
    print(
        f"    {weights} weights: {2 * weights} losses in {1e3 * slow:.0f} ms; backpropagation, {1e6 * fast:.0f} us,"
    )
    print(f"    is {slow / fast:.0f} times as fast: one forward and one backward give all of them")
    assert slow > 20 * fast


def stored_delta() -> None:
    title("What backpropagation stores and uses again: delta2 = dE/du2 of a 2-3-3 network")
    net = dp.Sequential(
        [dp.Dense(3, activation="sigmoid"), dp.Dense(3)], (2,), dtype="float64", seed=1, names="book"
    )
    x, t = np.array([0.5, -0.2]), 2
    p = net.parameters
    z1 = dp.sigmoid(x @ p["W1"] + p["b1"])
    y = dp.softmax(z1 @ p["W2"] + p["b2"])
    _, found = net.loss_and_gradients(x, t, loss="softmax_cross_entropy")

    delta2 = y - np.eye(3)[t]  # computed once ...
    dz1 = delta2 @ p["W2"].T  # ... and used for three things: what goes back,
    check("dE/db2", found["b2"], delta2)  # the biases,
    check("dE/dW2", found["W2"], np.outer(z1, delta2))  # and the weights.
    delta1 = dz1 * z1 * (1 - z1)  # The same one layer before.
    check("dE/db1", found["b1"], delta1)
    check("dE/dW1", found["W1"], np.outer(x, delta1))
    # Without it, each weight would add up all paths from itself to the outputs.
    for i, j in np.ndindex(2, 3):
        paths = [(y[k] - np.eye(3)[t][k]) * p["W2"][j, k] * z1[j] * (1 - z1[j]) * x[i] for k in range(3)]
        check(f"dE/dW1[{i}, {j}]", found["W1"][i, j], sum(paths))
    print(f"    delta2 = {delta2}, which is dE/db2 for one sample")
    print(
        "    dE/dW2 = z1 (outer) delta2; dE/dz1 = delta2 W2^T; delta1 = dE/dz1 * sigmoid'(u1): as Denpa says"
    )
    for n, h, m in ((2, 3, 3), (784, 50, 10)):
        # dE/dW2, dE/dz1, delta1 and dE/dW1; and the same with a sum over m paths for each weight of W1.
        stored, paths = h * m + h * m + 2 * h + n * h, h * m + n * h * (m + 3)
        print(f"    multiplications for {n}-{h}-{m}: {stored} with delta2 and delta1, {paths} path by path")


def deep(activation: str, initializer: str, layers: int = 20) -> dp.Sequential:
    hidden = [dp.Dense(32, activation=activation, initializer=initializer) for _ in range(layers)]
    return dp.Sequential([*hidden, dp.Dense(1)], (32,), dtype="float64", seed=0, names="book")


def vanishing() -> None:
    title("Gradients through 20 layers: the norm of dE/dW of some of them")
    draw = np.random.default_rng(1)
    x, t = draw.normal(size=(64, 32)), draw.normal(size=(64, 1))
    ratios = {}
    for activation, initializer in (("sigmoid", "xavier"), ("relu", "he")):
        _, gradients = deep(activation, initializer).loss_and_gradients(x, t, loss="mean_squared_error")
        norms = [float(np.linalg.norm(gradients[f"W{k}"])) for k in (20, 15, 10, 5, 1)]
        ratios[activation] = norms[-1] / norms[0]
        text = ", ".join(f"W{k} {norm:.1e}" for k, norm in zip((20, 15, 10, 5, 1), norms))
        print(f"    {activation:<8} {text}: the first is {ratios[activation]:.1e} of the last")
    print("    Each sigmoid multiplies by at most 1/4, a ReLU by 1 or 0.")
    assert ratios["sigmoid"] < 1e-9 and 0.05 < ratios["relu"] < 20


def sparsity() -> None:
    title("Sparsity: the part of a hidden layer's outputs that is exactly 0")
    x = np.random.default_rng(2).normal(size=(500, 32))
    for activation, initializer, low, high in (("sigmoid", "xavier", 0, 0), ("relu", "he", 0.3, 0.7)):
        net, z, parts = deep(activation, initializer, 3), x, []
        for k in (1, 2, 3):
            z = dp.create(activation).forward(z @ net.parameters[f"W{k}"] + net.parameters[f"b{k}"])
            parts.append(float((z == 0).mean()))
        print(
            f"    {activation:<8} " + ", ".join(f"z{k} {100 * part:.0f} %" for k, part in enumerate(parts, 1))
        )
        assert all(low <= part <= high for part in parts)


def main() -> None:
    numerical_differentiation()
    stored_delta()
    vanishing()
    sparsity()


if __name__ == "__main__":
    main()
