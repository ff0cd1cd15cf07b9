"""What Python adds to a step: measured against the same engine's own cost, with room for a busy machine."""

from __future__ import annotations

import time

import denpa as dp
import numpy as np


def test_train_batch_adds_a_few_microseconds(rng):
    """A step of 2-10-1 takes the engine a fraction of a microsecond; what is measured is Python's part."""
    net = dp.Sequential([dp.Dense(10, activation="sigmoid"), dp.Dense(1)], input_shape=(2,), seed=0)
    net.compile("mse", dp.SGD(learning_rate=0.01))
    x, t = rng.random((100, 2), "f4"), rng.random((100, 1), "f4")
    pairs = list(zip(x, t))
    best = float("inf")
    for _ in range(60):
        begun = time.perf_counter()
        for sample, target in pairs:
            net.train_batch(sample, target)
        best = min(best, (time.perf_counter() - begun) / len(pairs))
    assert best < 8e-6, f"{best * 1e6:.1f} µs a step"


def test_large_batches_are_read_in_place(rng):
    net = dp.Sequential([dp.Dense(1)], input_shape=(2000,), seed=0)
    net.compile("mse", dp.SGD(learning_rate=0.0))
    x, t = rng.random((500, 2000), "f4"), np.zeros((500, 1), "f4")
    net.train_batch(x, t)
    assert net._fast is not None and not net._fast.copies_x
    first = net.train_batch(x, t)
    x[:] = 0
    assert net.train_batch(x, t) != first
