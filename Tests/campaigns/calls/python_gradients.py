"""Random orders of calls of the Python package: gradients and the open loop."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from denpa import _abi as abi
from .batches import BATCH, GOOD_BATCH, SEED, numbers
from .compare import require, require_all
from .known import WITHOUT
from .memory import Disagreement
from .rules import PYTHON_RULES
from .python_api import listed, optimizer_of, possible
from .python_machine import MAYBE, PICK
from .python_training import PythonTraining


class PythonMachine(PythonTraining):
    # -- gradients ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH, terms=MAYBE, dx=st.booleans())
    def gradients(self, net, batch, terms, dx):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        losses, _, named, words = self.choices(state, terms, None)
        used = losses or state.terms
        inputs = [name for name, _ in state.net.inputs]
        wrt = state.looked(used or ()).trained + inputs if dx else None
        t = self.t(batch, state, used or self.losses(state, 0))
        function = net.gradients if dx else net.loss_and_gradients
        named.update({"wrt": wrt} if dx else {})
        got = self.api.call(
            f"{owner}.{function.__name__}({batch}{words})", function, self.x(batch, state), t, **named
        )
        refusals = self.faults(batch) + ([(abi.BAD_STATE, None)] if used is None else [])

        def compare(draw):
            trainer = state.looked(used or (), draw)
            wanted = self.settle(refusals or trainer.gradients_of(batch, dx))
            if self.api.status != abi.OK:
                return
            found = got if dx else got[1]
            require_all(found, trainer.gradients, "gradient")
            if not dx:
                require(got[0], wanted[0], "loss")
            for name, other in zip(inputs if dx else [], wanted[1]):
                require(found[name], other[0] if batch.is_single else other, f"gradient of {name}")

        self.any_draw(state, compare)
        self.look()

    @staticmethod
    def any_draw(state, compare):
        """Calls compare(draw) for all random numbers that may have been drawn, of which one must be right."""
        troubles = []
        for draw in state.draws():
            try:
                return compare(draw)
            except Disagreement as error:
                troubles.append(error)
        raise troubles[0]

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH, training=st.sampled_from([True, True, False]))
    def forward(self, net, batch, training):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        got = self.api.call(
            f"{owner}.forward({batch}, training={training})",
            net.forward,
            self.x(batch, state),
            training=training,
        )
        ways, trainer = self.faults(batch, False), None
        if not ways and training:
            trainer = state.opening()
            ways = trainer.forward(dataclasses.replace(batch, mistake=None), True)
        wanted = self.settle(ways or state.model.predict(batch))
        if self.api.status == abi.OK:
            self.compare_outputs(got, wanted, batch)
            if trainer:
                state.open = trainer
                state.share(trainer)
        self.look()

    @precondition(lambda self: self.nets)
    @rule(
        net=PICK,
        seed=SEED,
        gaps=st.lists(st.booleans(), min_size=3, max_size=3),
        trouble=st.sampled_from([None] * 6 + ["nan", "width"]),
    )
    def backward(self, net, seed, gaps, trouble):
        owner, net, state = self.pick(net)
        pending = state.open.pending if state.open else None
        rows = pending.batch.rows if pending else 2
        names = state.net.outputs
        given = [
            None if gap and len(names) > 1 else numbers(seed + 50 * k, rows, state.net.widths[name])
            for k, (name, gap) in enumerate(zip(names, gaps))
        ]
        first = next((d for d in given if d is not None and d.size), None)
        trouble = trouble if first is not None and trouble not in WITHOUT else None
        if trouble == "nan":
            first.reshape(-1)[seed % first.size] = np.nan
        single = pending is not None and pending.batch.is_single
        handed = [d if d is None else d[0] if single else d for d in given]
        if trouble == "width":
            handed = [np.zeros((*d.shape[:-1], 7)) if d is not None else None for d in handed]
        got = self.api.call(
            f"{owner}.backward(seed {seed}, gaps {gaps}, {trouble})",
            net.backward,
            handed if len(names) > 1 else handed[0],
        )
        fault = abi.BAD_SHAPE if trouble == "width" else None
        ways = state.open.backward(given, fault, False) if state.open else [(abi.BAD_STATE, None)]
        wanted = self.settle(ways)
        if self.api.status == abi.OK:
            for one, other in zip(listed(got), wanted):
                require(one, other[0] if single else other, "gradient of an input")
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=GOOD_BATCH, count=st.integers(1, 2), opt=MAYBE)
    def micro_batches(self, net, batch, count, opt):
        """Does what a user's training loop does, so that it happens often."""
        for k in range(count):
            self.forward(net, dataclasses.replace(batch, seed=batch.seed + k), True)
            self.backward(net, batch.seed, [False] * 3, None)
        if opt is not None:
            self.step(net, opt)

    @precondition(lambda self: self.nets)
    @rule(net=PICK, opt=PICK)
    def step(self, net, opt):
        owner, net, state = self.pick(net)
        chosen = PYTHON_RULES[opt % len(PYTHON_RULES)]
        optimizer = optimizer_of(chosen)
        self.api.call(f"{chosen}.step({owner})", optimizer.step, net)
        trainer = state.stepping(chosen) if state.open else None
        self.settle(trainer.step() if trainer else [(abi.BAD_STATE, None)])
        if self.api.status == abi.OK:
            state.open = trainer
            state.share(trainer)
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK)
    def zero_grads(self, net):
        owner, net, state = self.pick(net)
        self.api.call(f"{owner}.zero_grads()", net.zero_grads)
        self.settle(state.open.zero_gradients() if state.open else [(abi.OK, None)])
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK, which=PICK, seed=SEED, trouble=st.sampled_from([None, None, "nan"]))
    def write_gradient(self, net, which, seed, trouble):
        owner, net, state = self.pick(net)
        opened = state.open
        if opened is None or not opened.trained or trouble in WITHOUT:
            return
        name = opened.trained[which % len(opened.trained)]
        value = numbers(seed, *state.net.shapes[name])
        if trouble:
            value.reshape(-1)[seed % value.size] = np.nan
        self.recorder.call(f"{owner}.grads[{name!r}][:] = {value.tolist()}")
        net.grads[name][:] = value
        opened.gradients = {**opened.gradients, name: value}
        self.recorder.result("written")
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH, seed=SEED)
    def vjp(self, net, batch, seed):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        names = state.net.outputs
        douts = [numbers(seed + 50 * k, batch.rows, state.net.widths[name]) for k, name in enumerate(names)]
        handed = [d[0] if batch.is_single else d for d in douts]
        got = self.api.call(
            f"{owner}.vjp({batch}, seed {seed})",
            net.vjp,
            self.x(batch, state),
            handed if len(names) > 1 else handed[0],
        )
        refusals = self.faults(batch, False)

        def compare(draw):
            trainer = state.looked(draw=draw)
            ways = refusals or trainer.forward(dataclasses.replace(batch, mistake=None), True)
            goes_on = dict(ways).get(abi.OK)
            if goes_on:
                goes_on()
                ways = trainer.backward(douts, None, True) + [way for way in ways if way[0] != abi.OK]
            wanted = self.settle(ways)
            if self.api.status != abi.OK:
                return
            require_all(got, trainer.gradients, "gradient")
            for (name, _), other in zip(state.net.inputs, wanted):
                require(got[name], other[0] if batch.is_single else other, f"gradient of {name}")

        self.any_draw(state, compare)
        self.look()
