"""Jacobians, products with them and with the Hessian, and gradients row by row, against closed forms."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


def make(dtype="float64", **named):
    layers = [dp.Dense(4, activation="tanh", name="h"), dp.Dense(2, name="y")]
    return dp.Sequential(layers, (3,), dtype=dtype, seed=3, **named)


@pytest.fixture
def net():
    return make()


@pytest.fixture
def data(rng):
    return rng.normal(size=(5, 3)), rng.normal(size=(5, 2))


def by_hand(p, x):
    """The Jacobian of y = tanh(xW + b)V + c, row by row."""
    W, V, h = p["h.W"], p["y.W"], np.tanh(x @ p["h.W"] + p["h.b"])
    dh = 1 - h**2
    rows, eye = len(x), np.eye(2)
    return {
        "h.W": np.einsum("ri,rj,jk->rkij", x, dh, V),
        "h.b": np.einsum("rj,jk->rkj", dh, V),
        "y.W": np.einsum("rj,kl->rkjl", h, eye),
        "y.b": np.broadcast_to(eye, (rows, 2, 2)),
        "input_1": np.einsum("ij,rj,jk->rki", W, dh, V),
    }


def direction(net, rng, **more):
    return {name: rng.normal(size=array.shape) for name, array in net.parameters.items()} | more


# -- jacobian ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_the_jacobian_of_every_parameter_and_input(dtype, tolerance, data):
    net, x = make(dtype), data[0]
    expected = by_hand({name: np.array(a, "f8") for name, a in net.parameters.items()}, x)
    before = net.to_bytes()
    found = net.jacobian(x, wrt=list(expected))
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == dtype and found[name].shape == value.shape
        assert_allclose(found[name], value, rtol=tolerance, atol=tolerance, err_msg=name)
    assert_allclose(net.jacobian(x, wrt="input_1")["input_1"], expected["input_1"], atol=tolerance)
    assert list(net.jacobian(x)) == ["h.W", "h.b", "y.W", "y.b"]
    one = net.jacobian(x[2], wrt=["input_1", "h.W"])
    assert_allclose(one["input_1"], expected["input_1"][2], atol=tolerance)
    assert_allclose(one["h.W"], expected["h.W"][2], atol=tolerance)
    assert net.to_bytes() == before


def test_several_outputs_have_a_jacobian_each(data):
    x = dp.Input((3,), name="x")
    a, b = dp.Dense(2, name="a")(x), dp.Dense(1, name="b")(x)
    net = dp.Model(x, {"first": a, "second": b}, dtype="float64", seed=1)
    found = net.jacobian(data[0], wrt=["x", "a.b"])
    assert_array_equal(found["first"]["x"], np.broadcast_to(net.parameters["a.W"].T, (5, 2, 3)))
    assert_array_equal(found["second"]["x"], np.broadcast_to(net.parameters["b.W"].T, (5, 1, 3)))
    assert_array_equal(found["first"]["a.b"], np.broadcast_to(np.eye(2), (5, 2, 2)))
    assert_array_equal(found["second"]["a.b"], np.zeros((5, 1, 2)))


def test_outputs_with_axes_and_an_input_that_is_no_float(rng):
    words = dp.Input((2,), dtype="int32", name="words")
    scale = dp.Input((2, 3), name="scale")
    net = dp.Model([words, scale], dp.Embedding(5, 3, name="e")(words) * scale, dtype="float64", seed=0)
    x = [np.array([[0, 3], [4, 4]]), rng.normal(size=(2, 2, 3))]
    found = net.jacobian(x, wrt=["scale", "e.W"])
    assert found["scale"].shape == (2, 2, 3, 2, 3) and found["e.W"].shape == (2, 2, 3, 5, 3)
    for row in range(2):
        for position in range(2):
            word = x[0][row, position]
            for k in range(3):
                expected = np.zeros((2, 3))
                expected[position, k] = net.parameters["e.W"][word, k]
                assert_array_equal(found["scale"][row, position, k], expected)
                expected = np.zeros((5, 3))
                expected[word, k] = x[1][row, position, k]
                assert_array_equal(found["e.W"][row, position, k], expected)
    with pytest.raises(dp.NotFound, match="words"):
        net.jacobian(x, wrt="words")


def test_the_jacobian_of_relu_at_its_kink():
    net = dp.Sequential([dp.ReLU()], (3,), dtype="float64")
    assert_array_equal(net.jacobian([-1.0, 0.0, 2.0], wrt="input_1")["input_1"], np.diag([0.0, 0, 1]))


MIXED = {
    "dropout": lambda: [dp.Dense(8), dp.Dropout(rate=0.5)],
    "noise": lambda: [dp.Dense(8), dp.GaussianNoise(0.1)],
    "batch_norm": lambda: [dp.Dense(8), dp.BatchNorm()],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", MIXED)
def test_a_row_that_has_no_derivatives_of_its_own_is_refused(kind, dtype, rng):
    net = dp.Sequential(MIXED[kind](), (3,), dtype=dtype, seed=1)
    x, t = rng.normal(size=(6, 3)), np.zeros((6, 8))
    before = net.to_bytes()
    for call in (lambda: net.jacobian(x), lambda: net.sample_gradients(x, t, loss="mse")):
        with pytest.raises(dp.InvalidArgument, match="no derivatives of its own"):
            call()
    assert net.to_bytes() == before


# -- jvp -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_jvp_is_the_contraction_of_the_jacobian(dtype, data, rng):
    net, x = make(dtype), data[0].astype(dtype)
    tangents = direction(net, rng, input_1=rng.normal(size=(5, 3)))
    before = net.to_bytes()
    jacobian = by_hand({name: np.array(a, "f8") for name, a in net.parameters.items()}, x.astype("f8"))
    expected = np.einsum("rki,ri->rk", jacobian.pop("input_1"), tangents["input_1"])
    for name, array in jacobian.items():
        expected += array.reshape(5, 2, -1) @ tangents[name].ravel()
    found = net.jvp(x, tangents)
    assert found.dtype == "float64" and found.shape == (5, 2)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
    assert_allclose(net.jvp(x[1], tangents | {"input_1": tangents["input_1"][1]}), expected[1], atol=1e-10)
    assert net.to_bytes() == before


def test_the_jvp_is_linear_whatever_the_size_of_its_tangents(net, data, rng):
    tangents = direction(net, rng)
    one = net.jvp(data[0], tangents)
    for factor in (1e-20, 1e-3, 1e6):
        scaled = {name: factor * value for name, value in tangents.items()}
        assert_allclose(net.jvp(data[0], scaled), factor * one, rtol=1e-8)
    for none in ({}, {"h.W": np.zeros((3, 4))}):
        assert_array_equal(net.jvp(data[0], none), np.zeros((5, 2)))


def test_the_jvp_with_large_inputs(rng):
    """Large values are moved in proportion, so that differences do not drown in rounding."""
    net = dp.Sequential([dp.Dense(2, activation="sigmoid", name="d")], (4,), dtype="float64", seed=1)
    net.parameters["d.W"] = rng.normal(size=(4, 2)) / 1e6
    x, v = rng.uniform(0, 1e6, size=(3, 4)), rng.normal(size=(3, 4))
    y = net.predict(x)
    assert_allclose(net.jvp(x, {"input_1": v}), y * (1 - y) * (v @ net.parameters["d.W"]), rtol=1e-8)


def test_the_jvp_of_a_network_that_is_another_one_in_training(rng):
    net = dp.Sequential([dp.Dense(3, name="d"), dp.BatchNorm(name="n"), dp.Dropout(rate=0.5)], (3,), seed=1)
    net.forward(rng.normal(size=(9, 3)), training=True)
    x, v = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    p = {name: np.array(array, "f8") for name, array in net.parameters.items()}
    scale = p["n.gamma"] / np.sqrt(p["n.running_var"] + 1e-5)
    assert_allclose(net.jvp(x, {"input_1": v}), v @ p["d.W"] * scale, rtol=1e-5)


# -- hvp -----------------------------------------------------------------------------------------------------


def test_the_hessian_of_a_linear_model(rng):
    """mean((XW + b - T)**2) has the Hessian 2/n [X 1]'[X 1] for each column."""
    net = dp.Sequential([dp.Dense(2, name="d")], (3,), dtype="float64", seed=1)
    x, t = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    V, v = rng.normal(size=(3, 2)), rng.normal(size=2)
    found = net.hvp(x, t, {"d.W": V, "d.b": v}, loss="mse")
    inner = 2 / 14 * (x @ V + v)
    assert_allclose(found["d.W"], x.T @ inner, rtol=1e-9)
    assert_allclose(found["d.b"], inner.sum(axis=0), rtol=1e-9)
    assert list(found) == ["d.W", "d.b"]
    dx = rng.normal(size=x.shape)  # and of the inputs: d/dx of 2/14 (XW + b - T) W'
    W = net.parameters["d.W"]
    assert_allclose(net.hvp(x, t, {"input_1": dx}, loss="mse")["input_1"], 2 / 14 * dx @ W @ W.T, rtol=1e-9)
    one = net.hvp(x[0], t[0], {"input_1": dx[0]}, loss="mse")["input_1"]
    assert_allclose(one, dx[0] @ W @ W.T, rtol=1e-9)


# Made by PyTorch 2 in float64: torch.autograd.functional.hvp of mean((tanh(xW + b)V + c - t)**2) at
# x = sin(0, 1, ... 11), W = cos(0 ... 7) / 2, b = sin(0, 1), V = cos(8 ... 9), c = 0.1, t = cos(0, 1, 2), v = 1.
TORCH_HVP = {
    "h.W": [
        0.7511785248553231,
        0.05432269399703549,
        0.5880052580293805,
        -1.3604277939862883,
        -0.11577733130359372,
        -1.5244072421128319,
        -0.7131147761705628,
        -0.28685370200502064,
    ],
    "h.b": [-1.4079235308514562, -2.682135207848286],
    "y.W": [-1.2076799624521586, -0.5855726516391913],
    "y.b": [1.2776379977721133],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_hessian_of_a_network_as_pytorch_has_it(dtype):
    net = dp.Sequential(
        [dp.Dense(2, activation="tanh", name="h"), dp.Dense(1, name="y")], (4,), dtype="float64"
    )
    net.parameters.update(
        {
            "h.W": np.cos(np.arange(8.0)).reshape(4, 2) / 2,
            "h.b": np.sin(np.arange(2.0)),
            "y.W": np.cos(np.arange(8.0, 10)).reshape(2, 1),
            "y.b": [0.1],
        }
    )
    if dtype == "float32":
        single = dp.Sequential(
            [dp.Dense(2, activation="tanh", name="h"), dp.Dense(1, name="y")], (4,), dtype="float32"
        )
        single.parameters.update(net.parameters)
        net = single
    x, t = np.sin(np.arange(12.0)).reshape(3, 4), np.cos(np.arange(3.0)).reshape(3, 1)
    found = net.hvp(x, t, {name: np.ones(array.shape) for name, array in net.parameters.items()}, loss="mse")
    for name, expected in TORCH_HVP.items():
        # The copy in float64 begins with rounded weights where the network has float32.
        assert_allclose(
            found[name].ravel(), expected, rtol=1e-9 if dtype == "float64" else 1e-5, err_msg=name
        )


def test_the_hessian_is_symmetric_with_dropout_and_batch_norm(rng):
    """So it is only if all evaluations have the same random numbers."""
    layers = [dp.Dense(16, activation="tanh"), dp.Dropout(rate=0.5), dp.BatchNorm(), dp.Dense(2)]
    net = dp.Sequential(layers, (3,), dtype="float64", seed=1)
    x, t = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    trained = net.gradients(x, t, loss="mse")
    u, v = ({name: rng.normal(size=a.shape) for name, a in trained.items()} for _ in range(2))
    before = net.to_bytes()
    hu, hv = net.hvp(x, t, u, loss="mse"), net.hvp(x, t, v, loss="mse")
    one, other = (sum((a[n] * b[n]).sum() for n in trained) for a, b in ((u, hv), (v, hu)))
    assert one == pytest.approx(other, rel=1e-7)
    for name, value in net.hvp(x, t, u, loss="mse").items():
        assert_array_equal(value, hu[name])
    assert net.to_bytes() == before


def test_frozen_parameters_move_and_have_no_gradient(net, data, rng):
    tangents = direction(net, rng)
    free = net.hvp(*data, tangents, loss="mse")
    net.set_trainable("h", False)
    found = net.hvp(*data, tangents, loss="mse")
    assert list(found) == ["y.W", "y.b"]
    for name, value in found.items():
        assert_allclose(value, free[name], rtol=1e-9, atol=1e-12)
    assert list(net.jacobian(data[0])) == ["y.W", "y.b"]
    with pytest.raises(dp.NotFound, match="not trained"):
        net.jacobian(data[0], wrt="h.W")


# -- sample_gradients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["mse", dp.MeanSquaredError(reduction="sum"), dp.Huber(delta=0.5)])
def test_each_row_has_the_gradient_of_a_batch_of_it(net, data, loss):
    x, t = data
    found = net.sample_gradients(x, t, loss=loss, wrt=["h.W", "y.b", "input_1"])
    for row in range(5):
        expected = net.gradients(x[row : row + 1], t[row : row + 1], loss=loss, wrt=["h.W", "y.b", "input_1"])
        for name, value in expected.items():
            assert_array_equal(found[name][row], value[0] if name == "input_1" else value)
    whole = net.gradients(x, t, loss=loss)
    total = {name: array.mean(axis=0) for name, array in net.sample_gradients(x, t, loss=loss).items()}
    for name, value in whole.items():
        factor = 5 if getattr(loss, "attributes", {}).get("reduction") == "sum" else 1
        assert_allclose(total[name] * factor, value, rtol=1e-10, atol=1e-14)
    one = net.sample_gradients(x[1], t[1], loss=loss)
    assert_array_equal(one["h.W"], net.sample_gradients(x, t, loss=loss)["h.W"][1])


def test_class_numbers_and_the_closed_form(rng):
    net = dp.Sequential([dp.Dense(3, name="d")], (4,), dtype="float64", seed=1)
    x, t = rng.normal(size=(6, 4)), np.array([0, 2, 1, 1, 0, 2])
    y = net.predict(x)
    e = np.exp(y - y.max(axis=1, keepdims=True))
    dy = e / e.sum(axis=1, keepdims=True) - np.eye(3)[t]
    found = net.sample_gradients(x, t, loss="softmax_cross_entropy")
    assert_allclose(found["d.W"], x[:, :, None] * dy[:, None, :], rtol=1e-9, atol=1e-14)
    assert_allclose(found["d.b"], dy, rtol=1e-9, atol=1e-14)


# -- bad input -----------------------------------------------------------------------------------------------


def test_bad_input_is_answered_with_a_sentence(net, data):
    x, t = data
    for call, error, words in (
        (lambda: net.jacobian(x[:, :2]), dp.ShapeError, "input_1"),
        (lambda: net.jacobian(x, wrt="h.Q"), dp.NotFound, 'h.Q.*did you mean "h'),
        (lambda: net.jacobian(x, wrt=3), dp.TypeMismatch, "wrt"),
        (lambda: net.jvp(x, [1, 2]), dp.TypeMismatch, "tangents are a dict"),
        (lambda: net.jvp(x, {"h.Q": t}), dp.NotFound, 'h.Q.*did you mean "h'),
        (lambda: net.jvp(x, {3: t}), dp.NotFound, "3"),
        (lambda: net.jvp(x, {"h.W": t}), dp.ShapeError, r'"h.W": expected \(3, 4\), got \(5, 2\)'),
        (lambda: net.jvp(x[0], {"input_1": x}), dp.ShapeError, r"expected \(3,\), got \(5, 3\)"),
        (lambda: net.jvp(x, {"h.b": [1, 2, np.nan, 0]}), dp.InvalidArgument, "NaN"),
        (lambda: net.jvp(x, {"h.b": ["a"] * 4}), dp.TypeMismatch, "numbers"),
        (lambda: net.hvp(x, t, {}), dp.BadState, "no loss yet"),
        (lambda: net.hvp(x, t[:3], {}, loss="mse"), dp.ShapeError, "target"),
        (lambda: net.hvp(x, t, None, loss="mse"), dp.TypeMismatch, "tangents are a dict"),
        (lambda: net.sample_gradients(x, t[:3], loss="mse"), dp.ShapeError, "target"),
        (lambda: net.sample_gradients(x, t), dp.BadState, "no loss yet"),
        (lambda: net.sample_gradients(x, t, loss="mse", wrt="Q"), dp.NotFound, '"Q"'),
    ):
        with pytest.raises(error, match=words):
            call()
    net.close()
    for call in (
        lambda: net.jacobian(x),
        lambda: net.jvp(x, {}),
        lambda: net.hvp(x, t, {}, loss="mse"),
        lambda: net.sample_gradients(x, t, loss="mse"),
    ):
        with pytest.raises(dp.BadState, match="closed"):
            call()


def test_a_loss_that_has_no_rows_of_its_own():
    net = make()
    with pytest.raises(dp.InvalidArgument, match="sum or a mean over rows"):
        net.sample_gradients(np.zeros((2, 3)), np.zeros((2, 2)), loss=dp.MeanSquaredError(reduction="none"))


def test_weights_that_a_trainer_has_learned_count(net, data, rng):
    net.compile("mse", dp.SGD(0.1))
    net.train_batch(*data)
    net.parameters["y.b"][:] = 0.25
    p = {name: np.array(array) for name, array in net.parameters.items()}
    expected = by_hand(p, data[0])["h.b"]
    net.train_batch(*data)
    net.parameters.update(p)
    assert_allclose(net.jacobian(data[0], wrt="h.b")["h.b"], expected, rtol=1e-12)
    v = rng.normal(size=4)
    assert_allclose(net.jvp(data[0], {"h.b": v}), expected @ v, rtol=1e-9)
