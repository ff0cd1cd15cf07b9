"""Calls of the open loop and of gradients, prepared for arrays of one form."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ._arrays import CODES, Array, address, tensors
from ._call import check, prepared
from ._ports import Batch
from ._step import SMALL


class Argument:
    """An array that a prepared call is given.

    Small arrays are copied into memory of the call, and larger ones are read where they are. `arranged` is
    what the engine reads for `given`: with a batch axis, and in the element type that it is asked for.
    """

    __slots__ = ("shape", "dtype", "copies", "memory", "place", "view")

    def __init__(self, given: Array, arranged: Array) -> None:
        self.shape, self.dtype, self.copies = given.shape, given.dtype, arranged.nbytes <= SMALL
        self.memory: Array = arranged.copy() if self.copies else np.empty_like(arranged)
        self.place = self.memory.reshape(given.shape)
        self.view = tensors([self.memory])

    def fits(self, array: Any) -> bool:
        """Return whether the call is prepared for this array."""
        return (
            type(array) is np.ndarray
            and array.dtype is self.dtype
            and array.shape == self.shape
            and (self.copies or array.flags.c_contiguous)
        )

    def put(self, array: Array) -> None:
        if self.copies:
            self.place[...] = array
        else:
            self.view[0].data = address(array)


class Result:
    """An array that a prepared call returns, of the shape and element type of `like`.

    Small results are copied out of memory of the call; larger ones are written where they are returned.
    """

    __slots__ = ("shape", "dtype", "copies", "memory", "single", "view")

    def __init__(self, like: Array, single: bool) -> None:
        self.shape, self.dtype, self.single = like.shape, like.dtype, single
        self.copies = like.nbytes <= SMALL
        self.memory: Array = np.empty(like.shape, like.dtype)
        self.view = tensors([self.memory])

    def place(self) -> Array:
        """Return the memory of the next result."""
        if self.copies:
            return self.memory
        memory: Array = np.empty(self.shape, self.dtype)
        self.view[0].data = address(memory)
        return memory

    def take(self, memory: Array) -> Array:
        """Return the result, which is the caller's own."""
        result: Array = memory[0] if self.single else memory
        return result.copy() if self.copies else result


def is_preparable(given: Any, arranged: Array) -> bool:
    """Return whether a call can be prepared for arrays like this one.

    A larger array must be one that the engine reads as it is.
    """
    if type(given) is not np.ndarray or given.dtype not in CODES or not given.size:
        return False
    return arranged.nbytes <= SMALL or (given.dtype == arranged.dtype and given.flags.c_contiguous)


class PreparedForward:
    """A trainer's forward in training, for a network with one input and one output.

    `trainer` is the pointer of the engine's trainer. `batch` is what waits for the backward, which knows the
    forms of a batch and not its numbers: those the engine keeps.
    """

    def __init__(self, trainer: Any, x: Array, batch: Batch, output: Array) -> None:
        self.x = Argument(x, batch.arrays[0])
        self.batch = Batch([self.x.memory], batch.rows, batch.single)
        self.y = Result(output, batch.single)
        self.call = prepared("denpa_trainer_forward", trainer, self.x.view, 1, self.y.view, 1, 1)
        self.fits = self.x.fits

    def take(self, x: Array) -> Array:
        """Return the outputs."""
        self.x.put(x)
        outputs = self.y.place()
        status = self.call()
        if status:
            check(status)
        return self.y.take(outputs)


class PreparedBackward:
    """A trainer's backward after the forward of a batch, for a network with one input and one output."""

    def __init__(self, trainer: Any, dout: Array, gradient: Array, dinput: Array, batch: Batch) -> None:
        self.batch = batch
        self.dout, self.dinput = Argument(dout, gradient), Result(dinput, batch.single)
        self.call = prepared("denpa_trainer_backward", trainer, self.dout.view, 1, self.dinput.view, 1)
        self.fits = self.dout.fits

    def take(self, dout: Array) -> Array:
        """Return the gradient with respect to the input."""
        self.dout.put(dout)
        dinput = self.dinput.place()
        status = self.call()
        if status:
            check(status)
        return self.dinput.take(dinput)


class PreparedGradients:
    """A trainer's gradients of its loss, for a network with one input and one target.

    `dinput` is like the gradient with respect to the input, or None if that is not wanted.
    """

    def __init__(
        self, trainer: Any, x: Array, t: Array, batch: Batch, target: Array, dinput: Array | None
    ) -> None:
        self.x, self.t = Argument(x, batch.arrays[0]), Argument(t, target)
        self.fits_x, self.fits_t = self.x.fits, self.t.fits
        self.dinput = None if dinput is None else Result(dinput, batch.single)
        self.loss = ctypes.c_double()
        wanted = tensors([None]) if self.dinput is None else self.dinput.view
        given = self.x.view, 1, self.t.view, 1, wanted, self.loss
        self.call = prepared("denpa_trainer_gradients", trainer, *given)

    def fits(self, x: Any, t: Any) -> bool:
        """Return whether the call is prepared for x and t."""
        return self.fits_x(x) and self.fits_t(t)

    def take(self, x: Array, t: Array) -> tuple[float, Array | None]:
        """Add the gradients of the parameters; return the loss and the gradient of the input."""
        self.x.put(x)
        self.t.put(t)
        result = self.dinput
        dinput = None if result is None else result.place()
        status = self.call()
        if status:
            check(status)
        return self.loss.value, None if result is None or dinput is None else result.take(dinput)
