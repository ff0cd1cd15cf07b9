"""How parameters begin: the distributions of all initializers, given arrays, and what is refused."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


def weights(initializer, inputs=300, units=200, seed=1, dtype="float64", **more):
    net = dp.Sequential([dp.Dense(units, initializer=initializer, **more)], (inputs,), seed=seed, dtype=dtype)
    return np.array(net.parameters["dense_1.W"])


UNIFORM = {
    "xavier_uniform": np.sqrt(6 / 500),
    "he_uniform": np.sqrt(6 / 300),
    "lecun_uniform": np.sqrt(3 / 300),
    "fan_uniform": 1 / np.sqrt(300),
}
NORMAL = {"xavier": np.sqrt(2 / 500), "he": np.sqrt(2 / 300), "lecun": np.sqrt(1 / 300)}


@pytest.mark.parametrize("kind", UNIFORM)
def test_uniform(kind):
    w, bound = weights(kind), UNIFORM[kind]
    assert 0.999 * bound < w.max() < bound and -bound <= w.min() < -0.999 * bound
    assert_allclose(w.std(), bound / np.sqrt(3), rtol=0.01)
    assert abs(w.mean()) < bound / 100


@pytest.mark.parametrize("kind", NORMAL)
def test_normal(kind):
    w = weights(kind)
    assert_allclose(w.std(), NORMAL[kind], rtol=0.01)
    assert 3.5 * NORMAL[kind] < np.abs(w).max() < 6 * NORMAL[kind]
    assert_allclose((w**4).mean() / w.var() ** 2, 3, rtol=0.05)  # the kurtosis of a normal distribution


def test_truncated_normal():
    w = weights(dp.TruncatedNormal(scale=0.5, mean=1))
    assert 1.99 < w.max() <= 2 and 0 <= w.min() < 0.01
    # The deviation of a normal distribution that is cut at two of its deviations.
    assert_allclose([w.mean(), w.std()], [1, 0.5 * 0.8796256610342398], rtol=0.01)


def test_integers():
    w = weights(dp.Integers(below=5))
    values, counts = np.unique(w, return_counts=True)
    assert_array_equal(values, [0, 1, 2, 3, 4])
    assert_allclose(counts / w.size, 0.2, rtol=0.03)
    assert (weights(dp.Integers(below=1)) == 0).all()


@pytest.mark.parametrize(("inputs", "units"), [(7, 5), (5, 7), (6, 6), (1, 4), (4, 1), (300, 200)])
def test_orthogonal(inputs, units):
    w = weights(dp.Orthogonal(gain=2), inputs, units)
    product = w @ w.T if inputs <= units else w.T @ w
    assert_allclose(product, 4 * np.eye(len(product)), atol=1e-13)
    narrow = weights("orthogonal", inputs, units, dtype="float32")
    assert_array_equal(narrow, (w / 2).astype("f4"))
    assert np.abs(weights("orthogonal", inputs, units, seed=2) - w / 2).max() > 0.01


def test_identity():
    w = weights(dp.initializers.Identity(gain=3), 3, 5)
    assert_array_equal(w, 3 * np.eye(3, 5))


def test_fan_in_counts_the_area_of_a_kernel():
    for kind, count in ("fan_uniform", 1), ("lecun_uniform", 3), ("he_uniform", 6):
        layer = dp.Conv2D(64, kernel=(3, 5), initializer=kind)
        w = np.array(dp.Sequential([layer], (9, 9, 8), seed=1, dtype="float64").parameters["conv2d_1.W"])
        bound = np.sqrt(count / (3 * 5 * 8))
        assert 0.99 * bound < np.abs(w).max() <= bound


# Inputs and units, and the variance of the weights that "auto" is: He's by the larger fan, Xavier's, LeCun's.
AUTO = {
    "relu": lambda inputs, units: 2 / max(inputs, units),
    "gelu": lambda inputs, units: 2 / max(inputs, units),
    "tanh": lambda inputs, units: 2 / (inputs + units),
    "sigmoid": lambda inputs, units: 2 / (inputs + units),
    "identity": lambda inputs, units: 1 / inputs,
}


@pytest.mark.parametrize("activation", AUTO)
@pytest.mark.parametrize(("inputs", "units"), [(400, 200), (200, 400)])
def test_auto(activation, inputs, units):
    layer = dp.Dense(units, activation=activation)
    net = dp.Sequential([layer], (inputs,), seed=1, dtype="float64")
    w, b = net.parameters["dense_1.W"], net.parameters["dense_1.b"]
    assert_allclose(w.var(), AUTO[activation](inputs, units), rtol=0.02)
    assert abs(w.mean()) < 4 * w.std() / w.size**0.5
    is_normal = activation != "identity"
    assert_allclose((w**4).mean() / w.var() ** 2, 3 if is_normal else 9 / 5, rtol=0.05)  # the kurtosis
    if activation == "identity":
        assert not b.any()
        return
    bound = 1 / np.sqrt(inputs)
    assert 0.97 * bound < b.max() < bound and -bound <= b.min() < -0.97 * bound
    assert_allclose(b.var(), bound**2 / 3, rtol=0.15)


def test_auto_of_a_single_unit():
    net = dp.Sequential([dp.Dense(1), dp.Dense(1, activation="tanh")], (20_000,), seed=1, dtype="float64")
    w = net.parameters["dense_1.W"]
    assert 0.999 < np.abs(w).max() * np.sqrt(20_000) <= 1
    assert_allclose(w.var(), 1 / (3 * 20_000), rtol=0.03)
    assert not net.parameters["dense_1.b"].any()


@pytest.mark.parametrize("filters", [16, 256])
def test_auto_of_a_convolution(filters):
    layers = [dp.Conv2D(filters, kernel=(3, 5), activation="relu", groups=2), dp.Conv2D(64, kernel=2)]
    net = dp.Sequential(layers, (9, 9, 8), seed=1, dtype="float64")
    w, b = net.parameters["conv2d_1.W"], net.parameters["conv2d_1.b"]
    fan_in = 3 * 5 * 4
    assert_allclose(w.var(), 2 / max(fan_in, filters), rtol=0.15)
    assert 0.7 / np.sqrt(fan_in) < np.abs(b).max() < 1 / np.sqrt(fan_in)
    assert_allclose(net.parameters["conv2d_2.W"].var(), 1 / (2 * 2 * filters), rtol=0.1)
    assert not net.parameters["conv2d_2.b"].any()


def test_biases_of_given_weights_begin_as_0():
    for initializer in "he", dp.Normal(scale=0.01), np.ones((3, 5)):
        layer = dp.Dense(5, activation="relu", initializer=initializer)
        assert not dp.Sequential([layer], (3,), seed=4).parameters["dense_1.b"].any()
    layer = dp.Dense(5, activation="relu", bias_initializer="zeros")
    net = dp.Sequential([layer], (3,), seed=4)
    assert net.parameters["dense_1.W"].all() and not net.parameters["dense_1.b"].any()


def test_auto_is_the_default_and_may_be_given():
    plain = dp.Sequential([dp.Dense(5, activation="relu"), dp.Dense(2)], (3,), seed=4)
    named = dp.Sequential(
        [
            dp.Dense(5, activation="relu", initializer="auto", bias_initializer="auto"),
            dp.Dense(2, initializer="auto", bias_initializer="auto"),
        ],
        (3,),
        seed=4,
    )
    for one, other in zip(plain.parameters.values(), named.parameters.values()):
        assert_array_equal(one, other)


def test_given():
    w = np.arange(6.0).reshape(2, 3)
    for given in (dp.Given(w), {"kind": "given", "value": w}, w, w.tolist()):
        assert_array_equal(weights(given, 2, 3), w)
    net = dp.Sequential([dp.Dense(3, initializer=w, bias_initializer=[1, 2, 3])], (2,), dtype="float64")
    assert_array_equal(net.predict(np.eye(2)), w + [1, 2, 3])
    again = dp.from_bytes(net.to_bytes())
    assert_array_equal(again.predict(np.eye(2)), w + [1, 2, 3])


def test_refused():
    with pytest.raises(dp.ShapeError, match=r"W: initializer.*expected value of the parameter.s shape \(2, 3\)"):
        weights(np.zeros((3, 2)), 2, 3)
    with pytest.raises(dp.InvalidArgument, match="below.*at least 1"):
        dp.Integers(below=0)
    with pytest.raises(dp.NotRegistered, match='did you mean "lecun"'):
        weights({"kind": "lecunn"})
    with pytest.raises(dp.TypeMismatch, match="initializer"):
        weights(3)
