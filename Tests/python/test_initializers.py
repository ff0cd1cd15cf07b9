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
