"""Indexing of graph values: h[:, 2:5] as layers of the engine."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from .errors import InvalidArgument, NotFound, TypeMismatch

if TYPE_CHECKING:
    from ._graph import Value

EVERYTHING = slice(None)


def part(value: Value, index: Any) -> Value:
    """The part of a value that an index selects: slices without a step, integers, and one Ellipsis."""
    from ._registry import create

    given = list(index) if isinstance(index, tuple) else [index]
    rank = len(value.shape)
    if given.count(Ellipsis) > 1:
        raise InvalidArgument("an index can have one Ellipsis only")
    if len([item for item in given if item is not Ellipsis]) > rank:
        raise NotFound(f"the value has {rank} axes, {value.shape}, and the index has {len(given)}")
    if Ellipsis in given:
        place = given.index(Ellipsis)
        given[place : place + 1] = [EVERYTHING] * (rank - len(given) + 1)
    if given[0] != EVERYTHING:
        raise InvalidArgument("the batch cannot be indexed: begin with a colon, h[:, 0] for h[0]")
    kept: list[int] = []
    for axis, item in enumerate(given[1:] + [EVERYTHING] * (rank - len(given)), start=1):
        extent = value.shape[axis] or 0
        if isinstance(item, slice):
            if item.step not in (None, 1):
                raise InvalidArgument(f"axis {axis}: a slice of a graph value has no step, got {item.step}")
            start, stop, _ = item.indices(extent)
            kept.append(stop - start)
        else:
            try:
                start = operator.index(item)
            except TypeError:
                raise TypeMismatch(f"axis {axis}: an index is a slice or an integer, got {item!r}") from None
            if not -extent <= start < extent:
                raise NotFound(f"axis {axis} has {extent} elements: there is none with the index {start}")
            start, stop = start % extent, start % extent + 1
        if stop <= start:
            raise InvalidArgument(f"axis {axis}: {item!r} selects nothing of {extent} elements")
        if (start, stop) != (0, extent):
            value = create("slice", axis=axis, start=start, stop=stop)(value)
    return value if len(kept) == rank - 1 else create("reshape", shape=kept)(value)
