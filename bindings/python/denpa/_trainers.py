"""The trainers of a network, and the rule by which all of them and the user see one set of weights.

A trainer works on its own copy of the parameters. At any time at most one of them is ahead of the model; it
is published before anything else reads the weights. While the user holds arrays of parameters, the trainer
reads them before each step and publishes after it.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

from . import _abi as abi
from ._arrays import Array, Memory
from ._call import Handle, c_text, check, create, library, options
from ._loss import Terms
from ._optimizer import Optimizer
from ._parameters import Views

ROOM = 128  # rows that a trainer has room for at first; larger batches make it grow
KEPT = 4  # trainers without optimizer that are cached, one for each loss


class Trainer:
    """One trainer of the engine, and the arguments that it was created with."""

    def __init__(
        self,
        model: Handle,
        terms: Terms | None,
        optimizer: Optimizer | None,
        input_gradients: bool,
        rows: int,
    ) -> None:
        self.terms, self.optimizer, self.input_gradients = terms, optimizer, input_gradients
        self.version = -1
        self.rate: float | None = None  # the learning rate, if it was set
        wanted = options(abi.TrainerOptions, max_batch=max(rows, 1), input_gradients=int(input_gradients))
        keep: list[Any] = []
        if terms is not None:
            losses = (abi.Loss * len(terms.losses))()
            for entry, index, loss in zip(losses, terms.indices, terms.losses):
                keep.append(loss.encode())
                entry.kind, entry.attributes = loss.kind.encode(), keep[-1].pointer
                entry.weight, entry.output = loss.weight, index
            wanted.losses, wanted.loss_count = losses, len(terms.losses)
        if optimizer is not None:
            optimizer.write(wanted, keep)
        self.handle = create(abi.Trainer, "denpa_trainer_create", model.pointer, ctypes.byref(wanted))

    def set_rate(self, rate: float) -> None:
        check(library.denpa_trainer_set_learning_rate(self.handle.pointer, rate))
        self.rate = rate

    @property
    def step_count(self) -> int:
        steps = ctypes.c_int64()
        check(library.denpa_trainer_step_count(self.handle.pointer, ctypes.byref(steps)))
        return steps.value

    def trains(self, name: str) -> bool:
        """Return whether the trainer trains a parameter; a group of its optimizer may freeze it."""
        status = library.denpa_trainer_gradient(self.handle.pointer, c_text(name), ctypes.byref(abi.Tensor()))
        if status != abi.NOT_FOUND:
            check(status)
        return bool(status == abi.OK)

    def gradient(self, name: str) -> Array:
        """Return the gradient of a parameter, as an array that refers to the trainer's memory."""
        tensor = abi.Tensor()
        check(library.denpa_trainer_gradient(self.handle.pointer, c_text(name), ctypes.byref(tensor)))
        return Memory(tensor, self.handle).array()

    def optimizer_state(self, name: str, state: str) -> Array:
        """Return what the optimizer keeps of a parameter, as an array that refers to the trainer's memory."""
        tensor = abi.Tensor()
        check(
            library.denpa_trainer_optimizer_state(
                self.handle.pointer, c_text(name), c_text(state), ctypes.byref(tensor)
            )
        )
        return Memory(tensor, self.handle).array()

    def fits(self, terms: Terms | None, optimizer: Optimizer | None) -> bool:
        """Return whether the trainer was created with this loss and this optimizer."""
        same_terms = (terms.key if terms else None) == (self.terms.key if self.terms else None)
        return same_terms and (optimizer.key() if optimizer else None) == (
            self.optimizer.key() if self.optimizer else None
        )


class Trainers:
    """All trainers of a network.

    They are the main one (fit, train_batch), the one of the open loop (forward, backward, step), and those
    that only compute gradients.
    """

    def __init__(self, model: Handle, views: Views, lock: threading.RLock) -> None:
        self.model, self.views, self.lock = model, views, lock
        self.main: Trainer | None = None
        self.fast: Any = None  # the main trainer's last step, prepared for repetition
        self.open: Trainer | None = None
        self.others: dict[Any, Trainer] = {}
        self.ahead: Trainer | None = None
        self.version = 0
        self.fitting = False
        self.rate: float | None = None  # from the previous main trainer, for the next one

    def make(
        self,
        terms: Terms | None,
        optimizer: Optimizer | None,
        input_gradients: bool = False,
        rows: int = ROOM,
    ) -> Trainer:
        """Create a trainer with the current weights and initial room for `rows` rows."""
        self.publish()
        trainer = Trainer(self.model, terms, optimizer, input_gradients, rows)
        trainer.version = self.version
        return trainer

    def training(self, terms: Terms, optimizer: Optimizer) -> Trainer:
        """Return the main trainer, which is replaced if the loss or the optimizer differs."""
        main = self.main
        if main is None or not main.fits(terms, optimizer):
            made = self.make(terms, optimizer)
            if main is None and self.rate is not None:
                made.set_rate(self.rate)
            main = self.main = made
            self.rate = None
        return main

    def gradients(self, terms: Terms | None) -> Trainer:
        """Return a trainer without optimizer for this loss, or for the model's outputs if it is None."""
        key = terms.key if terms else None
        found = self.others.get(key)
        if found is None:
            if len(self.others) >= KEPT:
                self.others.pop(next(iter(self.others)))
            found = self.others[key] = self.make(terms, None, input_gradients=True)
        return found

    def open_loop(self, optimizer: Optimizer | None = None) -> Trainer:
        """Return the open loop's trainer.

        For another optimizer, a new one is created, which is not yet `open`.
        """
        old = self.open
        wanted = optimizer or (old.optimizer if old else None)
        if old is not None and old.fits(None, wanted):
            return old
        return self.make(None, wanted, input_gradients=True)

    # -- one set of weights ----------------------------------------------------------------------------------

    def publish(self) -> None:
        """Publish the weights of the trainer that is ahead to the model."""
        if self.ahead is None:
            return
        with self.lock:
            trainer = self.ahead
            if trainer is not None:
                # An interrupt between two of these lines causes at most a redundant refresh or publication.
                self.published(trainer)
                check(library.denpa_publish(trainer.handle.pointer))
                self.ahead = None
                self.views.settle(self.model)

    def begin(self, trainer: Trainer, learns: bool = False) -> None:
        """Give a trainer the current weights before it works.

        A trainer that `learns` is ahead from now on, so that an interrupt between the engine's step and the
        next line of Python loses nothing.
        """
        if self.views.touched:
            self.version += 1
            self.views.touched = self.views.looked_at()
        elif self.ahead is not trainer:
            self.publish()
        if trainer is not self.ahead and trainer.version != self.version:
            check(library.denpa_trainer_refresh(trainer.handle.pointer))
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
        self.version += 1
        trainer.version = self.version

    def afresh(self) -> None:
        """Publish the current weights and drop the main trainer."""
        self.publish()
        self.main = self.fast = self.rate = None

    def forget(self) -> None:
        """Publish the current weights and drop all trainers. A learning rate that was set remains."""
        rate = self.main.rate if self.main is not None else self.rate
        self.afresh()
        self.open, self.rate = None, rate
        self.others.clear()
