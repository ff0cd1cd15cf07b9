"""Random orders of calls of the C API while other threads predict: each prediction must be that of one
published set of parameters, which must not be older than one that the same thread has seen before.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from .batches import Batch
from .c_api import last_error, status_name
from .c_fitting import CMachine
from .c_models import PICK
from .compare import same
from denpa import _abi as abi
from denpa._call import library, options
from .memory import Disagreement, pack, tensor
from .nets import NETS

ROWS = Batch(3, 4)


class Predictor(threading.Thread):
    """Predicts the same rows again and again, with its own session."""

    def __init__(self, model, net, realtime):
        super().__init__(daemon=True)
        self.net, self.realtime = net, realtime
        wanted = options(abi.SessionOptions, max_batch=ROWS.rows, threads=1, realtime=int(realtime))
        self.session = ctypes.POINTER(abi.Session)()
        if library.denpa_session_create(model.pointer, ctypes.byref(wanted), ctypes.byref(self.session)):
            raise Disagreement(f"no session: {last_error()}")
        self.inputs = ROWS.inputs(net)
        self.outputs = [np.empty((ROWS.rows, net.widths[name])) for name in net.outputs]
        self.seen, self.count, self.wrong, self.over = [], 0, None, threading.Event()

    def run(self):
        arguments = (
            pack([tensor(x) for x in self.inputs]),
            len(self.inputs),
            pack([tensor(y) for y in self.outputs]),
            len(self.outputs),
        )
        last = None
        while not self.over.is_set() and self.wrong is None:
            status = library.denpa_predict(self.session, *arguments)
            if status:
                self.wrong = f"predict in another thread: {status_name(status)}: {last_error()}"
            now = b"".join(y.tobytes() for y in self.outputs)
            if now != last:
                last = now
                self.seen.append([y.copy() for y in self.outputs])
            self.count += 1
            time.sleep(0)

    def end(self):
        self.over.set()
        self.join()
        library.denpa_session_destroy(self.session)

    def compare(self, published):
        """Checks that each prediction belongs to one of the sets, in the order in which they were
        published.
        """
        if self.wrong:
            raise Disagreement(self.wrong)
        known, position = [], 0
        for parameters in published:
            known.append(self.net.forward(parameters, self.inputs)[0])
        for outputs in self.seen:
            found = [k for k, wanted in enumerate(known) if all(same(y, w) for y, w in zip(outputs, wanted))]
            later = [k for k in found if k >= position]
            if not later:
                what = "older parameters than before" if found else "parameters that were never published"
                raise Disagreement(
                    f"a prediction in another thread{' (real time)' * self.realtime} has {what}: {outputs}"
                )
            position = later[0]


class ThreadMachine(CMachine):
    writes_views = False  # this is allowed while no session predicts

    @initialize(
        net=st.sampled_from(NETS),
        seed=st.integers(0, 2),
        terms=PICK,
        opt=PICK,
        rows=st.sampled_from([4, 1, 2, 8]),
        dx=st.booleans(),
        probes=st.booleans(),
    )
    def begin(self, net, seed, terms, opt, rows, dx, probes):
        self.predictors, self.published, self.watched = [], [], None
        self.new_model(0, net, seed)
        owner = self.models[0]
        self.watched = owner.state
        self.note()
        sys.setswitchinterval(1e-4)
        for realtime in [False] + [True] * net.can_be_realtime:
            self.predictors.append(Predictor(owner.handle, net, realtime))
            self.predictors[-1].start()
        self.new_trainer(0, 0, terms, opt, rows, dx)
        self.probes = probes

    def note(self):
        """Adds what was published since the last time."""
        if self.watched is None:
            return
        self.published += self.watched.published
        self.watched.published = []
        now = self.watched.parameters
        if not self.published or any(
            not np.array_equal(now[n], w, equal_nan=True) for n, w in self.published[-1].items()
        ):
            self.published.append(dict(now))

    def parameters(self, owner):
        """Obtains new views: an earlier one may show values that a running prediction still needs."""
        return self.api.views(owner.handle, owner.state.net)

    def look(self):
        self.note()
        super().look()

    def teardown(self):
        failed = sys.exc_info()[0] is not None
        for predictor in self.predictors:
            predictor.end()
        if not failed:
            for predictor in self.predictors:
                predictor.compare(self.published)
        super().teardown()
