"""Layers and losses used by themselves: networks with a single node, cached by input shape."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from ._arrays import Array, ArrayLike, DType, as_array, float_dtype, sample_shape
from ._building import of_values
from ._graph import Input
from ._kinds import create
from ._layer import Layer
from ._loss import Loss
from ._model import Model
from ._parts import Parts
from ._ports import Batch
from ._prepared import PreparedGradients, is_preparable
from ._trainer import Trainer
from ._trainers import Trainers
from .errors import BadState, DenpaError, InvalidArgument, ShapeError, TypeMismatch

KEPT = 8  # networks, one for each shape, that a layer without parameters caches


def floats(x: ArrayLike) -> Array:
    """Return float32 and float64 arrays unchanged, float16 as float32, everything else as float64."""
    array = as_array(x)
    if array.dtype.kind == "f":
        return array
    return array.astype("float64")


def is_number(x: ArrayLike) -> bool:
    return isinstance(x, (int, float, np.number, np.bool_))


def returned(array: Array, axes: int, number: bool) -> Any:
    """Return a result in the form of its input: without an added batch axis, and as a number for a number."""
    if axes:
        array = array[0]
    return float(array) if number and array.ndim == 0 else array


class LayerAlone:
    """The networks that a layer needs to compute by itself. Each is made when its shape first occurs."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.net: Model | None = None
        self.nets: dict[Any, Model] = {}
        self.last: tuple[Model, int, bool, tuple[int, ...]] | None = (
            None  # net, axes added, whether a number, shape of the output
        )

    def build(self, input_shape: Any, dtype: DType, seed: int) -> None:
        self.net = self.make([(sample_shape(input_shape, "input_shape"), None)], float_dtype(dtype), seed)
        self.nets = {}

    def make(
        self, samples: Sequence[tuple[tuple[int | None, ...], Any]], dtype: np.dtype[Any], seed: int = 0
    ) -> Model:
        inputs = [Input(shape, dtype=kind) for shape, kind in samples]
        output = self.layer(*inputs)
        return Model(inputs, output, dtype=dtype, seed=seed, names="own")

    def network(self, arrays: Sequence[Array], integers: bool) -> Model:
        """Return the network for arrays with a batch axis. A layer with parameters has only one network."""
        if self.net is not None and self.layer.entry.get("parameters"):
            return self.net
        kinds = [a.dtype if integers else None for a in arrays]
        dtype = np.dtype("float64") if integers else np.result_type(*[a.dtype for a in arrays])
        samples = [(a.shape[1:], kind) for a, kind in zip(arrays, kinds)]
        key = (tuple(samples), dtype)
        if key not in self.nets:
            if len(self.nets) >= KEPT:
                self.nets.clear()
            self.nets[key] = self.make(samples, dtype)
        self.net = self.nets[key]
        return self.net

    def arrangements(self, x: Sequence[ArrayLike]) -> list[tuple[list[Array], int, bool]]:
        """Return the possible interpretations of the input, the likeliest first.

        Each is a list of arrays with a batch axis, the number of axes that were added, and whether integers
        are kept.
        """
        if not x:
            raise InvalidArgument(f"{self.layer.kind} has no inputs: call it for a value of a graph")
        given = [floats(item) for item in x]
        rank = max(array.ndim for array in given)
        ways = [0, 1] if rank > 1 else [1]
        found = [([a[None] if axes else a for a in given], axes, False) for axes in ways]
        whole = [as_array(item) for item in x]
        if all(array.dtype.kind in "iu" for array in whole):
            found += [([a[None] if axes else a for a in whole], axes, True) for axes in ways]
        return found

    def forward(self, x: Sequence[ArrayLike], training: bool) -> Any:
        number = all(is_number(item) for item in x)
        first: DenpaError | None = None
        for arrays, axes, integers in self.arrangements(x):
            try:
                net = self.network(arrays, integers)
                y = net.forward(arrays[0] if len(arrays) == 1 else arrays, training=training)
            except (ShapeError, TypeMismatch) as error:
                first = first or error
                continue
            if training:
                self.last = (net, axes, number, y.shape)
            return returned(y, axes, number)
        assert first is not None
        try:
            raise first
        finally:
            del first  # the traceback refers to this frame

    def backward(self, dout: ArrayLike) -> Any:
        if self.last is None:
            raise BadState(f"{self.layer.kind}: backward needs a forward before it")
        net, axes, number, shape = self.last
        gradient = floats(dout)
        if gradient.ndim == 0:
            gradient = np.full(shape, gradient)
        elif axes:
            gradient = gradient[None]
        net.zero_grads()
        dx = net.backward(gradient)
        if isinstance(dx, dict):
            return [returned(d, axes, number) for d in dx.values()]
        return returned(dx, axes, number)


class LossAlone:
    """The networks that a loss needs to compute by itself; each one returns its input unchanged."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.nets: dict[Any, Parts] = {}
        # The last call, for the next one like it, the trainers that it belongs to, and what they were then.
        self.last: tuple[PreparedGradients, Trainers, dict[Any, Trainer]] | None = None
        self.gradient: Any = None
        self.is_of_number = False

    def forward(self, y: ArrayLike, t: ArrayLike) -> float:
        value, self.gradient = self.compute(y, t)
        self.is_of_number = is_number(y)
        return value

    def backward(self, dout: float) -> Any:
        if self.gradient is None:
            raise BadState(f"{self.loss.kind}: backward needs a forward before it")
        return returned(self.gradient * dout, 0, self.is_of_number)

    def both(self, y: ArrayLike, t: ArrayLike) -> tuple[float, Any]:
        """Return the loss and its gradient with respect to y, which backward may return again."""
        value, gradient = self.compute(y, t)
        number = type(y) is not np.ndarray and is_number(y)
        self.gradient, self.is_of_number = gradient, number  # another thread may replace them at once
        return value, returned(gradient.copy(), 0, number) if number else gradient.copy()

    def compute(self, y: ArrayLike, t: ArrayLike) -> tuple[float, Any]:
        """Return the loss of a batch, or of one sample, and its gradient with respect to y."""
        last = self.last
        if last is not None and last[0].fits(y, t):
            call, trainers, others = last
            with trainers.weights.lock:
                if trainers.others is others:
                    return call.take(y, t)
        return self._compute(y, t)

    def _compute(self, y: ArrayLike, t: ArrayLike) -> tuple[float, Any]:
        outputs, targets = floats(y), as_array(t)
        single = outputs.ndim < 2
        rows, wanted = (outputs[None], targets[None]) if single else (outputs, targets)
        key = (rows.shape[1:], rows.dtype)
        if key not in self.nets:
            if len(self.nets) >= KEPT:
                self.nets.clear()
            x = Input(rows.shape[1:], name="y")
            handle, keys, form = of_values(x, create("identity")(x), rows.dtype, 0)
            self.nets[key] = Parts(handle, None, keys, form)
        parts, loss = self.nets[key], self.loss.alone()
        value, gradients = parts.derivatives.of_loss(rows, wanted, loss, ["y"])
        gradient = gradients["y"]
        if outputs.ndim and is_preparable(y, rows) and is_preparable(t, wanted):
            trainers = parts.trainers
            pointer, batch = trainers.gradients(parts.settings.terms(loss)).pointer, Batch([rows], 1, single)
            call = PreparedGradients(pointer, y, t, batch, wanted, gradient)
            self.last = call, trainers, trainers.others
        return value, gradient[0] if single else gradient


Layer.by_itself = staticmethod(LayerAlone)
Loss.by_itself = staticmethod(LossAlone)
