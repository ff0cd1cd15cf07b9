"""Layers with weights, state or random numbers beside NumPy and numerical differentiation."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from test_arithmetic import check, numbers


# -- matmul, split -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("transpose", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("outer", [((), ()), ((2,), (2,)), ((2,), ()), ((3, 1), (2,))])
def test_matmul(transpose, outer):
    ta, tb = transpose
    a = (*outer[0], *((5, 4) if ta else (4, 5)))
    b = (*outer[1], *((3, 5) if tb else (5, 3)))

    def reference(a, b):
        rank = max(a.ndim, b.ndim)
        a, b = (x.reshape(x.shape[0], *[1] * (rank - x.ndim), *x.shape[1:]) for x in (a, b))
        return np.matmul(np.swapaxes(a, -1, -2) if ta else a, np.swapaxes(b, -1, -2) if tb else b)

    check(lambda a, b: dp.Matmul(transpose_a=ta, transpose_b=tb)(a, b), reference, a, b)


def test_matmul_operator_and_sizes_that_are_divided():
    a, b = dp.Input((70, 60)), dp.Input((60, 90))
    net = dp.Model([a, b], a @ b, dtype="float64")
    x, w = numbers(5, 70, 60), numbers(5, 60, 90, seed=1)
    assert_allclose(net.predict([x, w]), x @ w, rtol=1e-12)
    with pytest.raises(dp.ShapeError, match="as many columns of a as rows of b, got 60 and 70"):
        a @ dp.Input((70, 3))


def test_split():
    x = dp.Input((4, 6))
    parts = dp.Split(sizes=[1, 3, 2])(x)
    assert [part.shape for part in parts] == [(None, 4, 1), (None, 4, 3), (None, 4, 2)]
    halves = dp.split(x, axis=1, parts=2)
    net = dp.Model(x, [*parts, *halves], dtype="float64")
    given = numbers(3, 4, 6)
    got = net.forward(given, training=True)
    expected = [*np.split(given, [1, 4], axis=2), *np.split(given, 2, axis=1)]
    for one, other in zip(got, expected):
        assert_array_equal(one, other)
    weights = [numbers(*e.shape, seed=s) for s, e in enumerate(expected)]
    joined = np.concatenate(weights[:3], axis=2) + np.concatenate(weights[3:], axis=1)
    assert_allclose(net.backward(weights), joined, rtol=1e-15)
    with pytest.raises(dp.ShapeError, match="add up to 5"):
        dp.Split(sizes=[2, 3])(x)
    with pytest.raises(dp.ShapeError, match="cannot be divided into 4 parts"):
        dp.Split(parts=4)(x)
    with pytest.raises(dp.InvalidArgument, match="one of them"):
        dp.Split()(x)


# -- normalization -------------------------------------------------------------------------------------------
def standardized(x, axes, epsilon=1e-5):
    return (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_layer_norm(axis):
    axes = tuple(range(axis % 3, 3))
    check(dp.LayerNorm(axis=axis), lambda x: standardized(x, axes), (4, 5))


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_batch_norm_in_training(axis):
    axes = tuple(other for other in range(3) if other != axis % 3)
    check(dp.BatchNorm(axis=axis), lambda x: standardized(x, axes), (4, 5), rows=5)


def test_batch_norm_follows_the_batches():
    x = dp.Input(3)
    net = dp.Model(x, dp.BatchNorm(name="bn", momentum=0.3)(x), dtype="float64")
    mean, variance = np.zeros(3), np.ones(3)
    for seed, rows in enumerate([6, 1, 0, 4]):
        batch = numbers(rows, 3, seed=seed)
        net.forward(batch, training=True)
        if rows:
            mean = 0.7 * mean + 0.3 * batch.mean(axis=0)
            variance = 0.7 * variance + 0.3 * batch.var(axis=0) * (rows / (rows - 1) if rows > 1 else 1)
    assert_allclose(net.parameters["bn.running_mean"], mean, rtol=1e-14)
    assert_allclose(net.parameters["bn.running_var"], variance, rtol=1e-14)
    given = numbers(7, 3, seed=9)
    assert_allclose(net.predict(given), (given - mean) / np.sqrt(variance + 1e-5), rtol=1e-13)
    # Prediction changes nothing, and a row is what it is alone.
    assert_allclose(net.parameters["bn.running_mean"], mean, rtol=1e-14)
    assert_array_equal(net.predict(given)[2:3], net.predict(given[2:3]))


def test_batch_norm_states_are_those_before_a_refused_step():
    net = dp.Sequential([dp.BatchNorm(name="bn"), dp.Dense(1)], input_shape=3, dtype="float64")
    net.compile("mean_squared_error", dp.SGD(0.01))
    x, t = numbers(8, 3), numbers(8, 1)
    net.train_batch(x, t)
    before = {name: np.array(value) for name, value in net.parameters.items()}
    x[3, 1] = np.inf
    with pytest.raises(dp.NotFinite):
        net.train_batch(x, t)
    for name, value in before.items():
        assert_array_equal(net.parameters[name], value)


# -- maxout --------------------------------------------------------------------------------------------------
def test_maxout_learns_a_function_that_is_not_monotonic():
    x = np.linspace(-2, 2, 200)[:, None]
    net = dp.Sequential([dp.Maxout(units=8, pieces=3), dp.Dense(1)], 1, seed=1)
    net.fit(x, x**2, loss="mse", optimizer=dp.Adam(0.02), epochs=60, batch_size=20)
    assert net.evaluate(x, x**2) < 0.01


def test_maxout_keeps_the_mean_square():
    """Which is what the default initializer is for."""
    net = dp.Sequential([dp.Maxout(units=500)], 400, dtype="float64")
    y = net.predict(np.random.default_rng(0).normal(size=(200, 400)))
    assert_allclose((y**2).mean(), 1, rtol=0.05)


def test_refusals_of_maxout_and_group_norm():
    with pytest.raises(dp.ShapeError, match=r"expected x of shape \(rows, in\)"):
        dp.Maxout(units=2)(dp.Input(()))
    with pytest.raises(dp.InvalidArgument, match='attribute "pieces" must be at least 1 .*, got 0'):
        dp.Maxout(units=2, pieces=0)(dp.Input(3))
    with pytest.raises(dp.ShapeError, match="6 channels cannot be divided into 4 groups"):
        dp.GroupNorm(groups=4)(dp.Input((5, 6)))
    with pytest.raises(dp.ShapeError, match=r"expected x of shape \(rows, …, channels\)"):
        dp.GroupNorm(groups=1)(dp.Input(()))
    with pytest.raises(dp.InvalidArgument, match='attribute "groups" must be at least 1 .*, got 0'):
        dp.GroupNorm(groups=0)(dp.Input(4))


@pytest.mark.parametrize("layer", [dp.GroupNorm(groups=2), dp.Softmax(axis=1), dp.LogSoftmax(axis=2)])
def test_open_extents_of_layers_with_axes(layer):
    value = dp.Input((None, None, 4))
    net = dp.Model(value, layer(value), dtype="float64")
    for shape in ((3, 2, 5, 4), (2, 7, 1, 4)):
        x = numbers(*shape)
        known = dp.Input(shape[1:])
        fixed = dp.Model(known, type(layer)(**layer.attributes)(known), dtype="float64")
        assert_array_equal(net.predict(x), fixed.predict(x))


# -- embedding -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_embedding(dtype):
    x = dp.Input(4, dtype=dtype)
    net = dp.Model(x, dp.Embedding(count=6, units=3, name="table")(x), dtype="float64")
    indices = np.array([[0, 5, 5, 2], [5, 1, 1, 1]], dtype=dtype)
    table = np.array(net.parameters["table.W"])
    assert_array_equal(net.forward(indices, training=True), table[indices])
    weights = numbers(2, 4, 3)
    net.backward(weights)
    expected = np.zeros_like(table)
    np.add.at(expected, indices.astype(int), weights)
    assert_allclose(net.grads["table.W"], expected, rtol=1e-14)


def test_embedding_names_the_row_of_a_wrong_index():
    x = dp.Input(3, dtype="int64")
    net = dp.Model(x, dp.Dense(1)(dp.Embedding(count=6, units=2, name="table")(x)))
    indices = np.zeros((5, 3), np.int64)
    for wrong in (6, -1):
        indices[3, 1] = wrong
        message = f'embedding "table": expected indices from 0 to 5, got {wrong} in row 3, position 1'
        with pytest.raises(dp.InvalidArgument, match=message):
            net.predict(indices)
    with pytest.raises(dp.TypeMismatch, match="integer"):
        dp.Embedding(count=3, units=2)(dp.Input(3))


# -- convolution ---------------------------------------------------------------------------------------------
def convolved(x, W, strides=(1, 1), pads=(0, 0, 0, 0), dilation=(1, 1), groups=1):
    """By loops over windows and filters."""
    top, bottom, left, right = pads
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    kh, kw, channels, filters = W.shape
    down = (x.shape[1] - dilation[0] * (kh - 1) - 1) // strides[0] + 1
    across = (x.shape[2] - dilation[1] * (kw - 1) - 1) // strides[1] + 1
    y = np.zeros((len(x), down, across, filters))
    for i in range(down):
        for j in range(across):
            window = x[
                :,
                i * strides[0] : i * strides[0] + dilation[0] * (kh - 1) + 1 : dilation[0],
                j * strides[1] : j * strides[1] + dilation[1] * (kw - 1) + 1 : dilation[1],
            ]
            for f in range(filters):
                first = f * groups // filters * channels
                y[:, i, j, f] = (window[..., first : first + channels] * W[..., f]).sum(axis=(1, 2, 3))
    return y


CONVOLUTIONS = {
    "plain": ({"kernel": 3}, {}),
    "one": ({"kernel": 1}, {}),
    "strides": ({"kernel": (2, 3), "strides": (2, 1)}, {"strides": (2, 1)}),
    "pads": ({"kernel": 3, "pads": (1, 0, 2, 1)}, {"pads": (1, 0, 2, 1)}),
    "same": ({"kernel": (3, 2), "padding": "same"}, {"pads": (1, 1, 0, 1)}),
    "same, strides": (
        {"kernel": 3, "padding": "same", "strides": 2},
        {"strides": (2, 2), "pads": (0, 1, 1, 1)},
    ),
    "dilation": ({"kernel": 2, "dilation": (2, 3)}, {"dilation": (2, 3)}),
    "groups": ({"kernel": 2, "groups": 2}, {"groups": 2}),
}


@pytest.mark.parametrize(("attributes", "reference"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_conv2d(attributes, reference):
    layer = dp.Conv2D(filters=4, bias=False, name="conv", **attributes)
    channels = 2 // reference.get("groups", 1)
    kernel = attributes["kernel"] if isinstance(attributes["kernel"], tuple) else (attributes["kernel"],) * 2
    W = numbers(*kernel, channels, 4, seed=3, low=-1, high=1)
    x = dp.Input((6, 5, 2))
    net = dp.Model(x, layer(x), dtype="float64")
    net.parameters["conv.W"] = W
    given = numbers(2, 6, 5, 2, low=-1, high=1)
    y = net.forward(given, training=True)
    expected = convolved(given, W, **reference)
    assert y.shape == expected.shape
    assert_allclose(y, expected, rtol=1e-12, atol=1e-13)
    weights = numbers(*y.shape, seed=8, low=-1, high=1)
    dx = net.backward(weights)
    dW = np.array(net.grads["conv.W"])
    # y is linear in x and in W: the gradient's product with a direction is the change along it.
    for seed in range(3):
        direction = numbers(*given.shape, seed=20 + seed, low=-1, high=1)
        change = (convolved(direction, W, **reference) * weights).sum()
        assert_allclose((dx * direction).sum(), change, rtol=1e-11, atol=1e-12)
        direction = numbers(*W.shape, seed=30 + seed, low=-1, high=1)
        change = (convolved(given, direction, **reference) * weights).sum()
        assert_allclose((dW * direction).sum(), change, rtol=1e-11, atol=1e-12)


def test_conv2d_learns_with_bias_and_activation():
    layers = [
        dp.Conv2D(filters=4, kernel=3, padding="same", activation="relu"),
        dp.BatchNorm(),
        dp.ReduceMax(axes=[1, 2]),
        dp.Dropout(0.1),
        dp.Dense(2),
    ]
    net = dp.Sequential(layers, input_shape=(8, 8, 1), seed=1)
    x = np.zeros((64, 8, 8, 1), np.float32)
    t = np.arange(64) % 2
    for row in range(64):
        place = row % 6
        x[row, place : place + 3, place, 0] = 1 - t[row]
        x[row, place, place : place + 3, 0] = t[row]
    history = net.fit(x, t, epochs=60, batch_size=16, loss="softmax_cross_entropy", optimizer=dp.Adam(0.02))
    assert history["accuracy"][-1] > 0.95


@pytest.mark.parametrize("rows", [1, 2])
def test_conv2d_of_one_image_by_several_threads(rows):
    """Windows that overlap are added by one thread: the gradient has the same bits for any number of them."""
    x, dy = numbers(rows, 20, 12, 17), numbers(rows, 20, 6, 2, seed=1)
    results, before = [], dp.threads()
    for threads in (1, 2, 3, 4):
        dp.set_threads(threads)
        try:
            layer = dp.Conv2D(filters=2, kernel=3, strides=(1, 2), padding="same")
            net = dp.Sequential([layer], input_shape=(20, 12, 17), seed=5)
            for _ in range(40):
                net.forward(x, training=True)
                results.append(net.backward(dy))
        finally:
            dp.set_threads(before)
    for other in results[1:]:
        assert_array_equal(results[0], other)


def test_conv2d_refusals():
    with pytest.raises(dp.ShapeError, match="smaller than a window of 3×3"):
        dp.Conv2D(filters=1, kernel=3)(dp.Input((2, 5, 1)))
    with pytest.raises(dp.ShapeError, match=r"\(rows, height, width, channels\)"):
        dp.Conv2D(filters=1, kernel=3)(dp.Input((5, 5)))
    with pytest.raises(dp.ShapeError, match="3 channels cannot be divided into 2 groups"):
        dp.Conv2D(filters=2, kernel=1, groups=2)(dp.Input((5, 5, 3)))
    with pytest.raises(dp.InvalidArgument, match="3 filters cannot be divided into 2 groups"):
        dp.Conv2D(filters=3, kernel=1, groups=2)(dp.Input((5, 5, 2)))
    with pytest.raises(dp.InvalidArgument, match="one number or two, got 3"):
        dp.Conv2D(filters=1, kernel=(1, 2, 3))(dp.Input((5, 5, 2)))
    with pytest.raises(dp.InvalidArgument, match="four numbers"):
        dp.Conv2D(filters=1, kernel=1, pads=(1, 1))(dp.Input((5, 5, 2)))


@pytest.mark.parametrize(
    "layer",
    [
        dp.Conv2D(filters=3, kernel=2, activation="tanh"),
        dp.LayerNorm(axis=1),
        dp.BatchNorm(),
        dp.Dropout(0.4),
        dp.GaussianNoise(0.4),
        dp.GroupNorm(groups=2),
        dp.Maxout(units=3, pieces=4),
        dp.LogSoftmax(axis=1),
    ],
    ids=lambda layer: layer.kind,
)
def test_check_gradients(layer):
    net = dp.Sequential([layer, dp.Flatten(), dp.Dense(2)], input_shape=(3, 4, 2), dtype="float64")
    report = net.check_gradients(numbers(4, 3, 4, 2), numbers(4, 2), loss="mean_squared_error")
    assert report.passed, report
