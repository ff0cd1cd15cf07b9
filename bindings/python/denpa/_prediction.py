"""Prediction, by any number of threads at once."""

from __future__ import annotations

import ctypes
from collections import deque
from typing import Any, Callable

import numpy as np

from . import _abi as abi
from ._arrays import CODES, Array, tensors, whole
from ._call import Handle, check, create, library, options, prepared
from ._native import CLOSED, NativeModel
from ._ports import Batch, Ports
from ._weights import Weights
from .errors import BadState, InvalidArgument, ShapeError

CHUNK = 1024  # rows predicted by one call
SMALL = 8192  # bytes of an input up to which its call is prepared for the next input like it

_threads_generation = 0  # counts set_threads; sessions created before are not reused


def set_threads(count: int) -> None:
    """Set the number of threads, 1 to 64, used for parallel work. Results never depend on it."""
    global _threads_generation
    check(library.denpa_set_thread_count(whole(count, "the number of threads", 1, 64)))
    _threads_generation += 1


class Seat:
    """A session of the engine, used by one thread at a time, with a call prepared for inputs of one form."""

    def __init__(self, model: Handle, rows: int) -> None:
        self.generation = _threads_generation
        wanted = options(abi.SessionOptions, max_batch=rows)
        self.handle = create(abi.Session, "denpa_session_create", model.pointer, ctypes.byref(wanted))
        self.shape: tuple[int, ...] | None = None
        self.dtype: Any = None
        self.call: Callable[[], int]

    def prepare(self, x: Array, batch: Batch, output: Array) -> None:
        """Keep memory for inputs like x, for a network with one input and one output."""
        self.shape, self.dtype = x.shape, x.dtype
        inside, outside = batch.arrays[0].copy(), output.copy()
        self.x = inside.reshape(x.shape)  # rows of one value may come as a vector
        self.y: Array = outside[0] if batch.single else outside
        given = tensors([inside]), 1, tensors([outside]), 1
        self.call = prepared("denpa_predict", self.handle.pointer, *given)

    def answer(self, x: Array) -> Array:
        """Return the outputs for an array of the shape and element type that the call is prepared for."""
        self.x[...] = x
        status = self.call()
        if status:
            check(status)
        return self.y.copy()


class NoSeats:
    """Takes the place of the seats of a closed network."""

    def pop(self) -> Seat:
        raise BadState(CLOSED)

    def append(self, seat: Seat) -> None:
        """Keep nothing: a prediction that had begun before has ended."""


class Prediction:
    """Predicts with the model's weights. It keeps the sessions that no thread uses."""

    def __init__(self, native: NativeModel, ports: Ports, weights: Weights) -> None:
        self.native, self.ports, self.weights = native, ports, weights
        self.seats: deque[Seat] | NoSeats = deque()

    def predict(self, x: Any) -> Any:
        """Return the network's outputs for inputs, in the form that the network uses."""
        if self.weights.ahead is not None:
            self.weights.publish()
        try:
            seat = self.seats.pop()
        except IndexError:
            return self._predict(x, None)
        if (
            type(x) is np.ndarray
            and x.dtype is seat.dtype
            and x.shape == seat.shape
            and seat.generation == _threads_generation
        ):
            try:
                return seat.answer(x)
            finally:
                self.seats.append(seat)
        return self._predict(x, seat)

    def _predict(self, x: Any, seat: Seat | None) -> Any:
        ports = self.ports
        batch = ports.arrange(x)
        outputs = ports.buffers(batch)
        if seat is None or seat.generation != _threads_generation:
            seat = Seat(self.native.handle, min(max(batch.rows, 1), CHUNK))
        inputs, results, first = batch.tensors, tensors(outputs), 0
        counts = len(batch.arrays), len(outputs)
        while True:
            if batch.rows > CHUNK:
                inputs = tensors([array[first : first + CHUNK] for array in batch.arrays])
                results = tensors([array[first : first + CHUNK] for array in outputs])
            status = library.denpa_predict(seat.handle.pointer, inputs, counts[0], results, counts[1])
            if status == abi.BAD_SHAPE and batch.rows > CHUNK:  # the message names the shape given
                inputs, results = batch.tensors, tensors(outputs)
                library.denpa_predict(seat.handle.pointer, inputs, counts[0], results, counts[1])
            if status:
                check(status)
            first += CHUNK
            if first >= batch.rows:
                break
        plain = type(x) is np.ndarray and x.dtype in CODES and x.nbytes <= SMALL
        if plain and ports.form == "one" and len(batch.arrays) == 1 and batch.rows > 0:
            seat.prepare(x, batch, outputs[0])
        self.seats.append(seat)
        return ports.in_form(outputs, batch.single)

    def probabilities(self, x: Any, asked: str) -> Array:
        """Return the probabilities of the classes, for the method of the network that was called."""
        ports = self.ports
        if len(ports.outputs) != 1:
            raise InvalidArgument(
                f"{asked} is for networks of one output, and this one has {', '.join(ports.keys)}: "
                "use predict"
            )
        answer = self.predict(x)
        y: Array = (
            answer if ports.form == "one" else list(answer.values() if ports.form == "dict" else answer)[0]
        )
        port = ports.outputs[0]
        if port.shape and y.shape[-1] == 0:
            raise ShapeError(
                f'{asked} needs at least one class: output "{ports.keys[0]}" has shape {y.shape}'
            )
        last = self.native.nodes().get(port.name)
        if last is not None:
            activation = (last.get("attributes") or {}).get("activation") or {}
            if {last["kind"], activation.get("kind")} & {"softmax", "sigmoid"}:
                return y
        if self._is_single(y):
            return np.asarray(np.exp(-np.logaddexp(0, -y)), y.dtype)
        e = np.exp(y - y.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True), y.dtype)

    def classes(self, x: Any, asked: str) -> Array:
        """Return the number of the most likely class for each row; 0 or 1 for a single output."""
        p = self.probabilities(x, asked)
        if self._is_single(p):
            return np.asarray((p[..., 0] if self.ports.outputs[0].shape else p) > 0.5, "int64")
        return np.asarray(p.argmax(axis=-1), "int64")

    def _is_single(self, y: Array) -> bool:
        """Return whether there is one number for each decision: an axis of one class, or none in a sample."""
        return not self.ports.outputs[0].shape or y.shape[-1] == 1

    def close(self) -> None:
        """Refuse all later predictions. A session is destroyed when the thread that uses it is done."""
        self.seats = NoSeats()
