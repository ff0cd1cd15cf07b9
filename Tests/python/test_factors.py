"""The three factors of a gradient: what comes back, the derivative, what comes in. SOURCES E."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_trace import HALF, notes_network, random_batch

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def check(trace, name, index, rows):
    """The products of all rows are the gradient, and each of them is what it says it is."""
    found = [trace.factors(name, index, row) for row in range(rows)]
    gradient = trace.grad[name][index]
    for factors in found:
        assert factors.gradient == gradient
        slope = 1 if factors.slope is None else factors.slope
        assert_allclose(factors.product, factors.error * slope * factors.input, **EXACT)
        assert_allclose(sum(term.product for term in factors.terms), factors.error, **EXACT)
        for term in factors.terms:
            assert_allclose(term.product, term.error * term.slope * term.weight, **EXACT)
    assert_allclose(sum(factors.product for factors in found), gradient, **EXACT)
    return found


def test_a_hidden_weight_of_the_notes_network():
    trace = notes_network().trace([[1.0, 2.0]], [[1.0, 3.0]], loss=HALF)
    factors = trace.factors("W1", (0, 1))
    # By hand: dy = (0.56, 0.222), dz2 = (0.1226, 0.2008), all ReLUs are open.
    assert_allclose(
        [factors.error, factors.slope, factors.input], [0.1226 * 0.2 + 0.2008 * 0.5, 1, 1], rtol=1e-12
    )
    assert [(term.node, term.unit) for term in factors.terms] == [("dense_2", 0), ("dense_2", 1)]
    assert_allclose(
        [list(term[2:]) for term in factors.terms],
        [[0.1226, 1, 0.2, 0.02452], [0.2008, 1, 0.5, 0.1004]],
        rtol=1e-12,
    )
    assert_allclose(factors.product, trace.grad["W1"][0, 1], rtol=1e-13)


def test_the_text_has_every_number():
    text = str(notes_network().trace([[1.0, 2.0]], [[1.0, 3.0]], loss=HALF).factors("W1", (0, 1)))
    lines = text.splitlines()
    assert lines[0].startswith("dE/dW1[0, 1], row 0:")
    assert lines[1].split() == "from z2[0]: 0.1226 · 1 · 0.2 = 0.02452".split()
    assert lines[2].split() == "from z2[1]: 0.2008 · 1 · 0.5 = 0.1004".split()
    assert [line.split("=")[-1].strip() for line in lines[3:]] == ["0.12492", "1", "1", "0.12492", "0.12492"]
    assert len({line.rindex("= ") for line in lines[1:]}) == 1  # below each other


@pytest.mark.parametrize("hidden", ["sigmoid", "tanh", "gelu", "softplus"])
@pytest.mark.parametrize("output", ["identity", "sigmoid"])
def test_every_weight_of_a_perceptron(hidden, output):
    net = dp.Sequential(
        [dp.Dense(4, activation=hidden), dp.Dense(3, activation=hidden), dp.Dense(2, activation=output)],
        input_shape=(3,),
        dtype="float64",
        names="book",
        seed=5,
    )
    x, t = random_batch(4, 3, 2)
    trace = net.trace(x, t, loss=HALF)
    for name in net.parameters:
        for index in np.ndindex(trace[name].shape):
            found = check(trace, name, index if len(index) > 1 else index[0], 4)
            if name == "W2":
                assert [len(factors.terms) for factors in found] == [2] * 4
    # ∂E/∂w_ij = [Σ_k ∂E/∂y_k f'(u_k) w_jk] f'(u_j) x_i, of the first layer before the last one.
    factors = trace.factors("W2", (1, 2), row=3)
    sigmoid = lambda u: 1 / (1 + np.exp(-u))
    slope = {"identity": lambda u: np.ones_like(u), "sigmoid": lambda u: sigmoid(u) * (1 - sigmoid(u))}[
        output
    ]
    last = trace["u3"][3]
    terms = (trace["y"][3] - t[3]) / 4 * slope(last) * trace["W3"][2]
    assert_allclose([term.product for term in factors.terms], terms, **EXACT)
    assert_allclose([term.slope for term in factors.terms], slope(last), **EXACT)
    assert_allclose([term.error for term in factors.terms], (trace["y"][3] - t[3]) / 4, **EXACT)
    assert_allclose(factors.input, trace["z1"][3, 1], **EXACT)


def test_activations_as_layers_of_their_own_have_the_same_factors():
    def network(apart):
        layers = []
        for units in (4, 3, 2):
            layers += [dp.Dense(units), dp.Tanh()] if apart else [dp.Dense(units, activation="tanh")]
        return dp.Sequential(layers, input_shape=(3,), dtype="float64", names="book", seed=2)

    one, two = network(False), network(True)
    for name, value in one.parameters.items():
        two.parameters[name] = value
    x, t = random_batch(2, 3, 2)
    a, b = one.trace(x, t, loss=HALF), two.trace(x, t, loss=HALF)
    for name, index in [("W1", (2, 1)), ("W2", (3, 0)), ("W3", (0, 1)), ("b1", 2), ("b3", 1)]:
        first, second = a.factors(name, index, 1), b.factors(name, index, 1)
        assert_allclose(first[:5], second[:5], **EXACT)
        assert_allclose([t[2:] for t in first.terms], [t[2:] for t in second.terms], **EXACT)
    assert "from z2[0]: " in str(a.factors("W1", (0, 0)))


@pytest.mark.parametrize("apart", [False, True])
def test_the_last_layer_through_softmax_has_the_error_of_u(apart):
    layers = [dp.Dense(4, activation="sigmoid"), dp.Dense(3)] + ([dp.Softmax()] if apart else [])
    net = dp.Sequential(layers, input_shape=(2,), dtype="float64", names="book", seed=1)
    x, t = random_batch(3, 2, 3)[0], np.array([2, 0, 1])
    loss = dp.CrossEntropy() if apart else dp.SoftmaxCrossEntropy()
    trace = net.trace(x, t, loss=loss)
    u = trace["u2"]
    p = np.exp(u) / np.exp(u).sum(1, keepdims=True)
    for row in range(3):
        factors = trace.factors("W2", (1, 2), row)
        assert factors.slope is None
        assert_allclose(factors.error, (p[row, 2] - (t[row] == 2)) / 3, **EXACT)
        assert [term.unit for term in factors.terms] == [None]
        hidden = trace.factors("W1", (0, 3), row)
        assert [(term.slope, term.unit) for term in hidden.terms] == [(1, 0), (1, 1), (1, 2)]
        assert_allclose([term.error for term in hidden.terms], (p[row] - np.eye(3)[t[row]]) / 3, **EXACT)
    for name, index in [("W1", (0, 3)), ("W2", (1, 2)), ("b2", 0), ("b1", 1)]:
        check(trace, name, index, 3)
    assert "(there is no activation)" in str(trace.factors("W2", (1, 2)))


def test_a_unit_that_several_layers_read_has_terms_of_all():
    x = dp.Input((3,), name="x")
    h = dp.Dense(4, activation="tanh", name="h")(x)
    first, second = dp.Dense(2, activation="sigmoid", name="first")(h), dp.Dense(3, name="second")(h)
    y = dp.Dense(1, name="y")(dp.Concat(name="both")([first, second, h]))
    net = dp.Model(x, y, dtype="float64", seed=3)
    data, t = random_batch(3, 3, 1)
    trace = net.trace(data, t, loss="mse")
    factors = trace.factors("h.W", (1, 2))
    assert sorted((term.node, -1 if term.unit is None else term.unit) for term in factors.terms) == sorted(
        [("first", 0), ("first", 1), ("second", 0), ("second", 1), ("second", 2), ("both", -1)]
    )
    rest = next(term for term in factors.terms if term.node == "both")
    assert_allclose(rest.product, trace.grad["both"][0, 5 + 2], **EXACT)
    for name in ("h.W", "first.W", "second.W", "y.W", "h.b"):
        index = tuple(0 for _ in trace[name].shape)
        check(trace, name, index, 3)


def test_through_dropout_and_flatten():
    net = dp.Sequential(
        [
            dp.Flatten(),
            dp.Dense(6, activation="relu"),
            dp.Dropout(0.5),
            dp.Reshape((2, 3)),
            dp.Flatten(),
            dp.Dense(2),
        ],
        input_shape=(2, 2),
        dtype="float64",
        names="book",
        seed=4,
    )
    draw = np.random.default_rng(0)
    trace = net.trace(draw.normal(size=(5, 2, 2)), draw.normal(size=(5, 2)), loss="mse")
    for index in [(0, 0), (3, 5), (2, 1)]:
        found = check(trace, "W1", index, 5)
        assert {term.node for factors in found for term in factors.terms} == {"dropout_1"}
    check(trace, "W2", (3, 1), 5)


def test_dense_layers_over_further_axes_have_more_rows():
    net = dp.Sequential(
        [dp.Dense(3, activation="tanh"), dp.Dense(2)],
        input_shape=(4, 5),
        dtype="float64",
        names="book",
        seed=4,
    )
    draw = np.random.default_rng(0)
    trace = net.trace(draw.normal(size=(2, 4, 5)), draw.normal(size=(2, 4, 2)), loss="mse")
    found = check(trace, "W1", (2, 1), 8)
    assert found[5].input == trace["x"][1, 1, 2]
    with pytest.raises(dp.InvalidArgument, match="sees 8 rows, counted from 0; got 8"):
        trace.factors("W1", (2, 1), 8)


def test_shared_layers_each_have_their_own_factors():
    a, b = dp.Input((3,), name="a"), dp.Input((3,), name="b")
    encoder = dp.Dense(4, activation="tanh", name="encoder")
    net = dp.Model([a, b], dp.Dense(1, name="y")(encoder(a) - encoder(b)), dtype="float64", seed=1)
    second = next(name for name in net.layers if name.startswith("encoder") and name != "encoder")
    draw = np.random.default_rng(0)
    xa, xb, t = draw.normal(size=(2, 3)), draw.normal(size=(2, 3)), draw.normal(size=(2, 1))
    trace = net.trace([xa, xb], t, loss="mse")
    parts = [trace.factors(f"{node}.W", (1, 2), row) for node in ("encoder", second) for row in range(2)]
    assert_allclose(sum(part.product for part in parts), trace.grad["encoder.W"][1, 2], **EXACT)
    assert [part.input for part in parts] == [xa[0, 1], xa[1, 1], xb[0, 1], xb[1, 1]]


def test_float32_within_its_rounding():
    net = notes_network("float32")
    trace = net.trace([[1.0, 2.0]], [[1.0, 3.0]], loss=HALF)
    factors = trace.factors("W1", (1, 2))
    assert_allclose(factors.product, trace.grad["W1"][1, 2], rtol=1e-6)


def test_what_has_no_factors_is_refused_in_a_sentence():
    net = dp.Sequential(
        [
            dp.Conv2D(2, kernel=2, name="conv"),
            dp.Flatten(),
            dp.Dense(3, name="d"),
            dp.BatchNorm(name="n"),
            dp.Dense(1),
        ],
        input_shape=(3, 3, 1),
        dtype="float64",
    )
    x, t = np.ones((2, 3, 3, 1)), np.zeros((2, 1))
    trace = net.trace(x, t, loss="mse")
    with pytest.raises(
        dp.NotSupported, match='"conv.W" belongs to conv2d "conv": only the gradients of dense'
    ):
        trace.factors("conv.W", (0, 0))
    with pytest.raises(dp.NotSupported, match="only the gradients of dense layers"):
        trace.factors("n.gamma", 0)
    with pytest.raises(dp.NotSupported, match="no parameter"):
        trace.factors("d", (0, 0))
    with pytest.raises(dp.NotFound):
        trace.factors("e.W", (0, 0))
    with pytest.raises(dp.BadState, match="no gradients"):
        net.trace(x).factors("d.W", (0, 0))
    for index in [(0, 3), (8, 0), (0,), (0, 0, 0), 0]:
        with pytest.raises(dp.InvalidArgument, match="no element at"):
            trace.factors("d.W", index)
    with pytest.raises(dp.InvalidArgument):
        trace.factors("d.W", (0, -1))
    with pytest.raises(dp.InvalidArgument, match="2 rows"):
        trace.factors("d.W", (0, 0), row=2)
    with pytest.raises(dp.TypeMismatch):
        trace.factors("d.W", ("a", 0))
    net.set_trainable("d.W", False)
    with pytest.raises(dp.NotSupported, match="not trained"):
        net.trace(x, t, loss="mse").factors("d.W", (0, 0))


def test_infinite_numbers_do_not_hurt():
    net = notes_network()
    factors = net.trace([[np.inf, 2.0]], [[1.0, 3.0]], loss=HALF).factors("W1", (0, 1))
    assert factors.input == np.inf and not np.isfinite(factors.product)
