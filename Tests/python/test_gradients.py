"""Gradients by name against formulas, vjp, and the check against numerical differentiation."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


@pytest.fixture
def net():
    layers = [dp.Dense(5, activation="sigmoid"), dp.Dense(4, activation="relu"), dp.Dense(3)]
    return dp.Sequential(layers, input_shape=(6,), dtype="float64", seed=1, names="book")


@pytest.fixture
def data(rng):
    return rng.normal(size=(7, 6)), rng.normal(size=(7, 3))


def by_hand(p, x, dy_of):
    """Every gradient of 6-5-4-3 from the gradient of the loss by its output."""
    z1 = 1 / (1 + np.exp(-(x @ p["W1"] + p["b1"])))
    z2 = np.maximum(z1 @ p["W2"] + p["b2"], 0)
    dy = dy_of(z2 @ p["W3"] + p["b3"])
    du2 = (dy @ p["W3"].T) * (z2 > 0)
    du1 = (du2 @ p["W2"].T) * z1 * (1 - z1)
    return {
        "W1": x.T @ du1,
        "b1": du1.sum(0),
        "W2": z1.T @ du2,
        "b2": du2.sum(0),
        "W3": z2.T @ dy,
        "b3": dy.sum(0),
        "input_1": du1 @ p["W1"].T,
    }


def test_all_gradients_of_a_network(net, data):
    x, t = data
    expected = by_hand(net.parameters, x, lambda y: 2 * (y - t) / y.size)
    found = net.gradients(x, t, loss="mse", wrt=list(expected))
    for name, value in expected.items():
        assert_allclose(found[name], value, rtol=1e-9, atol=1e-15, err_msg=name)
    assert list(net.gradients(x, t, loss="mse")) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    one = net.gradients(x[0], t[0], loss="mse", wrt="input_1")["input_1"]
    assert_allclose(
        one, by_hand(net.parameters, x[:1], lambda y: 2 * (y - t[:1]) / 3)["input_1"][0], rtol=1e-9
    )


def test_vjp(net, data):
    x, dout = data
    expected = by_hand(net.parameters, x, lambda y: dout)
    found = net.vjp(x, dout)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert_allclose(found[name], value, rtol=1e-9, atol=1e-15, err_msg=name)


def test_forward_and_backward_are_the_same_as_vjp(net, data):
    x, dout = data
    assert_allclose(net.forward(x, training=True), net.predict(x), rtol=1e-12)
    dx = net.backward(dout)
    expected = net.vjp(x, dout)
    assert_allclose(dx, expected["input_1"], rtol=1e-12)
    assert_allclose(net.grads["W2"], expected["W2"], rtol=1e-12)
    y = net.forward(x[0], training=True)
    assert y.shape == (3,) and net.backward(dout[0]).shape == (6,)


def test_float32_is_near_float64(net, data):
    x, t = data
    single = dp.from_bytes(net.to_bytes(), names="book")
    assert single.dtype == "float64"
    layers = [dp.Dense(5, activation="sigmoid"), dp.Dense(4, activation="relu"), dp.Dense(3)]
    single = dp.Sequential(layers, (6,), dtype="float32", names="book")
    single.parameters.update(net.parameters)
    found, expected = single.gradients(x, t, loss="mse"), net.gradients(x, t, loss="mse")
    for name in expected:
        assert found[name].dtype == "float32"
        assert_allclose(found[name], expected[name], atol=1e-5 * max(np.abs(expected[name]).max(), 1e-3))


def test_numerical_differentiation_agrees(net, data):
    """By hand, through the writable arrays: (E(w + h) - E(w - h)) / 2h."""
    x, t = data
    found = net.gradients(x, t, loss="mse")["W2"]
    numeric, h = np.zeros_like(found), 1e-6
    W = net.parameters["W2"]
    for index in np.ndindex(W.shape):
        kept = W[index]
        W[index] = kept + h
        above = net.loss(x, t, loss="mse")
        W[index] = kept - h
        below = net.loss(x, t, loss="mse")
        W[index] = kept
        numeric[index] = (above - below) / (2 * h)
    assert_allclose(found, numeric, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_check_and_its_report(dtype, data):
    x, t = data
    net = dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(3)], (6,), dtype=dtype, seed=1)
    before = net.to_bytes()
    report = net.check_gradients(x, t, loss="mse", max_elements=-1, inputs=True)
    assert report.passed and bool(report) and report.worst <= 1e-8
    assert [row.checked for row in report] == [24, 4, 12, 3, 42]
    row = report["dense_1.W"]
    assert row.analytic == pytest.approx(row.numeric, rel=1e-6, abs=1e-9)
    assert len(row.at) == 2 and not report.failed
    assert net.to_bytes() == before
    assert [row.checked for row in net.check_gradients(x, t, loss="mse", max_elements=2)] == [2, 2, 2, 2]


def test_a_tolerance_that_nothing_meets(net, data):
    report = net.check_gradients(*data, loss="mse", tolerance=1e-300)
    assert not report.passed and not report and report.failed
    assert "WRONG" in str(report) and "FAILED" in repr(report)
    assert max(report.failed, key=lambda row: row.worst).worst == report.worst
    with pytest.raises(dp.ProofFailed):
        net.check_gradients(*data, loss="mse", tolerance=1e-300, raise_on_failure=True)


def test_gradients_of_a_batch_of_any_size(rng):
    net = dp.Sequential([dp.Dense(2)], (3,), dtype="float64")
    for rows in (1, 300, 5, 2000):
        x, t = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2))
        dy = 2 * (x @ net.parameters["dense_1.W"] + net.parameters["dense_1.b"] - t) / t.size
        found = net.gradients(x, t, loss="mse", wrt=["dense_1.W", "input_1"])
        assert_allclose(found["dense_1.W"], x.T @ dy, rtol=1e-9, atol=1e-14)
        assert_allclose(found["input_1"], dy @ net.parameters["dense_1.W"].T, rtol=1e-9, atol=1e-14)
        assert_allclose(
            net.predict(x), x @ net.parameters["dense_1.W"] + net.parameters["dense_1.b"], atol=1e-12
        )


@pytest.mark.parametrize("reduction", ["mean", "batch_mean", "sum"])
def test_the_loss_of_many_rows_is_that_of_its_gradients(reduction, rng):
    net = dp.Sequential([dp.Dense(2)], (3,), dtype="float64")
    x, t = rng.normal(size=(3000, 3)), rng.normal(size=(3000, 2))
    loss = dp.MeanSquaredError(reduction=reduction)
    squares = (net.predict(x) - t) ** 2
    expected = {"mean": squares.mean(), "batch_mean": squares.sum() / 3000, "sum": squares.sum()}[reduction]
    net.train_batch(x[:8], t[:8], loss=loss, optimizer=dp.SGD(learning_rate=0.0))
    assert net.loss(x, t) == pytest.approx(expected, rel=1e-12)
    assert net.evaluate(x, t) == pytest.approx(expected, rel=1e-12)
    assert net.loss_and_gradients(x, t)[0] == pytest.approx(expected, rel=1e-12)


def test_answers_are_the_callers_own(net, data):
    x, t = data
    first = net.gradients(x, t, loss="mse")
    kept = {name: value.copy() for name, value in first.items()}
    net.gradients(2 * x, t, loss="mse")
    for name, value in first.items():
        assert_array_equal(value, kept[name])


# -- values between layers -----------------------------------------------------------------------------------


def test_gradients_of_values_between_layers(rng):
    """In a chain, they are the gradients of the biases before they are summed over the rows."""
    net = dp.Sequential(
        [dp.Dense(5, name="first"), dp.Tanh(name="curve"), dp.Dense(2, name="last")], 3, dtype="float64", seed=1
    )
    x, t = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    found = net.gradients(x, t, "mean_squared_error", wrt=["curve", "first", "last", "last.W", "input_1"])
    p = {name: np.array(value) for name, value in net.parameters.items()}
    h = np.tanh(x @ p["first.W"] + p["first.b"])
    dy = 2 * (h @ p["last.W"] + p["last.b"] - t) / t.size
    dh = dy @ p["last.W"].T
    expected = {
        "last": dy,
        "curve": dh,
        "first": dh * (1 - h * h),
        "last.W": h.T @ dy,
        "input_1": (dh * (1 - h * h)) @ p["first.W"].T,
    }
    assert list(found) == ["curve", "first", "last", "last.W", "input_1"]
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-15, err_msg=name)
    one = net.gradients(x[0], t[0], "mean_squared_error", wrt="curve")["curve"]
    assert one.shape == (5,)
    np.testing.assert_allclose(one, dh[0] * 7, rtol=1e-12)
    net.layers["first"].trainable = False  # nothing before it is trained, and its gradient is still there
    again = net.gradients(x, t, "mean_squared_error", wrt=["first"])["first"]
    np.testing.assert_array_equal(again, found["first"])


def test_gradients_of_values_with_several_readers(rng):
    """All contributions count, in networks with branches, frozen layers and activations that are fused."""
    x = dp.Input((4,), name="x")
    h = dp.Dense(4, activation="tanh", name="h")(x)
    y = dp.Dense(1, name="y")(dp.concat([h * h, h + x]))
    net = dp.Model([x], y, dtype="float64", seed=2)
    values, t = rng.normal(size=(5, 4)), rng.normal(size=(5, 1))
    found = net.gradients(values, t, "mean_squared_error", wrt=["h"])["h"]
    p = {name: np.array(value) for name, value in net.parameters.items()}
    a = np.tanh(values @ p["h.W"] + p["h.b"])
    dy = 2 * (np.c_[a * a, a + values] @ p["y.W"] + p["y.b"] - t) / 5
    dz = dy @ p["y.W"].T
    np.testing.assert_allclose(found, dz[:, :4] * 2 * a + dz[:, 4:], rtol=1e-12, atol=1e-15)


def test_a_value_that_the_loss_does_not_depend_on(rng):
    x = dp.Input((3,), name="x")
    a, b = dp.Dense(2, name="a")(x), dp.Dense(2, name="b")(x)
    net = dp.Model([x], [a, b], dtype="float64", seed=2)
    loss = dp.MeanSquaredError("a")
    found = net.gradients(rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), loss, wrt=["a", "b"])
    assert found["a"].any() and not found["b"].any() and found["b"].shape == (4, 2)
    with pytest.raises(dp.NotFound, match='no parameter, float input or layer "c"'):
        net.gradients(rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), loss, wrt=["c"])
