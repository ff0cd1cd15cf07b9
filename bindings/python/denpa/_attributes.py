"""Attributes: values passed from Python, checked against their schema and written as denpa_attribute."""

from __future__ import annotations

import ctypes
from typing import Any, Mapping

import numpy as np

from . import _abi as abi
from ._call import c_text
from ._arrays import Array, as_array, fill
from ._kinds import classes, find
from ._suggestions import closest
from .errors import InvalidArgument, TypeMismatch

Schema = Mapping[str, Any]

CODES = {
    "int": abi.ATTRIBUTE_INT,
    "float": abi.ATTRIBUTE_FLOAT,
    "bool": abi.ATTRIBUTE_BOOL,
    "string": abi.ATTRIBUTE_STRING,
    "ints": abi.ATTRIBUTE_INTS,
    "floats": abi.ATTRIBUTE_FLOATS,
    "strings": abi.ATTRIBUTE_STRINGS,
    "tensor": abi.ATTRIBUTE_TENSOR,
    "spec": abi.ATTRIBUTE_SPEC,
}


def read(kind: str, schema: Schema, value: Any) -> Any:
    """Convert `value` to the attribute's type: a number, tuple, string, array, or an object with a `kind`."""
    label = f'{kind}: attribute "{schema["name"]}"'
    type_name = schema["type"]
    if type_name == "spec":
        value = made(value, schema)
    try:
        result = READERS[type_name](value)
    except (TypeError, ValueError):
        raise TypeMismatch(f"{label} must be {WORDS[type_name]}, got {value!r}") from None
    check_bounds(kind, label, schema, result)
    return result


def check_bounds(kind: str, label: str, schema: Schema, value: Any) -> None:
    choices, low, high = schema.get("choices"), schema.get("minimum"), schema.get("maximum")
    name = getattr(value, "kind", value) if schema["type"] == "spec" else value
    if choices and schema["type"] in ("string", "spec") and name not in choices:
        hint = closest(name, choices)
        if schema.get("category") == "layers" and name in classes["layers"]:
            hint = f': "{name}" is a layer of its own: put it behind {kind}'
        raise InvalidArgument(f"{label} must be one of {', '.join(choices)}, got {value!r}{hint}")
    if schema["type"] == "spec" and getattr(value, "category", schema.get("category")) != schema.get(
        "category"
    ):
        raise TypeMismatch(f"{label} must be one of the {schema.get('category')}, got {value!r}")
    if schema["type"] not in ("int", "float", "ints", "floats"):
        return
    for number in value if isinstance(value, tuple) else (value,):
        if (low is not None and not number >= low) or (high is not None and not number <= high):
            bounds = [
                f"at least {low:.10g}" if low is not None else "",
                f"at most {high:.10g}" if high is not None else "",
            ]
            raise InvalidArgument(f"{label} must be {' and '.join(filter(None, bounds))}, got {number!r}")


def read_int(value: Any) -> int:
    if isinstance(value, (bool, np.bool_)) or int(value) != value:
        raise TypeError
    return int(value)


def read_bool(value: Any) -> bool:
    if isinstance(value, str) or value not in (0, 1):
        raise TypeError
    return bool(value)


def read_float(value: Any) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError
    return float(value)


def read_string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def read_ints(value: Any) -> tuple[int, ...]:
    return (read_int(value),) if np.ndim(value) == 0 else tuple(read_int(item) for item in value)


def read_floats(value: Any) -> tuple[float, ...]:
    return (read_float(value),) if np.ndim(value) == 0 else tuple(read_float(item) for item in value)


def read_strings(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(read_string(item) for item in value)


def made(value: Any, schema: Schema) -> Any:
    """Return an object for a dictionary with its kind and attributes, for a class, and for given initial values.

    Other values are returned as they are.
    """
    if schema["category"] == "initializers" and (isinstance(value, list) or hasattr(value, "__array__")):
        return find("initializers", "given")(value)
    if schema["category"] == "initializers" and isinstance(value, str) and value != schema.get("default"):
        find("initializers", value)  # raises an error that names the nearest
    if isinstance(value, Mapping):
        attributes = dict(value)
        return find(schema["category"], attributes.pop("kind", None))(**attributes)
    return value() if isinstance(value, type) and hasattr(value, "kind") else value


def read_spec(value: Any) -> Any:
    if not isinstance(value, str) and not hasattr(value, "kind"):
        raise TypeError
    return value


def read_tensor(value: Any) -> Array:
    """Return a read-only copy, so that the attribute cannot change."""
    array = np.array(as_array(value))
    array.flags.writeable = False
    return array


READERS: dict[str, Any] = {
    "int": read_int,
    "float": read_float,
    "bool": read_bool,
    "string": read_string,
    "ints": read_ints,
    "floats": read_floats,
    "strings": read_strings,
    "tensor": read_tensor,
    "spec": read_spec,
}
WORDS = {
    "int": "an integer",
    "float": "a number",
    "bool": "True or False",
    "string": "a string",
    "ints": "a tuple of integers",
    "floats": "a tuple of numbers",
    "strings": "a tuple of strings",
    "tensor": "an array",
    "spec": "a name, an object such as denpa.Normal(scale=0.01), its class, or a dictionary with its kind",
}


def key(value: Any) -> Any:
    """Return a hashable value that is equal for equal attributes."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return value.key() if hasattr(value, "kind") else value


class Encoded:
    """A list of denpa_attribute with everything it points to."""

    def __init__(self, schemas: Mapping[str, Schema], values: Mapping[str, Any]) -> None:
        self.keep: list[Any] = []
        self.pointer = (abi.Attribute * (len(values) + 1))()
        for entry, (name, value) in zip(self.pointer, values.items()):
            entry.name = c_text(schemas[name]["name"])
            entry.type = CODES[schemas[name]["type"]]
            entry.count = 1
            self.write(entry, schemas[name]["type"], value)

    def write(self, entry: abi.Attribute, type_name: str, value: Any) -> None:
        field = entry.value
        if type_name in ("int", "bool"):
            field.i = value
        elif type_name == "float":
            field.f = value
        elif type_name == "string":
            field.s = c_text(value)
        elif type_name == "tensor":
            tensor = abi.Tensor()
            fill(tensor, value)
            field.tensor = ctypes.pointer(tensor)
            self.keep.append((tensor, value))
        elif type_name == "spec":
            self.write_spec(field.spec, value)
        else:
            self.write_list(entry, type_name, value)

    def write_spec(self, spec: abi.Spec, value: Any) -> None:
        if isinstance(value, str):
            spec.kind = c_text(value)
            return
        nested = value.encode()
        spec.kind = value.kind.encode()
        spec.attributes = nested.pointer
        self.keep.append(nested)

    def write_list(self, entry: abi.Attribute, type_name: str, value: tuple[Any, ...]) -> None:
        item: Any = {"ints": ctypes.c_int64, "floats": ctypes.c_double, "strings": ctypes.c_char_p}[type_name]
        items = (item * max(len(value), 1))(*[v.encode() if isinstance(v, str) else v for v in value])
        entry.count = len(value)
        setattr(entry.value, type_name, items)
        self.keep.append(items)
