"""Random orders of calls of the Python package, compared with the expected state after each of them."""

from __future__ import annotations

import contextlib
import sys

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .batches import BATCH, SEED, Batch, numbers
from .c_api import Draws, last_error, status_name
from .compare import require, require_all
from denpa import _abi as abi
from denpa._call import library
from .expected import ModelState
from .known import WITHOUT
from .memory import Disagreement
from .nets import NETS
from .rules import PYTHON_RULES
from .python_api import FAULTS, PythonApi, build, copies, listed, loss_of, optimizer_of, possible, spoiled
from .python_expected import NetState
from .recorder import Recorder

PICK = st.sampled_from(range(13))
SLOT = st.integers(0, 1)
MAYBE = st.sampled_from(
    [None, None, None, None, 0, 1, 2, 3, 4, 10, 11]
)  # another loss or optimizer for this call, mostly none
DRAWS = Draws()
TROUBLE = st.sampled_from([None] * 12 + [w for w in ("nan", "inf") if "weights" not in WITHOUT])


class Owner:
    def __init__(self, label, net, state):
        self.label, self.net, self.state = label, net, state
        self.held = {}  # arrays of parameters that the program keeps
        self.look = "never"

    def __repr__(self):
        return self.label


class PythonBase(RuleBasedStateMachine):
    recorder = Recorder(None)
    initial = {}

    def __init__(self):
        super().__init__()
        self.recorder.begin()
        self.api = PythonApi(self.recorder)
        self.nets, self.closed, self.made = {}, [], 0
        self.look_by = "never"
        self.handles = library.denpa_test_handles()

    # -- looking --------------------------------------------------------------------------------------------

    def settle(self, ways):
        for allowed, commit in ways:
            if allowed == self.api.status:
                return commit() if commit else None
        names = " or ".join(sorted({status_name(allowed) for allowed, _ in ways}))
        raise Disagreement(
            f"expected {names}, got {status_name(self.api.status)} ({last_error() * bool(self.api.status)})"
        )

    def look(self):
        for owner in self.nets.values():
            self.look_at(owner, self.look_by)

    def look_at(self, owner, how):
        state, net = owner.state, owner.net
        require_all(
            owner.held,
            {name: state.model.parameters[name] for name in owner.held},
            f"{owner}: an array that was kept:",
        )
        if how == "parameters":
            require_all(net.parameters, state.model.parameters, f"{owner}: parameter")
        elif how == "predict":
            batch = Batch(2, 3)
            wanted = state.net.forward(state.model.parameters, batch.inputs(state.net))[0]
            for got, other in zip(listed(net.predict(self.given(batch.inputs(state.net)))), wanted):
                require(got, other, f"{owner}: prediction")
        if state.open is not None:
            views = {name: net.grads[name] for name in state.open.trained}
            state.open.see(views, f"{owner}: gradient")

    @staticmethod
    def given(arrays):
        return arrays[0] if len(arrays) == 1 else arrays

    def x(self, batch, state):
        return self.given(spoiled(batch.given_inputs(state.net), batch, "input"))

    def t(self, batch, state, terms):
        return self.given(spoiled(batch.given_targets(state.net, terms), batch, "target"))

    def faults(self, batch, losses=True):
        """Returns the outcomes if the batch has a mistake; nothing may change."""
        wrong = batch.mistake is not None and (losses or not batch.mistake.startswith("target"))
        return [(status, None) for status in FAULTS] if wrong else []

    def pick(self, number):
        owner = list(self.nets.values())[number % len(self.nets)]
        return owner, owner.net, owner.state

    def add(self, slot, net, state):
        if slot in self.nets:
            self.close_owner(slot)
        self.made += 1
        self.nets[slot] = Owner(f"n{self.made}", net, state)

    def close_owner(self, slot):
        owner = self.nets.pop(slot)
        self.api.call(f"{owner}.close()", owner.net.close)
        self.settle([(abi.OK, None)])
        self.closed.append(owner)

    # -- networks -------------------------------------------------------------------------------------------

    @initialize(
        which=st.sampled_from(NETS),
        seed=st.integers(0, 2),
        terms=PICK,
        opt=PICK,
        look=st.sampled_from(["never", "parameters", "predict"]),
    )
    def begin(self, which, seed, terms, opt, look):
        self.new_net(0, which, seed)
        self.compile(0, terms, opt)
        self.look_by = look

    # Rare actions share a rule, so that most actions are training.
    @rule(
        slot=SLOT,
        net=PICK,
        which=st.sampled_from(NETS),
        seed=st.integers(0, 2),
        what=st.sampled_from(["deepcopy", "bytes", "pickle", "new", "close", "use after close"]),
    )
    def change_nets(self, slot, net, which, seed, what):
        if what == "use after close" and self.closed:
            self.use_after_close(net)
        elif what == "close" and slot in self.nets:
            self.close_owner(slot)
            self.look()
        elif what in ("deepcopy", "bytes", "pickle") and self.nets:
            self.copy_net(net, slot, what)
        elif what == "new" or not self.nets:
            self.new_net(slot, which, seed)

    def new_net(self, slot, which, seed):
        net = self.api.call(f"n{self.made + 1} = Model {which}, seed {seed}", build, which, seed)
        self.settle([(abi.OK, None)])
        first = self.initial.setdefault(
            (which.name, seed), {name: np.array(net.parameters[name]) for name in which.shapes}
        )
        self.add(slot, net, NetState(ModelState(which, seed, first), DRAWS))
        self.look()

    def copy_net(self, net, slot, how):
        owner, net, state = self.pick(net)
        made = self.api.call(f"n{self.made + 1} = {owner} by {how}", copies(net, how))
        self.settle([(abi.OK, None)])
        copied = state.copy()
        if how == "bytes":
            copied.terms = copied.rule = None
            copied.afresh()
        self.add(slot, made, copied)
        self.look()

    @precondition(lambda self: self.nets)
    @rule(
        net=PICK,
        terms=PICK,
        opt=PICK,
        seed=st.integers(0, 2),
        node=st.booleans(),
        what=st.sampled_from(["compile", "compile", "initialize", "freeze", "free"]),
    )
    def change_settings(self, net, terms, opt, seed, node, what):
        if what == "compile":
            self.compile(net, terms, opt)
        elif what == "initialize":
            self.draw_anew(net, seed)
        else:
            self.set_trainable(net, terms, node, what == "free")

    def compile(self, net, terms, opt):
        owner, net, state = self.pick(net)
        losses, chosen = self.losses(state, terms), PYTHON_RULES[opt % len(PYTHON_RULES)] if opt < 12 else None
        optimizer = optimizer_of(chosen) if chosen else None
        self.api.call(f"{owner}.compile({losses}, {chosen})", net.compile, loss_of(losses), optimizer)
        self.settle([(abi.OK, lambda: state.compile(losses, chosen))])
        self.look()

    @staticmethod
    def losses(state, number):
        """Returns loss `number` of those with which the network may be trained."""
        some = [terms for terms in state.net.losses if terms]
        return some[number % len(some)]

    def draw_anew(self, net, seed):
        owner, net, state = self.pick(net)
        known = self.initial.get((state.net.name, seed))
        if known is not None:
            self.api.call(f"{owner}.initialize({seed})", net.initialize, seed)
            self.settle([(abi.OK, lambda: state.initialize(known))])
            self.look()

    def set_trainable(self, net, which, node, trainable):
        owner, net, state = self.pick(net)
        names = list(state.model.parameters)
        name = names[which % len(names)]
        chosen = [n for n in names if n.partition(".")[0] == name.partition(".")[0]] if node else [name]
        given = name.partition(".")[0] if node else name
        self.api.call(f"{owner}.set_trainable({given!r}, {trainable})", net.set_trainable, given, trainable)
        self.settle([(abi.OK, lambda: state.set_trainable(chosen, trainable))])
        self.look()

    # -- parameters -----------------------------------------------------------------------------------------

    def quiet(self):
        """Returns a context in which nothing predicts: only then may parameters be written in place
        (docs/design.md).
        """
        return contextlib.nullcontext()

    @precondition(lambda self: self.nets)
    @rule(
        net=PICK,
        which=PICK,
        seed=SEED,
        trouble=TROUBLE,
        how=st.sampled_from(["=", "[:] =", "-=", "wrong shape", "keep", "let go"]),
    )
    def parameters(self, net, which, seed, trouble, how):
        owner, net, state = self.pick(net)
        name = list(state.model.parameters)[which % len(state.model.parameters)]
        value = numbers(seed, *state.net.shapes[name])
        if trouble:
            value.reshape(-1)[seed % value.size] = float(trouble)
        new = state.model.parameters[name] - value if how == "-=" else value

        def act():
            if how == "=" or how == "wrong shape":
                net.parameters[name] = value[..., None] if how == "wrong shape" else value
            elif how == "[:] =":
                with self.quiet():
                    net.parameters[name][:] = value
            elif how == "-=":
                with self.quiet():
                    net.parameters[name] -= value
            elif how == "keep":
                owner.held[name] = net.parameters[name]
            else:
                owner.held.pop(name, None)

        self.api.call(
            f"{owner}.parameters[{name!r}] {how} {'' if how in ('keep', 'let go') else value.tolist()}", act
        )
        changes = how in ("=", "[:] =", "-=")
        ways = (
            [(abi.BAD_SHAPE, None)]
            if how == "wrong shape"
            else [(abi.OK, lambda: state.set(name, new) if changes else None)]
        )
        self.settle(ways)
        self.look()

    @precondition(lambda self: any(owner.held for owner in self.nets.values()))
    @rule(net=PICK, which=PICK, seed=SEED)
    def write_held(self, net, which, seed):
        owner, net, state = self.pick(net)
        if not owner.held:
            return
        name = list(owner.held)[which % len(owner.held)]
        value = numbers(seed, *state.net.shapes[name])
        self.recorder.call(f"write {value.tolist()} into the array of {name!r} that {owner} has given")
        owner.held[name][...] = value
        state.set(name, value)
        self.recorder.result("written")
        self.look()

    @precondition(lambda self: self.nets)
    @rule(net=PICK, batch=BATCH)
    def predict(self, net, batch):
        owner, net, state = self.pick(net)
        batch = possible(batch, state.net)
        got = self.api.call(f"{owner}.predict({batch})", net.predict, self.x(batch, state))
        self.compare_outputs(got, self.settle(self.faults(batch, False) or state.model.predict(batch)), batch)
        self.look()

    @staticmethod
    def compare_outputs(got, wanted, batch):
        for one, other in zip(listed(got), wanted or []):
            require(one, other[0] if batch.is_single else other, "output")

    # -- the end --------------------------------------------------------------------------------------------

    def use_after_close(self, which):
        owner = self.closed[which % len(self.closed)]
        batch, net, state = Batch(2, 0), owner.net, owner.state
        x, t = self.x(batch, state), self.t(batch, state, self.losses(state, 0))
        calls = [
            ("predict", x),
            ("train_batch", x, t, loss_of(self.losses(state, 0))),
            ("forward", x, True),
            ("zero_grads",),
            ("to_bytes",),
            ("initialize", 1),
            ("set_trainable", list(state.model.parameters)[0], False),
            ("step", "sgd"),
            ("close",),
        ]
        name, *given = calls[which % len(calls)]
        self.api.call(f"{owner}.{name}(...) after close", getattr(net, name), *given)
        self.settle([(abi.OK if name == "close" else abi.BAD_STATE, None)])
        require_all(
            owner.held,
            {name: state.model.parameters[name] for name in owner.held},
            f"{owner}, closed: an array that was kept:",
        )
        self.look()

    def teardown(self):
        failed = sys.exc_info()[0] is not None  # then nothing more is compared
        for owner in self.nets.values():
            if not failed:
                self.finish(owner)
            owner.net.close()

    def finish(self, owner):
        """Compares what was not visible before: what the optimizers keep."""
        batch, state = Batch(2, 1), owner.state
        self.look_at(owner, "parameters")
        for _ in range(2):
            terms = state.terms or self.losses(state, 0)
            named = {} if state.terms else {"loss": loss_of(terms)}
            x, t = self.x(batch, state), self.t(batch, state, terms)
            self.api.call(f"{owner}.train_batch({batch}) at the end", owner.net.train_batch, x, t, **named)
            before = state.settings
            trainer = state.training(terms)
            self.settle(trainer.train_batch(batch))
            state.share(trainer)
            if self.api.status != abi.OK:
                state.settings = before
        self.look_at(owner, "parameters")
