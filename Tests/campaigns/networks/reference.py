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
from .layer import Layer
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


LAYERS: dict[str, Layer] = {**activations, "dense": Dense(), "flatten": Flatten(), "softmax": Softmax()}


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
