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
    [
        ("gelu", gelu),
        ({"kind": "gelu", "approximate": "tanh"}, gelu_tanh),
        ("erf", each(math.erf)),
        ("exp", np.exp),
        (dp.SiLU, lambda x: x / (1 + np.exp(-x))),
        (dp.ELU(alpha=0.5), lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    ],
    ids=["gelu", "gelu tanh", "erf", "exp", "silu", "elu"],
)
@pytest.mark.parametrize("rows", [1, 33])
def test_activation_of_a_network(activation, value, rows, rng):
    """Predicting fuses the function into the product, training keeps what it is applied to: both say the same."""
    small = {"bias_initializer": dp.Normal(scale=0.1)}  # exp of exp would be too steep for the check
    layers = [dp.Dense(units, activation=activation, **small) for units in (7, 5)] + [dp.Dense(3)]
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
    for activation in dp.GELU(), dp.GELU(approximate="tanh"), dp.LeakyReLU(0.2), dp.CELU(0.5), dp.Step():
        one = dp.Sequential([dp.Dense(5, activation=activation, initializer="xavier")], (4,), seed=3)
        two = dp.Sequential([dp.Dense(5, initializer="xavier"), activation], (4,), seed=3)
        np.testing.assert_array_equal(one.predict(x), two.predict(x))


def test_how_it_begins():
    """He's initializer for what lets half of its input through."""
    deviations = {
        f: np.std(
            next(iter(dp.Sequential([dp.Dense(400, activation=f)], (400,), seed=1).parameters.values()))
        )
        for f in ("relu", "gelu", "leaky_relu", "silu", "erf")
    }
    assert_allclose([deviations[f] for f in ("gelu", "leaky_relu", "silu")], deviations["relu"])
    assert deviations["erf"] < deviations["gelu"]


def test_wrong_attributes():
    with pytest.raises(dp.InvalidArgument, match="none.*tanh"):
        dp.GELU(approximate="sigmoid")
    with pytest.raises(dp.TypeMismatch, match="approximate"):
        dp.GELU(approximate=True)
    with pytest.raises(dp.InvalidArgument, match='did you mean "gelu"'):
        dp.Dense(3, activation="gleu")
    with pytest.raises(dp.InvalidArgument, match='"softmax" is a layer of its own: put it behind dense'):
        dp.Dense(3, activation="softmax")
    with pytest.raises(dp.InvalidArgument, match="a layer of its own"):
        dp.Dense(3, activation=dp.Softmax())
    with pytest.raises(dp.InvalidArgument, match='elu has no attribute "alfa"; did you mean "alpha"'):
        dp.Dense(3, activation={"kind": "elu", "alfa": 1})
    with pytest.raises(dp.InvalidArgument, match="at least 0"):
        dp.Dense(3, activation={"kind": "elu", "alpha": -1})
    with pytest.raises(dp.TypeMismatch, match="a kind is a string"):
        dp.Dense(3, activation={"alpha": 1})
    with pytest.raises(dp.TypeMismatch, match="its class, or a dictionary"):
        dp.Dense(3, activation=3)


RELU_LIKE = [
    ("step", {}, lambda x: x > 0, lambda x: 0 * x),
    ("leaky_relu", {}, lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    ("leaky_relu", {"alpha": 0.2}, lambda x: np.where(x > 0, x, 0.2 * x), lambda x: np.where(x > 0, 1, 0.2)),
    ("relu6", {}, lambda x: np.clip(x, 0, 6), lambda x: (x > 0) & (x < 6)),
    ("hard_tanh", {}, lambda x: np.clip(x, -1, 1), lambda x: np.abs(x) < 1),
    ("hard_sigmoid", {}, lambda x: np.clip(x / 6 + 0.5, 0, 1), lambda x: (np.abs(x) < 3) / 6),
    (
        "hard_swish",
        {},
        lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
        lambda x: np.where(np.abs(x) < 3, x / 3 + 0.5, x > 0),
    ),
]


def elu(alpha, beta=1.0):
    return (
        lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / beta)),
        lambda x: np.where(x > 0, 1, alpha / beta * np.exp(np.minimum(x, 0) / beta)),
    )


def logistic(x):
    return each(lambda v: 1 / (1 + math.exp(-v)) if v > 0 else math.exp(v) / (1 + math.exp(v)))(x)


def softplus(x):
    return each(lambda v: max(v, 0) + math.log1p(math.exp(-abs(v))))(x)


def mish_slope(x):
    t = np.tanh(softplus(x))
    return t + x * logistic(x) / each(lambda v: math.cosh(v) ** 2)(softplus(x))


L, A = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
CURVED = [
    ("elu", {}, *elu(1.0)),
    ("elu", {"alpha": 0.3}, *elu(0.3)),
    ("celu", {"alpha": 2.0}, *elu(2.0, 2.0)),
    ("selu", {}, lambda x: L * elu(A)[0](x), lambda x: L * elu(A)[1](x)),
    ("softplus", {}, softplus, logistic),
    ("log_sigmoid", {}, lambda x: -softplus(-x), lambda x: logistic(-x)),
    ("silu", {}, lambda x: x * logistic(x), lambda x: logistic(x) * (1 + x * logistic(-x))),
    ("mish", {}, lambda x: x * np.tanh(softplus(x)), mish_slope),
    ("softsign", {}, lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
]


@pytest.mark.parametrize(
    ("kind", "attributes", "value", "slope"), RELU_LIKE + CURVED, ids=lambda v: v if isinstance(v, str) else ""
)
def test_activation_against_formula(kind, attributes, value, slope):
    x = np.concatenate([X, [0.0, 3.0, -3.0, 1.0, -1.0, 6.0, 100.0, -100.0]])
    layer = dp.create(kind, **attributes)
    assert_allclose(layer.forward(x), value(x), rtol=1e-13, atol=1e-300)
    assert_allclose(layer.backward(np.ones_like(x)), slope(x), rtol=1e-12, atol=1e-15)
    small = dp.create(kind, **attributes)
    assert_allclose(small.forward(x.astype("f4")), value(x.astype("f4").astype(float)), rtol=2e-6, atol=1e-37)


def test_saved_and_loaded(tmp_path, rng):
    x = rng.normal(size=(3, 4))
    layers = [dp.Dense(5, activation="gelu"), dp.GELU(approximate="tanh"), dp.Dense(5, activation=dp.ELU(0.3))]
    net = dp.Sequential([*layers, dp.LeakyReLU(0.3)], (4,), seed=3)
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
