"""What every layer computes, in NumPy and float64, from the formulas of its documentation. Nothing here is
Denpa's code.

A layer is a class with
    shapes(attributes, shapes)              the sample shapes of its outputs; None if it cannot take them
    parameters(attributes, shapes)          [(name, shape, scale)]: values are drawn from ±scale
    forward(attributes, xs, ps)             [y], from tracked inputs and a dict of tracked parameters
                                            (tracked.py)
    backward(attributes, xs, ps, ys, dys)   ([dx], {name: dp}); None in dys: that output has no gradient
    choose(draw)                            attributes for a random network (generate.py); choose_for(draw,
                                            shape) if they depend on the first input's shape
    work(attributes, shapes, shape)         multiply-adds for one sample, if they count
`arity` is the number of inputs; `states` are the parameters that forward changes while training, and
`positive` the inputs that must be positive.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erf, erfc, expit

from .tracked import Tracked, matrix

# The known attributes: a layer with another attribute, or another choice, first needs its reference here.
INITIALIZERS = ["auto", "zeros", "ones", "constant", "normal", "uniform", "xavier", "he"]


class Layer:
    """By default a layer has one input, one output of its shape, no parameters and no attributes."""

    arity = 1
    attributes: dict = {}  # name: choices, or None
    states: tuple = ()
    positive: tuple = ()
    broadcasts = False  # inputs of other shapes and single numbers are broadcast
    training = False  # whether forward and backward are those of training, if they differ; set by Pass

    def shapes(self, attributes, shapes):
        return [shapes[0]]

    def parameters(self, attributes, shapes):
        return []

    def choose(self, draw):
        return {}

    def size(self, attributes, sizes):
        """Returns the approximate size of the outputs for the given size of the inputs (root mean square)."""
        return [sizes[0]]


# -- functions -----------------------------------------------------------------------------------------------
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

    def forward(self, attributes, xs, ps):
        return [self.value(xs[0])]

    def backward(self, attributes, xs, ps, ys, dys):
        return [dys[0] * self.slope(xs[0], ys[0])], {}


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


FUNCTIONS = {
    "identity": Identity(),
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "relu": Relu(),
    "exp": Exp(),
    "erf": Erf(),
    "gelu": Gelu(),
    "gelu_tanh": GeluTanh(),
}


# -- layers --------------------------------------------------------------------------------------------------
class EitherGelu(Layer):
    attributes = {"approximate": ["none", "tanh"]}

    def function(self, attributes):
        return FUNCTIONS["gelu_tanh" if attributes.get("approximate") == "tanh" else "gelu"]

    def choose(self, draw):
        return draw.choice([{}, {"approximate": "none"}, {"approximate": "tanh"}])

    def forward(self, attributes, xs, ps):
        return self.function(attributes).forward({}, xs, ps)

    def backward(self, attributes, xs, ps, ys, dys):
        return self.function(attributes).backward({}, xs, ps, ys, dys)


class Dense(Layer):
    attributes = {
        "units": None,
        "activation": list(FUNCTIONS),
        "bias": None,
        "initializer": None,
        "bias_initializer": None,
    }

    def shapes(self, attributes, shapes):
        return [[*shapes[0][:-1], attributes["units"]]] if shapes[0] else None

    def parameters(self, attributes, shapes):
        inputs = shapes[0][-1]
        found = [("W", (inputs, attributes["units"]), 0.9 * (3 / max(inputs, 1)) ** 0.5)]
        return found + ([("b", (attributes["units"],), 0.3)] if attributes.get("bias", True) else [])

    def choose(self, draw):
        attributes = {"units": draw.extent()}
        if draw.chance(0.6):
            attributes["activation"] = draw.choice(list(FUNCTIONS))
        if draw.chance(0.4):
            attributes["bias"] = draw.chance(0.4)
        if draw.chance(0.4):
            attributes["initializer"] = draw.initializer()
        if draw.chance(0.2):
            attributes["bias_initializer"] = draw.initializer(vector=True)
        return attributes

    def size(self, attributes, sizes):
        return FUNCTIONS[attributes.get("activation", "identity")].size({}, [0.9 * sizes[0] + 0.1])

    def before(self, attributes, x, ps):
        u = matrix(x) @ ps["W"]
        if "b" in ps:
            u = u + ps["b"]
        return u.reshape(*x.shape[:-1], attributes["units"])

    def forward(self, attributes, xs, ps):
        return [FUNCTIONS[attributes.get("activation", "identity")].value(self.before(attributes, xs[0], ps))]

    def backward(self, attributes, xs, ps, ys, dys):
        function = FUNCTIONS[attributes.get("activation", "identity")]
        du = dys[0]
        if function is not FUNCTIONS["identity"]:
            du = du * function.slope(self.before(attributes, xs[0], ps), ys[0])
        x, du = matrix(xs[0]), matrix(du)
        dps = {"W": x.T @ du}
        if "b" in ps:
            dps["b"] = du.sum(axis=0)
        return [(du @ ps["W"].T).reshape(*xs[0].shape)], dps


class Flatten(Layer):
    integers = True  # takes any dtype

    def shapes(self, attributes, shapes):
        return [[int(np.prod(shapes[0], dtype=np.int64))]]

    def forward(self, attributes, xs, ps):
        return [xs[0].reshape(len(xs[0].v), *self.shapes(attributes, [list(xs[0].shape[1:])])[0])]

    def backward(self, attributes, xs, ps, ys, dys):
        return [dys[0].reshape(*xs[0].shape)], {}


class Softmax(Layer):
    def shapes(self, attributes, shapes):
        return [shapes[0]] if shapes[0] else None

    def size(self, attributes, sizes):
        return [0.5]

    @staticmethod
    def probabilities(x):
        """e^(x − max) / Σ, with the rounding of the exponents and the effect of errors of x."""
        if not x.v.size:
            return Tracked(x.v)
        shifted = x.v - x.v.max(axis=-1, keepdims=True)
        e = np.exp(shifted)
        p = e / e.sum(axis=-1, keepdims=True)
        unit = Tracked.unit
        relative = np.broadcast_to(x.e, x.shape) + unit * np.abs(shifted)
        spread = relative + (p * relative).sum(axis=-1, keepdims=True)
        return Tracked(p, p * (spread + (12 + 6 * x.shape[-1] ** 0.5) * unit))

    def forward(self, attributes, xs, ps):
        return [self.probabilities(xs[0])]

    def backward(self, attributes, xs, ps, ys, dys):
        inner = (ys[0] * dys[0]).sum(axis=-1, keepdims=True)
        return [ys[0] * (dys[0] - inner)], {}


LAYERS: dict[str, Layer] = {
    "dense": Dense(),
    "erf": FUNCTIONS["erf"],
    "exp": FUNCTIONS["exp"],
    "flatten": Flatten(),
    "gelu": EitherGelu(),
    "identity": FUNCTIONS["identity"],
    "relu": FUNCTIONS["relu"],
    "sigmoid": FUNCTIONS["sigmoid"],
    "softmax": Softmax(),
    "tanh": FUNCTIONS["tanh"],
}


def unknown(registry):
    """Returns one sentence for each thing in the registry that has no reference here."""
    from . import losses, optimizers, plugins
    from .graph import LAYERS as layers

    tables = {
        "layers": ("layer", {kind: layer.attributes for kind, layer in layers.items()}),
        "losses": (
            "loss",
            {kind: loss.attributes for kind, loss in {**losses.LOSSES, **plugins.LOSSES}.items()},
        ),
        "optimizers": (
            "optimizer",
            {kind: known.attributes for kind, known in optimizers.OPTIMIZERS.items()},
        ),
        "initializers": ("initializer", {kind: None for kind in INITIALIZERS}),
    }
    for section, (word, known) in tables.items():
        for entry in registry[section]:
            kind = entry["kind"]
            if kind not in known:
                yield f'{word} "{kind}": no reference for this kind: add one in reference.py'
                continue
            for attribute in entry["attributes"] if known[kind] is not None else []:
                name, choices = attribute["name"], attribute["choices"] or []
                if name not in known[kind]:
                    yield f'{word} "{kind}": no reference for its attribute "{name}": add it in reference.py'
                for choice in choices:
                    if choice not in (known[kind].get(name) or choices):
                        yield f'{word} "{kind}": no reference for {name} "{choice}": add it in reference.py'
