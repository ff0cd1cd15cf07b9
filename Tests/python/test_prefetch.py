"""prefetch=True: the next batch is prepared while the engine trains on the present one, with the same results."""

from __future__ import annotations

import threading
import time
import tracemalloc
import weakref

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

SECONDS = 20  # at most, until another thread has done what it does at once


@pytest.fixture
def data(rng):
    return rng.normal(size=(60, 4)), rng.normal(size=(60, 2))


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def network(**options):
    net = dp.Sequential(
        [dp.Dense(8, activation="tanh"), dp.Dropout(0.2), dp.Dense(2)], (4,), seed=4, **options
    )
    net.compile("mse", dp.Adam(0.01))
    return net


def pieces(x, t, size=10):
    return [(x[first : first + size], t[first : first + size]) for first in range(0, len(x), size)]


class Again:
    """An iterable whose batches are made by a generator, anew in each epoch."""

    def __init__(self, make):
        self.make = make

    def __iter__(self):
        return self.make()


def endless(x, t):
    while True:
        yield from pieces(x, t)


# -- the same results ----------------------------------------------------------------------------------------------


def reusing(x, t):
    """Gives the same two arrays again and again, with other contents."""
    a, b = np.empty((10, 4)), np.empty((10, 2))
    for one, two in pieces(x, t):
        a[:], b[:] = one, two
        yield a, b
    a[:], b[:] = np.nan, np.nan


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda x, t: pieces(x, t), {"epochs": 3}),
        (lambda x, t: Again(lambda: iter(pieces(x, t))), {"epochs": 3}),
        (lambda x, t: Again(lambda: reusing(x, t)), {"epochs": 3}),
        (lambda x, t: (pair for pair in pieces(x, t)), {}),
        (lambda x, t: endless(x, t), {"epochs": 3, "steps_per_epoch": 4}),
        (lambda x, t: pieces(x, t), {"epochs": 3, "steps_per_epoch": 4}),
        (lambda x, t: [(a, b, np.linspace(0, 1, 10)) for a, b in pieces(x, t)], {"epochs": 2}),
        (
            lambda x, t: pieces(x, t),
            {"epochs": 3, "callbacks": dp.EarlyStopping(patience=1, restore_best=True)},
        ),
        (lambda x, t: [(x[0], t[0]), (x[1:4], t[1:4])], {"epochs": 2}),
    ],
)
def test_the_bits_are_the_same(data, make, options):
    nets = [network() for _ in range(2)]
    histories = [
        net.fit(make(*data), validation_data=data, prefetch=prefetch, **options)
        for net, prefetch in zip(nets, (False, True))
    ]
    assert histories[0] == histories[1]
    assert nets[0].to_bytes() == nets[1].to_bytes()
    assert nets[0].train_batch(*data) == nets[1].train_batch(*data)  # the optimizer's state too


def test_an_endless_iterator_gives_as_many_batches_as_without(data):
    sources = [endless(*data) for _ in range(2)]
    nets = [network() for _ in range(2)]
    for _ in range(3):
        for net, source, prefetch in zip(nets, sources, (False, True)):
            net.fit(source, steps_per_epoch=4, epochs=2, prefetch=prefetch)
    assert nets[0].to_bytes() == nets[1].to_bytes()
    for one, two in zip(next(sources[0]), next(sources[1])):
        assert_array_equal(one, two)


def test_sparse_rows_are_made_dense_one_batch_ahead(data, monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")
    from denpa import _tables

    x, t = data
    x = np.where(x > 0.5, x, 0)
    threads, dense = set(), _tables.dense
    monkeypatch.setattr(
        _tables, "dense", lambda rows: (threads.add(threading.current_thread().name), dense(rows))[1]
    )
    nets = [network() for _ in range(2)]
    nets[0].fit(sparse.csr_matrix(x), t, batch_size=10, epochs=2, shuffle=False)
    nets[1].fit(x, t, batch_size=10, epochs=2, shuffle=False)
    assert nets[0].to_bytes() == nets[1].to_bytes()
    assert threads == {"denpa prefetch"}


def test_a_memory_map_is_read_one_batch_ahead(data, tmp_path):
    x, t = data
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    threads = set()

    def batches():
        for first in range(0, 60, 10):
            threads.add(threading.current_thread())
            yield mapped[first : first + 10], t[first : first + 10]

    nets = [network() for _ in range(2)]
    nets[0].fit(Again(batches), epochs=2, prefetch=True)
    nets[1].fit(pieces(x, t), epochs=2)
    assert nets[0].to_bytes() == nets[1].to_bytes()
    assert threading.current_thread() not in threads and len(threads) == 1


# -- at the same time ----------------------------------------------------------------------------------------------


def test_a_batch_is_fetched_while_the_engine_trains_and_no_more_than_one(data):
    """The engine is inside of the first step until the second batch has been fetched, by a layer that waits."""
    begun, taken = threading.Event(), []

    @dp.custom_layer("tests.waits", proof="request")
    class Waits:
        def forward(self, x):
            if waits and not begun.wait(SECONDS):
                raise TimeoutError("no batch was fetched during the step")
            return x

        def backward(self, dy):
            if waits:
                time.sleep(0.05)  # long enough for a third batch, if it were fetched
                seen.append(len(taken))
            return dy

    waits, seen = False, []

    def batches():
        for number, pair in enumerate(pieces(*data)):
            taken.append(number)
            if number == 1:
                begun.set()
            yield pair

    net = dp.Sequential([dp.Dense(2), Waits()], (4,))
    net.train_batch(data[0][:10], data[1][:10], loss="mse")
    waits = True
    net.fit(Again(batches), prefetch=True)
    assert seen[0] == 2 and seen[-1] == 6
    assert all(fetched <= trained + 2 for trained, fetched in enumerate(seen))


def test_no_more_than_two_batches_are_in_memory():
    rows, width = 100, 5000
    x, t = np.zeros((20 * rows, width)), np.zeros((20 * rows, 1))
    net = dp.Sequential([dp.Dense(1)], (width,))
    net.train_batch(x[:rows], t[:rows], loss="mse")
    tracemalloc.start()
    try:
        net.fit(Again(lambda: iter(pieces(x, t, rows))), prefetch=True)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.9 < most / (rows * width * 8) < 2.2  # slices are not copies: only those of fit are


def test_a_slow_iterable_costs_the_longer_of_both_and_not_their_sum(data):
    """Measured with sleeps, which two threads can do at once on any machine."""

    @dp.custom_layer("tests.sleeps", proof="request")
    class Sleeps:
        def forward(self, x):
            time.sleep(0.02)
            return x

        def backward(self, dy):
            return dy

    def batches():
        for pair in pieces(*data):
            time.sleep(0.02)
            yield pair

    net = dp.Sequential([dp.Dense(2), Sleeps()], (4,))
    net.fit(pieces(*data), loss="mse")
    seconds = []
    for prefetch in (False, True):
        began = time.perf_counter()
        net.fit(Again(batches), epochs=3, loss="mse", prefetch=prefetch)
        seconds.append(time.perf_counter() - began)
    assert seconds[0] >= 18 * 0.04
    assert seconds[1] < 0.8 * seconds[0]


# -- what goes wrong -----------------------------------------------------------------------------------------------


class Mine(Exception):
    pass


def test_an_exception_of_the_iterable_comes_when_its_batch_is_due(data):
    def batches():
        yield from pieces(*data)[:3]
        raise Mine("no more")

    nets = [network() for _ in range(2)]
    for net, prefetch in zip(nets, (False, True)):
        with pytest.raises(Mine, match="no more") as caught:
            net.fit(Again(batches), prefetch=prefetch)
        assert any(entry.name == "batches" for entry in caught.traceback)
        assert net.step_count == 3
    assert nets[0].to_bytes() == nets[1].to_bytes()


@pytest.mark.parametrize(
    ("batch", "error"),
    [
        (5, dp.TypeMismatch),
        ((np.zeros((2, 3)), np.zeros((2, 2))), dp.ShapeError),
        (("a", "b"), dp.DenpaError),
    ],
)
def test_a_wrong_batch(data, batch, error):
    net = network()
    with pytest.raises(error):
        net.fit([*pieces(*data)[:2], batch], prefetch=True)
    assert net.step_count == 2
    net.fit(pieces(*data), prefetch=True)


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_other_exceptions_of_the_iterable(data, exception):
    def batches():
        yield pieces(*data)[0]
        raise exception

    with pytest.raises(exception):
        network().fit(Again(batches), prefetch=True)


def test_callbacks_that_stop_or_fail(data):
    class Stop(dp.Callback):
        def __init__(self, error=None):
            self.error = error

        def on_batch_end(self, net, batch, logs):
            if batch == 2:
                net.stop_training = True
                if self.error:
                    raise self.error

    net = network()
    source = endless(*data)
    net.fit(source, steps_per_epoch=6, prefetch=True, callbacks=Stop())
    assert net.step_count == 3
    assert next(source) is not None  # the generator is not at work any more
    with pytest.raises(Mine):
        net.fit(source, steps_per_epoch=6, prefetch=True, callbacks=Stop(Mine()))
    net.fit(source, steps_per_epoch=6, prefetch=True)


@pytest.mark.parametrize(
    "deed",
    [
        lambda net: setattr(net, "learning_rate", 0.1),
        lambda net: net.parameters["dense_1.W"],
        lambda net: net.train_batch(np.zeros((1, 4)), np.zeros((1, 2))),
        lambda net: net.evaluate(np.zeros((1, 4)), np.zeros((1, 2))),
        lambda net: net.close(),
        lambda net: net.to_bytes(),
    ],
)
def test_the_network_is_not_used_in_the_iterable(data, deed):
    net = network()

    def batches():
        for pair in pieces(*data):
            yield pair
            try:
                deed(net)
            except dp.BadState as error:
                told.append(str(error))

    told = []
    before = network()
    before.fit(pieces(*data))
    net.fit(Again(batches), prefetch=True)
    assert net.to_bytes() == before.to_bytes()
    assert not told or all("prefetch=True" in sentence for sentence in told)
    deed(net)  # afterwards it may


def test_predictions_in_the_iterable(data):
    net, shapes = network(), []

    def batches():
        for pair in pieces(*data):
            shapes.append(net.predict(pair[0]).shape)
            yield pair

    net.fit(Again(batches), epochs=2, prefetch=True)
    assert shapes == [(10, 2)] * 12


def test_settings_of_the_thread_of_fit_are_valid(data):
    def batches():
        yield pieces(*data)[0]
        np.float64(1) / np.zeros(1)

    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        network().fit(Again(batches), prefetch=True)


def test_arguments(data):
    with pytest.raises(dp.InvalidArgument, match="prefetch is for an iterable of batches"):
        network().fit(*data, prefetch=True)
    with pytest.raises(dp.InvalidArgument, match="no batch in the iterable"):
        network().fit([], prefetch=True)
    with pytest.raises(dp.InvalidArgument, match="an iterator serves one epoch"):
        network().fit(iter(pieces(*data)), epochs=2, prefetch=True)
    with pytest.raises(dp.InvalidArgument, match="ended after 2 of 4 steps"):
        network().fit(iter(pieces(*data)[:2]), steps_per_epoch=4, prefetch=True)


def test_nothing_keeps_the_network_alive(data):
    import gc

    gc.disable()
    try:
        net = network()
        net.fit(pieces(*data), epochs=2, prefetch=True)
        gone = weakref.ref(net._parts)
        del net
        assert gone() is None
    finally:
        gc.enable()
