"""The engine's model: its handle, what it says of itself, and the calls that it takes."""

from __future__ import annotations

import ctypes
import json
from typing import Any, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import DTYPES, Array, Memory, tensors
from ._call import Closed, Handle, c_text, check, contents, create, library, options, path_bytes, text
from ._names import Names
from .errors import BadState

CLOSED = "the network is closed"


class Port:
    """An input, output or parameter. `shape` excludes the batch; an open extent is None."""

    def __init__(self, port: abi.Port, batched: bool) -> None:
        name: Any = port.name
        dim: Any = port.dim
        self.name: str = name.decode()
        self.dtype = DTYPES[port.dtype]
        shape = tuple(None if extent == abi.ANY else extent for extent in dim[: port.rank])
        self.shape: tuple[Any, ...] = shape[1:] if batched else shape
        self.trainable = bool(port.trainable)


class NativeModel:
    """A model of the engine, with the names and shapes of its inputs, outputs and parameters.

    It knows neither trainers nor the arrays that the user holds: whoever changes it tells those.
    """

    def __init__(self, handle: Handle, scheme: str | None) -> None:
        self.handle = handle
        self.inputs, self.outputs, parameters = map(self._ports, ("input", "output", "parameter"))
        self.shapes = {port.name: port.shape for port in parameters}
        self.names = Names([port.name for port in parameters], scheme)
        self.dtype: np.dtype[Any] = self.outputs[0].dtype if not parameters else parameters[0].dtype
        self._changes = 0  # of what is trained
        self._trained: tuple[int, list[str]] = (-1, [])  # as it was after so many changes

    def _ports(self, kind: str) -> list[Port]:
        counts = {name: ctypes.c_int32() for name in ("input", "output", "parameter")}
        check(library.denpa_model_counts(self.handle.pointer, *map(ctypes.byref, counts.values())))
        function, ports = getattr(library, f"denpa_model_{kind}"), []
        for index in range(counts[kind].value):
            port = options(abi.Port)
            check(function(self.handle.pointer, index, ctypes.byref(port)))
            ports.append(Port(port, kind != "parameter"))
        return ports

    # -- what it says of itself ------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        return isinstance(self.handle, Closed)

    def require_open(self) -> None:
        """Raise BadState if the network is closed."""
        if self.is_closed:
            raise BadState(CLOSED)

    @property
    def parameter_count(self) -> int:
        return sum(map(element_count, self.shapes.values()))

    def trained(self) -> list[str]:
        """Return the engine's names of all parameters that training changes."""
        self.require_open()
        changes = self._changes
        known, names = self._trained
        if known != changes:
            names = [port.name for port in self._ports("parameter") if port.trainable]
            self._trained = changes, names
        return list(names)

    def trainable(self) -> list[str]:
        """Return the shown names of all parameters that training changes."""
        return [self.names.shown[full] for full in self.trained()]

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Return what the engine says of each layer, by name and in order: kind, attributes, inputs."""
        return {node["name"]: node for node in self._described()["nodes"] if node["kind"] != "input"}

    def frozen(self) -> list[str]:
        """Return the engine's names of the parameters that were frozen."""
        names: list[str] = self._described()["frozen"]
        return names

    def _described(self) -> dict[str, Any]:
        description: dict[str, Any] = json.loads(text(library.denpa_model_json, self.handle.pointer))
        return description

    def output_shapes(self, inputs: Sequence[Array]) -> list[tuple[int, ...]]:
        """Return the shapes of all outputs for a batch of inputs, batch included."""
        given, rank, dim = tensors(inputs), ctypes.c_int32(), (ctypes.c_int64 * abi.MAX_RANK)()
        shapes = []
        for index in range(len(self.outputs)):
            pointer, count = self.handle.pointer, len(inputs)
            check(library.denpa_model_output_shape(pointer, given, count, index, ctypes.byref(rank), dim))
            shapes.append(tuple(dim[: rank.value]))
        return shapes

    # -- parameters ------------------------------------------------------------------------------------------

    def view(self, name: str) -> abi.Tensor:
        """Return a view of a parameter. Waits for predictions with older parameters."""
        tensor = abi.Tensor()
        check(library.denpa_model_view(self.handle.pointer, c_text(name), ctypes.byref(tensor)))
        return tensor

    def value(self, name: str) -> Array:
        """Return a copy of a parameter."""
        return Memory(self.view(name), self.handle).array().copy()

    def set(self, name: str, array: Array) -> None:
        check(library.denpa_model_set(self.handle.pointer, c_text(name), tensors([array])))

    def set_trainable(self, name: str, value: bool) -> None:
        """Set whether training changes a parameter or all those of a layer, by the engine's names."""
        try:
            check(library.denpa_model_set_trainable(self.handle.pointer, c_text(name), int(value)))
        finally:
            self._changes += 1

    def initialize(self, seed: int) -> None:
        check(library.denpa_model_initialize(self.handle.pointer, seed))

    # -- copies and the end ----------------------------------------------------------------------------------

    def save(self, path: Any) -> None:
        check(library.denpa_model_save(self.handle.pointer, path_bytes(path)))

    def to_bytes(self) -> bytes:
        return contents(library.denpa_model_save_bytes, self.handle.pointer)

    def copy(self, dtype: int = 0) -> Handle:
        """Return an independent model, in another element type if one is given."""
        return create(abi.Model, "denpa_model_copy", self.handle.pointer, dtype)

    def close(self) -> None:
        """Refuse all later calls.

        The engine's model is destroyed as soon as no call of another thread and no array refers to it.
        """
        self.handle = Closed(CLOSED)


def element_count(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64)) if len(shape) else 1
