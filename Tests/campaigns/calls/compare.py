"""The rules by which two results count as the same."""

from __future__ import annotations

import numpy as np

from .known import WITHOUT
from .memory import Disagreement

TOLERANCE = 1e-9


def same(got, wanted, scale=1.0):
    """Returns whether two results are equal within 1e-9 of the largest number, or of `scale`. NaN and
    infinity count as equal and must be at the same places.
    """
    got, wanted = np.asarray(got), np.asarray(wanted)
    if got.shape != wanted.shape:
        return False
    if (got == wanted).all():
        return True
    ours, theirs = np.isfinite(wanted), np.isfinite(got)
    if (ours != theirs).any():
        return False
    if not ours.all():
        got, wanted = got[ours], wanted[ours]
    if not got.size:
        return True
    return bool(np.abs(got - wanted).max() <= TOLERANCE * max(scale, np.abs(wanted).max()))


def all_same(got, wanted):
    return all(same(got[name], wanted[name]) for name in wanted)


def require(got, wanted, what, scale=1.0):
    if wanted is None:
        return  # any value is allowed
    if not same(got, wanted, scale):
        raise Disagreement(
            f"{what}:\n       got {np.asarray(got).tolist()}\n  expected {np.asarray(wanted).tolist()}"
        )


def require_all(got, wanted, what, scale=1.0):
    for name in wanted:
        if "random" in WITHOUT and name.endswith(".draw"):
            continue
        require(got[name], wanted[name], f"{what} {name}", scale)


def scale_of(gradients):
    """Returns the scale of rounding errors in the gradients of one backward pass. 1 - tanh² of a unit that is
    almost saturated has the absolute error of a number near 1, which huge targets make huge in the layers
    below, whose gradients are smaller by many orders.
    """
    largest = max((np.abs(g[np.isfinite(g)]).max(initial=0.0) for g in gradients.values()), default=0.0)
    return largest if largest > 1e50 else 1.0
