"""Networks of every small width, trained a sample at a time, against NumPy: the engine has steps of its own for them."""

from __future__ import annotations

import itertools

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

CURVES = {
    "sigmoid": (lambda u: 1 / (1 + np.exp(-u)), lambda y: y * (1 - y)),
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "relu": (lambda u: np.maximum(u, 0), lambda y: (y > 0).astype(float)),
}


def one_step(weights, activation, x, t, rate):
    """Plain SGD on the mean squared error, in float64."""
    curve, slope = CURVES[activation]
    values = [x]
    for index, (W, b) in enumerate(weights):
        u = values[-1] @ W + b
        values.append(u if index == len(weights) - 1 else curve(u))
    loss = np.mean((values[-1] - t) ** 2)
    d = 2 * (values[-1] - t) / t.size
    for index in reversed(range(len(weights))):
        W, b = weights[index]
        before = d @ W.T * (slope(values[index]) if index else 1)
        weights[index] = (W - rate * np.outer(values[index], d), b - rate * d)
        d = before
    return loss


@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-4), ("float64", 1e-12)])
@pytest.mark.parametrize("activation", list(CURVES))
def test_every_small_width(activation, dtype, tolerance, rng):
    for hidden, outputs in itertools.product([*range(1, 35), 64], [1, 2, 17]):
        inputs = 1 + hidden % 5
        net = dp.Sequential(
            [
                dp.Dense(hidden, activation=activation),
                dp.Dense(hidden, activation=activation),
                dp.Dense(outputs),
            ],
            input_shape=(inputs,),
            seed=hidden,
            dtype=dtype,
        )
        net.compile(loss="mse", optimizer=dp.SGD(learning_rate=0.1))
        values = [value.astype("f8") for value in net.parameters.values()]
        weights = list(zip(values[::2], values[1::2]))
        for _ in range(4):
            x, t = rng.normal(size=inputs).astype(dtype), rng.normal(size=outputs).astype(dtype)
            expected = one_step(weights, activation, x.astype("f8"), t.astype("f8"), 0.1)
            assert_allclose(net.train_batch(x, t), expected, rtol=tolerance, atol=tolerance)
        for value, expected in zip(net.parameters.values(), itertools.chain.from_iterable(weights)):
            assert_allclose(value, expected, rtol=tolerance, atol=tolerance, err_msg=f"{hidden}, {outputs}")


def test_rows_of_one_value_as_a_vector_again_and_again():
    """The second call takes a prepared way."""
    net = dp.Sequential([dp.Dense(1)], (1,), dtype="float64")
    x = np.arange(5.0)
    for _ in range(3):
        assert_array_equal(net.predict(x), net.predict(x[:, None]))
    net.compile("mse", "sgd")
    for _ in range(3):
        assert net.train_batch(x, x[:, None] * 0.1) >= 0
