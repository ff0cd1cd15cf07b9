"""The fastest path from Python to a training step."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ._arrays import CODES, Array, address, tensors
from ._call import check, prepared
from ._ports import Batch

SMALL = 8192  # bytes up to which copying an array costs less than obtaining its address


def is_plain(array: Any) -> bool:
    """Return whether the engine can read the array without a conversion.

    It has a supported element type, and is neither masked nor an instance of another subclass.
    """
    return (type(array) is np.ndarray or isinstance(array, np.generic)) and array.dtype in CODES


class PreparedStep:
    """A trainer's train_batch for plain arrays of one form.

    The call is prepared in advance, and small arrays are copied into place. `trainer` is the pointer of the
    engine's trainer, which must outlive it.
    """

    def __init__(self, trainer: Any, x: Array, t: Array, batch: Batch, targets: list[Array]) -> None:
        self.x_shape, self.x_dtype, self.t_shape, self.t_dtype = x.shape, x.dtype, t.shape, t.dtype
        self.x_type, self.t_type = type(x), type(t)
        self.x, self.t = batch.arrays[0].copy(), targets[0].copy()
        # Rows of one value may come as a vector.
        self.x_place, self.t_place = self.x.reshape(x.shape), self.t.reshape(t.shape)
        self.copies_x, self.copies_t = self.x.nbytes <= SMALL, self.t.nbytes <= SMALL
        self.x_view, self.t_view = tensors([self.x]), tensors([self.t])
        self.loss = ctypes.c_double()
        self.call = prepared("denpa_train_batch", trainer, self.x_view, 1, self.t_view, 1, self.loss)

    def fits(self, x: Any, t: Any) -> bool:
        """Return whether the step is prepared for x and t."""
        return (
            type(x) is self.x_type
            and type(t) is self.t_type
            and x.dtype is self.x_dtype
            and t.dtype is self.t_dtype
            and x.shape == self.x_shape
            and t.shape == self.t_shape
            and (self.copies_x or x.flags.c_contiguous)
            and (self.copies_t or t.flags.c_contiguous)
        )

    def take(self, x: Array, t: Array) -> float:
        """Take the step; return the loss before it."""
        if self.copies_x:
            self.x_place[...] = x
        else:
            self.x_view[0].data = address(x)
        if self.copies_t:
            self.t_place[...] = t
        else:
            self.t_view[0].data = address(t)
        status = self.call()
        if status:
            check(status)
        return self.loss.value
