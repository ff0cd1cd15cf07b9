"""Gradients by name, without learning, and their comparison with numerical differentiation."""

from __future__ import annotations

import ctypes
from typing import Any, Iterable, NamedTuple, Sequence

from . import _abi as abi
from ._arrays import Array, items, real, tensors, whole
from ._suggestions import closest
from ._call import failure, last_error, library
from ._check import Checked, Report, row_of
from ._interrupts import Interrupts
from ._loss import Loss, Terms
from ._native import NativeModel
from ._ports import Ports, targets_of
from ._prepared import PreparedGradients, is_preparable
from ._settings import Settings
from ._trainer import Trainer
from ._trainers import Trainers
from ._weights import Weights
from .errors import NotFound


class Repeated(NamedTuple):
    """A call of of_loss that is prepared for the next one like it."""

    asked: Any  # the loss that it was given
    call: PreparedGradients
    trainer: Trainer
    gradients: dict[str, Array]


class Derivatives:
    """Computes gradients with trainers that have no optimizer; nothing that the user sees changes."""

    def __init__(
        self,
        native: NativeModel,
        ports: Ports,
        weights: Weights,
        trainers: Trainers,
        settings: Settings,
    ) -> None:
        self.native, self.ports, self.weights, self.trainers = native, ports, weights, trainers
        self.settings = settings

    def of_loss(self, x: Any, t: Any, loss: Any, wrt: Iterable[str] | None) -> tuple[float, dict[str, Array]]:
        """Return the loss and its gradients with respect to `wrt`, by default all trained parameters."""
        last: Repeated | None = self.trainers.repeated
        asked = self.settings.loss if loss is None else loss
        if last is not None and wrt is None and last.asked is asked and last.call.fits(x, t):
            with self.weights.lock:
                if self.trainers.repeated is last:
                    self.begin(last.trainer)
                    value = last.call.take(x, t)[0]
                    return value, {name: array.copy() for name, array in last.gradients.items()}
        return self._of_loss(x, t, loss, wrt)

    def _of_loss(
        self, x: Any, t: Any, loss: Any, wrt: Iterable[str] | None
    ) -> tuple[float, dict[str, Array]]:
        self.native.require_open()
        terms = self.settings.terms(loss)
        batch = self.ports.arrange(x)
        targets = targets_of(t, terms.names, batch.single)
        with self.weights.lock:
            layers = self.layers(wrt)
            names = self.wanted(wrt, layers)
            inputs = not set(names).isdisjoint(self.ports.input_names)
            trainer = self.trainers.gradients(terms, inputs=inputs, layers=layers)
            self.begin(trainer)
            dinputs = self.ports.input_gradients(batch, names, self.native.dtype)
            value = trainer.add_gradients(batch, targets, dinputs)
            # What cannot change stands for the loss in the next call.
            asked = self.settings.loss if loss is None else loss
            if wrt is None and len(batch.arrays) == len(targets) == 1 and isinstance(asked, (Loss, Terms, str)):
                if is_preparable(x, batch.arrays[0]) and is_preparable(t, targets[0]):
                    call = PreparedGradients(trainer.pointer, x, t, batch, targets[0], None)
                    gradients = {name: trainer.gradient(self.native.names.resolve(name)) for name in names}
                    self.trainers.repeated = Repeated(asked, call, trainer, gradients)
            return value, self._gathered(trainer, names, dinputs, batch.single, layers)

    def vjp(self, x: Any, dout: Any) -> dict[str, Array]:
        """Return the vector-Jacobian product with respect to all trained parameters and float inputs."""
        batch = self.ports.arrange(x)
        with self.weights.lock:
            trainer = self.trainers.gradients(None)
            self.begin(trainer)
            trainer.forward(batch, self.ports.buffers(batch), training=True)
            gradients = self.ports.output_gradients(dout, batch)
            floats = self.ports.float_inputs
            dinputs = self.ports.input_gradients(batch, floats, self.native.dtype)
            trainer.backward(gradients, dinputs)
            return self._gathered(trainer, [*self.native.trainable(), *floats], dinputs, batch.single)

    def begin(self, trainer: Trainer) -> None:
        """Give a trainer the current weights, and no gradients, for a call that changes nothing."""
        self.weights.begin(trainer)
        self.weights.looked(trainer)
        trainer.zero_gradients()

    def layers(self, wrt: Any) -> list[str]:
        """Return those of the requested names that are layers, whose outputs are meant."""
        names = [wrt] if isinstance(wrt, str) else wrt if isinstance(wrt, (list, tuple)) else ()
        known = {*self.ports.input_names, *self.native.names.full}
        others = [name for name in dict.fromkeys(names) if isinstance(name, str) and name not in known]
        nodes = self.native.nodes() if others else {}
        return [name for name in others if name in nodes]

    def wanted(self, wrt: Iterable[str] | None, layers: Sequence[str] = ()) -> list[str]:
        """Return the requested names, by default those of all trained parameters."""
        trainable = self.native.trainable()
        if wrt is None:
            return trainable
        names = [wrt] if isinstance(wrt, str) else items(wrt, "wrt takes names of parameters and inputs")
        known = self.native.names
        floats = self.ports.float_inputs
        for name in names:
            if name in floats or name in layers:
                continue
            if not isinstance(name, str) or name not in known.full:
                possible = [*trainable, *floats]
                raise NotFound(
                    f'there is no parameter, float input or layer "{name}"{closest(str(name), possible)} '
                    f"Known: {', '.join(possible)}."
                )
            if known.shown[known.full[name]] not in trainable:
                raise NotFound(f'parameter "{name}" is not trained: it has no gradient')
        return names

    def _gathered(
        self,
        trainer: Trainer,
        names: Sequence[str],
        dinputs: Sequence[Array | None],
        single: bool,
        layers: Sequence[str] = (),
    ) -> dict[str, Array]:
        inputs = dict(zip(self.ports.input_names, dinputs))
        found = {}
        for name in names:
            array = inputs.get(name)
            if array is not None:
                found[name] = array[0] if single else array
            elif name in layers:
                value = trainer.value_gradient(name)
                found[name] = value[0] if single else value
            else:
                found[name] = trainer.gradient(self.native.names.resolve(name)).copy()
        return found

    def check(
        self,
        x: Any,
        t: Any,
        loss: Any,
        *,
        step: float,
        tolerance: float,
        max_elements: int,
        inputs: bool,
        raise_on_failure: bool,
    ) -> Report:
        """Compare every gradient of backpropagation with numerical differentiation."""
        terms = self.settings.terms(loss)
        batch = self.ports.arrange(x)
        targets = targets_of(t, terms.names, batch.single)
        shapes = {**self.native.shapes}
        shapes.update({port.name: array.shape for port, array in zip(self.ports.inputs, batch.arrays)})
        shown = self.native.names.shown
        rows: list[Checked] = []

        def collect(user_data: Any, pointer: Any) -> int:
            found = pointer.contents
            name = found.tensor.decode()
            rows.append(row_of(found, shown.get(name, name), shapes.get(name, ())))
            return interrupts.answer()

        wanted = abi.CheckOptions(
            ctypes.sizeof(abi.CheckOptions),
            real(step, "step"),
            real(tolerance, "tolerance"),
            whole(max_elements, "max_elements", -1),
            int(bool(inputs)),
        )
        interrupts = Interrupts()
        with self.weights.lock, interrupts:
            trainer = self.trainers.gradients(terms)
            self.weights.begin(trainer)
            status = library.denpa_check_gradients(
                trainer.handle.pointer,
                batch.tensors,
                len(batch.arrays),
                tensors(targets),
                len(targets),
                ctypes.byref(wanted),
                abi.CheckCallback(collect),
                None,
            )
            sentence = last_error() if status else ""
        interrupts.speak()
        if status and (status != abi.PROOF_FAILED or raise_on_failure):
            raise failure(status, sentence)
        return Report(rows, sentence)
