"""glu, prelu and rms_norm against NumPy, forward and backward."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose


def run(layer, x, seed=0):
    """The layer's output, the gradient of its input and those of its parameters, for random output gradients."""
    y = layer.forward(x)
    dy = np.random.default_rng(seed).normal(size=y.shape)
    return y, dy, layer.backward(dy)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


GATES = {
    "sigmoid": (sigmoid, lambda b: sigmoid(b) * (1 - sigmoid(b))),
    "silu": (lambda b: b * sigmoid(b), lambda b: sigmoid(b) * (1 + b * (1 - sigmoid(b)))),
    "relu": (lambda b: np.maximum(b, 0), lambda b: b > 0),
    "identity": (lambda b: b, np.ones_like),
}


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("shape", [(5, 6), (2, 3, 34), (1, 2)])
def test_glu(gate, shape, rng):
    x, (f, slope) = rng.normal(size=shape), GATES[gate]
    a, b = np.split(x, 2, axis=-1)
    y, dy, dx = run(dp.GLU() if gate == "sigmoid" else dp.GLU(activation=gate), x)
    assert_allclose(y, a * f(b), rtol=1e-13)
    assert_allclose(dx, np.concatenate([dy * f(b), dy * a * slope(b)], axis=-1), rtol=1e-12, atol=1e-15)


def test_glu_of_an_odd_extent_is_refused():
    with pytest.raises(dp.ShapeError, match=r"gate.*expected x of shape \(rows, …, 2n\), got \(rows, 5\)"):
        dp.Sequential([dp.GLU(name="gate")], (5,))


def test_swiglu_learns(rng):
    """A product of two inputs, which a linear network cannot learn."""
    x = rng.normal(size=(256, 2))
    net = dp.Sequential([dp.Dense(32), dp.GLU(activation="silu"), dp.Dense(1)], (2,), seed=1)
    net.fit(x, x[:, :1] * x[:, 1:], loss="mse", optimizer=dp.Adam(0.01), epochs=60)
    assert net.evaluate(x, x[:, :1] * x[:, 1:]) < 0.02


def test_prelu(rng):
    x, alpha = rng.normal(size=(6, 4, 3)), np.array([0.1, -0.5, 2.0])
    net = dp.Sequential([dp.PReLU(name="p")], (4, 3), dtype="float64")
    assert_allclose(net.parameters["p.alpha"], 0.25)
    net.parameters["p.alpha"] = alpha
    x[0, 0, 0] = 0.0
    y = net.forward(x, training=True)
    dy = rng.normal(size=y.shape)
    dx = net.backward(dy)
    assert_allclose(y, np.where(x > 0, x, alpha * x), rtol=1e-14)
    assert_allclose(dx, np.where(x > 0, dy, alpha * dy), rtol=1e-14)
    assert_allclose(net.grads["p.alpha"], (dy * np.minimum(x, 0)).sum(axis=(0, 1)), rtol=1e-13)
    assert_allclose(net.predict(np.full((1, 4, 3), np.inf)), np.inf)


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("scale", [True, False])
def test_rms_norm(axis, scale, rng):
    x = rng.normal(size=(5, 4, 3)) + 1
    axes = (2,) if axis == -1 else (1, 2)
    net = dp.Sequential([dp.RMSNorm(axis=axis, epsilon=0.1, scale=scale, name="n")], (4, 3), dtype="float64")
    gamma = rng.normal(size=x.shape[axes[0] :]) if scale else 1.0
    if scale:
        net.parameters["n.gamma"] = gamma
    deviation = np.sqrt((x**2).mean(axis=axes, keepdims=True) + 0.1)
    y = net.forward(x, training=True)
    dy = rng.normal(size=y.shape)
    g = dy * gamma
    assert_allclose(y, gamma * x / deviation, rtol=1e-13)
    expected = (g - x * (g * x).mean(axis=axes, keepdims=True) / deviation**2) / deviation
    assert_allclose(net.backward(dy), expected, rtol=1e-11, atol=1e-14)
    if scale:
        summed = tuple(range(axes[0]))
        assert_allclose(net.grads["n.gamma"], (dy * x / deviation).sum(axis=summed), rtol=1e-12)
