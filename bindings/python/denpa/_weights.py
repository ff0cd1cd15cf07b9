"""The rule by which all trainers of a network and the user see one set of weights.

A trainer works on its own copy of the parameters. At any time at most one of them is ahead of the model; it
is published before anything else reads the weights. While the user holds arrays of parameters, the trainer
reads them before each step and publishes after it.

Whoever trains or changes the network holds `turn`, and `lock` too while it works; fit holds `turn` alone while
the engine trains. Whoever computes with the published weights without learning holds `lock` alone, and so does
not wait for a fit. `turn` is taken before `lock`, never after it.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from typing import Any

from ._arrays import Array, Memory
from ._native import NativeModel
from ._trainer import Trainer
from .errors import BadState


class Views:
    """The arrays of parameters that the user holds.

    `touched` says whether they may have been written since the trainers last read them.
    """

    def __init__(self) -> None:
        self.touched = False
        self.alive: dict[str, weakref.ref[Memory]] = {}

    def memory(self, native: NativeModel, name: str) -> Memory:
        """Return the parameter's memory, for an array that the user will hold."""
        self.touched = True
        memory = self._held(name)
        if memory is None:
            memory = Memory(native.view(name), native.handle)
            self.alive[name] = weakref.ref(memory)
        return memory

    def _held(self, name: str) -> Memory | None:
        reference = self.alive.get(name)
        return reference() if reference is not None else None

    def is_whole(self, name: str, array: Array) -> bool:
        """Return whether `array` is the whole parameter itself."""
        memory = self._held(name)
        whole: object = array.base
        return memory is not None and whole is memory and array.shape == memory.array().shape

    def settle(self, native: NativeModel) -> None:
        """Let the arrays show the published parameters.

        A publication during a prediction in another thread leaves them where older predictions do not look;
        asking for a view waits for those.
        """
        for name, reference in list(self.alive.items()):  # another thread may ask for one meanwhile
            if reference() is not None:
                native.view(name)
                return

    def looked_at(self) -> bool:
        """Return whether the user still holds an array."""
        return any(reference() is not None for reference in list(self.alive.values()))

    def copies(self) -> dict[str, tuple[Array, Array]]:
        """Return the arrays that the user holds, each with a copy of its values."""
        held = {name: reference() for name, reference in list(self.alive.items())}
        arrays = {name: memory.array() for name, memory in held.items() if memory is not None}
        return {name: (array, array.copy()) for name, array in arrays.items()}


class Weights:
    """The weights of a network: whose are the newest, and who has to take them over."""

    def __init__(self, native: NativeModel) -> None:
        self.native = native
        self.views = Views()
        self.restart()

    def restart(self) -> None:
        """Begin with the weights that were published last, as if no trainer had ever been there."""
        self.turn: Any = threading.RLock()
        self.lock = threading.RLock()
        self.ahead: Trainer | None = None
        self.versions = itertools.count(1)  # no number is used twice, whatever threads do
        self.version = 0
        self.fitting = False

    def require_idle(self) -> None:
        """Raise BadState if the network is closed or in fit."""
        self.native.require_open()
        self.refuse_in_fit()

    def require_turn(self) -> None:
        """Raise BadState in a callback of a call that only reads, before it waits for its turn.

        The thread whose turn it is may be waiting for that call.
        """
        is_owned: Any = self.lock, self.turn
        if is_owned[0]._is_owned() and not is_owned[1]._is_owned():
            raise BadState(
                "the network computes without learning in this thread: a callback of that call, a layer or a "
                "metric, may not change, train or copy it"
            )

    def refuse_ahead(self) -> None:
        """Raise BadState in the thread that prepares batches for a fit, which waits for it."""
        refuse = getattr(self.turn, "refuse", None)
        if refuse is not None:
            refuse()

    def refuse_in_fit(self) -> None:
        """Raise BadState during fit.

        Only a callback or an iterable of batches can get here during fit: other threads wait.
        """
        if self.fitting:
            raise BadState(
                "the network is in fit: a callback or an iterable of batches may predict and evaluate, "
                "but not change or train it"
            )

    # -- trainers --------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Publish the weights of the trainer that is ahead to the model."""
        if self.ahead is None:
            return
        with self.lock:
            trainer = self.ahead
            if trainer is not None:
                # An interrupt between two of these lines causes at most a redundant refresh or publication.
                self.published(trainer)
                trainer.publish()
                self.ahead = None
                self.settle()

    def settle(self) -> None:
        """Make sure that the user's arrays show the published parameters."""
        self.views.settle(self.native)

    def is_behind(self, trainer: Trainer) -> bool:
        """Return whether `begin` would give the trainer other weights than it has."""
        if self.views.touched:
            return True
        if self.ahead is not None:
            return self.ahead is not trainer
        return trainer.version != self.version

    def begin(self, trainer: Trainer, learns: bool = False) -> None:
        """Give a trainer the current weights before it works.

        A trainer that `learns` is ahead from now on, so that an interrupt between the engine's step and the
        next line of Python loses nothing.
        """
        if self.views.touched:
            self.version = next(self.versions)
            self.views.touched = self.views.looked_at()
        elif self.ahead is not trainer:
            self.publish()
        if trainer is not self.ahead and trainer.version != self.version:
            trainer.refresh()
            trainer.version = self.version
        if learns:
            self.ahead = trainer

    def learned(self) -> None:
        """Publish, if necessary, after a trainer has changed its weights or failed to."""
        if self.views.touched:
            self.publish()

    def looked(self, trainer: Trainer) -> None:
        """Mark a trainer that computed as in training without learning.

        The states that its layers have updated are discarded.
        """
        trainer.version = -1

    def published(self, trainer: Trainer) -> None:
        """Record that a trainer's weights are the model's: the others must refresh theirs."""
        self.version = trainer.version = next(self.versions)

    # -- the user's arrays -----------------------------------------------------------------------------------

    def view(self, name: str) -> Array:
        """Return a parameter as an array for the user to hold, which is read-only during fit."""
        with self.lock:
            self.publish()
            array = self.views.memory(self.native, name).array()
            if self.fitting:
                array.flags.writeable = False  # fit would overwrite any change
            return array

    def set(self, name: str, array: Array) -> None:
        """Copy an array into a parameter."""
        self.require_turn()
        with self.turn, self.lock:
            self.require_idle()
            if self.views.is_whole(name, array):
                return  # p["W1"] -= ... has already written to it
            self.publish()
            self.views.touched = True
            self.native.set(name, array)
            self.settle()

    def copies(self) -> dict[str, tuple[Array, Array]]:
        """Return the arrays that the user holds, each with a copy of its values.

        They show the published parameters first: otherwise those would appear in them later, and look like
        something that the user has written.
        """
        self.settle()
        return self.views.copies()

    def refuse_writes(self, copies: dict[str, tuple[Array, Array]]) -> None:
        """Raise BadState if an array of `copies` has been written since.

        Only a callback or an iterable of fit can have done so.
        """
        for full, (array, copy) in copies.items():
            if array.tobytes() != copy.tobytes():
                raise BadState(
                    f'parameter "{self.native.names.shown[full]}" was written while the network is in fit, '
                    "which ends here: a callback or an iterable of batches may read parameters, but not "
                    "write them"
                )

    def close(self) -> None:
        """Close the model. Arrays that the user holds keep its memory."""
        self.publish()
        self.native.close()
        self.views = Views()
