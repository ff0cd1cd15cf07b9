"""Random orders of calls of the C API: trainers, and the end of everything."""

from __future__ import annotations

import ctypes
import dataclasses
import sys

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .batches import ALLOWED, BATCH, GOOD_BATCH, MISTAKES, SEED, Batch, numbers
from .c_api import status_name
from .c_models import PICK, ModelMachine
from .compare import require, require_all
from denpa import _abi as abi
from denpa._call import library
from .known import WITHOUT
from .memory import SENTINEL, Disagreement, pack, tensor
from .nets import has_accuracy

FEED = st.sampled_from([None] * 8 + [w for w in ("nan", "inf", "width", "dtype") if w not in WITHOUT])

# Which gradients of inputs are wanted: None, all of them ("all"), or all but the one with the given number.
DX = st.sampled_from([None, None, None, "all", 0, 1])


class TrainerMachine(ModelMachine):
    def trainer(self, number):
        owner = self.pick(self.trainers, number)
        return owner, owner.state, owner.handle.pointer

    def within(self, state, batch):
        """Returns a batch for which the trainer has room, if growth is left out."""
        return (
            dataclasses.replace(batch, rows=min(batch.rows, state.max_batch))
            if "growth" in WITHOUT
            else batch
        )

    # -- the closed loop ------------------------------------------------------------------------------------

    @precondition(lambda self: self.trainers)
    @rule(trainer=PICK, batch=BATCH, again=st.sampled_from([0, 0, 0, 2]))
    def train_batch(self, trainer, batch, again):
        owner, state, pointer = self.trainer(trainer)
        batch = self.within(state, batch)
        for k in range(again + 1):
            batch = dataclasses.replace(batch, seed=batch.seed + k)
            loss = ctypes.c_double(SENTINEL)
            arrays = *self.api.inputs(batch, state.net), *self.api.targets(batch, state.net, state.terms)
            self.api.call(
                f"{owner.handle} train_batch {batch}", "train_batch", pointer, *arrays, ctypes.byref(loss)
            )
            self.api.finish()
            self.compare_loss(loss, self.settle(state.train_batch(batch)))
            self.look()

    def compare_loss(self, loss, wanted):
        if self.api.status:
            if loss.value != SENTINEL:
                raise Disagreement("the loss was written by a call that failed")
        elif wanted is not None:
            require(loss.value, wanted, "loss")

    @precondition(lambda self: self.trainers)
    @rule(trainer=PICK, batch=BATCH)
    def evaluate(self, trainer, batch):
        owner, state, pointer = self.trainer(trainer)
        loss, accuracy = ctypes.c_double(SENTINEL), ctypes.c_double(SENTINEL)
        arrays = (
            *self.api.inputs(batch, state.net, True),
            *self.api.targets(batch, state.net, state.terms, True),
        )
        metrics = (ctypes.byref(accuracy), 1) if has_accuracy(state.terms) else (None, 0)
        self.api.call(
            f"{owner.handle} evaluate {batch}", "evaluate", pointer, *arrays, ctypes.byref(loss), *metrics
        )
        self.api.finish()
        wanted = self.settle(state.evaluate(batch))
        self.compare_loss(loss, wanted and wanted[0])
        if wanted and metrics[1]:
            require(accuracy.value, wanted[1], "accuracy")
        self.look()

    def check_gradients(self, trainer, batch):
        owner, state, pointer = self.trainer(trainer)
        arrays = *self.api.inputs(batch, state.net), *self.api.targets(batch, state.net, state.terms)
        self.api.call(
            f"{owner.handle} check_gradients {batch}",
            "check_gradients",
            pointer,
            *arrays,
            None,
            abi.CheckCallback(),
            None,
        )
        self.api.finish()
        ways = state.refusals(batch)
        if not ways:
            sound = all(
                np.isfinite(w).all() and np.abs(w).max(initial=0) < 10 for w in state.weights.values()
            )
            ways = [(abi.OK, None)] + ([] if sound else [(abi.PROOF_FAILED, None), (abi.NOT_FINITE, None)])
        self.settle(ways)
        self.look()

    # -- the open loop --------------------------------------------------------------------------------------

    @precondition(lambda self: self.trainers)
    @rule(trainer=PICK, batch=BATCH, dx=DX)
    def gradients(self, trainer, batch, dx):
        owner, state, pointer = self.trainer(trainer)
        batch = self.within(state, batch)
        loss = ctypes.c_double(SENTINEL)
        arrays = *self.api.inputs(batch, state.net), *self.api.targets(batch, state.net, state.terms)
        if batch.rows == 0 and not all(np.isfinite(g).all() for g in state.gradients.values()):
            return  # it is not specified whether zero rows count as a forward then
        dx = self.possible_gap(dx, state.net)
        rooms = None if dx is None else self.api.rooms_for_input_gradients(batch, state.net, dx)
        text = f"{owner.handle} gradients {batch}{self.shown_gap(dx)}"
        self.api.call(text, "trainer_gradients", pointer, *arrays, rooms, ctypes.byref(loss))
        got = self.api.finish(may_write=True)
        wanted = self.settle(state.gradients_of(batch, dx is not None))
        self.compare_loss(loss, wanted and wanted[0])
        if wanted and dx is not None:
            self.compare_input_gradients(got, wanted[1], batch, dx)
        self.look()

    @staticmethod
    def possible_gap(dx, net):
        return "all" if dx is not None and len(net.inputs) == 1 else dx

    @staticmethod
    def shown_gap(dx):
        return "" if dx is None else f", dx {'too' if dx == 'all' else f'too, but for input {dx}'}"

    def compare_input_gradients(self, got, wanted, batch, gap):
        for one, other in zip(got, [w for k, w in enumerate(wanted) if k != gap]):
            require(one, other[0] if batch.is_single else other, "gradient of an input")

    @precondition(lambda self: self.trainers)
    @rule(trainer=PICK, batch=BATCH, training=st.sampled_from([True, True, False]))
    def forward(self, trainer, batch, training):
        owner, state, pointer = self.trainer(trainer)
        batch = self.within(state, batch)
        arrays = *self.api.inputs(batch, state.net), *self.api.outputs(batch, state.net)
        text = f"{owner.handle} forward {batch}, training {int(training)}"
        self.api.call(text, "trainer_forward", pointer, *arrays, int(training))
        got = self.api.finish(may_write=training)
        for one, wanted in zip(got, self.settle(state.forward(batch, training)) or []):
            require(one, wanted[0] if batch.is_single else wanted, "output")
        if training and self.api.status == abi.OUT_OF_MEMORY:
            state.doubt()
        self.look()

    @precondition(lambda self: self.trainers)
    @rule(
        trainer=PICK,
        seed=SEED,
        gaps=st.lists(st.booleans(), min_size=3, max_size=3),
        trouble=FEED,
        dx=DX,
    )
    def backward(self, trainer, seed, gaps, trouble, dx):
        waiting = {slot: owner for slot, owner in self.trainers.items() if owner.state.pending is not None}
        owner = self.pick(waiting or self.trainers, trainer)
        state, pointer = owner.state, owner.handle.pointer
        net, pending = state.net, state.pending
        rows = pending.batch.rows if pending else 2
        given = [
            None if gap else numbers(seed + 50 * k, rows, net.widths[name])
            for k, (name, gap) in enumerate(zip(net.outputs, gaps))
        ]
        first = next((d for d in given if d is not None and d.size), None)
        if trouble in ("nan", "inf") and first is not None:
            first.reshape(-1)[seed % first.size] = np.nan if trouble == "nan" else np.inf
        tensors = [abi.Tensor() if d is None else tensor(self.api.memory.place(d)) for d in given]
        fault = None
        if trouble in ("width", "dtype") and first is not None:
            t = tensors[[d is first for d in given].index(True)]
            fault = abi.BAD_SHAPE if trouble == "width" else abi.BAD_DTYPE
            t.dim[1], t.dtype = (t.dim[1] - 1, t.dtype) if trouble == "width" else (t.dim[1], 7)
        dx = self.possible_gap(dx, net)
        like = pending.batch if pending else Batch(rows, 0)
        rooms = None if dx is None else self.api.rooms_for_input_gradients(like, net, dx)
        shown = ", ".join("NULL" if d is None else f"{rows} rows" for d in given)
        text = f"{owner.handle} backward [{shown}] seed {seed}"
        text += f"{f', {trouble}' * bool(trouble)}{self.shown_gap(dx)}"
        self.api.call(
            text,
            "trainer_backward",
            pointer,
            pack(tensors),
            len(tensors),
            rooms,
            0 if dx is None else len(net.inputs),
        )
        got = self.api.finish(may_write=True)
        wanted = self.settle(state.backward(given, fault, dx is not None))
        if self.api.status == abi.OUT_OF_MEMORY:
            state.doubt()
        if wanted and dx is not None:
            self.compare_input_gradients(got, wanted, pending.batch, dx)
        self.look()

    @precondition(lambda self: self.trainers)
    @rule(
        trainer=PICK,
        batch=GOOD_BATCH,
        count=st.integers(1, 2),
        around=st.sampled_from([(None, None)] * 5 + [("backward fails", None), ("backward fails", "inf x")]),
        between=st.sampled_from([None] * 5 + [m for m in MISTAKES if m.startswith("output")]),
        steps=st.booleans(),
    )
    def micro_batches(self, trainer, batch, count, around, between, steps):
        """Does what a user's training loop does, so that it happens often; sometimes with failing calls
        around it, or with a refused forward in the middle.
        """
        slot = list(self.trainers)[trainer % len(self.trainers)]
        first, last = [p if p in ALLOWED else None for p in around]
        other = dataclasses.replace(batch, seed=batch.seed + 9, mistake=between)
        is_refused = "mistake" not in WITHOUT and other.fault(self.trainers[slot].state.net, outputs=True)
        for k, poison in enumerate([first] * (first is not None) + [None] * count):
            self.forward(trainer, dataclasses.replace(batch, seed=batch.seed + k, poison=poison), True)
            if is_refused:
                self.forward(trainer, other, True)
            only = {slot: self.trainers[slot]}
            others, self.trainers = self.trainers, only
            try:
                self.backward(0, batch.seed, [False] * 3, None, None)
            finally:
                self.trainers = others
        if last:
            self.forward(trainer, dataclasses.replace(batch, poison=last), True)
        if steps:
            self.step(trainer)

    def plain(self, owner, name, ways, *arguments, shown=""):
        self.api.call(
            f"{owner.handle} {name}{shown}",
            name if name == "publish" else f"trainer_{name}",
            owner.handle.pointer,
            *arguments,
        )
        self.settle(ways)
        self.look()

    @precondition(lambda self: self.trainers)
    @rule(trainer=PICK)
    def step(self, trainer):
        owner = self.trainer(trainer)[0]
        if any((np.abs(g) > 1e50).any() for g in owner.state.gradients.values() if np.isfinite(g).all()):
            return  # with such weights, rounding decides what overflows
        self.plain(owner, "step", owner.state.step())

    @precondition(lambda self: self.trainers)
    @rule(trainer=PICK, what=st.sampled_from(["publish", "refresh", "zero_gradients"]))
    def change_weights(self, trainer, what):
        owner = self.trainer(trainer)[0]
        self.plain(owner, what, getattr(owner.state, what)())

    def set_rate(self, trainer, rate):
        owner = self.trainer(trainer)[0]
        self.plain(owner, "set_learning_rate", owner.state.set_rate(rate), rate, shown=f" {rate}")
        rate = ctypes.c_double(SENTINEL)
        status = library.denpa_trainer_learning_rate(owner.handle.pointer, ctypes.byref(rate))
        if (
            status != (abi.OK if owner.state.rule else abi.BAD_STATE)
            or not status
            and rate.value != owner.state.rate
        ):
            raise Disagreement(
                f"learning rate: {status_name(status)} {rate.value}, expected {owner.state.rate}"
            )

    # "all": every gradient becomes finite again. "zero": the first of those that are not.
    @precondition(lambda self: self.trainers and "views" not in WITHOUT)
    @rule(
        trainer=PICK, which=PICK, seed=SEED, what=st.sampled_from(["numbers", "nan", "inf", "mend", "large"])
    )
    def write_gradient(self, trainer, which, seed, what):
        owner, state, _ = self.trainer(trainer)
        if not state.trained or what in WITHOUT:
            return
        name = state.trained[which % len(state.trained)]
        gradients = dict(state.gradients)
        if what == "mend":
            gradients = {n: np.where(np.isfinite(g), g, 0.0) for n, g in gradients.items()}
        else:
            value = numbers(seed, *state.net.shapes[name]) * (10 if what == "large" else 1)
            if what in ("nan", "inf"):
                value.reshape(-1)[seed % value.size] = float(what)
            gradients[name] = value
        text = "0 for what is not finite" if what == "mend" else f"{name} = {gradients[name].tolist()}"
        self.recorder.call(f"write the gradients of {owner.handle}: {text}, through their views")
        for n, g in gradients.items():
            if g is not state.gradients[n]:
                owner.views[n][...] = g
        state.gradients = gradients
        self.recorder.result("written")
        self.look()

    # -- the end --------------------------------------------------------------------------------------------

    @rule(
        what=st.sampled_from(["check", "rate", "models", "sessions", "trainers", "stale", "memory"]),
        which=PICK,
        batch=GOOD_BATCH,
        rate=st.sampled_from([0.01, 0.05, 0.0, -1.0, float("nan"), 1e31]),
        other=st.booleans(),
    )
    def do_something_else(self, what, which, batch, rate, other):
        if what == "check" and self.trainers:
            self.check_gradients(which, batch)
        elif what == "rate" and self.trainers:
            self.set_rate(which, rate)
        elif what == "stale" and self.stale:
            self.use_after_destroy(which, other)
        elif what == "memory" and "memory" not in WITHOUT:
            self.api.fails = which + 1
        elif what in ("models", "sessions", "trainers"):
            self.destroy(what, which % 3)

    def destroy(self, kind, slot):
        owners = getattr(self, kind)
        if slot in owners:
            self.destroy_owner(owners, slot)
            self.look()

    def use_after_destroy(self, which, wrong_kind):
        """Checks that every function refuses the destroyed handle."""
        handle = self.stale[which % len(self.stale)]
        pointer, kind = handle.pointer, handle.kind
        if wrong_kind and self.trainers and kind != "trainer":
            pointer = ctypes.cast(self.pick(self.trainers, which).handle.pointer, type(pointer))
        x, count = ctypes.c_double(), ctypes.c_int32()
        none, t = pack([]), abi.Tensor()
        calls = {
            "model": [
                ("model_counts", ctypes.byref(count), None, None),
                ("model_initialize", 1),
                ("model_set", b"a", ctypes.byref(t)),
                ("model_view", b"a", ctypes.byref(t)),
                ("model_destroy",),
            ],
            "session": [("predict", none, 1, none, 1), ("session_destroy",)],
            "trainer": [
                ("train_batch", none, 1, none, 1, ctypes.byref(x)),
                ("trainer_step",),
                ("trainer_backward", none, 1, none, 1),
                ("trainer_forward", none, 1, none, 1, 1),
                ("publish",),
                ("trainer_refresh",),
                ("trainer_destroy",),
                ("trainer_learning_rate", ctypes.byref(x)),
                ("trainer_gradient", b"a", ctypes.byref(t)),
            ],
        }[kind]
        name, *arguments = calls[which % len(calls)]
        self.api.call(
            f"{name} of {handle}, destroyed{' (or of another kind)' * wrong_kind}", name, pointer, *arguments
        )
        self.settle([(abi.BAD_HANDLE, None)])
        self.look()

    def finish(self):
        """Compares what was not visible before: the trainers' weights and what their optimizers keep."""
        for owner in self.trainers.values():
            self.probe(owner)
            self.plain(owner, "zero_gradients", owner.state.zero_gradients())
            for _ in range(2):
                self.plain(owner, "step", owner.state.step())
            self.probe(owner)
            state, live = owner.state, [o for o in self.models.values() if o.state is owner.state.model]
            self.plain(owner, "publish", state.publish())
            for model in live:
                require_all(self.parameters(model), state.weights, f"{owner.handle}: published")
        for owners in (self.models, self.trainers, self.sessions):
            for slot in list(owners):
                self.destroy_owner(owners, slot)
        if library.denpa_test_handles() != self.handles:
            raise Disagreement(f"{library.denpa_test_handles() - self.handles} handles were left")

    def teardown(self):
        if sys.exc_info()[0] is not None:  # after a failure nothing more is compared
            for owners in (self.models, self.trainers, self.sessions):
                for owner in owners.values():
                    getattr(library, f"denpa_{owner.handle.kind}_destroy")(owner.handle.pointer)
        else:
            self.finish()
