"""Layers written in Python: what their methods must not do, how they fail, and threads and forks."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal


def layer(kind, made, **options):
    """The layer of a class, without a proof unless one is asked for."""
    return dp.custom_layer(kind, **{"proof": "request", **options})(made)


@pytest.fixture
def data(rng):
    return rng.normal(size=(12, 4)), rng.normal(size=(12, 2))


class Behaviour:
    """y = x, unless it is told otherwise"""

    now = None  # a function (method, value) -> value

    def forward(self, x):
        return x if self.now is None else type(self).now("forward", x)

    def backward(self, dy):
        return dy if self.now is None else type(self).now("backward", dy)


@pytest.fixture
def behaving():
    made = layer("tests.behaviour", Behaviour)
    yield dp.Sequential([dp.Dense(3), made(name="odd"), dp.Dense(2)], (4,), seed=1)
    Behaviour.now = None


def in_method(which, function):
    return staticmethod(lambda method, x: function(x) if method == which else x)


class Mine(Exception):
    pass


def fail(x):
    raise Mine("no such thing")


def deeds(x, t):
    return {
        "predict": lambda net: net.predict(x),
        "train_batch": lambda net: net.train_batch(x, t, loss="mse"),
        "fit": lambda net: net.fit(x, t, epochs=2, loss="mse"),
        "fit_source": lambda net: net.fit([(x, t)] * 3, epochs=2, loss="mse"),
        "evaluate": lambda net: net.evaluate(x, t, loss="mse"),
        "gradients": lambda net: net.gradients(x, t, loss="mse"),
        "vjp": lambda net: net.vjp(x, t),
        "check": lambda net: net.check_gradients(x, t, loss="mse"),
        "open": lambda net: (net.forward(x, training=True), net.backward(t)),
    }


@pytest.mark.parametrize("which", ["forward", "backward"])
@pytest.mark.parametrize("deed", list(deeds(0, 0)))
def test_an_exception_is_the_one_that_the_caller_sees(behaving, data, which, deed):
    if which == "backward" and deed in ("predict", "evaluate"):
        pytest.skip("without backward")
    x, t = data
    before = behaving.to_bytes()
    Behaviour.now = in_method(which, fail)
    with pytest.raises(Mine, match="no such thing") as caught:
        deeds(x, t)[deed](behaving)
    notes = getattr(caught.value, "__notes__", None)  # from Python 3.11 on
    assert notes is None or any("odd" in note and f"{which}: Mine: no such thing" in note for note in notes)
    Behaviour.now = None
    assert behaving.to_bytes() == before  # nothing was learned
    assert dp.Sequential([dp.Dense(2)], (4,)).predict(x).shape == (12, 2)
    with pytest.raises(dp.ShapeError):  # a later error is itself
        behaving.predict(x[:, :2])


class Mute(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "error", [Mine("x" * 5000), Mine("é" * 5000), Mine("a\0b"), Mine("\ud800"), Mine("%s\n"), Mute()]
)
def test_exceptions_with_odd_texts(behaving, data, error):
    def fail(x):
        raise error

    Behaviour.now = in_method("forward", fail)
    with pytest.raises(type(error)) as caught:
        behaving.predict(data[0])
    assert caught.value is error


def test_an_exception_in_the_proof_is_its_cause():
    class Fails:
        def forward(self, x):
            raise Mine("never")

    with pytest.raises(dp.ProofFailed, match="tests.fails_in_proof.*Mine: never") as caught:
        layer("tests.fails_in_proof", Fails, proof="load", samples=[dp.Sample((3,))])
    assert isinstance(caught.value.__cause__, Mine)


@pytest.mark.parametrize("which", ["forward", "backward"])
@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda x: x[:, :2], dp.ShapeError, r"returned shape \(12, 2\) for .*y?, expected \(12, 3\)"),
        (lambda x: x.astype("float64"), dp.TypeMismatch, "returned float64 for .*, expected float32"),
        (lambda x: x > 0, dp.TypeMismatch, "returned bool for .*, expected float32"),
        (lambda x: np.full_like(x, np.nan), dp.NotFinite, "returned NaN"),
        (lambda x: None, (dp.TypeMismatch, dp.ShapeError), "returned (object|None)"),
        (lambda x: "text", dp.TypeMismatch, "returned <U4"),
        (lambda x: (x, x, x), dp.ShapeError, r"returned 3 values, expected"),
    ],
)
def test_what_it_returns_is_checked(behaving, data, which, function, error, words):
    x, t = data
    Behaviour.now = in_method(which, function)
    with pytest.raises(error, match=f"tests.behaviour: {which} {words}"):
        behaving.train_batch(x, t, loss="mse")


def test_infinity_in_backward_is_refused_and_nan_that_was_there_before_is_passed_on(behaving, data):
    x, t = data
    Behaviour.now = in_method("backward", lambda x: np.full_like(x, np.inf))
    with pytest.raises(dp.NotFinite, match="tests.behaviour: backward returned NaN or infinity"):
        behaving.train_batch(x, t, loss="mse")
    Behaviour.now = in_method("forward", lambda x: np.full_like(x, -np.inf))  # a mask, for example
    assert behaving.forward(x, training=True).shape == (12, 2)
    Behaviour.now = None
    x[0, 0] = np.nan
    assert np.isnan(behaving.forward(x, training=True)[0]).all()


def test_nothing_is_kept_in_the_object(data):
    class Keeps:
        def forward(self, x):
            self.x = x
            return x

    with pytest.raises(dp.BadState, match="tests.keeps: x is set after __init__"):
        dp.Sequential([layer("tests.keeps", Keeps)()], (4,))


def test_what_is_kept_elsewhere_is_a_copy(rng):
    held = []

    class Holds:
        def forward(self, x):
            held.append(x)
            x *= 2
            return x

    net = dp.Sequential([layer("tests.holds", Holds)()], (4,), dtype="float64")
    x = rng.normal(size=(3, 4))
    before = x.copy()
    held.clear()
    for _ in range(3):
        assert_array_equal(net.predict(x), 2 * before)
    assert_array_equal(x, before)
    net.close()
    del net
    assert len({array.ctypes.data for array in held}) == 3
    for array in held:
        assert_array_equal(array, 2 * before)


def test_parameters_are_not_written():
    class Writes:
        def parameters(self, x):
            return {"w": x}

        def forward(self, x, *, w):
            w += 1
            return x * w

    with pytest.raises(ValueError, match="read-only"):
        dp.Sequential([layer("tests.writes", Writes, samples=[dp.Sample((4,))])()], (4,)).predict(
            np.ones((1, 4))
        )


def test_wrong_answers_of_the_other_methods(data):
    class Shape:
        def output_shape(self, x):
            return 3

        def forward(self, x):
            return x

    class Names:
        def parameters(self, x):
            return {"v": x}

        def forward(self, x, *, w):
            return x

    class Fails:
        def __init__(self, a: int = 0):
            if a:
                raise Mine("a is 0")

        def forward(self, x):
            return x

    with pytest.raises(dp.ShapeError, match="tests.shape: output_shape returned 3"):
        dp.Sequential([layer("tests.shape", Shape)()], (4,))
    with pytest.raises(
        dp.InvalidArgument, match="tests.names: parameters returned .*, expected a dict with w"
    ):
        dp.Sequential([layer("tests.names", Names)()], (4,))
    with pytest.raises(Mine, match="a is 0"):
        dp.Sequential([layer("tests.fails", Fails)(1)], (4,))


def test_a_layer_does_not_compute_with_its_own_network():
    nets = []

    class Inner:
        def forward(self, x):
            return nets[0].predict(x) if nets else x

    nets.append(dp.Sequential([layer("tests.inner", Inner)()], (4,)))
    with pytest.raises(
        dp.BadState, match="tests.inner: forward computes with the network that it is a layer of"
    ):
        nets[0].predict(np.ones((2, 4)))
    other = dp.Sequential([dp.Dense(4)], (4,))
    nets[:] = [other]
    x = np.ones((2, 4), "float32")
    assert_array_equal(dp.Sequential([dp.layers.Inner()], (4,)).predict(x), other.predict(x))


# -- threads, forks, the end ---------------------------------------------------------------------------------------


def test_many_threads_predict_while_one_fits(data):
    class Squash:
        """y = tanh(x)"""

        def forward(self, x):
            y = np.tanh(x)
            return y, y

        def backward(self, dy, y):
            return dy * (1 - y * y)

    x, t = data
    made = layer("tests.squash", Squash)
    net = dp.Sequential([dp.Dense(8), made(), dp.Dense(2)], (4,), seed=3)
    wrong, stop = [], threading.Event()

    def work():
        while not stop.is_set():
            if net.predict(x).shape != (12, 2):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    net.fit(x, t, epochs=100, loss="mse")
    stop.set()
    for thread in threads:
        thread.join()
    other = dp.Sequential([dp.Dense(8), made(), dp.Dense(2)], (4,), seed=3)
    other.fit(x, t, epochs=100, loss="mse")
    assert not wrong and other.to_bytes() == net.to_bytes()


PROGRAM = """
    import os, sys, threading, time
    import denpa as dp
    import numpy as np

    @dp.custom_layer("tests.slow")
    class Slow:
        '''y = 2 x'''

        def forward(self, x):
            time.sleep(0.0005)
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    net = dp.Sequential([Slow()], (4,))
    x = np.ones((2, 4), "float32")

    def work():
        while True:
            net.predict(x)

    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(0.05)
"""


def run(program, seconds=60):
    program = textwrap.dedent(PROGRAM) + textwrap.dedent(program)
    # From Python 3.12 on, a fork beside threads is warned of: it is what is tested here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_forked_child_computes_while_other_threads_did():
    assert (
        run("""
        for _ in range(20):
            child = os.fork()
            if not child:
                assert (net.predict(x) == 2).all()
                net.fit(x, x, loss="mse")
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        print("done")
    """)
        == "done\n"
    )


def test_the_process_ends_while_threads_compute():
    for _ in range(5):
        assert run('print("done")') == "done\n"


def test_an_exception_in_another_thread_is_raised_there(behaving, data):
    Behaviour.now = in_method("forward", fail)
    caught = []

    def work():
        try:
            behaving.predict(data[0])
        except Mine as error:
            caught.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(error) for error in caught}) == 4


def test_layers_come_and_go(behaving):
    from denpa import _custom

    calls = _custom._registered["tests.behaviour"]
    for _ in range(100):
        dp.Sequential([dp.Dense(3), dp.layers.Behaviour()], (4,)).predict(np.ones((2, 4)))
    assert len(calls.instances) - len(calls.dead) < 10
    assert len(calls.instances) < 30  # what is dead goes when another one is made
