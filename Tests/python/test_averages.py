"""Averages of the weights, and gradients at the neighbours of the weights (sharpness-aware minimization)."""

from __future__ import annotations

import copy
import pickle

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


def network(optimizer, dtype="float64", layers=None):
    net = dp.Sequential(
        layers or [dp.Dense(5, activation="tanh", name="first"), dp.Dense(2, name="second")],
        3,
        dtype=dtype,
        seed=3,
    )
    net.compile("mean_squared_error", optimizer)
    return net


@pytest.fixture
def data(rng):
    return rng.normal(size=(24, 3)), rng.normal(size=(24, 2))


def weights(net):
    return {name: np.array(value) for name, value in net.parameters.items()}


def gradients(w, x, t):
    """The gradients of the mean squared error, in NumPy."""
    h = np.tanh(x @ w["first.W"] + w["first.b"])
    dy = 2 * (h @ w["second.W"] + w["second.b"] - t) / t.size
    du = dy @ w["second.W"].T * (1 - h * h)
    return {"first.W": x.T @ du, "first.b": du.sum(0), "second.W": h.T @ dy, "second.b": dy.sum(0)}


@pytest.mark.parametrize(("decay", "after"), [(0.9, 0), (0.9, 3), (1.0, 0), (1.0, 4)])
def test_the_average_is_published(decay, after, data):
    """Training goes on from the weights themselves, which plain descent shows."""
    net = network(dp.SGD(0.1, average_decay=decay, average_after=after))
    w, average, count = weights(net), None, 0
    for step in range(1, 9):
        net.train_batch(*data)
        w = {name: value - 0.1 * gradients(w, *data)[name] for name, value in w.items()}
        if step > after:
            count += 1
            share = 1.0 if count == 1 else 1 / count if decay == 1 else 1 - decay
            average = {n: share * v + (1 - share) * (average or w)[n] for n, v in w.items()}
        for name, value in (average or w).items():
            assert_allclose(net.parameters[name], value, rtol=1e-11, atol=1e-13, err_msg=f"{step} {name}")


def test_evaluation_and_early_stopping_use_the_average(data):
    x, t = data
    net = network(dp.SGD(0.5, average_decay=0.95))
    net.fit(x, t, epochs=12, batch_size=6, validation_data=(x, t))
    y = np.tanh(x @ net.parameters["first.W"] + net.parameters["first.b"])
    y = y @ net.parameters["second.W"] + net.parameters["second.b"]
    assert_allclose(net.history["val_loss"][-1], ((y - t) ** 2).mean(), rtol=1e-10)
    assert_allclose(net.evaluate(x, t), net.history["val_loss"][-1], rtol=1e-10)
    net = network(dp.SGD(0.5, average_decay=0.95))
    stop = dp.EarlyStopping(monitor="val_loss", patience=30, restore_best=True)
    net.fit(x, t, epochs=12, batch_size=6, validation_data=(x, t), callbacks=[stop])
    assert_allclose(net.evaluate(x, t), min(net.history["val_loss"]), rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("decay", [0.9, 1.0])
def test_copies_go_on_from_the_weights(decay, dtype, data):
    layers = [dp.Dense(5, activation="tanh"), dp.BatchNorm(), dp.Dropout(0.2), dp.Dense(2)]
    net = network(dp.Adam(0.02, average_decay=decay, average_after=2), dtype, layers)
    net.fit(*data, epochs=2, batch_size=8)
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    net.fit(*data, epochs=2, batch_size=8)
    for one in copies:
        one.fit(*data, epochs=2, batch_size=8)
        for name, value in net.parameters.items():
            assert_array_equal(one.parameters[name], value)


def test_new_weights_begin_a_new_average(data):
    net = network(dp.SGD(0.1, average_decay=0.9))
    for _ in range(5):
        net.train_batch(*data)
    net.parameters["first.W"] = np.zeros((3, 5))
    w = weights(net)
    net.train_batch(*data)
    expected = {name: value - 0.1 * gradients(w, *data)[name] for name, value in w.items()}
    for name, value in expected.items():
        assert_allclose(net.parameters[name], value, rtol=1e-11, atol=1e-13)


def test_states_and_frozen_parameters_are_not_averaged(data):
    layers = [dp.Dense(5, name="first"), dp.BatchNorm(name="norm"), dp.Dense(2)]
    options = {"groups": {"first.b": {"frozen": True}}}
    nets = [network(dp.SGD(0.1, **options), layers=layers) for _ in range(1)]
    nets.append(network(dp.SGD(0.1, average_decay=0.5, **options), layers=layers))
    for net in nets:
        for _ in range(4):
            net.train_batch(*data)
    for name in nets[0].parameters:
        if name in ("first.b", "norm.running_mean", "norm.running_var"):
            assert_array_equal(nets[0].parameters[name], nets[1].parameters[name])
        else:
            assert (nets[0].parameters[name] != nets[1].parameters[name]).any(), name


def test_what_is_kept_is_shown(data):
    net = network(dp.SGD(0.1, average_decay=0.9))
    net.train_batch(*data)
    assert_array_equal(net.optimizer_state("first.W", "average"), net.parameters["first.W"])


# -- sharpness-aware minimization ----------------------------------------------------------------------------


def test_sam(data):
    """The gradient is that at w + radius·g / ‖g‖; the loss that is returned is that at w."""
    x, t = data
    net = network(dp.SGD(0.1, sam_radius=0.3))
    for _ in range(5):
        w = weights(net)
        g = gradients(w, x, t)
        norm = np.sqrt(sum((value**2).sum() for value in g.values()))
        there = gradients({name: value + 0.3 * g[name] / norm for name, value in w.items()}, x, t)
        y = np.tanh(x @ w["first.W"] + w["first.b"]) @ w["second.W"] + w["second.b"]
        assert_allclose(net.train_batch(x, t), ((y - t) ** 2).mean(), rtol=1e-12)
        for name, value in w.items():
            assert_allclose(net.parameters[name], value - 0.1 * there[name], rtol=1e-11, atol=1e-13)


def test_sam_runs_layers_with_states_and_random_numbers_once(data):
    """Both passes draw the same numbers, and a running mean takes in the first pass alone."""
    layers = [dp.BatchNorm(name="norm"), dp.Dense(5, activation="tanh"), dp.Dropout(0.4), dp.Dense(2)]
    plain, sam = (network(dp.SGD(0.0, sam_radius=radius), layers=layers) for radius in (0.0, 0.1))
    for net in (plain, sam):
        for _ in range(3):
            net.train_batch(*data)
    for name, value in plain.parameters.items():
        assert_array_equal(sam.parameters[name], value)
    assert np.abs(sam.parameters["norm.running_mean"]).max() > 0


def test_sam_that_leaves_the_finite_numbers(rng):
    x, t = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    net = dp.Sequential([dp.Dense(1), dp.Exp()], 2, dtype="float64", seed=1)
    net.compile("mean_squared_error", dp.SGD(0.01, sam_radius=1e5))
    before = weights(net)
    with pytest.raises(dp.NotFinite, match="sam_radius"):
        net.train_batch(x, t)
    assert net.step_count == 0
    for name, value in before.items():
        assert_array_equal(net.parameters[name], value)


def test_bad_values(data):
    for given, words in (
        ({"sam_radius": -1}, "sam_radius"),
        ({"sam_radius": float("nan")}, "sam_radius"),
        ({"sam_radius": 0.1, "accumulation": 2}, "accumulation of 1"),
        ({"average_decay": 1.5}, "average_decay is 0 to 1"),
        ({"average_decay": -0.1}, "average_decay is 0 to 1"),
        ({"average_decay": float("nan")}, "average_decay is 0 to 1"),
        ({"average_after": 3}, "average_after"),
        ({"average_after": -1, "average_decay": 0.5}, "average_after"),
    ):
        with pytest.raises(dp.InvalidArgument, match=words):
            network(dp.SGD(0.1, **given)).train_batch(*data)


def test_an_own_loop_beside_train_batch_loses_nothing(rng):
    """The open loop's trainer is replaced by one with a loss, after another trainer has learned."""
    x, t = rng.normal(size=(2, 3)), rng.normal(size=(2, 2))
    net = dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(2)], (3,), dtype="float64", seed=0)
    net.compile("mse", dp.SGD(0.05))
    y = net.forward(x, training=True)
    net.backward(np.ones_like(y))
    net.step(dp.SGD(0.05, average_decay=0.5))
    net.train_batch(x, t)
    wanted, learned = net.loss(x, t), {name: value.copy() for name, value in net.parameters.items()}
    assert net.accumulate(x, t, "mse") == pytest.approx(wanted, rel=1e-14)
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(value, learned[name])
