"""Conversion of arrays, from NumPy, buffers, DLPack, lists and numbers, to denpa_tensor."""

from __future__ import annotations

import ctypes
import operator
import sys
from typing import Any, Sequence, Union

import numpy as np
from numpy.typing import NDArray

from . import _abi as abi
from ._tables import array_of_table, is_sparse, is_table
from .errors import InvalidArgument, ShapeError, TypeMismatch

Array = NDArray[Any]
ArrayLike = Any
DType = Union[str, type, "np.dtype[Any]"]

CODES: dict[np.dtype[Any], int] = {
    np.dtype("float32"): abi.FLOAT32,
    np.dtype("float64"): abi.FLOAT64,
    np.dtype("int32"): abi.INT32,
    np.dtype("int64"): abi.INT64,
    np.dtype("uint8"): abi.UINT8,
}
DTYPES = {code: dtype for dtype, code in CODES.items()}
CASTS = {
    "int8": "int32",
    "int16": "int32",
    "uint16": "int32",
    "uint32": "int64",
    "uint64": "int64",
    "float16": "float32",
    "longdouble": "float64",
    "float128": "float64",
    "float96": "float64",
}


def as_array(value: ArrayLike, what: str = "the array", strided: bool = False) -> Array:
    """Return `value` as a C-ordered array of an element type that the engine supports.

    The value is not copied if it is such an array already. If `strided` is true, the array may have any
    order. Raises ShapeError, TypeMismatch or InvalidArgument for a value that cannot be converted.
    """
    if type(value) is np.ndarray and value.flags.c_contiguous and value.dtype in CODES:
        return value
    refuse_masked(value, what)
    if is_sparse(value):
        value = value.toarray()
    elif is_table(value) and not isinstance(value, np.ndarray):
        value = array_of_table(value, what)
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        array = np.from_dlpack(value)
    else:
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ShapeError(f"{what} is no array: {error}") from None
    if array.dtype not in CODES:
        array = cast(array, what)
    if array.flags.c_contiguous or (strided and has_strides(array)):
        return array
    return np.array(array, order="C")


def refuse_masked(value: Any, what: str) -> None:
    """Reject arrays with masked elements, whose masked values NumPy would pass on as if they were data."""
    if "numpy.ma" not in sys.modules:
        return  # there are no masked arrays
    items = value if isinstance(value, (list, tuple)) else (value,)
    if not any(issubclass(kind, np.ma.MaskedArray) for kind in set(map(type, items))):
        return
    if any(np.ma.is_masked(item) for item in items):
        raise InvalidArgument(f"{what} has masked elements: fill them first, for example by .filled(0)")


def has_strides(array: Array) -> bool:
    """Return whether a denpa_tensor can represent the array's strides.

    They must be whole elements, and not all 0, which means contiguous.
    """
    return any(array.strides) and not any(stride % array.itemsize for stride in array.strides)


def cast(array: Array, what: str) -> Array:
    """Convert an array to the nearest element type that the engine supports. Booleans are read in place."""
    native = array.dtype.newbyteorder("=")
    if array.dtype == np.bool_:
        return array.view(np.uint8)
    target = native if native in CODES else CASTS.get(array.dtype.name)
    if target is None:
        raise TypeMismatch(f"{what} must have numbers, got element type {array.dtype}")
    if array.dtype.name == "uint64" and array.size and array.max() >= 1 << 63:
        raise InvalidArgument(
            f"{what} has numbers of 2**63 and more, up to {array.max()}: give them as floats"
        )
    return array.astype(target)


def whole(value: Any, name: str, low: int, high: int = (1 << 63) - 1) -> int:
    """Check an integer argument: anything that can be an index, except a boolean."""
    limit = f"at least {low}" if high == (1 << 63) - 1 else f"{low} to {high}"
    sentence = f"{name} must be a whole number, {limit}, got {value!r}"
    try:
        number = operator.index(value)
    except TypeError:
        error = InvalidArgument if isinstance(value, (float, np.floating)) else TypeMismatch
        raise error(sentence) from None
    if isinstance(value, bool) or not low <= number <= high:
        raise InvalidArgument(sentence)
    return number


def real(value: Any, name: str) -> float:
    """Check an argument that must be a number."""
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeMismatch(f"{name} must be a number, got {value!r}") from None


def items(given: Any, wanted: str) -> list[Any]:
    """Return the items of an argument that must be a list."""
    try:
        return list(given)
    except TypeError:
        raise TypeMismatch(f"{wanted}, got {given!r}") from None


SEEDS = (1 << 64) - 1  # the largest seed


def float_dtype(name: DType) -> np.dtype[Any]:
    """Return the dtype for float32 or float64 in any notation."""
    try:
        dtype = np.dtype(name)
    except TypeError:
        dtype = np.dtype("O")
    if dtype.name not in ("float32", "float64"):
        raise InvalidArgument(f'dtype must be "float32" or "float64", got {name!r}')
    return dtype


def address(array: Array) -> int:
    """Return the address of an array's first element."""
    data: int = array.__array_interface__["data"][0]
    return data


def fill(tensor: abi.Tensor, array: Array) -> None:
    """Make `tensor` a view of an array, which must outlive it."""
    tensor.data = address(array)
    tensor.dtype = CODES[array.dtype]
    set_shape(tensor, array.shape)
    if not array.flags.c_contiguous:
        tensor.stride = (ctypes.c_int64 * abi.MAX_RANK)(
            *(stride // array.itemsize for stride in array.strides)
        )


def set_shape(tensor: abi.Tensor, shape: Sequence[int]) -> None:
    if len(shape) > abi.MAX_RANK:
        raise ShapeError(f"an array may have up to {abi.MAX_RANK} axes, got shape {tuple(shape)}")
    tensor.rank = len(shape)
    tensor.dim = (ctypes.c_int64 * abi.MAX_RANK)(*shape)


def tensors(arrays: Sequence[Array | None]) -> Any:
    """Return a C array of views. None becomes a tensor without data."""
    views = (abi.Tensor * max(len(arrays), 1))()
    for view, array in zip(views, arrays):
        if array is not None:
            fill(view, array)
    return views


class Memory:
    """Memory of the library that arrays refer to. `owner` lives as long as any of them, slices included."""

    def __init__(self, tensor: abi.Tensor, owner: object) -> None:
        self.owner = owner
        shape = tuple(tensor.dim[: tensor.rank])
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": DTYPES[tensor.dtype].str,
            "data": (tensor.data or 0, False),
        }

    def array(self) -> Array:
        return np.asarray(self)


def sample_shape(shape: Any, what: str) -> tuple[int | None, ...]:
    """Return the shape of one sample, given as a tuple, a list or a number. None is an open extent."""
    items = (shape,) if isinstance(shape, (int, np.integer)) else shape
    try:
        result = tuple(None if extent is None else operator.index(extent) for extent in items)
    except TypeError:
        raise TypeMismatch(
            f"{what} must be a tuple of integers, and of None for open extents, got {shape!r}"
        ) from None
    if any(extent is not None and not 0 <= extent < 1 << 63 for extent in result):
        batch = "; the batch is not part of it: any number of rows fits; an open extent is None"
        reason = batch if -1 in result else ""
        raise ShapeError(f"{what} must have extents of 0 or more, below 2**63, got {shape!r}{reason}")
    return result
