"""Networks: Model from a graph of values, Sequential from a list of layers, and their files."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Mapping, Sequence

import numpy as np

from . import _abi as abi
from . import _graph
from ._arrays import SEEDS, DType, float_dtype, items, shape_tuple, whole
from ._call import Closed, Handle, check, create, library, path_bytes
from ._graph import Input, Value
from ._inspecting import Inspecting
from ._layer import Layer
from ._loss import Sum, on
from ._parameters import element_count
from .errors import InvalidArgument, MissingFile, TypeMismatch

_default_dtype = np.dtype("float32")


def set_default_dtype(dtype: DType) -> None:
    """Set the float type of networks that do not specify one.

    It is "float32" (the initial setting) or "float64".
    """
    global _default_dtype
    _default_dtype = float_dtype(dtype)


class Model(Inspecting):
    """A network from inputs to outputs.

    inputs: an Input or a list of them. outputs: a value, a list, or a dict by name; predict returns the same
    form. dtype: "float32" or "float64". seed: for the initial weights, shuffling and random layers. With
    names="book", the parameters of the k-th layer that has parameters are called Wk, bk.
    """

    def __init__(
        self,
        inputs: Value | Sequence[Value],
        outputs: Value | Sequence[Value] | Mapping[str, Value],
        *,
        dtype: DType | None = None,
        seed: int = 0,
        names: str | None = None,
    ) -> None:
        listed = (
            [inputs] if isinstance(inputs, Value) else items(inputs, "a Model is made of values of a graph")
        )
        form, keys = "one", None
        if isinstance(outputs, Mapping):
            form, keys, values = "dict", list(outputs), list(outputs.values())
            for key in keys:
                if not isinstance(key, str):
                    raise TypeMismatch(f"outputs are named by strings, got {key!r}")
        elif isinstance(outputs, Value):
            values = [outputs]
        else:
            form, values = "list", items(outputs, "a Model is made of values of a graph")
        for value in [*listed, *values]:
            if not isinstance(value, Value):
                raise TypeMismatch(f"a Model is made of values of a graph, got {value!r}")
        if not values:
            raise InvalidArgument("a network needs an output")
        kind = _default_dtype if dtype is None else float_dtype(dtype)
        number = whole(seed, "seed", 0, SEEDS)
        super().__init__(_graph.model(listed, values, kind, number), names, keys, form)

    @classmethod
    def _wrap(cls, handle: Handle, names: str | None, keys: Sequence[str] | None, form: str) -> Model:
        """Return a network for an existing model."""
        net = cls.__new__(cls)
        Inspecting.__init__(net, handle, names, keys, form)
        return net

    # -- files -----------------------------------------------------------------------------------------------

    def save(self, path: Any) -> None:
        """Write a safetensors file with the graph in its metadata. An older file is replaced atomically."""
        self._trainers.publish()
        check(library.denpa_model_save(self._handle.pointer, path_bytes(path)))

    def to_bytes(self) -> bytes:
        """Return the bytes that save would write."""
        self._trainers.publish()
        length = ctypes.c_int64()
        check(library.denpa_model_save_bytes(self._handle.pointer, None, 0, ctypes.byref(length)))
        buffer = ctypes.create_string_buffer(length.value)
        check(library.denpa_model_save_bytes(self._handle.pointer, buffer, len(buffer), ctypes.byref(length)))
        return buffer.raw[: length.value]

    @classmethod
    def load(cls, path: Any, names: str | None = None) -> Model:
        """Return the network stored in a file. The plugins of its layers must be loaded first.

        Raises MissingFile if the file does not exist, FileError if it cannot be read or is damaged.
        """
        pointer = ctypes.POINTER(abi.Model)()
        status = library.denpa_model_load(path_bytes(path), ctypes.byref(pointer))
        if status == abi.NOT_FOUND and not os.path.exists(path):
            raise MissingFile(os.fsdecode(path))
        check(status)
        return loaded(Handle(pointer, "model"), names)

    @classmethod
    def from_bytes(cls, data: bytes, names: str | None = None) -> Model:
        """Return the network stored in the bytes of to_bytes or of a file."""
        return loaded(model_of(data), names)

    def __reduce__(self) -> tuple[Any, ...]:
        settings = {"_loss": self._loss_given(), "_optimizer": self._optimizer, "_metrics": self._metrics}
        return restore, (type(self), self.to_bytes(), self._names.scheme, self._keys, self._form, settings)

    def _loss_given(self) -> Any:
        if self._loss is None:
            return None
        return Sum(*[on(loss, name) for name, loss in zip(self._loss.names, self._loss.losses)])

    def __deepcopy__(self, memo: Any) -> Model:
        self._trainers.publish()
        handle = create(abi.Model, "denpa_model_copy", self._handle.pointer, 0)
        copy = type(self)._wrap(handle, self._names.scheme, self._keys, self._form)
        copy._loss, copy._optimizer, copy._metrics = self._loss, self._optimizer, self._metrics
        return copy

    # -- text ------------------------------------------------------------------------------------------------

    def summary(self) -> str:
        """Return a table of the layers with their parameters, to be printed."""
        trainable = set(self._trainable())
        lines = [("layer", "kind", "parameters", "count", "trained")]
        for name, node in self.layers.items():
            own = [full for full in self._parameter_shapes if full.rpartition(".")[0] == name]
            shown = ", ".join(f"{self._names.shown[full]} {self._parameter_shapes[full]}" for full in own)
            count = sum(element_count(self._parameter_shapes[full]) for full in own)
            trained = any(self._names.shown[full] in trainable for full in own)
            lines.append((name, node.kind, shown, str(count), ("yes" if trained else "no") if own else ""))
        widths = [max(len(line[column]) for line in lines) for column in range(5)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
        inputs = ", ".join(f"{port.name} {port.shape}" for port in self._inputs)
        outputs = ", ".join(f"{key} {port.shape}" for key, port in zip(self._keys, self._outputs))
        total = f"{self.parameter_count} parameters, {self.dtype.name}: {inputs} -> {outputs}"
        return "\n".join([table[0], "-" * max(map(len, table)), *table[1:], total])

    def __repr__(self) -> str:
        if isinstance(self._handle, Closed):
            return f"<{type(self).__name__}, closed>"
        nodes = " -> ".join(self.layers) if self._form == "one" else ", ".join(self.layers)
        return f"<{type(self).__name__} of {self.parameter_count} parameters, {self.dtype.name}: {nodes}>"


class Sequential(Model):
    """A network of layers in sequence, for samples of `input_shape` (without the batch).

    Layers are named after their kind and a number ("dense_1"), and so are their parameters ("dense_1.W");
    with names="book", the parameters are W1, b1, W2, ... `input_dtype` is needed only if the first layer
    reads integers ("int64").
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Any,
        *,
        seed: int = 0,
        dtype: DType | None = None,
        names: str | None = None,
        input_dtype: DType | None = None,
    ) -> None:
        value: Any = Input(shape_tuple(input_shape, "input_shape"), dtype=input_dtype)
        inputs = value
        for layer in items(layers, "a Sequential is made of a list of layers"):
            if not isinstance(layer, Layer):
                raise TypeMismatch(f"a Sequential is made of layers such as denpa.Dense(10), got {layer!r}")
            value = layer(value)
            if isinstance(value, list):
                raise InvalidArgument(
                    f"{layer!r} has several outputs: use Input and Model instead of Sequential"
                )
        super().__init__(inputs, value, dtype=dtype, seed=seed, names=names)


def model_of(data: bytes) -> Handle:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeMismatch(f"a network's bytes are what to_bytes returned, got {type(data).__name__}")
    return create(abi.Model, "denpa_model_load_bytes", bytes(data), len(data))


def loaded(handle: Handle, names: str | None) -> Model:
    """Return a network for a model from a file.

    A single output is returned as an array, several as a dict by name, or as a list if one value is an output
    more than once.
    """
    net = Model._wrap(handle, names, None, "one")
    if len(net._outputs) > 1:
        net._form = "dict" if len(set(net._keys)) == len(net._keys) else "list"
    return net


def restore(
    cls: type[Model], data: bytes, names: str | None, keys: list[str], form: str, settings: dict[str, Any]
) -> Model:
    """Restore a network from its pickled state."""
    net = cls._wrap(model_of(data), names, keys, form)
    net.compile(settings["_loss"], settings["_optimizer"], settings["_metrics"])
    return net
