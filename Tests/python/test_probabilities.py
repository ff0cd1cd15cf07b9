"""softmax and log_softmax along any axis, beside NumPy."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from test_arithmetic import check, numbers


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x, axis=-1):
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


REFERENCES = {"softmax": softmax, "log_softmax": log_softmax}
LAYERS = {"softmax": dp.Softmax, "log_softmax": dp.LogSoftmax}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("shape, axis", [((5,), 1), ((4, 3, 2), 1), ((4, 3, 2), 2), ((4, 3, 2), -1), ((2, 33), -2)])
def test_axes(kind, shape, axis):
    check(LAYERS[kind](axis=axis), lambda x: REFERENCES[kind](x, axis), shape)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("axis", [0, 3, -3, 7])
def test_other_axes_are_refused(kind, axis):
    what = "is the batch" if axis in (0, -3) else "does not exist"
    with pytest.raises(dp.InvalidArgument, match=f"axis {axis} {what}: the axes behind the batch are 1 to 2"):
        LAYERS[kind](axis=axis)(dp.Input((4, 3)))
    with pytest.raises(dp.ShapeError, match="expected x of shape"):
        LAYERS[kind]()(dp.Input(()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [2, 8, 17, 300])
def test_logarithms_of_what_is_no_longer_a_number(dtype, classes):
    """Probabilities that are 0 in the float type have a logarithm all the same, and large logits overflow
    nothing.
    """
    x = np.linspace(-2000, 3e4, 3 * classes).round().reshape(3, classes)  # exact in both types
    net = dp.Sequential([dp.LogSoftmax()], (classes,), dtype=dtype)
    y = net.forward(x, training=True)
    assert np.isfinite(y).all()
    assert_allclose(y, log_softmax(x), rtol=1e-6 if dtype == "float32" else 1e-14, atol=1e-6)
    dy = numbers(3, classes, low=-1, high=1)
    expected = dy - softmax(x) * dy.sum(axis=1, keepdims=True)
    assert_allclose(net.backward(dy), expected, atol=1e-5 if dtype == "float32" else 1e-13)


def test_infinities():
    net = dp.Sequential([dp.LogSoftmax()], (3,), dtype="float64")
    assert_array_equal(net.predict([[-np.inf, 0.0, -np.inf]]), [[-np.inf, 0.0, -np.inf]])
    assert np.isnan(net.predict([[0.0, np.nan, 1.0]])).all()
    assert np.isnan(net.predict([[0.0, np.inf, 1.0]])).any()


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_a_softmax(axis, dtype):
    """A softmax along the classes becomes one step with the loss; along another axis it does not."""
    x, t = numbers(4, 5, 3, low=-2, high=2), np.random.default_rng(1).integers(0, 3, (4, 5))
    net = dp.Sequential([dp.Softmax(axis=axis)], (5, 3), dtype=dtype)
    p = softmax(x, axis)
    expected = -np.log(np.take_along_axis(p, t[..., None], axis=2)).mean()
    tolerance = 1e-13 if dtype == "float64" else 2e-6
    assert_allclose(net.loss(x, t, "cross_entropy"), expected, rtol=tolerance)
    dp_ = np.zeros_like(p)
    np.put_along_axis(dp_, t[..., None], -1 / np.take_along_axis(p, t[..., None], axis=2) / t.size, axis=2)
    dx = p * (dp_ - (dp_ * p).sum(axis=axis, keepdims=True))
    got = net.gradients(x, t, "cross_entropy", wrt=net.input_names)
    assert_allclose(got[net.input_names[0]], dx, rtol=10 * tolerance, atol=tolerance)


def test_losses_of_logarithms_are_refused():
    net = dp.Sequential([dp.Dense(3), dp.LogSoftmax(name="end")], (2,))
    with pytest.raises(dp.InvalidArgument, match="log_softmax .end.: its values are no probabilities"):
        net.fit(np.zeros((4, 2)), np.zeros(4, int), loss="cross_entropy", optimizer="sgd")
