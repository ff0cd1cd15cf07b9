"""Losses written in Python: for each row or for a batch, used like any other loss."""

from __future__ import annotations

import copy
import pickle

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


@dp.custom_loss("tests.squares")
class Squares:
    """factor * sum of (y - t)**2 / outputs, for each row"""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def forward(self, y, t):
        return self.factor * ((y - t) ** 2).mean(axis=1)

    def gradient(self, y, t):
        return self.factor * 2 * (y - t) / y.shape[1]


@dp.custom_loss("tests.classes", samples=[dp.Sample((4,), np.array([0, 3, 1]))])
class Classes:
    """log sum exp(y) - y[t]: softmax cross-entropy with class numbers"""

    def forward(self, y, t):
        return np.log(np.exp(y).sum(axis=1)) - y[np.arange(len(y)), t.ravel()]

    def gradient(self, y, t):
        p = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
        p[np.arange(len(y)), t.ravel()] -= 1
        return p


@dp.custom_loss("tests.spread")
class Spread:
    """the largest deviation of the batch's means: one number for all rows"""

    def forward(self, y, t):
        return ((y.mean(axis=0) - t.mean(axis=0)) ** 2).sum()

    def gradient(self, y, t):
        return np.broadcast_to(2 * (y.mean(axis=0) - t.mean(axis=0)) / len(y), y.shape)


def loss(kind, made, **options):
    return dp.custom_loss(kind, **{"proof": "request", **options})(made)


@pytest.fixture
def data(rng):
    return rng.normal(size=(50, 4)), rng.normal(size=(50, 3))


def network(seed=3, **options):
    return dp.Sequential([dp.Dense(8, activation="tanh"), dp.Dense(3)], (4,), seed=seed, **options)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_every_use_is_that_of_the_engines_own_loss(data, reduction):
    x, t = data
    nets = [network(dtype="float64") for _ in range(2)]
    made = Squares(reduction=reduction), dp.MeanSquaredError(reduction=reduction)
    histories = []
    for net, own in zip(nets, made):
        net.compile(loss=own, optimizer=dp.Adam(0.001))
        net.train_batch(x[:7], t[:7])
        histories.append(net.fit(x, t, batch_size=8, epochs=3, validation_data=(x[:9], t[:9])))
    scale = 3 if reduction == "sum" else 1  # the engine's sum is over all elements
    if scale == 1:
        assert_allclose(nets[0].predict(x), nets[1].predict(x), rtol=1e-9)
        for name, values in histories[1].items():
            assert_allclose(histories[0][name], values, rtol=1e-9)
    nets[1] = copy.deepcopy(nets[0])
    assert_allclose(scale * nets[0].evaluate(x, t, loss=made[0]), nets[1].evaluate(x, t, loss=made[1]))
    assert_allclose(scale * nets[0].loss(x, t, loss=made[0]), nets[1].loss(x, t, loss=made[1]))
    mine, theirs = (net.gradients(x, t, loss=own) for net, own in zip(nets, made))
    for name, value in theirs.items():
        assert_allclose(scale * mine[name], value, rtol=1e-9, atol=1e-15)
    assert nets[0].check_gradients(x, t, inputs=True).passed


def test_class_numbers(digits):
    x, t, xv, tv = digits
    nets = [
        dp.Sequential([dp.Dense(16, activation="relu"), dp.Dense(10)], (64,), seed=2, dtype="float64")
        for _ in "ab"
    ]
    for net, own in zip(nets, (Classes(), dp.SoftmaxCrossEntropy())):
        net.fit(x, t, epochs=3, loss=own, optimizer=dp.Adam(0.01), batch_size=50)
    assert_allclose(nets[0].predict(xv), nets[1].predict(xv), rtol=1e-6, atol=1e-9)
    accuracy = nets[0].evaluate(xv, tv)[1]
    assert accuracy == np.mean(nets[0].predict_classes(xv) == tv) > 0.8


def test_a_loss_of_the_whole_batch(data):
    x, t = data
    net = network(dtype="float64")
    y = net.predict(x)
    assert net.loss(x, t, loss=Spread()) == pytest.approx(((y.mean(0) - t.mean(0)) ** 2).sum(), rel=1e-12)
    assert net.check_gradients(x, t, loss=Spread()).passed
    history = net.fit(x, t, loss=Spread(), batch_size=50, epochs=20, optimizer=dp.SGD(0.1))
    assert history["loss"][-1] < 0.1 * history["loss"][0]


def test_weighted_added_by_itself_pickled_and_by_name(data):
    x, t = data
    net = network(dtype="float64")
    single = net.loss(x, t, loss="tests.squares")
    assert net.loss(x, t, loss=Squares) == single
    assert net.loss(x, t, loss=0.5 * Squares(factor=3)) == pytest.approx(1.5 * single)
    both = Squares(0) + 2 * Spread(0)
    assert net.loss(x, [t, t], loss=both) == pytest.approx(single + 2 * net.loss(x, t, loss=Spread()))
    own = Squares(factor=2)
    assert own.forward(t[:2] + 1, t[:2]) == pytest.approx(2)
    assert_allclose(own.backward(), np.full((2, 3), 2 * 2 / 3 / 2))
    net.compile(loss=own, optimizer="adam")
    net.train_batch(x, t)
    other = pickle.loads(pickle.dumps(net))
    assert net.train_batch(x, t) == other.train_batch(x, t)
    assert_array_equal(net.predict(x), other.predict(x))
    assert Squares(factor=1).key() == Squares(factor=1.0).key() != Squares(factor=2).key()


def test_the_gradient_with_respect_to_targets_may_be_given_and_is_proved():
    def made(sign):
        class Given:
            """sum of (y - t)**2 for each row"""

            def forward(self, y, t):
                return ((y - t) ** 2).sum(axis=1)

            def gradient(self, y, t):
                return 2 * (y - t), sign * 2 * (t - y)

        return loss("tests.given", Given, proof="load")

    with pytest.raises(dp.ProofFailed, match='gradient of input 1 ."target".'):
        made(-1)
    assert made(1).kind == "tests.given"


def test_sample_weights_are_refused_in_one_sentence(data):
    x, t = data
    with pytest.raises(dp.InvalidArgument, match="tests.squares.*weight|weight.*tests.squares"):
        network().fit(x, t, loss=Squares(), sample_weight=np.ones(50))


def test_targets_are_not_broadcast(rng):
    """y - t of shapes (rows, 1) and (rows,) has rows x rows elements, and a loss that falls all the same."""
    x, t = rng.normal(size=(30, 4)), rng.normal(size=30)
    net = dp.Sequential([dp.Dense(1)], (4,), dtype="float64")
    assert net.loss(x, t, loss=Squares()) == pytest.approx(np.mean((net.predict(x)[:, 0] - t) ** 2))
    one, two = (net.gradients(x, targets, loss=Squares()) for targets in (t, t[:, None]))
    for name, value in one.items():
        assert_array_equal(value, two[name])
    with pytest.raises(
        dp.ShapeError, match=r"tests.squares: the targets have shape \(30, 1\), the outputs \(30, 3\)"
    ):
        network().loss(x, t[:, None], loss=Squares())

    @dp.custom_loss("tests.one_target", samples=[dp.Sample((3,), (1,))])
    class OneTarget:
        """sum of (y - t)**2 for each row, with one target for all outputs"""

        def forward(self, y, t):
            return ((y - t) ** 2).sum(axis=1)

        def gradient(self, y, t):
            return 2 * (y - t)

    net = network(dtype="float64")
    expected = np.mean(((net.predict(x) - t[:, None]) ** 2).sum(axis=1))
    assert net.loss(x, t[:, None], loss=OneTarget()) == pytest.approx(expected)
    assert net.check_gradients(x, t[:, None], loss=OneTarget()).passed


def test_a_wrong_gradient_is_refused():
    class Wrong:
        def forward(self, y, t):
            return ((y - t) ** 2).sum(axis=1)

        def gradient(self, y, t):
            return y - t

    with pytest.raises(dp.ProofFailed, match='tests.wrong_loss.*gradient of input 0 ."prediction".'):
        loss("tests.wrong_loss", Wrong, proof="load")


class Mine(Exception):
    pass


@pytest.mark.parametrize(
    ("forward", "gradient", "error", "words"),
    [
        (lambda y, t: 1 / 0, None, ZeroDivisionError, "division by zero"),
        (None, lambda y, t: {}["a"], KeyError, "a"),
        (
            lambda y, t: np.zeros(3, y.dtype),
            None,
            dp.ShapeError,
            r"forward returned shape \(3,\), expected a value for",
        ),
        (lambda y, t: np.full(len(y), np.nan), None, dp.NotFinite, "forward returned NaN for the loss"),
        (None, lambda y, t: y[:, 0], dp.ShapeError, r"gradient returned shape \(50,\) for the gradient of y"),
        (
            None,
            lambda y, t: y.astype("float64"),
            dp.TypeMismatch,
            "gradient returned float64 .*, expected float32",
        ),
        (None, lambda y, t: None, dp.ShapeError, "gradient returns dL/dy"),
        (None, lambda y, t: y * np.inf, dp.NotFinite, "gradient returned NaN or infinity"),
    ],
)
@pytest.mark.parametrize("deed", ["fit", "train_batch", "gradients"])
def test_what_goes_wrong(data, forward, gradient, error, words, deed):
    x, t = data
    now = {}

    class Behaves:
        def forward(self, y, t):
            return now.get("forward", lambda y, t: ((y - t) ** 2).sum(axis=1))(y, t)

        def gradient(self, y, t):
            return now.get("gradient", lambda y, t: 2 * (y - t))(y, t)

    made = loss("tests.behaves", Behaves)
    net = network()
    before = net.to_bytes()
    now.update({name: f for name, f in (("forward", forward), ("gradient", gradient)) if f})
    with np.errstate(all="ignore"), pytest.raises(error, match=words):
        {
            "fit": lambda: net.fit(x, t, loss=made(), batch_size=50),
            "train_batch": lambda: net.train_batch(x, t, loss=made()),
            "gradients": lambda: net.gradients(x, t, loss=made()),
        }[deed]()
    assert net.to_bytes() == before


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ({"forward": lambda self, y, t: 0.0}, dp.InvalidArgument, "needs a method gradient"),
        ({"forward": lambda self, y: 0.0}, dp.InvalidArgument, r"forward\(self, y, t\)|2 inputs|takes y"),
        (
            {"forward": lambda self, y, t: y, "gradient": lambda self, y, t: y},
            dp.ShapeError,
            r"forward returned shape \(4, 5\) for 4 rows, expected a value for each row, \(4,\)",
        ),
        (
            {
                "forward": lambda self, y, t: 0.0,
                "gradient": 0,
                "__init__": lambda self, reduction="mean": None,
            },
            dp.TypeMismatch,
            "taken",
        ),
    ],
)
def test_classes_that_are_no_losses(body, error, words):
    with pytest.raises(error, match=words):
        loss("tests.no_loss", type("None_", (), body))


def test_a_newer_class_takes_the_place_of_an_older_one(data):
    x, t = data

    def cell(factor):
        @dp.custom_loss("tests.cell")
        class Cell:
            def forward(self, y, t):
                return factor * ((y - t) ** 2).sum(axis=1)

            def gradient(self, y, t):
                return factor * 2 * (y - t)

        return Cell

    net = network(dtype="float64")
    first = net.loss(x, t, loss=cell(1)())
    one = net.gradients(x, t, loss=cell(1)())
    assert net.loss(x, t, loss=cell(2)()) == pytest.approx(2 * first)
    for name, value in net.gradients(x, t, loss=dp.losses.Cell()).items():
        assert_allclose(value, 2 * one[name])
    with pytest.raises(dp.InvalidArgument, match='reduction is "mean" or "sum", got "max"'):
        net.loss(x, t, loss=dp.losses.Cell(reduction="max"))
