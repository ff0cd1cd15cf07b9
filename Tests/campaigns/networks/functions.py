"""Functions of one value."""

from __future__ import annotations

import numpy as np
from scipy.special import erf, erfc, expit

from .layer import Layer
from .tracked import Tracked

RELU_CORNER = 4


def gauss(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


class Sigmoid(Layer):
    def value(self, x):
        y = expit(x.v)
        return x.curve(y, y * expit(-x.v))

    def slope(self, x, y):
        return y * (1 - y)

    def size(self, attributes, sizes):
        return [0.6]

    def having(self, attributes):
        """Returns the function with its attributes."""
        return self

    def forward(self, attributes, xs, ps):
        return [self.having(attributes).value(xs[0])]

    def backward(self, attributes, xs, ps, ys, dys):
        return [dys[0] * self.having(attributes).slope(xs[0], ys[0])], {}


class Tanh(Sigmoid):
    def value(self, x):
        y = np.tanh(x.v)
        return x.curve(y, 1 - y * y)

    def slope(self, x, y):
        return 1 - y * y


class Relu(Sigmoid):
    def value(self, x):
        return Tracked(np.maximum(x.v, 0), x.e)

    def slope(self, x, y):
        # If rounding decides on which side of the corner x is, both derivatives are right.
        return Tracked(
            (x.v > 0).astype(float), ((np.abs(x.v) <= RELU_CORNER * x.e) & (x.e > 0)).astype(float)
        )

    def size(self, attributes, sizes):
        return [sizes[0]]


class Exp(Sigmoid):
    def value(self, x):
        y = np.exp(x.v)
        return x.curve(y, y)

    def slope(self, x, y):
        return y

    def size(self, attributes, sizes):
        return [3 * np.exp(sizes[0])]


class Erf(Sigmoid):
    def value(self, x):
        return x.curve(erf(x.v), 2 / np.sqrt(np.pi) * np.exp(-(x.v**2)))

    def slope(self, x, y):
        slope = 2 / np.sqrt(np.pi) * np.exp(-(x.v**2))
        return x.curve(slope, 2 * x.v * slope, slope * (1 + x.v**2))


class Gelu(Sigmoid):
    def value(self, x):
        below = erfc(-x.v / np.sqrt(2)) / 2
        y = x.v * below
        return x.curve(y, below + x.v * gauss(x.v), y * (1 + x.v**2))

    def slope(self, x, y):
        below, density = erfc(-x.v / np.sqrt(2)) / 2, gauss(x.v)
        size = below + np.abs(x.v) * density * (1 + x.v**2)
        return x.curve(below + x.v * density, density * (2 - x.v**2), size)

    def size(self, attributes, sizes):
        return [sizes[0]]


class GeluTanh(Gelu):
    inner, cubic = np.sqrt(2 / np.pi), 0.044715

    def parts(self, x):
        z = self.inner * (x + self.cubic * x**3)
        dz = self.inner * (1 + 3 * self.cubic * x**2)
        return expit(2 * z), expit(-2 * z), dz, z

    def value(self, x):
        below, above, dz, z = self.parts(x.v)
        y = x.v * below
        return x.curve(y, below + 2 * x.v * below * above * dz, y * (1 + np.abs(z)))

    def slope(self, x, y):
        below, above, dz, z = self.parts(x.v)
        bend = 2 * below * above * dz
        second = 2 * bend + 2 * np.abs(x.v) * (
            np.abs(bend) * dz + below * above * 6 * self.inner * self.cubic
        )
        size = below + np.abs(x.v) * bend * (1 + np.abs(z))
        return x.curve(below + x.v * bend, second, size)


class Identity(Sigmoid):
    def value(self, x):
        return x

    def slope(self, x, y):
        return Tracked(1.0)

    def backward(self, attributes, xs, ps, ys, dys):
        return [dys[0]], {}

    def size(self, attributes, sizes):
        return [sizes[0]]


class EitherGelu(Gelu):
    attributes = {"approximate": ["none", "tanh"]}

    def having(self, attributes):
        return GeluTanh() if attributes.get("approximate") == "tanh" else self

    def choose(self, draw):
        return draw.choice([{}, {"approximate": "none"}, {"approximate": "tanh"}])
