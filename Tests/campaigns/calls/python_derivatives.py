"""Random orders of calls of the Python package: derivatives that change nothing, and gradients that add up."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from denpa import _abi as abi
from .batches import BATCH, GOOD_BATCH, SEED, numbers
from .compare import require, require_all
from .python_api import listed, loss_of, possible
from .python_gradients import PythonMachine
from .python_machine import MAYBE, PICK

FIVE_POINTS = ((1, 8 / 12), (-1, -8 / 12), (2, -1 / 12), (-2, 1 / 12))
STEP = 1e-3
ROUGHLY = 1e3  # times the tolerance: numerical differentiation here and there


def along(function, place, tangents):
    """Returns the derivatives of a function of a dict of arrays, whose results are arrays, along tangents."""
    total = None
    for steps, factor in FIVE_POINTS:
        moved = {n: v + steps * STEP * tangents[n] if n in tangents else v for n, v in place.items()}
        parts = [factor / STEP * part for part in function(moved)]
        total = parts if total is None else [a + b for a, b in zip(total, parts)]
    return total


class DerivativesMachine(PythonMachine):
    @precondition(lambda self: self.nets)
    @rule(
        net=PICK,
        batch=GOOD_BATCH,
        terms=PICK,
        seed=SEED,
        what=st.sampled_from(["jacobian", "jvp", "hvp", "sample_gradients", "wrt", "value_and_gradient"]),
    )
    def derivatives(self, net, batch, terms, seed, what):
        owner, _, state = self.pick(net)
        # With larger numbers, units are saturated and numerical differentiation has no digits left.
        if not all(np.abs(value).max(initial=0) < 3 for value in state.model.parameters.values()):
            return
        if what == "value_and_gradient":
            self.value_and_gradient(owner, batch, self.losses(state, terms))
        elif what in ("jvp", "wrt"):
            getattr(self, what)(owner, batch, self.losses(state, terms), seed)
        elif what == "hvp":
            self.hvp(owner, batch, self.losses(state, terms), seed)
        elif not (state.net.is_random or "state" in state.net.roles.values()):
            getattr(self, what)(owner, batch, self.losses(state, terms), seed)
        self.look()

    def ask(self, owner, name, words, *arguments, **named):
        got = self.api.call(f"{owner}.{name}({words})", getattr(owner.net, name), *arguments, **named)
        self.settle([(abi.OK, None)])
        return got

    @staticmethod
    def place_of(state, batch):
        inputs = dict(zip([name for name, _ in state.net.inputs], batch.inputs(state.net)))
        return {**state.model.parameters, **inputs}

    def tangents(self, state, batch, seed):
        """Returns directions for every other parameter and input."""
        place = self.place_of(state, batch)
        roles = state.net.roles
        names = [name for k, name in enumerate(place) if (k + seed) % 2 and roles.get(name) != "state"]
        return {name: numbers(seed + k, *place[name].shape) for k, name in enumerate(names)}

    def jacobian(self, owner, batch, terms, seed):
        state = owner.state
        looked, inputs = state.looked(), [name for name, _ in state.net.inputs]
        found = self.ask(owner, "jacobian", batch, self.x(batch, state), wrt=[*looked.trained, *inputs])
        found = listed(found) if len(state.net.outputs) > 1 else [found]
        outputs, kept, _ = state.net.forward(state.model.parameters, batch.inputs(state.net))
        for number, y in enumerate(outputs):
            for row, element in np.ndindex(*y.shape):
                given = [np.zeros_like(one) for one in outputs]
                given[number][row, element] = 1.0
                of, dinputs = state.net.backward(state.model.parameters, kept, given)
                for name in looked.trained:
                    require(found[number][name][row, element], of[name], f"jacobian by {name}")
                for name, dx in zip(inputs, dinputs):
                    require(found[number][name][row, element], dx[row], f"jacobian by {name}")

    def jvp(self, owner, batch, terms, seed):
        state, tangents = owner.state, self.tangents(owner.state, batch, seed)
        found = self.ask(owner, "jvp", f"{batch}, seed {seed}", self.x(batch, state), tangents)
        names = [name for name, _ in state.net.inputs]

        def outputs(place):
            return state.net.forward(place, [place[name] for name in names])[0]

        wanted = along(outputs, self.place_of(state, batch), tangents)
        for one, other in zip(listed(found), wanted):
            require(one, other, "jvp", ROUGHLY)

    def hvp(self, owner, batch, terms, seed):
        state, tangents = owner.state, self.tangents(owner.state, batch, seed)
        targets = batch.targets(state.net, terms)
        t = self.t(batch, state, terms)
        words = f"{batch}, seed {seed}, loss {terms}"
        found = self.ask(owner, "hvp", words, self.x(batch, state), t, tangents, loss_of(terms))
        names, trained = [name for name, _ in state.net.inputs], state.looked().trained
        key = state.model.seed, 0

        def gradients(place):
            inputs = [place[name] for name in names]
            outputs, kept, _ = state.net.forward(place, inputs, True, state.draw(*key), key)
            of, dinputs = state.net.backward(place, kept, state.net.loss(terms, outputs, targets)[1])
            dinputs = dict(zip(names, dinputs))
            return [of[name] for name in trained] + [dinputs[name] for name in names if name in tangents]

        wanted = along(gradients, self.place_of(state, batch), tangents)
        wanted = dict(zip([*trained, *[name for name in names if name in tangents]], wanted))
        if set(found) != set(wanted):
            require(sorted(found) == sorted(wanted), True, "names of hvp")
        require_all(found, wanted, "hvp by", ROUGHLY)

    def sample_gradients(self, owner, batch, terms, seed):
        state = owner.state
        words = f"{batch}, loss {terms}"
        found = self.ask(
            owner,
            "sample_gradients",
            words,
            self.x(batch, state),
            self.t(batch, state, terms),
            loss_of(terms),
        )
        inputs, targets = batch.inputs(state.net), batch.targets(state.net, terms)
        for row in range(batch.rows):
            one = state.looked(terms)
            _, _, gradients, *_ = one.whole(
                [x[row : row + 1] for x in inputs], [t[row : row + 1] for t in targets]
            )
            for name in one.trained:
                require(found[name][row], gradients[name], f"gradient of row {row} by {name}")

    def wrt(self, owner, batch, terms, seed):
        """Gradients with respect to the outputs of layers."""
        state = owner.state
        nodes = [node.name for node in state.net.nodes]
        chosen = [nodes[seed % len(nodes)], nodes[(seed + 2) % len(nodes)]]
        t = self.t(batch, state, terms)
        words = f"{batch}, loss {terms}, wrt={chosen}"
        found = self.ask(owner, "gradients", words, self.x(batch, state), t, loss_of(terms), wrt=chosen)

        def compare(draw):
            one = state.looked(terms, draw)
            one.whole(batch.inputs(state.net), batch.targets(state.net, terms))
            require_all(
                found, {name: one.inner_of_pass[name] for name in chosen}, "gradient of the output of"
            )

        self.any_draw(state, compare)

    def value_and_gradient(self, owner, batch, terms):
        """A loss by itself, of outputs that predict returns."""
        state, loss = owner.state, loss_of(terms)
        outputs = state.model.predict(batch)[0][1]()
        wanted, slopes = state.net.loss(terms, outputs, batch.targets(state.net, terms))
        if len(terms) != 1:
            return
        y, t = outputs[terms[0].output], batch.targets(state.net, terms)[0]
        call = f"{loss}.value_and_gradient(outputs of {owner}, {batch})"
        value, slope = self.api.call(call, loss.value_and_gradient, y, t)
        self.settle([(abi.OK, None)])
        require(value, wanted[0], "loss")
        require(slope, slopes[terms[0].output], "gradient of the loss")

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH, terms=MAYBE)
    def accumulate(self, net, batch, terms):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        if not self.is_plain(state, batch):
            return  # what NaN and its like leave in the gradients and in the count of forwards is not modelled
        losses, _, named, words = self.choices(state, terms, None)
        used = losses or state.terms
        t = self.t(batch, state, used or self.losses(state, 0))
        got = self.api.call(
            f"{owner}.accumulate({batch}{words})", net.accumulate, self.x(batch, state), t, **named
        )
        refusals = self.faults(batch) + ([(abi.BAD_STATE, None)] if used is None else [])
        if refusals:
            self.settle(refusals)
            return self.look()
        trainer = state.opening()
        if state.open is not None:
            trainer.restarts = False  # gradients that the program has written are added to
        before, trainer.terms = trainer.terms, used
        wanted = self.settle(trainer.gradients_of(dataclasses.replace(batch, mistake=None), False))
        trainer.terms = before
        if self.api.status == abi.OK:
            trainer.pending, state.open = None, trainer
            state.share(trainer)
            require(got, wanted[0], "loss")
        self.look()

    @staticmethod
    def is_plain(state, batch):
        return batch.poison is None and all(
            np.isfinite(value).all() for value in state.model.parameters.values()
        )

    def forget_open(self, owner, net, state):
        """Makes the state known again after a call whose effect is not modelled."""
        known = {name: np.array(value) for name, value in net.parameters.items()}
        state.model.parameters.update(known)
        if state.open is not None or self.api.status == abi.OK:
            state.open = state.opening()
            state.open.pending = None
            net.zero_grads()
            state.open.clear()
        self.look()
