"""Training step by step: the main trainer, its optimizer, and train_batch."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from ._arrays import Array, real
from ._loss import Terms
from ._optimizer import find_optimizer
from ._ports import Ports, targets_of
from ._sample_weights import weights_of
from ._settings import Settings
from ._step import PreparedStep, is_plain
from ._trainer import Trainer
from ._trainers import Trainers
from ._weights import Weights


class Training:
    """Takes steps with the main trainer, which fit uses too."""

    def __init__(self, ports: Ports, weights: Weights, trainers: Trainers, settings: Settings) -> None:
        self.ports, self.weights, self.trainers, self.settings = ports, weights, trainers, settings

    def compile(self, loss: Any, optimizer: Any, metrics: Any) -> None:
        """Replace the settings; the main trainer begins anew."""
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.weights.require_idle()
            self.settings.compile(loss, optimizer, metrics)
            self.trainers.afresh()

    @contextmanager
    def using(self, loss: Any, optimizer: Any, afresh: bool = False) -> Iterator[tuple[Trainer, Terms]]:
        """Provide the main trainer for one call.

        The trainer is replaced if the loss or the optimizer differs, or if an optimizer is given and `afresh`
        is true. A call that fails before anything was learned replaces nothing.
        """
        self.weights.require_idle()
        settings, trainers = self.settings, self.trainers
        terms = settings.terms(loss)
        found = find_optimizer(optimizer if optimizer is not None else settings.optimizer or "sgd")
        former = trainers.main, trainers.rate
        given, trainer, steps = (settings.loss, settings.optimizer), None, 0
        try:
            with self.weights.lock:
                if afresh and optimizer is not None:
                    trainers.afresh()
                trainer = trainers.training(terms, found, settings.measured(terms))
                steps = trainer.step_count
                settings.loss, settings.optimizer = terms, found
            yield trainer, terms
        except BaseException:
            if trainer is None or trainer.step_count == steps:
                settings.loss, settings.optimizer = given
                trainers.main, trainers.rate = former
            raise

    @property
    def main(self) -> Trainer:
        """The main trainer, of a network that was compiled or trained."""
        self.weights.refuse_ahead()
        main = self.trainers.main
        if main is not None:
            return main
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.weights.native.require_open()
            if self.trainers.main is None:
                loss, optimizer = self.settings.for_training()
                return self.trainers.training(loss, optimizer, self.settings.measured(loss))
            return self.trainers.main

    def state(self) -> tuple[bytes | None, float | None]:
        """Return what the main trainer remembers besides the weights, and the learning rate that was set."""
        main = self.trainers.main
        return (None, self.trainers.rate) if main is None else (main.state(), main.rate)

    def resume(self, state: tuple[bytes | None, float | None]) -> None:
        """Go on with what the main trainer of a network like this one has remembered."""
        remembered, rate = state
        if remembered is None:
            self.trainers.rate = rate
        else:
            self.main.resume(remembered)
            self.main.rate = rate

    def save(self, path: Any) -> None:
        """Write the network and what the main trainer remembers to a file."""
        main = self.main
        with self.weights.lock:
            if not self.weights.fitting:
                self.weights.begin(main)
            main.save(path)

    def load(self, trainer: Trainer, path: Any) -> None:
        """Go on with the weights of a checkpoint and what its trainer has remembered."""
        with self.weights.lock:
            self.weights.publish()
            trainer.load(path)
            trainer.rate = None
            self.weights.published(trainer)
            self.weights.settle()

    def load_checkpoint(self, path: Any) -> None:
        self.weights.require_turn()
        with self.weights.turn:
            self.weights.require_idle()
            self.load(self.main, path)

    @property
    def learning_rate(self) -> float:
        return self.main.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.main.set_rate(real(rate, "the learning rate"))

    @property
    def step_count(self) -> int:
        return self.main.step_count

    def optimizer_state(self, name: str, state: str) -> Array:
        return self.main.optimizer_state(name, state)

    # -- one step --------------------------------------------------------------------------------------------

    def train_batch(self, x: Any, t: Any, loss: Any, optimizer: Any, sample_weight: Any = None) -> float:
        """Take one step; return the loss before it."""
        trainer = self.trainers.main
        if trainer is not None and loss is None and optimizer is None and sample_weight is None:
            step = trainer.prepared
            weights: Any = self.weights
            if step is not None and step.fits(x, t) and not weights.lock._is_owned():
                with weights.turn, weights.lock:
                    if trainer is self.trainers.main and not weights.fitting:
                        if weights.ahead is not trainer or weights.views.touched:
                            weights.begin(trainer, learns=True)
                        try:
                            return step.take(x, t)
                        finally:
                            weights.learned()
        return self._train_batch(x, t, loss, optimizer, sample_weight)

    def _train_batch(self, x: Any, t: Any, loss: Any, optimizer: Any, sample_weight: Any) -> float:
        self.weights.native.require_open()
        batch = self.ports.arrange(x)
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            with self.using(loss, optimizer) as (trainer, terms):
                targets = targets_of(t, terms.names, batch.single)
                targets += weights_of(sample_weight, terms, batch.single)
                self.weights.begin(trainer, learns=True)
                try:
                    value = trainer.train_batch(batch, targets)
                finally:
                    self.weights.learned()
            if is_plain(x) and is_plain(t) and len(batch.arrays) == 1 and len(targets) == 1:
                trainer.prepared = PreparedStep(trainer.handle.pointer, x, t, batch, targets)
        return value
