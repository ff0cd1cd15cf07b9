#!/usr/bin/env python3
"""Draws the pictures and pages of docs/insight.md: everything that Denpa shows of a network and its training.

Run: PYTHONPATH=bindings/python .venv/bin/python scripts/draw_insight.py [FOLDER]    (default: build/insight)
"""

from __future__ import annotations

import sys
from pathlib import Path

import denpa as dp
import numpy as np


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return images (rows, 64) from 0 to 1 and their digits: for training, for validation."""
    from sklearn.datasets import load_digits

    x, t = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, t = (x[order] / 16).astype("float32"), t[order]
    return x[:1400], t[:1400], x[1400:], t[1400:]


def classifier(optimizer: dp.Optimizer) -> dp.Sequential:
    net = dp.Sequential([dp.Dense(25, activation="tanh"), dp.Dense(10)], input_shape=(64,), seed=1)
    net.compile("softmax_cross_entropy", optimizer)
    return net


def training(folder: Path) -> None:
    """Histories, the search for a learning rate, and what a classifier of digits has learned."""
    x, t, xv, tv = digits()
    runs = {}
    for name, optimizer in {"SGD": dp.SGD(0.1), "Adam": dp.Adam(0.003)}.items():
        net = classifier(optimizer)
        runs[name] = net.fit(x, t, epochs=20, validation_data=(xv, tv))
    dp.plots.runs(runs, path=folder / "runs.png")
    runs["Adam"].plot(folder / "history.png", title="Digits, 64-25-10, Adam")
    dp.find_learning_rate(classifier(dp.SGD()), x, t, low=1e-4, high=100).plot(folder / "rates.png")
    dp.plots.weights(net, path=folder / "weights.png")
    dp.plots.confusion(net, xv, tv, folder / "confusion.png")
    dp.plots.misread(net, xv, tv, folder / "misread.png")


def gradients(folder: Path) -> None:
    """Gradients that vanish through sigmoids and do not through ReLUs."""
    x, t, _, _ = digits()
    for activation in ("sigmoid", "relu"):
        deep = [dp.Dense(32, activation=activation) for _ in range(6)]
        net = dp.Sequential([*deep, dp.Dense(10)], input_shape=(64,), seed=2)
        flow = dp.GradientFlow()
        net.fit(x, t, epochs=3, loss="softmax_cross_entropy", optimizer=dp.SGD(0.1), callbacks=[flow])
        flow.plot(folder / f"gradients_{activation}.png", title=f"Six hidden layers with {activation}")


def functions(folder: Path) -> None:
    dp.plots.activations(path=folder / "activations.png")


def films(folder: Path) -> None:
    """A classifier that learns four quarters, a curve, and the path of a line's two weights."""
    x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    t = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(2)], input_shape=(2,), seed=0)
    film = dp.Film(net, x, t)
    net.fit(x, t, loss="softmax_cross_entropy", optimizer=dp.Adam(0.01), epochs=100, callbacks=[film])
    film.save(folder / "film.html")

    x = np.linspace(-3, 3, 80)[:, None]
    t = np.sin(2 * x)
    net = dp.Sequential([dp.Dense(16, activation="tanh"), dp.Dense(1)], input_shape=(1,), seed=0)
    film = dp.Film(net, x, t, every=5)
    net.fit(x, t, loss="mse", optimizer=dp.Adam(0.02), epochs=600, batch_size=20, callbacks=[film])
    film.save(folder / "film_curve.html", title="A sine, learned by 16 neurons")

    x = np.linspace(-1, 1, 5)[:, None]
    line = dp.Sequential([dp.Dense(1)], input_shape=(1,), dtype="float64", names="book")
    line.parameters.update(W1=[[3]], b1=[2])
    path = dp.Path(line, ["W1", "b1"])
    line.fit(x, 2 * x + 1, batch_size=5, epochs=200, loss="mse", optimizer=dp.SGD(0.1), callbacks=[path])
    path.plot(folder / "path.png", title="From (3, 2) to (2, 1)")


def pages(folder: Path) -> None:
    """The pages on one batch: the study notes' network, a network with branches, one on images."""
    net = dp.Sequential(
        [dp.Dense(3, activation="relu"), dp.Dense(2, activation="relu"), dp.Dense(2)],
        input_shape=(2,),
        dtype="float64",
        names="book",
    )
    net.parameters.update(W1=[[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]], b1=[0.1, 0.2, 0.3], b2=[0.1, 0.2], b3=[1, 2])
    net.parameters.update(W2=[[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]], W3=[[0.1, 0.3], [0.2, 0.4]])
    half = dp.MeanSquaredError(half=True, reduction="batch_mean")
    notes = net.explain([[1.0, 2.0], [0.5, -1.0]], [[1.0, 3.0], [0.0, 1.0]], half)
    notes.save(folder / "explain.html", title="The study notes' three layers")

    a, b = dp.Input((2,), name="a"), dp.Input((3,), name="b")
    shared = dp.Dense(4, activation="tanh", name="shared")
    first, second = dp.Split(parts=2, name="parts")(shared(a))
    h = dp.concat([first, second, b])
    g = dp.Dense(4, name="mix")(h) + shared(a) * 0.5
    kinds = dp.Softmax(name="kinds")(dp.Dense(2, name="scores")(h))
    branched = dp.Model([a, b], {"price": dp.Dense(1, name="price")(g), "kind": kinds}, dtype="float64", seed=1)
    loss = dp.Sum(dp.MeanSquaredError("price"), 0.1 * dp.CrossEntropy("kind"))
    draw = np.random.default_rng(1)
    x = {"a": draw.normal(size=(3, 2)), "b": draw.normal(size=(3, 3))}
    t = {"price": draw.normal(size=(3, 1)), "kind": [0, 1, 1]}
    branched.explain(x, t, loss).save(folder / "explain_branches.html", title="Two inputs, two losses")

    x, t, _, _ = digits()
    net = dp.Sequential(
        [dp.Reshape(shape=(8, 8, 1)), dp.Conv2D(8, kernel=3, activation="relu"), dp.Flatten(), dp.Dense(10)],
        input_shape=(64,),
        seed=1,
    )
    net.fit(x, t, epochs=5, loss="softmax_cross_entropy", optimizer="adam")
    net.explain(x[:4], t[:4]).save(folder / "explain_digits.html", title="Four digits")


def photograph(folder: Path) -> None:
    """Take pictures of the pages in light and dark, 360 and 1440 wide, if there is a Chromium."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "Tests" / "python"))
    import browser

    if browser.PROGRAM is None:
        print("left out: pictures of the pages, which need Chromium")
        return
    for page in sorted(folder.glob("*.html")):
        browser.screenshots(page, folder)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/insight")
    folder.mkdir(parents=True, exist_ok=True)
    for draw in (functions, training, gradients, films, pages, photograph):
        draw(folder)
    for path in sorted(folder.iterdir()):
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
