"""The element-wise optimizers other than SGD and Adam, and LAMB, in NumPy and float64; see optimizers.py."""

from __future__ import annotations

import numpy as np

from .tracked import UNITS, Tracked

MOMENTS = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}


class Rule:
    """What the other optimizers have in common: w ← w − rate·change, g with weight_decay·w in it. Subclasses
    compute the change from g, and the size of its terms from that of g's, and keep what they need by name.
    """

    decoupled = False
    continuous = True
    """Whether a small error of a gradient makes a small error of the change."""

    def __init_subclass__(cls):
        cls.attributes = dict.fromkeys(cls.defaults)

    def __init__(self, given):
        self.of = {**self.defaults, **given}
        self.kept, self.t = {}, 0
        self.first_rate = self.of["learning_rate"]

    def begin(self):
        self.t += 1

    def flushed(self, least):
        epsilon = self.of.get("epsilon", 1.0)
        correction = 1 - self.of.get("beta1", 0.0) ** self.t
        return self.of["learning_rate"] * self.t * least * (1 / correction / epsilon + 10 / epsilon**2)

    def step(self, name, w, g):
        rate, decay, size = (self.of["learning_rate"], self.of.get("weight_decay", 0.0), np.abs(g))
        kept = w
        if self.decoupled or self.of.get("decoupled_weight_decay"):
            kept = w * (1 - rate * decay)
        else:
            g, size = g + decay * w, size + decay * np.abs(w)
        change, size = self.change(name, g, size)
        return kept - rate * change, np.abs(w) + rate * size

    def mean(self, what, name, beta, x):
        """Returns the running mean that is kept under two names."""
        value = self.kept[what, name] = beta * self.kept.get((what, name), 0.0) + (1 - beta) * x
        return value

    def moments(self, name, g, size):
        """Returns Adam's m and v, and the size of their terms: of g and of its square."""
        beta1, beta2 = self.of["beta1"], self.of["beta2"]
        return (
            self.mean("m", name, beta1, g),
            self.mean("v", name, beta2, g * g),
            self.mean("size of m", name, beta1, size),
            self.mean("size of v", name, beta2, size * size),
        )


def quotient(x, size_of_x, root, size_of_root):
    """Returns x / root with the size of its terms."""
    return x / root, size_of_x / root + np.abs(x) * size_of_root / root**2


def drawn(draw, **choices):
    """Draws a value for some of the attributes."""
    return {name: draw.choice(values) for name, values in choices.items() if draw.chance(0.4)}


class NAdam(Rule):
    """Dozat, 2016: Nesterov's momentum, which grows from beta1 / 2 to beta1."""

    defaults = {**MOMENTS, "learning_rate": 0.002, "momentum_decay": 0.004, "decoupled_weight_decay": False}

    @staticmethod
    def choose(draw):
        return drawn(
            draw,
            beta1=[0.0, 0.5, 0.99],
            beta2=[0.5, 0.9],
            epsilon=[1e-4, 0.1],
            momentum_decay=[0.0, 0.1, 3.0],
            weight_decay=[1e-4, 0.1],
            decoupled_weight_decay=[True],
        )

    def momentum(self, t):
        return self.of["beta1"] * (1 - 0.5 * 0.96 ** (t * self.of["momentum_decay"]))

    def change(self, name, g, size):
        m, v, size_of_m, size_of_v = self.moments(name, g, size)
        product = np.prod([self.momentum(t + 1) for t in range(self.t)])
        now, next = self.momentum(self.t), self.momentum(self.t + 1)
        of_g, of_m = (1 - now) / (1 - product), next / (1 - product * next)
        correction = 1 - self.of["beta2"] ** self.t
        root = np.sqrt(v / correction) + self.of["epsilon"]
        size = of_m * size_of_m + of_g * size
        return quotient(of_m * m + of_g * g, size, root, np.sqrt(size_of_v / correction))


class RAdam(Rule):
    """Liu et al., 2020: Adam's step if v has seen enough, and otherwise m's alone."""

    defaults = {**MOMENTS, "learning_rate": 0.001, "decoupled_weight_decay": False}

    @staticmethod
    def choose(draw):
        return drawn(
            draw,
            beta1=[0.0, 0.5, 0.99],
            beta2=[0.5, 0.8, 0.9],
            epsilon=[1e-4, 0.1],
            weight_decay=[1e-4, 0.1],
            decoupled_weight_decay=[True],
        )

    def change(self, name, g, size):
        m, v, size_of_m, size_of_v = self.moments(name, g, size)
        beta2, correction = self.of["beta2"], 1 - self.of["beta1"] ** self.t
        m, size_of_m = m / correction, size_of_m / correction
        limit = 2 / (1 - beta2) - 1
        length = limit - 2 * self.t * beta2**self.t / (1 - beta2**self.t)
        if length <= 5:
            return m, size_of_m
        r = np.sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length))
        scale = r * np.sqrt(1 - beta2**self.t)
        # The length is the small difference of large numbers, in double; its rounding is that of r.
        size_of_m = size_of_m * (1 + limit / (length - 4) * UNITS["float64"] / Tracked.unit)
        return quotient(scale * m, scale * size_of_m, np.sqrt(v) + self.of["epsilon"], np.sqrt(size_of_v))


class Adamax(Rule):
    """Kingma & Ba, 2015, section 7.1: the decaying maximum of |g| in the place of the root of v."""

    defaults = {**MOMENTS, "learning_rate": 0.002}

    @staticmethod
    def choose(draw):
        return drawn(
            draw, beta1=[0.0, 0.5, 0.99], beta2=[0.5, 0.9], epsilon=[1e-4, 0.1], weight_decay=[1e-4, 0.1]
        )

    def change(self, name, g, size):
        beta1, beta2, epsilon = self.of["beta1"], self.of["beta2"], self.of["epsilon"]
        m = self.mean("m", name, beta1, g)
        size_of_m = self.mean("size of m", name, beta1, size)
        norms = []
        for what, x in (("norm", np.abs(g)), ("size of norm", size)):
            norms.append(np.maximum(beta2 * self.kept.get((what, name), 0.0), x + epsilon))
            self.kept[what, name] = norms[-1]
        correction = 1 - beta1**self.t
        return quotient(m / correction, size_of_m / correction, *norms)


class RMSProp(Rule):
    """Tieleman & Hinton, 2012: g divided by the root of its running mean square, or of its variance; then
    momentum.
    """

    defaults = {
        "learning_rate": 0.01,
        "rho": 0.99,
        "epsilon": 1e-8,
        "momentum": 0.0,
        "centered": False,
        "weight_decay": 0.0,
    }

    @staticmethod
    def choose(draw):
        given = drawn(draw, epsilon=[1e-4, 0.1], centered=[True], weight_decay=[1e-4, 0.1])
        # The first step is the rate divided by the root of 1 − rho.
        given["rho"] = draw.choice([0.5, 0.9, 0.99])
        if draw.chance(0.5):
            given["momentum"] = draw.choice([0.5, 0.9])
        return given

    def change(self, name, g, size):
        rho, momentum = self.of["rho"], self.of["momentum"]
        v = self.mean("v", name, rho, g * g)
        size_of_v = self.mean("size of v", name, rho, size * size)
        size_of_root = np.sqrt(size_of_v)
        if self.of["centered"]:
            m = self.mean("m", name, rho, g)
            v = np.maximum(v - m * m, 0.0)
            root = np.sqrt(v)
            # v and m² cancel.
            size_of_root = np.divide(size_of_v, root, out=np.zeros_like(root), where=root > 0)
        change, size = quotient(g, size, np.sqrt(v) + self.of["epsilon"], size_of_root)
        change = self.kept["u", name] = momentum * self.kept.get(("u", name), 0.0) + change
        size = self.kept["size", name] = momentum * self.kept.get(("size", name), 0.0) + size
        return change, size


class Adagrad(Rule):
    """Duchi, Hazan & Singer, 2011: g divided by the root of the sum of its squares so far."""

    defaults = {
        "learning_rate": 0.01,
        "learning_rate_decay": 0.0,
        "initial_accumulator": 0.0,
        "epsilon": 1e-10,
        "weight_decay": 0.0,
    }

    @staticmethod
    def choose(draw):
        given = drawn(
            draw, learning_rate_decay=[0.01, 1.0], initial_accumulator=[1e-3, 1.0], weight_decay=[1e-4, 0.1]
        )
        # The default would make whole steps of what rounding leaves of gradients that are 0.
        given["epsilon"] = draw.choice([1e-6, 1e-3])
        return given

    def change(self, name, g, size):
        sums = []
        for what, x in (("sum", g * g), ("size", size * size)):
            sums.append(self.kept.get((what, name), self.of["initial_accumulator"]) + x)
            self.kept[what, name] = sums[-1]
        change, size = quotient(g, size, np.sqrt(sums[0]) + self.of["epsilon"], np.sqrt(sums[1]))
        slower = 1 + (self.t - 1) * self.of["learning_rate_decay"]
        return change / slower, size / slower


class Adadelta(Rule):
    """Zeiler, 2012: g divided by the root of its mean square, times that of the changes."""

    defaults = {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-6, "weight_decay": 0.0}

    @staticmethod
    def choose(draw):
        return drawn(draw, rho=[0.5, 0.99], epsilon=[1e-4, 0.01], weight_decay=[1e-4, 0.1])

    def change(self, name, g, size):
        rho, epsilon = self.of["rho"], self.of["epsilon"]
        root = np.sqrt(self.mean("v", name, rho, g * g) + epsilon)
        size_of_root = np.sqrt(self.mean("size of v", name, rho, size * size) + epsilon)
        last = np.sqrt(self.kept.get(("u", name), 0.0) + epsilon)
        size_of_last = np.sqrt(self.kept.get(("size of u", name), 0.0) + epsilon)
        change, size = quotient(last * g, last * size + np.abs(g) * size_of_last, root, size_of_root)
        self.mean("u", name, rho, change * change)
        self.mean("size of u", name, rho, size * size)
        return change, size


class Rprop(Rule):
    """Riedmiller & Braun, 1993, without going back: a step of each weight's own, from the signs of g."""

    defaults = {"learning_rate": 0.01, "eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0}
    continuous = False

    @staticmethod
    def choose(draw):
        return drawn(
            draw, eta_minus=[0.1, 0.9], eta_plus=[1.0, 1.5], step_min=[1e-9, 1e-4], step_max=[1e-3, 0.01]
        )

    def change(self, name, g, size):
        turn = np.sign(g) * np.sign(self.kept.get(("g", name), 0.0))
        factor = np.where(turn > 0, self.of["eta_plus"], np.where(turn < 0, self.of["eta_minus"], 1.0))
        step = self.kept.get(("step", name), self.first_rate) * factor
        step = self.kept["step", name] = np.clip(step, self.of["step_min"], self.of["step_max"])
        g = self.kept["g", name] = np.where(turn < 0, 0.0, g)
        return np.sign(g) * step / self.first_rate, step / self.first_rate


class Lion(Rule):
    """Chen et al., 2023: the sign of a running mean of g."""

    defaults = {"learning_rate": 1e-4, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0}
    decoupled = True
    continuous = False

    @staticmethod
    def choose(draw):
        return drawn(draw, beta1=[0.0, 0.5, 0.99], beta2=[0.5, 0.9], weight_decay=[1e-4, 0.1])

    def change(self, name, g, size):
        beta1, ahead = self.of["beta1"], []
        for what, x in (("m", g), ("size", size)):
            ahead.append(beta1 * self.kept.get((what, name), 0.0) + (1 - beta1) * x)
            self.mean(what, name, self.of["beta2"], x)
        c, size = ahead
        # Rounding decides about the sign of what is nearly 0.
        unsure = (size > 0) & (np.abs(c) < 1e-5 * size + 1e-37)
        return np.sign(c), np.where(unsure, 1e20, 1.0)


class LAMB(Rule):
    """You et al., 2020: Adam's step, made as long as the parameter."""

    defaults = {**MOMENTS, "learning_rate": 0.001, "epsilon": 1e-6, "weight_decay": 0.01}
    # A direction of rounding errors alone is made as long as any other.
    continuous = False

    @staticmethod
    def choose(draw):
        return drawn(
            draw, beta1=[0.0, 0.5, 0.99], beta2=[0.5, 0.9], epsilon=[1e-4, 0.1], weight_decay=[0.0, 0.1]
        )

    def step(self, name, w, g):
        m, v, size_of_m, size_of_v = self.moments(name, g, np.abs(g))
        decay, rate = self.of["weight_decay"], self.of["learning_rate"]
        first, second = 1 - self.of["beta1"] ** self.t, 1 - self.of["beta2"] ** self.t
        root = np.sqrt(v / second) + self.of["epsilon"]
        u, size = quotient(m / first, size_of_m / first, root, np.sqrt(size_of_v / second))
        u, size = u + decay * w, size + decay * np.abs(w)
        norm, length = np.sqrt((w * w).sum()), np.sqrt((u * u).sum())
        ratio = norm / length if norm > 0 and length > 0 else 1.0
        # The norms' errors are those of the largest terms; that of u is divided by u.
        doubt = 1 + (np.sqrt((size * size).sum()) / length if length > 0 else 0.0)
        return w - rate * ratio * u, np.abs(w) + rate * ratio * (size + np.abs(u) * doubt)
