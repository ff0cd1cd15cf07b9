"""What other threads do while one is in fit: reading does not wait for it, and changing the network does."""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

SECONDS = 60  # after which a test fails that would wait for ever


def make():
    net = dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(1)], (3,), dtype="float64", seed=2)
    net.compile("mse", dp.Adam(0.01), metrics=["mae"])
    return net


@pytest.fixture
def net():
    return make()


@pytest.fixture
def data(rng):
    return rng.normal(size=(20, 3)), rng.normal(size=(20, 1))


class Held:
    """A fit in another thread that has come to its second epoch and waits there until `with` ends.

    `where` is what waits: a callback, or an iterable in the middle of an epoch. `published` has the parameters
    after the first epoch.
    """

    def __init__(self, net, data, where):
        self.net, self.data, self.where = net, data, where
        self.came, self.leave, self.epochs = threading.Event(), threading.Event(), 0
        self.published = {}

    def wait(self):
        self.came.set()
        assert self.leave.wait(SECONDS)

    def callback(self, net, epoch, logs):
        if epoch == 0:
            self.published = {name: np.array(net.parameters[name]) for name in net.parameters}
            if self.where == "callback":
                self.wait()

    def __iter__(self):
        x, t = self.data
        self.epochs += 1
        for first in range(0, 20, 5):
            if self.epochs == 2 and first == 10 and self.where == "iterable":
                self.wait()
            yield x[first : first + 5], t[first : first + 5]

    def __enter__(self):
        given = self.data if self.where == "callback" else (self,)
        self.pool = ThreadPoolExecutor(4)
        self.fit = self.pool.submit(self.net.fit, *given, epochs=3, callbacks=self.callback)
        assert self.came.wait(SECONDS)
        return self

    def ask(self, function, *arguments, **named):
        """What a third thread returns, while the fit waits."""
        found = self.pool.submit(function, *arguments, **named).result(SECONDS)
        assert not self.fit.done()
        return found

    def __exit__(self, *error):
        self.leave.set()
        try:
            self.fit.result(SECONDS)
        finally:
            self.pool.shutdown()


WHERE = pytest.mark.parametrize("where", ["callback", "iterable"])


def by_hand(p, x, t):
    """The loss, the mean absolute error, the outputs, and the gradient of the last bias."""
    y = np.tanh(x @ p["dense_1.W"] + p["dense_1.b"]) @ p["dense_2.W"] + p["dense_2.b"]
    return ((y - t) ** 2).mean(), np.abs(y - t).mean(), y, 2 * (y - t).mean(axis=0)


@WHERE
def test_readers_see_the_weights_that_were_published_last(net, data, where):
    with Held(net, data, where) as held:
        loss, mae, y, db = by_hand(held.published, *data)
        assert_allclose(held.ask(net.evaluate, *data), (loss, mae), rtol=1e-12)
        assert_allclose(held.ask(net.loss, *data), loss, rtol=1e-12)
        assert_allclose(held.ask(net.loss, *data, loss="mae"), mae, rtol=1e-12)
        assert_allclose(held.ask(net.loss, *data, loss=dp.MeanSquaredError(reduction="sum")), loss * 20)
        assert_allclose(held.ask(net.predict, data[0]), y, rtol=1e-12)
        assert_allclose(held.ask(net.forward, data[0]), y, rtol=1e-12)
        assert_allclose(held.ask(net.gradients, *data)["dense_2.b"], db, rtol=1e-9)
        assert_allclose(held.ask(net.loss_and_gradients, *data)[0], loss, rtol=1e-12)
        assert_allclose(held.ask(net.vjp, data[0], 2 * (y - data[1]) / 20)["dense_2.b"], db, rtol=1e-9)
        assert held.ask(net.check_gradients, *data).passed
        for name, value in held.published.items():
            assert_array_equal(held.ask(lambda name=name: np.array(net.parameters[name])), value)
        other = dp.from_bytes(held.ask(net.to_bytes))
        assert_array_equal(other.parameters["dense_1.W"], held.published["dense_1.W"])


@WHERE
def test_readers_change_nothing(net, data, where):
    with Held(net, data, where) as held:
        for _ in range(3):
            for call in (net.evaluate, net.loss, net.gradients, net.check_gradients):
                held.ask(call, *data)
            held.ask(lambda: net.parameters["dense_1.W"].copy())
    alone = make()
    with Held(alone, data, where):
        pass
    for name in alone.parameters:
        assert_array_equal(net.parameters[name], alone.parameters[name])
    assert net.train_batch(*data) == alone.train_batch(*data)
    assert net.step_count == alone.step_count


@WHERE
def test_an_array_of_a_parameter_is_read_only_meanwhile(net, data, where):
    with Held(net, data, where) as held:
        array = held.ask(lambda: net.parameters["dense_1.W"])
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
    assert_array_equal(array, net.parameters["dense_1.W"])  # it follows the network
    assert net.parameters["dense_1.W"].flags.writeable


CHANGES = {
    "assigning": lambda net: net.parameters.update({"dense_1.b": np.ones(4)}),
    "drawing": lambda net: net.initialize(3),
    "freezing": lambda net: net.set_trainable("dense_1", False),
    "compiling": lambda net: net.compile("mse", "sgd"),
    "a step": lambda net: net.train_batch(np.zeros((1, 3)), np.zeros((1, 1))),
    "another fit": lambda net: net.fit(np.zeros((1, 3)), np.zeros((1, 1))),
    "a forward in training": lambda net: net.forward(np.zeros((1, 3)), training=True),
    "zeroing gradients": lambda net: net.zero_grads(),
    "copying": copy.deepcopy,
    "closing": lambda net: net.close(),
}


@WHERE
@pytest.mark.parametrize("change", CHANGES)
def test_changes_wait_for_the_end_of_fit(net, data, where, change):
    """They see that it has ended: the epochs of the history are complete."""
    epochs = []
    with Held(net, data, where) as held:
        history = net.history

        def work():
            began.set()
            CHANGES[change](net)
            epochs.append(len(history["loss"]))

        began = threading.Event()
        found = held.pool.submit(work)
        assert began.wait(SECONDS)
        held.ask(net.loss, *data)  # which the change that waits does not hinder
        assert not epochs
    found.result(SECONDS)
    assert epochs == [3]


def test_every_number_belongs_to_one_published_set(net, data):
    """Many threads read while epochs end one after the other; each loss is that of an end of an epoch."""
    published, found, problems = {net.loss(*data)}, [], []
    stop = threading.Event()

    def callback(net, epoch, logs):
        published.add(net.loss(*data))
        if len(found) > 300 or epoch > 5000:
            net.stop_training = True

    def read(number):
        try:
            while not stop.is_set():
                if number % 2:
                    found.append(net.loss(*data))
                else:
                    loss, gradients = net.loss_and_gradients(*data)
                    found.append(loss)
                    assert all(np.isfinite(array).all() for array in gradients.values())
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        net.fit(*data, batch_size=5, epochs=100_000, callbacks=callback)
    finally:
        stop.set()
        for thread in threads:
            thread.join(SECONDS)
    assert not problems
    rounded = {f"{value:.12g}" for value in published}
    assert {f"{value:.12g}" for value in found} <= rounded
    assert len(set(found)) > 1, "nobody saw two sets of weights"


def test_a_metric_that_changes_the_network_is_refused_instead_of_waiting_for_itself(net, data):
    """It runs inside of evaluate, for which the fit may have to wait in turn."""
    told = []

    def metric(y, t):
        try:
            net.train_batch(*data)
        except dp.BadState as error:
            told.append(str(error))
        return 1.0

    net.compile("mse", "sgd", metrics=[metric])
    net.evaluate(*data)
    net.compile("mse", "sgd")
    before = net.to_bytes()
    assert told and all("callback" in sentence for sentence in told)
    assert net.to_bytes() == before
    net.train_batch(*data)
    assert net.to_bytes() != before


def test_a_callback_of_the_same_fit_reads_and_may_not_change(net, data):
    seen = []

    def callback(net, epoch, logs):
        seen.append((net.loss(*data), net.gradients(*data)["dense_2.b"], net.predict(data[0])))
        for name in ("assigning", "compiling", "a step", "closing"):
            with pytest.raises(dp.BadState, match="in fit"):
                CHANGES[name](net)

    net.fit(*data, epochs=2, callbacks=callback)
    assert len(seen) == 2


def test_the_readers_of_two_fits_one_after_the_other(net, data):
    """The trainers that readers use are brought up to date for each of them."""
    for _ in range(2):
        with Held(net, data, "callback") as held:
            assert_allclose(held.ask(net.loss, *data), by_hand(held.published, *data)[0], rtol=1e-12)
        p = {name: np.array(net.parameters[name]) for name in net.parameters}
        assert_allclose(net.loss(*data), by_hand(p, *data)[0], rtol=1e-12)
        net.parameters["dense_2.b"] = [0.5]
        p["dense_2.b"] = np.array([0.5])
        assert_allclose(net.gradients(*data)["dense_2.b"], by_hand(p, *data)[3], rtol=1e-9)
