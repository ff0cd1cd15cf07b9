"""GELU, erf and exp: as layers, as functions and as activations, against formulas of the standard library."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose

X = np.concatenate([np.linspace(-8, 8, 161), [-30.0, -1e-3, -1e-300, 1e-300, 1e-3, 30.0]])


def each(f):
    return np.vectorize(f, otypes=[float])


def distribution(x):
    """Φ, without cancellation on the negative side."""
    return each(lambda v: math.erfc(-v / math.sqrt(2)) / 2)(x)


def density(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu(x):
    return x * distribution(x)


def gelu_slope(x):
    return distribution(x) + x * density(x)


def inner(x):
    """The argument of tanh, as PyTorch's documentation has it."""
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def gelu_tanh(x):
    # ½·(1 + tanh u) = 1/(1 + e^−2u) keeps the digits of the negative side.
    return x * each(lambda u: 1 / (1 + math.exp(-2 * u)) if u > -350 else 0.0)(inner(x))


def gelu_tanh_slope(x):
    t = np.tanh(inner(x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)


@pytest.mark.parametrize(
    ("make", "value", "slope"),
    [
        (lambda: dp.GELU(), gelu, gelu_slope),
        (lambda: dp.GELU(approximate="none"), gelu, gelu_slope),
        (lambda: dp.GELU(approximate="tanh"), gelu_tanh, gelu_tanh_slope),
        (lambda: dp.Erf(), each(math.erf), lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
        (lambda: dp.Exp(), np.exp, np.exp),
    ],
    ids=["gelu", "gelu none", "gelu tanh", "erf", "exp"],
)
def test_layer_against_formula(make, value, slope):
    layer = make()
    assert_allclose(layer.forward(X), value(X), rtol=1e-12)
    assert_allclose(
        layer.backward(np.ones_like(X)), slope(X), rtol=1e-12, atol=1e-14
    )  # the formulas cancel, the kernels do not


def test_function_forms():
    assert_allclose(dp.gelu([-1.0, 0.0, 2.0]), [-0.15865525393145705, 0, 1.9544997361036416], rtol=1e-14)
    assert_allclose(dp.gelu(-1.0, approximate="tanh"), -0.1588080093917233, rtol=1e-14)
    assert_allclose([dp.erf(0.5), dp.exp(1.0)], [math.erf(0.5), math.e], rtol=1e-15)


@pytest.mark.parametrize(
    ("activation", "value"),
    [("gelu", gelu), ("gelu_tanh", gelu_tanh), ("erf", each(math.erf)), ("exp", np.exp)],
)
@pytest.mark.parametrize("rows", [1, 33])
def test_activation_of_a_network(activation, value, rows, rng):
    """Predicting fuses the function into the product, training keeps what it is applied to: both say the same."""
    layers = [dp.Dense(7, activation=activation), dp.Dense(5, activation=activation), dp.Dense(3)]
    net = dp.Sequential(layers, input_shape=(6,), dtype="float64", seed=4, names="book")
    x, t = rng.normal(size=(rows, 6)), rng.normal(size=(rows, 3))
    p = net.parameters
    hidden = value(value(x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"])
    assert_allclose(net.predict(x), hidden @ p["W3"] + p["b3"], rtol=1e-11, atol=1e-14)
    net.compile(loss="mse")
    report = net.check_gradients(x, t)
    assert report.passed, report


def test_layer_after_a_dense_one_is_the_activation(rng):
    x = rng.normal(size=(9, 4))
    for kind, attributes in ("gelu", {}), ("gelu_tanh", {"approximate": "tanh"}):
        one = dp.Sequential([dp.Dense(5, activation=kind, initializer="xavier")], (4,), seed=3)
        two = dp.Sequential([dp.Dense(5, initializer="xavier"), dp.GELU(**attributes)], (4,), seed=3)
        np.testing.assert_array_equal(one.predict(x), two.predict(x))


def test_how_it_begins():
    """He's initializer for what lets half of its input through."""
    deviations = {
        f: np.std(
            next(iter(dp.Sequential([dp.Dense(400, activation=f)], (400,), seed=1).parameters.values()))
        )
        for f in ("relu", "gelu", "gelu_tanh", "erf")
    }
    assert_allclose([deviations["gelu"], deviations["gelu_tanh"]], deviations["relu"])
    assert deviations["erf"] < deviations["gelu"]


def test_wrong_attributes():
    with pytest.raises(dp.InvalidArgument, match="none.*tanh"):
        dp.GELU(approximate="sigmoid")
    with pytest.raises(dp.TypeMismatch, match="approximate"):
        dp.GELU(approximate=True)
    with pytest.raises(dp.InvalidArgument, match="gelu_tanh"):
        dp.Dense(3, activation="gleu")


def test_saved_and_loaded(tmp_path, rng):
    x = rng.normal(size=(3, 4))
    net = dp.Sequential([dp.Dense(5, activation="gelu"), dp.GELU(approximate="tanh")], (4,), seed=3)
    net.save(tmp_path / "gelu.safetensors")
    np.testing.assert_array_equal(dp.load(tmp_path / "gelu.safetensors").predict(x), net.predict(x))


def test_from_an_empty_folder(tmp_path):
    code = "import denpa as dp; print(dp.gelu(2.0), dp.layers.GELU(approximate='tanh').forward(2.0), 'tanh' in dp.GELU.__doc__)"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=True
    )
    first, second, documented = said.stdout.split()
    assert_allclose([float(first), float(second)], [1.9544997361036416, 1.954597694087775], rtol=1e-14)
    assert documented == "True"
