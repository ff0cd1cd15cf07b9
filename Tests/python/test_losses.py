"""The losses of one prediction and one target: PyTorch's numbers, limits, and what their errors say."""

from __future__ import annotations

import json
import math

import denpa as dp
import numpy as np
import pytest
from denpa_support import ROOT
from numpy.testing import assert_allclose

GOLDEN = json.loads((ROOT / "Tests" / "golden" / "losses.json").read_text())
KINDS = [
    "mean_absolute_error",
    "huber",
    "quantile",
    "hinge",
    "squared_hinge",
    "binary_cross_entropy",
    "sigmoid_cross_entropy",
    "focal",
    "poisson",
    "kl_divergence",
    "cosine_similarity",
]
BY_ROWS = ["kl_divergence", "cosine_similarity"]
ELEMENTWISE = [kind for kind in KINDS if kind not in BY_ROWS]


def loss_and_gradient(loss, y, t, dtype):
    """The loss of predictions that are the input of a network, and the gradient with respect to them."""
    x = dp.Input(np.shape(y)[1:], name="x")
    net = dp.Model([x], dp.Identity()(x), dtype=dtype)
    gradient = net.gradients(y, t, loss=loss, wrt=["x"])["x"]
    return net.loss(y, t, loss=loss), gradient


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("kind", ["mean_squared_error", "softmax_cross_entropy", *KINDS])
def test_pytorch_has_the_same_numbers(kind, dtype, tolerance):
    cases = [case for case in GOLDEN if case["kind"] == kind]
    assert cases
    for case in cases:
        y, t = np.array(case["y"]), np.array(case["t"])
        for reduction, expected in case["results"].items():
            loss = dp.create(kind, **case["attributes"], reduction=reduction)
            got, gradient = loss_and_gradient(loss, y, t, dtype)
            assert_allclose(got, expected["loss"], rtol=tolerance, err_msg=str(loss))
            # PyTorch computes σ(x) − t and the like, which cancels where the gradient is almost 0.
            assert_allclose(gradient, expected["gradient"], rtol=tolerance, atol=1e-16, err_msg=str(loss))


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_proved(kind):
    assert dp.prove(kind)


def value(loss, y, t):
    """One prediction and its target: the loss and the gradient."""
    loss = dp.create(loss) if isinstance(loss, str) else loss
    return loss(np.array([[y]]), np.array([[t]])), loss.gradient(np.array([[y]]), np.array([[t]]))[0, 0]


def test_certain_and_right_costs_nothing():
    assert value("binary_cross_entropy", 0.0, 0.0) == (0, 1)
    assert value("binary_cross_entropy", 1.0, 1.0) == (0, -1)


EXTREME = [
    ("sigmoid_cross_entropy", {}, 1000.0, 1.0, 0.0, 0.0),
    ("sigmoid_cross_entropy", {}, 1000.0, 0.0, 1000.0, 1.0),
    ("sigmoid_cross_entropy", {}, -1000.0, 0.0, 0.0, 0.0),
    ("sigmoid_cross_entropy", {}, -1e300, 1.0, 1e300, -1.0),
    ("sigmoid_cross_entropy", {}, 40.0, 1.0, math.exp(-40), -math.exp(-40)),
    ("focal", {}, 1000.0, 1.0, 0.0, 0.0),
    ("focal", {}, 1000.0, 0.0, 1000.0, 1.0),
    ("focal", {}, -1e300, 1.0, 1e300, -1.0),
    ("focal", {"gamma": 0}, -1e300, 1.0, 1e300, -1.0),
    ("focal", {"gamma": 0}, 1e300, 1.0, 0.0, 0.0),
    ("binary_cross_entropy", {}, 1e-300, 0.0, 1e-300, 1.0),
    ("binary_cross_entropy", {"epsilon": 1e-7}, 0.0, 1.0, -math.log(1e-7), -1e7),
    ("binary_cross_entropy", {"epsilon": 1e-7}, 1.0, 0.0, -math.log(1e-7), 1e7),
    ("poisson", {}, 0.0, 0.0, 0.0, 1.0),
    ("poisson", {"log": True}, -1000.0, 0.0, 0.0, 0.0),
    ("huber", {}, 1e300, 0.0, 1e300, 1.0),
    ("mean_absolute_error", {}, -3.0, -3.0, 0.0, 0.0),
    ("quantile", {"q": 0.9}, 2.0, 2.0, 0.0, 0.0),
    ("hinge", {}, 1.0, 1.0, 0.0, 0.0),
    ("squared_hinge", {}, -1e100, -1.0, 0.0, 0.0),
]


@pytest.mark.parametrize(("kind", "attributes", "y", "t", "loss", "slope"), EXTREME)
def test_extremes(kind, attributes, y, t, loss, slope):
    got = value(dp.create(kind, **attributes), y, t)
    assert_allclose(got, (loss, slope), rtol=1e-13)


def test_certain_and_wrong_costs_infinity():
    assert value("binary_cross_entropy", 0.0, 1.0) == (math.inf, -math.inf)
    assert value("binary_cross_entropy", 1.0, 0.0) == (math.inf, math.inf)
    assert value("poisson", 0.0, 2.0) == (math.inf, -math.inf)


@pytest.mark.parametrize("epsilon", [1e-3, 1e-7, 1e-12])
def test_epsilon_counts_in_float32(epsilon):
    """1 − y + epsilon is rounded after 1 − y: epsilon − y would lose an epsilon below 6e-8."""
    loss = dp.BinaryCrossEntropy(epsilon=epsilon)
    for y, t in ((1.0, 0.0), (0.0, 1.0)):
        got, gradient = loss_and_gradient(loss, np.array([[y]]), np.array([[t]]), "float32")
        assert_allclose(got, -math.log(epsilon), rtol=1e-6)
        assert_allclose(gradient, [[(1 - 2 * t) / epsilon]], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", ["y", "t"])
def test_nan_stays_nan(kind, bad):
    for columns in (3, 16, 37):
        y = np.full((2, columns), 0.5)
        t = np.full((2, columns), 1.0)
        (y if bad == "y" else t)[1, columns - 1] = np.nan
        assert np.isnan(dp.create(kind)(y, t))


def test_rows_of_zeros_have_no_direction():
    loss = dp.CosineSimilarity(reduction="sum")
    y, t = np.array([[0.0, 0], [1, 2], [3, 4]]), np.array([[1.0, 1], [0, 0], [3, 4]])
    assert_allclose(loss(y, t), 2, atol=1e-15)
    assert_allclose(loss.gradient(y, t), np.zeros((3, 2)), atol=1e-16)


@pytest.mark.parametrize("size", [1e-310, 1e-200, 1e200, 1e308])
def test_rows_of_any_size_have_a_direction(size):
    y, t = np.array([[1.0, 0]]) * size, np.array([[1.0, 1]])
    assert_allclose(dp.CosineSimilarity()(y, t), 1 - math.sqrt(0.5), rtol=1e-5 if size < 1e-307 else 1e-14)
    assert_allclose(dp.CosineSimilarity()(t, y), 1 - math.sqrt(0.5), rtol=1e-5 if size < 1e-307 else 1e-14)


def test_a_mean_over_rows_and_one_over_elements():
    y, t = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]), np.array([[1.0, 0, 0], [0, 1, 0]])
    assert_allclose(dp.KLDivergence()(y, t), math.log(2))
    assert_allclose(dp.KLDivergence(reduction="batch_mean")(y, t), math.log(2))
    assert_allclose(dp.MeanAbsoluteError()(y, t), 1 / 3)
    assert_allclose(dp.MeanAbsoluteError(reduction="batch_mean")(y, t), 1)


def test_kl_divergence_has_the_gradient_of_cross_entropy(rng):
    p, t = rng.dirichlet(np.ones(7), 5), rng.dirichlet(np.ones(7), 5)
    assert_allclose(dp.KLDivergence().gradient(p, t), dp.CrossEntropy().gradient(p, t), rtol=1e-14)
    entropy = -(t * np.log(t)).sum() / 5
    assert_allclose(dp.KLDivergence()(p, t), dp.CrossEntropy()(p, t) - entropy, rtol=1e-12)
    assert dp.KLDivergence()(t, t) == 0


def test_sigmoid_cross_entropy_is_binary_cross_entropy_of_the_sigmoid(rng):
    x, t = rng.normal(size=(20, 6)) * 3, rng.integers(0, 2, (20, 6))
    p = 1 / (1 + np.exp(-x))
    assert_allclose(dp.SigmoidCrossEntropy()(x, t), dp.BinaryCrossEntropy()(p, t), rtol=1e-12)
    assert_allclose(
        dp.SigmoidCrossEntropy().gradient(x, t),
        dp.BinaryCrossEntropy().gradient(p, t) * p * (1 - p),
        rtol=1e-10,
    )
    assert_allclose(dp.Focal(gamma=0)(x, t), dp.SigmoidCrossEntropy()(x, t), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.bool_, np.int32, np.int64, np.uint8, np.float32])
def test_targets_of_any_type_are_converted(dtype):
    x, t = np.array([[0.5, -1.0, 2.0]]), np.array([[1, 0, 1]])
    assert dp.SigmoidCrossEntropy()(x, t.astype(dtype)) == dp.SigmoidCrossEntropy()(x, t.astype(float))


@pytest.mark.parametrize("kind", ELEMENTWISE)
def test_a_column_and_a_vector_are_equal(kind):
    y, t = np.array([[0.5], [0.25]]), np.array([1.0, 0.0])
    assert dp.create(kind)(y, t) == dp.create(kind)(y, t[:, None])


@pytest.mark.parametrize("kind", KINDS)
def test_targets_of_another_shape(kind):
    with pytest.raises(dp.DenpaError, match="expected targets") as caught:
        dp.create(kind)(np.ones((4, 3)), np.ones((4, 2)))
    assert "(4, 2)" in str(caught.value) or "(rows, 2)" in str(caught.value)
    with pytest.raises(dp.DenpaError, match="expected"):
        dp.create(kind)(np.ones((4, 3)), np.ones(4))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: dp.Huber(delta=0), "delta"),
        (lambda: dp.Quantile(q=1.5), "at most"),
        (lambda: dp.Focal(gamma=-1), "at least"),
        (lambda: dp.BinaryCrossEntropy(epsilon=2), "at most"),
        (lambda: dp.Huber(reduction="median"), "median"),
        (lambda: dp.Poisson(log=True, epsilon=0.1), "no logarithm"),
    ],
)
def test_attributes_out_of_bounds(make, words):
    with pytest.raises(dp.DenpaError, match=words):
        make()(np.ones((2, 2)), np.ones((2, 2)))


def last(activation, units=4):
    return dp.Sequential([dp.Dense(units, activation=activation)], input_shape=(3,), seed=0)


@pytest.mark.parametrize(
    ("loss", "activation", "words"),
    [
        ("binary_cross_entropy", None, "use sigmoid_cross_entropy"),
        ("binary_cross_entropy", "tanh", "with activation tanh"),
        ("binary_cross_entropy", "relu", "no probabilities"),
        ("sigmoid_cross_entropy", "sigmoid", "leave the sigmoid out"),
        ("focal", "sigmoid", "leave the sigmoid out"),
        ("kl_divergence", None, "put a softmax behind it"),
        ("poisson", None, "a rate is never negative"),
        ("poisson", "tanh", "a rate is never negative"),
    ],
)
def test_losses_that_do_not_belong_there(loss, activation, words):
    with pytest.raises(dp.InvalidArgument, match=words):
        last(activation).train_batch(np.ones((2, 3)), np.ones((2, 4)), loss=loss, optimizer="sgd")


@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        (dp.BinaryCrossEntropy(), "sigmoid"),
        (dp.SigmoidCrossEntropy(), None),
        (dp.Poisson(log=True), None),
        (dp.Poisson(), "exp"),
        (dp.Huber(), "relu"),
    ],
)
def test_losses_that_do(loss, activation):
    last(activation).train_batch(np.ones((2, 3)), np.ones((2, 4)), loss=loss, optimizer="sgd")


def test_names():
    assert dp.create("mean_absolute_error").kind == "mean_absolute_error"
    net = last(None)
    net.compile(loss="mae", optimizer="sgd")
    x, t = np.ones((2, 3)), np.zeros((2, 4))
    assert_allclose(net.loss(x, t), np.abs(net.predict(x)).mean(), rtol=1e-6)


def test_several_labels_are_learned(rng):
    x = rng.normal(size=(200, 4))
    t = np.stack([x[:, 0] > 0, x[:, 1] + x[:, 2] > 0, x[:, 3] < 0.5], axis=1)
    net = dp.Sequential([dp.Dense(16, activation="tanh"), dp.Dense(3)], input_shape=(4,), seed=1)
    net.compile(loss="sigmoid_cross_entropy", optimizer=dp.Adam(0.02))
    net.fit(x, t, batch_size=20, epochs=40, verbose=0)
    assert ((net.predict(x) > 0) == t).mean() > 0.97


def test_quantiles_are_learned(rng):
    """One bias, trained with the pinball loss, ends at the quantile of its targets."""
    t = rng.exponential(size=(400, 1))
    net = dp.Sequential([dp.Dense(1)], input_shape=(1,), seed=1, dtype="float64")
    net.compile(loss=dp.Quantile(q=0.9), optimizer=dp.SGD(0.05))
    net.fit(np.zeros((400, 1)), t, batch_size=400, epochs=3000, verbose=0)
    assert abs(net.predict([[0.0]])[0, 0] - np.quantile(t, 0.9)) < 0.1
