"""Random orders of calls of the C API: what trainers remember, and gradients with respect to nodes' outputs."""

from __future__ import annotations

import ctypes

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .batches import GOOD_BATCH
from .c_fitting import CMachine
from .c_models import DRAWS, PICK, SLOT, Owner
from .compare import require
from .expected import TrainerState
from denpa import _abi as abi
from .memory import view


class RememberingMachine(CMachine):
    def __init__(self):
        super().__init__()
        self.saved = None  # bytes of a trainer, what it remembered, and for which trainers they are

    @staticmethod
    def kind_of(state):
        """What the trainers have in common of which one takes over what another one remembers."""
        return state.net.name, state.model.seed, state.rule, state.terms, state.trained

    @precondition(lambda self: self.trainers)
    @rule(
        trainer=PICK,
        what=st.sampled_from(["save", "save", "load", "load", "cut", "spoil", "too small"]),
        place=st.integers(0, 400),
    )
    def remember(self, trainer, what, place):
        owner, state, pointer = self.trainer(trainer)
        if what in ("save", "too small"):
            self.save_trainer(owner, what == "save")
        elif self.saved is not None:
            data, remembered, kind = self.saved
            kinds = [str(rule).partition("(")[0] for rule in (kind[2], state.rule)]
            if what == "load" and kind[2] != state.rule and kinds[0] == kinds[1]:
                return  # bytes of the same optimizer with other attributes: whoever loads them vouches for these
            if what == "cut":
                data = data[: place % len(data)]
            elif what == "spoil":
                at = place % len(data)
                data = data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]
            shown = f"{what} at {place}" if what in ("cut", "spoil") else "whole"
            self.api.call(
                f"{owner.handle} load_bytes, {shown}", "trainer_load_bytes", pointer, data, len(data)
            )
            same = kind == self.kind_of(state)
            if what != "load" or kind[:3] != self.kind_of(state)[:3] or kind[4] != self.kind_of(state)[4]:
                ways = [(abi.BAD_FILE, None)]
            else:
                # With other losses, it may be another trainer or not.
                ways = state.load(remembered) + ([] if same else [(abi.BAD_FILE, None)])
            self.settle(ways)
            self.look()

    @precondition(lambda self: self.trainers and self.models)
    @rule(trainer=PICK, slot=SLOT, data=GOOD_BATCH, epochs=st.integers(1, 2), steps=st.booleans())
    def go_on_twice(self, trainer, slot, data, epochs, steps):
        """Another trainer of a copy of the model takes over what one remembers; both go on in the same way."""
        owner, state, _ = self.trainer(trainer)
        model = next((o for o in self.models.values() if o.state is state.model), None)
        free = next((number for number in range(3) if number not in self.trainers), None)
        if model is None or free is None or state.rule is None or not state.terms:
            return
        self.api.fails = 0
        self.plain(owner, "publish", state.publish())
        self.copy_model(model, slot, 0)
        copied, rows = self.models[slot], state.max_batch
        watched, dx = state.watched, state.input_gradients
        handle = self.api.create_trainer(
            self.label("t"), copied.handle, state.terms, state.rule, rows, dx, 2, watched
        )
        self.settle([(abi.OK, None)])
        twin = TrainerState(copied.state, state.terms, state.rule, rows, dx, DRAWS)
        twin.watched = watched
        views = self.api.gradient_views(handle, state.net, twin.trained)
        self.trainers[free] = Owner(handle, twin, views)
        if twin.trained != state.trained:
            return  # what is trainable has changed since the first trainer was made
        self.save_trainer(owner, True)
        data_, remembered, _ = self.saved
        self.api.call(
            f"{handle} load_bytes of {owner.handle}", "trainer_load_bytes", handle.pointer, data_, len(data_)
        )
        self.settle(twin.load(remembered))
        self.look()
        numbers = [list(self.trainers.values()).index(one) for one in (owner, self.trainers[free])]
        for number in numbers:
            if steps and state.steps < 1000:
                self.step(number)
            self.train_batch(number, data, 0)
            self.fit(number, data, 3, 2, epochs, True, False, None, None)

    def save_trainer(self, owner, whole):
        length = ctypes.c_int64()
        pointer = owner.handle.pointer
        self.api.call(
            f"length of {owner.handle}'s bytes", "trainer_save_bytes", pointer, None, 0, ctypes.byref(length)
        )
        self.settle([(abi.OK, None)])
        room = length.value if whole else length.value - 1
        buffer = ctypes.create_string_buffer(length.value)
        self.api.call(
            f"save_bytes {owner.handle}, room for {room}",
            "trainer_save_bytes",
            pointer,
            buffer,
            room,
            ctypes.byref(length),
        )
        self.settle([(abi.OK if whole else abi.LIMIT_EXCEEDED, None)])
        if whole:
            self.saved = buffer.raw[: length.value], owner.state.remembers(), self.kind_of(owner.state)
        self.look()

    @precondition(lambda self: self.trainers)
    @rule(trainer=PICK, which=PICK)
    def value_gradient(self, trainer, which):
        owner, state, pointer = self.trainer(trainer)
        names = [node.name for node in state.net.nodes] + ["no"]
        name, t = names[which % len(names)], abi.Tensor()
        status = self.api.call(
            f"{owner.handle} value_gradient {name}",
            "trainer_value_gradient",
            pointer,
            name.encode(),
            ctypes.byref(t),
        )
        if name not in state.watched:
            ways = [(abi.NOT_FOUND, None)]
        elif state.inner is None:
            ways = [(abi.BAD_STATE, None)]
        elif isinstance(state.inner, str):
            ways = [(abi.OK, None), (abi.BAD_STATE, None)]
        else:
            ways = [(abi.OK, None)]
        self.settle(ways)
        if status == abi.OK and not isinstance(state.inner, str):
            require(view(t), state.inner[name], f"gradient with respect to {name}")
        self.look()
