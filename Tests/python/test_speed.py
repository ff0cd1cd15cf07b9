"""Large arrays reach the engine without being copied. (Times are the benchmarks' business.)"""

from __future__ import annotations

import denpa as dp
import numpy as np


def test_large_batches_are_read_in_place(rng):
    net = dp.Sequential([dp.Dense(1)], input_shape=(2000,), seed=0)
    net.compile("mse", dp.SGD(learning_rate=0.0))
    x, t = rng.random((500, 2000), "f4"), np.zeros((500, 1), "f4")
    net.train_batch(x, t)
    step = net._parts.trainers.main.prepared
    assert step is not None and not step.copies_x
    first = net.train_batch(x, t)
    x[:] = 0
    assert net.train_batch(x, t) != first
