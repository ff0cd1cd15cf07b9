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


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/insight")
    folder.mkdir(parents=True, exist_ok=True)
    for draw in (functions, training, gradients, films):
        draw(folder)
    for path in sorted(folder.iterdir()):
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
