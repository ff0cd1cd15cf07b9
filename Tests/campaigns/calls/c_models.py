"""Random orders of calls of the C API: models and sessions, and how all machines compare the state."""

from __future__ import annotations

import ctypes

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .batches import BATCH, SEED, Batch, numbers
from .c_api import CApi, Draws, last_error, status_name
from .compare import require, require_all
from denpa import _abi as abi
from denpa._call import library, options
from .expected import ModelState, TrainerState
from .known import WITHOUT
from .memory import Disagreement
from .nets import NETS
from .rules import RULES
from .recorder import Recorder

SLOT = st.integers(0, 2)
PICK = st.sampled_from(range(12))
DRAWS = Draws()


class Owner:
    """A handle with its expected state."""

    def __init__(self, handle, state, views=None):
        self.handle, self.state, self.views = handle, state, views


class ModelMachine(RuleBasedStateMachine):
    recorder = Recorder(None)
    initial = {}  # initial parameters by net and seed

    def __init__(self):
        super().__init__()
        self.recorder.begin()
        self.api = CApi(self.recorder)
        self.models, self.sessions, self.trainers = {}, {}, {}
        self.made = 0
        self.stale = []
        self.probes = False
        self.handles = library.denpa_test_handles()

    # -- looking --------------------------------------------------------------------------------------------

    def settle(self, ways, status=None):
        """Compares a status with those that are allowed, and updates the expected state. Returns the expected
        results.
        """
        status = self.api.status if status is None else status
        if status == abi.OUT_OF_MEMORY and self.api.starved:
            return None
        for allowed, commit in ways:
            if allowed == status:
                return commit() if commit else None
        names = " or ".join(sorted({status_name(allowed) for allowed, _ in ways}))
        said = f"{status_name(status)} ({last_error()})" if status else status_name(status)
        raise Disagreement(f"expected {names}, got {said}")

    def look(self):
        """Compares everything that is visible without a call: parameters and gradients, through their
        views.
        """
        for owner in self.models.values():
            require_all(self.parameters(owner), owner.state.parameters, f"{owner.handle}: parameter")
        for owner in self.trainers.values():
            owner.state.see(owner.views, f"{owner.handle}: gradient")
        if self.probes:
            for owner in self.trainers.values():
                self.probe(owner)

    def parameters(self, owner):
        """Returns the parameters of a model, through views that were obtained when it was made."""
        return owner.views

    def probe(self, owner):
        """Compares the trainer's weights by a forward, which must change nothing."""
        state, batch = owner.state, Batch(min(2, owner.state.max_batch), 3)
        arrays, outputs = self.api.inputs(batch, state.net), self.api.outputs(batch, state.net)
        self.api.call(
            f"{owner.handle} forward {batch} to look",
            "trainer_forward",
            owner.handle.pointer,
            *arrays,
            *outputs,
            0,
            starves=False,
        )
        for got, wanted in zip(self.api.finish(), self.settle(state.forward(batch, False))):
            require(got, wanted, f"{owner.handle}: outputs with its weights")

    def pick(self, owners, number):
        return list(owners.values())[number % len(owners)]

    def label(self, letter):
        self.made += 1
        return f"{letter}{self.made}"

    def replace(self, owners, slot, owner):
        if slot in owners:
            self.destroy_owner(owners, slot)
        owners[slot] = owner

    def destroy_owner(self, owners, slot):
        owner = owners.pop(slot)
        if self.api.destroy(owner.handle):
            raise Disagreement(f"destroy: {last_error()}")
        self.stale.append(owner.handle)

    # -- models ---------------------------------------------------------------------------------------------

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
        self.new_model(0, net, seed)
        self.new_trainer(0, 0, terms, opt, rows, dx)
        self.probes = probes

    # Rare actions share a rule, so that most actions are training.
    @rule(
        slot=SLOT,
        model=PICK,
        net=st.sampled_from(NETS),
        seed=st.integers(0, 2),
        what=st.sampled_from(["initialize", "copy", "save", "new"]),
    )
    def change_models(self, slot, model, net, seed, what):
        if what == "new" or not self.models:
            self.new_model(slot, net, seed)
        else:
            action = {"initialize": self.draw_anew, "copy": self.copy_model, "save": self.save_and_load}[what]
            action(self.pick(self.models, model), slot, seed)

    def new_model(self, slot, net, seed):
        handle = self.api.create_model(self.label("m"), net, seed)
        self.adopt_model(slot, handle, net, seed, None)

    def adopt_model(self, slot, handle, net, seed, state):
        self.settle([(abi.OK, None)])
        if handle is None:
            return self.look()
        views = self.api.views(handle, net)
        if state is None:
            first = self.initial.setdefault(
                (net.name, seed), {name: array.copy() for name, array in views.items()}
            )
            state = ModelState(net, seed, first)
        self.replace(self.models, slot, Owner(handle, state, views))
        if self.api.trainable(handle, net) != {name: state.is_trained(name) for name in net.shapes}:
            raise Disagreement(f"{handle}: other parameters are trainable")
        self.look()

    def copy_model(self, owner, slot, seed):
        handle = self.api.create(
            "model", self.label("m"), f"copy of {owner.handle}", "model_copy", owner.handle.pointer, 0
        )
        self.adopt_model(slot, handle, owner.state.net, owner.state.seed, owner.state.copy())

    def save_and_load(self, owner, slot, seed):
        data = self.api.save(owner.handle)
        handle = self.api.create("model", self.label("m"), "load bytes", "model_load_bytes", data, len(data))
        if handle is not None and self.api.save(handle) != data:
            raise Disagreement("what was loaded is saved as other bytes")
        self.adopt_model(slot, handle, owner.state.net, owner.state.seed, owner.state.copy())

    def draw_anew(self, owner, slot, seed):
        known = self.initial.get((owner.state.net.name, seed))
        if known is None:
            return
        self.api.call(
            f"initialize {owner.handle} with seed {seed}", "model_initialize", owner.handle.pointer, seed
        )
        self.settle([(abi.OK, lambda: owner.state.parameters.update(known))])
        self.look()

    def new_value(self, shape, seed, trouble):
        value = numbers(seed, *shape)
        if trouble:
            value.reshape(-1)[seed % value.size] = {"nan": np.nan, "inf": np.inf}[trouble]
        return value

    VALUE = st.sampled_from([None] * 15 + [w for w in ("nan", "inf") if "weights" not in WITHOUT])

    @precondition(lambda self: self.models)
    @rule(
        model=PICK,
        which=PICK,
        seed=SEED,
        trouble=VALUE,
        what=st.sampled_from(["set", "set", "set", "write", "write", "shape", "name", "freeze", "free"]),
        node=st.booleans(),
    )
    def change_parameters(self, model, which, seed, trouble, what, node):
        owner = self.pick(self.models, model)
        name = list(owner.state.parameters)[which % len(owner.state.parameters)]
        if what in ("freeze", "free"):
            self.set_trainable(owner, name, node, what == "free")
        elif what == "write" and self.writes_views:
            self.write_parameter(owner, name, seed, trouble)
        else:
            self.set_parameter(owner, name, seed, trouble, what)

    writes_views = True

    def set_parameter(self, owner, name, seed, trouble, wrong):
        value = self.new_value(owner.state.net.shapes[name], seed, trouble)
        status = self.api.set(
            owner.handle, "no.W" if wrong == "name" else name, value[..., None] if wrong == "shape" else value
        )
        ways = {"shape": [(abi.BAD_SHAPE, None)], "name": [(abi.NOT_FOUND, None)]}
        self.settle(
            ways.get(wrong) or [(abi.OK, lambda: owner.state.parameters.update({name: value}))], status
        )
        self.look()

    def write_parameter(self, owner, name, seed, trouble):
        value = self.new_value(owner.state.net.shapes[name], seed, trouble)
        self.recorder.call(f"write {owner.handle} {name} = {value.tolist()} through its view")
        owner.views[name][...] = owner.state.parameters[name] = value
        self.recorder.result("written")
        self.look()

    def set_trainable(self, owner, name, node, trainable):
        names = list(owner.state.parameters)
        chosen = [n for n in names if n.partition(".")[0] == name.partition(".")[0]] if node else [name]
        given = name.partition(".")[0] if node else name
        self.api.call(
            f"{owner.handle} set_trainable {given} {int(trainable)}",
            "model_set_trainable",
            owner.handle.pointer,
            given.encode(),
            int(trainable),
        )
        self.settle([(abi.OK, lambda: owner.state.trainable.update({n: trainable for n in chosen}))])
        if self.api.trainable(owner.handle, owner.state.net) != {n: owner.state.is_trained(n) for n in names}:
            raise Disagreement(f"{owner.handle}: other parameters are trainable")
        self.look()

    # -- sessions -------------------------------------------------------------------------------------------

    def new_session(self, slot, owner, rows, realtime):
        wanted = options(abi.SessionOptions, max_batch=rows, threads=1, realtime=int(realtime))
        text = f"session({owner.handle}, max_batch {rows}{', realtime' * realtime})"
        handle = self.api.create(
            "session", self.label("s"), text, "session_create", owner.handle.pointer, ctypes.byref(wanted)
        )
        refused = realtime and not owner.state.net.can_be_realtime
        self.settle([(abi.NOT_SUPPORTED if refused else abi.OK, None)])
        if handle is not None:
            self.replace(self.sessions, slot, Owner(handle, (owner.state, rows if realtime else None)))
        self.look()

    @precondition(lambda self: self.sessions or self.models)
    @rule(
        session=PICK,
        batch=BATCH,
        anew=st.sampled_from([False, False, True]),
        slot=SLOT,
        rows=st.sampled_from([9, 3, 1]),
        realtime=st.booleans(),
    )
    def predict(self, session, batch, anew, slot, rows, realtime):
        if self.models and (anew or not self.sessions):
            self.new_session(slot, self.pick(self.models, session), rows, realtime)
        if not self.sessions:
            return
        owner = self.pick(self.sessions, session)
        state, room = owner.state
        inputs, outputs = self.api.inputs(batch, state.net), self.api.outputs(batch, state.net)
        self.api.call(f"{owner.handle} predict {batch}", "predict", owner.handle.pointer, *inputs, *outputs)
        got = self.api.finish()
        ways = state.predict(batch)
        if room is not None and batch.rows > room:  # other sessions grow
            ways = [(status, None) for status in {abi.BAD_SHAPE, *(way[0] for way in ways if way[1] is None)}]
        for one, wanted in zip(got, self.settle(ways) or []):
            require(one, wanted[0] if batch.is_single else wanted, "prediction")
        self.look()

    # -- trainers -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.models)
    @rule(
        slot=SLOT,
        model=PICK,
        terms=PICK,
        opt=PICK,
        threads=st.sampled_from([1, 1, 2]),
        rows=st.sampled_from([4, 1, 2, 8]),
        dx=st.booleans(),
    )
    def new_trainer(self, slot, model, terms, opt, rows, dx, threads=1):
        owner = self.pick(self.models, model)
        net = owner.state.net
        some = [losses for losses in net.losses if losses]
        losses, chosen = (
            some[terms % len(some)] if terms < 11 else (),
            RULES[opt % (len(RULES) - 1)] if opt < 11 else None,
        )
        watched = tuple(node.name for node in net.nodes[::2]) if dx else ()
        handle = self.api.create_trainer(
            self.label("t"), owner.handle, losses, chosen, rows, dx, threads, watched
        )
        self.settle([(abi.OK, None)])
        if handle is None:
            return self.look()
        state = TrainerState(owner.state, losses, chosen, rows, dx, DRAWS)
        state.watched = watched
        self.replace(
            self.trainers, slot, Owner(handle, state, self.api.gradient_views(handle, net, state.trained))
        )
        self.look()
