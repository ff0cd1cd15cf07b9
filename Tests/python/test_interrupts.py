"""Ctrl-C is never lost, wherever it strikes; and networks serve to the last moment, in the __del__ of others."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

STRIKES = 600  # of each kind


def run(program, seconds=120):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=seconds
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


MANY = """
    import gc, os, random, signal, threading, time
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import numpy as np
    import denpa as dp

    x, t = np.ones((4, 3)), np.ones((4, 2))
    armed, caught, lost = False, 0, 0

    def strike():
        global armed, lost
        for _ in range({strikes}):
            while not armed:
                time.sleep(0.00001)
            time.sleep(random.random() * 0.002)
            armed, before = False, caught
            os.kill(os.getpid(), signal.SIGINT)
            since = time.monotonic()
            while caught == before and time.monotonic() < since + 2:
                time.sleep(0.00001)
            if caught == before:
                lost += 1
                armed = True

    class Cycle:
        pass

    def work():
        net = dp.Sequential([dp.Dense(2)], (3,))
        cycle = Cycle()
        cycle.net, cycle.me = net, cycle
        {deeds}
        held = net.parameters["dense_1.W"]
        del net, cycle
        gc.collect(0)

    thread = threading.Thread(target=strike, daemon=True)
    thread.start()
    while thread.is_alive():
        try:
            armed = True
            while thread.is_alive():
                work()
        except KeyboardInterrupt:
            caught += 1
    print(caught, lost)
"""


@pytest.mark.parametrize(
    "deeds",
    [
        "net.predict(x)",
        "net.train_batch(x, t, loss='mse'); net.train_batch(x, t)",
        "net.fit(x, t, loss='mse', callbacks=lambda *_: None)",
        "net.forward(x, training=True); net.backward(t); dp.SGD().step(net)",
        "net.check_gradients(x, t, loss='mse')",
    ],
)
def test_no_strike_is_lost(deeds):
    out = run(MANY.replace("{strikes}", str(STRIKES)).replace("{deeds}", deeds))
    assert out.split() == [str(STRIKES), "0"]


MINE = """
    import numpy as np
    import denpa as dp

    @dp.custom_layer("tests.twice")
    class Twice:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    net = dp.Sequential([dp.Dense(300), dp.Dense(300), Twice(), dp.Dense(300), dp.Dense(2)], (300,))
    many, two = np.ones((64, 300), "float32"), np.ones((64, 2), "float32")
    expected, gradient = net.predict(many), net.gradients(many, two, loss="mse")["dense_1.W"]

    def layer():
        assert (net.predict(many) == expected).all()
        assert (net.gradients(many, two, loss="mse")["dense_1.W"] == gradient).all()

    other = dp.Sequential([dp.Dense(300), dp.Dense(300), dp.Dense(2)], (300,))
    other.compile("mse", "sgd", metrics=[lambda y, t: float(y.sum())])
    numbers = other.evaluate(many, two)

    def metric():
        assert other.evaluate(many, two) == numbers
"""


@pytest.mark.parametrize("deed", ["layer", "metric"])
def test_no_strike_is_lost_in_code_of_ones_own(deed):
    """A signal that arrives while the engine computes strikes at the first instruction of the user's code."""
    program = textwrap.dedent(MINE) + textwrap.dedent(MANY.replace("{strikes}", "300"))
    start, end = program.index("    net = dp.Sequential([dp.Dense(2)], (3,))"), program.index("\nthread = ")
    assert run(program[:start] + f"    {deed}()\n" + program[end:].replace("{strikes}", "300")).split() == ["300", "0"]


@pytest.mark.parametrize("prefetch", [False, True])
def test_a_fit_from_an_iterable_ends(prefetch):
    out = run(f"""
        import os, signal, threading, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        import numpy as np
        import denpa as dp
        net = dp.Sequential([dp.Dense(2)], (4,))
        net.compile("mse", "sgd")

        def batches():
            for number in range(1000):
                if number == 5:
                    os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)
                yield np.ones((3, 4)), np.ones((3, 2))

        try:
            net.fit(batches(), prefetch={prefetch})
        except KeyboardInterrupt:
            print(net.step_count, threading.active_count())
    """)
    steps, threads = map(int, out.split())
    assert threads == 1 and steps in ((5, 6) if prefetch else (6,))


def test_a_gradient_check_ends():
    out = run("""
        import os, signal, threading, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        import numpy as np
        import denpa as dp
        net = dp.Sequential([dp.Dense(20, activation="tanh") for _ in range(30)], (20,))
        x = np.random.default_rng(0).normal(size=(30, 20))
        began = time.monotonic()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            net.check_gradients(x, x, loss="mse", max_elements=-1)
        except KeyboardInterrupt:
            print(time.monotonic() - began)
    """)
    assert 0.2 < float(out) < 20


def test_weights_are_one_set_after_any_strike():
    """An interrupt between the engine's step and Python's next line must not leave two sets of weights."""
    out = run("""
        import os, random, signal, threading, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        import numpy as np
        import denpa as dp
        x, t = np.ones((4, 3)), np.ones((4, 2))
        net = dp.Sequential([dp.Dense(2)], (3,), dtype="float64")
        sgd = dp.SGD(learning_rate=1e-3)
        net.compile("mse", sgd)
        armed, struck = False, 0
        def strike():
            global armed
            for _ in range(400):
                while not armed:
                    time.sleep(0.00001)
                time.sleep(random.random() * 0.002)
                armed = False
                os.kill(os.getpid(), signal.SIGINT)
        def check():
            loss = np.mean((net.predict(x) - t) ** 2)  # by a session; by the main trainer; by another one
            for said in (net.loss(x, t), net.loss_and_gradients(x, t)[0]):
                assert abs(said - loss) < 1e-12, (said, loss)
        deeds = [
            lambda: net.train_batch(x, t), lambda: net.fit(x, t, epochs=2), lambda: net.loss_and_gradients(x, t),
            lambda: (net.forward(x, training=True), net.backward(t), sgd.step(net), net.zero_grads()),
            lambda: net.predict(x), lambda: net.evaluate(x, t)]
        thread = threading.Thread(target=strike, daemon=True)
        thread.start()
        while struck < 400:
            try:
                armed = True
                while True:
                    random.choice(deeds)()
            except KeyboardInterrupt:
                struck += 1
            check()
    """)
    assert out == ""


HOLDER = """
    import gc
    import numpy as np
    import denpa as dp

    class Holder:
        def __init__(self):
            self.net = dp.Sequential([dp.Dense(2)], (3,))
            self.net.train_batch(np.zeros((4, 3)), np.zeros((4, 2)), loss="mse")

        def __del__(self):
            self.net.train_batch(np.zeros((4, 3)), np.zeros((4, 2)))
            print("gone", self.net.predict(np.ones((1, 3))).shape, self.net.parameters["dense_1.W"].shape)

    holder = Holder()
    {more}
"""


@pytest.mark.parametrize(
    "more",
    [
        "",
        "del holder",
        "holder.me = holder",
        "holder.me = holder; del holder; gc.collect()",
        "holder.net.me = holder; del holder; gc.collect()",
        "holder.net.me = holder",
        "def f(): return holder",
    ],
)
def test_a_network_serves_in_a_finalizer(more):
    assert run(HOLDER.replace("{more}", more)) == "gone (1, 2) (3, 2)\n"


def test_what_is_gone_is_destroyed():
    out = run("""
        import gc, denpa as dp, numpy as np
        from denpa._call import library
        def use():
            net = dp.Sequential([dp.Dense(2)], (3,))
            net.train_batch(np.zeros((4, 3)), np.zeros((4, 2)), loss="mse")
            net.predict(np.ones((1, 3)))
            net.forward(np.ones((1, 3)), training=True)
            net.check_gradients(np.ones((1, 3)), np.ones((1, 2)))
            return net
        use()
        before = library.denpa_test_handles()
        for _ in range(5): use()
        print(library.denpa_test_handles() - before)
        net = use()
        held = net.parameters["dense_1.W"]
        net.close(), net.close()
        print(library.denpa_test_handles() - before, repr(net), held.shape)
        del held
        print(library.denpa_test_handles() - before)
    """)
    assert out.splitlines() == ["0", "1 <Sequential, closed> (3, 2)", "0"]
