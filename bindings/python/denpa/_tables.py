"""Data that is not an array: data frames of pandas and polars, sparse rows of SciPy."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidArgument, ShapeError, TypeMismatch

Array = NDArray[Any]


def is_table(value: Any) -> bool:
    """Return whether a value is a data frame, or one column of one."""
    return hasattr(value, "to_numpy") and (hasattr(value, "columns") or hasattr(value, "dtype"))


def is_sparse(value: Any) -> bool:
    """Return whether a value is a sparse matrix or array of SciPy."""
    return hasattr(value, "tocsr") and hasattr(value, "toarray")


def array_of_table(table: Any, what: str) -> Array:
    """Return a data frame (rows, columns) or a column (rows,) as an array.

    Integers of one column stay integers; everything else becomes float64, or float32 if all columns are.
    Raises TypeMismatch or InvalidArgument, which name the column, for text and missing values.
    """
    if not hasattr(table, "columns"):
        return numbers_of(table, f"{what}, column {getattr(table, 'name', None)!r}")
    columns = [numbers_of(table[name], f'{what}, column "{name}"') for name in table.columns]
    if not columns:
        return np.empty((len(table), 0))
    if len(columns) == 1:
        return columns[0][:, None]
    wide = np.float32 if all(column.dtype == np.float32 for column in columns) else np.float64
    return np.stack([column.astype(wide) for column in columns], axis=1)


def numbers_of(column: Any, what: str) -> Array:
    """Return one column of a data frame as an array of numbers."""
    missing = np.asarray(column.isna() if hasattr(column, "isna") else column.is_null(), dtype=bool)
    # Missing numbers of plain floats are NaN, which the engine reports where it matters.
    is_plain = isinstance(column.dtype, np.dtype) and column.dtype.kind == "f"
    if missing.any() and not is_plain:
        raise InvalidArgument(
            f"{what} has no value in row {int(missing.argmax())}: fill or drop missing values first"
        )
    kind = str(column.dtype).lower()
    if "bool" in kind:
        return np.asarray(column.to_numpy(), dtype=bool)
    if "float" in kind:
        return np.asarray(column.to_numpy(), dtype=np.float32 if "32" in kind else np.float64)
    if "int" in kind:
        return np.asarray(column.to_numpy(), dtype=np.uint64 if "uint64" in kind else np.int64)
    raise TypeMismatch(f"{what} must have numbers, got element type {column.dtype}")


class SparseBatches:
    """Batches (x, t) or (x, t, sample_weight) of arrays of which some are sparse, made dense one by one.

    An epoch has each row once, in an order that depends on the number of the epoch, or in the given one.
    """

    def __init__(self, columns: list[Any], size: int, shuffle: bool) -> None:
        self.columns = [column.tocsr() if is_sparse(column) else column for column in columns]
        self.rows, self.size, self.shuffle = columns[0].shape[0], size, shuffle
        self.epoch = 0
        for column in columns:
            if column.shape[:1] != (self.rows,):
                raise ShapeError(
                    f"the sparse rows are {self.rows}, an array beside them has shape {column.shape}"
                )

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        order = np.arange(self.rows)
        if self.shuffle:
            np.random.default_rng(self.epoch).shuffle(order)
        self.epoch += 1
        for first in range(0, self.rows, self.size):
            chosen = order[first : first + self.size]
            yield tuple(dense(column[chosen]) for column in self.columns)


def dense(rows: Any) -> Array:
    found: Array = rows.toarray() if is_sparse(rows) else rows
    return found
