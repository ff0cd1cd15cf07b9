"""Networks with several inputs and outputs, values that are added, names, and losses of several outputs."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


@pytest.fixture
def net():
    image, age = dp.Input((6,), name="image"), dp.Input((6,), name="age")
    h = dp.Dense(6, activation="tanh", name="encoder")(image) + age
    kind, price = dp.Dense(3, name="kind")(h), dp.Dense(1, name="price")(h)
    return dp.Model([image, age], {"class": kind, "cost": price}, dtype="float64", seed=3)


@pytest.fixture
def data(rng):
    x = {"image": rng.normal(size=(8, 6)), "age": rng.normal(size=(8, 6))}
    return x, {"class": rng.integers(0, 3, 8), "cost": rng.normal(size=(8, 1))}


def both():
    return dp.Sum(dp.SoftmaxCrossEntropy("class"), 0.1 * dp.MeanSquaredError("cost"))


def formula(p, x):
    h = np.tanh(x["image"] @ p["encoder.W"] + p["encoder.b"]) + x["age"]
    return h @ p["kind.W"] + p["kind.b"], h @ p["price.W"] + p["price.b"]


def test_values_in_and_out(net, data):
    x, _ = data
    logits, price = formula(net.parameters, x)
    for question in (x, [x["image"], x["age"]], (x["image"], x["age"])):
        y = net.predict(question)
        assert_allclose(y["class"], logits, rtol=1e-12)
        assert_allclose(y["cost"], price, rtol=1e-12)
    one = net.predict({name: value[0] for name, value in x.items()})
    assert_allclose(one["class"], logits[0], rtol=1e-12)
    assert net.input_names == ["image", "age"] and net.output_names == ["class", "cost"]


def test_the_form_of_the_outputs():
    x = dp.Input((2,))
    one, two = dp.Dense(1)(x), dp.Dense(3)(x)
    assert isinstance(dp.Model(x, one).predict([[1, 2]]), np.ndarray)
    listed = dp.Model([x], [one, two]).predict([[1, 2]])
    assert [y.shape for y in listed] == [(1, 1), (1, 3)]
    assert two.shape == (None, 3)


def test_classes_of_a_network_with_one_named_output(rng):
    x, q = dp.Input((2,)), rng.normal(size=(5, 2))
    net = dp.Model(x, {"kind": dp.Dense(3)(x)})
    assert_array_equal(net.predict_classes(q), net.predict(q)["kind"].argmax(axis=1))
    sign = dp.Sequential([dp.Dense(1)], (2,))
    assert_array_equal(sign.predict_classes(q), sign.predict(q)[:, 0] > 0)
    assert_allclose(sign.predict_proba(q), 1 / (1 + np.exp(-sign.predict(q))), rtol=1e-6)
    end = dp.Sequential([dp.Dense(3), dp.Softmax()], (2,))
    assert_array_equal(end.predict_proba(q), end.predict(q))


def test_two_losses(net, data):
    x, t = data
    logits, price = formula(net.parameters, x)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = shifted / shifted.sum(axis=1, keepdims=True)
    expected = -np.log(p[np.arange(8), t["class"]]).mean() + 0.1 * np.mean((price - t["cost"]) ** 2)
    assert net.loss(x, t, loss=both()) == pytest.approx(expected, rel=1e-12)
    weighed = {"class": "softmax_cross_entropy", "cost": 0.1 * dp.MeanSquaredError()}
    assert net.loss(x, t, loss=weighed) == pytest.approx(expected, rel=1e-12)
    listed = [dp.SoftmaxCrossEntropy(), 0.1 * dp.MeanSquaredError()]
    assert net.loss(x, list(t.values()), loss=listed) == pytest.approx(expected, rel=1e-12)
    assert both()(net.predict(x), t) == pytest.approx(expected, rel=1e-12)
    assert net.check_gradients(x, t, loss=both(), inputs=True).passed


def test_a_loop_of_ones_own(net, data):
    x, t = data
    loss, adam = both(), dp.Adam(learning_rate=0.02)
    first = loss(net.predict(x), t)
    for _ in range(60):
        out = net.forward(x, training=True)
        dx = net.backward(loss.gradient(out, t))
        adam.step(net)
        grads = {name: value.copy() for name, value in net.grads.items()}
        net.zero_grads()
    assert loss(net.predict(x), t) < 0.3 * first
    assert dx["image"].shape == (8, 6) and set(dx) == {"image", "age"}
    assert set(grads) == set(net.parameters)
    assert all(not value.any() for value in net.grads.values())


def test_gradients_gather_until_told(net, data):
    x, t = data
    loss = both()
    expected = net.gradients(x, t, loss=loss)
    for times in (1, 2, 3):
        net.backward(loss.gradient(net.forward(x, training=True), t))
        for name, value in net.grads.items():
            assert_allclose(value, times * expected[name], rtol=1e-9, atol=1e-14)
    net.vjp(x, loss.gradient(net.predict(x), t))
    assert_allclose(net.grads["kind.W"], 3 * expected["kind.W"], rtol=1e-9, atol=1e-14)
    dp.SGD(learning_rate=0.1).step(net)  # an optimizer that comes later finds the same gradients
    assert_allclose(net.grads["kind.W"], 3 * expected["kind.W"], rtol=1e-9, atol=1e-14)


def test_a_gradient_of_one_output_alone(net, data):
    x, _ = data
    net.forward(x, training=True)
    dx = net.backward({"cost": np.ones((8, 1))})
    assert_array_equal(net.grads["kind.W"], 0)
    assert_allclose(dx["age"], np.tile(net.parameters["price.W"].T, (8, 1)), rtol=1e-12)


def test_names_are_numbered_by_kind():
    net = dp.Sequential([dp.Dense(4), dp.ReLU(), dp.Dense(4, name="middle"), dp.Dense(2), dp.ReLU()], (3,))
    assert list(net.layers) == ["dense_1", "relu_1", "middle", "dense_2", "relu_2"]
    taken = dp.Sequential([dp.Dense(4, name="dense_1"), dp.Dense(2)], (3,))
    assert list(taken.layers) == ["dense_1", "dense_2"]
    again = dp.Sequential([dp.Dense(4)], (3,))
    assert list(again.layers) == ["dense_1"]  # by network


def test_shapes_are_refused_where_they_arise():
    with pytest.raises(dp.ShapeError, match="rows"):
        dp.Dense(3)(dp.Input(()))
    a, b = dp.Input((3,)), dp.Input((4,))
    with pytest.raises(dp.ShapeError):
        a + b
    with pytest.raises(dp.TypeMismatch, match="forward"):
        dp.ReLU()(np.ones(3))


def test_graphs_that_do_not_hang_together():
    x, other = dp.Input((3,), name="x"), dp.Input((3,), name="other")
    with pytest.raises(dp.InvalidArgument, match="not listed"):
        dp.Model(x, dp.Dense(1)(x + other))
    with pytest.raises(dp.InvalidArgument, match="other"):
        dp.Model([x, other], dp.Dense(1)(x))
    with pytest.raises(dp.AlreadyExists):
        dp.Model(x, dp.Dense(1, name="same")(dp.Dense(1, name="same")(x)))
    shared = dp.Dense(4, name="shared")
    with pytest.raises(dp.ShapeError, match='"shared_2": the parameters of dense "shared" do not fit'):
        dp.Model(x, shared(shared(x)))
    with pytest.raises(dp.InvalidArgument, match="output"):
        dp.Model(x, [])


def test_summary_and_repr(net):
    text = net.summary()
    assert "encoder.W (6, 6)" in text and "float64" in text and str(net.parameter_count) in text
    assert net.parameter_count == 6 * 6 + 6 + 6 * 3 + 3 + 6 + 1
    assert "encoder" in repr(net)
    assert repr(dp.Dense(3, activation="relu", name="a")) == "Dense(units=3, activation='relu', name='a')"
    assert repr(0.5 * dp.MeanSquaredError("cost")) == "MeanSquaredError(output='cost', weight=0.5)"


def test_the_default_dtype():
    try:
        dp.set_default_dtype("float64")
        assert dp.Sequential([dp.Dense(1)], (1,)).dtype == "float64"
        assert dp.Sequential([dp.Dense(1)], (1,), dtype="float32").dtype == "float32"
        with pytest.raises(dp.InvalidArgument, match="float16"):
            dp.set_default_dtype("float16")
    finally:
        dp.set_default_dtype("float32")
