"""Layers that move elements: what they compute, in NumPy (see reference.py)."""

from __future__ import annotations

import numpy as np

from .layer import Layer
from .tracked import Tracked


def resolve(axis, rank):
    """Returns the axis counted from the front; None if it is not one after the batch."""
    axis = axis + rank if axis < 0 else axis
    return axis if 1 <= axis < rank else None


class Slice(Layer):
    integers = True
    attributes = {"axis": None, "start": None, "stop": None}

    def part(self, attributes, shape):
        """Returns (axis, first, last) for a sample's shape; None if they do not fit it."""
        axis = resolve(attributes.get("axis", -1), len(shape) + 1)
        if axis is None:
            return None
        extent, start, stop = shape[axis - 1], attributes.get("start", 0), attributes.get("stop", 2**31 - 1)
        first = start + extent if start < 0 else start
        last = extent if stop == 2**31 - 1 else stop + extent if stop < 0 else stop
        return (axis, first, last) if 0 <= first < last <= extent else None

    def shapes(self, attributes, shapes):
        part = self.part(attributes, shapes[0])
        if part is None:
            return None
        axis, first, last = part
        return [[*shapes[0][: axis - 1], last - first, *shapes[0][axis:]]]

    def choose(self, draw):
        attributes = {"axis": draw.choice([-1, -1, 1, 1, 2, -2, 3])}
        if draw.chance(0.7):
            attributes["start"] = draw.choice([0, 1, 1, 2, 5, -1, -3])
        if draw.chance(0.7):
            attributes["stop"] = draw.choice([1, 2, 3, 8, -1, -1, -2])
        return attributes

    def index(self, attributes, x):
        axis, first, last = self.part(attributes, list(x.shape[1:]))
        return (slice(None),) * axis + (slice(first, last),)

    def forward(self, attributes, xs, ps):
        return [xs[0][self.index(attributes, xs[0])]]

    def backward(self, attributes, xs, ps, ys, dys):
        v, e = np.zeros(xs[0].shape), np.zeros(xs[0].shape)
        index = self.index(attributes, xs[0])
        v[index], e[index] = dys[0].v, dys[0].e
        return [Tracked(v, e)], {}


class Concat(Layer):
    arity = 2
    attributes = {"axis": None}

    def shapes(self, attributes, shapes):
        axis = resolve(attributes.get("axis", -1), len(shapes[0]) + 1)
        if axis is None:
            return None
        rest = [[*shape[: axis - 1], *shape[axis:]] for shape in shapes]
        if any(len(s) != len(shapes[0]) for s in shapes) or any(r != rest[0] for r in rest):
            return None
        total = sum(shape[axis - 1] for shape in shapes)
        return [[*shapes[0][: axis - 1], total, *shapes[0][axis:]]]

    def choose(self, draw):
        return draw.choice([{}, {"axis": 1}, {"axis": -1}, {"axis": -2}])

    def size(self, attributes, sizes):
        return [max(sizes)]

    def forward(self, attributes, xs, ps):
        return [Tracked.joined(xs, resolve(attributes.get("axis", -1), xs[0].v.ndim))]

    def backward(self, attributes, xs, ps, ys, dys):
        axis = resolve(attributes.get("axis", -1), xs[0].v.ndim)
        found, first = [], 0
        for x in xs:
            last = first + x.shape[axis]
            found.append(dys[0][(slice(None),) * axis + (slice(first, last),)])
            first = last
        return found, {}


class Stack(Layer):
    arity = 2
    attributes = {"axis": None}

    def shapes(self, attributes, shapes):
        axis = resolve(attributes.get("axis", 1), len(shapes[0]) + 2)
        if axis is None or any(shape != shapes[0] for shape in shapes) or len(shapes[0]) > 5:
            return None
        return [[*shapes[0][: axis - 1], len(shapes), *shapes[0][axis - 1 :]]]

    def choose(self, draw):
        return draw.choice([{}, {"axis": 1}, {"axis": 2}, {"axis": -1}])

    def size(self, attributes, sizes):
        return [max(sizes)]

    def forward(self, attributes, xs, ps):
        axis = resolve(attributes.get("axis", 1), xs[0].v.ndim + 1)
        return [Tracked.joined([x.reshape(*x.shape[:axis], 1, *x.shape[axis:]) for x in xs], axis)]

    def backward(self, attributes, xs, ps, ys, dys):
        axis = resolve(attributes.get("axis", 1), xs[0].v.ndim + 1)
        return [dys[0][(slice(None),) * axis + (index,)] for index in range(len(xs))], {}


class Transpose(Layer):
    integers = True
    attributes = {"axes": None}

    def order(self, attributes, rank):
        """Returns the axis of x for each axis of y; None if the axes do not fit."""
        axes = attributes.get("axes") or list(range(rank - 1, 0, -1))
        return [0, *axes] if sorted(axes) == list(range(1, rank)) else None

    def shapes(self, attributes, shapes):
        order = self.order(attributes, len(shapes[0]) + 1)
        return None if order is None else [[shapes[0][axis - 1] for axis in order[1:]]]

    def choose(self, draw):
        axes = draw.choice([[], [], [1], [2, 1], [2, 1], [1, 3, 2], [3, 1, 2], [2, 3, 1], [4, 2, 3, 1]])
        return {"axes": axes} if axes else {}

    def forward(self, attributes, xs, ps):
        return [xs[0].transpose(self.order(attributes, xs[0].v.ndim))]

    def backward(self, attributes, xs, ps, ys, dys):
        return [dys[0].transpose(np.argsort(self.order(attributes, xs[0].v.ndim)))], {}


class Reshape(Layer):
    integers = True
    attributes = {"shape": None}

    def shapes(self, attributes, shapes):
        count, shape = int(np.prod(shapes[0], dtype=np.int64)), list(attributes["shape"])
        if -1 in shape:
            known = int(np.prod([extent for extent in shape if extent >= 0], dtype=np.int64))
            shape[shape.index(-1)] = count // known if known else 0
        return [shape] if int(np.prod(shape, dtype=np.int64)) == count else None

    def choose(self, draw):
        return {"shape": draw.choice([[-1], [1, -1], [-1, 1], [2, -1], [-1, 2], [-1, 3], [2, -1, 2], [1, -1, 1]])}

    def forward(self, attributes, xs, ps):
        shape = self.shapes(attributes, [list(xs[0].shape[1:])])[0]
        return [xs[0].reshape(len(xs[0].v), *shape)]

    def backward(self, attributes, xs, ps, ys, dys):
        return [dys[0].reshape(*xs[0].shape)], {}


LAYERS: dict[str, Layer] = {
    "concat": Concat(),
    "reshape": Reshape(),
    "slice": Slice(),
    "stack": Stack(),
    "transpose": Transpose(),
}
