"""Derivatives along a direction of parameters and inputs: of the outputs, and of the gradient of a loss."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import Array, as_array
from ._loss import Terms
from ._native import NativeModel
from ._ports import Batch, Ports, targets_of
from ._settings import Settings
from ._suggestions import closest
from ._trainer import Trainer
from ._weights import Weights
from .errors import InvalidArgument, NotFound, ShapeError, TypeMismatch

STEP = 1e-4  # by how much values of up to 1 are moved; larger ones in proportion


class Moved:
    """A copy of a network in float64 that is evaluated at places along a direction."""

    def __init__(
        self,
        native: NativeModel,
        ports: Ports,
        batch: Batch,
        tangents: Mapping[str, Array],
        terms: Terms | None,
    ) -> None:
        self.native, self.ports = native, ports
        inputs = ports.input_names
        self.directions = [tangents.get(name) for name in inputs]
        self.arrays = [
            array if port.dtype.kind != "f" else array.astype("float64")
            for port, array in zip(ports.inputs, batch.arrays)
        ]
        self.batch = batch
        self.trainer = Trainer(native.handle, terms, None, True, batch.rows)
        self.state = self.trainer.state()
        names = [native.names.resolve(name) for name in tangents if name not in inputs]
        self.values = {full: native.value(full) for full in names}
        self.moves = {native.names.resolve(n): v for n, v in tangents.items() if n not in inputs}
        pairs = [(self.values[full], move) for full, move in self.moves.items()]
        pairs += [(a, d) for a, d in zip(self.arrays, self.directions) if d is not None]
        sizes = [(np.abs(v).max(initial=1.0), np.abs(m).max(initial=0.0)) for v, m in pairs]
        self.step = min((STEP * size / move for size, move in sizes if move > 0), default=1.0)

    def to(self, distance: float) -> Batch:
        """Move the parameters, and return the inputs there. Every place sees the same random numbers."""
        for full, value in self.values.items():
            self.native.set(full, value + distance * self.moves[full])
        self.trainer.refresh()
        self.trainer.resume(self.state)
        arrays = [a if d is None else a + distance * d for a, d in zip(self.arrays, self.directions)]
        return Batch(arrays, self.batch.rows, self.batch.single)

    def differentiate(self, evaluate: Callable[[Batch], Sequence[Array]]) -> list[Array]:
        """Return the derivatives along the direction of what `evaluate` computes: five-point differences."""
        a, b, c, d = (evaluate(self.to(place * self.step)) for place in (-2, -1, 1, 2))
        # From differences, so that what does not move has no derivative at all.
        return [((c[n] - b[n]) * 8 - (d[n] - a[n])) / (12 * self.step) for n in range(len(a))]


class Directions:
    """Differentiates along directions, in float64 copies; nothing of the network changes."""

    def __init__(self, native: NativeModel, ports: Ports, weights: Weights, settings: Settings) -> None:
        self.native, self.ports, self.weights, self.settings = native, ports, weights, settings

    def jvp(self, x: Any, tangents: Any) -> Any:
        """Return the derivatives of the outputs along `tangents`, in the network's form."""
        batch = self.ports.arrange(x)
        moved = self._moved(batch, tangents, None)

        def outputs(place: Batch) -> list[Array]:
            found = moved.ports.buffers(place)
            moved.trainer.forward(place, found, training=False)
            return found

        return self.ports.in_form(moved.differentiate(outputs), batch.single)

    def hvp(self, x: Any, t: Any, tangents: Any, loss: Any) -> dict[str, Array]:
        """Return the derivatives of the gradients of a loss along `tangents`, by name."""
        terms = self.settings.terms(loss)
        batch = self.ports.arrange(x)
        targets = targets_of(t, terms.names, batch.single)
        moved = self._moved(batch, tangents, terms)
        parameters = self.native.trainable()
        inputs = [name for name in self.ports.input_names if name in tangents]

        def gradients(place: Batch) -> list[Array]:
            dinputs = self.ports.input_gradients(place, inputs, np.dtype("float64"))
            moved.trainer.zero_gradients()
            moved.trainer.add_gradients(place, targets, dinputs)
            found = [np.array(moved.trainer.gradient(self.native.names.resolve(name))) for name in parameters]
            return found + [array for array in dinputs if array is not None]

        found = dict(zip([*parameters, *inputs], moved.differentiate(gradients)))
        return {name: a[0] if batch.single and name in inputs else a for name, a in found.items()}

    def _moved(self, batch: Batch, tangents: Any, terms: Terms | None) -> Moved:
        given = self._checked(batch, tangents)
        self.native.require_open()
        self.weights.publish()
        native = NativeModel(self.native.copy(abi.FLOAT64), self.native.names.scheme)
        ports = Ports(native.inputs, native.outputs, native.output_shapes, self.ports.keys, self.ports.form)
        return Moved(native, ports, batch, given, terms)

    def _checked(self, batch: Batch, tangents: Any) -> dict[str, Array]:
        """Return the tangents by name, in float64 and with the batch."""
        if not isinstance(tangents, Mapping):
            raise TypeMismatch(
                f"tangents are a dict of arrays by the names of parameters and inputs, got {tangents!r}"
            )
        inputs = dict(zip(self.ports.input_names, batch.arrays))
        known = self.native.names
        found = {}
        for name, value in tangents.items():
            if name in inputs and name in self.ports.float_inputs:
                shape = inputs[name].shape[batch.single :]
            elif isinstance(name, str) and name in known.full:
                shape = self.native.shapes[known.resolve(name)]
            else:
                possible = [*known.shown.values(), *self.ports.float_inputs]
                raise NotFound(
                    f'tangents: there is no parameter or float input "{name}"{closest(name, possible)} '
                    f"Known: {', '.join(possible)}."
                )
            array = as_array(value, f'the tangent of "{name}"').astype("float64")
            if array.shape != shape:
                raise ShapeError(f'the tangent of "{name}": expected {shape}, got {array.shape}')
            if not np.isfinite(array).all():
                raise InvalidArgument(f'the tangent of "{name}" has NaN or infinite elements')
            found[name] = array[None] if batch.single and name in inputs else array
        return found
