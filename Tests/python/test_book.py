"""SOURCES A and C: the networks of the notes, with their numbers."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from denpa_support import elementwise
from numpy.testing import assert_allclose, assert_array_equal

X = np.array([[0.5, -0.2], [0.1, 0.9], [-0.7, 0.3]])
T = np.eye(3)


@pytest.fixture
def net():
    """A: 2-3-3, sigmoid inside, softmax at the end, weights 0.01 normal."""
    start = dp.Normal(scale=0.01)
    layers = [
        dp.Dense(3, activation="sigmoid", initializer=start),
        dp.Dense(3, initializer=start),
        dp.Softmax(),
    ]
    return dp.Sequential(layers, input_shape=(2,), dtype="float64", seed=1, names="book")


def by_hand(p, x, t):
    """Values, loss and gradients as the note writes them."""
    z1 = 1 / (1 + np.exp(-(x @ p["W1"] + p["b1"])))
    a2 = z1 @ p["W2"] + p["b2"]
    e = np.exp(a2 - a2.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    dy = (y - t) / len(x)
    da1 = (dy @ p["W2"].T) * z1 * (1 - z1)
    grads = {"W2": z1.T @ dy, "b2": dy.sum(axis=0), "W1": x.T @ da1, "b1": da1.sum(axis=0)}
    return y, -(t * np.log(y)).sum() / len(x), grads


def test_values_loss_and_gradients(net):
    assert list(net.parameters) == ["W1", "b1", "W2", "b2"]
    assert_array_equal(net.parameters["b1"], np.zeros(3))
    assert 0 < np.abs(net.parameters["W1"]).max() < 0.05
    y, loss, grads = by_hand(net.parameters, X, T)
    assert_allclose(net.predict(X), y, rtol=1e-12)
    value, found = net.loss_and_gradients(X, T, loss="cross_entropy")
    assert_allclose(value, loss, rtol=1e-12)
    assert set(found) == set(grads)
    for name, expected in grads.items():
        assert_allclose(found[name], expected, rtol=1e-9, atol=1e-15, err_msg=name)


def test_the_loss_is_near_ln_3_and_db2_near_0(net):
    value, grads = net.loss_and_gradients(X, T, loss="cross_entropy")
    assert (
        abs(value - np.log(3)) < 0.01
    )  # the note printed 2.1972 = ln 9: its softmax ran over the whole batch
    assert np.abs(grads["b2"]).max() < 0.02


def test_the_check_passes(net):
    report = net.check_gradients(X, T, loss="cross_entropy", inputs=True, max_elements=-1)
    assert report.passed and report.worst <= 1e-8
    assert [row.tensor for row in report][:4] == ["W1", "b1", "W2", "b2"]
    assert report["W1"].checked == 6
    assert "ok" in str(report) and "W2" in str(report)


def test_gradient_descent_by_hand_learns(net):
    net.compile(loss="cross_entropy")
    first = net.loss(X, T)
    for _ in range(300):
        _, grads = net.loss_and_gradients(X, T)
        for name in grads:
            net.parameters[name] -= 5.0 * grads[name]
    assert net.loss(X, T) < 0.5 * first
    assert_allclose(net.predict(X), by_hand(net.parameters, X, T)[0], rtol=1e-12)


def test_three_layers_of_relu():
    values = {
        "W1": [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]],
        "b1": [0.1, 0.2, 0.3],
        "W2": [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]],
        "b2": [0.1, 0.2],
        "W3": [[0.1, 0.3], [0.2, 0.4]],
        "b3": [1, 2],  # integers are taken too
    }
    layers = [dp.Dense(3, activation="relu"), dp.Dense(2, activation="relu"), dp.Dense(2)]
    net = dp.Sequential(layers, input_shape=(2,), dtype="float64", names="book")
    net.parameters.update(values)
    assert_allclose(net.predict([1, 2]), [1.56, 3.222], rtol=1e-12)
    assert_allclose(net.predict(np.array([[1.0, 2.0]])), [[1.56, 3.222]], rtol=1e-12)
    # the same layers one by one: u1 = z1, u2 = z2
    z = [1.0, 2.0]
    for k, expected in enumerate(([0.6, 1.3, 2.0], [1.02, 2.29], [1.56, 3.222]), start=1):
        layer = dp.Dense(len(expected), activation="relu")
        layer.build(len(z))
        layer.parameters.update(W=values[f"W{k}"], b=values[f"b{k}"])
        z = layer.forward(z)
        assert_allclose(z, expected, rtol=1e-12)


def test_initial_weights():
    def first(initializer):
        return dp.Sequential([dp.Dense(50, initializer=initializer)], (40,), seed=5).parameters["dense_1.W"]

    assert_array_equal(first("zeros"), 0)
    assert_array_equal(first("ones"), 1)
    uniform, normal = first("uniform"), first(dp.Normal(scale=2.0))
    assert 0 <= uniform.min() < 0.01 and 0.99 < uniform.max() < 1
    assert abs(normal.mean()) < 0.15 and abs(normal.std() - 2) < 0.1
    assert_array_equal(first("he"), first("he"))  # the seed decides
    assert_allclose([first("he").std(), first("xavier").std()], np.sqrt([2 / 40, 2 / 90]), rtol=0.08)


def online_network(activation, seed):
    """C: 2-10-1, all weights normal(1), half the squared error, steps of 0.07."""
    start = dp.Normal(scale=1.0)
    hidden = dp.Dense(10, initializer=start, bias_initializer=start)
    last = dp.Dense(1, initializer=start, bias_initializer=start)
    net = dp.Sequential([hidden, activation, last], input_shape=(2,), dtype="float64", seed=seed)
    net.compile(loss=dp.MeanSquaredError(half=True), optimizer=dp.SGD(learning_rate=0.07))
    return net


def online_learning(activation, seed):
    """1,000 draws with replacement of f(x) = 3 x0 + 2 x1, one sample a step; the mean of the last 100 losses."""
    net, draw = online_network(activation, seed), np.random.default_rng(seed)
    pool = draw.random((100_000, 2))
    x = pool[draw.integers(0, len(pool), 1000)]
    t = 3 * x[:, :1] + 2 * x[:, 1:]
    return np.mean([net.train_batch(x[i], t[i]) for i in range(1000)][-100:])


@pytest.mark.parametrize(("activation", "bound"), [(dp.ReLU, 0.001), (dp.Sigmoid, 0.004)])
def test_regression_by_online_learning(activation, bound):
    assert np.median([online_learning(activation(), seed) for seed in range(20)]) < bound


def test_the_second_trap_learns_worse_and_is_named(tmp_path, rng):
    """The note's printed program runs ReLU forward and the sigmoid's derivative backward."""
    plugin = elementwise(tmp_path, "note.mixed", "x > 0 ? x : 0", "dy / ((1 + exp(-x)) * (1 + exp(x)))")
    (kind,) = dp.load_plugin(plugin, proof="request")
    assert 0.005 < np.median([online_learning(dp.create(kind), seed) for seed in range(20)]) < 0.05
    x = rng.random((8, 2))
    report = online_network(dp.create(kind), 1).check_gradients(x, x.sum(axis=1))
    assert {row.tensor for row in report.failed} == {"dense_1.W", "dense_1.b"}
    assert online_network(dp.ReLU(), 1).check_gradients(x, x.sum(axis=1)).passed
    with pytest.raises(dp.ProofFailed, match="gradient"):
        dp.prove(kind)


def test_inputs_that_are_too_large_run_to_nan_and_keep_the_last_good_weights(rng):
    start = dp.Normal(scale=1.0)
    layers = [dp.Dense(10, activation="relu", initializer=start), dp.Dense(1, initializer=start)]
    net = dp.Sequential(layers, input_shape=(2,), dtype="float64", seed=2)
    net.compile(loss=dp.MeanSquaredError(half=True), optimizer=dp.SGD(learning_rate=0.07))
    x = rng.uniform(-5, 5, size=(5000, 2))
    with pytest.raises(dp.NotFinite, match="step"):
        net.fit(x, 3 * x[:, 0] + 2 * x[:, 1], batch_size=1)
    assert all(np.isfinite(values).all() for values in net.parameters.values())
