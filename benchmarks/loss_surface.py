"""Times a loss surface of 1,681 points beside a loop over the points in NumPy, in one process and in turns.

usage: PYTHONPATH=bindings/python .venv/bin/python benchmarks/loss_surface.py [--blocks 31]

For each network it prints the median time of the whole surface over two weights (41 x 41 points) in milliseconds:
of denpa.loss_surface, of a loop that sets both weights and calls net.loss, and of a loop over a forward pass and a
loss in NumPy; the losses of all three are compared first.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Callable

import denpa as dp
import numpy as np

VALUES = np.linspace(-10, 10, 41)


def cases() -> dict[str, tuple[dp.Sequential, np.ndarray, np.ndarray]]:
    """Return networks of dense layers with tanh between them, with data."""
    draw = np.random.default_rng(0)
    x = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])[:, None]
    made = {"y = wx + b, 5 rows": ([dp.Dense(1)], x, 2 * x + 1)}
    for units, rows in ((10, 32), (64, 100)):
        layers = [dp.Dense(units, activation="tanh"), dp.Dense(1)]
        made[f"8-{units}-1, {rows} rows"] = (layers, draw.normal(size=(rows, 8)), draw.normal(size=(rows, 1)))
    found = {}
    for name, (layers, given, t) in made.items():
        net = dp.Sequential(layers, given.shape[1:], dtype="float64", names="book", seed=0)
        net.compile("mean_squared_error", "sgd")
        found[name] = net, given, t
    return found


def ways(net: dp.Sequential, x: np.ndarray, t: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    def engine() -> np.ndarray:
        places = ("W1", (0, 0)), ("b1", 0)
        return dp.loss_surface(net, x, t, *places, range=(-10, 10), steps=41).losses

    def by_setting() -> np.ndarray:
        w, b = net.parameters["W1"], net.parameters["b1"]
        given, losses = (w[0, 0], b[0]), np.empty((41, 41))
        for i, one in enumerate(VALUES):
            for j, other in enumerate(VALUES):
                w[0, 0], b[0] = one, other
                losses[i, j] = net.loss(x, t)
        w[0, 0], b[0] = given
        return losses

    def in_numpy() -> np.ndarray:
        weights = [array.copy() for array in net.parameters.values()]
        losses = np.empty((41, 41))
        for i, one in enumerate(VALUES):
            for j, other in enumerate(VALUES):
                weights[0][0, 0], weights[1][0] = one, other
                y = x @ weights[0] + weights[1]
                for w, b in zip(weights[2::2], weights[3::2]):
                    y = np.tanh(y) @ w + b
                losses[i, j] = ((y - t) ** 2).mean()
        return losses

    return {"loss_surface": engine, "net.loss in a loop": by_setting, "NumPy in a loop": in_numpy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=31)
    blocks = parser.parse_args().blocks
    for name, case in cases().items():
        functions = ways(*case)
        first, *others = (function() for function in functions.values())
        for other in others:
            np.testing.assert_allclose(first, other, rtol=1e-10)
        times: dict[str, list[float]] = {way: [] for way in functions}
        for _ in range(blocks):
            for way, function in functions.items():
                begun = time.perf_counter()
                function()
                times[way].append((time.perf_counter() - begun) * 1e3)
        medians = {way: statistics.median(own) for way, own in times.items()}
        print(name)
        for way, median in medians.items():
            print(f"    {way:<20} {median:9.2f} ms  {median / medians['loss_surface']:6.1f}")


if __name__ == "__main__":
    main()
