"""Layers that compare rows of several inputs by their distances, in NumPy (see reference.py)."""

from __future__ import annotations

import numpy as np

from .functions import RELU_CORNER
from .layer import Layer
from .tracked import Tracked


def positive(x):
    """max(0, x), and its derivative; where rounding decides, both derivatives are right."""
    sure = (np.abs(x.v) > RELU_CORNER * x.e) | (np.broadcast_to(x.e, x.shape) == 0)
    return Tracked(np.maximum(x.v, 0), x.e), Tracked((x.v > 0).astype(float), (~sure).astype(float))


def square(difference):
    return (difference * difference).sum(axis=difference.v.ndim - 1)


def each(x):
    """A number for each row, as a column."""
    return x.reshape(*x.shape, 1)


class Distances(Layer):
    arity = 3
    attributes = {"margin": None}

    def choose(self, draw):
        return {"margin": draw.choice([0.0, 0.3, 3.0, 20.0])} if draw.chance(0.6) else {}

    def size_of(self, attributes, sizes, shapes):
        return [2 * (sizes[0] ** 2 + sizes[1] ** 2) * shapes[0][-1] + attributes.get("margin", 1.0)]


class Triplet(Distances):
    """max(0, |a − p|² − |a − n|² + margin) (Schroff, Kalenichenko & Philbin, 2015)."""

    def shapes(self, attributes, shapes):
        a, p, n = shapes
        return [a[:-1]] if a and a == p == n else None

    def rest(self, attributes, xs):
        a, p, n = xs
        return square(a - p) - square(a - n) + attributes.get("margin", 1.0)

    def forward(self, attributes, xs, ps):
        return [positive(self.rest(attributes, xs))[0]]

    def backward(self, attributes, xs, ps, ys, dys):
        a, p, n = xs
        slope = each(positive(self.rest(attributes, xs))[1] * dys[0]) * 2.0
        # The difference n − p is computed as (a − p) − (a − n).
        return [slope * ((a - p) - (a - n)), slope * (p - a), slope * (a - n)], {}


class Contrastive(Distances):
    """s·d² + (1 − s)·max(0, margin − d)², d = |a − b| (Hadsell, Chopra & LeCun, 2006)."""

    def shapes(self, attributes, shapes):
        a, b, s = shapes
        return [a[:-1]] if a and a == b and s == a[:-1] else None

    def size_of(self, attributes, sizes, shapes):
        return [sizes[2] * super().size_of(attributes, sizes, shapes)[0] + attributes.get("margin", 1.0) ** 2]

    def parts(self, attributes, xs):
        """Returns a − b, d², d, and max(0, margin − d)."""
        difference = xs[0] - xs[1]
        squared = square(difference)
        d = np.sqrt(squared.v)
        # Where rounding could make d² anything from 0 on, the slope of the root is not that at d².
        slope = 1 / np.maximum(2 * d, np.sqrt(np.broadcast_to(squared.e, squared.shape)) + 1e-12)
        distance = squared.curve(d, slope, d)
        # The engine may keep d from being 0 by as little as this, to divide by it.
        distance = Tracked(distance.v, distance.e + 1e-24 / (d + 1e-12))
        return difference, squared, distance, positive(attributes.get("margin", 1.0) - distance)[0]

    def forward(self, attributes, xs, ps):
        _, squared, _, missing = self.parts(attributes, xs)
        return [xs[2] * squared + (1.0 - xs[2]) * (missing * missing)]

    def backward(self, attributes, xs, ps, ys, dys):
        difference, squared, d, missing = self.parts(attributes, xs)
        # At d = 0 there is no direction: the gradient is 0. Near it, 1/d is of the order of its error.
        apart = Tracked(np.maximum(d.v, 1e-12), d.e)
        pull = xs[2] - (1.0 - xs[2]) * (missing / apart)
        product = each(pull * dys[0]) * difference * 2.0
        return [product, product * -1.0, (squared - missing * missing) * dys[0]], {}


LAYERS: dict[str, Layer] = {"contrastive": Contrastive(), "triplet": Triplet()}
