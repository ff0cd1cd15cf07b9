"""Arrays that end or begin at inaccessible memory; the rest of their pages is checked for writes."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np

PAGE = mmap.PAGESIZE
PROT_NONE, PROT_READ, PROT_BOTH = 0, 1, 3
PATTERN = 0xA5

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Region:
    """Some pages between two inaccessible ones."""

    def __init__(self, pages):
        self.size, self.old = pages * PAGE, False
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.start = _libc.mmap(None, self.size + 2 * PAGE, PROT_NONE, flags, -1, 0)
        if self.start in (None, ctypes.c_void_p(-1).value):
            raise MemoryError("mmap")
        self.base = self.start + PAGE
        self.protect(PROT_BOTH)
        self.bytes = np.frombuffer((ctypes.c_uint8 * self.size).from_address(self.base), np.uint8)

    def protect(self, how):
        if _libc.mprotect(self.base, self.size, how):
            raise OSError(ctypes.get_errno(), "mprotect")

    def release(self):
        self.bytes = None
        _libc.munmap(self.start, self.size + 2 * PAGE)


class Fence:
    """Makes such arrays and takes them back. `end` is the side at which the next one lies, and alternates.
    """

    KEPT = 64 << 20  # bytes of regions that wait for reuse

    def __init__(self):
        self.free: dict[int, list[Region]] = {}
        self.used: list[tuple[Region, int, int, bool]] = []
        self.end = True
        self.waiting = 0

    def room(self, dtype, shape, shift=0):
        """An array whose memory is filled with a pattern that is NaN in every float type; `shift` bytes off
        its alignment.
        """
        dtype = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        pages = (count + shift + PAGE - 1) // PAGE or 1
        waiting = self.free.get(pages)
        region = waiting.pop() if waiting else Region(pages)
        self.waiting -= region.size if region.old else 0
        offset = region.size - count - shift if self.end else shift
        self.end = not self.end
        region.bytes[offset : offset + count].fill(0xFF)
        region.bytes[:offset].fill(PATTERN)
        region.bytes[offset + count :].fill(PATTERN)
        self.used.append((region, offset, count, False))
        return region.bytes[offset : offset + count].view(dtype).reshape(shape)

    def copy(self, array, dtype=None, shift=0):
        """Returns a copy that may only be read."""
        room = self.room(dtype or array.dtype, array.shape, shift)
        room[...] = array
        region, offset, count, _ = self.used[-1]
        region.protect(PROT_READ)
        self.used[-1] = (region, offset, count, True)
        return room

    def close(self):
        """Takes all arrays back; returns whether anything around them was written."""
        intact = True
        for region, offset, count, locked in self.used:
            around = (region.bytes[:offset], region.bytes[offset + count :])
            intact = intact and all((part == PATTERN).all() for part in around)
            if locked:
                region.protect(PROT_BOTH)
            if self.waiting + region.size <= self.KEPT:
                region.old = True
                self.waiting += region.size
                self.free.setdefault(region.size // PAGE, []).append(region)
            else:
                region.release()
        self.used = []
        return intact
