"""Drawings of networks and traces, which the engine makes: SVG, or DOT for Graphviz."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Callable, Sequence

from . import _abi as abi
from ._arrays import items
from ._call import c_text, path_bytes, text
from .errors import InvalidArgument, TypeMismatch

FORMATS = {".svg": abi.SVG, ".dot": abi.DOT}


class Picture(str):
    """The text of a drawing in SVG. Notebooks show it as a picture."""

    def _repr_svg_(self) -> str:
        return str(self)


def drawn(
    function: Callable[..., int],
    pointer: Any,
    path: Any,
    kind: int,
    *,
    labels: int = abi.LABELS_OWN,
    row: int = 0,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    parameter: str | None = None,
    index: Sequence[int] = (),
) -> Picture | str:
    """Return the text that a function of the engine draws, and write it to a file if there is a path.

    The path ends in .svg or .dot; without one the text is SVG, and with ".svg" or ".dot" alone nothing is written.
    """
    ending = ".svg" if path is None else ending_of(path)
    wanted = abi.DrawingOptions(
        struct_size=ctypes.sizeof(abi.DrawingOptions),
        kind=kind,
        format=FORMATS[ending],
        labels=labels,
        row=row,
    )
    if inputs is not None:
        wanted.input_names, wanted.input_name_count = names_of(inputs, "inputs")
    if outputs is not None:
        wanted.output_names, wanted.output_name_count = names_of(outputs, "outputs")
    if parameter is not None:
        wanted.parameter = c_text(parameter)
        wanted.index, wanted.rank = indices(index), len(index)
    result = text(lambda *room: function(pointer, ctypes.byref(wanted), *room))
    if path is not None and os.fsdecode(path_bytes(path)) != ending:
        with open(path, "w", encoding="utf-8") as file:
            file.write(result)
    return Picture(result) if ending == ".svg" else result


def ending_of(path: Any) -> str:
    name = os.fsdecode(path_bytes(path))
    ending = name if name in FORMATS else os.path.splitext(name)[1].lower()
    if ending not in FORMATS:
        raise InvalidArgument(f"a drawing is written to a file that ends in .svg or .dot, got {name!r}")
    return ending


def names_of(given: Sequence[str], what: str) -> tuple[Any, int]:
    """Return a C array of names and their number; NULL for none."""
    if isinstance(given, str):
        raise TypeMismatch(f"{what} takes a list of names, got {given!r}")
    listed = [c_text(str(name)) for name in items(given, f"{what} takes a list of names")]
    return ((ctypes.c_char_p * len(listed))(*listed) if listed else None), len(listed)


def indices(given: Sequence[int]) -> Any:
    return (ctypes.c_int64 * max(len(given), 1))(*given)
