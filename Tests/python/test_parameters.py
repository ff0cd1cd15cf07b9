"""Parameters as arrays: views write through, and everybody sees one set of weights."""

from __future__ import annotations

import gc

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


@pytest.fixture
def net():
    layers = [dp.Dense(4, activation="tanh"), dp.Dense(2)]
    return dp.Sequential(layers, input_shape=(3,), dtype="float64", seed=2)


@pytest.fixture
def data(rng):
    return rng.normal(size=(6, 3)), rng.normal(size=(6, 2))


def formula(p, x):
    return np.tanh(x @ p["dense_1.W"] + p["dense_1.b"]) @ p["dense_2.W"] + p["dense_2.b"]


def test_names_shapes_and_writing_through(net, data):
    assert {n: v.shape for n, v in net.parameters.items()} == {
        "dense_1.W": (3, 4),
        "dense_1.b": (4,),
        "dense_2.W": (4, 2),
        "dense_2.b": (2,),
    }
    net.parameters["dense_2.W"][:] *= 0.5
    net.parameters["dense_1.b"] += 1
    net.parameters["dense_2.b"] = [3, 4]
    assert_array_equal(net.parameters["dense_2.b"], [3.0, 4.0])
    assert_allclose(net.predict(data[0]), formula(net.parameters, data[0]), rtol=1e-12)


def test_whole_assignment_checks_shape_and_casts(net):
    with pytest.raises(dp.ShapeError, match=r"dense_1\.W"):
        net.parameters["dense_1.W"] = np.zeros((4, 3))
    net.parameters["dense_1.W"] = np.arange(12, dtype="int16").reshape(3, 4)
    assert_array_equal(net.parameters["dense_1.W"], np.arange(12.0).reshape(3, 4))
    net.parameters["dense_1.W"] = net.parameters["dense_1.W"][::-1]
    assert_array_equal(net.parameters["dense_1.W"], np.arange(12.0).reshape(3, 4)[::-1])
    with pytest.raises(dp.NotFound, match='did you mean "dense_1.W"'):
        net.parameters["dense_1.w"] = 0
    with pytest.raises(TypeError):
        del net.parameters["dense_1.W"]
    assert "dense_1.W" in net.parameters and "W1" not in net.parameters and len(net.parameters) == 4


def test_training_after_writing_starts_from_what_was_written(net, data):
    net.compile("mse", dp.SGD(learning_rate=0.1))
    net.train_batch(*data)
    net.parameters.update({name: np.zeros_like(value) for name, value in net.parameters.items()})
    assert net.train_batch(*data) == pytest.approx(np.mean(data[1] ** 2), rel=1e-12)
    net.parameters["dense_1.W"][:] = 0
    net.parameters["dense_1.b"][:] = 0  # the array is gone at once; what it wrote is not
    net.parameters["dense_2.W"][:] = 0
    net.parameters["dense_2.b"][:] = [1, 2]
    gc.collect()
    assert net.train_batch(*data) == pytest.approx(np.mean((data[1] - [1, 2]) ** 2), rel=1e-12)


def test_an_array_that_is_held_shows_every_step(net, data):
    net.compile("mse", dp.SGD(learning_rate=0.1))
    W = net.parameters["dense_2.W"]
    row = W[1]
    for _ in range(3):
        before, (_, grads) = W.copy(), net.loss_and_gradients(*data)
        net.train_batch(*data)
        assert_allclose(W, before - 0.1 * grads["dense_2.W"], rtol=1e-12)
    assert_array_equal(row, W[1])
    W[:] = 0
    net.parameters["dense_2.b"][:] = 0
    assert net.train_batch(*data) == pytest.approx(np.mean(data[1] ** 2), rel=1e-12)
    net.fit(*data, epochs=2)
    assert_allclose(net.predict(data[0]), formula(net.parameters, data[0]), rtol=1e-12)
    assert_array_equal(W, net.parameters["dense_2.W"])


def test_everybody_sees_every_step(net, data):
    net.compile("mse", dp.SGD(learning_rate=0.1))
    for _ in range(3):
        net.train_batch(*data)
        weights = {name: value.copy() for name, value in net.parameters.items()}
        expected = formula(weights, data[0])
        assert_allclose(net.predict(data[0]), expected, rtol=1e-12)
        assert_allclose(net.forward(data[0]), expected, rtol=1e-12)
        assert net.evaluate(*data) == pytest.approx(np.mean((expected - data[1]) ** 2), rel=1e-12)
        y = net.forward(data[0], training=True)
        net.backward(y - data[1])
        dp.SGD(learning_rate=0.01).step(net)
        net.zero_grads()


def test_an_array_outlives_its_network():
    W = dp.Sequential([dp.Dense(2)], (3,), seed=1).parameters["dense_1.W"]
    copy = W.copy()
    gc.collect()
    [dp.Sequential([dp.Dense(2)], (3,), seed=9) for _ in range(50)]
    assert_array_equal(W, copy)


def test_closing():
    with dp.Sequential([dp.Dense(2)], (3,)) as net:
        W = net.parameters["dense_1.W"]
    assert W.shape == (3, 2) and np.isfinite(W).all()
    for call in (lambda: net.predict([1, 2, 3]), lambda: net.parameters["dense_1.W"], lambda: net.to_bytes()):
        with pytest.raises(dp.BadState, match="closed"):
            call()


def test_book_names_are_understood_everywhere(data):
    net = dp.Sequential([dp.Dense(4), dp.ReLU(), dp.Dense(2)], (3,), names="book", dtype="float64")
    assert list(net.parameters) == ["W1", "b1", "W2", "b2"]
    assert_array_equal(net.parameters["W2"], net.parameters["dense_2.W"])
    assert set(net.gradients(*data, loss="mse", wrt=["W1", "dense_2.b"])) == {"W1", "dense_2.b"}
    net.set_trainable("W1", False)
    assert set(net.gradients(*data, loss="mse")) == {"b1", "W2", "b2"}


def test_frozen_layers_stay_as_they_are(net, data):
    net.layers["dense_1"].trainable = False
    assert not net.layers["dense_1"].trainable and net.layers["dense_2"].trainable
    before = {name: value.copy() for name, value in net.parameters.items()}
    net.fit(*data, epochs=3, loss="mse")
    assert_array_equal(net.parameters["dense_1.W"], before["dense_1.W"])
    assert np.abs(net.parameters["dense_2.W"] - before["dense_2.W"]).max() > 0
    assert set(net.loss_and_gradients(*data)[1]) == {"dense_2.W", "dense_2.b"}
    with pytest.raises(dp.NotFound, match="not trained"):
        net.gradients(*data, wrt=["dense_1.W"])
    with pytest.raises(dp.NotFound):
        net.set_trainable("nothing", False)


def test_drawing_anew(net):
    first = net.parameters["dense_1.W"].copy()
    net.initialize(99)
    assert np.abs(net.parameters["dense_1.W"] - first).max() > 0
    net.initialize(2)
    assert_array_equal(net.parameters["dense_1.W"], first)
