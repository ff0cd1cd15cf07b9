"""Losses of one prediction and one target, element by element or row by row, in NumPy (see losses.py).

Where rounding decides on which side of a corner a prediction is, the derivatives of both sides are right.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from .reductions import REDUCTIONS, reduction, scale
from .functions import RELU_CORNER
from .tracked import CURVE, Tracked


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def unsure(x):
    """Where the sign of a tracked number is not known."""
    return (np.abs(x.v) <= RELU_CORNER * x.e) & (np.broadcast_to(x.e, x.shape) > 0)


class ElementLoss:
    """`terms` returns the loss of each element, or row, and its derivative, both tracked."""

    own: dict = {}
    needs = "any"
    by_rows = False

    @property
    def attributes(self):
        return {"reduction": [*REDUCTIONS, "none"], **self.own}

    def forms(self, shape):
        return ["values", "values", "whole"] + (["column"] if shape in ([], [1]) else [])

    def choose(self, draw):
        return {**reduction(draw), **self.choose_own(draw)}

    def choose_own(self, draw):
        return {}

    def value(self, attributes, y, t, rows):
        if not y.v.size:
            return Tracked(0.0), Tracked(y.v)
        terms, slope = self.terms(attributes, y, t.reshape(y.shape).astype(np.float64))
        factor = scale(attributes, y.v.size // (y.shape[-1] if self.by_rows else 1), rows)
        rounded = Tracked(slope.v, slope.e + 4 * Tracked.unit * np.abs(slope.v))
        return terms.total() * factor, rounded * factor


class MeanAbsoluteError(ElementLoss):
    def terms(self, attributes, y, t):
        d = y - t
        return Tracked(np.abs(d.v), d.e), Tracked(np.sign(d.v), 2.0 * unsure(d))


class Huber(ElementLoss):
    own = {"delta": None}

    def choose_own(self, draw):
        return {"delta": draw.choice([0.25, 0.1, 2.0])} if draw.chance(0.5) else {}

    def terms(self, attributes, y, t):
        delta, d = attributes.get("delta", 1.0), y - t
        slope, size = np.clip(d.v, -delta, delta), np.abs(d.v)
        value = np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))
        rounding = CURVE * Tracked.unit
        return (
            Tracked(value, np.abs(slope) * d.e + d.e**2 + rounding * value),
            Tracked(slope, d.e + rounding * np.abs(slope)),
        )


class Quantile(ElementLoss):
    own = {"q": None}

    def choose_own(self, draw):
        return {"q": draw.choice([0.1, 0.9, 0.5, 0.0])} if draw.chance(0.6) else {}

    def terms(self, attributes, y, t):
        q, d = attributes.get("q", 0.5), y - t
        value, rounding = np.maximum(-q * d.v, (1 - q) * d.v), CURVE * Tracked.unit
        slope = np.where(d.v > 0, 1 - q, np.where(d.v < 0, -q, 0.0))
        return Tracked(value, d.e + rounding * value), Tracked(slope, 1.0 * unsure(d) + rounding)


class Hinge(ElementLoss):
    def forms(self, shape):
        return ["signs"]

    def terms(self, attributes, y, t):
        margin = 1.0 - y * t
        slope = np.where(margin.v > 0, -t, 0.0)
        return Tracked(np.maximum(margin.v, 0), margin.e), Tracked(slope, np.abs(t) * unsure(margin))


class SquaredHinge(Hinge):
    def terms(self, attributes, y, t):
        margin = 1.0 - y * t
        kept = Tracked(np.maximum(margin.v, 0), margin.e)
        return kept * kept, kept * Tracked(-2 * t)


def logarithm(x):
    return x.curve(np.log(x.v), 1 / x.v, 1 + np.abs(np.log(x.v)))


def chosen_epsilon(draw, always=False):
    return {"epsilon": draw.choice([1e-3, 0.1, 0.5])} if always or draw.chance(0.4) else {}


class BinaryCrossEntropy(ElementLoss):
    own = {"epsilon": None}
    needs = "share"

    def forms(self, shape):
        return ["answers", "answers", "parts"]

    def choose_own(self, draw):
        return chosen_epsilon(draw, always=True)  # a sigmoid may round to 1, whose other side is 0

    def terms(self, attributes, y, t):
        epsilon = attributes.get("epsilon", 0.0)
        inside, outside = y + epsilon, (1.0 - y) + epsilon
        yes, no = Tracked(t), 1.0 - Tracked(t)
        value = (yes * logarithm(inside) + no * logarithm(outside)) * -1.0
        return value, no / outside - yes / inside


class SigmoidCrossEntropy(ElementLoss):
    own = {"positive_weight": None}
    forms = BinaryCrossEntropy.forms

    def choose_own(self, draw):
        return {"positive_weight": draw.choice([0.0, 0.5, 3.0])} if draw.chance(0.4) else {}

    def terms(self, attributes, x, t):
        yes, no = attributes.get("positive_weight", 1.0) * t, 1 - t
        wrong = np.where(x.v > 0, no, yes)
        value = wrong * np.abs(x.v) + (yes + no) * np.log1p(np.exp(-np.abs(x.v)))
        up, down = expit(x.v), expit(-x.v)
        slope = no * up - yes * down
        own = CURVE * Tracked.unit
        return (
            Tracked(value, np.abs(slope) * x.e + x.e**2 + own * (value + np.abs(x.v) * Tracked.unit)),
            Tracked(slope, (yes + no) * up * down * x.e + own * (no * up + yes * down)),
        )


class Focal(ElementLoss):
    own = {"gamma": None}
    forms = BinaryCrossEntropy.forms

    def choose_own(self, draw):
        return {"gamma": draw.choice([0.0, 0.5, 1.0, 5.0])} if draw.chance(0.6) else {}

    def side(self, x, gamma):
        """σ(x)^γ·softplus(x) as (value, slope, |curvature| at most, what rounding grows by)."""
        p, q, up, down = expit(x), expit(-x), softplus(x), softplus(-x)
        power = np.exp(-gamma * down)
        slope = power * (gamma * q * up + p)
        bend = power * (gamma * q * (gamma * q * up + p) + gamma * p * q * up + (gamma + 1) * p * q)
        return power * up, slope, bend, CURVE * Tracked.unit * (1 + gamma * down)

    def terms(self, attributes, x, t):
        gamma = attributes.get("gamma", 2.0)
        (no, no_slope, no_bend, no_unit), (yes, yes_slope, yes_bend, yes_unit) = (
            self.side(sign * x.v, gamma) for sign in (1, -1)
        )
        reach = ((1 - t) * no_bend + t * yes_bend) * x.e
        rounding = (1 - t) * no_slope * no_unit + t * yes_slope * yes_unit
        slope = (1 - t) * no_slope - t * yes_slope
        value_rounding = (1 - t) * no * no_unit + t * yes * yes_unit
        return (
            Tracked(
                (1 - t) * no + t * yes,
                ((1 - t) * no_slope + t * yes_slope) * x.e + reach * x.e + value_rounding,
            ),
            Tracked(slope, reach + rounding),
        )


class Poisson(ElementLoss):
    own = {"log": None, "epsilon": None}
    needs = "share"  # the exponentials of larger logarithms overflow

    def forms(self, shape):
        return ["counts"]

    def choose_own(self, draw):
        return {"log": True} if draw.chance(0.3) else chosen_epsilon(draw)

    def terms(self, attributes, y, t):
        if attributes.get("log"):
            rate = y.curve(np.exp(y.v), np.exp(y.v), np.exp(y.v) * (1 + np.abs(y.v)))
            return rate - Tracked(t) * y, rate - t
        inside = y + attributes.get("epsilon", 0.0)
        return y - Tracked(t) * logarithm(inside), 1.0 - Tracked(t) / inside


class KLDivergence(ElementLoss):
    own = {"epsilon": None}
    needs = "positive"
    by_rows = True

    def forms(self, shape):
        return ["soft"] if shape and shape[-1] > 1 else []  # one class is refused

    def choose_own(self, draw):
        return chosen_epsilon(draw)

    def terms(self, attributes, y, t):
        inside = y + attributes.get("epsilon", 0.0)
        wanted = np.log(np.where(t > 0, t, 1))
        size = CURVE * Tracked.unit * np.abs(wanted)
        return Tracked(t) * (Tracked(wanted, size) - logarithm(inside)), Tracked(-t) / inside


class CosineSimilarity(ElementLoss):
    by_rows = True

    def forms(self, shape):
        return ["values"] if shape and shape[-1] > 1 else []

    def terms(self, attributes, y, t):
        t = Tracked(t)
        squares, product = (y * y).sum(axis=-1, keepdims=True), (y * t).sum(axis=-1, keepdims=True)
        length, other = self.root(squares), self.root((t * t).sum(axis=-1, keepdims=True))
        reach = np.sqrt((np.broadcast_to(y.e, y.shape) ** 2).sum(axis=-1, keepdims=True))
        cosine = product / length / other
        slope = (y * cosine / length - t / other) / length
        # A row of zeros has no direction. If rounding decides the direction, any gradient is right.
        lost = (squares.v == 0) & (reach == 0)
        open_ = (np.sqrt(squares.v) <= 16 * reach) & (reach > 0)
        e = np.where(open_, 2.0, np.where(lost, 0.0, cosine.e + 4 * Tracked.unit))
        steep = np.where(open_, 1e30, np.where(lost, 0.0, slope.e))
        zero = squares.v == 0
        return (
            Tracked(np.where(zero, 1.0, 1 - cosine.v), e),
            Tracked(np.where(zero, 0.0, slope.v), np.broadcast_to(steep, y.shape)),
        )

    def root(self, x):
        """The square root; 1 for 0, by which is divided."""
        v = np.sqrt(np.where(x.v > 0, x.v, 1))
        return x.curve(v, 0.5 / v)


ELEMENT_LOSSES = {
    "mean_absolute_error": MeanAbsoluteError(),
    "huber": Huber(),
    "quantile": Quantile(),
    "hinge": Hinge(),
    "squared_hinge": SquaredHinge(),
    "binary_cross_entropy": BinaryCrossEntropy(),
    "sigmoid_cross_entropy": SigmoidCrossEntropy(),
    "focal": Focal(),
    "poisson": Poisson(),
    "kl_divergence": KLDivergence(),
    "cosine_similarity": CosineSimilarity(),
}
