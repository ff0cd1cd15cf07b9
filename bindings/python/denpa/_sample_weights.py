"""Weights of samples: given for each, or computed from the weights of their classes."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from ._arrays import Array, as_array
from ._loss import Terms
from .errors import InvalidArgument, NotFound, ShapeError, TypeMismatch


def weights_of(given: Any, terms: Terms, single: bool, strided: bool = False) -> list[Array]:
    """Return the weights of the samples for each term of a loss; an empty list if none are given.

    They are an array (rows,) for all terms, or a dict of such arrays by output, where the terms of the others
    have weights of 1.
    """
    if given is None:
        return []
    refused = [loss.kind for loss, possible in zip(terms.losses, terms.weightable) if not possible]
    if refused:
        raise InvalidArgument(f"sample_weight: {refused[0]} has no loss for each sample (reduction none)")
    if not isinstance(given, Mapping):
        array = one(given, "sample_weight", single, strided)
        return [array] * len(terms.losses)
    for name in given:
        if name not in terms.outputs:
            raise NotFound(
                f'sample_weight: there is no loss on "{name}"; there are {", ".join(terms.outputs)}'
            )
    arrays = {
        name: one(value, f'sample_weight of "{name}"', single, strided) for name, value in given.items()
    }
    if not arrays:
        return []
    ones = np.ones_like(next(iter(arrays.values())))
    return [arrays.get(name, ones) for name in terms.outputs]


def one(given: Any, what: str, single: bool, strided: bool) -> Array:
    array = as_array(given, what, strided)
    if array.ndim != (0 if single else 1):
        wanted = "one number" if single else "(rows,)"
        raise ShapeError(f"{what}: expected {wanted}, got {array.shape}")
    return array[None] if single else array


def of_classes(class_weight: Any, sample_weight: Any, targets: list[Array], terms: Terms) -> Any:
    """Return the weights of samples from those of their classes, multiplied by those given.

    `class_weight` is a dict by class number (others: 1), a list, or "balanced": rows / (classes * members). It
    applies to the first loss, whose targets are class numbers, or one column of 0 and 1.
    """
    if class_weight is None:
        return sample_weight
    t = targets[0] if targets else np.empty((0, 2))
    numbers = t.reshape(len(t), -1)
    if numbers.shape[1] != 1:
        raise InvalidArgument(
            "class_weight needs class numbers (rows,), or one column of 0 and 1, as the targets of the first "
            f"loss, got {t.shape}; for rows of probabilities: the loss's own class_weights"
        )
    classes, members = np.unique(numbers[:, 0], return_inverse=True)
    own = factors(class_weight, classes, np.bincount(members.reshape(-1)))[members.reshape(-1)]
    name = terms.outputs[0]
    if sample_weight is None:
        return own if len(terms.losses) == 1 else {name: own}
    if isinstance(sample_weight, Mapping):
        return {**sample_weight, name: own * np.asarray(sample_weight.get(name, 1.0))}
    if len(terms.losses) > 1:
        raise InvalidArgument(
            "class_weight and sample_weight of several losses: give sample_weight as a dict by output"
        )
    return own * np.asarray(sample_weight)


def factors(class_weight: Any, classes: Array, members: Array) -> Array:
    """Return the weight of each class that occurs, with so many members."""
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise InvalidArgument(f'class_weight is a dict, a list or "balanced", got {class_weight!r}')
        return np.asarray(members.sum() / (len(classes) * members))
    if isinstance(class_weight, Mapping):
        return np.array([float(class_weight.get(number.item(), 1.0)) for number in classes])
    table = np.asarray(class_weight, dtype="float64")
    if table.ndim != 1 or (len(classes) and not 0 <= classes.min() <= classes.max() < len(table)):
        raise TypeMismatch(
            "class_weight: a list has one weight for each class; the largest class number is "
            f"{classes.max(initial=0)}"
        )
    return np.asarray(table[classes.astype("int64")])
