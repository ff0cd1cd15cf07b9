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

from .activations import LAYERS as activations
from .activations import Activated
from .arithmetic import ReduceMax
from .layer import Layer
from .shapes import resolve
from .tracked import Tracked, matrix

# The known attributes: a layer with another attribute, or another choice, first needs its reference here.
INITIALIZERS = [
    "auto", "zeros", "ones", "constant", "normal", "uniform", "truncated_normal", "integers", "xavier",
    "xavier_uniform", "he", "he_uniform", "lecun", "lecun_uniform", "fan_uniform", "orthogonal", "identity",
    "given",
]


class Dense(Activated):
    attributes = {
        "units": None,
        "activation": Activated.choices,
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
            attributes["activation"] = self.choose_activation(draw)
        if draw.chance(0.4):
            attributes["bias"] = draw.chance(0.4)
        if draw.chance(0.4):
            attributes["initializer"] = draw.initializer()
        if draw.chance(0.2):
            attributes["bias_initializer"] = draw.initializer(vector=True)
        return attributes

    def before(self, attributes, x, ps):
        u = matrix(x) @ ps["W"]
        if "b" in ps:
            u = u + ps["b"]
        return u.reshape(*x.shape[:-1], attributes["units"])

    def backward(self, attributes, xs, ps, ys, dys):
        du = self.through_activation(attributes, xs, ps, ys, dys)
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
    attributes = {"axis": None}

    def shapes(self, attributes, shapes):
        axis = resolve(attributes.get("axis", -1), len(shapes[0]) + 1)
        return [shapes[0]] if shapes[0] and axis is not None else None

    def choose(self, draw):
        return {"axis": draw.choice([1, 1, 2, -1, -2])} if draw.chance(0.4) else {}

    def size(self, attributes, sizes):
        return [0.5]

    @staticmethod
    def turned(attributes, x):
        """x with the axis in the place of the last one, and the other way round."""
        order = list(range(x.v.ndim))
        axis = resolve(attributes.get("axis", -1), x.v.ndim)
        order[axis], order[-1] = order[-1], order[axis]
        return x.transpose(order)

    @staticmethod
    def shares(x):
        """(x − max, e^(x − max) / Σ, the relative errors of that), along the last axis."""
        shifted = x.v - x.v.max(axis=-1, keepdims=True)
        e = np.exp(shifted)
        p = e / e.sum(axis=-1, keepdims=True)
        unit = Tracked.unit
        relative = np.broadcast_to(x.e, x.shape) + unit * np.abs(shifted)
        spread = relative + (p * relative).sum(axis=-1, keepdims=True)
        return shifted, p, spread + (12 + 6 * x.shape[-1] ** 0.5) * unit

    @classmethod
    def probabilities(cls, x):
        """Along the last axis."""
        if not x.v.size:
            return Tracked(x.v)
        _, p, spread = cls.shares(x)
        return Tracked(p, p * spread)

    def forward(self, attributes, xs, ps):
        return [self.turned(attributes, self.probabilities(self.turned(attributes, xs[0])))]

    def backward(self, attributes, xs, ps, ys, dys):
        axis = resolve(attributes.get("axis", -1), xs[0].v.ndim)
        inner = (ys[0] * dys[0]).sum(axis=axis, keepdims=True)
        return [ys[0] * (dys[0] - inner)], {}


class LogSoftmax(Softmax):
    def size(self, attributes, sizes):
        return [3 * sizes[0] + 3]

    def forward(self, attributes, xs, ps):
        x = self.turned(attributes, xs[0])
        if not x.v.size:
            return [Tracked(xs[0].v)]
        shifted, _, spread = self.shares(x)
        total = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        y = shifted - total
        # The logarithm of the sum is off by the relative error of the sum.
        return [self.turned(attributes, Tracked(y, spread + 4 * Tracked.unit * (np.abs(y) + np.abs(total))))]

    def backward(self, attributes, xs, ps, ys, dys):
        axis = resolve(attributes.get("axis", -1), xs[0].v.ndim)
        p = np.exp(ys[0].v)
        return [dys[0] - ys[0].curve(p, p) * dys[0].sum(axis=axis, keepdims=True)], {}


class Maxout(Layer):
    attributes = {"units": None, "pieces": None, "bias": None, "initializer": None, "bias_initializer": None}

    def shapes(self, attributes, shapes):
        return [[*shapes[0][:-1], attributes["units"]]] if shapes[0] else None

    def parameters(self, attributes, shapes):
        inputs, columns = shapes[0][-1], attributes["units"] * attributes.get("pieces", 2)
        found = [("W", (inputs, columns), 0.9 * (3 / max(inputs, 1)) ** 0.5)]
        return found + ([("b", (columns,), 0.3)] if attributes.get("bias", True) else [])

    def choose(self, draw):
        attributes = {"units": draw.extent()}
        if draw.chance(0.5):
            attributes["pieces"] = draw.choice([1, 2, 3, 5])
        if draw.chance(0.3):
            attributes["bias"] = draw.chance(0.4)
        if draw.chance(0.3):
            attributes["initializer"] = draw.choice([["he", {}], ["xavier", {}], ["normal", {"scale": 0.3}]])
        if draw.chance(0.2):
            attributes["bias_initializer"] = draw.initializer(vector=True, automatic=False)
        return attributes

    def size(self, attributes, sizes):
        return [1.5 * sizes[0] + 0.5]

    def work(self, attributes, shapes, shape):
        return int(np.prod(shape)) * shapes[0][-1] * attributes.get("pieces", 2)

    def sums(self, attributes, x, ps):
        """x·W + b as (rows, pieces, units)."""
        u = matrix(x) @ ps["W"]
        if "b" in ps:
            u = u + ps["b"]
        return u.reshape(u.shape[0], attributes.get("pieces", 2), attributes["units"])

    def forward(self, attributes, xs, ps):
        u, y = self.sums(attributes, xs[0], ps), (*xs[0].shape[:-1], attributes["units"])
        return [self.largest.forward({"axes": [1]}, [u], {})[0].reshape(*y)]

    def backward(self, attributes, xs, ps, ys, dys):
        u, x = self.sums(attributes, xs[0], ps), matrix(xs[0])
        y, dy = (value.reshape(u.shape[0], u.shape[2]) for value in (ys[0], dys[0]))
        du = self.largest.backward({"axes": [1]}, [u], {}, [y], [dy])[0][0].reshape(u.shape[0], u.shape[1] * u.shape[2])
        dps = {"W": x.T @ du}
        if "b" in ps:
            dps["b"] = du.sum(axis=0)
        return [(du @ ps["W"].T).reshape(*xs[0].shape)], dps

    largest = ReduceMax()


LAYERS: dict[str, Layer] = {
    **activations,
    "dense": Dense(),
    "flatten": Flatten(),
    "log_softmax": LogSoftmax(),
    "maxout": Maxout(),
    "softmax": Softmax(),
}


# In no random network: a layer that is part of the loss (Tests/python/test_sample_weights.py compares it with
# NumPy).
ELSEWHERE = ("activity_penalty",)
# Optimizers that evaluate the loss themselves, with their attributes; see searching.py.
SEARCHING = {
    "lbfgs": ["learning_rate", "iterations", "history", "gradient_tolerance", "change_tolerance"],
    "levenberg_marquardt": ["learning_rate", "damping", "increase", "decrease", "greatest_damping"],
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
            {**{kind: known.attributes for kind, known in optimizers.OPTIMIZERS.items()}, **{
                kind: dict.fromkeys(names) for kind, names in SEARCHING.items()
            }},
        ),
        "initializers": ("initializer", {kind: None for kind in INITIALIZERS}),
    }
    for section, (word, known) in tables.items():
        for entry in registry[section]:
            kind = entry["kind"]
            if kind in ELSEWHERE:
                continue
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
