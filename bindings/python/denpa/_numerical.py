"""Numerical differentiation of any function of numbers in an array."""

from __future__ import annotations

import ctypes
from typing import Any, Callable

import numpy as np

from . import _abi as abi
from ._arrays import Array, real, tensors
from ._call import failure, library, options
from .errors import InvalidArgument, TypeMismatch


def numerical_gradient(
    function: Callable[[], Any], x: Any, *, h: float | None = None, points: int = 5
) -> Array:
    """Return the gradient of function() with respect to the numbers in `x`, which it reads, by central differences.

        dp.numerical_gradient(lambda: net.loss(x, t), net.parameters["W1"], h=1e-4, points=2)

    `x` is an array of float32 or float64 that the function looks at, such as a parameter or an input. Its elements
    are changed one by one and restored. With 2 points it is (f(x+h) - f(x-h)) / 2h, whose error is of the order
    h**2, with 5 (-f(x+2h) + 8 f(x+h) - 8 f(x-h) + f(x-2h)) / 12h, of the order h**4. Without `h`, each element has
    the step that balances this with rounding: eps**(1/3) or eps**(1/5) times max(|x|, 1). The function is called
    2 or 4 times for each element. The result is an array of float64 like `x`.
    """
    if not callable(function):
        raise TypeMismatch(f"numerical_gradient takes a function without arguments, got {function!r}")
    if type(x) is not np.ndarray or x.dtype not in (np.float32, np.float64):
        given = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeMismatch(f"x must be an array of float32 or float64 that the function reads, got {given}")
    if not (x.flags.c_contiguous and x.flags.writeable):
        raise InvalidArgument("x must be C-contiguous and writable: its elements are changed one by one")
    if points not in (2, 5):
        raise InvalidArgument(f"points is 2 or 5, got {points!r}")
    step = 0.0 if h is None else real(h, "h")
    if h is not None and not step > 0:
        raise InvalidArgument(f"h must be above 0, got {h!r}")
    raised: list[BaseException] = []

    def call(user_data: Any, value: Any) -> int:
        try:
            value[0] = float(function())
            return int(abi.OK)
        except BaseException as error:
            raised.append(error)
            return int(abi.STOPPED)

    gradient = np.empty(x.shape)
    wanted = options(abi.NumericalOptions, step=step, points=points)
    place = gradient.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
    status = library.denpa_numerical_gradient(
        abi.Function(call), None, tensors([x]), ctypes.byref(wanted), place
    )
    if raised:
        try:
            raise raised.pop()
        finally:
            del raised
    if status:
        raise failure(status)
    return gradient
