"""A caller's memory: guarded, compared after each call and then overwritten, so that later reads of it are
noticed.
"""

from __future__ import annotations

import ctypes

import numpy as np

from denpa import _abi as abi
from denpa._arrays import CODES, DTYPES

GUARD = 8  # elements before and after
SENTINEL = 1.2345e77  # the value of outputs before a call
JUNK = 0x55
LATEST = 40  # the number of blocks of earlier calls that are compared after each call


class Disagreement(AssertionError):
    """The library does not behave as the manual says."""


class CallerMemory:
    """The tensors of one call."""

    def __init__(self):
        self.blocks = []
        # Memory of earlier calls: overwritten but never freed, so that a late read finds junk and does not
        # crash.
        self.kept = []

    def place(self, array, output=False):
        """Copies `array` to guarded memory."""
        size = array.size
        block = np.zeros(size + 2 * GUARD, array.dtype)
        block.view("uint8")[...] = JUNK
        inside = block[GUARD : GUARD + size].reshape(array.shape)
        inside[...] = array
        self.blocks.append((block, block.copy(), inside, output))
        return inside

    def room(self, shape, dtype="float64"):
        """Returns memory for an output."""
        return self.place(np.full(shape, SENTINEL, dtype), output=True)

    def settle(self, succeeded, may_write=False):
        """Checks the memory after the call: what must not be written is unchanged, and outputs are written
        only on success. Then overwrites everything with junk.
        """
        for block, before, inside, output in self.blocks:
            start, end = GUARD, GUARD + inside.size
            if output and succeeded:
                same = (block[:start] == before[:start]).all() and (block[end:] == before[end:]).all()
                what = "the memory around an output was written"
            else:
                if output and may_write:
                    continue
                same = (block.view("uint8") == before.view("uint8")).all()
                what = (
                    "an output was written by a call that failed"
                    if output
                    else "an input or the memory around it was written"
                )
            if not same:
                self.blocks.clear()
                raise Disagreement(what)
        for block in self.kept[-LATEST:]:
            if (block.view("uint8") != JUNK).any():
                raise Disagreement("memory of an earlier call was written")
        results = [inside.copy() for _, _, inside, output in self.blocks if output]
        for block, *_ in self.blocks:
            block.view("uint8")[...] = JUNK
            self.kept.append(block)
        self.blocks.clear()
        return results


def tensor(array, strided=False):
    """Returns a denpa_tensor of an array, which must be kept alive."""
    t = abi.Tensor()
    t.data = array.__array_interface__["data"][0]
    t.dtype, t.rank = CODES[array.dtype], array.ndim
    t.dim = (ctypes.c_int64 * abi.MAX_RANK)(*array.shape)
    if strided:
        t.stride = (ctypes.c_int64 * abi.MAX_RANK)(*(s // array.itemsize for s in array.strides))
    return t


def pack(tensors):
    return (abi.Tensor * max(len(tensors), 1))(*tensors)


def view(t):
    """Returns the memory that a tensor of the library points to as an array."""
    shape = tuple(t.dim[: t.rank])
    count = int(np.prod(shape, dtype=np.int64))
    buffer = (ctypes.c_char * (count * DTYPES[t.dtype].itemsize)).from_address(t.data)
    return np.frombuffer(buffer, DTYPES[t.dtype]).reshape(shape)


def misdescribe(tensors, arrays, mistake, place):
    """Makes the named mistake in the list of tensors; returns their number. `place` returns guarded memory
    for more rows.
    """
    which = mistake.split()[1]
    count = len(tensors)
    if which == "count":
        return count - 1
    t, array = tensors[-1 if which == "rows" else 0], arrays[-1 if which == "rows" else 0]
    if which == "width":
        if array.dtype.kind in "iu":  # seven classes, more than any network has
            shape = (*(array.shape if array.ndim < 2 else array.shape[:-1]), 7)
        else:
            shape = (*array.shape[:-1], array.shape[-1] + 1)
        tensors[0] = tensor(place(np.zeros(shape, array.dtype)))
    elif which == "rank":
        t.rank, t.dim[array.ndim] = array.ndim + 1, 1
    elif which == "rows":
        # Five rows or more: a network with that many outputs would regard the integers as a one-hot row.
        lead = 1 if array.ndim > 1 or array.ndim == 1 and array.dtype.kind in "iu" else 0
        rows = array.shape[0] + 4 if lead else 5
        tensors[-1] = tensor(place(np.zeros((rows, *array.shape[lead:]), array.dtype)))
    elif which == "mixed":
        other = arrays[-1][0] if arrays[-1].ndim > 1 else arrays[-1][None]
        tensors[-1] = tensor(other, not other.flags.c_contiguous)
    elif which == "null":
        t.data = None
    elif which == "dtype":
        t.dtype = 7
    elif which == "stride":
        t.stride[0], t.stride[1] = 1, array.shape[0]
    elif which == "overlap":
        tensors[1].data = tensors[0].data
    return count
