"""The loss of a network at other weights than its own: a part of the network."""

from __future__ import annotations

import ctypes
from typing import Any, Mapping

import numpy as np

from . import _abi as abi
from ._arrays import Array, as_array, tensors
from ._call import check, library, options
from ._native import NativeModel
from ._ports import Ports, targets_of
from ._settings import Settings
from ._trainers import Trainers
from ._weights import Weights
from .errors import InvalidArgument, NotFound, ShapeError, TypeMismatch


class Surfaces:
    """Evaluates the loss along directions in the space of all parameters, which are vectors of float64."""

    def __init__(
        self, native: NativeModel, ports: Ports, weights: Weights, trainers: Trainers, settings: Settings
    ) -> None:
        self.native, self.ports, self.weights = native, ports, weights
        self.trainers, self.settings = trainers, settings

    def places(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Return where each parameter begins in a vector, and its shape, by the engine's names."""
        found, first = {}, 0
        for name, shape in self.native.shapes.items():
            found[name] = (first, shape)
            first += int(np.prod(shape, dtype=np.int64))
        return found

    def place(self, chosen: Any) -> tuple[int, str]:
        """Return the number of an element ("W1", or ("W1", (0, 1))) in a vector, and its name."""
        name, at = (chosen, None) if isinstance(chosen, str) else tuple(chosen)
        if not isinstance(name, str):
            raise TypeMismatch(f'a weight is named as "W1" or ("W1", (0, 1)), got {chosen!r}')
        full = self.native.names.resolve(name)
        first, shape = self.places()[full]
        if at is None:
            if int(np.prod(shape, dtype=np.int64)) != 1:
                raise InvalidArgument(
                    f'"{name}" has shape {shape}: choose an element, such as ("{name}", {(0,) * len(shape)})'
                )
            return first, name
        index = at if isinstance(at, tuple) else (at,)
        try:
            number = int(np.ravel_multi_index(index, shape)) if shape else 0
        except (ValueError, TypeError):
            raise NotFound(f'"{name}" has shape {shape}, which has no element {index}') from None
        return first + number, f"{name}{list(index)}"

    def vector(self, parameters: Any) -> Array:
        """Return all parameters of a mapping by name, or of a vector, as a vector."""
        places = self.places()
        count = sum(int(np.prod(shape, dtype=np.int64)) for _, shape in places.values())
        if not isinstance(parameters, Mapping):
            array = as_array(parameters, "a direction").astype("float64", copy=False).ravel()
            if array.size != count:
                raise ShapeError(f"the parameters have {count} elements, got {array.size}")
            return np.ascontiguousarray(array)
        given = {self.native.names.resolve(name): value for name, value in parameters.items()}
        missing = [self.native.names.shown[name] for name in places if name not in given]
        if missing:
            raise NotFound(f"a set of parameters has all of them; {missing} are missing")
        result = np.empty(count)
        for name, (first, shape) in places.items():
            array = as_array(given[name], name)
            if array.shape != shape:
                raise ShapeError(f'"{self.native.names.shown[name]}": expected {shape}, got {array.shape}')
            result[first : first + array.size] = array.ravel()
        return result

    def current(self) -> Array:
        """Return the network's own parameters as a vector."""
        with self.weights.lock:
            self.weights.publish()
            parts = [self.weights.view(name).ravel() for name in self.native.shapes]
            return np.concatenate([np.zeros(0), *parts]).astype("float64")

    def random(self, terms: Any, seed: int, normalized: bool) -> Array:
        """Return a random direction; see denpa_trainer_random_direction."""
        direction = np.empty(self.current().size)
        with self.weights.lock:
            trainer = self.trainers.gradients(terms, inputs=False)
            self.weights.begin(trainer)
            place = direction.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
            check(
                library.denpa_trainer_random_direction(
                    trainer.pointer, seed, int(normalized), place, direction.size
                )
            )
        return direction

    def losses(
        self,
        x: Any,
        t: Any,
        terms: Any,
        origin: Array,
        first: Array,
        second: Array | None,
        steps: tuple[Array, Array | None],
    ) -> Array:
        """Return the loss at origin + a first + b second, of shape (steps of a, steps of b)."""

        def pointer(array: Array | None) -> Any:
            return None if array is None else array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))

        batch = self.ports.arrange(x)
        targets = targets_of(t, terms.names, batch.single)
        shape = [len(axis) for axis in steps if axis is not None]
        result = np.empty(shape)
        surface = options(
            abi.Surface,
            element_count=origin.size,
            origin=pointer(origin),
            first=pointer(first),
            second=pointer(second),
            first_steps=pointer(steps[0]),
            second_steps=pointer(steps[1]),
            first_count=shape[0],
            second_count=shape[1] if len(shape) > 1 else 0,
        )
        with self.weights.lock:
            trainer = self.trainers.gradients(terms, inputs=False)
            self.weights.begin(trainer)
            given = batch.tensors, len(batch.arrays), tensors(targets), len(targets)
            check(
                library.denpa_trainer_loss_surface(
                    trainer.pointer, *given, ctypes.byref(surface), pointer(result)
                )
            )
        return result
