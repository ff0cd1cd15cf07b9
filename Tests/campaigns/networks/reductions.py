"""The reductions of losses."""

from __future__ import annotations

REDUCTIONS = ["mean", "sum", "batch_mean"]  # "none" gives no single number, so nothing can be trained on it


def scale(attributes, elements, rows):
    """Returns the factor of a sum of `elements` terms, from the given number of samples."""
    reduction = attributes.get("reduction", "mean")
    return {"mean": 1 / max(elements, 1), "batch_mean": 1 / max(rows, 1), "sum": 1.0}[reduction]


def reduction(draw):
    return {} if draw.chance(0.4) else {"reduction": draw.choice(REDUCTIONS)}
