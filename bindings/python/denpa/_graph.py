"""The functional interface for networks: inputs, values, and the engine's graph made from them."""

from __future__ import annotations

import ctypes
import itertools
import numbers
from typing import Any, Mapping, Protocol, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import CODES, DTYPES, DType, sample_shape
from ._call import Handle, c_text, check, create, library
from ._indexing import part
from ._kinds import find
from .errors import InvalidArgument, TypeMismatch

_counter = itertools.count()
MOST_OUTPUTS = 64  # of a layer that has as many as its attributes say


class Applicable(Protocol):
    """What the graph knows of a layer, or of a network that is a layer of another one."""

    @property
    def kind(self) -> str: ...

    @property
    def entry(self) -> Mapping[str, Any]: ...

    def add_to(self, graph: Handle, name: str, shares: str | None, ends: tuple[Any, ...]) -> None:
        """Add it to the engine's graph, with its inputs and outputs; `shares` is its name where it was added
        before.
        """

    def fill(self, model: Handle, name: str) -> None:
        """Give the parameters that it has under that name in a new model their first values."""


class Node:
    """A layer applied to values, or an input if `layer` is None."""

    def __init__(self, layer: Applicable | None, inputs: Sequence[Value], name: str | None) -> None:
        self.layer, self.inputs, self.name = layer, tuple(inputs), name
        self.number = next(_counter)
        self.outputs: tuple[Value, ...] = ()


class Value:
    """A value in a graph.

    `shape` begins with None for the batch. `dtype` is None for the network's float type.
    """

    def __init__(self, node: Node, shape: tuple[int | None, ...], dtype: np.dtype[Any] | None) -> None:
        self.node, self.shape, self.dtype = node, shape, dtype

    # -- arithmetic: each operator is a layer; numbers are constants -------------------------------------------

    # NumPy leaves operators between arrays and values to the values, which refuse them.
    __array_ufunc__ = None

    def __add__(self, other: Any) -> Any:
        return combine("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return combine("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return combine("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return combine("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return combine("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return combine("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return combine("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return combine("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, numbers.Real) and other == 2:
            return make("square", self)
        return combine("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return combine("power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return make("matmul", self, other) if isinstance(other, Value) else NotImplemented

    def __neg__(self) -> Value:
        return make("negate", self)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return make("abs", self)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeMismatch("a value of a graph has no truth: it is known when a network computes it")

    def __getitem__(self, index: Any) -> Value:
        """A part of the value: h[:, 2:5], h[:, -1], h[..., :32]. The batch, axis 0, is taken whole."""
        selected: Value = part(self, index, make)
        return selected

    def __repr__(self) -> str:
        return f"<value of {self.node.layer or self.node.name or 'input'} {self.shape}>"


def make(kind: str, *values: Value, **attributes: Any) -> Value:
    """Return the output of a new layer of that kind."""
    made: Value = find("layers", kind)(**attributes)(*values)
    return made


def combine(kind: str, a: Any, b: Any) -> Any:
    """Return the output of a layer with two inputs, one of which may be a number.

    NotImplemented, so that Python raises a TypeError, if one is neither.
    """
    given = []
    for operand in (a, b):
        if isinstance(operand, numbers.Real):
            operand = make("constant", value=float(operand))
        elif not isinstance(operand, Value):
            return NotImplemented
        given.append(operand)
    return make(kind, *given)


def Input(shape: Any, name: str | None = None, dtype: DType | None = None) -> Value:
    """Return an input of a network.

    `shape` is the shape of one sample, without the batch. An extent may be None: it is open (the length of a
    sequence, the size of an image), and each call may have another one. `dtype` is needed for integers only
    ("int64").
    Raises TypeMismatch for a dtype that the engine does not support.
    """
    kind = None
    if dtype is not None:
        try:
            kind = np.dtype(dtype)
        except TypeError:
            pass
        if kind not in CODES:
            raise TypeMismatch(
                f"an input's dtype must be one of {', '.join(d.name for d in CODES)}, got {dtype!r}"
            )
    integer = kind is not None and kind.kind in "iu"
    node = Node(None, (), name)
    sample = sample_shape(shape, "an input's shape")
    node.outputs = (Value(node, (None, *sample), kind if integer else None),)
    return node.outputs[0]


def apply(layer: Applicable, inputs: Sequence[Value], name: str | None) -> tuple[Value, ...]:
    """Apply a layer to values and return its outputs. Their shapes are inferred and checked at once."""
    for value in inputs:
        if not isinstance(value, Value):
            raise TypeMismatch(
                f"{layer.kind} is called with values of a graph (denpa.Input(...)), "
                f"got {type(value).__name__}; for arrays there is .forward(x)"
            )
    node = Node(layer, inputs, name)
    scratch = Builder()
    for value in inputs:
        scratch.ids[id(value)] = scratch.add_input(value, None)
    numbers = scratch.add_node(node, name or layer.kind.rpartition(".")[2])
    node.outputs = tuple(scratch.value(node, number) for number in numbers)
    return node.outputs


class Builder:
    """Writes Python's nodes to a graph of the engine."""

    def __init__(self) -> None:
        self.handle: Handle = create(abi.Graph, "denpa_graph_create")
        self.ids: dict[int, int] = {}
        self.taken: set[str] = set()
        self.counts: dict[str, int] = {}
        self.named: list[tuple[Applicable, str]] = []

    def add_input(self, value: Value, name: str | None) -> int:
        sample = [abi.ANY if extent is None else extent for extent in value.shape[1:]]
        number = ctypes.c_int32()
        dim = (ctypes.c_int64 * max(len(sample), 1))(*sample)
        code = abi.FLOAT32 if value.dtype is None else CODES[value.dtype]
        encoded = c_text(name) if name else None
        check(
            library.denpa_graph_input(
                self.handle.pointer, encoded, code, len(sample), dim if sample else None, ctypes.byref(number)
            )
        )
        return number.value

    def add_node(self, node: Node, name: str, shares: str | None = None) -> list[int]:
        """Add a layer, or another node of an earlier one with its parameters; return the outputs' numbers."""
        layer = node.layer
        assert layer is not None
        inputs = (ctypes.c_int32 * max(len(node.inputs), 1))(*[self.ids[id(v)] for v in node.inputs])
        count = max(len(layer.entry.get("outputs") or [None]), 1)
        if layer.entry.get("variadic_outputs"):
            count = MOST_OUTPUTS
        outputs = (ctypes.c_int32 * count)()
        layer.add_to(self.handle, name, shares, (inputs, len(node.inputs), outputs, count))
        return [number for number in outputs if number >= 0]

    def value(self, node: Node, number: int) -> Value:
        dtype, rank, dim = ctypes.c_int32(), ctypes.c_int32(), (ctypes.c_int64 * abi.MAX_RANK)()
        check(
            library.denpa_graph_shape(
                self.handle.pointer, number, ctypes.byref(dtype), ctypes.byref(rank), dim
            )
        )
        shape = tuple(None if extent < 0 else extent for extent in dim[: rank.value])
        kind = DTYPES[dtype.value]
        return Value(node, shape, kind if kind.kind in "iu" else None)

    def fresh_name(self, node: Node, kind: str, before: str | None) -> str:
        """Return the node's own name, or dense_1, dense_2 ... after its kind.

        If its layer is in the network already, under the name `before`, it is called name_2, name_3 ...
        """
        if node.name and node.name != before:
            return node.name
        stem = node.name or kind.rpartition(".")[2]
        number = self.counts.get(stem, 1 if node.name else 0) + 1
        while f"{stem}_{number}" in self.taken:
            number += 1
        self.counts[stem] = number
        self.taken.add(f"{stem}_{number}")
        return f"{stem}_{number}"

    def build(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> list[int]:
        """Add all nodes that the outputs depend on, in the order of creation; return the outputs' numbers."""
        nodes = ancestors(outputs)
        known = {id(v) for v in inputs}
        for node in nodes:
            if node.layer is None and id(node.outputs[0]) not in known:
                raise InvalidArgument(f"the outputs need an input that is not listed: {node.outputs[0]!r}")
        for number, value in enumerate(inputs):
            if value.node not in nodes:
                raise InvalidArgument(f"input {value.node.name or number} is not needed by any output")
            self.ids[id(value)] = self.add_input(value, value.node.name)
        self.taken = {node.name for node in nodes if node.layer is not None and node.name}
        first: dict[int, str] = {}
        for node in sorted(nodes, key=lambda n: n.number):
            if node.layer is None:
                continue
            owner = first.get(id(node.layer))
            name = self.fresh_name(node, node.layer.kind, owner)
            first.setdefault(id(node.layer), name)
            self.named.append((node.layer, name))
            shares = owner if node.layer.entry.get("parameters") else None
            for value, number in zip(node.outputs, self.add_node(node, name, shares)):
                self.ids[id(value)] = number
        return [self.ids[id(value)] for value in outputs]


def ancestors(outputs: Sequence[Value]) -> set[Node]:
    """Return all nodes that the outputs depend on."""
    found: set[Node] = set()
    todo = [value.node for value in outputs]
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo.extend(value.node for value in node.inputs)
    return found


def model(inputs: Sequence[Value], outputs: Sequence[Value], dtype: np.dtype[Any], seed: int) -> Handle:
    """Return the engine's model of these values."""
    builder = Builder()
    numbers = builder.build(inputs, outputs)
    options = abi.ModelOptions(ctypes.sizeof(abi.ModelOptions), CODES[dtype], 0, seed)
    array = (ctypes.c_int32 * len(numbers))(*numbers)
    made = create(
        abi.Model, "denpa_model_create", builder.handle.pointer, array, len(numbers), ctypes.byref(options)
    )
    for layer, name in builder.named:
        layer.fill(made, name)
    return made
