"""What a callback or an iterable of batches does to the network in fit takes effect or is refused: it is never undone."""

from __future__ import annotations

import threading

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal


@pytest.fixture
def net():
    net = dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(1)], (3,), dtype="float64", seed=2)
    net.compile("mse", "adam")
    return net


@pytest.fixture
def data(rng):
    return rng.normal(size=(20, 3)), rng.normal(size=(20, 1))


REFUSED = {
    "assigning a parameter": lambda net: net.parameters.update({"dense_1.b": np.ones(4)}),
    "writing into a parameter": lambda net: net.parameters["dense_1.b"].fill(3),
    "drawing parameters": lambda net: net.initialize(3),
    "freezing a layer": lambda net: setattr(net.layers["dense_1"], "trainable", False),
    "freezing by name": lambda net: net.set_trainable("dense_1.W", False),
    "compiling": lambda net: net.compile("mse", "sgd"),
    "training": lambda net: net.train_batch(np.zeros((1, 3)), np.zeros((1, 1))),
    "fitting": lambda net: net.fit(np.zeros((1, 3)), np.zeros((1, 1))),
    "forward in training": lambda net: net.forward(np.zeros((1, 3)), training=True),
    "a step": lambda net: dp.SGD().step(net),
    "closing": lambda net: net.close(),
}


def batches(x, t, do):
    for first in range(0, 20, 5):
        do()
        yield x[first : first + 5], t[first : first + 5]


@pytest.mark.parametrize("deed", REFUSED, ids=list(REFUSED))
@pytest.mark.parametrize("where", ["callback", "iterable"])
def test_what_would_be_undone_is_refused(net, data, deed, where):
    net.forward(data[0], training=True)  # so that there is something to step
    told = []

    def do(*_):
        try:
            REFUSED[deed](net)
        except (dp.BadState, ValueError) as error:  # NumPy's own where an array is read-only
            told.append(str(error))
        else:
            told.append(None)

    if where == "callback":
        net.fit(*data, callbacks=do)
    else:
        net.fit(list_of(*data, do))
    assert told and None not in told
    if deed != "writing into a parameter":
        assert any(word in told[0] for word in ("in fit", "at work"))
    other = dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(1)], (3,), dtype="float64", seed=2)
    other.compile("mse", "adam")
    if where == "callback":
        other.fit(*data)
    else:
        other.fit(list_of(*data, lambda: None))
    for name in other.parameters:
        assert_array_equal(net.parameters[name], other.parameters[name])
    REFUSED[deed](net)  # afterwards it is nobody's business


@pytest.mark.parametrize("where", ["callback", "iterable"])
def test_a_rate_that_is_set_in_fit_applies_from_the_next_step_on(net, data, where):
    """Like training with the same rates, one step at a time."""
    rates = [0.1, 0.03, 0.0, 0.2, 0.01, 0.5, 0.02, 0.3]
    net.compile("mse", dp.SGD(0.1, momentum=0.5))
    other = dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(1)], (3,), dtype="float64", seed=2)
    other.compile("mse", dp.SGD(0.1, momentum=0.5))
    seen, left = [], iter(rates[1:])
    if where == "callback":

        def do(net, epoch, logs):
            seen.append(net.learning_rate)
            net.learning_rate = next(left, 1.0)

        net.fit(*data, batch_size=20, epochs=len(rates), shuffle=False, callbacks=do)
        parts = [slice(0, 20)] * len(rates)
    else:

        def pieces():
            for number, rate in enumerate(rates):
                seen.append(net.learning_rate)
                net.learning_rate = rate
                yield data[0][number : number + 3], data[1][number : number + 3]

        net.fit(pieces())
        parts = [slice(number, number + 3) for number in range(len(rates))]
    for rate, part in zip(rates, parts):
        other.learning_rate = rate
        other.train_batch(data[0][part], data[1][part])
    for name in other.parameters:
        assert_array_equal(net.parameters[name], other.parameters[name])
    assert seen == (rates if where == "callback" else [0.1, *rates[:-1]])
    assert net.learning_rate == (1.0 if where == "callback" else rates[-1])


def list_of(x, t, do):
    """An object that is iterated anew each time; its first batch does nothing."""

    class Batches:
        def __iter__(self):
            yield x[:5], t[:5]
            yield from batches(x, t, do)

    return Batches()


@pytest.mark.parametrize("where", ["callback", "iterable"])
def test_writing_into_an_array_that_was_held_before_is_refused(net, data, where):
    held = net.parameters["dense_1.b"]

    def write(*_):
        held[:] = 7

    before = net.to_bytes()
    with pytest.raises(dp.BadState, match=r"dense_1\.b.*in fit"):
        if where == "callback":
            net.fit(*data, epochs=3, callbacks=write)
        else:
            net.fit(list_of(*data, write), epochs=3)
    assert np.abs(held).max() < 1 and net.to_bytes() != before  # what was learned until then is kept
    held[:] = 7
    assert_array_equal(net.parameters["dense_1.b"], held)
    net.fit(*data)


def test_reading_is_allowed(net, data):
    held, seen = net.parameters["dense_1.W"], []

    def read(net, epoch, logs):
        current = net.parameters["dense_1.W"]
        seen.append((current.copy(), held.copy(), net.loss(*data), net.predict(data[0])))
        assert not current.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            current[:] = 0

    net.fit(*data, epochs=3, callbacks=read)
    assert len(seen) == 3
    assert all((current == other).all() for current, other, _, _ in seen)
    assert_array_equal(seen[-1][0], net.parameters["dense_1.W"])
    assert net.parameters["dense_1.W"].flags.writeable


@pytest.mark.parametrize("where", ["callback", "iterable"])
def test_a_forward_without_training_is_a_prediction(net, data, where):
    seen = []

    def look(*_):
        seen.append(np.array_equal(net.forward(data[0]), net.predict(data[0])))

    if where == "callback":
        net.fit(*data, epochs=2, callbacks=look)
    else:
        net.fit(list_of(*data, look))
    assert seen and all(seen)


def test_a_forward_without_training_does_not_wait_for_fit(net, data):
    """As predict does not."""
    began, end, seen = threading.Event(), threading.Event(), []

    def wait(*_):
        began.set()
        assert end.wait(20)

    def look():
        assert began.wait(20)
        seen.append(net.forward(data[0]).shape)
        end.set()

    thread = threading.Thread(target=look)
    thread.start()
    net.fit(*data, callbacks=wait)
    thread.join()
    assert seen == [(20, 1)]


def test_another_network_may_be_trained_meanwhile(net, data):
    other = dp.Sequential([dp.Dense(1)], (3,))
    net.fit(*data, epochs=2, callbacks=lambda net, epoch, logs: other.fit(*data, loss="mse"))


def test_arguments_that_would_be_ignored_are_refused(net, data):
    with pytest.raises(dp.InvalidArgument, match="steps_per_epoch"):
        net.fit(*data, steps_per_epoch=2)
    with pytest.raises(dp.InvalidArgument, match="batch_size"):
        net.fit([data], batch_size=2)


def test_fit_without_targets(net, data):
    for given in (data[0], {"input_1": data[0]}):
        with pytest.raises(dp.TypeMismatch, match="fit needs the targets"):
            net.fit(given)
    with pytest.raises(dp.TypeMismatch, match="pair"):
        net.fit(data[0].tolist())
