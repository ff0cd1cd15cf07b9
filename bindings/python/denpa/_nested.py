"""A network as a layer of another one."""

from __future__ import annotations

import ctypes
from typing import Any, Mapping, Sequence

from . import _abi as abi
from ._call import Handle, c_text, check, library
from ._graph import apply
from ._native import NativeModel
from ._ports import Ports, ordered
from ._weights import Weights
from .errors import TypeMismatch


class Nested:
    """Adds a network's layers to the graph of another one, as a copy with its weights.

    Its layer dense_1 is then encoder-dense_1. Applied again in one network, it has the parameters of the first
    copy.
    """

    kind = "model"

    def __init__(self, native: NativeModel, ports: Ports, weights: Weights) -> None:
        self.native, self.ports, self.weights = native, ports, weights
        self.entry: Mapping[str, Any] = {"outputs": ports.keys, "parameters": list(native.shapes)}

    def apply(self, values: Sequence[Any], name: str | None) -> Any:
        """Return the outputs for values of a graph, in the network's own form."""
        if name is not None and not isinstance(name, str):
            raise TypeMismatch(f"a network's name in another one must be a string, got {name!r}")
        given: Any = values[0] if len(values) == 1 else values
        if isinstance(given, Mapping):
            given = ordered(given, self.ports.input_names, "input")
        elif not isinstance(given, (list, tuple)):
            given = [given]
        return self.ports.formed(list(apply(self, given, name)))

    def __repr__(self) -> str:
        return "a network"

    def add_to(self, graph: Handle, name: str, shares: str | None, ends: tuple[Any, ...]) -> None:
        """Add the layers to the engine's graph."""
        earlier = None if shares is None else c_text(shares)
        native = self.native.handle.pointer
        check(library.denpa_graph_add_model(graph.pointer, native, c_text(name), earlier, *ends))

    def fill(self, model: Handle, name: str) -> None:
        """Copy the weights as they are now, and freeze what is frozen.

        Parameters that the other network does not need are not there.
        """
        self.weights.publish()
        frozen = self.native.frozen()
        for own in self.native.shapes:
            full = c_text(f"{name}-{own}")
            view = self.native.view(own)
            status = library.denpa_model_set(model.pointer, full, ctypes.byref(view))
            if status == abi.NOT_FOUND:
                continue
            check(status)
            if own in frozen:
                check(library.denpa_model_set_trainable(model.pointer, full, 0))
