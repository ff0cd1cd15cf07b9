"""Attributes as the engine takes them."""

from __future__ import annotations

import ctypes

from denpa import _abi as abi


def attributes(values):
    """Makes a list of denpa_attribute from the types of the values; a list of a kind and a dict is a spec,
    any other list holds integers.
    """
    result = (abi.Attribute * (len(values) + 1))()
    for entry, (name, value) in zip(result, values.items()):
        entry.name, entry.count = name.encode(), 1
        if isinstance(value, bool):
            entry.type, entry.value.i = abi.ATTRIBUTE_BOOL, value
        elif isinstance(value, int):
            entry.type, entry.value.i = abi.ATTRIBUTE_INT, value
        elif isinstance(value, float):
            entry.type, entry.value.f = abi.ATTRIBUTE_FLOAT, value
        elif isinstance(value, str):
            entry.type, entry.value.s = abi.ATTRIBUTE_STRING, value.encode()
        elif isinstance(value[0], float):
            entry.type, entry.count = abi.ATTRIBUTE_FLOATS, len(value)
            entry.value.floats = (ctypes.c_double * len(value))(*value)
        elif isinstance(value[0], str):
            entry.type, entry.value.spec = abi.ATTRIBUTE_SPEC, spec(value)
        else:
            entry.type, entry.count = abi.ATTRIBUTE_INTS, len(value)
            entry.value.ints = (ctypes.c_int64 * len(value))(*value)
    return result


def spec(value):
    kind, given = value
    return abi.Spec(kind.encode(), attributes(given))
