"""XOR: one layer cannot separate it, two layers can. Run: python examples/python/xor.py"""

from __future__ import annotations

import denpa as dp
import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float64")
T = np.array([[0], [1], [1], [0]], "float64")


def train(layers: list[dp.Layer]) -> dp.Sequential:
    """Take 3,000 steps of gradient descent on the four rows."""
    net = dp.Sequential(layers, input_shape=(2,), dtype="float64", seed=1)
    net.fit(X, T, batch_size=4, epochs=3000, loss="mean_squared_error", optimizer=dp.SGD(learning_rate=0.1))
    return net


def show(title: str, net: dp.Sequential) -> None:
    print(f"{title}: loss {net.loss(X, T):.6f}")
    for x, t, y in zip(X, T, net.predict(X)):
        print(f"    {int(x[0])} xor {int(x[1])} = {int(t[0])}   the network says {y[0]:.4f}")


def main() -> None:
    linear = train([dp.Dense(1)])
    show("one linear layer", linear)
    assert abs(linear.loss(X, T) - 0.25) < 1e-3, "a line has to answer 1/2 everywhere"

    deep = train([dp.Dense(8, activation="tanh"), dp.Dense(1)])
    show("tanh between two layers", deep)
    assert np.array_equal(deep.predict(X) > 0.5, T > 0.5)
    assert deep.loss(X, T) < 1e-3

    report = deep.check_gradients(X, T)
    print(f"gradients against numerical differentiation: worst relative error {report.worst:.1e}")
    assert report.passed


if __name__ == "__main__":
    main()
