"""The engine's models of networks: from values of a graph, from a list of layers, and from files."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Mapping, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import SEEDS, DType, float_dtype, items, sample_shape, whole
from ._call import Handle, check, create, library, path_bytes
from ._graph import Input, Value, model
from ._layer import Layer
from .errors import InvalidArgument, MissingFile, TypeMismatch

_default_dtype = np.dtype("float32")


def set_default_dtype(dtype: DType) -> None:
    """Set the float type of networks that do not specify one.

    It is "float32" (the initial setting) or "float64".
    """
    global _default_dtype
    _default_dtype = float_dtype(dtype)


def of_values(
    inputs: Value | Sequence[Value],
    outputs: Value | Sequence[Value] | Mapping[str, Value],
    dtype: DType | None,
    seed: int,
) -> tuple[Handle, list[str] | None, str]:
    """Return the model from inputs to outputs, the outputs' names if they are given, and their form."""
    listed = [inputs] if isinstance(inputs, Value) else items(inputs, "a Model is made of values of a graph")
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
    return model(listed, values, kind, whole(seed, "seed", 0, SEEDS)), keys, form


def in_sequence(layers: Sequence[Layer], input_shape: Any, input_dtype: DType | None) -> tuple[Value, Value]:
    """Return the input and the output of layers in sequence."""
    value: Any = Input(sample_shape(input_shape, "input_shape"), dtype=input_dtype)
    first = value
    for layer in items(layers, "a Sequential is made of a list of layers"):
        if not isinstance(layer, Layer):
            raise TypeMismatch(f"a Sequential is made of layers such as denpa.Dense(10), got {layer!r}")
        value = layer(value)
        if isinstance(value, list):
            raise InvalidArgument(f"{layer!r} has several outputs: use Input and Model instead of Sequential")
    return first, value


def of_file(path: Any) -> Handle:
    """Return the model that is stored in a file."""
    pointer = ctypes.POINTER(abi.Model)()
    status = library.denpa_model_load(path_bytes(path), ctypes.byref(pointer))
    if status == abi.NOT_FOUND and not os.path.exists(path):
        raise MissingFile(os.fsdecode(path))
    check(status)
    return Handle(pointer, "model")


def of_bytes(data: bytes) -> Handle:
    """Return the model that is stored in bytes."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeMismatch(f"a network's bytes are what to_bytes returned, got {type(data).__name__}")
    return create(abi.Model, "denpa_model_load_bytes", bytes(data), len(data))
