"""Loss surfaces against formulas and against setting the weights one by one; numerical gradients."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest

X = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])[:, None]
T = 2 * X + 1


def line(dtype="float64"):
    net = dp.Sequential([dp.Dense(1)], input_shape=(1,), dtype=dtype, names="book")
    net.parameters.update(W1=[[3]], b1=[2])
    net.compile(loss="mean_squared_error", optimizer=dp.SGD(0.1))
    return net


def network(dtype="float64"):
    layers = [dp.Dense(5, activation="tanh"), dp.BatchNorm(), dp.Dropout(0.5), dp.Dense(3)]
    net = dp.Sequential(layers, (4,), dtype=dtype, seed=3)
    net.compile("softmax_cross_entropy", "adam")
    return net


@pytest.fixture
def data(rng):
    return rng.normal(size=(20, 4)), rng.integers(0, 3, 20)


def test_the_notes_surface():
    net = line()
    surface = dp.loss_surface(net, X, T, "W1", "b1", range=(-10, 10), steps=41)
    assert surface.losses.size == 1681 and surface.labels == ("W1", "b1")
    assert surface.minimum == (2.0, 1.0, 0.0)
    assert (surface.losses > 0).sum() == 1680
    w, b = surface.a[:, None], surface.b[None, :]
    closed = (w - 2) ** 2 * (X**2).mean() + 2 * (w - 2) * (b - 1) * X.mean() + (b - 1) ** 2
    np.testing.assert_allclose(surface.losses, closed, rtol=1e-13)
    # n E = w^2 SX2 + n b^2 + SY2 - 2 w SXY - 2 b SY + 2 w b SX
    n = len(X)
    constants = np.array(surface.quadratic[:6]) * n
    wanted = [(X**2).sum(), n, 2 * X.sum(), -2 * (X * T).sum(), -2 * T.sum(), (T**2).sum()]
    np.testing.assert_allclose(constants, wanted, atol=1e-11)
    assert surface.quadratic.error < 1e-11
    assert net.parameters["W1"][0, 0] == 3 and net.parameters["b1"][0] == 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_beside_weights_that_are_set(dtype, data):
    net = network(dtype)
    net.fit(*data, epochs=2)
    before = net.to_bytes()
    surface = dp.loss_surface(
        net, *data, ("dense_1.W", (2, 1)), ("dense_2.b", 0), range=((-2, 1), (0, 3)), steps=(4, 3)
    )
    line_only = dp.loss_surface(net, *data, ("dense_1.W", (2, 1)), range=(-2, 1), steps=4)
    assert net.to_bytes() == before
    assert surface.losses.shape == (4, 3) and line_only.losses.shape == (4,) and line_only.b is None
    held, other = net.parameters["dense_1.W"], net.parameters["dense_2.b"]
    given = held[2, 1], other[0]
    for i, a in enumerate(surface.a):
        held[2, 1], other[0] = a, given[1]
        np.testing.assert_allclose(
            line_only.losses[i], net.loss(*data), rtol=1e-6 if dtype == "float32" else 1e-15
        )
        for j, b in enumerate(surface.b):
            other[0] = b
            np.testing.assert_allclose(
                surface.losses[i, j], net.loss(*data), rtol=1e-6 if dtype == "float32" else 1e-15
            )


def test_directions(data):
    net = network()
    names = list(net.parameters)
    start = {name: value.copy() for name, value in net.parameters.items()}
    surface = dp.loss_surface(net, *data, directions="random", normalize="filter", seed=1, steps=3)
    again = dp.loss_surface(net, *data, directions="random", normalize="filter", seed=1, steps=3)
    np.testing.assert_array_equal(surface.losses, again.losses)
    np.testing.assert_allclose(surface.losses[1, 1], net.loss(*data), rtol=1e-15)
    other = dp.loss_surface(net, *data, directions="random", normalize="filter", seed=2, steps=3)
    assert not np.array_equal(surface.first, other.first) and not np.array_equal(
        surface.first, surface.second
    )
    first = 0
    for name in names:
        own = surface.first[first : first + start[name].size].reshape(start[name].shape)
        first += start[name].size
        if own.ndim == 1:
            assert not own.any()
        else:
            np.testing.assert_allclose(
                np.linalg.norm(own, axis=0), np.linalg.norm(start[name], axis=0), rtol=1e-12
            )
    plain = dp.loss_surface(net, *data, directions="random", seed=1, steps=1, range=(0, 0))
    trained = np.concatenate([np.full(start[n].size, "running" not in n) for n in names])
    assert (plain.first[trained] != 0).all() and not plain.first[~trained].any()
    # Through three checkpoints.
    sets = [start]
    for _ in range(2):
        net.fit(*data, epochs=3)
        sets.append({name: value.copy() for name, value in net.parameters.items()})
    through = dp.loss_surface(net, *data, directions=sets, range=(0, 1), steps=2)
    last = net.loss(*data)
    np.testing.assert_allclose(through.losses[0, 1], last, rtol=1e-12)
    net.parameters.update(sets[1])
    np.testing.assert_allclose(through.losses[1, 0], net.loss(*data), rtol=1e-12)
    vector = np.concatenate([sets[1][name].ravel() for name in names])
    np.testing.assert_allclose(through.project(vector), (1, 0), atol=1e-10)


def test_not_finite():
    surface = dp.loss_surface(line("float32"), X, T, "W1", "b1", range=(-1e30, 1e30), steps=3)
    assert np.isinf(surface.losses).sum() == 8
    assert surface.minimum.first == 0 and surface.minimum.second == 0


def test_refused(data):
    net = network()
    for words, arguments, kwargs in [
        ("choose an element", ("dense_1.W",), {}),
        ("no element", (("dense_1.W", (9, 0)),), {}),
        ("no parameter", (("W9", 0),), {}),
        ("give one of these", (), {}),
        ("give one of these", (("dense_2.b", 0),), {"directions": "random"}),
        ("twice", (("dense_2.b", 0), ("dense_2.b", (0,))), {}),
        ("normalize", (("dense_2.b", 0),), {"normalize": "filter"}),
        ("normalize", (), {"directions": "random", "normalize": "layer"}),
        ("directions", (), {"directions": "up"}),
        ("directions", (), {"directions": 3}),
        ("elements, got 5", (), {"directions": [np.zeros(5), np.zeros(5)]}),
        ("missing", (), {"directions": [{}, {}, {}]}),
        ("range", (("dense_2.b", 0),), {"range": 3}),
        ("steps", (("dense_2.b", 0),), {"steps": 0}),
        ("finite", (("dense_2.b", 0),), {"range": (0, float("nan"))}),
    ]:
        with pytest.raises(dp.DenpaError, match=words):
            dp.loss_surface(net, *data, *arguments, **kwargs)
    with pytest.raises(dp.TypeMismatch, match="network"):
        dp.loss_surface(None, *data, "W1")
    with pytest.raises(dp.InvalidArgument, match="rows"):
        dp.loss_surface(net, data[0][:0], data[1][:0], ("dense_2.b", 0))


# -- numerical gradients ---------------------------------------------------------------------------------------


def test_functions_of_arrays(rng):
    x = rng.normal(size=(3, 2))
    wanted = np.cos(x) * np.exp(np.sin(x))
    kept = x.copy()
    for points, tolerance in ((2, 1e-9), (5, 1e-12)):
        got = dp.numerical_gradient(lambda: np.exp(np.sin(x)).sum(), x, points=points)
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(x, kept)
    # 2 points with a given step: the error is that of the formula, f''' h² / 6.
    y = np.array([2.0])
    assert dp.numerical_gradient(lambda: y[0] ** 3, y, h=0.5, points=2)[0] == 12 + 0.25
    assert dp.numerical_gradient(lambda: y[0] ** 3, y, h=0.5, points=5)[0] == pytest.approx(12, abs=1e-14)
    z = x.astype("float32")
    got = dp.numerical_gradient(lambda: float(np.exp(np.sin(z.astype("float64"))).sum()), z)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)
    assert dp.numerical_gradient(lambda: 1.0, np.zeros((0, 3))).shape == (0, 3)
    scalar = np.array(3.0)
    assert dp.numerical_gradient(lambda: scalar * scalar, scalar) == pytest.approx(6, abs=1e-10)


def test_of_a_loss_and_of_a_layer(data):
    net = dp.Sequential([dp.Dense(5, activation="tanh"), dp.Dense(3)], (4,), dtype="float64", seed=3)
    net.compile("softmax_cross_entropy", "adam")
    x, t = data
    loss, gradients = net.loss_and_gradients(x, t)
    for name in ("dense_1.W", "dense_2.b"):
        numerical = dp.numerical_gradient(lambda: net.loss(x, t), net.parameters[name])
        np.testing.assert_allclose(numerical, gradients[name], atol=1e-11)
    assert net.loss(x, t) == loss
    layer, v = dp.Softplus(), np.array([-1.0, 0.5])
    layer.forward(v)
    numerical = dp.numerical_gradient(lambda: layer.forward(v).sum(), v)
    layer.forward(v)
    np.testing.assert_allclose(numerical, layer.backward(np.ones(2)), atol=1e-11)


def test_failures_restore_x():
    x = np.array([1.0, 2.0, 3.0])
    calls = []

    def fails():
        calls.append(x.copy())
        if len(calls) == 6:
            raise KeyError("here")
        return x.sum()

    with pytest.raises(KeyError, match="here"):
        dp.numerical_gradient(fails, x)
    np.testing.assert_array_equal(x, [1, 2, 3])
    with pytest.raises(dp.InvalidArgument, match="too|small"):
        dp.numerical_gradient(lambda: 0.0, np.array([1e30]), h=1e-3)
    for words, function, given, kwargs in [
        ("function", 3, x, {}),
        ("float32 or float64", len, [1.0], {}),
        ("float32 or float64", len, np.arange(3), {}),
        ("contiguous", len, np.zeros((3, 4)).T, {}),
        ("points", len, x, {"points": 3}),
        ("h must be above 0", len, x, {"h": 0.0}),
    ]:
        with pytest.raises(dp.DenpaError, match=words):
            dp.numerical_gradient(function, given, **kwargs)
    with pytest.raises(ValueError):
        dp.numerical_gradient(lambda: "no number", x)  # what float() says
