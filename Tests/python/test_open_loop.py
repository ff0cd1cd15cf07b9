"""Which forward a backward belongs to, whatever is called between them."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest

X, OTHER = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 0.25]]), np.array([[4.0, 1.0]])
DOUT = np.array([[1.0], [-1.0], [0.5]])
WRONG = np.ones((3, 5))


@pytest.fixture
def net():
    net = dp.Sequential([dp.Dense(1, name="d")], input_shape=(2,), seed=0, dtype="float64")
    net.parameters["d.W"] = [[2.0], [-1.0]]
    net.compile("mse", dp.SGD(learning_rate=0.1))
    return net


def requires_the_first(net, w=((2.0,), (-1.0,))):
    """backward(DOUT) is that of forward(X, training=True) with these weights."""
    np.testing.assert_allclose(net.backward(DOUT), DOUT @ np.array(w).T)
    np.testing.assert_allclose(net.grads["d.W"], X.T @ DOUT)


def refuse(net):
    with pytest.raises(dp.ShapeError):
        net.forward(WRONG, training=True)


# -- a forward that is refused leaves the previous one -------------------------------------------------------


def test_a_refused_forward_changes_nothing(net):
    net.forward(X, training=True)
    refuse(net)
    requires_the_first(net)


def test_nor_does_it_with_an_array_held(net):
    held = net.parameters["d.W"]
    net.forward(X, training=True)
    refuse(net)
    requires_the_first(net)
    assert held.tolist() == [[2.0], [-1.0]]


def test_nor_with_an_array_written(net):
    held = net.parameters["d.W"]
    net.forward(X, training=True)
    held[:] = 7.0
    refuse(net)
    requires_the_first(net)  # with the weights that the forward used
    np.testing.assert_allclose(net.forward(X, training=True), X @ held + net.parameters["d.b"])


def test_nor_with_an_array_assigned(net):
    net.forward(X, training=True)
    net.parameters["d.W"] = [[7.0], [7.0]]
    refuse(net)
    requires_the_first(net)
    np.testing.assert_allclose(net.forward(OTHER, training=True), [[35.0]])


def test_nor_after_training(net):
    net.forward(X, training=True)
    net.train_batch(X, np.zeros((3, 1)))
    trained = np.array(net.parameters["d.W"])
    refuse(net)
    assert (net.parameters["d.W"] == trained).all()
    requires_the_first(net)


def test_an_input_that_does_not_fit_its_type_is_refused_too():
    """The engine looks at the numbers, not only at shapes."""
    x = dp.Input((1,), dtype="int32")
    net = dp.Model(x, dp.Flatten()(dp.Embedding(3, 2, name="e")(x)), dtype="float64", seed=0)
    held = net.parameters["e.W"]
    net.forward(np.array([[1], [2]]), training=True)
    with pytest.raises(dp.DenpaError):
        net.forward(np.array([[1 << 40]]), training=True)
    net.backward(np.ones((2, 2)))
    assert net.grads["e.W"].tolist() == [[0, 0], [1, 1], [1, 1]]
    assert held.shape == (3, 2)


def test_a_refused_forward_is_no_first_one(net):
    refuse(net)
    with pytest.raises(dp.BadState):
        _ = net.grads
    with pytest.raises(dp.BadState):
        net.step("sgd")


# -- a forward without training leaves it, too ---------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3, 200, 3000])
def test_a_forward_without_training_between(net, rows):
    net.forward(X, training=True)
    inputs = np.resize(OTHER, (rows, 2))
    np.testing.assert_allclose(net.forward(inputs), np.full((rows, 1), 7.0))
    requires_the_first(net)


def test_it_sees_what_was_written_and_backward_does_not(net):
    held = net.parameters["d.W"]
    net.forward(X, training=True)
    held[:] = 1.0
    assert net.forward(OTHER).tolist() == [[5.0]]
    requires_the_first(net)


def test_it_sees_what_was_trained_and_backward_does_not(net):
    net.forward(X, training=True)
    net.train_batch(X, np.zeros((3, 1)))
    expected = OTHER @ net.parameters["d.W"] + net.parameters["d.b"]
    np.testing.assert_allclose(net.forward(OTHER), expected)
    requires_the_first(net)


def test_a_refused_one_without_training(net):
    net.forward(X, training=True)
    with pytest.raises(dp.ShapeError):
        net.forward(WRONG)
    requires_the_first(net)


def test_it_is_no_forward_for_backward(net):
    net.forward(X)
    for call in (lambda: net.backward(DOUT), lambda: net.grads, lambda: net.step("sgd")):
        with pytest.raises(dp.BadState):
            call()


def test_it_draws_no_random_numbers():
    def make():
        return dp.Sequential([dp.Dropout(rate=0.5)], input_shape=(64,), seed=3, dtype="float64")

    x, one, two = np.ones((4, 64)), make(), make()
    first = one.forward(x, training=True)
    assert (first == two.forward(x, training=True)).all() and (first != x).any()
    assert (two.forward(x) == x).all()
    assert (two.backward(x) == first).all()  # the mask of its own forward
    second = one.forward(x, training=True)
    assert (second == two.forward(x, training=True)).all() and (second != first).any()


def test_running_values_are_those_of_the_last_training():
    net = dp.Sequential([dp.BatchNorm(name="n")], input_shape=(2,), seed=0, dtype="float64")
    net.forward(X, training=True)
    assert (net.forward(X) == net.predict(X)).all()
    assert (net.parameters["n.running_mean"] != 0).all()
    net.backward(np.ones((3, 2)))


def test_each_forward_allows_one_backward(net):
    net.forward(X, training=True)
    requires_the_first(net)
    for _ in range(2):
        with pytest.raises(dp.BadState):
            net.backward(DOUT)
        net.forward(X)


def test_a_layer_by_itself():
    layer = dp.Dense(1)
    layer.forward(X)
    dx = np.array(layer.backward(DOUT))
    layer.forward(X)
    layer.forward(OTHER[0], training=False)
    np.testing.assert_array_equal(layer.backward(DOUT), dx)
    other = dp.Tanh()
    other.forward(0.5, training=False)
    with pytest.raises(dp.BadState):
        other.backward()


# -- a step that is refused ----------------------------------------------------------------------------------


def test_a_refused_step_leaves_the_forward_that_waits(net):
    net.forward(X, training=True)
    net.backward(DOUT)
    net.step(dp.SGD(learning_rate=0.0))
    net.forward(X, training=True)
    net.parameters["d.W"] = [[7.0], [7.0]]
    net.grads["d.W"][:] = np.inf
    with pytest.raises(dp.NotFinite):
        net.step(dp.SGD(learning_rate=0.0))
    net.zero_grads()
    requires_the_first(net)
    assert net.parameters["d.W"].tolist() == [[7.0], [7.0]]


def test_a_refused_step_of_another_optimizer_changes_nothing():
    def trained():
        net = dp.Sequential([dp.Dense(1, name="d")], input_shape=(2,), seed=0, dtype="float64")
        adam = dp.Adam(learning_rate=0.1)
        for _ in range(3):
            net.forward(X, training=True)
            net.backward(DOUT)
            net.step(adam)
        return net, adam

    (one, adam), (two, _) = trained(), trained()
    good = np.array(two.grads["d.W"])
    two.grads["d.W"][:] = np.nan
    with pytest.raises(dp.NotFinite):
        two.step(dp.SGD(learning_rate=0.1))
    two.grads["d.W"][:] = good
    one.step(adam)
    two.step(adam)
    assert one.to_bytes() == two.to_bytes()


def test_a_forward_that_fails_while_it_computes_discards_the_one_that_waits():
    i = dp.Input((2,), name="i", dtype="int64")
    words = dp.Model(i, dp.Embedding(6, 2)(i))
    x = dp.Input((3,), name="x")
    normal = dp.Model(x, dp.BatchNorm()(x))
    given = np.arange(6.0).reshape(2, 3)
    for net, good, fails, refused in (
        (words, [[1, 2]], [[1, 9]], [[1, 2, 3]]),
        (normal, given, given * np.nan, given[:, :2]),
    ):
        y = net.forward(good, training=True)
        with pytest.raises((dp.ShapeError, dp.TypeMismatch)):
            net.forward(refused, training=True)
        net.backward(np.ones_like(y))
        net.forward(good, training=True)
        with pytest.raises((dp.InvalidArgument, dp.NotFinite)):
            net.forward(fails, training=True)
        with pytest.raises(dp.BadState, match="backward needs a forward"):
            net.backward(np.ones_like(y))
