"""The search for a learning rate."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest


@pytest.fixture
def data(rng):
    x = rng.normal(size=(200, 3))
    return x, x @ [[1.0], [2.0], [-1.0]]


def line(optimizer):
    net = dp.Sequential([dp.Dense(1)], (3,), dtype="float64", seed=1)
    net.compile("mse", optimizer)
    return net


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_it_finds_a_rate_that_trains(optimizer, data):
    net = line(optimizer)
    before = net.parameters["dense_1.W"].copy()
    found = dp.find_learning_rate(net, *data)
    assert np.array_equal(net.parameters["dense_1.W"], before) and net.step_count == 0
    assert found.rates[0] == 1e-6 and len(found.rates) == len(found.losses) == len(found.smoothed)
    assert 1e-6 < found.best < found.rates[-1]
    net.learning_rate = found.best
    assert net.fit(*data, epochs=30)["loss"][-1] < 0.1 * net.history["loss"][0]


def test_it_ends_where_the_loss_explodes(data):
    found = dp.find_learning_rate(line("sgd"), *data, high=1e6, steps=200)
    assert len(found.rates) < 200 and found.smoothed[-1] > found.smoothed.min()
    assert found.best < 1 and repr(found).startswith("<search over ")
    assert repr(dp.find_learning_rate(line("sgd"), *data, high=1e6, steps=200)) == repr(found)


def test_picture(data, tmp_path):
    dp.find_learning_rate(line("sgd"), *data).plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").stat().st_size > 5000


def test_what_is_refused(data):
    with pytest.raises(dp.InvalidArgument, match="low"):
        dp.find_learning_rate(line("sgd"), *data, low=1, high=0.1)
    with pytest.raises(dp.InvalidArgument, match="steps"):
        dp.find_learning_rate(line("sgd"), *data, steps=2)
    with pytest.raises(dp.TypeMismatch, match="network"):
        dp.find_learning_rate(dp.Dense(1), *data)
    with pytest.raises(dp.NotFinite, match="lower"):
        dp.find_learning_rate(line("sgd"), data[0] * np.nan, data[1])
    with pytest.raises(dp.BadState):
        dp.find_learning_rate(dp.Sequential([dp.Dense(1)], (3,)), *data)
