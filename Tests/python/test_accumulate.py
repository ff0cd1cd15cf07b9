"""accumulate: forward, the loss and backward of an own loop in one call."""

from __future__ import annotations

import denpa as dp
import pytest
from numpy.testing import assert_allclose, assert_array_equal


def make(dtype="float32", units=3, **named):
    layers = [dp.Dense(8, activation="tanh", name="a"), dp.Dropout(rate=0.25), dp.Dense(units, name="b")]
    return dp.Sequential(layers, (4,), dtype=dtype, seed=5, **named)


def batches(rng, rows, kind="float32", count=4):
    for _ in range(count):
        yield (5 * rng.normal(size=(rows, 4))).astype(kind), rng.normal(size=(rows, 3)).astype("float32")


def test_accumulate_adds_what_loss_and_gradients_returns(rng):
    layers = [dp.Dense(8, activation="tanh"), dp.Dense(3)]
    net = dp.Sequential(layers, (4,), dtype="float64", seed=5)
    total = None
    for x, t in batches(rng, 6, "float64"):
        value, found = net.loss_and_gradients(x, t, "mse")
        assert net.accumulate(x, t, "mse") == value
        total = found if total is None else {name: total[name] + found[name] for name in found}
        for name, array in total.items():
            assert_allclose(net.grads[name], array, rtol=1e-12, atol=1e-15)
    net.zero_grads()
    assert not any(array.any() for array in net.grads.values())
    one = net.accumulate(x[0], t[0], "mse")
    assert one == pytest.approx(net.loss(x[:1], t[:1], "mse"), rel=1e-12)


@pytest.mark.parametrize("turns", ["abab", "aabb", "bbaa", "bbbb", "baab"])
def test_accumulate_takes_the_place_of_forward_and_backward(turns, rng):
    """Optimizer's state, random numbers and gradients go on from one way to the other."""
    net, other, adam = make("float64"), make("float64"), dp.Adam(0.01)
    loss = dp.MeanSquaredError()
    for turn, (x, t) in zip(turns, batches(rng, 6, "float64")):
        for network in (net, other):
            if network is other or turn == "a":
                network.backward(loss.gradient(network.forward(x, training=True), t))
            else:
                network.accumulate(x, t, loss)
        net.step(adam)
        other.step(adam)  # the gradients are not set to zero in between
        for name in net.parameters:
            assert_allclose(net.parameters[name], other.parameters[name], rtol=1e-9, atol=1e-12)


def test_accumulate_with_the_loss_that_was_compiled(rng):
    net = make("float64")
    x, t = next(batches(rng, 6, "float64"))
    with pytest.raises(dp.BadState, match="no loss yet"):
        net.accumulate(x, t)
    net = dp.Sequential([dp.Dense(3, name="d")], (4,), dtype="float64", seed=5)
    for loss in ("mse", "mae", dp.Huber()):
        net.compile(loss, "sgd")
        for _ in range(3):
            assert net.accumulate(x, t) == pytest.approx(net.loss(x, t), rel=1e-12)
    total = dp.Sum(dp.MeanSquaredError(), 2 * dp.MeanAbsoluteError())
    for _ in range(2):
        assert net.accumulate(x, (t, t), total) == pytest.approx(net.loss(x, (t, t), total), rel=1e-12)


def test_accumulate_discards_a_forward_that_waits(rng):
    net = make("float64")
    x, t = next(batches(rng, 6, "float64"))
    for _ in range(3):
        net.forward(x, training=True)
        net.backward(t)
        net.forward(x, training=True)
        net.accumulate(x, t, "mse")
        with pytest.raises(dp.BadState, match="backward needs forward"):
            net.backward(t)


def test_accumulate_updates_the_states_of_layers(rng):
    layers = [dp.Dense(3, name="d"), dp.BatchNorm(name="n")]
    net, other = (dp.Sequential(layers, (4,), dtype="float64", seed=5) for _ in range(2))
    for x, t in batches(rng, 6, "float64"):
        net.accumulate(x, t, "mse")
        other.forward(x, training=True)
        assert_allclose(net.parameters["n.running_mean"], other.parameters["n.running_mean"], rtol=1e-12)
        net.loss_and_gradients(x, t, "mse")  # which does not


def test_accumulate_is_refused_with_a_sentence(rng):
    net = make("float64")
    x, t = next(batches(rng, 6, "float64"))
    for _ in range(2):
        net.accumulate(x, t, "mse")
    before = {name: array.copy() for name, array in net.grads.items()}
    for given, error in (
        ((x[:, :2], t), dp.ShapeError),
        ((x, t[:3]), dp.ShapeError),
        ((x, "a"), dp.TypeMismatch),
    ):
        with pytest.raises(error):
            net.accumulate(*given, "mse")
    for name, array in before.items():
        assert_array_equal(net.grads[name], array)
