"""The open loop: forward, backward and step, for training loops of the user's own."""

from __future__ import annotations

from typing import Any

from ._native import NativeModel
from ._optimizer import find_optimizer
from ._parameters import Gradients
from ._ports import Ports
from ._trainers import Trainers
from ._weights import Weights
from .errors import BadState


class OpenLoop:
    """Takes the parts of a step one by one, with a trainer of its own (`trainers.open`)."""

    def __init__(
        self,
        native: NativeModel,
        ports: Ports,
        weights: Weights,
        trainers: Trainers,
    ) -> None:
        self.native, self.ports, self.weights, self.trainers = native, ports, weights, trainers

    def forward(self, x: Any, training: bool) -> Any:
        """Return the outputs, as in training or as in inference."""
        batch = self.ports.arrange(x)
        outputs = self.ports.buffers(batch.rows)
        with self.weights.lock:
            self.weights.refuse_in_fit()
            trainer = self.trainers.open = self.trainers.open_loop()
            self.weights.begin(trainer, learns=training)  # layers may update their states (a running mean)
            try:
                trainer.forward(batch, outputs, training)
            finally:
                self.weights.learned()
            trainer.waiting = batch if training else None
        return self.ports.in_form(outputs, batch.single)

    def backward(self, dout: Any) -> Any:
        """Add to the gradients of the parameters; return those of the inputs."""
        with self.weights.lock:
            trainer = self.trainers.open
            batch = trainer.waiting if trainer is not None else None
            if trainer is None or batch is None:
                raise BadState("backward needs forward(x, training=True) before it")
            gradients = self.ports.output_gradients(dout, batch)
            dinputs = self.ports.input_gradients(batch, self.ports.float_inputs, self.native.dtype)
            trainer.backward(gradients, dinputs)
            return self.ports.in_input_form(dinputs, batch.single)

    def gradients(self) -> Gradients:
        """Return the accumulated gradients by parameter name."""
        trainer = self.trainers.open
        if trainer is None:
            raise BadState("there are no gradients before forward(x, training=True) and backward(dout)")
        names = [name for name in self.native.trained() if trainer.trains(name)]
        return Gradients(self.native.names, names, trainer.gradient)

    def zero_gradients(self) -> None:
        with self.weights.lock:
            if self.trainers.open is not None:
                self.trainers.open.zero_gradients()

    def step(self, optimizer: Any) -> None:
        """Take one step with the accumulated gradients.

        For another optimizer than before, the trainer is created anew and takes over the gradients.
        """
        with self.weights.lock:
            self.weights.refuse_in_fit()
            old = self.trainers.open
            if old is None:
                raise BadState("a step needs forward(x, training=True) and backward(dout) before it")
            trainer = self.trainers.open_loop(find_optimizer(optimizer))
            if trainer is not old:
                # Without this call, the first backward would overwrite the gradients that are copied below.
                trainer.zero_gradients()
                for name in self.native.trained():
                    if trainer.trains(name) and old.trains(name):
                        trainer.gradient(name)[...] = old.gradient(name)
                self.trainers.open = trainer
            self.weights.begin(trainer, learns=True)
            try:
                trainer.step()
            finally:
                self.weights.learned()
