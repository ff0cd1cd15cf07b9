"""The parameters of a network as a mapping of writable arrays, and its layers by name."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any, Callable, Iterator, Mapping, MutableMapping, Protocol, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import Array, ArrayLike, Memory, as_array, tensors
from ._attributes import closest
from ._call import Handle, c_text, check, library
from .errors import BadState, InvalidArgument, NotFound, TypeMismatch


class Owner(Protocol):
    """The network that parameters belong to."""

    _handle: Handle
    _lock: Any
    _names: Names
    _parameter_shapes: dict[str, tuple[int, ...]]
    _trainers: Any
    _views: Views

    @property
    def parameters(self) -> Parameters: ...

    def _not_fitting(self) -> None: ...

    def _set_trainable(self, name: str, trainable: bool) -> None: ...

    def _trainable(self) -> Any: ...



def book_names(parameters: Sequence[str]) -> dict[str, str]:
    """Return the notes' names: W and b of the k-th layer that has parameters are Wk and bk."""
    names: dict[str, str] = {}
    nodes: list[str] = []
    for full in parameters:
        node, _, short = full.rpartition(".")
        if node not in nodes:
            nodes.append(node)
        names[f"{short}{len(nodes)}"] = full
    return names


def own_names(parameters: Sequence[str]) -> dict[str, str]:
    """Return the names for a network of one layer: W and b."""
    return {full.rpartition(".")[2]: full for full in parameters}


SCHEMES = {"book": book_names, "own": own_names}


class Names:
    """Parameter names: those to show, and all that are accepted."""

    def __init__(self, parameters: Sequence[str], scheme: str | None) -> None:
        if scheme is not None and not (isinstance(scheme, str) and scheme in SCHEMES):
            raise InvalidArgument(f'names must be None or "book", got {scheme!r}')
        self.scheme = scheme
        shown = SCHEMES[scheme](parameters) if scheme else {name: name for name in parameters}
        self.full = {**{name: name for name in parameters}, **shown}
        self.shown = {full: short for short, full in shown.items()}

    def resolve(self, name: str) -> str:
        """Return the engine's name."""
        if not isinstance(name, str) or name not in self.full:
            known = ", ".join(self.shown.values())
            raise NotFound(
                f'there is no parameter "{name}"{closest(str(name), self.full)} The network has: {known}.'
            )
        return self.full[name]


class Views:
    """The arrays of parameters that the user holds.

    `touched` says whether they may have been written since the trainers last read them.
    """

    def __init__(self) -> None:
        self.touched = False
        self.alive: dict[str, weakref.ref[Memory]] = {}

    def memory(self, handle: Handle, name: str) -> Memory:
        """Return the parameter's memory, for an array that the user will hold."""
        self.touched = True
        reference = self.alive.get(name)
        memory = reference() if reference is not None else None
        if memory is None:
            tensor = abi.Tensor()
            check(library.denpa_model_view(handle.pointer, c_text(name), ctypes.byref(tensor)))
            memory = Memory(tensor, handle)
            self.alive[name] = weakref.ref(memory)
        return memory

    def is_whole(self, name: str, array: Array) -> bool:
        """Return whether `array` is the whole parameter itself."""
        reference = self.alive.get(name)
        memory = reference() if reference is not None else None
        whole: object = array.base
        return memory is not None and whole is memory and array.shape == memory.array().shape

    def settle(self, handle: Handle) -> None:
        """Make sure that the arrays show the published parameters.

        A publication during a prediction in another thread leaves them where older predictions do not look;
        asking for a view waits for those.
        """
        for name, reference in self.alive.items():
            if reference() is not None:
                check(library.denpa_model_view(handle.pointer, c_text(name), ctypes.byref(abi.Tensor())))
                return

    def looked_at(self) -> bool:
        """Return whether the user still holds an array."""
        return any(reference() is not None for reference in self.alive.values())

    def copies(self) -> dict[str, tuple[Array, Array]]:
        """Return the arrays that the user holds, each with a copy of its values."""
        held = {name: reference() for name, reference in self.alive.items()}
        arrays = {name: memory.array() for name, memory in held.items() if memory is not None}
        return {name: (array, array.copy()) for name, array in arrays.items()}


def refuse_writes(copies: Mapping[str, tuple[Array, Array]], names: Names) -> None:
    """Raise BadState if an array has been written since it was copied.

    Only a callback or an iterable of fit can have done so.
    """
    for full, (array, copy) in copies.items():
        if array.tobytes() != copy.tobytes():
            raise BadState(
                f'parameter "{names.shown[full]}" was written while the network is in fit, which ends here: '
                "a callback or an iterable of batches may read parameters, but not write them"
            )


class Parameters(MutableMapping[str, Array]):
    """Parameters by name, as arrays that refer to the network's own memory.

    `p["W1"][:] *= 0.5` and `p["W1"] -= 0.1 * g` change the network. Assigning a whole array copies it, checks
    its shape and converts its type; `update(W1=[[...]], b1=[...])` does the same for several parameters.
    """

    def __init__(self, core: Owner) -> None:
        self._core, self._names = core, core._names

    def __getitem__(self, name: str) -> Array:
        full = self._names.resolve(name)
        with self._core._lock:
            self._core._trainers.publish()
            array = self._core._views.memory(self._core._handle, full).array()
            if self._core._trainers.fitting:
                array.flags.writeable = False  # fit would overwrite any change
            return array

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        full = self._names.resolve(name)
        array = as_array(value, f'the value of "{name}"')
        with self._core._lock:
            self._core._not_fitting()
            if self._core._views.is_whole(full, array):
                return  # p["W1"] -= ... has already written to it
            self._core._trainers.publish()
            self._core._views.touched = True
            check(library.denpa_model_set(self._core._handle.pointer, c_text(full), tensors([array])))

    def __delitem__(self, name: str) -> None:
        raise TypeMismatch("parameters cannot be removed from a network")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.shown.values())

    def __len__(self) -> int:
        return len(self._names.shown)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._names.full

    def __repr__(self) -> str:
        shapes = [
            f"{shown}: {self._core._parameter_shapes[full]}" for full, shown in self._names.shown.items()
        ]
        return f"<parameters {', '.join(shapes)}>"


class Gradients(Mapping[str, Array]):
    """Gradients by parameter name, as arrays that refer to the trainer's memory."""

    def __init__(self, names: Names, trainable: Sequence[str], view: Callable[[str], Array]) -> None:
        self._names, self._trainable, self._view = names, list(trainable), view

    def __getitem__(self, name: str) -> Array:
        full = self._names.resolve(name)
        if full not in self._trainable:
            raise NotFound(f'parameter "{name}" is not trained: it has no gradient')
        return self._view(full)

    def __iter__(self) -> Iterator[str]:
        return (self._names.shown[full] for full in self._trainable)

    def __len__(self) -> int:
        return len(self._trainable)

    def __repr__(self) -> str:
        return f"<gradients of {', '.join(self)}>"


class NodeView:
    """A layer of a network: its kind, attributes, parameters, and whether training changes it."""

    _core: Owner
    name: str
    kind: str
    attributes: Any
    inputs: Any

    def __init__(self, core: Owner, description: Mapping[str, Any]) -> None:
        values = {key: description.get(key) for key in ("name", "kind", "attributes", "inputs")}
        self.__dict__.update(values, _core=core)

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "trainable":
            raise BadState(
                f'layer "{self.name}": {name} cannot be set: a network keeps the layers that it was made of'
            )
        object.__setattr__(self, name, value)

    @property
    def parameter_names(self) -> list[str]:
        names = self._core._names
        return [shown for full, shown in names.shown.items() if full.rpartition(".")[0] == self.name]

    @property
    def parameters(self) -> dict[str, Array]:
        """The layer's own parameters, by their short names: W, b."""
        names = self._core._names
        own = [full for full in names.shown if full.rpartition(".")[0] == self.name]
        return {full.rpartition(".")[2]: self._core.parameters[full] for full in own}

    @property
    def trainable(self) -> bool:
        """Whether training changes any of the layer's parameters.

        Set it to freeze or unfreeze all of them.
        """
        own = {names for names in self.parameter_names}
        return any(shown in own for shown in self._core._trainable())

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._core._set_trainable(self.name, bool(value))

    def __repr__(self) -> str:
        return f'<layer "{self.name}" of kind {self.kind}>'


class NodeViews(dict[str, NodeView]):
    """The layers of a network by name."""

    def __missing__(self, name: str) -> NodeView:
        raise NotFound(
            f'there is no layer "{name}"{closest(str(name), self)} The network has: {", ".join(self)}.'
        )


def element_count(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64)) if len(shape) else 1
