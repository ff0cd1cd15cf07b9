"""Derivatives row by row: the Jacobian of the outputs, and the gradients of each row's loss."""

from __future__ import annotations

from math import prod
from typing import Any, Iterable, Sequence

import numpy as np

from ._arrays import Array
from ._derivatives import Derivatives
from ._native import NativeModel
from ._ports import Batch, Ports, targets_of
from ._settings import Settings
from ._trainer import Trainer
from ._trainers import Trainers
from ._weights import Weights
from .errors import InvalidArgument


class RowDerivatives:
    """Computes derivatives of each row with trainers that have no optimizer, by one backward for each."""

    def __init__(
        self,
        native: NativeModel,
        ports: Ports,
        weights: Weights,
        trainers: Trainers,
        settings: Settings,
        derivatives: Derivatives,
    ) -> None:
        self.native, self.ports, self.weights, self.trainers = native, ports, weights, trainers
        self.settings, self.derivatives = settings, derivatives

    def jacobian(self, x: Any, wrt: Iterable[str] | None) -> Any:
        """Return the derivatives of each output element, in the network's form and by name."""
        batch = self.ports.arrange(x)
        with self.weights.lock:
            names = self.derivatives.wanted(wrt)
            trainer = self.trainers.gradients(None)
            self.derivatives.begin(trainer)
            outputs = self._require_separate_rows(trainer, batch, "jacobian")
            found = [self._places(names, batch, output.shape[1:]) for output in outputs]
            # The gradients of inputs come for all rows at once, those of parameters only as their sum.
            pieces = [batch] if set(names) <= set(self.ports.input_names) else rows_of(batch)
            for first, piece in enumerate(pieces):
                row = slice(None) if piece is batch else slice(first, first + 1)
                self._differentiate(trainer, piece, row, names, found)
            shaped = [
                {
                    name: array.reshape(array.shape[:1] + output.shape[1:] + array.shape[2:])
                    for name, array in arrays.items()
                }
                for arrays, output in zip(found, outputs)
            ]
        if batch.single:
            shaped = [{name: array[0] for name, array in arrays.items()} for arrays in shaped]
        return self.ports.formed(shaped)

    def _places(self, names: Sequence[str], batch: Batch, output: tuple[int, ...]) -> dict[str, Array]:
        """Return memory for the derivatives of an output: (rows, elements of the output, *shape)."""
        shapes = {port.name: array.shape[1:] for port, array in zip(self.ports.inputs, batch.arrays)}
        found = {}
        for name in names:
            shape = shapes[name] if name in shapes else self.native.shapes[self.native.names.resolve(name)]
            found[name] = np.zeros((batch.rows, prod(output), *shape), self.native.dtype)
        return found

    def _differentiate(
        self, trainer: Trainer, batch: Batch, rows: slice, names: Sequence[str], found: list[dict[str, Array]]
    ) -> None:
        """Compute the derivatives of a batch, by a forward and a backward for each element of an output."""
        outputs = self.ports.buffers(batch)
        floats = [name for name in names if name in self.ports.input_names]
        dinputs = self.ports.input_gradients(batch, floats, self.native.dtype)
        inputs = dict(zip(self.ports.input_names, dinputs))
        for number, output in enumerate(outputs):
            seed = np.zeros((batch.rows, prod(output.shape[1:])), output.dtype)
            wanted: list[Array | None] = [None] * len(outputs)
            wanted[number] = seed.reshape(output.shape)
            for element in range(seed.shape[1]):
                seed[:, element] = 1
                trainer.forward(batch, outputs, training=True)
                trainer.zero_gradients()
                trainer.backward(wanted, dinputs)
                seed[:, element] = 0
                for name in names:
                    array = inputs.get(name)
                    if array is None:
                        array = trainer.gradient(self.native.names.resolve(name))
                    found[number][name][rows, element] = array

    def sample_gradients(self, x: Any, t: Any, loss: Any, wrt: Iterable[str] | None) -> dict[str, Array]:
        """Return the gradients of the loss of each row, as arrays (rows, *shape) by name."""
        terms = self.settings.terms(loss)
        if not terms.is_by_rows:
            raise InvalidArgument(
                "sample_gradients needs a loss that is a sum or a mean over rows: a single row has none of "
                f"{', '.join(term.kind for term in terms.losses)} with this reduction"
            )
        batch = self.ports.arrange(x)
        targets = targets_of(t, terms.names, batch.single)
        with self.weights.lock:
            names = self.derivatives.wanted(wrt)
            trainer = self.trainers.gradients(terms)
            self.derivatives.begin(trainer)
            # All rows at once: what is wrong with them or their targets is said of the arrays that were given.
            trainer.add_gradients(batch, targets, [None] * len(batch.arrays))
            self._require_separate_rows(trainer, batch, "sample_gradients")
            found = {name: array[:, 0] for name, array in self._places(names, batch, ()).items()}
            floats = [name for name in names if name in self.ports.input_names]
            for row, piece in enumerate(rows_of(batch)):
                dinputs = self.ports.input_gradients(piece, floats, self.native.dtype)
                inputs = dict(zip(self.ports.input_names, dinputs))
                trainer.zero_gradients()
                trainer.add_gradients(piece, [target[row : row + 1] for target in targets], dinputs)
                for name, places in found.items():
                    array = inputs.get(name)
                    places[row] = (
                        trainer.gradient(self.native.names.resolve(name)) if array is None else array[0]
                    )
        return {name: array[0] for name, array in found.items()} if batch.single else found

    def _require_separate_rows(self, trainer: Trainer, batch: Batch, what: str) -> list[Array]:
        """Return the outputs of a batch.

        Raises InvalidArgument if they are others in training, as with dropout and batch_norm, or if a row's
        depend on the other rows: then a row has no derivatives of its own.
        """
        expected, trained = self.ports.buffers(batch), self.ports.buffers(batch)
        trainer.forward(batch, expected, training=False)
        trainer.forward(batch, trained, training=True)
        ends = [(row, self.ports.buffers(piece)) for row, piece in ends_of(batch)]
        for (_, piece), (_, outputs) in zip(ends_of(batch), ends):
            trainer.forward(piece, outputs, training=False)
        tolerance = 1e-3 if self.native.dtype == np.float32 else 1e-8
        for number, output in enumerate(expected):
            scale = tolerance * float(np.abs(output[np.isfinite(output)]).max(initial=0))
            pairs = [(trained[number], output)] + [(alone[number][0], output[row]) for row, alone in ends]
            if all(np.allclose(one, other, tolerance, scale, equal_nan=True) for one, other in pairs):
                continue
            raise InvalidArgument(
                f'{what}: output "{self.ports.keys[number]}" is another one in training, or depends on the '
                "other rows (dropout, noise, batch_norm), so that a row has no derivatives of its own; "
                "gradients, vjp, jvp and hvp differentiate such a network as a whole"
            )
        return expected


def rows_of(batch: Batch) -> list[Batch]:
    """Return each row as a batch of its own."""
    return [row_of(batch, row) for row in range(batch.rows)]


def row_of(batch: Batch, row: int) -> Batch:
    return Batch([array[row : row + 1] for array in batch.arrays], 1, True)


def ends_of(batch: Batch) -> list[tuple[int, Batch]]:
    """Return the first and the last row, if there are two."""
    return [(row, row_of(batch, row)) for row in (0, batch.rows - 1)] if batch.rows > 1 else []
