"""The parameters of a network and their gradients as mappings of arrays by name."""

from __future__ import annotations

import math
from typing import Callable, Iterator, Mapping, MutableMapping, NamedTuple, Sequence

import numpy as np

from ._arrays import Array, ArrayLike, as_array
from ._names import Names
from ._weights import Weights
from .errors import NotFound, TypeMismatch


class Parameters(MutableMapping[str, Array]):
    """Parameters by name, as arrays that refer to the network's own memory.

    `p["W1"][:] *= 0.5` and `p["W1"] -= 0.1 * g` change the network. Assigning a whole array copies it, checks
    its shape and converts its type; `update(W1=[[...]], b1=[...])` does the same for several parameters.
    """

    def __init__(self, names: Names, shapes: Mapping[str, tuple[int, ...]], weights: Weights) -> None:
        self._names, self._shapes, self._weights = names, shapes, weights

    def __getitem__(self, name: str) -> Array:
        return self._weights.view(self._names.resolve(name))

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        full = self._names.resolve(name)
        self._weights.set(full, as_array(value, f'the value of "{name}"'))

    def __delitem__(self, name: str) -> None:
        raise TypeMismatch("parameters cannot be removed from a network")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.shown.values())

    def __len__(self) -> int:
        return len(self._names.shown)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._names.full

    def __repr__(self) -> str:
        shapes = [f"{shown}: {self._shapes[full]}" for full, shown in self._names.shown.items()]
        return f"<parameters {', '.join(shapes)}>"


class Largest(NamedTuple):
    """The element of the gradients that is farthest from 0: its parameter, the index `at` which it is, its value."""

    tensor: str
    at: tuple[int, ...]
    value: float

    def __str__(self) -> str:
        return f"{self.tensor}{list(self.at)} = {self.value:.6g}"


class Gradients(Mapping[str, Array]):
    """Gradients by parameter name, as arrays that refer to the trainer's memory."""

    def __init__(self, names: Names, trainable: Sequence[str], view: Callable[[str], Array]) -> None:
        self._names, self._trainable, self._view = names, list(trainable), view

    def __getitem__(self, name: str) -> Array:
        full = self._names.resolve(name)
        if full not in self._trainable:
            raise NotFound(f'parameter "{name}" is not trained: it has no gradient')
        return self._view(full)

    def __iter__(self) -> Iterator[str]:
        return (self._names.shown[full] for full in self._trainable)

    def __len__(self) -> int:
        return len(self._trainable)

    def largest(self) -> Largest:
        """Return the element that is farthest from 0, with its parameter and index. NaN is farther than any.

        Raises NotFound if no parameter is trained.
        """
        found, farthest = None, -1.0
        for name, gradient in self.items():
            if gradient.size == 0:
                continue
            index = np.unravel_index(int(np.abs(gradient).argmax()), gradient.shape)  # the first NaN, if any
            value = float(gradient[index])
            distance = math.inf if math.isnan(value) else abs(value)
            if distance > farthest:
                found, farthest = Largest(name, tuple(map(int, index)), value), distance
        if found is None:
            raise NotFound("there is no gradient: no parameter is trained")
        return found

    def __repr__(self) -> str:
        return f"<gradients of {', '.join(self)}>"
