"""The trainers of a network: made when they are needed, and dropped when what they are made for changes."""

from __future__ import annotations

import os
import weakref
from typing import Any, Sequence

from ._loss import Terms
from ._metric import Measured
from ._native import NativeModel
from ._optimizer import Optimizer
from ._trainer import Trainer
from ._weights import Weights

ROOM = 128  # rows that a trainer has room for at first; larger batches make it grow
KEPT = 6  # trainers without optimizer that are cached, one or two for each loss

# Keyed by address; addresses are reused after deletion. A WeakSet would run Python code on every deletion,
# and an interrupt that arrives then would be lost.
_alive: dict[int, weakref.ref[Trainers]] = {}
_left_behind: list[object] = []


def after_fork() -> None:
    """Release, in a forked child, the networks that other threads were training.

    They continue with the weights that were published last.
    """
    for trainers in [reference() for reference in _alive.values()]:
        if trainers is None:
            continue
        if not all(is_free(lock) for lock in (trainers.weights.turn, trainers.weights.lock)):
            trainers.leave_behind()


def is_free(lock: Any) -> bool:
    """Return whether no other thread holds a lock."""
    if lock.acquire(blocking=False):
        lock.release()
        return True
    return False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)


class Trainers:
    """All trainers of a network.

    They are the main one (fit, train_batch), the one of the open loop (forward, backward, step), and those
    that only compute gradients.
    """

    def __init__(self, native: NativeModel, weights: Weights) -> None:
        self.native, self.weights = native, weights
        self.drop()
        _alive[id(self)] = weakref.ref(self)

    def drop(self) -> None:
        self.main: Trainer | None = None
        self.open: Trainer | None = None
        self.others: dict[Any, Trainer] = {}
        self.repeated: Any = None  # the last call of Derivatives with one of them, for the next one like it
        self.rate: float | None = None  # from the previous main trainer, for the next one

    def leave_behind(self) -> None:
        """Begin anew in a forked child, where the state of the former trainers is unknown.

        They are never touched again, not even destroyed.
        """
        _left_behind.append((self.main, self.open, self.others, self.repeated, self.weights.ahead))
        self.drop()
        self.weights.restart()

    def make(
        self,
        terms: Terms | None,
        optimizer: Optimizer | None,
        input_gradients: bool = False,
        rows: int = ROOM,
        measured: Measured | None = None,
        layers: Sequence[str] = (),
    ) -> Trainer:
        """Create a trainer with the current weights and initial room for `rows` rows."""
        self.weights.publish()
        trainer = Trainer(self.native.handle, terms, optimizer, input_gradients, rows, measured, layers)
        trainer.version = self.weights.version
        return trainer

    def training(self, terms: Terms, optimizer: Optimizer, measured: Measured) -> Trainer:
        """Return the main trainer, which is replaced if the loss or the optimizer differs."""
        main = self.main
        if main is None or not main.fits(terms, optimizer):
            made = self.make(terms, optimizer, measured=measured)
            if main is None and self.rate is not None:
                made.set_rate(self.rate)
            main = self.main = made
            self.rate = None
        return main

    def gradients(
        self,
        terms: Terms | None,
        measured: Measured | None = None,
        inputs: bool = True,
        layers: Sequence[str] = (),
    ) -> Trainer:
        """Return a trainer without optimizer for this loss, or for the model's outputs if it is None.

        One without gradients of `inputs`, and of the outputs of `layers`, is faster.
        """
        key = terms.key if terms else None, measured.key if measured else None, inputs, tuple(layers)
        found = self.others.get(key)
        if found is None:
            if len(self.others) >= KEPT:
                self.others.pop(next(iter(self.others)))
            found = self.others[key] = self.make(terms, None, inputs, measured=measured, layers=layers)
        return found

    def open_loop(
        self, optimizer: Optimizer | None = None, terms: Terms | None = None, inputs: bool = False
    ) -> Trainer:
        """Return the open loop's trainer, with an optimizer, with a loss, or with gradients of inputs.

        If there is none yet, or it has not what is asked for, a new one is created that has this too. It is
        not yet `open`. It has the gradients of the former one, and with the same optimizer all of its state.
        """
        old = self.open
        if old is None:
            return self.make(terms, optimizer, input_gradients=inputs)
        wanted, losses = optimizer or old.optimizer, terms or old.terms
        if old.fits(losses, wanted) and old.input_gradients >= inputs:
            return old
        made = self.make(losses, wanted, input_gradients=inputs or old.input_gradients)
        if made.fits(losses, old.optimizer):
            made.resume(old.state())
            # Where weights are averaged, the state has the weights that training goes on from: those of `old`,
            # which may be older than the model's.
            made.version = old.version
        # Without this call, the first backward would overwrite the gradients that are copied below.
        made.zero_gradients()
        for name in self.native.trained():
            if made.trains(name) and old.trains(name):
                made.gradient(name)[...] = old.gradient(name)
        return made

    # -- what drops them -------------------------------------------------------------------------------------

    def afresh(self) -> None:
        """Publish the current weights and drop the main trainer."""
        self.weights.publish()
        self.main = self.rate = None

    def forget(self) -> None:
        """Publish the current weights and drop all trainers. A learning rate that was set remains."""
        self.weights.publish()
        rate = self.main.rate if self.main is not None else self.rate
        self.drop()
        self.rate = rate

    def set_trainable(self, name: str, value: bool) -> None:
        """Set whether training changes a parameter or a whole layer, by the engine's names."""
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.weights.require_idle()
            before = self.native.trained()
            self.native.set_trainable(name, value)
            if self.native.trained() != before:
                self.forget()

    def initialize(self, seed: int) -> None:
        """Initialize all parameters anew, and the trainers with them."""
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.weights.require_idle()
            self.weights.publish()
            self.native.initialize(seed)
            self.weights.settle()
            self.drop()
