"""Every value and every gradient of one batch, by name."""

from __future__ import annotations

import ctypes
from typing import Any, Iterator, Mapping

from . import _abi as abi
from ._arrays import Array, Memory, tensors
from ._call import Handle, c_text, check, create, library, options, text
from ._native import NativeModel
from ._ports import Batch, Ports, targets_of
from ._settings import Settings
from ._trainers import Trainers
from ._weights import Weights
from .errors import NotFound

KINDS = {
    abi.TRACE_INPUT: "input",
    abi.TRACE_TARGET: "target",
    abi.TRACE_PARAMETER: "parameter",
    abi.TRACE_ARGUMENT: "argument",
    abi.TRACE_OUTPUT: "output",
    abi.TRACE_LOSS: "loss",
}


class Trace(Mapping[str, Array]):
    """What one batch has made of a network: every value by its label, and with a loss every gradient.

    `trace["hidden"]` is the output of a layer, `trace["hidden.u"]` what its activation was applied to,
    `trace["hidden.W"]` a parameter; `trace.grad` has the gradients of the loss with respect to them. In a network
    with names="book" they are x, W1, b1, u1, z1, …, y, t and E. print(trace) writes all of them.

    A trace has copies: later training does not change it. Its arrays are read-only.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        count = ctypes.c_int32()
        check(library.denpa_trace_count(handle.pointer, ctypes.byref(count)))
        self._values: dict[str, Array] = {}
        self._kinds: dict[str, str] = {}
        gradients: dict[str, Array] = {}
        for index in range(count.value):
            item = options(abi.Traced)
            check(library.denpa_trace_value(handle.pointer, index, ctypes.byref(item)))
            label = item.label.decode()
            self._values[label] = self._array(item.value)
            self._kinds[label] = KINDS[item.kind]
            if item.has_gradient:
                gradients[label] = self._array(item.gradient)
        self.grad = TraceGradients(self, gradients)

    def _array(self, tensor: abi.Tensor) -> Array:
        array = Memory(tensor, self._handle).array()
        array.flags.writeable = False
        return array

    def label(self, name: str) -> str:
        """Return the label of a value that is given by it, or by another name that it has.

        Raises NotFound if there is none.
        """
        if isinstance(name, str) and name in self._values:
            return name
        index = ctypes.c_int32()
        check(library.denpa_trace_find(self._handle.pointer, c_text(name), ctypes.byref(index)))
        return list(self._values)[index.value]

    def kind(self, name: str) -> str:
        """Return what a value is: "input", "target", "parameter", "argument", "output" or "loss"."""
        return self._kinds[self.label(name)]

    @property
    def loss(self) -> float | None:
        """The weighted sum of the losses; None without a loss."""
        if "loss" not in self._kinds.values():
            return None
        loss = ctypes.c_double()
        check(library.denpa_trace_loss(self._handle.pointer, ctypes.byref(loss)))
        return loss.value

    def __getitem__(self, name: str) -> Array:
        return self._values[self.label(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __str__(self) -> str:
        return text(library.denpa_trace_print, self._handle.pointer).rstrip("\n")

    def __repr__(self) -> str:
        return f"<trace of {', '.join(self)}>"


class TraceGradients(Mapping[str, Array]):
    """The gradients of a trace, by the labels of what they are with respect to."""

    def __init__(self, trace: Trace, gradients: dict[str, Array]) -> None:
        self._label, self._gradients = trace.label, gradients

    def __getitem__(self, name: str) -> Array:
        label = self._label(name)
        if label not in self._gradients:
            reason = "it is not differentiated" if self._gradients else "trace(x, t, loss) computes gradients"
            raise NotFound(f'there is no gradient with respect to "{name}": {reason}')
        return self._gradients[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._gradients)

    def __len__(self) -> int:
        return len(self._gradients)

    def __repr__(self) -> str:
        return f"<gradients of {', '.join(self)}>"


class Tracing:
    """Makes traces; nothing that the user sees changes."""

    def __init__(
        self, native: NativeModel, ports: Ports, weights: Weights, trainers: Trainers, settings: Settings
    ) -> None:
        self.native, self.ports, self.weights, self.trainers = native, ports, weights, trainers
        self.settings = settings

    def of(self, x: Any, t: Any, loss: Any, training: bool | None) -> Trace:
        """Return the trace of a batch, with a loss if there are targets or a loss is given."""
        self.native.require_open()
        batch = self.ports.arrange(x)
        differentiates = t is not None or loss is not None
        wanted = options(
            abi.TraceOptions,
            training=int(differentiates if training is None else bool(training)),
            labels=abi.LABELS_BOOK if self.native.names.scheme == "book" else abi.LABELS_OWN,
        )
        # One sample without the batch axis is shown without it.
        given = tensors([array[0] if batch.single else array for array in batch.arrays])
        return Trace(self._with_loss(batch, given, t, loss, wanted) if differentiates else self._plain(given, wanted))

    def _plain(self, given: Any, wanted: abi.TraceOptions) -> Handle:
        with self.weights.lock:
            self.weights.publish()
            count = len(self.ports.inputs)
            return create(
                abi.Trace, "denpa_trace_model", self.native.handle.pointer, given, count, ctypes.byref(wanted)
            )

    def _with_loss(self, batch: Batch, given: Any, t: Any, loss: Any, wanted: abi.TraceOptions) -> Handle:
        terms = self.settings.terms(loss)
        targets = targets_of(t, terms.names, batch.single)
        placed = tensors([array[0] if batch.single else array for array in targets])
        with self.weights.lock:
            trainer = self.trainers.gradients(terms)
            self.weights.begin(trainer)
            return create(
                abi.Trace,
                "denpa_trace_trainer",
                trainer.pointer,
                given,
                len(batch.arrays),
                placed if targets else None,
                len(targets),
                ctypes.byref(wanted),
            )
