"""The trainers of a network, and the rule that makes all of them and the user see one set of weights.

A trainer works on its own copy of the parameters. At any time at most one of them is ahead of the model; it is published
before anybody else looks. While arrays of parameters are held by the user, the trainer takes what they were set to before
each step and publishes after it.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import TYPE_CHECKING, Any

from . import _abi as abi
from ._arrays import Array, Memory
from ._call import Handle, c_text, check, create, library, options
from ._described import Optimizer
from ._loss import Terms

if TYPE_CHECKING:
    from ._core import Core

LEAST = 128  # rows that a trainer has room for at least
KEPT = 4  # trainers without optimizer that are kept, one for each loss


class Trainer:
    """One trainer of the engine, and what it was made with."""

    def __init__(
        self, model: Handle, terms: Terms | None, optimizer: Optimizer | None, rows: int, input_gradients: bool
    ) -> None:
        self.terms, self.optimizer, self.input_gradients = terms, optimizer, input_gradients
        self.max_batch = max(LEAST, 1 << (max(rows, 1) - 1).bit_length())
        self.version = -1
        wanted = options(abi.TrainerOptions, max_batch=self.max_batch, input_gradients=int(input_gradients))
        keep: list[Any] = []
        if terms is not None:
            losses = (abi.Loss * len(terms.losses))()
            for entry, index, loss in zip(losses, terms.indices, terms.losses):
                keep.append(loss.encode())
                entry.kind, entry.attributes = loss.kind.encode(), keep[-1].pointer
                entry.weight, entry.output = loss.weight, index
            wanted.losses, wanted.loss_count = losses, len(terms.losses)
        if optimizer is not None:
            keep.append(optimizer.encode())
            wanted.optimizer.kind, wanted.optimizer.attributes = optimizer.kind.encode(), keep[-1].pointer
        self.handle = create(abi.Trainer, "denpa_trainer_create", model.pointer, ctypes.byref(wanted))

    def gradient(self, name: str) -> Array:
        """The gradient of a parameter, as an array that looks at the trainer's memory."""
        tensor = abi.Tensor()
        check(library.denpa_trainer_gradient(self.handle.pointer, c_text(name), ctypes.byref(tensor)))
        return Memory(tensor, self.handle).array()

    def fits(self, terms: Terms | None, optimizer: Optimizer | None) -> bool:
        """Was it made with this loss and this optimizer?"""
        same_terms = (terms.key if terms else None) == (self.terms.key if self.terms else None)
        return same_terms and (optimizer.key() if optimizer else None) == (
            self.optimizer.key() if self.optimizer else None
        )


class Trainers:
    """The main trainer (fit, train_batch), the open loop's (forward, backward, step), and those for gradients alone."""

    def __init__(self, core: Core) -> None:
        self.core: Core = weakref.proxy(core)
        self.main: Trainer | None = None
        self.open: Trainer | None = None
        self.others: dict[Any, Trainer] = {}
        self.ahead: Trainer | None = None
        self.version = 0
        self.fitting = False

    def make(
        self, terms: Terms | None, optimizer: Optimizer | None, rows: int, input_gradients: bool = False
    ) -> Trainer:
        """A new trainer with the weights of now."""
        self.publish()
        trainer = Trainer(self.core._handle, terms, optimizer, rows, input_gradients)
        trainer.version = self.version
        return trainer

    def training(self, terms: Terms, optimizer: Optimizer, rows: int, afresh: bool = False) -> Trainer:
        """The main trainer; a new one where loss or optimizer are others, or where more rows come than it has room for."""
        main = self.main
        if main is None or afresh or rows > main.max_batch or not main.fits(terms, optimizer):
            main = self.main = self.make(terms, optimizer, rows)
        return main

    def gradients(self, terms: Terms | None, rows: int) -> Trainer:
        """A trainer without optimizer for this loss; None for the model's outputs themselves."""
        key = terms.key if terms else None
        found = self.others.get(key)
        if found is None or rows > found.max_batch:
            if len(self.others) >= KEPT and key not in self.others:
                self.others.pop(next(iter(self.others)))
            found = self.others[key] = self.make(terms, None, rows, input_gradients=True)
        return found

    def open_loop(self, rows: int, optimizer: Optimizer | None = None) -> tuple[Trainer, Trainer | None]:
        """The open loop's trainer; made anew for more rows or for another optimizer, and then the former one too."""
        old = self.open
        wanted = optimizer or (old.optimizer if old else None)
        if old is not None and rows <= old.max_batch and old.fits(None, wanted):
            return old, None
        self.open = self.make(None, wanted, max(rows, old.max_batch if old else 1), input_gradients=True)
        return self.open, old

    # -- one set of weights -----------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Makes the weights of the trainer that is ahead the model's."""
        if self.ahead is None:
            return
        with self.core._lock:
            trainer, self.ahead = self.ahead, None
            if trainer is not None:
                check(library.denpa_publish(trainer.handle.pointer))
                self.version += 1
                trainer.version = self.version

    def begin(self, trainer: Trainer) -> None:
        """Before a trainer works: gives it the weights of now."""
        views = self.core._views
        if views.touched:
            self.version += 1
            views.touched = views.looked_at()
        elif self.ahead is not trainer:
            self.publish()
        if trainer is not self.ahead and trainer.version != self.version:
            check(library.denpa_trainer_refresh(trainer.handle.pointer))
            trainer.version = self.version

    def learned(self, trainer: Trainer) -> None:
        """After a trainer has changed its weights."""
        self.ahead = trainer
        if self.core._views.touched:
            self.publish()

    def published(self, trainer: Trainer) -> None:
        """After the engine itself has published a trainer's weights."""
        self.version += 1
        trainer.version = self.version

    def forget(self) -> None:
        """Lets all trainers go, after the weights of now were published."""
        self.publish()
        self.main = self.open = None
        self.others.clear()
