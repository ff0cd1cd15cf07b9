"""The two-layer network of the study notes by hand and by Denpa, and layers by themselves.

notes/ has the other notes.

Run: python examples/python/backprop_book.py
"""

from __future__ import annotations

import denpa as dp
import numpy as np


def close(found: object, expected: object, tolerance: float = 1e-12) -> None:
    assert np.allclose(found, expected, rtol=0, atol=tolerance), f"expected {expected}, got {found}"


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


def main() -> None:
    backpropagation()
    layers_by_themselves()


if __name__ == "__main__":
    main()
