"""Networks within networks: copies with their weights, names, sharing."""

from __future__ import annotations

import copy

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from test_arithmetic import numbers


@pytest.fixture
def encoder():
    return dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(3)], 5, dtype="float64", seed=2)


def test_a_copy_with_its_weights(encoder):
    x = dp.Input(5)
    h = encoder(x, name="encoder")
    assert h.shape == (None, 3)
    net = dp.Model(x, dp.Dense(2, name="out")(h), dtype="float64", seed=7)
    assert list(net.layers) == ["encoder-dense_1", "encoder-dense_2", "out"]
    assert list(net.parameters)[0] == "encoder-dense_1.W"
    for name, value in encoder.parameters.items():
        assert_array_equal(net.parameters[f"encoder-{name}"], value)
    given = numbers(6, 5)
    expected = encoder.predict(given) @ net.parameters["out.W"] + net.parameters["out.b"]
    assert_allclose(net.predict(given), expected, rtol=1e-12)
    # What one of them learns is its own.
    before = encoder.predict(given)
    net.fit(given, numbers(6, 2), loss="mse", optimizer="sgd")
    assert_array_equal(encoder.predict(given), before)
    assert (net.parameters["encoder-dense_1.W"] != encoder.parameters["dense_1.W"]).any()


def test_weights_are_those_that_were_trained_last(encoder):
    x, given = dp.Input(5), numbers(6, 5)
    y = encoder(x)
    encoder.compile("mse", dp.SGD(0.1))
    encoder.train_batch(given, numbers(6, 3))
    net = dp.Model(x, y, dtype="float64")
    assert list(net.layers) == ["model_1-dense_1", "model_1-dense_2"]
    assert_array_equal(net.predict(given), encoder.predict(given))


def test_twice_in_one_network_is_shared(encoder):
    a, b = dp.Input(5), dp.Input(5)
    net = dp.Model([a, b], encoder(a, name="e") - encoder(b, name="e"), dtype="float64")
    assert len(net.parameters) == 4
    assert net.layers["e_2-dense_1"].shares == "e-dense_1"
    x, y = numbers(6, 5), numbers(6, 5, seed=1)
    assert_allclose(net.predict([x, y]), encoder.predict(x) - encoder.predict(y), rtol=1e-12, atol=1e-14)
    assert net.check_gradients([x, y], numbers(6, 3), loss="mse", inputs=True).passed
    other = copy.deepcopy(encoder)
    net = dp.Model([a, b], encoder(a, name="e") - other(b, name="f"), dtype="float64")
    assert len(net.parameters) == 8


def test_deeper(encoder):
    x = dp.Input(5)
    inner = dp.Model(x, dp.Dense(5)(encoder(x, name="a")), dtype="float64")
    y = dp.Input(5)
    net = dp.Model(y, inner(inner(y, name="b"), name="c"), dtype="float64")
    assert list(net.layers)[:3] == ["b-a-dense_1", "b-a-dense_2", "b-dense_1"]
    assert net.layers["c-a-dense_1"].shares == "b-a-dense_1"
    given = numbers(3, 5)
    assert_allclose(net.predict(given), inner.predict(inner.predict(given)), rtol=1e-12)
    again = dp.Model.from_bytes(net.to_bytes())
    assert_array_equal(again.predict(given), net.predict(given))


def test_forms_of_inputs_and_outputs():
    a, b = dp.Input(3, name="a"), dp.Input(2, name="b")
    inner = dp.Model([a, b], {"sum": dp.Dense(4)(a) + dp.Dense(4)(b), "b": b}, dtype="float64")
    x, y = dp.Input(3, name="x"), dp.Input(2, name="y")
    for given in ([[x, y]], [x, y], [{"b": y, "a": x}]):
        result = inner(*given)
        assert list(result) == ["sum", "b"]
        net = dp.Model([x, y], [result["sum"], result["b"] * 2], dtype="float64")
        u, v = numbers(4, 3), numbers(4, 2)
        expected = inner.predict([u, v])
        got = net.predict([u, v])
        assert_allclose(got[0], expected["sum"], rtol=1e-12)
        assert_array_equal(got[1], 2 * v)


def test_only_a_part_is_needed():
    """Layers of the inner network that no output needs are left out, and with them their parameters."""
    a = dp.Input(3)
    trunk = dp.Dense(4, name="trunk")(a)
    inner = dp.Model(a, [dp.Dense(2, name="left")(trunk), dp.Dense(2, name="right")(trunk)], dtype="float64")
    x, y = dp.Input(3), dp.Input(3)
    net = dp.Model([x, y], [inner(x, name="m")[0], inner(y, name="n")[1]], dtype="float64")
    assert set(net.layers) == {"m-trunk", "m-left", "n-trunk", "n-right"}
    u, v = numbers(4, 3), numbers(4, 3, seed=1)
    got = net.predict([u, v])
    assert_allclose(got[0], inner.predict(u)[0], rtol=1e-12)
    assert_allclose(got[1], inner.predict(v)[1], rtol=1e-12)


def test_what_is_frozen_stays_frozen(encoder):
    encoder.layers["dense_1"].trainable = False
    x = dp.Input(5)
    net = dp.Model(x, dp.Dense(2)(encoder(x, name="e")), dtype="float32")
    assert not net.layers["e-dense_1"].trainable
    assert net.layers["e-dense_2"].trainable
    assert_allclose(net.parameters["e-dense_1.W"], encoder.parameters["dense_1.W"], rtol=1e-6)


def test_states_are_copied():
    inner = dp.Sequential([dp.BatchNorm(name="bn")], 3, dtype="float64")
    inner.forward(numbers(8, 3), training=True)
    x = dp.Input(3)
    net = dp.Model(x, inner(x, name="m"), dtype="float64")
    assert_array_equal(net.parameters["m-bn.running_mean"], inner.parameters["bn.running_mean"])
    assert_array_equal(net.predict(numbers(4, 3)), inner.predict(numbers(4, 3)))


def test_open_extents_may_be_known():
    x = dp.Input((None, 3))
    inner = dp.Model(x, dp.Dense(2)(x), dtype="float64")
    y = dp.Input((4, 3))
    assert inner(y).shape == (None, 4, 2)
    with pytest.raises(dp.ShapeError, match=r'input "input_1": expected \(rows, any, 3\), got \(rows, 4, 2\)'):
        inner(dp.Input((4, 2)))


def test_refusals(encoder):
    x = dp.Input(5)
    with pytest.raises(dp.ShapeError, match=r'model "e": input "input_1": expected \(rows, 5\), got \(rows, 4\)'):
        encoder(dp.Input(4), name="e")
    with pytest.raises(dp.TypeMismatch, match="is called with values of a graph"):
        encoder(np.zeros((2, 5)))
    with pytest.raises(dp.InvalidArgument, match=r"expected 1 input\(s\), got 2"):
        encoder(x, x)
    with pytest.raises(dp.NotFound, match='no input "z"'):
        encoder({"z": x})
    with pytest.raises(dp.TypeMismatch, match="must be a string"):
        encoder(x, name=3)
    with pytest.raises(dp.InvalidArgument, match="is no name for a node"):
        encoder(x, name="a/b")
    with pytest.raises(dp.TypeMismatch, match='input "input_1"'):
        encoder(dp.Input(5, dtype="int64"))
    other = copy.deepcopy(encoder)
    with pytest.raises(dp.AlreadyExists, match="e-dense_1"):
        dp.Model(x, encoder(x, name="e") + other(x, name="e"))
    y = encoder(x)
    encoder.close()
    with pytest.raises(dp.BadState):
        dp.Model(x, y)
    with pytest.raises(dp.BadState):
        encoder(x)
