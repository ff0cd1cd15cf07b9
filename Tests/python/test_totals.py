"""fit, validation and evaluate say the same of the same data, by every reduction and batch size; and NaN is told."""

from __future__ import annotations

import itertools
import math

import denpa as dp
import numpy as np
import pytest
from denpa_support import ROOT, compile_plugin

REDUCTIONS = ["mean", "batch_mean", "sum"]


def still(*losses):
    """A network that does not learn, so that all ask one function."""
    net = dp.Sequential([dp.Dense(2)], (3,), dtype="float64", seed=5)
    net.compile(dp.Sum(*losses), dp.SGD(learning_rate=0.0))
    return net


@pytest.mark.parametrize("first, second", list(itertools.product(REDUCTIONS, REDUCTIONS)))
def test_one_total(first, second, rng):
    x, t = rng.normal(size=(23, 3)), rng.normal(size=(23, 2))
    net = still(dp.MeanSquaredError(reduction=first), 0.25 * dp.MeanSquaredError(reduction=second))
    squares = (net.predict(x) - t) ** 2
    parts = {"mean": squares.mean(), "batch_mean": squares.sum(1).mean(), "sum": squares.sum()}
    expected = parts[first] + 0.25 * parts[second]
    assert net.evaluate(x, [t, t]) == pytest.approx(expected, rel=1e-12)
    for size in (1, 12, 23, 100):
        history = net.fit(x, [t, t], batch_size=size, epochs=2, validation_data=(x, [t, t]))
        assert history["loss"] == pytest.approx([expected] * 2, rel=1e-12)
        assert history["val_loss"] == pytest.approx([expected] * 2, rel=1e-12)


def test_a_sum_over_more_rows_than_are_taken_at_once(rng):
    x, t = rng.normal(size=(5000, 3)), rng.normal(size=(5000, 2))
    net = still(dp.MeanSquaredError(reduction="sum"))
    assert net.evaluate(x, t) == pytest.approx(((net.predict(x) - t) ** 2).sum(), rel=1e-12)


def test_a_validation_loss_that_is_nan_is_in_the_history(rng):
    x, t = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    net = still(dp.MeanSquaredError())
    seen = []
    wrong = x.copy()
    wrong[3, 1] = np.nan
    history = net.fit(
        x,
        t,
        epochs=2,
        validation_data=(wrong, t),
        callbacks=lambda net, epoch, logs: seen.append(logs["val_loss"]),
    )
    assert len(history["val_loss"]) == len(history["loss"]) == 2
    assert all(map(math.isnan, history["val_loss"])) and all(map(math.isnan, seen))
    assert "val_loss" not in net.fit(x, t)
    assert "val_accuracy" not in history and "accuracy" not in history


def test_validation_data_without_rows_is_named(rng):
    x, t = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    net = still(dp.MeanSquaredError())
    with pytest.raises(dp.InvalidArgument, match="validation data"):
        net.fit(x, t, validation_data=(x[:0], t[:0]))


def test_a_loss_that_is_of_all_rows_at_once(rng, tmp_path):
    """A plugin's loss may look at all rows together: evaluate shows it all of them."""
    source = ROOT / "Tests" / "plugins" / "batch_softmax_loss.c"
    (kind,) = dp.load_plugin(compile_plugin(source, tmp_path, "-DRIGHT=0"), proof="request")
    net = dp.Sequential([dp.Dense(3)], (4,), dtype="float64")
    x, t = rng.normal(size=(700, 4)), np.eye(3)[rng.integers(0, 3, 700)]
    for _ in range(2):
        u = net.predict(x)
        expected = -np.sum(t * (u - np.log(np.exp(u).sum()))) / 700
        assert net.evaluate(x, t, loss=kind) == pytest.approx(expected, rel=1e-12)
        net.train_batch(x[:9], t[:9], loss=kind)
