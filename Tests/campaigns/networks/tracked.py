"""Numbers in float64 with a bound on the error that arithmetic in another precision would make.

`Tracked(v, e)`: `v` is the value, and a computation that rounds to a relative error of `Tracked.unit` differs
from it by about `e` at most. A sum of k rounded terms is never off by more than k·unit of the sum of the
absolute terms; as Higham and Mary (2019) show, it exceeds 6·√k·unit with negligible probability if roundings
are independent. Those of equal terms are not: they are rounded in the same way as long as one sum continues,
which is up to 384 steps here. The bound is therefore min(k, 384 + 6·√k) units. Bounds are of first order;
`worst` doubles them to cover higher orders and the reference's own rounding.
"""

from __future__ import annotations

import numpy as np

UNITS = {"float32": 2.0**-24, "float64": 2.0**-53}
# The error allowed for underflow, far below everything that is compared.
FLOORS = {"float32": 1e-34, "float64": 1e-280}
# The error allowed for a function (exp, tanh ...) in units in the last place, generously.
CURVE = 8


def growth(terms):
    """Returns the factor by which the rounding of a sum of the given number of terms may exceed one unit."""
    return min(terms, 384 + 6 * terms**0.5) + 2


class Tracked:
    """A value and the bound of its error; arithmetic carries both."""

    __slots__ = ("e", "v")
    unit = UNITS["float64"]

    def __init__(self, v, e=0.0):
        self.v = np.asarray(v, np.float64)
        self.e = e

    @property
    def shape(self):
        return self.v.shape

    def __add__(self, other):
        other = lift(other)
        v = self.v + other.v
        return Tracked(v, self.e + other.e + Tracked.unit * np.abs(v))

    def __sub__(self, other):
        other = lift(other)
        v = self.v - other.v
        return Tracked(v, self.e + other.e + Tracked.unit * np.abs(v))

    def __rsub__(self, other):
        return lift(other) - self

    def __mul__(self, other):
        other = lift(other)
        v = self.v * other.v
        e = np.abs(self.v) * other.e + np.abs(other.v) * self.e + self.e * other.e
        return Tracked(v, e + Tracked.unit * np.abs(v))

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other):
        other = lift(other)
        v = self.v / other.v
        return Tracked(v, (self.e + np.abs(v) * other.e) / np.abs(other.v) + Tracked.unit * np.abs(v))

    def __matmul__(self, other):
        terms = growth(self.shape[-1]) * Tracked.unit
        e = (terms * np.abs(self.v) + self.e) @ np.abs(other.v)
        if np.any(other.e):
            e += np.abs(self.v) @ np.broadcast_to(other.e, other.shape)
        return Tracked(self.v @ other.v, e)

    @property
    def T(self):
        return Tracked(self.v.T, self.e.T if np.ndim(self.e) else self.e)

    def reshape(self, *shape):
        e = np.broadcast_to(self.e, self.shape).reshape(*shape) if np.ndim(self.e) else self.e
        return Tracked(self.v.reshape(*shape), e)

    def __getitem__(self, index):
        return Tracked(self.v[index], np.broadcast_to(self.e, self.shape)[index])

    def transpose(self, axes):
        return Tracked(self.v.transpose(axes), np.broadcast_to(self.e, self.shape).transpose(axes))

    @staticmethod
    def joined(parts, axis):
        """Returns the parts joined along an axis."""
        e = [np.broadcast_to(part.e, part.shape) for part in parts]
        return Tracked(np.concatenate([part.v for part in parts], axis), np.concatenate(e, axis))

    def sum(self, axis=None, keepdims=False):
        """Along one axis, or of everything."""
        terms = self.v.size if axis is None else self.shape[axis]
        e = np.broadcast_to(self.e, self.shape) + growth(terms) * Tracked.unit * np.abs(self.v)
        return Tracked(self.v.sum(axis=axis, keepdims=keepdims), e.sum(axis=axis, keepdims=keepdims))

    def total(self):
        """Returns the sum for a loss: at most 1024 terms are added up in the precision of the values, the
        partial sums in double.
        """
        rounding = (min(self.v.size, 1024) + 2) * Tracked.unit + self.v.size * UNITS["float64"]
        e = np.broadcast_to(self.e, self.shape) + rounding * np.abs(self.v)
        return Tracked(self.v.sum(), e.sum())

    def curve(self, y, slope, size=None):
        """y = f(self) with |f'| = |slope|; the intermediate values that are rounded have the size `size`, by
        default that of y.
        """
        own = CURVE * Tracked.unit * np.abs(y if size is None else size)
        return Tracked(y, np.abs(slope) * self.e + own)


def lift(value):
    return value if isinstance(value, Tracked) else Tracked(value)


def matrix(x):
    """Returns the matrix (all axes but the last) × (the last axis)."""
    return x.reshape(int(np.prod(x.shape[:-1], dtype=np.int64)), x.shape[-1])


class Precision:
    """`with Precision("float32"):` bounds are those of float32."""

    def __init__(self, dtype):
        self.dtype = dtype

    def __enter__(self):
        self.before = Tracked.unit
        Tracked.unit = UNITS[self.dtype]

    def __exit__(self, *error):
        Tracked.unit = self.before


def worst(got, expected, dtype):
    """Returns the largest ratio of a difference to its bound, which may be at most 1, and its place. NaN
    counts as an infinite ratio.
    """
    got = np.asarray(got, np.float64)
    if got.shape != expected.shape:
        return float("inf"), ("shape", got.shape, expected.shape)
    if not got.size:
        return 0.0, ()
    bound = 2 * np.broadcast_to(expected.e, expected.shape) + FLOORS[dtype]
    with np.errstate(all="ignore"):
        ratio = np.abs(got - expected.v) / bound
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    index = np.unravel_index(np.argmax(ratio), ratio.shape) if ratio.ndim else ()
    return float(ratio[index]), tuple(int(i) for i in index)
