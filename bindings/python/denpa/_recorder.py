"""What the callbacks Path and Film have in common: they remember parameters while a network learns."""

from __future__ import annotations

import math
from typing import Any, Mapping, Sequence

import numpy as np

from ._arrays import Array, whole
from ._history import History
from ._model import Model
from .callbacks import Callback
from .errors import BadState, ShapeError, TypeMismatch


class Recorder(Callback):
    """Remembers parameters: before the first step, after every `every`-th epoch of fit, and at its end.

    In a loop of your own, call record(net) after each step, of which every `every`-th is remembered. `steps` says
    after how many epochs or steps, counted over all fits and loops, each point was remembered. What it remembers
    are copies, and training is the same with and without it.
    """

    def __init__(self, net: Any, names: Sequence[str], every: int) -> None:
        if not isinstance(net, Model):
            raise TypeMismatch(f"{type(self).__name__} takes a network, got {type(net).__name__}")
        self.every = whole(every, "every", 1)
        self.names = list(names)
        self.steps: list[int] = []
        self._shapes = {name: net._open.native.shapes[name] for name in self._full(net)}
        self._places: dict[str, int] = {}  # of each recorded parameter in a vector of all of them
        self._size = 0
        for name, shape in net._open.native.shapes.items():
            if name in self._shapes:
                self._places[name] = self._size
            self._size += math.prod(shape)
        self._points: list[dict[str, Array]] = []
        self._taken = 0

    def _full(self, net: Model) -> list[str]:
        known = net._open.native.names
        return [known.resolve(name) for name in self.names]

    @property
    def weights(self) -> Mapping[str, Array]:
        """The parameters by name, as arrays (points, *shape)."""
        shapes = list(self._shapes.values())
        return {
            name: np.array([point[name] for point in self._points]).reshape(len(self._points), *shape)
            for name, shape in zip(self.names, shapes)
        }

    def vectors(self, others: Array) -> tuple[Array, Array]:
        """Return each point as a vector of all parameters, (points, size), and which elements were recorded.

        `others` (size,) has the values of the elements that were not. Raises ShapeError if it has another size.
        """
        if others.shape != (self._size,):
            raise ShapeError(f"the network has {self._size} parameters, got {others.shape}")
        found, recorded = np.tile(others, (len(self), 1)), np.zeros(self._size, bool)
        for (name, shape), array in zip(self._shapes.items(), self.weights.values()):
            part = slice(self._places[name], self._places[name] + math.prod(shape))
            found[:, part], recorded[part] = array.reshape(len(self), math.prod(shape)), True
        return found, recorded

    def on_fit_begin(self, net: Any) -> None:
        self._require(net)
        self._remember(net)

    def on_epoch_end(self, net: Any, epoch: int, logs: dict[str, float]) -> None:
        self._taken += 1
        if self._taken % self.every == 0:
            self._remember(net)

    def on_fit_end(self, net: Any, history: History) -> None:
        self._remember(net)  # the last epoch, or the best one, which fit has restored

    def record(self, net: Model) -> None:
        """Remember the parameters of a network after a step of your own."""
        self._require(net)
        self._taken += 1
        if self._taken % self.every == 0 or not self._points:
            self._remember(net)

    def _require(self, net: Any) -> None:
        """Raise BadState if the network is not like the one that the recorder was made for."""
        if not isinstance(net, Model):
            raise TypeMismatch(f"{type(self).__name__} records a network, got {type(net).__name__}")
        shapes = net._open.native.shapes
        full = [net._open.native.names.full.get(name) for name in self.names]
        if [shapes.get(name or "") for name in full] != list(self._shapes.values()):
            raise BadState(
                f"this {type(self).__name__} was made for another network: it records "
                f"{', '.join(f'{name} {shape}' for name, shape in self._shapes.items())}"
            )

    def _remember(self, net: Any) -> None:
        """Add a point, unless it would be the same as the last one."""
        parts = net._open
        with parts.weights.lock:
            parts.weights.publish()
            point = {name: parts.native.value(full) for name, full in zip(self.names, self._full(net))}
        if self._points and self.steps[-1] == self._taken:
            last = self._points[-1]
            if all(point[name].tobytes() == last[name].tobytes() for name in self.names):
                return
        self.steps.append(self._taken)
        self._points.append(point)
        self._remembered(net)

    def _remembered(self, net: Any) -> None:
        """Remember more of a point that was added."""

    def __len__(self) -> int:
        return len(self._points)

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} of {', '.join(self.names)}: {len(self)} points>"
