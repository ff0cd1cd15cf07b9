"""Networks that expose their gradients: the open loop, gradients by name, and the gradient check."""

from __future__ import annotations

import ctypes
from typing import Any, Iterable, Mapping, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import Array, as_array, items, real, tensors, whole
from ._attributes import closest
from ._call import check, failure, last_error, library
from ._check import Checked, Report, row_of
from ._core import Question, is_arraylike
from ._fit import Interrupts
from ._learning import Learning, find_optimizer
from ._optimizer import Optimizer
from ._parameters import Gradients
from ._trainers import Trainer
from .errors import BadState, InvalidArgument, NotFound, ShapeError


class Inspecting(Learning):
    """A network whose backpropagation can be controlled step by step and inspected."""

    _last: Question | None = None  # of the latest forward, if it was in training

    # -- the open loop ---------------------------------------------------------------------------------------

    def forward(self, x: Any, training: bool = False) -> Any:
        """Return the outputs.

        With training=True, layers behave as in training, and backward may follow.
        """
        question = self._arrange(x)
        outputs = self._buffers(question.rows)
        with self._lock:
            self._not_fitting()
            trainer = self._open_loop()
            self._trainers.begin(trainer, learns=training)  # layers may update their states (a running mean)
            try:
                self._forward(trainer, question, outputs, training)
            finally:
                self._trainers.learned()
            self._last = question if training else None
        return self._in_form(outputs, question.single)

    def _open_loop(self, optimizer: Optimizer | None = None) -> Trainer:
        """Return the open loop's trainer.

        A trainer that had to be created anew takes over the accumulated gradients.
        """
        trainer, old = self._trainers.open_loop(optimizer), self._trainers.open
        if trainer is old:
            return trainer
        if old is not None:
            # Without this call, the first backward would overwrite the gradients that are copied below.
            check(library.denpa_trainer_zero_gradients(trainer.handle.pointer))
            for port in self._ports()[2]:
                if trainer.trains(port.name) and old.trains(port.name):
                    trainer.gradient(port.name)[...] = old.gradient(port.name)
        self._last = None
        self._trainers.open = trainer
        return trainer

    def _forward(self, trainer: Trainer, question: Question, outputs: list[Array], training: bool) -> None:
        check(
            library.denpa_trainer_forward(
                trainer.handle.pointer,
                question.tensors,
                len(question.arrays),
                tensors(outputs),
                len(outputs),
                int(training),
            )
        )

    def backward(self, dout: Any) -> Any:
        """Compute gradients from `dout`, the gradient of the loss with respect to the outputs.

        Returns the gradient with respect to the inputs; the gradients of the parameters are added to `grads`.
        `dout` has the form of the outputs; a missing gradient is zero. Raises BadState without forward(x,
        training=True) before it.
        """
        with self._lock:
            question, trainer = self._last, self._trainers.open
            if question is None or trainer is None:
                raise BadState("backward needs forward(x, training=True) before it")
            return self._input_form(self._backward(trainer, question, dout), question.single)

    def _backward(self, trainer: Trainer, question: Question, dout: Any) -> list[Array | None]:
        gradients = self._output_gradients(dout, question)
        dinputs = [
            np.empty(array.shape, self.dtype) if port.dtype.kind == "f" else None
            for port, array in zip(self._inputs, question.arrays)
        ]
        check(
            library.denpa_trainer_backward(
                trainer.handle.pointer, tensors(gradients), len(gradients), tensors(dinputs), len(dinputs)
            )
        )
        return dinputs

    def _output_gradients(self, dout: Any, question: Question) -> list[Array | None]:
        """Return the gradients with respect to the outputs, in order and in the network's type."""
        if isinstance(dout, Mapping):
            for name in dout:
                if name not in self._keys:
                    raise NotFound(f'there is no output "{name}"; the network has {", ".join(self._keys)}')
            values = [dout.get(name) for name in self._keys]
        elif isinstance(dout, (list, tuple)) and len(dout) == len(self._outputs) and self._takes_list(dout):
            values = list(dout)
        elif len(self._outputs) == 1:
            values = [dout]
        else:
            raise InvalidArgument(
                f"backward needs a gradient for each of the outputs {', '.join(self._keys)}"
            )
        found: list[Array | None] = []
        for port, value in zip(self._outputs, values):
            if value is None:
                found.append(None)
                continue
            array = as_array(value, f'the gradient of output "{port.name}"').astype(port.dtype, copy=False)
            array = array[None] if question.single else array
            if array.shape != (question.rows, *port.shape):
                raise ShapeError(
                    f'the gradient of output "{port.name}": expected {(question.rows, *port.shape)}, '
                    f"got {array.shape}"
                )
            found.append(array)
        return found

    def _takes_list(self, dout: Sequence[Any]) -> bool:
        """Return whether `dout` is a list of gradients, rather than one gradient written as a list."""
        return len(self._outputs) > 1 or dout[0] is None or is_arraylike(dout[0])

    def _input_form(self, dinputs: list[Array | None], single: bool) -> Any:
        results = [array[0] if single and array is not None else array for array in dinputs]
        return results[0] if len(results) == 1 else dict(zip(self.input_names, results))

    @property
    def grads(self) -> Gradients:
        """The gradients accumulated by backward, by parameter name."""
        trainer = self._trainers.open
        if trainer is None:
            raise BadState("there are no gradients before forward(x, training=True) and backward(dout)")
        names = [port.name for port in self._ports()[2] if trainer.trains(port.name)]
        return Gradients(self._names, names, trainer.gradient)

    def zero_grads(self) -> None:
        """Set the accumulated gradients to zero."""
        with self._lock:
            if self._trainers.open is not None:
                check(library.denpa_trainer_zero_gradients(self._trainers.open.handle.pointer))

    def step(self, optimizer: Optimizer | str) -> None:
        """Take one step of the optimizer with the accumulated gradients, like optimizer.step(net).

        Raises BadState without a forward in training before it. The gradients are zero until a backward.
        """
        with self._lock:
            self._not_fitting()
            if self._trainers.open is None:
                raise BadState("a step needs forward(x, training=True) and backward(dout) before it")
            trainer = self._open_loop(find_optimizer(optimizer))
            self._trainers.begin(trainer, learns=True)
            try:
                check(library.denpa_trainer_step(trainer.handle.pointer))
            finally:
                self._trainers.learned()

    # -- gradients by name -----------------------------------------------------------------------------------

    def loss(self, x: Any, t: Any, loss: Any = None) -> float:
        """Return the loss of x against t, computed as in inference."""
        return self._evaluate(x, t, self._terms(loss))[0]

    def loss_and_gradients(self, x: Any, t: Any, loss: Any = None) -> tuple[float, dict[str, Array]]:
        """Return the loss, as in training, and its gradients by name.

        These are the gradients with respect to every trained parameter.
        """
        return self._loss_and_gradients(x, t, loss, None)

    def gradients(
        self, x: Any, t: Any, loss: Any = None, wrt: Iterable[str] | None = None
    ) -> dict[str, Array]:
        """Return the gradients of the loss with respect to the parameters and inputs named in `wrt`.

        Without `wrt`, these are all trained parameters. Raises NotFound for a name that has no gradient.
        """
        return self._loss_and_gradients(x, t, loss, wrt)[1]

    def _loss_and_gradients(
        self, x: Any, t: Any, loss: Any, wrt: Iterable[str] | None
    ) -> tuple[float, dict[str, Array]]:
        terms = self._terms(loss)
        question = self._arrange(x)
        targets = self._targets(t, terms, question.single)
        value = ctypes.c_double()
        with self._lock:
            names = self._wanted(wrt)
            trainer = self._trainers.gradients(terms)
            self._trainers.begin(trainer)
            self._trainers.looked(trainer)
            check(library.denpa_trainer_zero_gradients(trainer.handle.pointer))
            dinputs = [
                np.empty(array.shape, self.dtype) if port.name in names else None
                for port, array in zip(self._inputs, question.arrays)
            ]
            check(
                library.denpa_trainer_gradients(
                    trainer.handle.pointer,
                    question.tensors,
                    len(question.arrays),
                    tensors(targets),
                    len(targets),
                    tensors(dinputs),
                    ctypes.byref(value),
                )
            )
            return value.value, self._gathered(trainer, names, dinputs, question.single)

    def _wanted(self, wrt: Iterable[str] | None) -> list[str]:
        """Return the requested names, by default those of all trained parameters."""
        trainable = self._trainable()
        if wrt is None:
            return trainable
        names = [wrt] if isinstance(wrt, str) else items(wrt, "wrt takes names of parameters and inputs")
        floats = [port.name for port in self._inputs if port.dtype.kind == "f"]
        for name in names:
            if name in floats:
                continue
            known = [*trainable, *floats]
            if not isinstance(name, str) or name not in self._names.full:
                raise NotFound(
                    f'there is no parameter or float input "{name}"{closest(name, known)} '
                    f"Known: {', '.join(known)}."
                )
            if self._names.shown[self._names.full[name]] not in trainable:
                raise NotFound(f'parameter "{name}" is not trained: it has no gradient')
        return names

    def _gathered(
        self, trainer: Trainer, names: Sequence[str], dinputs: Sequence[Array | None], single: bool
    ) -> dict[str, Array]:
        inputs = dict(zip(self.input_names, dinputs))
        found = {}
        for name in names:
            array = inputs.get(name)
            if array is not None:
                found[name] = array[0] if single else array
            else:
                found[name] = trainer.gradient(self._names.resolve(name)).copy()
        return found

    def vjp(self, x: Any, dout: Any) -> dict[str, Array]:
        """Return the vector-Jacobian product of the outputs with `dout`.

        These are the gradients of sum(outputs * dout) with respect to every trained parameter and float
        input, by name. `grads` is unchanged.
        """
        question = self._arrange(x)
        with self._lock:
            trainer = self._trainers.gradients(None)
            self._trainers.begin(trainer)
            self._trainers.looked(trainer)
            check(library.denpa_trainer_zero_gradients(trainer.handle.pointer))
            self._forward(trainer, question, self._buffers(question.rows), True)
            dinputs = self._backward(trainer, question, dout)
            floats = [port.name for port in self._inputs if port.dtype.kind == "f"]
            return self._gathered(trainer, [*self._trainable(), *floats], dinputs, question.single)

    # -- the check -------------------------------------------------------------------------------------------

    def check_gradients(
        self,
        x: Any,
        t: Any,
        loss: Any = None,
        *,
        step: float = 0.0,
        tolerance: float = 0.0,
        max_elements: int = 0,
        inputs: bool = False,
        raise_on_failure: bool = False,
    ) -> Report:
        """Compare every gradient of backpropagation with numerical differentiation; return a printable table.

        The check runs in float64, or in float32 if a layer or loss supports only float32. step: h of the
        5-point stencil (0: 1e-3; at least 3e-2 in float32). tolerance: 0 stands for 1e-8 in float64 and 1e-2
        in float32. max_elements: checked in each tensor (0: 256, -1: all). inputs: also check the gradients
        of float inputs. raise_on_failure: raise ProofFailed if a gradient is wrong.
        """
        terms = self._terms(loss)
        question = self._arrange(x)
        targets = self._targets(t, terms, question.single)
        shapes = {**self._parameter_shapes}
        shapes.update({port.name: array.shape for port, array in zip(self._inputs, question.arrays)})
        rows: list[Checked] = []

        def collect(user_data: Any, pointer: Any) -> int:
            found = pointer.contents
            name = found.tensor.decode()
            rows.append(row_of(found, self._names.shown.get(name, name), shapes.get(name, ())))
            return interrupts.answer()

        wanted = abi.CheckOptions(
            ctypes.sizeof(abi.CheckOptions),
            real(step, "step"),
            real(tolerance, "tolerance"),
            whole(max_elements, "max_elements", -1),
            int(bool(inputs)),
        )
        interrupts = Interrupts()
        with self._lock, interrupts:
            trainer = self._trainers.gradients(terms)
            self._trainers.begin(trainer)
            status = library.denpa_check_gradients(
                trainer.handle.pointer,
                question.tensors,
                len(question.arrays),
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
