"""Arithmetic with broadcasting, functions, sums: what they compute, in NumPy (see reference.py)."""

from __future__ import annotations

import numpy as np

from .functions import RELU_CORNER, Sigmoid
from .layer import Layer
from .shapes import resolve
from .tracked import Tracked, growth


# -- broadcasting --------------------------------------------------------------------------------------------
def common(shapes):
    """Returns the common sample shape to which sample shapes are broadcast; None if there is none. A shape of
    None is a single number.
    """
    given = [tuple(shape) for shape in shapes if shape is not None]
    try:
        return list(np.broadcast_shapes(*given)) if given else None
    except ValueError:
        return None


def lifted(x, rank):
    """Returns x with axes of 1 inserted after the batch, so that NumPy broadcasts it as Denpa does."""
    if x.v.ndim == 0 or x.v.ndim == rank:
        return x
    return x.reshape(x.shape[0], *[1] * (rank - x.v.ndim), *x.shape[1:])


def collapsed(g, x):
    """Returns the gradient with respect to x, computed from that with respect to the broadcast x."""
    if x.v.ndim == 0:
        return None
    rank, shape = g.v.ndim, lifted(x, g.v.ndim).shape
    axes = tuple(axis for axis in range(rank) if shape[axis] != g.shape[axis])
    if axes:
        terms = int(np.prod([g.shape[axis] for axis in axes]))
        e = np.broadcast_to(g.e, g.shape) + growth(terms) * Tracked.unit * np.abs(g.v)
        g = Tracked(g.v.sum(axis=axes, keepdims=True), e.sum(axis=axes, keepdims=True))
    return g.reshape(*x.shape)


class Binary(Layer):
    arity = 2
    broadcasts = True
    positive = ()  # operands that must be positive

    def shapes(self, attributes, shapes):
        shape = common(shapes)
        return None if shape is None or all(given is None for given in shapes) else [shape]

    def forward(self, attributes, xs, ps):
        rank = max(x.v.ndim for x in xs)
        return [self.value(*(lifted(x, rank) for x in xs))]

    def backward(self, attributes, xs, ps, ys, dys):
        rank = ys[0].v.ndim
        a, b = (lifted(x, rank) for x in xs)
        whole = Tracked(np.zeros(ys[0].shape))
        slopes = self.slopes(a + whole, b + whole, ys[0])
        return [collapsed(dys[0] * slope, x) for slope, x in zip(slopes, xs)], {}


class Add(Binary):
    def size(self, attributes, sizes):
        return [sum(sizes)]

    def value(self, a, b):
        return a + b

    def slopes(self, a, b, y):
        return 1.0, 1.0


class Subtract(Add):
    def value(self, a, b):
        return a - b

    def slopes(self, a, b, y):
        return 1.0, -1.0


class Multiply(Binary):
    def size(self, attributes, sizes):
        return [sizes[0] * sizes[1]]

    def value(self, a, b):
        return a * b

    def slopes(self, a, b, y):
        return b, a


class Divide(Binary):
    positive = (1,)

    def size(self, attributes, sizes):
        return [3 * sizes[0]]

    def value(self, a, b):
        return a / b

    def slopes(self, a, b, y):
        return Tracked(1.0) / b, -1.0 * (a / b / b)


class Minimum(Binary):
    sign = 1

    def size(self, attributes, sizes):
        return [max(sizes)]

    def value(self, a, b):
        v = np.minimum(self.sign * a.v, self.sign * b.v) * self.sign
        return Tracked(v, np.maximum(a.e, b.e) + np.zeros(v.shape))

    def slopes(self, a, b, y):
        # If rounding decides which one is smaller, every derivative is right.
        difference, error = self.sign * (b.v - a.v), a.e + b.e
        unsure = ((np.abs(difference) <= RELU_CORNER * error) & (error > 0)).astype(float)
        first = np.where(difference > 0, 1.0, np.where(difference == 0, 0.5, 0.0))
        return Tracked(first, unsure), Tracked(1 - first, unsure)


class Maximum(Minimum):
    sign = -1


class Power(Binary):
    positive = (0,)

    def size(self, attributes, sizes):
        return [max(1.0, sizes[0]) ** max(1.0, sizes[1])]

    def value(self, a, b):
        v = a.v**b.v
        e = np.abs(b.v * v / a.v) * a.e + np.abs(v * np.log(a.v)) * b.e
        return Tracked(v, e + 8 * Tracked.unit * np.abs(v) * (1 + np.abs(b.v * np.log(a.v))))

    def slopes(self, a, b, y):
        return b * self.value(a, b - 1.0), self.value(a, b) * Log().value(a)


class Constant(Layer):
    arity = 0
    attributes = {"value": None}

    def shapes(self, attributes, shapes):
        return [None]

    def size(self, attributes, sizes):
        return [abs(attributes["value"])]

    def choose(self, draw):
        return {"value": draw.choice([0.5, 2.0, 1.0, 3.25, 0.1])}

    def forward(self, attributes, xs, ps):
        value = attributes["value"]
        return [Tracked(value, Tracked.unit * abs(value))]

    def backward(self, attributes, xs, ps, ys, dys):
        return [], {}


# -- functions -----------------------------------------------------------------------------------------------
class Log(Sigmoid):
    positive = (0,)

    def value(self, x):
        return x.curve(np.log(x.v), 1 / x.v)

    def slope(self, x, y):
        return Tracked(1.0) / x

    def size(self, attributes, sizes):
        return [2 + sizes[0]]


class Sqrt(Sigmoid):
    positive = (0,)

    def value(self, x):
        y = np.sqrt(x.v)
        return x.curve(y, 0.5 / y)

    def slope(self, x, y):
        return Tracked(0.5) / y

    def size(self, attributes, sizes):
        return [1 + sizes[0]]


class Abs(Sigmoid):
    def value(self, x):
        return Tracked(np.abs(x.v), x.e)

    def slope(self, x, y):
        unsure = (np.abs(x.v) <= RELU_CORNER * x.e) & (x.e > 0)
        return Tracked(np.sign(x.v), 2.0 * unsure)

    def size(self, attributes, sizes):
        return [sizes[0]]


class Square(Sigmoid):
    def value(self, x):
        return x * x

    def slope(self, x, y):
        return x * 2.0

    def size(self, attributes, sizes):
        return [sizes[0] ** 2]


class Negate(Sigmoid):
    def value(self, x):
        return Tracked(-x.v, x.e)

    def slope(self, x, y):
        return Tracked(-1.0)

    def size(self, attributes, sizes):
        return [sizes[0]]


# -- reductions ----------------------------------------------------------------------------------------------
class ReduceSum(Layer):
    attributes = {"axes": None, "keepdims": None}

    def axes(self, attributes, rank):
        """Returns the axes of the whole tensor, including the batch; None if they do not fit."""
        given = attributes.get("axes") or list(range(1, rank))
        axes = [resolve(axis, rank) for axis in given]
        return None if None in axes or len(set(axes)) < len(axes) else tuple(sorted(axes))

    def shapes(self, attributes, shapes):
        axes = self.axes(attributes, len(shapes[0]) + 1)
        if axes is None or any(shapes[0][axis - 1] == 0 for axis in axes):
            return None
        keeps, kept = attributes.get("keepdims"), []
        for axis, extent in enumerate(shapes[0], start=1):
            if axis not in axes:
                kept.append(extent)
            elif keeps:
                kept.append(1)
        return [kept]

    def choose(self, draw):
        attributes = {}
        if draw.chance(0.7):
            attributes["axes"] = draw.choice([[1], [-1], [-1], [2], [1, 2], [-1, 1], [3]])
        if draw.chance(0.4):
            attributes["keepdims"] = draw.chance(0.7)
        return attributes

    def size(self, attributes, sizes):
        return [6 * sizes[0]]

    def total(self, x, axes, keepdims):
        terms = int(np.prod([x.shape[axis] for axis in axes]))
        e = np.broadcast_to(x.e, x.shape) + growth(terms) * Tracked.unit * np.abs(x.v)
        return Tracked(x.v.sum(axis=axes, keepdims=keepdims), e.sum(axis=axes, keepdims=keepdims)), terms

    def forward(self, attributes, xs, ps):
        axes = self.axes(attributes, xs[0].v.ndim)
        return [self.total(xs[0], axes, bool(attributes.get("keepdims")))[0]]

    def spread(self, attributes, x, g):
        """Returns a gradient with respect to the result, broadcast to the shape of x."""
        axes = self.axes(attributes, x.v.ndim)
        shape = [1 if axis in axes else extent for axis, extent in enumerate(x.shape)]
        return g.reshape(*shape) + Tracked(np.zeros(x.shape))

    def backward(self, attributes, xs, ps, ys, dys):
        return [self.spread(attributes, xs[0], dys[0])], {}


class ReduceMean(ReduceSum):
    def size(self, attributes, sizes):
        return [sizes[0]]

    def forward(self, attributes, xs, ps):
        total, terms = self.total(
            xs[0], self.axes(attributes, xs[0].v.ndim), bool(attributes.get("keepdims"))
        )
        return [total * Tracked(1 / terms, Tracked.unit / terms)]

    def backward(self, attributes, xs, ps, ys, dys):
        terms = self.total(xs[0], self.axes(attributes, xs[0].v.ndim), False)[1]
        return [self.spread(attributes, xs[0], dys[0]) * Tracked(1 / terms, Tracked.unit / terms)], {}


class ReduceMax(ReduceSum):
    def size(self, attributes, sizes):
        return [2 * sizes[0]]

    def forward(self, attributes, xs, ps):
        x, axes, keeps = xs[0], self.axes(attributes, xs[0].v.ndim), bool(attributes.get("keepdims"))
        e = np.broadcast_to(x.e, x.shape)
        return [
            Tracked(
                x.v.max(axis=axes, keepdims=keeps) if x.v.size else self.total(x, axes, keeps)[0].v,
                e.max(axis=axes, keepdims=keeps, initial=0),
            )
        ]

    def backward(self, attributes, xs, ps, ys, dys):
        x, axes = xs[0], self.axes(attributes, xs[0].v.ndim)
        if not x.v.size:
            return [Tracked(np.zeros(x.shape))], {}
        largest, dy = (self.spread(attributes, x, g) for g in (Tracked(ys[0].v), dys[0]))
        equal = x.v == largest.v
        share = equal / equal.sum(axis=axes, keepdims=True)
        # If rounding decides which one is the largest, any share is right.
        reach = np.broadcast_to(x.e, x.shape)
        near = np.abs(x.v - largest.v) <= RELU_CORNER * (reach + reach.max(axis=axes, keepdims=True))
        unsure = near & (near.sum(axis=axes, keepdims=True) > 1) & (reach.max(axis=axes, keepdims=True) > 0)
        return [dy * Tracked(share, unsure * 1.0 + Tracked.unit * share)], {}


LAYERS: dict[str, Layer] = {
    "abs": Abs(),
    "add": Add(),
    "constant": Constant(),
    "divide": Divide(),
    "log": Log(),
    "maximum": Maximum(),
    "minimum": Minimum(),
    "multiply": Multiply(),
    "negate": Negate(),
    "power": Power(),
    "reduce_max": ReduceMax(),
    "reduce_mean": ReduceMean(),
    "reduce_sum": ReduceSum(),
    "sqrt": Sqrt(),
    "square": Square(),
    "subtract": Subtract(),
}
