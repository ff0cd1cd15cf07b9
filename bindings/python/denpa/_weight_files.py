"""Plain safetensors files, in which other software names the tensors and orders their axes."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Iterable, Mapping, Sequence

from . import _abi as abi
from ._call import c_text, check, library, path_bytes
from ._names import Names
from ._native import NativeModel
from ._weights import Weights
from .errors import InvalidArgument, MissingFile, NotSupported, TypeMismatch

# What PyTorch calls a layer's parameters, and the order of axes in its tensors where it is another one: axis i
# of the parameter is axis axes[i] of the tensor.
PYTORCH: dict[str, dict[str, tuple[str, tuple[int, ...] | None]]] = {
    "dense": {"W": ("weight", (1, 0)), "b": ("bias", None)},
    "conv2d": {"W": ("weight", (2, 3, 1, 0)), "b": ("bias", None)},
    "embedding": {"W": ("weight", None)},
    "prelu": {"alpha": ("weight", None)},
    "rms_norm": {"gamma": ("weight", None)},
    "layer_norm": {"gamma": ("weight", None), "beta": ("bias", None)},
    "group_norm": {"gamma": ("weight", None), "beta": ("bias", None)},
    "batch_norm": {
        "gamma": ("weight", None),
        "beta": ("bias", None),
        "running_mean": ("running_mean", None),
        "running_var": ("running_var", None),
    },
}


def pytorch_names(
    nodes: Iterable[Mapping[str, Any]], names: Names, layers: Mapping[str, str] | None
) -> dict[str, Any]:
    """Return the `map` and the `transpose` of PyTorch's tensors: see Net.pytorch_names."""
    given = dict(layers or {})
    found: dict[str, str | None] = {}
    axes: dict[str, tuple[int, ...]] = {}
    for node in nodes:
        name, parameters = node["name"], names.of_node(node["name"])
        module = given.pop(name, name)
        if not parameters:
            continue
        if node["kind"] not in PYTORCH:
            raise NotSupported(
                f'layer "{name}": PyTorch has no parameters like those of {node["kind"]}; make a map of your own'
            )
        for full in parameters:
            tensor, order = PYTORCH[node["kind"]][full.rpartition(".")[2]]
            found[f"{module}.{tensor}" if module else tensor] = names.shown[full]
            if order:
                axes[names.shown[full]] = order
        if node["kind"] == "batch_norm":
            found[f"{module}.num_batches_tracked" if module else "num_batches_tracked"] = None
    if given:
        raise InvalidArgument(f"the network has no layers {', '.join(map(repr, given))}")
    return {"map": found, "transpose": axes}


class WeightFiles:
    """Loads and saves the parameters of a network without its graph."""

    def __init__(self, native: NativeModel, weights: Weights) -> None:
        self.native, self.weights = native, weights

    def load(self, path: Any, map: Any, transpose: Any, allow_missing: bool, allow_extra: bool) -> None:
        entries = self._entries(map, transpose)
        flags = abi.ALLOW_MISSING * bool(allow_missing) | abi.ALLOW_EXTRA * bool(allow_extra)
        encoded = path_bytes(path)
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.weights.require_idle()
            self.weights.publish()
            self.weights.views.touched = True
            pointer = self.native.handle.pointer
            status = library.denpa_model_load_tensors(pointer, encoded, entries, len(entries), flags)
            if status == abi.NOT_FOUND and not os.path.exists(encoded):
                raise MissingFile(os.fsdecode(encoded))
            check(status)
            self.weights.settle()

    def save(self, path: Any, map: Any, transpose: Any) -> None:
        entries = self._entries(map, transpose)
        self.weights.publish()
        pointer = self.native.handle.pointer
        check(library.denpa_model_save_tensors(pointer, path_bytes(path), entries, len(entries)))

    def _entries(self, map: Any, transpose: Any) -> Any:
        """Return an array of denpa_tensor_map."""
        names = self.native.names
        if map is None:
            map = {}
        if not isinstance(map, Mapping):
            raise TypeMismatch(
                f"map is a dict of the file's tensors, {{tensor: parameter}}, got {type(map).__name__}"
            )
        axes = {names.resolve(name): order for name, order in self._orders(transpose).items()}
        pairs = [(tensor, None if name is None else names.resolve(name)) for tensor, name in map.items()]
        mapped = {full for _, full in pairs}
        pairs += [(full, full) for full in axes if full not in mapped]
        entries = (abi.TensorMap * len(pairs))()
        for entry, (tensor, full) in zip(entries, pairs):
            entry.tensor = c_text(tensor)
            if full is None:
                continue
            entry.parameter = full.encode()
            if full in axes:
                order = self._axes(full, axes[full])
                entry.axes = (ctypes.c_int32 * len(order))(*order)
        return entries

    @staticmethod
    def _orders(transpose: Any) -> dict[str, Any]:
        """Return the order of axes by parameter; None: reversed."""
        if isinstance(transpose, Mapping):
            return dict(transpose)
        if isinstance(transpose, str) or not isinstance(transpose, Iterable):
            raise TypeMismatch(
                f"transpose is a list of parameters, or a dict of their axes, {{parameter: axes}}, got {transpose!r}"
            )
        return {name: None for name in transpose}

    def _axes(self, full: str, order: Any) -> Sequence[int]:
        rank = len(self.native.shapes[full])
        if order is None:
            return list(range(rank))[::-1]
        found = [int(axis) for axis in order] if isinstance(order, Iterable) else []
        if sorted(found) != list(range(rank)):
            raise InvalidArgument(
                f'parameter "{self.native.names.shown[full]}", of shape {self.native.shapes[full]}: '
                f"expected the axes 0 to {rank - 1}, each once, got {order!r}"
            )
        return found
