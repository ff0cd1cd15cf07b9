"""The base of every network: the engine's model, its ports, its parameters, and the arrangement of inputs."""

from __future__ import annotations

import ctypes
import json
import os
import threading
import weakref
from typing import Any, Mapping, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import DTYPES, SEEDS, Array, as_array, tensors, whole
from ._call import Closed, Handle, c_text, check, library, options, text
from ._parameters import Names, NodeView, NodeViews, Parameters, Views, element_count
from ._trainers import Trainers
from .errors import BadState, InvalidArgument, NotFound, ShapeError

# Keyed by address; addresses are reused after deletion. A WeakSet would run Python code on every deletion,
# and an interrupt that arrives then would be lost.
_alive: dict[int, weakref.ref[Core]] = {}


def after_fork() -> None:
    """Release, in a forked child, the networks that other threads were training.

    They continue with the weights that were published last.
    """
    for core in [reference() for reference in _alive.values()]:
        if core is None:
            continue
        if core._lock.acquire(blocking=False):
            core._lock.release()
        else:
            core._lock = threading.RLock()
            _left_behind.append(core._trainers)  # its state is unknown and never touched again
            core._trainers = Trainers(core._handle, core._views, core._lock)


_left_behind: list[Trainers] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)


class Port:
    """An input, output or parameter. `shape` excludes the batch."""

    def __init__(self, port: abi.Port, batched: bool) -> None:
        name: Any = port.name
        dim: Any = port.dim
        self.name: str = name.decode()
        self.dtype = DTYPES[port.dtype]
        shape = tuple(dim[: port.rank])
        self.shape: tuple[int, ...] = shape[1:] if batched else shape
        self.trainable = bool(port.trainable)


class Question:
    """Inputs arranged for a call: arrays with a batch axis, their rows, whether the axis was added."""

    def __init__(self, arrays: list[Array], rows: int, single: bool) -> None:
        self.arrays, self.rows, self.single = arrays, rows, single
        self.tensors = tensors(arrays)


class Core:
    """The engine's model with its names. Its subclasses add prediction, learning and inspection."""

    def __init__(self, handle: Handle, names: str | None, keys: Sequence[str] | None, form: str) -> None:
        self._handle = handle
        self._lock = threading.RLock()
        self._inputs, self._outputs, parameters = self._ports()
        self._parameter_shapes = {port.name: port.shape for port in parameters}
        self._names = Names([port.name for port in parameters], names)
        self._keys = list(keys) if keys is not None else [port.name for port in self._outputs]
        self._form = form  # how outputs are given: "one", "list" or "dict"
        self.dtype: np.dtype[Any] = self._outputs[0].dtype if not parameters else parameters[0].dtype
        self._views = Views()
        self._trainers = Trainers(handle, self._views, self._lock)
        _alive[id(self)] = weakref.ref(self)

    def _ports(self) -> tuple[list[Port], list[Port], list[Port]]:
        counts = [ctypes.c_int32() for _ in range(3)]
        check(library.denpa_model_counts(self._handle.pointer, *map(ctypes.byref, counts)))
        found = []
        for kind, count in zip(("input", "output", "parameter"), counts):
            ports = []
            for index in range(count.value):
                port = options(abi.Port)
                function = getattr(library, f"denpa_model_{kind}")
                check(function(self._handle.pointer, index, ctypes.byref(port)))
                ports.append(Port(port, kind != "parameter"))
            found.append(ports)
        return found[0], found[1], found[2]

    # -- names -----------------------------------------------------------------------------------------------

    @property
    def input_names(self) -> list[str]:
        return [port.name for port in self._inputs]

    @property
    def output_names(self) -> list[str]:
        return list(self._keys)

    @property
    def parameters(self) -> Parameters:
        """All parameters by name, as writable arrays: see Parameters."""
        return Parameters(self)

    @property
    def layers(self) -> NodeViews:
        """The layers by name, in order: net.layers["encoder"].trainable = False."""
        nodes = self._description()["nodes"]
        return NodeViews({node["name"]: NodeView(self, node) for node in nodes if node["kind"] != "input"})

    def _description(self) -> dict[str, Any]:
        description: dict[str, Any] = json.loads(text(library.denpa_model_json, self._handle.pointer))
        return description

    def _trainable(self) -> list[str]:
        """Return the shown names of all parameters that training changes."""
        return [self._names.shown[port.name] for port in self._ports()[2] if port.trainable]

    def _not_fitting(self) -> None:
        """Raise BadState during fit.

        Only a callback or an iterable of batches can get here during fit: other threads wait.
        """
        if self._trainers.fitting:
            raise BadState(
                "the network is in fit: a callback or an iterable of batches may predict and evaluate, "
                "but not change or train it"
            )

    def _set_trainable(self, name: str, value: bool) -> None:
        with self._lock:
            self._not_fitting()
            before = self._trainable()
            check(library.denpa_model_set_trainable(self._handle.pointer, c_text(name), int(value)))
            if self._trainable() != before:
                self._trainers.forget()

    def set_trainable(self, name: str, value: bool = True) -> None:
        """Set whether training changes a parameter ("encoder.W") or a whole layer ("encoder").

        This resets the state of optimizers. Raises NotFound if there is no such parameter or layer.
        """
        self._set_trainable(self._names.full.get(name, name), value)

    def initialize(self, seed: int) -> None:
        """Initialize all parameters anew. This resets the state of optimizers."""
        number = whole(seed, "seed", 0, SEEDS)
        with self._lock:
            self._not_fitting()
            self._trainers.publish()
            check(library.denpa_model_initialize(self._handle.pointer, number))
            self._trainers.forget()
            self._trainers.afresh()

    # -- arranging -------------------------------------------------------------------------------------------

    def _arrange(self, x: Any, strided: bool = False) -> Question:
        """Arrange inputs, given as an array, a list in order or a dict by name, for a call.

        They have a batch axis, or are one sample without it.
        """
        values = self._in_order(x)
        arrays, singles = [], []
        for port, value in zip(self._inputs, values):
            array = as_array(value, f'input "{port.name}"', strided)
            rank = len(port.shape)
            if array.ndim == 1 and port.shape == (1,) and len(array) != 1:
                array = array[:, None]
            single = array.ndim == rank
            if not single and array.ndim != rank + 1:
                expected = ", ".join(["rows", *map(str, port.shape)])
                raise ShapeError(
                    f'input "{port.name}": expected ({expected}) or one sample {port.shape}, '
                    f"got {array.shape}"
                )
            arrays.append(array[None] if single else array)
            singles.append(single)
        if any(singles) and not all(singles):
            raise ShapeError("some inputs are one sample and others a batch: give all of them one form")
        rows = arrays[0].shape[0] if arrays else 0
        for port, array in zip(self._inputs, arrays):
            if array.shape[0] != rows:
                raise ShapeError(
                    f'input "{port.name}" has {array.shape[0]} rows, '
                    f'input "{self._inputs[0].name}" has {rows}'
                )
        return Question(arrays, rows, bool(singles) and singles[0])

    def _in_order(self, x: Any) -> list[Any]:
        if isinstance(x, Mapping):
            return ordered(x, self.input_names, "input")
        if len(self._inputs) == 1:
            listed = isinstance(x, list) and len(x) == 1 and is_arraylike(x[0])
            return [x[0]] if listed and np.ndim(x[0]) == len(self._inputs[0].shape) + 1 else [x]
        if not isinstance(x, (list, tuple)) or len(x) != len(self._inputs):
            raise InvalidArgument(
                f"the network has the inputs {', '.join(self.input_names)}: give a dict by name or a list of "
                f"{len(self._inputs)} arrays"
            )
        return list(x)

    def _buffers(self, rows: int) -> list[Array]:
        return [np.empty((rows, *port.shape), port.dtype) for port in self._outputs]

    def _in_form(self, outputs: list[Array], single: bool) -> Any:
        """Return outputs in the form that the network uses: an array, a list or a dict."""
        results = [array[0] for array in outputs] if single else outputs
        if self._form == "dict":
            return dict(zip(self._keys, results))
        return results[0] if self._form == "one" else results

    # -- the end ---------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Release the memory now. Later calls raise BadState.

        Arrays of parameters that are still referenced remain valid.
        """
        with self._lock:
            self._not_fitting()
            self._trainers.forget()
            if not self._views.looked_at():
                self._handle.close()
            self._views = Views()
            self._handle = Closed("the network is closed")
            self._trainers = Trainers(self._handle, self._views, self._lock)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def parameter_count(self) -> int:
        return sum(map(element_count, self._parameter_shapes.values()))


def is_arraylike(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "__array__") or hasattr(value, "__dlpack__")


def ordered(values: Mapping[Any, Any], names: Sequence[str], what: str) -> list[Any]:
    """Return the items of a dict in the order of the names. Raises NotFound if they differ."""
    for name in values:
        if name not in names:
            raise NotFound(f'there is no {what} "{name}"; the network has {", ".join(names)}')
    for name in names:
        if name not in values:
            raise NotFound(f'{what} "{name}" is missing; given: {", ".join(map(str, values))}')
    return [values[name] for name in names]
