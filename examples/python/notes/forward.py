"""Forward: one layer of several units, three layers with every value, initial weights, activations.

Run: python examples/python/notes/forward.py
"""

from __future__ import annotations

import denpa as dp
import numpy as np
from showing import check, show, title

THREE_LAYERS = {
    "W1": [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]],
    "b1": [0.1, 0.2, 0.3],
    "W2": [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]],
    "b2": [0.1, 0.2],
    "W3": [[0.1, 0.3], [0.2, 0.4]],
    "b3": [1, 2],  # integers are accepted
}


def several_units() -> None:
    title("One layer, several units: u = x W + b, z = sigmoid(u)")
    layer = dp.Dense(3)
    layer.build(4)
    weights = {
        "W": [[0.1, 0.2, 0.3], [0.2, 0.3, 0.4], [0.3, 0.4, 0.5], [0.4, 0.5, 0.6]],
        "b": [0.1, 0.2, 0.3],
    }
    layer.parameters.update(weights)
    u = layer.forward([1, 5, 2, -1])
    show("u", u, [1.4, 2.2, 3.0])
    show("sigmoid(u)", dp.sigmoid(u), [0.80218389, 0.90024951, 0.95257413], 5e-9)


def traced_network() -> dp.Model:
    """2-3-2-2 with ReLU. All total inputs u and outputs z are outputs of the network: they can be seen."""
    x = z = dp.Input((2,), name="x")
    values: dict[str, dp.Value] = {}
    for k, units in enumerate((3, 2), start=1):
        values[f"u{k}"] = dp.Dense(units, name=f"layer{k}")(z)
        z = values[f"z{k}"] = dp.relu(values[f"u{k}"])
    values["y"] = dp.Dense(2, name="layer3")(z)
    net = dp.Model(x, values, dtype="float64", names="book")
    net.parameters.update(THREE_LAYERS)
    return net


def three_layers() -> None:
    title("Three layers with ReLU: every value with its label")
    net, x, t = traced_network(), np.array([1.0, 2.0]), np.array([1.0, 3.0])
    values = net.predict(x)
    loss = dp.MeanSquaredError("y", half=True, reduction="batch_mean")
    error, gradients = net.loss_and_gradients(x, t, loss=loss)
    expected = {
        "u1": [0.6, 1.3, 2.0],
        "z1": [0.6, 1.3, 2.0],
        "u2": [1.02, 2.29],
        "z2": [1.02, 2.29],
        "y": [1.56, 3.222],
    }
    # The deltas by hand, from the last layer to the first: dE/du = (dE/du of the next layer) W^T relu'(u).
    deltas = {3: values["y"] - t}
    for k in (2, 1):
        deltas[k] = deltas[k + 1] @ net.parameters[f"W{k + 1}"].T * (values[f"u{k}"] > 0)
    show("x", x)
    for k in (1, 2, 3):
        show(f"W{k}", net.parameters[f"W{k}"], THREE_LAYERS[f"W{k}"])
        show(f"b{k}", net.parameters[f"b{k}"], THREE_LAYERS[f"b{k}"])
        for label in (f"u{k}", f"z{k}") if k < 3 else ("y",):
            show(label, values[label], expected[label])
        if k == 1:
            show("sum of z1", values["z1"].sum(), 3.9)
    show("t", t)
    show("E", error, 0.5 * ((values["y"] - t) ** 2).sum(), note="half the squared error")
    for k in (3, 2, 1):
        before = values[f"z{k - 1}"] if k > 1 else x
        # For a single sample the gradient of a bias is the delta, dE/du, and that of W is x (outer) delta.
        show(f"delta{k}", gradients[f"b{k}"], deltas[k], note=f"= dE/du{k} = dE/db{k}")
        show(f"dE/dW{k}", gradients[f"W{k}"], np.outer(before, deltas[k]))


def initial_weights() -> None:
    title("Initial weights of a layer of 3 units for 4 values")

    def first(initializer: object) -> np.ndarray:
        net = dp.Sequential(
            [dp.Dense(3, initializer=initializer)], (4,), seed=5, dtype="float64", names="book"
        )
        return net.parameters["W1"].copy()

    show("zeros", first("zeros"), np.zeros((4, 3)))
    show("ones", first("ones"), np.ones((4, 3)))
    given = np.arange(12.0).reshape(4, 3)
    show("given", first(dp.Given(given)), given)
    uniform, integers, normal = first("uniform"), first(dp.Integers(10)), first(dp.Normal(scale=1.0))
    show("uniform", uniform, note="in [0, 1)")
    show("integers", integers, note="below 10")
    show("normal", normal, note="mean 0, deviation 1")
    assert ((uniform >= 0) & (uniform < 1)).all()
    assert np.isin(integers, np.arange(10)).all()
    assert np.array_equal(normal, first(dp.Normal(scale=1.0))), "the seed decides"
    many = dp.Sequential(
        [dp.Dense(200, initializer=dp.Normal(scale=1.0))], (300,), dtype="float64", names="book"
    )
    assert abs(many.parameters["W1"].mean()) < 0.01 and abs(many.parameters["W1"].std() - 1) < 0.01


def activations() -> None:
    title("Activations of -2, -0.5, 0, 0.5, 2")
    x = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    # The notes' formula of the step says x >= 0, their code x > 0. Denpa does the latter: step(0) = 0.
    show("step", dp.step(x), [0, 0, 0, 1, 1], note="1 for x > 0: step(0) = 0")
    show("sigmoid", dp.sigmoid(x), 1 / (1 + np.exp(-x)))
    show("relu", dp.relu(x), np.maximum(x, 0))
    show("identity", dp.identity(x), x)
    title("Softmax: of one row, of a batch, of numbers whose exp overflows")
    row = np.array([0.3, 2.9, 4.0])
    expected = np.exp(row) / np.exp(row).sum()
    show("one row", dp.softmax(row), expected)
    batch = dp.softmax([[0.3, 2.9, 4.0], [1, 1, 1]])
    show("a batch", batch, [expected, [1 / 3, 1 / 3, 1 / 3]])
    show("its sums", batch.sum(axis=1), [1, 1])
    large = dp.softmax([1010.0, 1000.0, 990.0])
    shifted = np.exp([0.0, -10.0, -20.0])
    show("large", large, shifted / shifted.sum(), note="of 1010, 1000, 990, as of 10, 0, -10")
    check("the sum of the large ones", large.sum(), 1.0)


def main() -> None:
    several_units()
    three_layers()
    initial_weights()
    activations()


if __name__ == "__main__":
    main()
