"""What every loss computes, in NumPy and float64.

A loss is a class with
    attributes                           names, and the choices that are known
    forms(shape)                         the forms of targets (data.py) that it takes for predictions of a
    sample shape value(attributes, y, t, rows)        (loss, dy), tracked, for a tracked prediction and
    targets as data.py makes them choose(draw)                         attributes for a random network needs
    what predictions must be: "any", "positive", or "share" (0 to 1) and its kind in LOSSES.
"""

from __future__ import annotations

import numpy as np

from .element_losses import ELEMENT_LOSSES
from .reductions import REDUCTIONS, reduction, scale
from .reference import Softmax
from .tracked import CURVE, Tracked

# Losses whose targets may be class numbers.
OF_CLASSES = ("cross_entropy", "softmax_cross_entropy")


class MeanSquaredError:
    attributes = {"half": None, "reduction": [*REDUCTIONS, "none"]}
    needs = "any"

    def forms(self, shape):
        return ["values", "values", "whole"] + (["column"] if shape in ([], [1]) else [])

    def choose(self, draw):
        return {**reduction(draw), **({"half": draw.chance(0.7)} if draw.chance(0.5) else {})}

    def value(self, attributes, y, t, rows):
        factor = scale(attributes, y.v.size, rows) * (0.5 if attributes.get("half") else 1)
        difference = y - t.reshape(y.shape)
        dy = Tracked(
            2 * factor * difference.v,
            2 * factor * difference.e + 4 * Tracked.unit * np.abs(2 * factor * difference.v),
        )
        return (difference * difference).total() * factor, dy


def one_hot(t, shape):
    """Returns class numbers as one-hot rows, and rows unchanged."""
    if is_rows(t, shape):
        return t.astype(float)
    rows = np.zeros(shape)
    np.put_along_axis(rows, t.reshape(*shape[:-1], 1).astype(np.int64), 1.0, axis=-1)
    return rows


def smoothing(draw):
    return {"smoothing": draw.choice([0.1, 0.5, 1.0])} if draw.chance(0.3) else {}


def counting(draw, shape):
    """Draws weights of the classes and ignored ones, for predictions of a shape."""
    given = {}
    if draw.chance(0.2):
        given["class_weights"] = [draw.choice([0.0, 0.5, 1.0, 3.0]) for _ in range(shape[-1])]
    if draw.chance(0.2):
        given["ignored"] = [draw.randrange(shape[-1]) for _ in range(draw.choice([1, 1, 2]))]
    return given


def rows_of(attributes, t, shape):
    """Returns (the rows that stand for targets, the number of those that count): one-hot, smoothed,
    weighted.
    """
    share, rows = attributes.get("smoothing", 0.0), one_hot(t, shape)
    result = ((1 - share) * rows + share / shape[-1]) * (attributes.get("class_weights") or 1.0)
    count = rows[..., 0].size
    ignored = attributes.get("ignored")
    if ignored and not is_rows(t, shape):
        gone = np.isin(t.reshape(shape[:-1]), ignored)
        result, count = result * ~gone[..., None], count - int(gone.sum())
    return result, count


def is_rows(t, shape):
    """Whether targets are rows and not class numbers."""
    return t.shape == shape and not (np.issubdtype(t.dtype, np.integer) and shape[-1] == 1)


def of_samples(loss, attributes, y, t, weights):
    """Returns the loss whose samples have weights, and its derivatives: each sample's loss times its weight."""
    rows = len(y.v)
    share = 1.0 if attributes.get("reduction") == "sum" else 1 / max(rows, 1)
    if not y.v.size:
        return Tracked(0.0), Tracked(y.v)
    parts = [loss.value(attributes, y[i : i + 1], t[i : i + 1], 1) for i in range(rows)]
    value = Tracked.joined([Tracked(part.v[None], np.reshape(part.e, 1)) for part, _ in parts], 0)
    # The elements of all samples are added up as one sum.
    each = y.v.size // rows
    value.e = value.e * (min(y.v.size, 1024) + 2) / (min(each, 1024) + 2)
    dy = Tracked.joined([slope for _, slope in parts], 0) * share
    weights = Tracked(weights, Tracked.unit * np.abs(weights))
    return (value * weights).total() * share, dy * weights.reshape(rows, *[1] * (y.v.ndim - 1))


class Computed:
    """What the network computes is the loss; there is no target."""

    attributes = {"reduction": [*REDUCTIONS, "none"]}
    needs = "any"

    def forms(self, shape):
        return ["nothing"]

    def choose(self, draw):
        return reduction(draw)

    def value(self, attributes, y, t, rows):
        factor = scale(attributes, y.v.size, rows)
        return y.total() * factor, Tracked(np.full(y.shape, factor), 2 * Tracked.unit * factor)


# What counts of targets. A class weight multiplies what its class contributes to the loss; rows of ignored
# classes contribute nothing, and a mean over rows does not count them.
OF_TARGETS = {"smoothing": None, "class_weights": None, "ignored": None}


class SoftmaxCrossEntropy:
    attributes = {"reduction": [*REDUCTIONS, "none"], **OF_TARGETS}
    needs = "any"

    def forms(self, shape):
        if not shape or shape[-1] < 2:
            return []  # with one class there is nothing to learn, so it is refused
        numbers = ["int32", "int64", "int32 column", "int64 column"] + (["uint8"] if shape[-1] <= 256 else [])
        return [*numbers, "soft", "one-hot"]

    def choose(self, draw):
        return {**reduction(draw), **smoothing(draw)}

    def choose_for(self, draw, shape):
        return {**self.choose(draw), **counting(draw, shape)}

    def value(self, attributes, x, t, rows):
        t, count = rows_of(attributes, t, x.shape)
        factor = scale(attributes, count, rows)
        if not x.v.size:
            return Tracked(0.0), Tracked(x.v)
        unit, errors = Tracked.unit, np.broadcast_to(x.e, x.shape)
        most = x.v.max(axis=-1, keepdims=True)
        shifted = x.v - most
        p = Softmax.probabilities(x)
        log_sum = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        own = (p.v * (errors + unit * np.abs(shifted))).sum(axis=-1, keepdims=True)
        rounding = (CURVE + 6 * x.shape[-1] ** 0.5) * unit * (1 + np.abs(log_sum) + np.abs(shifted))
        terms = Tracked(t * (log_sum - shifted), np.abs(t) * (own + errors + rounding))
        share = Tracked(t).sum(axis=-1, keepdims=True)
        return terms.total() * factor, (p * share - t) * factor


class CrossEntropy:
    attributes = {"epsilon": None, "reduction": [*REDUCTIONS, "none"], **OF_TARGETS}
    needs = "positive"
    forms = SoftmaxCrossEntropy.forms
    choose_for = SoftmaxCrossEntropy.choose_for

    def choose(self, draw):
        return {
            **reduction(draw),
            **smoothing(draw),
            **({"epsilon": draw.choice([1e-7, 1e-3, 0.5])} if draw.chance(0.4) else {}),
        }

    def value(self, attributes, p, t, rows):
        t, count = rows_of(attributes, t, p.shape)
        factor = scale(attributes, count, rows)
        if not p.v.size:
            return Tracked(0.0), Tracked(p.v)
        inside = p + attributes.get("epsilon", 0.0)
        logs = inside.curve(np.log(inside.v), 1 / inside.v, 1 + np.abs(np.log(inside.v)))
        return (Tracked(-t) * logs).total() * factor, Tracked(-t * factor) / inside


LOSSES = {
    "computed": Computed(),
    "mean_squared_error": MeanSquaredError(),
    "cross_entropy": CrossEntropy(),
    "softmax_cross_entropy": SoftmaxCrossEntropy(),
    **ELEMENT_LOSSES,
}
