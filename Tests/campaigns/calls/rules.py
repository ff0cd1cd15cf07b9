"""The optimizers of the campaign, in NumPy and float64."""

from __future__ import annotations

import dataclasses
import fnmatch

import numpy as np


@dataclasses.dataclass(frozen=True)
class Rule:
    """An optimizer with its attributes."""

    kind: str
    attributes: tuple[tuple[str, float | bool], ...]
    clip_norm: float = 0.0
    clip_value: float = 0.0
    # The trainer shows and evaluates an average of the weights.
    average_decay: float = 0.0
    average_after: int = 0
    # Patterns of names, and the attributes that differ for them, or ("frozen", True).
    groups: tuple[tuple[str, tuple[tuple[str, float | bool], ...]], ...] = ()

    def __repr__(self):
        limits = f", clip_norm={self.clip_norm}" * (self.clip_norm > 0)
        limits += f", clip_value={self.clip_value}" * (self.clip_value > 0)
        limits += f", average_decay={self.average_decay}" * (self.average_decay > 0)
        limits += f", average_after={self.average_after}" * (self.average_after > 0)
        groups = f", groups={self.groups}" if self.groups else ""
        given = ", ".join(f"{name}={value}" for name, value in self.attributes)
        return f"{self.kind}({given}{limits}{groups})"

    def of(self, parameter):
        """Returns the rule for a parameter: its group's, or this one."""
        for pattern, more in self.groups:
            if fnmatch.fnmatchcase(parameter, pattern):
                return Rule(self.kind, tuple({**dict(self.attributes), **dict(more)}.items()))
        return self

    def share(self, parameter):
        """Returns the learning rate of a parameter divided by the optimizer's."""
        return self.of(parameter).value("learning_rate") / self.value("learning_rate")

    def limited(self, gradients):
        if self.clip_value:
            gradients = {n: np.clip(g, -self.clip_value, self.clip_value) for n, g in gradients.items()}
        largest = max((np.abs(g).max(initial=0) for g in gradients.values()), default=0) or 1.0
        norm = largest * np.sqrt(sum(((g / largest) ** 2).sum() for g in gradients.values()))
        if self.clip_norm and norm > self.clip_norm:
            gradients = {name: g * (self.clip_norm / norm) for name, g in gradients.items()}
        return gradients

    def value(self, name, default=0.0):
        return dict(self.attributes).get(name, default)

    @property
    def moments(self):
        if self.kind == "sgd":
            return 1 if self.value("momentum") else 0
        return {"adagrad": 1, "rmsprop": 3, "adam": 3}.get(self.kind, 2)

    def apply(self, weight, gradient, moments, step, rate):
        """Returns the new weight; `moments` are changed in place. `step` counts from 1."""
        if self.kind == "adamw":
            weight = weight * (1 - rate * self.value("weight_decay"))
        elif self.value("weight_decay"):  # added only if not 0, because 0 · inf is NaN
            gradient = gradient + self.value("weight_decay") * weight
        if self.kind == "adagrad":
            moments[0] = moments[0] + gradient**2
            return weight - rate * gradient / (np.sqrt(moments[0]) + self.value("epsilon"))
        if self.kind == "rmsprop":
            return weight - rate * self.rmsprop(gradient, moments)
        if self.kind.startswith("adam"):
            beta1, beta2 = 0.9, 0.999
            moments[0] = beta1 * moments[0] + (1 - beta1) * gradient
            moments[1] = beta2 * moments[1] + (1 - beta2) * gradient**2
            second = moments[1]
            if self.value("amsgrad"):
                second = moments[2] = np.maximum(moments[2], second)
            first, second = moments[0] / (1 - beta1**step), second / (1 - beta2**step)
            return weight - rate * first / (np.sqrt(second) + self.value("epsilon"))
        if not moments:
            return weight - rate * gradient
        momentum = self.value("momentum")
        moments[0] = momentum * moments[0] + gradient
        return weight - rate * (gradient + momentum * moments[0] if self.value("nesterov") else moments[0])

    def rmsprop(self, gradient, moments):
        rho, epsilon = self.value("rho"), self.value("epsilon")
        moments[0] = rho * moments[0] + (1 - rho) * gradient**2
        moments[1] = rho * moments[1] + (1 - rho) * gradient
        variance = np.maximum(moments[0] - moments[1] ** 2, 0) if self.value("centered") else moments[0]
        moments[2] = self.value("momentum") * moments[2] + gradient / (np.sqrt(variance) + epsilon)
        return moments[2]


# Rates small enough for training not to diverge, since rounding errors would grow as well. A large epsilon
# keeps Adam from amplifying rounding errors in gradients that are zero.
RULES = [
    Rule("sgd", (("learning_rate", 0.05),)),
    Rule("sgd", (("learning_rate", 0.01), ("momentum", 0.9))),
    Rule("adam", (("learning_rate", 0.02), ("epsilon", 1e-3))),
    Rule("sgd", (("learning_rate", 0.02), ("momentum", 0.5), ("nesterov", True), ("weight_decay", 0.01))),
    Rule("adam", (("learning_rate", 0.03), ("epsilon", 1e-3), ("weight_decay", 0.1))),
    Rule(
        "adamw",
        (("learning_rate", 0.02), ("epsilon", 1e-3), ("weight_decay", 0.1)),
        groups=(("*.b", (("weight_decay", 0.0), ("learning_rate", 0.005))),),
    ),
    Rule("sgd", (("learning_rate", 0.05),), clip_norm=0.3, clip_value=0.2),
    Rule(
        "sgd",
        (("learning_rate", 0.03), ("momentum", 0.5)),
        groups=(("*.W", (("frozen", True),)), ("*", (("momentum", 0.5),))),
    ),
    Rule("adam", (("learning_rate", 0.02), ("epsilon", 1e-3), ("amsgrad", True))),
    Rule(
        "rmsprop",
        (("learning_rate", 0.005), ("rho", 0.9), ("epsilon", 0.1), ("momentum", 0.5)),
        groups=(("*.b", (("momentum", 0.0), ("weight_decay", 0.1))),),
    ),
    Rule("adagrad", (("learning_rate", 0.02), ("epsilon", 1e-2)), clip_norm=0.5),
    None,
]
# The C machine looks at trainers' weights by a forward, which averages would hide.
AVERAGES = [
    Rule("sgd", (("learning_rate", 0.05),), average_decay=0.5),
    Rule("adam", (("learning_rate", 0.02), ("epsilon", 1e-3)), average_decay=1.0, average_after=2),
]
PYTHON_RULES = [*RULES[:-1], *AVERAGES]
