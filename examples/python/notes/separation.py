"""What one layer cannot do: a step unit separates linearly, and several linear layers are one.

Run: python examples/python/notes/separation.py
"""

from __future__ import annotations

import itertools

import denpa as dp
import numpy as np
from showing import check, title

X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
TABLES = {
    "AND": np.array([[0.0], [0], [0], [1]]),
    "OR": np.array([[0.0], [1], [1], [1]]),
    "XOR": np.array([[0.0], [1], [1], [0]]),
}


def perceptron(t: np.ndarray, epochs: int = 200) -> tuple[dp.Sequential, int]:
    """Learn with one step unit by the perceptron's rule; return it, and its mistakes in the last epoch.

    The step has no slope, so that no gradient passes it. The rule (Rosenblatt, 1958) takes y - t as the
    gradient with respect to the total input.
    """
    net = dp.Sequential([dp.Dense(1, initializer="zeros")], (2,), dtype="float64", names="book")
    optimizer, mistakes = dp.SGD(learning_rate=1.0), 0
    for _ in range(epochs):
        mistakes = 0
        for x, target in zip(X, t):
            y = dp.step(net.forward(x, training=True))
            mistakes += int(y[0] != target[0])
            net.zero_grads()
            net.backward(y - target)
            optimizer.step(net)
        if mistakes == 0:
            break
    return net, mistakes


def step_units() -> None:
    title("One step unit by the perceptron's rule: AND and OR, but not XOR")
    for name, t in TABLES.items():
        net, mistakes = perceptron(t)
        w, b = net.parameters["W1"][:, 0], net.parameters["b1"][0]
        found = dp.step(net.predict(X))[:, 0].astype(int)
        result = (
            f"step({w[0]:.0f} x0 + {w[1]:.0f} x1 {b:+.0f}) = {found}"
            if mistakes == 0
            else "no weights are found"
        )
        print(f"    {name:<4} {mistakes} mistakes in the last epoch   {result}")
        assert (mistakes == 0) == (name != "XOR")

    print("    Nor are there any: of 41 x 41 x 41 weights from -2 to 2, as many are right for")
    grid = np.array(list(itertools.product(np.linspace(-2, 2, 41), repeat=3)))
    unit = dp.Sequential([dp.Dense(len(grid), activation="step")], (2,), dtype="float64", names="book")
    unit.parameters.update(W1=grid[:, :2].T, b1=grid[:, 2])
    answers = unit.predict(X)
    right = {name: int((answers == t).all(axis=0).sum()) for name, t in TABLES.items()}
    print("    " + ", ".join(f"{name}: {count}" for name, count in right.items()))
    assert right["AND"] > 0 and right["OR"] > 0 and right["XOR"] == 0

    # Two layers of step units can: XOR = OR and not AND.
    layers = [dp.Dense(2, activation="step"), dp.Dense(1, activation="step")]
    net = dp.Sequential(layers, (2,), dtype="float64", names="book")
    net.parameters.update(W1=[[1, 1], [1, 1]], b1=[-0.5, -1.5], W2=[[1], [-1]], b2=[-0.5])
    assert np.array_equal(net.predict(X), TABLES["XOR"])
    print(f"    two layers, step(OR - AND - 0.5): {net.predict(X)[:, 0].astype(int)}, which is XOR")
    _, gradients = net.loss_and_gradients(X, TABLES["XOR"], loss="mean_squared_error")
    assert all((gradient == 0).all() for gradient in gradients.values()), (
        "but nothing in it learns by gradients"
    )


def linear_layers() -> None:
    title("Three layers without and with a non-linearity: sin(3 x)")
    x = np.linspace(-1, 1, 101)[:, None]
    t = np.sin(3 * x)
    line = np.polyfit(x[:, 0], t[:, 0], 1)
    best_line = float(((np.polyval(line, x) - t) ** 2).mean())
    errors = {}
    for activation in ("identity", "tanh"):
        hidden = [dp.Dense(16, activation=activation), dp.Dense(16, activation=activation)]
        net = dp.Sequential([*hidden, dp.Dense(1)], (1,), dtype="float64", seed=0, names="book")
        net.fit(x, t, batch_size=len(x), epochs=1500, loss="mean_squared_error", optimizer=dp.Adam(0.01))
        errors[activation] = net.loss(x, t)
        print(f"    {activation:<8} loss {errors[activation]:.6f}")
        if activation == "identity":
            p = net.parameters
            one = p["W1"] @ p["W2"] @ p["W3"]
            bias = (p["b1"] @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]
            check("one layer", net.predict(x), x @ one + bias)
            print(f"             the three layers are one: y = {one[0, 0]:.4f} x {bias[0]:+.4f}")
    print(
        f"    the best straight line has {best_line:.6f} (by least squares: {line[0]:.4f} x {line[1]:+.4f})"
    )
    check("the linear layers", errors["identity"], best_line, 1e-6)
    assert errors["tanh"] < best_line / 1000


def main() -> None:
    step_units()
    linear_layers()


if __name__ == "__main__":
    main()
