"""Indexing of graph values: h[:, 2:5] as layers of the engine."""

from __future__ import annotations

import operator
from typing import Any, Callable

from ._call import END
from .errors import InvalidArgument, NotFound, TypeMismatch


def part(value: Any, index: Any, make: Callable[..., Any]) -> Any:
    """The part of a value that an index selects: slices without a step, integers, and one Ellipsis.

    `make` applies a layer of a kind to a value. What is selected from an axis of an open extent, the engine
    finds when it knows the extent.
    """
    given = list(index) if isinstance(index, tuple) else [index]
    rank = len(value.shape)
    ellipses = [place for place, item in enumerate(given) if item is Ellipsis]
    if len(ellipses) > 1:
        raise InvalidArgument("an index can have one Ellipsis only")
    if len(given) - len(ellipses) > rank:
        raise NotFound(f"the value has {rank} axes, {value.shape}, and the index has {len(given)}")
    rest = [slice(None)] * (rank - len(given) + len(ellipses))
    place = ellipses[0] if ellipses else len(given)
    given[place : place + 1] = rest
    if not isinstance(given[0], slice) or given[0] != slice(None):
        raise InvalidArgument("the batch cannot be indexed: begin with a colon, h[:, 0] for h[0]")
    kept: list[int] = []
    for axis, item in enumerate(given[1:], start=1):
        extent = value.shape[axis]
        if extent is None:
            start, stop, length = open_bounds(item, axis)
            if isinstance(item, slice):
                kept.append(length)
            if (start, stop) != (0, END):
                value = make("slice", value, axis=axis, start=start, stop=stop)
            continue
        if isinstance(item, slice):
            start, stop = bounds(item, extent, axis)
            kept.append(stop - start)
        else:
            start = whole(item, axis)
            if not -extent <= start < extent:
                raise NotFound(f"axis {axis} has {extent} elements: there is none with the index {start}")
            start, stop = start % extent, start % extent + 1
        if (start, stop) != (0, extent):
            if stop <= start:
                raise InvalidArgument(f"axis {axis}: {item!r} selects nothing of {extent} elements")
            value = make("slice", value, axis=axis, start=start, stop=stop)
    if len(kept) == rank - 1:
        return value
    if kept.count(-1) > 1:
        raise InvalidArgument(
            "an index cannot drop an axis of a value with several open extents: keep it, h[:, :1]"
        )
    return make("reshape", value, shape=kept)


def open_bounds(item: Any, axis: int) -> tuple[int, int, int]:
    """The first index of a part of an open axis, that behind its last one, and its length; -1: open."""
    if not isinstance(item, slice):
        start = whole(item, axis)
        return start, END if start == -1 else start + 1, 1
    if item.step is not None and whole(item.step, axis) != 1:
        raise InvalidArgument(f"axis {axis}: a slice of a graph value has no step, got {item.step}")
    start = 0 if item.start is None else whole(item.start, axis)
    stop = END if item.stop is None else whole(item.stop, axis)
    alike = (start < 0) == (stop < 0 or stop == END)
    length = (0 if stop == END else stop) - start if alike else -1
    if alike and length <= 0:
        raise InvalidArgument(f"axis {axis}: {item!r} selects nothing")
    return start, stop, length


def bounds(item: slice, extent: int, axis: int) -> tuple[int, int]:
    """The first index of a slice and that behind its last one."""
    ends = [None if end is None else whole(end, axis) for end in (item.start, item.stop)]
    if item.step is not None and whole(item.step, axis) != 1:
        raise InvalidArgument(f"axis {axis}: a slice of a graph value has no step, got {item.step}")
    start, stop, _ = slice(*ends).indices(extent)
    return start, stop


def whole(item: Any, axis: int) -> int:
    """An index; booleans and arrays, which NumPy takes for masks, are none."""
    try:
        if isinstance(item, bool):
            raise TypeError
        return operator.index(item)
    except TypeError:
        raise TypeMismatch(f"axis {axis}: an index is a slice or an integer, got {item!r}") from None
