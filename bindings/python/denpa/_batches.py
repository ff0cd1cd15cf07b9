"""Batches of rows, for training loops of the user's own and for fit."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

import numpy as np

from ._arrays import SEEDS, as_array, whole
from ._ports import is_arraylike
from ._tables import array_of_table, dense, is_sparse, is_table
from .errors import ShapeError, TypeMismatch

Structure = Any  # an array, or a list or dict of arrays


class Batches:
    """Pairs (x, t) of `batch_size` rows: `for x, t in Batches(x, t, batch_size=32, seed=0)`.

    Each iteration is an epoch, which has every row once: in an order that `seed` and the number of the iteration
    decide, or in the given one without `shuffle`. The last batch may be smaller. With `sample_weight`, the items
    are (x, t, sample_weight).

    x and t are arrays, memory maps, data frames or sparse rows, or lists or dicts of them for several inputs and
    outputs; only the rows of a batch are copied, and 8 bytes for each row of the order are all that it needs
    besides.
    """

    def __init__(
        self,
        x: Any,
        t: Any = None,
        sample_weight: Any = None,
        *,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        self.batch_size = whole(batch_size, "batch_size", 1)
        self.shuffle, self.seed = bool(shuffle), whole(seed, "seed", 0, SEEDS)
        if x is None:
            raise TypeMismatch("x must have rows, got None")
        given = [x, t] if sample_weight is None else [x, t, sample_weight]
        self._columns = [readable(item, what) for item, what in zip(given, ("x", "t", "sample_weight"))]
        lengths = [leaf.shape[0] for column in self._columns for leaf in leaves(column)]
        if len(set(lengths)) != 1:
            raise ShapeError(f"all arrays of the batches need the same number of rows, got {lengths}")
        self.rows: int = lengths[0]
        self._epoch = 0

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        order = np.arange(self.rows)
        if self.shuffle:
            np.random.default_rng((self.seed, self._epoch)).shuffle(order)
        self._epoch += 1
        for first in range(0, self.rows, self.batch_size):
            chosen = order[first : first + self.batch_size]
            yield tuple(rows_of(column, chosen) for column in self._columns)


def readable(value: Any, what: str) -> Structure:
    """Return a structure whose rows can be taken by their numbers. Raises ShapeError for a single number."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: readable(item, f'{what}["{name}"]') for name, item in value.items()}
    if isinstance(value, (list, tuple)) and value and all(map(is_arraylike, value)):
        return [readable(item, f"{what}[{number}]") for number, item in enumerate(value)]
    if is_table(value):
        return array_of_table(value, what)
    if is_sparse(value):
        return value.tocsr()
    # Memory maps of any byte order and element type are converted batch by batch.
    array = value if isinstance(value, np.ndarray) else as_array(value, what)
    if array.ndim == 0:
        raise ShapeError(f"{what} must have rows, got a single number")
    return array


def leaves(column: Structure) -> list[Any]:
    if column is None:
        return []
    if isinstance(column, dict):
        return [leaf for item in column.values() for leaf in leaves(item)]
    if isinstance(column, list):
        return [leaf for item in column for leaf in leaves(item)]
    return [column]


def rows_of(column: Structure, chosen: Any) -> Any:
    if column is None:
        return None
    if isinstance(column, dict):
        return {name: rows_of(item, chosen) for name, item in column.items()}
    if isinstance(column, list):
        return [rows_of(item, chosen) for item in column]
    return dense(column[chosen])
