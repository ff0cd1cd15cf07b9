"""The open loop: forward, backward and step, for training loops of the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._arrays import Array
from ._loss import Loss, Terms
from ._native import NativeModel
from ._optimizer import find_optimizer
from ._parameters import Gradients
from ._ports import Batch, Ports, targets_of
from ._prediction import Prediction
from ._prepared import PreparedBackward, PreparedForward, PreparedGradients, is_preparable
from ._settings import Settings
from ._trainer import Trainer
from ._trainers import Trainers
from ._weights import Weights
from .errors import BadState


class OpenLoop:
    """Takes the parts of a step one by one, with a trainer of its own (`trainers.open`).

    That trainer exists from the first forward in training, or the first accumulate, on.
    """

    def __init__(
        self,
        native: NativeModel,
        ports: Ports,
        weights: Weights,
        trainers: Trainers,
        settings: Settings,
        prediction: Prediction,
    ) -> None:
        self.native, self.ports, self.weights, self.trainers = native, ports, weights, trainers
        self.settings, self.prediction = settings, prediction

    def forward(self, x: Any, training: bool) -> Any:
        """Return the outputs, as in training or as in inference."""
        if not training:
            return self.prediction.predict(x)
        trainer = self.trainers.open
        call = trainer.prepared_forward if trainer is not None else None
        weights: Any = self.weights
        if trainer is not None and call is not None and call.fits(x) and not weights.lock._is_owned():
            with weights.turn, weights.lock:
                is_newest = weights.ahead is trainer and not weights.views.touched
                may_begin = is_newest or trainer.waiting is None
                if may_begin and trainer is self.trainers.open and not weights.fitting:
                    if not is_newest:
                        weights.begin(trainer, learns=True)
                    try:
                        outputs = call.take(x)
                    finally:
                        weights.learned()
                    trainer.waiting = call.batch
                    return outputs
        return self._forward(x)

    def _forward(self, x: Any) -> Any:
        self.native.require_open()
        batch = self.ports.arrange(x)
        outputs = self.ports.buffers(batch)
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.weights.require_idle()
            trainer = self.trainers.open_loop(inputs=True)
            if trainer.waiting is not None and self.weights.is_behind(trainer):
                # The forward that waits is lost with the weights that it used. A batch that is refused must
                # not cost it, so the engine computes the batch as in inference first, which changes nothing.
                trainer.forward(batch, outputs, training=False)
            self.weights.begin(trainer, learns=True)  # layers may update their states (a running mean)
            try:
                trainer.forward(batch, outputs, training=True)
            finally:
                self.weights.learned()
            self.trainers.open = trainer
            if self._is_plain and is_preparable(x, batch.arrays[0]):
                call = PreparedForward(trainer.handle.pointer, x, batch, outputs[0])
                trainer.prepared_forward, trainer.waiting = call, call.batch
        return self.ports.in_form(outputs, batch.single)

    @property
    def _is_plain(self) -> bool:
        """Whether the network has one input, and one output that is returned as an array."""
        return self.ports.form == "one" and len(self.ports.inputs) == 1

    def backward(self, dout: Any) -> Any:
        """Add to the gradients of the parameters; return those of the inputs."""
        trainer = self.trainers.open
        call = trainer.prepared_backward if trainer is not None else None
        weights: Any = self.weights
        if trainer is not None and call is not None and call.fits(dout) and not weights.lock._is_owned():
            with self.weights.turn, self.weights.lock:
                if trainer is self.trainers.open and trainer.waiting is call.batch:
                    dinput = call.take(dout)
                    trainer.waiting = None
                    return dinput
        return self._backward(dout)

    def _backward(self, dout: Any) -> Any:
        self.native.require_open()
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.native.require_open()
            trainer = self.trainers.open
            batch = trainer.waiting if trainer is not None else None
            if trainer is None or batch is None:
                raise BadState("backward needs forward(x, training=True) before it")
            gradients = self.ports.output_gradients(dout, batch)
            dinputs = self.ports.input_gradients(batch, self.ports.float_inputs, self.native.dtype)
            trainer.backward(gradients, dinputs)
            self._prepare_backward(trainer, batch, dout, gradients[0], dinputs[0])
            return self.ports.in_input_form(dinputs, batch.single)

    def _prepare_backward(
        self, trainer: Trainer, batch: Batch, dout: Any, gradient: Array | None, dinput: Array | None
    ) -> None:
        """Prepare the backward of the next batch like this one."""
        call = trainer.prepared_forward
        if call is None or call.batch is not batch or gradient is None or dinput is None:
            return
        if is_preparable(dout, gradient):
            pointer = trainer.handle.pointer
            trainer.prepared_backward = PreparedBackward(pointer, dout, gradient, dinput, batch)

    def accumulate(self, x: Any, t: Any, loss: Any) -> float:
        """Add the gradients of a loss to those of the parameters; return the loss."""
        trainer = self.trainers.open
        weights: Any = self.weights
        call = trainer.prepared_gradients if trainer is not None else None
        asked = self.settings.loss if loss is None else loss
        is_ready = trainer is not None and call is not None and asked is trainer.asked_loss and call.fits(x, t)
        if trainer is not None and call is not None and is_ready and not weights.lock._is_owned():
            with weights.turn, weights.lock:
                if trainer is self.trainers.open and not weights.fitting:
                    trainer.waiting = None
                    if weights.ahead is not trainer or weights.views.touched:
                        weights.begin(trainer, learns=True)
                    try:
                        return call.take(x, t)[0]
                    finally:
                        weights.learned()
        return self._accumulate(x, t, loss)

    def _accumulate(self, x: Any, t: Any, loss: Any) -> float:
        self.native.require_open()
        terms = self.settings.terms(loss)
        batch = self.ports.arrange(x)
        targets = targets_of(t, terms.names, batch.single)
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.weights.require_idle()
            trainer = self.trainers.open_loop(terms=terms)
            self.weights.begin(trainer, learns=True)
            try:
                value = trainer.add_gradients(batch, targets, [None] * len(batch.arrays))
            finally:
                self.weights.learned()
            self.trainers.open, trainer.waiting = trainer, None
            trainer.prepared_gradients = None
            # What cannot change stands for the loss in the next call.
            asked = self.settings.loss if loss is None else loss
            if len(targets) == 1 and len(batch.arrays) == 1 and isinstance(asked, (Loss, Terms, str)):
                if is_preparable(x, batch.arrays[0]) and is_preparable(t, targets[0]):
                    call = PreparedGradients(trainer.pointer, x, t, batch, targets[0], None)
                    trainer.prepared_gradients, trainer.asked_loss = call, asked
        return value

    def gradients(self) -> Gradients:
        """Return the accumulated gradients by parameter name."""
        trainer = self.trainers.open
        if trainer is None:
            self.native.require_open()
            raise BadState(
                "there are no gradients before forward(x, training=True) and backward(dout), or accumulate"
            )
        names = [name for name in self.native.trained() if trainer.trains(name)]
        return Gradients(self.native.names, names, trainer.gradient)

    def zero_gradients(self) -> None:
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            trainer = self.trainers.open
            if trainer is None:
                self.native.require_open()
            else:
                trainer.zero_gradients()

    def step(self, optimizer: Any) -> None:
        """Take one step with the accumulated gradients.

        For another optimizer than before, a new trainer takes over the gradients. It replaces the former one
        when the step has been taken: one that is refused leaves the former optimizer's state alone.
        """
        trainer = self.trainers.open
        weights: Any = self.weights
        is_asked = trainer is not None and optimizer is trainer.asked and optimizer is not None
        if trainer is not None and is_asked and not weights.lock._is_owned():
            with weights.turn, weights.lock:
                is_newest = weights.ahead is trainer and not weights.views.touched
                if is_newest and trainer is self.trainers.open and not weights.fitting:
                    try:
                        trainer.step()
                    finally:
                        weights.learned()
                    return
        self._step(optimizer)

    def _step(self, optimizer: Any) -> None:
        self.native.require_open()
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.weights.require_idle()
            old = self.trainers.open
            if old is None:
                raise BadState("a step needs forward(x, training=True) and backward(dout), or accumulate, before it")
            trainer = self.trainers.open_loop(find_optimizer(optimizer))
            if not self._will_be_refused(trainer):
                self.weights.begin(trainer, learns=True)
            try:
                trainer.step()
            finally:
                self.weights.learned()
            self.trainers.open, trainer.asked = trainer, optimizer

    def _will_be_refused(self, trainer: Trainer) -> bool:
        """Return whether a step must not give the trainer new weights, because the engine will refuse it.

        A forward that waits would be lost with the weights that it used.
        """
        if trainer.waiting is None or not self.weights.is_behind(trainer):
            return False
        return not all(np.isfinite(gradient).all() for gradient in self.gradients().values())
