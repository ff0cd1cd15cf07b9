"""One trainer of the engine, and the calls that it takes."""

from __future__ import annotations

import ctypes
import os
from contextlib import nullcontext
from typing import Any, Sequence

from . import _abi as abi
from ._arrays import Array, Memory, tensors
from ._call import Handle, c_text, check, contents, create, library, options, path_bytes, prepared
from ._loss import Terms
from ._interrupts import Interrupts
from ._metric import Errors, Measured
from ._optimizer import Optimizer
from ._ports import Batch
from ._prepared import PreparedBackward, PreparedForward, PreparedGradients
from ._step import PreparedStep
from .errors import MissingFile

class Trainer:
    """One trainer of the engine, and the arguments that it was created with.

    It works on its own copy of the parameters; Weights keeps that and the model's the same.
    """

    def __init__(
        self,
        model: Handle,
        terms: Terms | None,
        optimizer: Optimizer | None,
        input_gradients: bool,
        rows: int,
        measured: Measured | None = None,
        layers: Sequence[str] = (),
    ) -> None:
        self.terms, self.optimizer, self.measured = terms, optimizer, measured
        self.input_gradients = input_gradients
        self.errors = Errors()  # of metrics that are functions
        self.calls_functions = measured is not None and measured.has_functions
        self.version = -1  # of the weights that it has: see Weights
        self.rate: float | None = None  # the learning rate, if it was set
        self.prepared: PreparedStep | None = None  # its last step, for the next one like it
        self.prepared_forward: PreparedForward | None = None  # the other calls, likewise
        self.prepared_backward: PreparedBackward | None = None
        self.prepared_gradients: PreparedGradients | None = None
        self.asked: Any = None  # what its last step was given as its optimizer
        self.asked_loss: Any = None  # and accumulate as its loss
        self.known: dict[str, bool] = {}  # whether it trains a parameter, for those that were asked for
        self.views: dict[str, Array] = {}  # the gradients that were asked for
        self.waiting: Batch | None = None  # of the forward in training whose backward may follow
        wanted = options(abi.TrainerOptions, max_batch=max(rows, 1), input_gradients=int(input_gradients))
        keep: list[Any] = []
        if layers:
            names = (ctypes.c_char_p * len(layers))(*[c_text(name) for name in layers])
            wanted.gradient_values, wanted.gradient_value_count = names, len(layers)
        if terms is not None:
            losses = (abi.Loss * len(terms.losses))()
            for entry, index, loss, weightable in zip(losses, terms.indices, terms.losses, terms.weightable):
                keep.append(loss.encode())
                entry.kind, entry.attributes = loss.kind.encode(), keep[-1].pointer
                entry.weight, entry.output = loss.weight, index
                entry.weighted = int(weightable)
            wanted.losses, wanted.loss_count = losses, len(terms.losses)
        if measured is not None:
            measured.write(wanted, keep, self.errors)
        if optimizer is not None:
            optimizer.write(wanted, keep)
        self.keep = keep  # the functions of metrics live as long as the trainer
        self.handle = create(abi.Trainer, "denpa_trainer_create", model.pointer, ctypes.byref(wanted))
        self.pointer = self.handle.pointer
        # An open loop calls these in every step.
        self.take_step = prepared("denpa_trainer_step", self.pointer)
        self.clear = prepared("denpa_trainer_zero_gradients", self.pointer)

    def fits(self, terms: Terms | None, optimizer: Optimizer | None) -> bool:
        """Return whether the trainer was created with this loss and this optimizer."""
        same_terms = (terms.key if terms else None) == (self.terms.key if self.terms else None)
        return same_terms and (optimizer.key() if optimizer else None) == (
            self.optimizer.key() if self.optimizer else None
        )

    def measures(self, measured: Measured) -> bool:
        """Return whether the trainer was created with these metrics."""
        return self.measured is not None and self.measured.key == measured.key

    # -- weights and the optimizer ---------------------------------------------------------------------------

    def publish(self) -> None:
        check(library.denpa_publish(self.handle.pointer))

    def refresh(self) -> None:
        """Take over the model's parameters. A forward that waits for its backward is discarded."""
        check(library.denpa_trainer_refresh(self.handle.pointer))
        self.waiting = None

    @property
    def learning_rate(self) -> float:
        rate = ctypes.c_double()
        check(library.denpa_trainer_learning_rate(self.handle.pointer, ctypes.byref(rate)))
        return rate.value

    def set_rate(self, rate: float) -> None:
        check(library.denpa_trainer_set_learning_rate(self.handle.pointer, rate))
        self.rate = rate

    @property
    def step_count(self) -> int:
        steps = ctypes.c_int64()
        check(library.denpa_trainer_step_count(self.handle.pointer, ctypes.byref(steps)))
        return steps.value

    def optimizer_state(self, name: str, state: str) -> Array:
        """Return what the optimizer keeps of a parameter, as an array that refers to the trainer's memory."""
        tensor = abi.Tensor()
        check(
            library.denpa_trainer_optimizer_state(
                self.handle.pointer, c_text(name), c_text(state), ctypes.byref(tensor)
            )
        )
        return Memory(tensor, self.handle).array()

    def value_gradient(self, layer: str) -> Array:
        """Return the gradient of the last batch with respect to the output of a layer, as an array of its own."""
        tensor = abi.Tensor()
        check(
            library.denpa_trainer_value_gradient(self.handle.pointer, c_text(layer), ctypes.byref(tensor))
        )
        return Memory(tensor, self.handle).array().copy()

    def state(self) -> bytes:
        """Return what the trainer remembers besides the weights."""
        return contents(library.denpa_trainer_save_bytes, self.handle.pointer)

    def resume(self, state: bytes) -> None:
        """Take over what another trainer with the same arguments has remembered."""
        check(library.denpa_trainer_load_bytes(self.handle.pointer, state, len(state)))

    def save(self, path: Any) -> None:
        """Write a checkpoint: the model and what the trainer remembers."""
        check(library.denpa_trainer_save(self.handle.pointer, path_bytes(path)))

    def load(self, path: Any) -> None:
        """Take over a checkpoint of a trainer with the same arguments."""
        status = library.denpa_trainer_load(self.handle.pointer, path_bytes(path))
        if status == abi.NOT_FOUND:
            raise MissingFile(os.fsdecode(path))
        check(status)
        self.waiting = None

    # -- losses ----------------------------------------------------------------------------------------------

    def train_batch(self, batch: Batch, targets: Sequence[Array]) -> float:
        """Take one step; return the loss before it."""
        loss = ctypes.c_double()
        given = batch.tensors, len(batch.arrays), tensors(targets), len(targets)
        check(library.denpa_train_batch(self.handle.pointer, *given, ctypes.byref(loss)))
        return loss.value

    def evaluate(self, batch: Batch, targets: Sequence[Array]) -> tuple[float, list[float]]:
        """Return the loss and the metrics."""
        loss, count = ctypes.c_double(), len(self.measured.metrics) if self.measured else 0
        metrics = (ctypes.c_double * max(count, 1))()
        given = batch.tensors, len(batch.arrays), tensors(targets), len(targets)
        pointer, places = self.handle.pointer, (metrics if count else None, count)
        with Interrupts() if self.calls_functions else nullcontext() as interrupts:
            status = library.denpa_evaluate(pointer, *given, ctypes.byref(loss), *places)
        if interrupts is not None:
            interrupts.speak()
        self.errors.speak()
        check(status)
        return loss.value, list(metrics[:count])

    def add_gradients(self, batch: Batch, targets: Sequence[Array], dinputs: Sequence[Array | None]) -> float:
        """Add the gradients of the loss to those of the parameters, and write those of the inputs."""
        loss = ctypes.c_double()
        given = batch.tensors, len(batch.arrays), tensors(targets), len(targets)
        check(
            library.denpa_trainer_gradients(self.handle.pointer, *given, tensors(dinputs), ctypes.byref(loss))
        )
        return loss.value

    # -- the open loop ---------------------------------------------------------------------------------------

    def forward(self, batch: Batch, outputs: Sequence[Array], training: bool) -> None:
        given = batch.tensors, len(batch.arrays), tensors(outputs), len(outputs)
        check(library.denpa_trainer_forward(self.handle.pointer, *given, int(training)))
        if training:
            self.waiting = batch

    def backward(self, gradients: Sequence[Array | None], dinputs: Sequence[Array | None]) -> None:
        given = tensors(gradients), len(gradients), tensors(dinputs), len(dinputs)
        check(library.denpa_trainer_backward(self.handle.pointer, *given))
        self.waiting = None

    def step(self) -> None:
        status = self.take_step()
        if status:
            check(status)
        self.waiting = None

    def zero_gradients(self) -> None:
        status = self.clear()
        if status:
            check(status)

    def trains(self, name: str) -> bool:
        """Return whether the trainer trains a parameter; a group of its optimizer may freeze it."""
        if name not in self.known:
            view = ctypes.byref(abi.Tensor())
            status = library.denpa_trainer_gradient(self.handle.pointer, c_text(name), view)
            if status != abi.NOT_FOUND:
                check(status)
            self.known[name] = bool(status == abi.OK)
        return self.known[name]

    def gradient(self, name: str) -> Array:
        """Return the gradient of a parameter, as an array that refers to the trainer's memory."""
        if name not in self.views:
            tensor = abi.Tensor()
            check(library.denpa_trainer_gradient(self.handle.pointer, c_text(name), ctypes.byref(tensor)))
            self.views[name] = Memory(tensor, self.handle).array()
        return self.views[name].view()
