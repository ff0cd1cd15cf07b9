"""Errors: output layers with their losses, three forms of half the squared error, sample, batch and epoch.

Run: python examples/python/notes/errors.py
"""

from __future__ import annotations

import denpa as dp
import numpy as np
from showing import check, show, title

U = np.array(
    [[0.3, 2.9, 4.0], [1.0, 0.5, -0.5]]
)  # total inputs of the output layer: two samples, three units


def output_layers() -> None:
    title("Regression: identity and half the mean squared error")
    y, t = dp.identity(U), np.array([[0.0, 3.0, 3.5], [1.0, 1.0, 0.0]])
    loss = dp.MeanSquaredError(half=True)
    show("y", y, U)
    show("E", loss.forward(y, t), 0.5 * ((y - t) ** 2).mean())
    show("dE/dy", loss.backward(), (y - t) / y.size)

    title("Two classes: sigmoid and binary cross-entropy")
    u, t = U[:, 1:2], np.array([[1.0], [0.0]])
    y = dp.sigmoid(u)
    by_hand = -(t * np.log(y) + (1 - t) * np.log(1 - y)).mean()
    show("y", y, 1 / (1 + np.exp(-u)))
    show("E", dp.BinaryCrossEntropy().forward(y, t), by_hand)
    show("E of u", dp.SigmoidCrossEntropy().forward(u, t), by_hand, note="sigmoid and loss in one")
    together = dp.SigmoidCrossEntropy()
    together.forward(u, t)
    show("dE/du", together.backward(), (y - t) / len(u), note="(y - t) / samples")

    title("Many classes: softmax and cross-entropy, targets one-hot or class numbers")
    y, numbers = dp.softmax(U), [2, 0]
    one_hot = np.eye(3)[numbers]
    # The notes guard the logarithm with 1e-7 against y = 0; without it Denpa's loss is exact.
    guarded = dp.CrossEntropy(epsilon=1e-7)
    by_hand = -(one_hot * np.log(y + 1e-7)).sum() / len(U)
    show("y", y)
    show("E", guarded.forward(y, one_hot), by_hand, note="one-hot")
    show("E", guarded.forward(y, numbers), by_hand, note="class numbers 2 and 0")
    check("without the guard", dp.CrossEntropy().forward(y, numbers), -np.log(y[[0, 1], numbers]).mean())
    show("y = 0", guarded.forward([[0.0, 1.0]], [0]), -np.log(1e-7), note="-log(0 + 1e-7) is finite")
    together = dp.SoftmaxCrossEntropy()
    show(
        "E of u",
        together.forward(U, numbers),
        -np.log(y[[0, 1], numbers]).mean(),
        note="softmax and loss in one",
    )
    show("dE/du", together.backward(), (y - one_hot) / len(U), note="(y - t) / samples again")


def three_forms() -> None:
    title("Three forms of half the squared error: 2 samples of 3 outputs")
    y, t = U, np.array([[0.0, 3.0, 3.5], [1.0, 1.0, 0.0]])
    squares = 0.5 * (y - t) ** 2
    forms = {
        "batch_mean": (squares.sum(axis=1).mean(), len(y), "summed over outputs, averaged over samples"),
        "mean": (squares.mean(), y.size, "averaged over all elements"),
        "sum": (squares.sum(), 1, "summed over everything"),
    }
    for reduction, (expected, divisor, text) in forms.items():
        loss = dp.MeanSquaredError(half=True, reduction=reduction)
        show(reduction, loss.forward(y, t), expected, note=text)
        show("  dE/dy", loss.backward(), (y - t) / divisor)


def samples_batches_epochs() -> None:
    title("The error of a sample, of a batch, of an epoch")
    draw = np.random.default_rng(0)
    x = draw.random((10, 2))
    t = 3 * x[:, :1] + 2 * x[:, 1:]
    net = dp.Sequential([dp.Dense(4, activation="sigmoid"), dp.Dense(1)], (2,), dtype="float64", seed=1)
    net.compile(loss=dp.MeanSquaredError(half=True, reduction="batch_mean"))
    samples = np.array([net.loss(x[n], t[n]) for n in range(10)])
    show("samples", samples, 0.5 * ((net.predict(x) - t) ** 2)[:, 0])
    batches = np.array([net.loss(x[first : first + 4], t[first : first + 4]) for first in (0, 4, 8)])
    show(
        "batches",
        batches,
        [samples[:4].mean(), samples[4:8].mean(), samples[8:].mean()],
        note="of 4, 4, 2 samples",
    )
    # The error of an epoch is the mean over its samples: the last batch counts less, because it is smaller.
    show("epoch", net.evaluate(x, t), samples.mean(), note="the mean over the samples")
    check("of the batches", (batches * [4, 4, 2]).sum() / 10, samples.mean())
    # With steps that change nothing, what fit reports of an epoch is the same number.
    history = net.fit(x, t, batch_size=4, epochs=2, shuffle=False, optimizer=dp.SGD(learning_rate=0.0))
    show("fit", history["loss"], [samples.mean()] * 2, note="two epochs with a learning rate of 0")


def main() -> None:
    output_layers()
    three_forms()
    samples_batches_epochs()


if __name__ == "__main__":
    main()
