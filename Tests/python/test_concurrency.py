"""Many threads, forked processes, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal


def make(width=64):
    layers = [dp.Dense(width, activation="relu"), dp.Dense(width, activation="relu"), dp.Dense(3)]
    return dp.Sequential(layers, input_shape=(16,), seed=1)


def test_many_threads_predict_with_one_network(rng):
    net = make()
    questions = [rng.normal(size=(rows, 16)).astype("f4") for rows in (1, 3, 50, 200, 2500)] * 8
    expected = [net.predict(x) for x in questions]
    with ThreadPoolExecutor(16) as pool:
        for _ in range(5):
            for found, right in zip(pool.map(net.predict, questions), expected):
                assert_array_equal(found, right)


def test_predicting_while_another_thread_trains(rng):
    """Each answer is that of one set of weights: both rows of a question are the same sample."""
    net, x, t = make(), rng.normal(size=(256, 16)), rng.normal(size=(256, 3))
    net.compile("mse", dp.Adam(learning_rate=0.01))
    stop, errors, answers = threading.Event(), [], set()

    def predict():
        question = np.repeat(rng.normal(size=(1, 16)).astype("f4"), 2, axis=0)
        while not stop.is_set():
            y = net.predict(question)
            if not (np.isfinite(y).all() and np.array_equal(y[0], y[1])):
                errors.append(y)
            answers.add(y.tobytes())

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for thread in threads:
        thread.start()
    net.fit(x, t, epochs=20, batch_size=16)
    for first in range(0, 256, 8):
        net.train_batch(x[first : first + 8], t[first : first + 8])
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(answers) > len(threads), "nobody saw two sets of weights"


def test_threads_that_train_one_network_take_turns(rng):
    net, alone, x, t = make(), make(), rng.normal(size=(64, 16)), rng.normal(size=(64, 3))
    net.compile("mse", "sgd")
    alone.compile("mse", "sgd")
    with ThreadPoolExecutor(4) as pool:
        losses = list(pool.map(lambda number: net.train_batch(x, t), range(100)))
    assert sorted(losses, reverse=True) == [alone.train_batch(x, t) for _ in range(100)]


def test_the_number_of_threads_changes_no_bit(rng):
    x, t = rng.normal(size=(512, 16)), rng.normal(size=(512, 3))
    before, found = dp.threads(), []
    try:
        for count in (1, 2, 5):
            dp.set_threads(count)
            assert dp.threads() == count
            net = make(256)
            net.fit(x, t, batch_size=256, epochs=3, loss="mse", optimizer="adam")
            found.append((net.to_bytes(), net.predict(x).tobytes()))
    finally:
        dp.set_threads(before)
    assert found[0] == found[1] == found[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_goes_on(rng):
    net, x, t = make(256), rng.normal(size=(2000, 16)), rng.normal(size=(2000, 3))
    net.compile("mse", "adam")
    net.fit(x, t, batch_size=256)
    expected = net.predict(x)
    child = os.fork()
    if child == 0:
        good = np.array_equal(net.predict(x), expected) and net.train_batch(x[:256], t[:256]) > 0
        good = good and net.fit(x, t, batch_size=256)["loss"][0] > 0
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert_array_equal(net.predict(x), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forks_in_the_middle_of_training(rng):
    """The child has none of its parent's threads, the one that trains included; its network is free all the same."""
    net, x, t = make(), rng.normal(size=(256, 16)), rng.normal(size=(256, 3))
    stop = threading.Event()

    def until_told(net, epoch, logs):
        if stop.is_set():
            raise StopIteration

    def train():
        with pytest.raises(StopIteration):
            net.fit(x, t, epochs=10**9, loss="mse", callbacks=until_told)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(50):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                good = (
                    np.isfinite(net.predict(x)).all() and net.fit(x, t, epochs=2, loss="mse")["loss"][-1] > 0
                )
                os._exit(0 if good else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        thread.join()


STUDENT = """
    import os, signal, sys, threading
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's children begin with SIGINT ignored
    import numpy as np
    import denpa as dp

    x = np.random.default_rng(0).normal(size=(4000, 16))
    net = dp.Sequential([dp.Dense(64, activation="relu"), dp.Dense(1)], input_shape=(16,))
    first = net.loss(x, x[:, 0], loss="mse")
    threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        {training}
    except KeyboardInterrupt:
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert net.loss(x, x[:, 0]) < 0.5 * first, "what was learned is kept"
        net.fit(x, x[:, 0], epochs=1)
        print("interrupted")
"""


@pytest.mark.parametrize(
    "training",
    [
        "net.fit(x, x[:, 0], epochs=10**9, loss='mse', optimizer='adam')",
        "net.fit(iter(lambda: (x[:64], x[:64, 0]), None), steps_per_epoch=10**9, loss='mse', optimizer='adam')",
    ],
)
def test_ctrl_c_ends_fit_and_keeps_what_was_learned(training):
    program = textwrap.dedent(STUDENT).replace("{training}", training)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "interrupted", "")


def test_a_handler_of_ones_own_is_called_after_the_batch(rng):
    struck = []
    previous = signal.signal(signal.SIGINT, lambda number, frame: struck.append(number))
    try:
        net, x = make(), rng.normal(size=(4000, 16))
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(dp.Stopped):
            net.fit(x, x[:, :3], epochs=10**9, loss="mse")
        assert struck == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, previous)


def test_the_count_of_steps_from_other_threads():
    """Looking at the trainer does not make another one."""
    for _ in range(20):
        net, x, t = make(256), np.ones((8, 16)), np.ones((8, 3))
        net.compile("mse", "adam")
        start = threading.Barrier(4)

        def train():
            start.wait()
            net.train_batch(x, t)

        def look():
            start.wait()
            assert net.step_count >= 0 and net.learning_rate > 0

        threads = [threading.Thread(target=work) for work in (train, look, train, look)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert net.step_count == 2


def test_arrays_that_are_held_show_what_was_published_during_predictions():
    """A publication does not wait for predictions in other threads, but arrays of parameters have to show it."""
    net = dp.Sequential([dp.Dense(64), dp.Dense(512, activation="tanh"), dp.Dense(64)], (16,))
    net.compile("mse", "sgd")
    held, stop, x = net.parameters["dense_1.b"], threading.Event(), np.ones((1024, 16), "f4")

    def predict():
        while not stop.is_set():
            net.predict(x)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for step in range(30):
            net.train_batch(x[:4], np.full((4, 64), step, "f4"))
            published = dp.Model.from_bytes(net.to_bytes())
            assert_array_equal(held, published.parameters["dense_1.b"])
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_arrays_that_are_held_follow_the_network_while_others_predict(rng):
    """What is published during predictions is in the arrays when the call returns."""
    x, t = rng.normal(size=(64, 16)).astype("f4"), np.zeros((64, 3), "f4")
    net, other, stop = make(), make(), threading.Event()
    wanted = []
    for seed in (5, 6):
        other.initialize(seed)
        wanted.append(other.parameters["dense_2.W"].copy())
    held = net.parameters["dense_2.W"]

    def predict():
        while not stop.is_set():
            net.predict(x)

    threads = [threading.Thread(target=predict) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(300):
            net.initialize(5 + turn % 2)
            assert_array_equal(held, wanted[turn % 2])
            net.parameters["dense_2.W"] = np.full(held.shape, turn, "f4")
            assert_array_equal(held, np.full(held.shape, turn, "f4"))
        net.initialize(5)

        def callback(network, epoch, logs):
            assert np.isfinite(network.parameters["dense_1.W"]).all()

        for _ in range(40):  # a callback that only reads is not taken for one that writes
            net.fit(x, t, epochs=2, batch_size=16, loss="mse", callbacks=callback)
            net.fit([(x, t)], epochs=2, loss="mse", callbacks=callback)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
