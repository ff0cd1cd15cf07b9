"""Layers that are applied again in one network: the same parameters, gradients that add up, names, files."""

from __future__ import annotations

import copy
import pickle

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from test_arithmetic import numbers


def twins(dtype="float64", **options):
    """Two inputs, one encoder, and the difference of what it makes of them."""
    a, b = dp.Input(3, name="a"), dp.Input(3, name="b")
    encoder = dp.Dense(4, activation="tanh", name="encoder")
    out = dp.Dense(2, name="out")(encoder(a) - encoder(b))
    return dp.Model([a, b], out, dtype=dtype, seed=3, **options)


def by_hand(net, a, b):
    W, bias = net.parameters["encoder.W"], net.parameters["encoder.b"]
    h, g = np.tanh(a @ W + bias), np.tanh(b @ W + bias)
    return h, g, (h - g) @ net.parameters["out.W"] + net.parameters["out.b"]


def test_values_and_gradients():
    net, a, b, dy = twins(), numbers(5, 3), numbers(5, 3, seed=1), numbers(5, 2, seed=2)
    h, g, y = by_hand(net, a, b)
    assert_allclose(net.forward([a, b], training=True), y, rtol=1e-13)
    net.backward(dy)
    dh = dy @ net.parameters["out.W"].T
    du, dv = dh * (1 - h**2), -dh * (1 - g**2)
    assert_allclose(net.grads["encoder.W"], a.T @ du + b.T @ dv, rtol=1e-12)
    assert_allclose(net.grads["encoder.b"], du.sum(axis=0) + dv.sum(axis=0), rtol=1e-12, atol=1e-14)
    assert_allclose(net.predict([a, b]), y, rtol=1e-13)


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize(
    "layer, shape",
    [
        (dp.Dense(3), (3,)),
        (dp.Conv2D(filters=4, kernel=3, padding="same", groups=2), (3, 3, 4)),  # written part by part
        (dp.PReLU(), (4,)),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_gradients_are_added_to_those_before(rows, layer, shape):
    x = dp.Input(shape)
    net = dp.Model(x, layer(layer(x)), dtype="float64")
    given, dy = numbers(rows, *shape, low=-1), numbers(rows, *shape, seed=2)
    net.forward(given, training=True)
    net.backward(dy)
    once = {name: np.array(value) for name, value in net.grads.items()}
    assert all(value.any() for value in once.values())
    net.forward(given, training=True)
    net.backward(dy)
    for name, value in once.items():
        assert_allclose(net.grads[name], 2 * value, rtol=1e-12, atol=1e-14)
    net.zero_grads()
    net.forward(given, training=True)
    net.backward(dy)
    for name, value in once.items():
        assert_array_equal(net.grads[name], value)


@pytest.mark.parametrize(
    "layer, shape",
    [
        (dp.Dense(4, activation="gelu"), (5, 4)),
        (dp.Conv2D(filters=4, kernel=3, padding="same", groups=2), (3, 3, 4)),
        (dp.BatchNorm(), (5, 4)),
        (dp.LayerNorm(), (5, 4)),
        (dp.GroupNorm(groups=2), (3, 4)),
        (dp.RMSNorm(), (4,)),
        (dp.PReLU(), (3, 4)),
        (dp.Maxout(units=4), (4,)),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
@pytest.mark.parametrize("times", [2, 3])
def test_check_gradients(layer, shape, times):
    """One after the other, so that a layer's own output is its next input."""
    x = dp.Input(shape)
    value = x
    for _ in range(times):
        value = layer(value)
    net = dp.Model(x, dp.Dense(2)(dp.Flatten()(value)), dtype="float64")
    report = net.check_gradients(numbers(4, *shape, low=-1), numbers(4, 2), loss="mean_squared_error", inputs=True)
    assert report.passed, report


def test_embedding_of_two_sequences():
    a, b = dp.Input(4, dtype="int64"), dp.Input(2, dtype="int64")
    table = dp.Embedding(count=6, units=3, name="table")
    net = dp.Model([a, b], [table(a), table(b)], dtype="float64")
    x, y = np.array([[0, 5, 5, 2]]), np.array([[5, 1]])
    W = np.array(net.parameters["table.W"])
    h, g = net.forward([x, y], training=True)
    assert_array_equal(h, W[x])
    assert_array_equal(g, W[y])
    dh, dg = numbers(1, 4, 3), numbers(1, 2, 3, seed=1)
    net.backward([dh, dg])
    expected = np.zeros_like(W)
    np.add.at(expected, x, dh)
    np.add.at(expected, y, dg)
    assert_allclose(net.grads["table.W"], expected, rtol=1e-14)
    assert list(net.parameters) == ["table.W"]


@pytest.mark.parametrize("optimizer", [dp.SGD(0.1, momentum=0.9), dp.Adam(0.05), dp.LAMB(0.01)])
def test_training_is_that_of_one_layer(optimizer):
    """Tied weights: the network that has them once, for rows side by side, takes the same steps."""
    a, b, t = numbers(6, 3), numbers(6, 3, seed=1), numbers(6, 4, seed=2)
    x, y = dp.Input(3), dp.Input(3)
    layer = dp.Dense(4, name="d")
    tied = dp.Model([x, y], [layer(x), layer(y)], dtype="float64", seed=1)
    single = dp.Sequential([dp.Dense(4, name="d")], 3, dtype="float64", seed=1)
    for name in single.parameters:
        assert_array_equal(single.parameters[name], tied.parameters[name])
    both = dp.Sum(0.5 * dp.MeanSquaredError("d"), 0.5 * dp.MeanSquaredError("d_2"))
    tied.compile(both, copy.copy(optimizer))
    single.compile(dp.MeanSquaredError(), copy.copy(optimizer))
    for _ in range(4):
        tied.train_batch([a, b], [t, -t])
        single.train_batch(np.concatenate([a, b]), np.concatenate([t, -t]))
    for name in single.parameters:
        assert_allclose(tied.parameters[name], single.parameters[name], rtol=1e-10)


def test_names_layers_and_summary():
    net = twins()
    assert list(net.parameters) == ["encoder.W", "encoder.b", "out.W", "out.b"]
    assert net.parameter_count == 3 * 4 + 4 + 4 * 2 + 2
    assert list(net.layers) == ["encoder", "encoder_2", "subtract_1", "out"]
    first, second = net.layers["encoder"], net.layers["encoder_2"]
    assert (first.shares, second.shares) == (None, "encoder")
    assert second.kind == "dense" and second.attributes == first.attributes
    assert second.parameter_names == ["encoder.W", "encoder.b"]
    assert_array_equal(second.parameters["W"], first.parameters["W"])
    lines = net.summary().splitlines()
    line = next(line.split() for line in lines if line.startswith("encoder_2"))
    assert " ".join(line).startswith("encoder_2 dense") and " ".join(line[-6:-1]) == "those of encoder 0 yes"
    assert any(line.startswith("26 parameters") for line in lines)
    second.trainable = False
    assert not first.trainable and not second.trainable
    net.forward([numbers(2, 3), numbers(2, 3)], training=True)
    net.backward(numbers(2, 2))
    assert list(net.grads) == ["out.W", "out.b"]


def test_book_names():
    net = twins(names="book")
    assert list(net.parameters) == ["W1", "b1", "W2", "b2"]
    assert net.layers["encoder_2"].parameter_names == ["W1", "b1"]


def test_names_of_layers_without_one():
    x = dp.Input(4)
    layer, named, drop = dp.Dense(4), dp.Dense(4, name="dense_2"), dp.Dropout(0.5, name="drop")
    net = dp.Model(x, drop(layer(named(layer(drop(x))))))
    assert list(net.layers) == ["drop", "dense_1", "dense_2", "dense_3", "drop_2"]
    assert net.layers["dense_3"].shares == "dense_1"
    assert net.layers["drop_2"].shares is None
    with pytest.raises(dp.AlreadyExists, match='a node named "same"'):
        dp.Model(x, dp.Dense(4, name="same")(dp.Dense(4, name="same")(x)))


def test_in_sequence():
    layer = dp.Dense(3, name="d")
    net = dp.Sequential([layer, dp.Tanh(), layer], 3, dtype="float64")
    x, W, b = numbers(4, 3), net.parameters["d.W"], net.parameters["d.b"]
    assert_allclose(net.predict(x), np.tanh(x @ W + b) @ W + b, rtol=1e-13)


def test_random_layers_draw_numbers_of_their_own():
    x, drop = dp.Input(50), dp.Dropout(0.5)
    net = dp.Model(x, [drop(x), drop(x)])
    one, other = net.forward(np.ones((4, 50)), training=True)
    assert (one != other).any()


def test_other_networks_have_parameters_of_their_own():
    x, y, layer = dp.Input(3), dp.Input(3), dp.Dense(2)
    one, other = dp.Model(x, layer(x), seed=1), dp.Model(y, layer(y), seed=2)
    assert (one.parameters["dense_1.W"] != other.parameters["dense_1.W"]).any()
    again = dp.Dense(2)
    net = dp.Model(x, layer(x) + again(x))
    assert len(net.parameters) == 4


@pytest.mark.parametrize("way", ["bytes", "pickle", "copy"])
def test_files_and_copies(way):
    net, inputs = twins(), [numbers(5, 3), numbers(5, 3, seed=1)]
    made = {
        "bytes": lambda: dp.Model.from_bytes(net.to_bytes()),
        "pickle": lambda: pickle.loads(pickle.dumps(net)),
        "copy": lambda: copy.deepcopy(net),
    }[way]()
    assert_array_equal(made.predict(inputs), net.predict(inputs))
    assert made.layers["encoder_2"].shares == "encoder"
    assert list(made.parameters) == list(net.parameters)
    made.parameters["encoder.W"][:] += 1
    assert (made.predict(inputs) != net.predict(inputs)).any()
    _, _, y = by_hand(made, *inputs)
    assert_allclose(made.predict(inputs), y, rtol=1e-12, atol=1e-15)


def test_only_the_second_use():
    """A network that needs only one of the uses has the parameters under that one's name."""
    a, b = dp.Input(3), dp.Input(3)
    layer = dp.Dense(4, name="layer")
    layer(a)
    net = dp.Model(b, layer(b))
    assert list(net.parameters) == ["layer.W", "layer.b"]
    assert net.layers["layer"].shares is None


def test_batch_norm_states_follow_one_use_after_the_other():
    x, norm = dp.Input(3), dp.BatchNorm(name="bn", momentum=0.25)
    first = norm(x)
    net = dp.Model(x, norm(dp.Dense(3, name="d")(first)), dtype="float64")
    given = numbers(8, 3)
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(2):
        net.forward(given, training=True)
        h = (given - given.mean(axis=0)) / np.sqrt(given.var(axis=0) + 1e-5)
        for values in (given, h @ net.parameters["d.W"] + net.parameters["d.b"]):
            mean = 0.75 * mean + 0.25 * values.mean(axis=0)
            variance = 0.75 * variance + 0.25 * values.var(axis=0, ddof=1)
    assert_allclose(net.parameters["bn.running_mean"], mean, rtol=1e-11, atol=1e-13)
    assert_allclose(net.parameters["bn.running_var"], variance, rtol=1e-11)


def test_other_shapes_are_refused():
    a, b = dp.Input(3), dp.Input(5)
    layer = dp.Dense(4, name="layer")
    with pytest.raises(
        dp.ShapeError,
        match=r'dense "layer_2": the parameters of dense "layer" do not fit: W is \(3, 4\) there, and these '
        r"inputs need \(5, 4\)",
    ):
        dp.Model([a, b], layer(a) + layer(b))


def test_axes_in_front_may_differ():
    a, b, layer = dp.Input((2, 3)), dp.Input(3), dp.Dense(4, name="layer")
    net = dp.Model([a, b], [layer(a), layer(b)], dtype="float64")
    x, y = numbers(5, 2, 3), numbers(5, 3, seed=1)
    h, g = net.predict([x, y])
    W, bias = net.parameters["layer.W"], net.parameters["layer.b"]
    assert_allclose(h, x @ W + bias, rtol=1e-13)
    assert_allclose(g, y @ W + bias, rtol=1e-13)


def test_infinity_in_a_shared_gradient():
    net = twins("float32")
    net.compile("mean_squared_error", dp.SGD(0.1))
    net.parameters["out.W"][:] = 1e38
    before = {name: np.array(value) for name, value in net.parameters.items()}
    with pytest.raises(dp.NotFinite):
        net.train_batch([numbers(4, 3), numbers(4, 3, seed=1)], np.full((4, 2), 1e38))
    for name, value in before.items():
        assert_array_equal(net.parameters[name], value)
