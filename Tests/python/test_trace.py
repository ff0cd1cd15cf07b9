"""Traces: every value and gradient of a batch, against the study notes, NumPy and the network's own gradients."""

from __future__ import annotations

import gc

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

HALF = dp.MeanSquaredError(half=True, reduction="batch_mean")


def notes_network(dtype="float64", names="book"):
    """SOURCES C: three layers with ReLU."""
    net = dp.Sequential(
        [dp.Dense(3, activation="relu"), dp.Dense(2, activation="relu"), dp.Dense(2)],
        input_shape=(2,),
        names=names,
        dtype=dtype,
    )
    book = {
        "W1": [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]],
        "b1": [0.1, 0.2, 0.3],
        "W2": [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]],
        "b2": [0.1, 0.2],
        "W3": [[0.1, 0.3], [0.2, 0.4]],
        "b3": [1, 2],
    }
    for (short, value), name in zip(book.items(), net.parameters):
        assert names is None or name == short
        net.parameters[name] = value
    return net


def random_batch(rows, inputs, outputs, seed=0):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(rows, inputs)), draw.normal(size=(rows, outputs))


# ----------------------------------------------------------------------------------------------------- the notes


def test_the_notes_values_have_the_notes_labels():
    trace = notes_network().trace(np.array([1.0, 2.0]))
    assert list(trace) == ["x", "W1", "b1", "u1", "z1", "W2", "b2", "u2", "z2", "W3", "b3", "y"]
    assert_allclose(trace["u1"], [0.6, 1.3, 2.0], rtol=1e-14)
    assert_allclose(trace["z1"], [0.6, 1.3, 2.0], rtol=1e-14)
    assert trace["z1"].sum() == pytest.approx(3.9)
    assert_allclose(trace["u2"], [1.02, 2.29], rtol=1e-14)
    assert_allclose(trace["y"], [1.56, 3.222], rtol=1e-14)
    for other in ("u3", "z3", "dense_3"):
        assert trace[other] is trace["y"]
    assert trace["dense_1.u"] is trace["u1"] and trace["dense_1"] is trace["z1"]
    assert len(trace.grad) == 0 and trace.loss is None


def test_the_notes_trace_prints_every_value_with_its_shape():
    text = str(notes_network().trace([1.0, 2.0]))
    assert text.startswith("x (2,)\n  [1, 2]\nW1 (2, 3)\n  [[0.1, 0.3, 0.5],\n   [0.2, 0.4, 0.6]]\nb1 (3,)\n")
    assert "\nu1 (3,)\n  [0.6, 1.3,   2]\n" in text
    assert text.endswith("\nb3 (2,)\n  [1, 2]\ny (2,)\n  [ 1.56, 3.222]")
    assert "dE/" not in text


def test_the_deltas_are_those_of_the_formulas():
    net, x, t = notes_network(), np.array([[1.0, 2.0]]), np.array([[1.0, 3.0]])
    trace = net.trace(x, t, loss=HALF)
    p = {name: np.array(value) for name, value in net.parameters.items()}
    u1 = x @ p["W1"] + p["b1"]
    z1 = np.maximum(u1, 0)
    z2 = np.maximum(z1 @ p["W2"] + p["b2"], 0)
    y = z2 @ p["W3"] + p["b3"]
    dy = y - t
    dz2 = dy @ p["W3"].T
    dz1 = dz2 @ p["W2"].T
    expected = {"y": dy, "z2": dz2, "u2": dz2, "z1": dz1, "u1": dz1, "x": dz1 @ p["W1"].T}
    expected |= {"W3": z2.T @ dy, "b3": dy[0], "W2": z1.T @ dz2, "b2": dz2[0], "W1": x.T @ dz1, "b1": dz1[0]}
    assert set(trace.grad) == set(expected)
    for label, value in expected.items():
        assert_allclose(trace.grad[label], value, rtol=1e-13, atol=1e-15, err_msg=label)
    assert trace.loss == pytest.approx(0.5 * (dy**2).sum(), rel=1e-14)
    assert trace["E"] == pytest.approx(trace.loss) and trace["E"].shape == ()
    assert_array_equal(trace["t"], t)
    assert trace.kind("W1") == "parameter" and trace.kind("u1") == "argument" and trace.kind("t") == "target"
    assert [trace.kind(label) for label in ("x", "z1", "E")] == ["input", "output", "loss"]
    for name, gradient in net.gradients(x, t, loss=HALF).items():
        assert_array_equal(trace.grad[name], gradient)


def test_one_sample_in_one_sample_out():
    net = notes_network()
    one = net.trace(np.array([1.0, 2.0]), [1.0, 3.0], loss=HALF)
    batch = net.trace(np.array([[1.0, 2.0]]), [[1.0, 3.0]], loss=HALF)
    assert one["u1"].shape == one.grad["u1"].shape == (3,) and batch["u1"].shape == (1, 3)
    for label in batch:
        assert_array_equal(np.ravel(one[label]), np.ravel(batch[label]))


def test_without_names_the_models_own_are_the_labels():
    trace = notes_network(names=None).trace([[1.0, 2.0]], [[1.0, 3.0]], loss=HALF)
    first = ["input_1", "dense_1.W", "dense_1.b", "dense_1.u", "dense_1", "dense_2.W"]
    assert list(trace)[:6] == first
    assert list(trace)[-3:] == ["dense_3", "target of mean_squared_error_1", "mean_squared_error_1"]
    with pytest.raises(dp.NotFound, match='nothing called "W1"; it has \\[?input_1, dense_1.W'):
        trace["W1"]


# ------------------------------------------------------------------------------------------------------- what it is not


def test_a_trace_changes_nothing_and_is_not_changed():
    net = dp.Sequential([dp.Dense(4), dp.BatchNorm(), dp.Dropout(0.5), dp.Dense(2)], input_shape=(3,), seed=1)
    x, t = random_batch(8, 3, 2)
    other = dp.from_bytes(net.to_bytes())
    net.compile("mse", dp.Adam()), other.compile("mse", dp.Adam())
    net.train_batch(x, t), other.train_batch(x, t)
    before = net.to_bytes()
    trace = net.trace(x, t)
    kept = {label: value.copy() for label, value in trace.items()}
    kept_gradients = {label: value.copy() for label, value in trace.grad.items()}
    assert net.to_bytes() == before
    losses = [[n.train_batch(x, t) for _ in range(3)] for n in (net, other)]
    assert losses[0] == losses[1], "a trace drew random numbers of training, or changed a state"
    for label, value in trace.items():
        assert_array_equal(value, kept[label])
    for label, value in trace.grad.items():
        assert_array_equal(value, kept_gradients[label])
    with pytest.raises(ValueError):
        trace["dense_1.W"][0, 0] = 1


def test_it_has_the_weights_that_the_network_has_now():
    net, (x, t) = notes_network(), random_batch(4, 2, 2)
    net.compile(HALF, dp.SGD(0.01))
    net.train_batch(x, t)
    assert_array_equal(net.trace(x)["W1"], net.parameters["W1"])
    net.parameters["W1"][:] = 2
    assert_array_equal(net.trace(x, t)["W1"], np.full((2, 3), 2.0))
    net.parameters["b2"] = [5, 6]
    assert_array_equal(net.trace(x, t)["b2"], [5, 6])
    assert_array_equal(net.trace(x)["y"], net.predict(x))


def test_values_outlive_trace_and_network():
    net = notes_network()
    trace = net.trace([1.0, 2.0])
    u1, W1 = trace["u1"], trace["W1"]
    net.close()
    assert "u1 (3,)" in str(trace)
    del net, trace
    gc.collect()
    assert_allclose(u1, [0.6, 1.3, 2.0], rtol=1e-14)
    assert_allclose(W1[1], [0.2, 0.4, 0.6])


# --------------------------------------------------------------------------------------------------------- other networks


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("rows", [1, 2, 7, 33])
def test_gradients_of_every_value_in_a_graph_with_branches(dtype, tolerance, rows):
    a, b = dp.Input((3,), name="a"), dp.Input((5,), name="b")
    left = dp.Dense(4, activation="tanh", name="left")(a)
    right = dp.Dense(4, activation="sigmoid", name="right")(b)
    joined = dp.Concat(name="joined")([left * right, left + right])
    y = dp.Dense(2, name="y")(joined)
    net = dp.Model([a, b], y, dtype=dtype, seed=3)
    draw = np.random.default_rng(rows)
    xa, xb, t = draw.normal(size=(rows, 3)), draw.normal(size=(rows, 5)), draw.normal(size=(rows, 2))
    trace = net.trace([xa, xb], t, loss="mse")
    layers = ["left", "right", "joined", "y", "a", "b"]
    for name, gradient in net.gradients([xa, xb], t, loss="mse", wrt=[*net.parameters, *layers]).items():
        assert_allclose(trace.grad[name], gradient, rtol=tolerance, atol=tolerance, err_msg=name)
    # The arguments of the activations, in closed form.
    dleft, u = np.array(trace.grad["left"], "float64"), np.array(trace["left.u"], "float64")
    assert_allclose(trace.grad["left.u"], dleft * (1 - np.tanh(u) ** 2), rtol=tolerance, atol=tolerance)
    assert_allclose(
        trace["left.u"],
        xa @ net.parameters["left.W"] + net.parameters["left.b"],
        rtol=tolerance,
        atol=tolerance,
    )
    assert_allclose(trace["y"], net.predict([xa, xb]), rtol=tolerance, atol=tolerance)


def test_values_in_every_layer_of_a_convolutional_network():
    layers = [
        dp.Conv2D(3, kernel=3, padding="same", activation="relu"),
        dp.Flatten(),
        dp.Dense(10, activation="gelu"),
        dp.Dense(4),
    ]
    net = dp.Sequential(layers, input_shape=(8, 8, 2), dtype="float64", seed=2)
    draw = np.random.default_rng(0)
    x, t = draw.normal(size=(3, 8, 8, 2)), draw.integers(0, 4, 3)
    trace = net.trace(x, t, loss="softmax_cross_entropy")
    conv = next(iter(net.layers))
    assert trace[f"{conv}.u"].shape == (3, 8, 8, 3)
    assert_array_equal(trace[conv], np.maximum(trace[f"{conv}.u"], 0))
    assert_array_equal(trace.grad[f"{conv}.u"], trace.grad[conv] * (trace[f"{conv}.u"] > 0))
    names = [*net.parameters, *net.layers, *net.input_names]
    for name, gradient in net.gradients(x, t, loss="softmax_cross_entropy", wrt=names).items():
        assert_allclose(trace.grad[name], gradient, rtol=1e-12, atol=1e-14, err_msg=name)
    assert_array_equal(trace["target of softmax_cross_entropy_1"], t)
    p = np.exp(trace["dense_2"]) / np.exp(trace["dense_2"]).sum(1, keepdims=True)
    assert_allclose(trace.grad["dense_2"], (p - np.eye(4)[t]) / 3, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_softmax_and_cross_entropy_as_two_nodes_are_what_training_computes(scale):
    """Where a probability is 0, the quotient of the cross-entropy has no value, but training has one."""
    net = dp.Sequential([dp.Dense(3), dp.Softmax()], input_shape=(2,), dtype="float64", names="book", seed=1)
    x, t = scale * random_batch(5, 2, 3)[0], np.array([0, 1, 2, 1, 0])
    trace = net.trace(x, t, loss=dp.CrossEntropy())
    gradients = net.gradients(x, t, loss=dp.CrossEntropy())
    assert list(trace)[1:5] == ["W1", "b1", "u1", "y"] and trace["z1"] is trace["y"]
    y = net.predict(x)
    assert_allclose(trace["y"], y, rtol=1e-13)
    assert trace.loss == pytest.approx(net.loss(x, t, loss=dp.CrossEntropy()), rel=1e-13)
    assert_allclose(trace.grad["u1"], (y - np.eye(3)[t]) / 5, rtol=1e-12, atol=1e-15)
    for name, gradient in gradients.items():
        assert_allclose(trace.grad[name], gradient, rtol=1e-13, atol=1e-15)
    chosen = y[np.arange(5), t]
    with np.errstate(divide="ignore"):
        assert_allclose(trace.grad["y"][np.arange(5), t], -1 / chosen / 5, rtol=1e-12)


def test_shared_layers_have_their_parameters_once():
    a, b = dp.Input((3,), name="a"), dp.Input((3,), name="b")
    encoder = dp.Dense(4, activation="tanh", name="encoder")
    y = dp.Dense(1, name="y")(encoder(a) - encoder(b))
    net = dp.Model([a, b], y, dtype="float64", seed=1, names="book")
    draw = np.random.default_rng(0)
    xa, xb, t = draw.normal(size=(6, 3)), draw.normal(size=(6, 3)), draw.normal(size=(6, 1))
    trace = net.trace([xa, xb], t, loss="mse")
    assert [label for label in trace if trace.kind(label) == "parameter"] == ["W1", "b1", "W2", "b2"]
    second = next(
        label for label in trace if label.endswith(".u")
    )  # of the one that shares, under its own name
    assert_allclose(trace.grad["W1"], xa.T @ trace.grad["u1"] + xb.T @ trace.grad[second], rtol=1e-12)


def test_open_extents():
    x = dp.Input((None, 3), name="x")
    net = dp.Model(x, dp.ReduceMean(axes=[1])(dp.Dense(4, activation="relu", name="h")(x)), dtype="float64")
    for length in (1, 5):
        data = np.random.default_rng(length).normal(size=(2, length, 3))
        trace = net.trace(data, np.zeros((2, 4)), loss="mse")
        assert trace["h.u"].shape == trace.grad["h.u"].shape == (2, length, 4)


def test_integers_have_values_and_no_gradient():
    x = dp.Input((5,), dtype="int64", name="x")
    net = dp.Model(x, dp.Dense(2)(dp.Flatten()(dp.Embedding(7, 3, name="e")(x))), dtype="float64", seed=1)
    data = np.random.default_rng(0).integers(0, 7, (4, 5))
    trace = net.trace(data, np.ones((4, 2)), loss="mse")
    assert_array_equal(trace["x"], data)
    assert trace["x"].dtype == np.int64 and "x" not in trace.grad
    with pytest.raises(dp.NotFound, match='no gradient with respect to "x": it is not differentiated'):
        trace.grad["x"]
    W = next(name for name in net.parameters if name.startswith("e."))
    expected = np.zeros((7, 3))
    np.add.at(expected, data, trace.grad["e"])
    assert_allclose(trace.grad[W], expected, rtol=1e-13, atol=1e-15)
    with pytest.raises(dp.InvalidArgument):
        net.trace(np.full((4, 5), 7), np.ones((4, 2)), loss="mse")


def test_a_batch_without_rows():
    trace = notes_network().trace(np.zeros((0, 2)), np.zeros((0, 2)), loss=HALF)
    assert trace["u1"].shape == trace.grad["u1"].shape == (0, 3)
    assert trace.loss == 0
    assert_array_equal(trace.grad["W1"], np.zeros((2, 3)))
    assert "u1 (0, 3)\n  []" in str(trace)


def test_what_is_not_finite_is_shown():
    net = notes_network()
    trace = net.trace([[np.nan, 2.0]], [[1.0, 3.0]], loss=HALF)
    assert np.isnan(trace["u1"]).all() and np.isnan(trace.grad["W3"]).all() and np.isnan(trace.loss)
    assert "nan" in str(trace)
    trace = net.trace([[np.inf, -np.inf]])
    assert np.isnan(trace["u1"]).all() and "[[ inf, -inf]]" in str(trace)


def test_frozen_parameters_have_no_gradient_but_what_is_before_them_has():
    net, (x, t) = notes_network(), random_batch(3, 2, 2)
    net.set_trainable("W2", False)
    trace = net.trace(x, t, loss=HALF)
    assert "W2" not in trace.grad and "b2" in trace.grad
    assert_allclose(
        trace.grad["u1"], trace.grad["u2"] @ trace["W2"].T * (trace["u1"] > 0), rtol=1e-13, atol=1e-15
    )
    net.set_trainable("W1", False), net.set_trainable("b1", False)
    assert_array_equal(net.trace(x, t, loss=HALF).grad["x"], trace.grad["x"])


def test_training_or_inference():
    net = dp.Sequential(
        [dp.Dropout(0.5, name="drop"), dp.BatchNorm(name="norm"), dp.Dense(1)],
        input_shape=(50,),
        seed=1,
        dtype="float64",
    )
    x, t = random_batch(20, 50, 1)
    assert_array_equal(net.trace(x)["drop"], x)
    assert_array_equal(net.trace(x)["norm"], net.forward(x, training=False) * 0 + net.trace(x)["norm"])
    trained = net.trace(x, training=True)
    assert 0.4 < (trained["drop"] == 0).mean() < 0.6 and len(trained.grad) == 0
    assert_allclose(trained["norm"].mean(0), 0, atol=1e-12)
    assert_array_equal(
        net.trace(x, t, loss="mse")["norm.running_mean"], np.zeros(50)
    )  # as it was before the batch
    plain = net.trace(x, t, loss="mse", training=False)
    assert_array_equal(plain["drop"], x)
    assert len(plain.grad) == 0 and plain.loss == pytest.approx(net.loss(x, t, loss="mse"), rel=1e-12)
    with pytest.raises(dp.NotFound, match="computes gradients"):
        plain.grad["drop"]


def test_a_value_that_the_loss_does_not_reach_has_a_gradient_of_zero():
    x = dp.Input((3,), name="x")
    first, second = dp.Dense(2, name="first")(x), dp.Dense(2, activation="tanh", name="second")(x)
    net = dp.Model(x, {"a": first, "b": second}, dtype="float64", seed=1)
    data, t = random_batch(4, 3, 2)
    trace = net.trace(data, {"a": t}, loss={"a": "mse"})
    for label in ("second", "second.u", "second.W", "second.b"):
        if label in trace.grad:
            assert_array_equal(trace.grad[label], np.zeros_like(trace[label]))
    assert {"second", "second.W"} <= set(trace.grad)
    assert_allclose(trace.grad["x"], trace.grad["first"] @ trace["first.W"].T, rtol=1e-13)


def test_several_losses_with_weights():
    x = dp.Input((3,), name="x")
    h = dp.Dense(4, activation="tanh", name="h")(x)
    net = dp.Model(x, {"a": dp.Dense(2, name="a")(h), "b": dp.Dense(1, name="b")(h)}, dtype="float64", seed=1)
    data, t = random_batch(4, 3, 2)
    loss = dp.Sum(dp.MeanSquaredError("a"), 0.25 * dp.Huber("b"))
    trace = net.trace(data, {"a": t, "b": t[:, :1]}, loss=loss)
    terms = [label for label in trace if trace.kind(label) == "loss"]
    assert terms == ["mean_squared_error_1", "huber_1"]
    assert trace.loss == pytest.approx(trace[terms[0]] + 0.25 * trace[terms[1]], rel=1e-14)
    for name, gradient in net.gradients(data, {"a": t, "b": t[:, :1]}, loss=loss, wrt=["h", "h.W"]).items():
        assert_allclose(trace.grad[name], gradient, rtol=1e-13, atol=1e-16)


def test_large_tensors_are_abbreviated_in_print():
    net = dp.Sequential([dp.Dense(30)], input_shape=(40,), names="book", seed=1)
    text = str(net.trace(np.ones((50, 40))))
    assert "W1 (40, 30)\n" in text and "…" in text
    assert len(text) < 3000


def test_bad_input_is_refused_and_named():
    net = notes_network()
    with pytest.raises(dp.ShapeError, match='input "input_1": expected'):
        net.trace(np.zeros((3, 3)))
    with pytest.raises(dp.BadState, match="there is no loss yet"):
        net.trace(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(dp.ShapeError):
        net.trace(np.zeros((3, 2)), np.zeros((2, 2)), loss=HALF)
    with pytest.raises(dp.ShapeError):
        net.trace(np.zeros((3, 2)), np.zeros((3, 5)), loss=HALF)
    trace = net.trace(np.zeros((3, 2)))
    with pytest.raises(dp.NotFound, match='nothing called "W9"'):
        trace["W9"]
    with pytest.raises(dp.TypeMismatch):
        trace[3]
    assert "W9" not in trace and "W1" in trace
    net.close()
    with pytest.raises(dp.BadState):
        net.trace(np.zeros((3, 2)))
