"""Integers of any kind are integers; and what is wrong is said in Denpa's own words."""

from __future__ import annotations

import copy

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal


class Index:
    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number


INTEGERS = [np.int64, np.uint8, np.int16, Index, np.array]


def make(outputs=1):
    x = dp.Input((3,))
    ys = [dp.Dense(2, name=f"y{number}")(x) for number in range(outputs)]
    return dp.Model(x, ys[0] if outputs == 1 else ys)


X, T = np.ones((20, 3)), np.ones((20, 2))


@pytest.mark.parametrize("kind", INTEGERS, ids=lambda kind: kind.__name__)
def test_whatever_is_an_index_is_an_integer(kind):
    net, other = make(), make()
    net.fit(X, T, batch_size=kind(7), epochs=kind(2), loss="mse")
    other.fit(X, T, batch_size=7, epochs=2, loss="mse")
    assert_array_equal(net.predict(X), other.predict(X))
    net.fit(((X[:5], T[:5]) for _ in range(8)), epochs=kind(2), steps_per_epoch=kind(4))
    net.initialize(kind(3))
    other.initialize(3)
    assert_array_equal(net.predict(X), other.predict(X))
    assert net.check_gradients(X, T, max_elements=kind(2)).rows[0].checked == 2
    assert dp.Dense(kind(3)).units == 3 if kind is not Index else True
    threads = dp.threads()
    dp.set_threads(kind(1))
    dp.set_threads(threads)
    one, two = (dp.Sequential([dp.Dense(2)], (3,), seed=seed) for seed in (kind(9), 9))
    assert_array_equal(one.predict(X), two.predict(X))
    assert dp.Input((kind(3), 2)).shape == (None, 3, 2)
    assert make(2).loss(X, T, loss=dp.MeanSquaredError(kind(1))) > 0
    layer = dp.Dense(2)
    layer.build((3,), seed=kind(9))


@pytest.mark.parametrize("wrong", [1.5, 2.0, "2", None, True, np.bool_(1), -1, 2**70, [2]], ids=repr)
def test_what_is_no_integer(wrong):
    net = make()
    with pytest.raises(dp.DenpaError, match="epochs must be a whole number"):
        net.fit(X, T, loss="mse", epochs=wrong)
    with pytest.raises(dp.DenpaError, match="seed must be a whole number"):
        dp.Sequential([dp.Dense(2)], (3,), seed=wrong)
    with pytest.raises(dp.DenpaError, match="seed must be a whole number"):
        net.initialize(wrong)
    with pytest.raises(dp.DenpaError, match="threads must be a whole number"):
        dp.set_threads(wrong)
    if wrong is not None:
        with pytest.raises(dp.DenpaError, match="batch_size must be a whole number"):
            net.fit(X, T, loss="mse", batch_size=wrong)
        with pytest.raises(dp.DenpaError, match="steps_per_epoch must be a whole number"):
            net.fit([(X, T)], loss="mse", steps_per_epoch=wrong)
    if wrong != -1:
        with pytest.raises(dp.DenpaError, match="max_elements must be a whole number"):
            net.check_gradients(X, T, loss="mse", max_elements=wrong)


MISUSED = {
    "a kind that is proved": lambda: dp.prove(3),
    "a step of nothing": lambda: dp.Adam().step(None),
    "a step by a class": lambda: dp.SGD().step(dp.Model),
    "a path": lambda: dp.load(3),
    "a plugin's path": lambda: dp.load_plugin(3),
    "a path to save to": lambda: make().save(None),
    "bytes": lambda: dp.from_bytes("text"),
    "a kind that is made": lambda: dp.create(3),
    "layers": lambda: dp.Sequential(3, (3,)),
    "a layer for layers": lambda: dp.Sequential(dp.Dense(3), (3,)),
    "inputs": lambda: dp.Model(3, dp.Input((3,))),
    "outputs": lambda: dp.Model(dp.Input((3,)), 3),
    "an input's name": lambda: dp.Model(*[dp.Input((3,), name=3)] * 2),
    "an input's type": lambda: dp.Input((3,), dtype="text"),
    "what is frozen": lambda: make().set_trainable(3),
    "a weight": lambda: dp.MeanSquaredError(weight="much"),
    "a factor": lambda: dp.MeanSquaredError() * None,
    "a rate": lambda: setattr(compiled(), "learning_rate", "high"),
    "a parameter's name": lambda: make().parameters[["y0.W"]],
    "a metric": lambda: make().compile("mse", metrics=3),
    "names of gradients": lambda: make().gradients(X, T, loss="mse", wrt=3),
    "a gradient's name": lambda: make().gradients(X, T, loss="mse", wrt=[3]),
    "the step of a stencil": lambda: make().check_gradients(X, T, loss="mse", step="small"),
    "validation data": lambda: make().fit(X, T, loss="mse", validation_data=3),
    "names": lambda: dp.Sequential([dp.Dense(2)], (3,), names=["W"]),
    "a proof": lambda: dp.load_plugin("a.so", proof=["load"]),
    "a part of a sum": lambda: dp.MeanSquaredError() + 3,
    "a layer's name": lambda: make().layers[3],
    "how an optimizer is called": lambda: make().compile("mse", dp.Adam(3, 4, 5, 6, 7, 8)),
}


def compiled():
    net = make()
    net.compile("mse", "sgd")
    return net


@pytest.mark.parametrize("what", MISUSED, ids=list(MISUSED))
def test_misuse_is_said_in_words(what):
    with pytest.raises(dp.DenpaError) as caught:
        MISUSED[what]()
    assert len(str(caught.value)) > 20


def test_a_method_speaks_of_itself():
    for name in ("predict_proba", "predict_classes"):
        with pytest.raises(dp.InvalidArgument, match=f"^{name} .*y0, y1"):
            getattr(make(2), name)(X)


def test_the_batch_is_no_part_of_a_shape():
    for wrong in ((-1,), [-1, 3]):
        with pytest.raises(dp.DenpaError, match="the batch is not part of it"):
            dp.Input(wrong)
    with pytest.raises(dp.DenpaError) as caught:
        dp.Input((2**64,))
    assert "batch" not in str(caught.value)


def test_a_closed_network():
    net = make()
    net.close()
    assert repr(net) == "<Model, closed>"
    net.close()
    for use in (
        lambda: net.predict(X),
        lambda: net.fit(X, T, loss="mse"),
        lambda: net.parameters["y0.W"],
        net.summary,
    ):
        with pytest.raises(dp.BadState, match="closed"):
            use()


# -- what is described is fixed ----------------------------------------------------------------------------------------

FIXED = [
    (lambda: dp.Dense(3, name="d"), ["units", "name", "activation"]),
    (lambda: dp.Adam(), ["learning_rate", "beta1"]),
    (lambda: dp.MeanSquaredError(), ["reduction", "weight", "output"]),
    (lambda: dp.Normal(scale=2), ["scale"]),
]


@pytest.mark.parametrize("maker, names", FIXED, ids=["layer", "optimizer", "loss", "initializer"])
def test_attributes_cannot_be_set_afterwards(maker, names):
    thing = maker()
    before = repr(thing)
    for name in names:
        with pytest.raises(dp.BadState, match=f"{name} was fixed.*make another"):
            setattr(thing, name, getattr(thing, name))
    with pytest.raises(dp.InvalidArgument, match="no attribute"):
        thing.colour = "red"
    with pytest.raises(TypeError):
        thing.attributes[names[0]] = 3
    assert repr(thing) == before == repr(copy.copy(thing)) == repr(copy.deepcopy(thing))


def test_where_a_rate_is_changed_is_said():
    with pytest.raises(dp.BadState, match=r"net\.learning_rate"):
        dp.Adam().learning_rate = 0.1
    with pytest.raises(dp.InvalidArgument, match='did you mean "learning_rate"'):
        dp.Adam().learning_rat = 0.1


def test_a_network_keeps_its_layers():
    net = make()
    with pytest.raises(dp.BadState, match='"y0".*units'):
        net.layers["y0"].units = 5
    net.layers["y0"].trainable = False
    assert net.layers["y0"].trainable is False


# -- freezing ----------------------------------------------------------------------------------------------------------


def test_freezing_keeps_the_rate_that_was_set():
    net = compiled()
    net.train_batch(X, T)
    net.learning_rate = 0.125
    net.layers["y0"].trainable = False
    net.layers["y0"].trainable = True
    assert net.learning_rate == 0.125
    net.compile("mse", "sgd")
    assert net.learning_rate == dp.SGD().learning_rate


def test_setting_trainable_to_what_it_is_changes_nothing(rng):
    x, t = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    net, other = make(), make()
    for one in (net, other):
        one.compile("mse", dp.Adam(learning_rate=0.1))
        one.train_batch(x, t)
    net.layers["y0"].trainable = True
    with pytest.raises(dp.NotFound):
        net.set_trainable("nobody", False)
    for one in (net, other):
        one.train_batch(x, t)
    assert_array_equal(net.predict(x), other.predict(x))
