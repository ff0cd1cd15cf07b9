"""Reproduce the networks and numbers of the study notes.

Run: python examples/python/backprop_book.py
"""

from __future__ import annotations

import denpa as dp
import numpy as np


def close(found: object, expected: object, tolerance: float = 1e-12) -> None:
    assert np.allclose(found, expected, rtol=0, atol=tolerance), f"expected {expected}, got {found}"


def several_units() -> None:
    print("One layer, several units: z = sigmoid(x W + b)")
    layer = dp.Dense(3, activation="sigmoid")
    layer.build(4)
    layer.parameters.update(
        W=[[0.1, 0.2, 0.3], [0.2, 0.3, 0.4], [0.3, 0.4, 0.5], [0.4, 0.5, 0.6]], b=[0.1, 0.2, 0.3]
    )
    z = layer.forward([1, 5, 2, -1])
    print(f"    z = {z}\n")
    close(z, [0.80218389, 0.90024951, 0.95257413], 5e-9)


def three_layers() -> None:
    print("Three layers with ReLU, layer by layer")
    weights = {
        "W1": [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]],
        "b1": [0.1, 0.2, 0.3],
        "W2": [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]],
        "b2": [0.1, 0.2],
        "W3": [[0.1, 0.3], [0.2, 0.4]],
        "b3": [1, 2],
    }
    sizes = [3, 2, 2]
    expected = {"z1": [0.6, 1.3, 2.0], "z2": [1.02, 2.29], "y": [1.56, 3.222]}
    x = np.array([1.0, 2.0])
    z = x
    for k, (size, (label, value)) in enumerate(zip(sizes, expected.items()), start=1):
        layer = dp.Dense(size, activation="relu" if k < 3 else "identity")
        layer.build(len(z))
        layer.parameters.update(W=weights[f"W{k}"], b=weights[f"b{k}"])
        z = layer.forward(z)
        print(f"    {label:<2} = {np.round(z, 9)}")
        close(z, value)
    layers = [dp.Dense(3, activation="relu"), dp.Dense(2, activation="relu"), dp.Dense(2)]
    net = dp.Sequential(layers, input_shape=(2,), dtype="float64", names="book")
    net.parameters.update(weights)
    print(f"    the whole network says {net.predict(x)}\n")
    close(net.predict(x), expected["y"])


def backpropagation() -> None:
    print("2-3-3 by hand and by Denpa: sigmoid, softmax, cross-entropy")
    start = dp.Normal(scale=0.01)
    layers = [
        dp.Dense(3, activation="sigmoid", initializer=start),
        dp.Dense(3, initializer=start),
        dp.Softmax(),
    ]
    net = dp.Sequential(layers, input_shape=(2,), dtype="float64", seed=1, names="book")
    x = np.array([[0.5, -0.2], [0.1, 0.9], [-0.7, 0.3]])
    t = np.eye(3)

    p = net.parameters
    z1 = 1 / (1 + np.exp(-(x @ p["W1"] + p["b1"])))
    e = np.exp(z1 @ p["W2"] + p["b2"])
    y = e / e.sum(axis=1, keepdims=True)
    dy = (y - t) / len(x)
    da1 = dy @ p["W2"].T * z1 * (1 - z1)
    by_hand = {"W1": x.T @ da1, "b1": da1.sum(axis=0), "W2": z1.T @ dy, "b2": dy.sum(axis=0)}

    net.compile(loss="cross_entropy")
    loss, grads = net.loss_and_gradients(x, t)
    print(f"    loss {loss:.7f}, near ln 3 = {np.log(3):.7f}")
    print("    (a note printed 2.1972294 = ln 9: its softmax ran over the whole batch at once)")
    close(loss, np.log(3), 0.01)
    for name, value in by_hand.items():
        print(
            f"    dE/d{name}: largest {np.abs(value).max():.6f}, "
            f"Denpa differs by {np.abs(grads[name] - value).max():.1e}"
        )
        close(grads[name], value)
    assert np.abs(grads["b2"]).max() < 0.02, "one target of each class: db2 is near 0"

    print("    numerical differentiation agrees:")
    report = net.check_gradients(x, t)
    print("    " + str(report).replace("\n", "\n    "), end="\n\n")
    assert report.passed

    for _ in range(300):
        loss, grads = net.loss_and_gradients(x, t)
        for name in grads:
            net.parameters[name] -= 5.0 * grads[name]
    print(f"    after 300 steps of gradient descent by hand: loss {net.loss(x, t):.4f}\n")
    assert net.loss(x, t) < 0.5


def layers_by_themselves() -> None:
    print("Layers by themselves")
    relu, sigmoid = dp.ReLU(), dp.Sigmoid()
    answers = [relu.forward(-5), relu.forward(10), relu.backward(1)]
    print(f"    relu: forward(-5) = {answers[0]}, forward(10) = {answers[1]}, backward(1) = {answers[2]}")
    assert answers == [0, 10, 1], "the mask of -5 must not be kept"
    print(f"    sigmoid: forward(10) = {sigmoid.forward(10)}, backward(1) = {sigmoid.backward(1)}\n")
    assert sigmoid.forward(10) == 0.9999546021312976
    close(sigmoid.backward(1), 4.5395807735907655e-05, 1e-19)


def online_learning() -> None:
    print("Regression by online learning: 3 x0 + 2 x1, 1,000 samples one by one")
    start = dp.Normal(scale=1.0)
    for activation, bound in (("relu", 0.01), ("sigmoid", 0.02)):
        hidden = dp.Dense(10, activation=activation, initializer=start, bias_initializer=start)
        layers = [hidden, dp.Dense(1, initializer=start, bias_initializer=start)]
        net = dp.Sequential(layers, input_shape=(2,), dtype="float64", seed=4)
        net.compile(loss=dp.MeanSquaredError(half=True), optimizer=dp.SGD(learning_rate=0.07))
        x = np.random.default_rng(4).random((1000, 2))
        t = 3 * x[:, :1] + 2 * x[:, 1:]
        losses = [net.train_batch(x[i], t[i]) for i in range(1000)]
        print(
            f"    {activation:<8} mean of the first 100 losses {np.mean(losses[:100]):.4f}, "
            f"of the last {np.mean(losses[-100:]):.4f}"
        )
        assert np.mean(losses[-100:]) < bound


def main() -> None:
    several_units()
    three_layers()
    backpropagation()
    layers_by_themselves()
    online_learning()


if __name__ == "__main__":
    main()
