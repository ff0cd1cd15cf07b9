"""How weights are updated from gradients, in NumPy and float64. Each optimizer is a class that keeps its
moments by name.
"""

from __future__ import annotations

import numpy as np

from .matrix_updates import Adafactor, Muon
from .updates import LAMB, Adadelta, Adagrad, Adamax, Lion, NAdam, RAdam, RMSProp, Rprop


class SGD:
    """v ← momentum·v + g, w ← w − rate·v (Nesterov: − rate·(g + momentum·v)), g with weight_decay·w in it."""

    continuous = True
    attributes = {"learning_rate": None, "momentum": None, "nesterov": None, "weight_decay": None}
    defaults = {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0}

    def __init__(self, given):
        self.of = {**self.defaults, **given}
        self.velocity = {}

    @staticmethod
    def choose(draw):
        given = {}
        if draw.chance(0.6):
            given["momentum"] = draw.choice([0.5, 0.9, 1.0])
            given["nesterov"] = draw.chance(0.4)
        if draw.chance(0.3):
            given["weight_decay"] = draw.choice([1e-4, 0.1])
        return given

    def begin(self):
        """A step begins."""

    def flushed(self, least):
        """Returns the error of a weight that may result from flushing subnormal numbers to 0."""
        return self.of["learning_rate"] * least

    def step(self, name, w, g):
        """Returns the new weights, and the size of the terms that were added up."""
        size = self.size(name, np.abs(g) + self.of["weight_decay"] * np.abs(w))
        g = g + self.of["weight_decay"] * w
        rate, momentum = self.of["learning_rate"], self.of["momentum"]
        v = self.velocity[name] = momentum * self.velocity.get(name, 0.0) + g
        direction = g + momentum * v if self.of["nesterov"] else v
        return w - rate * direction, np.abs(w) + rate * size

    def size(self, name, g):
        """The velocity's size when nothing cancels: it grows like the sum."""
        key = (name, "size")
        self.velocity[key] = self.of["momentum"] * self.velocity.get(key, 0.0) + g
        return self.velocity[key] + g


class Adam:
    """m and v: running means of g and g²; w ← w − rate·m̂ / (√v̂ + epsilon), g with weight_decay·w in it."""

    defaults = {
        "learning_rate": 0.001,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "weight_decay": 0.0,
        "amsgrad": False,
    }
    attributes = dict.fromkeys(defaults)
    continuous = True

    def __init__(self, given):
        self.of = {**self.defaults, **given}
        self.first, self.second, self.greatest, self.sizes, self.t = {}, {}, {}, {}, 0

    @staticmethod
    def choose(draw):
        given = {}
        if draw.chance(0.4):
            given["beta1"] = draw.choice([0.0, 0.5, 0.99])
        if draw.chance(0.4):
            given["beta2"] = draw.choice([0.5, 0.9])
        if draw.chance(0.4):
            given["epsilon"] = draw.choice([1e-4, 0.1])
        if draw.chance(0.3):
            given["weight_decay"] = draw.choice([1e-4, 0.1])
        if draw.chance(0.3):
            given["amsgrad"] = True
        return given

    def begin(self):
        self.t += 1

    def flushed(self, least):
        # The first moment is at most this much too small in each step.
        return self.of["learning_rate"] * self.t * least / (1 - self.of["beta1"]**self.t) / self.of["epsilon"]

    def step(self, name, w, g):
        summands = np.abs(g) + self.of["weight_decay"] * np.abs(w)
        g = g + self.of["weight_decay"] * w
        rate, beta1, beta2 = self.of["learning_rate"], self.of["beta1"], self.of["beta2"]
        m = self.first[name] = beta1 * self.first.get(name, 0.0) + (1 - beta1) * g
        v = self.second[name] = beta2 * self.second.get(name, 0.0) + (1 - beta2) * g * g
        if self.of["amsgrad"]:
            v = self.greatest[name] = np.maximum(self.greatest.get(name, 0.0), v)
        size = self.sizes[name] = beta1 * self.sizes.get(name, 0.0) + (1 - beta1) * summands
        divisor = np.sqrt(v / (1 - beta2**self.t)) + self.of["epsilon"]
        correction = 1 - beta1**self.t
        return w - rate * (m / correction) / divisor, np.abs(w) + rate * (size / correction) / divisor


class AdamW(Adam):
    """w ← w − rate·weight_decay·w, then Adam's step without weight decay."""

    defaults = {**Adam.defaults, "weight_decay": 0.01}

    def step(self, name, w, g):
        decay = self.of["weight_decay"]
        self.of["weight_decay"] = 0.0
        kept = w * (1 - self.of["learning_rate"] * decay)
        result = super().step(name, kept, g)
        self.of["weight_decay"] = decay
        return result


OPTIMIZERS = {
    "adadelta": Adadelta,
    "adafactor": Adafactor,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamax": Adamax,
    "adamw": AdamW,
    "lamb": LAMB,
    "lion": Lion,
    "muon": Muon,
    "nadam": NAdam,
    "radam": RAdam,
    "rmsprop": RMSProp,
    "rprop": Rprop,
    "sgd": SGD,
}
