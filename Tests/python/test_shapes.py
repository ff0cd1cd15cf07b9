"""Layers that move elements, beside NumPy: values, gradients, indexing of graph values, and what is refused."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

SHAPE = (4, 3, 5)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


CASES = {
    "slice": (dp.Slice(start=1, stop=4), lambda x: x[..., 1:4]),
    "slice, from the end": (dp.Slice(axis=2, start=-3, stop=-1), lambda x: x[:, :, -3:-1]),
    "slice of an axis in between": (dp.Slice(axis=1, start=1), lambda x: x[:, 1:]),
    "transpose": (dp.Transpose(), lambda x: x.transpose(0, 3, 2, 1)),
    "transpose, axes": (dp.Transpose(axes=[2, 3, 1]), lambda x: x.transpose(0, 2, 3, 1)),
    "transpose, from the end": (dp.Transpose(axes=[1, -1, -2]), lambda x: x.transpose(0, 1, 3, 2)),
    "reshape": (dp.Reshape(shape=[5, -1, 2]), lambda x: x.reshape(len(x), 5, 6, 2)),
    "reshape to a vector": (dp.Reshape(shape=[60]), lambda x: x.reshape(len(x), 60)),
}


@pytest.mark.parametrize("rows", [0, 1, 2, 7])
@pytest.mark.parametrize(("layer", "expected"), CASES.values(), ids=CASES)
def test_values_and_gradients(layer, expected, rows):
    """The gradient of a layer that moves elements is that of sum(y * weights)."""
    x = dp.Input(SHAPE)
    net = dp.Model(x, layer(x), dtype="float64")
    given = numbers(rows, *SHAPE)
    y = net.forward(given, training=True)
    assert_array_equal(y, expected(given))
    weights = numbers(*y.shape, seed=1)
    places = np.arange(given.size).reshape(given.shape)
    wanted = np.zeros(given.size)
    wanted[expected(places).ravel()] = weights.ravel()
    assert_array_equal(net.backward(weights), wanted.reshape(given.shape))


@pytest.mark.parametrize("axis", [1, 2, -1])
@pytest.mark.parametrize(
    "joined", [(dp.Concat, np.concatenate), (dp.Stack, np.stack)], ids=["concat", "stack"]
)
def test_several_inputs(joined, axis):
    layer, function = joined
    inputs = [dp.Input((3, 4)) for _ in range(3)]
    net = dp.Model(inputs, layer(axis=axis)(inputs), dtype="float64")
    given = [numbers(6, 3, 4, seed=seed) for seed in range(3)]
    y = net.forward(given, training=True)
    assert_array_equal(y, function(given, axis=axis))
    weights = numbers(*y.shape, seed=9)
    gradients = list(net.backward(weights).values())
    split = np.moveaxis(weights, axis, 0)
    for number, gradient in enumerate(gradients):
        part = split[number] if layer is dp.Stack else np.moveaxis(np.split(split, 3)[number], 0, axis)
        assert_array_equal(gradient, part)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_views_go_into_parts(rows):
    """A transposed value into a stack, and a slice of a slice into a concat: both sides have gaps."""
    x = dp.Input((2, 3))
    turned = dp.Transpose()(x)
    outputs = [
        dp.Stack()([turned, turned]),
        dp.Stack(axis=-1)([turned, turned]),
        dp.Concat(axis=1)([turned, turned[:, 1:]]),
        dp.Concat()([x[:, :, 1:], x[:, :, :2]]),
        dp.Reshape(shape=[6])(turned),
        dp.Transpose()(turned[:, 1:, :1]),
    ]
    net = dp.Model(x, outputs, dtype="float64")
    given = numbers(rows, 2, 3)
    t = given.transpose(0, 2, 1)
    wanted = [
        np.stack([t, t], axis=1),
        np.stack([t, t], axis=-1),
        np.concatenate([t, t[:, 1:]], axis=1),
        np.concatenate([given[:, :, 1:], given[:, :, :2]], axis=2),
        t.reshape(rows, 6),
        t[:, 1:, :1].transpose(0, 2, 1),
    ]
    for training in (False, True):
        for got, expected in zip(net.forward(given, training=training), wanted):
            assert_array_equal(got, expected)
    for got, expected in zip(net.predict(given), wanted):
        assert_array_equal(got, expected)


def test_parts_that_overlap_add_up():
    """Gradients of slices that share elements, and of a value that is also read whole."""
    x = dp.Input((6,))
    y = dp.Concat()([x[:, :4], x[:, 2:], x, x[:, 3:5]])
    net = dp.Model(x, y, dtype="float64")
    given = numbers(5, 6)
    assert_array_equal(
        net.forward(given, training=True),
        np.concatenate([given[:, :4], given[:, 2:], given, given[:, 3:5]], axis=1),
    )
    d = numbers(5, 16, seed=1)
    wanted = d[:, 8:14].copy()
    wanted[:, :4] += d[:, :4]
    wanted[:, 2:] += d[:, 4:8]
    wanted[:, 3:5] += d[:, 14:]
    assert_allclose(net.backward(d), wanted, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_of_them_learns_right(dtype):
    x = dp.Input((4, 6))
    h = dp.Dense(5, activation="tanh")(x)
    parts = [dp.Dense(3)(h[:, k]) for k in range(4)]
    back = dp.Transpose()(dp.Stack()(parts))
    y = dp.Concat()([dp.Reshape(shape=[12])(back), dp.Flatten()(h)[:, 5:9]])
    net = dp.Model(x, dp.Dense(2)(y), dtype=dtype, seed=3)
    given, targets = numbers(7, 4, 6), numbers(7, 2, seed=1)
    report = net.check_gradients(given, targets, loss="mse", inputs=True)
    assert report.passed, report
    net.fit(given, targets, loss="mse", optimizer=dp.Adam(0.01), epochs=3, batch_size=3)
    same = dp.Model.from_bytes(net.to_bytes())
    assert_array_equal(same.predict(given), net.predict(given))


def test_integers_are_moved_too():
    x = dp.Input((2, 3), dtype="int32")
    net = dp.Model(x, [dp.Transpose()(x), x[:, 1], dp.Reshape(shape=[6])(x)])
    given = np.arange(24, dtype="int32").reshape(4, 2, 3)
    turned, row, flat = net.predict(given)
    assert_array_equal(turned, given.transpose(0, 2, 1))
    assert_array_equal(row, given[:, 1])
    assert_array_equal(flat, given.reshape(4, 6))
    assert turned.dtype == np.int32


def test_indexing():
    x = dp.Input(SHAPE)
    given = numbers(3, *SHAPE)
    places = [
        np.s_[:, 1],
        np.s_[:, -1, 0],
        np.s_[..., 1:3],
        np.s_[:, 0, ..., 2],
        np.s_[:, 1:3, :2, 4],
        np.s_[:],
        (),
    ]
    assert x[()] is x and dp.Input((0, 3))[:, :].shape == (None, 0, 3)
    for place in places:
        value = x[place]
        expected = given[place]
        assert value.shape == (None, *expected.shape[1:])
        if value is not x:
            assert_array_equal(dp.Model(x, value, dtype="float64").predict(given), expected)


REFUSED = {
    "batch": (lambda x: x[0], "the batch cannot be indexed"),
    "batch, sliced": (lambda x: x[1:], "the batch cannot be indexed"),
    "step": (lambda x: x[:, ::2], "no step"),
    "nothing": (lambda x: x[:, 3:2], "selects nothing"),
    "beyond": (lambda x: x[:, 9], "has 4 elements"),
    "axes": (lambda x: x[:, 1, 1, 1, 1], "4 axes"),
    "float": (lambda x: x[:, 1.5], "a slice or an integer"),
    "float in a slice": (lambda x: x[:, 0.5:2], "a slice or an integer"),
    "boolean": (lambda x: x[:, True], "a slice or an integer"),
    "array": (lambda x: x[:, np.array([0, 1])], "a slice or an integer"),
    "mask": (lambda x: x[np.array([True])], "the batch cannot be indexed"),
    "slice": (lambda x: dp.Slice(start=2, stop=9)(x), "no part of axis 3, which has 5"),
    "axis": (lambda x: dp.Slice(axis=4)(x), "axis 4 does not exist"),
    "axis 0": (lambda x: dp.Concat(axis=0)([x, x]), "axis 0 is the batch"),
    "concat": (lambda x: dp.Concat(axis=1)([x, x[:, :, 1:]]), "differ in axis 1 alone"),
    "stack": (lambda x: dp.Stack()([x, x[:, 1:]]), "inputs that are alike"),
    "transpose": (lambda x: dp.Transpose(axes=[1, 2])(x), "the numbers 1 to 3"),
    "reshape": (lambda x: dp.Reshape(shape=[7, -1])(x), "a shape of 60 elements"),
    "reshape twice": (lambda x: dp.Reshape(shape=[-1, -1])(x), "one may be"),
}


@pytest.mark.parametrize(("wrong", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(wrong, message):
    with pytest.raises(dp.DenpaError, match=message):
        wrong(dp.Input(SHAPE))


def test_deep_chains():
    """Views of views are views of the memory: neither time nor stack grows with their depth."""
    x = dp.Input((2, 3))
    value = x
    for _ in range(1500):
        value = dp.Transpose()(value)
    net = dp.Model(x, dp.Dense(2)(value), dtype="float64")
    short = dp.Model(x, dp.Dense(2)(dp.Reshape(shape=[2, 3])(x)), dtype="float64")
    short.parameters["dense_1.W"] = net.parameters["dense_1.W"]
    given = numbers(4, 2, 3)
    assert_array_equal(net.predict(given), short.predict(given))
    for one in (net, short):
        one.forward(given, training=True)
    seed = numbers(4, 2, 2, seed=1)
    assert_array_equal(net.backward(seed), short.backward(seed))


def test_the_layer_where_infinity_began():
    """Its name is that of the layer that wrote it, not of one whose gradient it was added to later."""
    x = dp.Input((4,))
    d = dp.Dense(5, name="d")(x)
    big = dp.Dense(1, name="big")(d[:, :2])
    net = dp.Model(x, [big, d[:, 2:4]])
    for name, value in (("d.W", 0), ("d.b", 1e-30), ("big.W", 1e30), ("big.b", 0)):
        net.parameters[name][...] = value
    targets = [np.full((2, 1), 1e9, "f4"), np.zeros((2, 2), "f4")]
    with pytest.raises(dp.NotFinite, match='dense "big": its gradients'):
        net.train_batch(np.ones((2, 4), "f4"), targets, loss=["mse", "mse"], optimizer="sgd")


def test_outputs_are_named_by_strings():
    x = dp.Input((2,))
    with pytest.raises(dp.DenpaError, match="named by strings"):
        dp.Model(x, {1: dp.Dense(2)(x)})
