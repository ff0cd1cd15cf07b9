"""What the engine is told of a layer or loss written in Python: attributes and samples, from signatures."""

from __future__ import annotations

import ctypes
import inspect
import typing
from typing import Any, Mapping, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import Array, Memory, as_array, fill, real, sample_shape, set_shape
from ._attributes import CODES, Encoded, read
from ._call import c_text, options
from .errors import InvalidArgument, TypeMismatch

TYPES = {bool: "bool", int: "int", float: "float", str: "string", np.ndarray: "tensor"}
LISTS = {int: "ints", float: "floats", str: "strings"}
ROWS = 4  # of a sample


class Parameter:
    """A parameter of a layer written in Python: its shape, its initializer and its role.

    The role is "trained", "frozen" or "state": a state is an array that forward changes in training (a running
    mean), and that has no gradient.
    """

    ROLES = {"trained": abi.TRAINED, "frozen": abi.FROZEN, "state": abi.STATE}

    def __init__(self, shape: Any, initializer: Any = "zeros", role: str = "trained") -> None:
        given = sample_shape(shape, "a parameter's shape")
        self.extents = tuple(extent for extent in given if extent is not None)
        if self.extents != given:
            raise InvalidArgument(f"a parameter's shape has no open extents, got {shape!r}")
        if role not in self.ROLES:
            raise InvalidArgument(f'the role of a parameter is "trained", "frozen" or "state", got {role!r}')
        schema = {"name": "initializer", "type": "spec", "category": "initializers"}
        self.initializer, self.role = read("a parameter", schema, initializer), role

    def write(self, entry: abi.Parameter, name: str) -> list[Any]:
        """Describe the parameter for the engine. Returns what has to live as long as the description."""
        label = c_text(name)
        entry.name, entry.role, entry.rank = label, self.ROLES[self.role], len(self.extents)
        entry.dim = (ctypes.c_int64 * abi.MAX_RANK)(*self.extents)
        if isinstance(self.initializer, str):
            kind: bytes = c_text(self.initializer)
            entry.initializer = kind
            return [label, kind]
        attributes = self.initializer.encode()
        kind = c_text(self.initializer.kind)
        entry.initializer, entry.initializer_attributes = kind, attributes.pointer
        return [label, kind, attributes]


class Sample:
    """Inputs with which a layer or loss written in Python is proved, and its attributes for that.

    An input is given as the shape of one of its rows, for which values from `low` to `high` are drawn, or as an
    array with all rows: class numbers, for example. No drawn value comes near one of `avoid`, which are kinks.
    """

    def __init__(
        self, *inputs: Any, low: float = -2.0, high: float = 2.0, avoid: Any = (), **attributes: Any
    ) -> None:
        given = [
            as_array(x, "a sample") if hasattr(x, "dtype") else sample_shape(x, "a sample") for x in inputs
        ]
        rows = {len(x) for x in given if isinstance(x, np.ndarray) and x.ndim}
        if len(rows) > 1:
            raise InvalidArgument(f"the arrays of a sample have the same number of rows, got {sorted(rows)}")
        self.rows = rows.pop() if rows else ROWS
        self.inputs: list[Array | tuple[Any, ...]] = given
        self.low, self.high = real(low, "low"), real(high, "high")
        self.avoid = [real(number, "avoid") for number in np.atleast_1d(avoid)]
        self.attributes = attributes

    def values(self) -> list[Array]:
        """Return arrays like those of the proof, in float64."""
        drawn = np.random.default_rng(0)
        return [
            (x.astype("float64") if x.dtype.kind == "f" else x)
            if isinstance(x, np.ndarray)
            else drawn.uniform(self.low, self.high, (self.rows, *x))
            for x in self.inputs
        ]

    def key(self) -> tuple[Any, ...]:
        """Return what is equal for equal samples."""
        shown = [(x.dtype.str, x.shape, x.tobytes()) if isinstance(x, np.ndarray) else x for x in self.inputs]
        return (*shown, self.low, self.high, tuple(self.avoid), repr(sorted(self.attributes.items())))

    def write(self, kind: str, schemas: Mapping[str, Any], keep: list[Any]) -> Any:
        """Return the engine's description of the sample, whose parts are added to `keep`."""
        for name in self.attributes:
            if name not in schemas:
                raise InvalidArgument(f'{kind}: a sample has the attribute "{name}", which the layer has not')
        values = {name: read(kind, schemas[name], value) for name, value in self.attributes.items()}
        encoded = Encoded(schemas, values)
        pointers = (ctypes.POINTER(abi.Tensor) * len(self.inputs))()
        for number, given in enumerate(self.inputs):
            tensor = abi.Tensor()
            if isinstance(given, np.ndarray):
                array = np.array(given, "float64") if given.dtype.kind == "f" else given.copy()
                fill(tensor, array)
                keep.append(array)
            else:
                tensor.dtype = abi.FLOAT64
                set_shape(tensor, (self.rows, *given))
            pointers[number] = ctypes.pointer(tensor)
        avoid = (ctypes.c_double * max(len(self.avoid), 1))(*self.avoid)
        sample = options(abi.Sample, low=self.low, high=self.high)
        sample.attributes, sample.inputs, sample.input_count = encoded.pointer, pointers, len(self.inputs)
        sample.avoid, sample.avoid_count = avoid, len(self.avoid)
        keep += [encoded, pointers, avoid, sample]
        return ctypes.pointer(sample)


def schemas_of(kind: str, made: type[Any]) -> dict[str, dict[str, Any]]:
    """Return the attributes of a layer, by name, from the signature of its class's __init__."""
    if made.__init__ is object.__init__:
        return {}
    hints = typing.get_type_hints(made.__init__)
    found: dict[str, dict[str, Any]] = {}
    for name, argument in list(inspect.signature(made.__init__).parameters.items())[1:]:
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            raise InvalidArgument(f"{kind}: __init__ takes its attributes by name, not as *{name}")
        required = argument.default is argument.empty
        type_name = type_of(hints.get(name), None if required else argument.default)
        if type_name is None or name in ("name", "output", "weight", "reduction"):
            reason = "has a name that is taken" if type_name else f"is of no type that is known ({LISTED})"
            raise TypeMismatch(f'{kind}: the attribute "{name}" of __init__ {reason}')
        schema = {"name": name, "type": type_name, "required": required, "category": None}
        if not required:
            schema["default"] = read(kind, schema, argument.default)
        found[name] = schema
    return found


LISTED = "int, float, bool, str, tuple[int, ...], tuple[float, ...], tuple[str, ...], numpy.ndarray"


def type_of(hint: Any, default: Any) -> str | None:
    """Return the engine's name of an attribute's type, or None if there is none."""
    if hint is None and default is not None:
        if isinstance(default, (tuple, list)) and default:
            return LISTS.get(type(default[0]))
        return TYPES.get(type(default))
    if typing.get_origin(hint) in (tuple, list) and typing.get_args(hint):
        return LISTS.get(typing.get_args(hint)[0])
    origin = typing.get_origin(hint)
    return TYPES.get(np.ndarray if origin is np.ndarray else hint)


def specs(schemas: Mapping[str, Mapping[str, Any]], keep: list[Any]) -> Any:
    """Return the engine's description of attributes, whose parts are added to `keep`."""
    pointers = (ctypes.POINTER(abi.AttributeSpec) * max(len(schemas), 1))()
    for number, (name, schema) in enumerate(schemas.items()):
        spec = options(abi.AttributeSpec, type=CODES[schema["type"]], required=int(schema["required"]))
        spec.name, spec.summary = c_text(name), b""
        if not schema["required"]:
            default = Encoded(schemas, {name: schema["default"]})
            spec.default_value = default.pointer[0]
            keep.append(default)
        keep.append(spec)
        pointers[number] = ctypes.pointer(spec)
    keep.append(pointers)
    return pointers


def decoded(attributes: Any, schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of checked attributes, which are in the order of their schema."""
    return {name: value_of(attributes[i], schema["type"]) for i, (name, schema) in enumerate(schemas.items())}


def value_of(attribute: abi.Attribute, type_name: str) -> Any:
    value = attribute.value
    if type_name in ("int", "bool"):
        return bool(value.i) if type_name == "bool" else int(value.i)
    if type_name == "float":
        return float(value.f)
    if type_name == "string":
        return (value.s or b"").decode()
    if type_name == "tensor":
        array = Memory(value.tensor.contents, None).array().copy()
        array.flags.writeable = False
        return array
    items: Sequence[Any] = getattr(value, type_name)[: attribute.count] if attribute.count else ()
    return tuple(item.decode() if type_name == "strings" else item for item in items)
