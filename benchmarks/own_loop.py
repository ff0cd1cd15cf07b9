"""Times custom training loops in Python beside train_batch, in one process and in turns.

usage: PYTHONPATH=bindings/python .venv/bin/python benchmarks/own_loop.py [--blocks 101] [--threads 1]

One step of the network 64-64-10 on 32 rows, in float32 with sgd. For each loop it prints the median and the
shortest of all blocks, in microseconds, and the median beside that of train_batch. Blocks of the loops follow one
another, so that a slow moment of the machine affects all of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Callable

import denpa as dp
import numpy as np

SECONDS = 0.01  # of a block


def network() -> dp.Sequential:
    net = dp.Sequential([dp.Dense(64, activation="relu"), dp.Dense(10)], (64,), dtype="float32", seed=0)
    net.compile("mse", dp.SGD(1e-3))
    return net


def loops() -> dict[str, Callable[[], object]]:
    """Return a step of each loop, on a network of its own."""
    draw = np.random.default_rng(0)
    x, t = draw.normal(size=(32, 64)).astype("float32"), draw.normal(size=(32, 10)).astype("float32")
    loss, sgd = dp.MeanSquaredError(), dp.SGD(1e-3)
    trained, own, short, bare, parts = (network() for _ in range(5))

    def own_loop() -> None:
        y = own.forward(x, training=True)
        _, gradient = loss.value_and_gradient(y, t)
        own.backward(gradient)
        own.step(sgd)
        own.zero_grads()

    def short_loop() -> None:
        short.accumulate(x, t, loss)
        short.step(sgd)
        short.zero_grads()

    short_loop()
    own_loop()
    y = parts.forward(x, training=True)
    gradient = loss.gradient(y, t)

    def forward_and_backward() -> None:
        parts.forward(x, training=True)
        parts.backward(gradient)

    return {
        "train_batch": lambda: trained.train_batch(x, t),
        "forward, value_and_gradient, backward, step, zero_grads": own_loop,
        "accumulate, step, zero_grads": short_loop,
        "loss_and_gradients": lambda: bare.loss_and_gradients(x, t, loss),
        "forward and backward": forward_and_backward,
        "value_and_gradient": lambda: loss.value_and_gradient(y, t),
        "step": lambda: own.step(sgd),
        "zero_grads": own.zero_grads,
    }


def microseconds(step: Callable[[], object], count: int) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - begin) / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=101)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    dp.set_threads(given.threads)
    steps = loops()
    counts = {name: max(int(SECONDS * 1e6 / microseconds(step, 200)), 1) for name, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(given.blocks):
        for name, step in steps.items():
            times[name].append(microseconds(step, counts[name]))
    base = statistics.median(times["train_batch"])
    print(f"{'':56s} {'median':>8s} {'best':>8s} {'ratio':>6s}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:56s} {median:8.2f} {min(values):8.2f} {median / base:6.2f}")


if __name__ == "__main__":
    main()
