"""Random orders of calls of the Python package while other threads predict with the same network: each
prediction must be that of weights that the network has had, which must not be older than those that the same
thread has seen before.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from .batches import Batch
from .compare import same
from .memory import Disagreement
from .nets import NETS
from .python_api import listed
from .python_gradients import PythonMachine
from .python_machine import PICK

ROWS = Batch(3, 4)


class Asker(threading.Thread):
    """Predicts the same rows again and again, until the network is closed."""

    def __init__(self, net, state):
        super().__init__(daemon=True)
        self.net, self.state = net, state
        self.seen, self.error, self.over = [], None, threading.Event()
        self.turn = threading.Lock()

    def run(self):
        given = ROWS.inputs(self.state.net)
        x, last = given[0] if len(given) == 1 else given, None
        try:
            while not self.over.is_set():
                with self.turn:
                    outputs = listed(self.net.predict(x))
                now = b"".join(y.tobytes() for y in outputs)
                if now != last:
                    last = now
                    self.seen.append(outputs)
                time.sleep(0)
        except BaseException as error:
            self.error = error

    def compare(self, history):
        if self.error is not None:
            raise Disagreement(f"predict in another thread: {type(self.error).__name__}: {self.error}")
        inputs = ROWS.inputs(self.state.net)
        known = [self.state.net.forward(parameters, inputs)[0] for parameters in history]
        position = 0
        for outputs in self.seen:
            found = [k for k, wanted in enumerate(known) if all(same(y, w) for y, w in zip(outputs, wanted))]
            later = [k for k in found if k >= position]
            if not later:
                what = "older weights than before" if found else "weights that the network never had"
                raise Disagreement(f"a prediction in another thread has {what}: {outputs}")
            position = later[0]


class PythonThreadMachine(PythonMachine):
    @initialize(which=st.sampled_from(NETS), seed=st.integers(0, 2), terms=PICK, opt=PICK)
    def begin(self, which, seed, terms, opt):
        self.askers, self.history, self.watched = [], [], None
        self.new_net(0, which, seed)
        self.compile(0, terms, opt)
        self.watched = self.nets[0]
        self.note()
        sys.setswitchinterval(1e-4)
        for _ in range(2):
            self.askers.append(Asker(self.watched.net, self.watched.state))
            self.askers[-1].start()

    @contextlib.contextmanager
    def quiet(self):
        with contextlib.ExitStack() as stack:
            for asker in self.askers:
                stack.enter_context(asker.turn)
            yield

    def note(self):
        """Adds the current weights, and those that fit has published meanwhile."""
        if self.watched is None:
            return
        model = self.watched.state.model
        self.history += model.published
        model.published = []
        now = model.parameters
        last = self.history[-1] if self.history else {}
        if any(not np.array_equal(now[n], last[n], equal_nan=True) for n in last) or not last:
            self.history.append(dict(now))

    def look(self):
        self.note()
        super().look()

    def end_asking(self):
        for asker in self.askers:
            asker.over.set()
        for asker in self.askers:
            asker.join()

    def close_owner(self, slot):
        if self.nets[slot] is self.watched:
            self.end_asking()  # a closed network refuses
        super().close_owner(slot)

    def teardown(self):
        failed = sys.exc_info()[0] is not None
        self.end_asking()
        if not failed:
            for asker in self.askers:
                asker.compare(self.history)
        super().teardown()
