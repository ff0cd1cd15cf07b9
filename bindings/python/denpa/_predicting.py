"""Networks that predict, from any number of threads at once."""

from __future__ import annotations

import ctypes
from collections import deque
from typing import Any, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import CODES, Array, tensors, whole
from ._call import Handle, check, create, library, options
from ._core import Core, Question
from .errors import InvalidArgument

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
        self.room = 1 << (rows - 1).bit_length()
        self.generation = _threads_generation
        wanted = options(abi.SessionOptions, max_batch=self.room)
        self.handle = create(abi.Session, "denpa_session_create", model.pointer, ctypes.byref(wanted))
        self.shape: tuple[int, ...] | None = None
        self.dtype: Any = None

    def prepare(self, x: Array, question: Question, output: Array) -> None:
        """Keep memory for inputs like x, for a network with one input and one output."""
        self.shape, self.dtype, self.single = x.shape, x.dtype, question.single
        self.x, self.y = question.arrays[0].copy(), output.copy()
        self.place = self.x.reshape(x.shape)  # rows of one value may come as a vector
        self.arguments = (self.handle.pointer, tensors([self.x]), 1, tensors([self.y]), 1)

    def answers(self, x: Any) -> bool:
        """Return whether the call is prepared for x."""
        return type(x) is np.ndarray and x.dtype is self.dtype and x.shape == self.shape

    def answer(self, x: Array) -> Array:
        self.place[...] = x
        status = library.denpa_predict(*self.arguments)
        if status:
            check(status)
        y: Array = self.y[0] if self.single else self.y
        return y.copy()


class Predicting(Core):
    """A network that predicts."""

    def __init__(self, handle: Handle, names: str | None, keys: Sequence[str] | None, form: str) -> None:
        super().__init__(handle, names, keys, form)
        self._seats: deque[Seat] = deque()

    def predict(self, x: Any) -> Any:
        """Return the network's outputs for inputs (rows, ...), or for one sample without the batch.

        Any number of threads may predict at the same time.
        """
        if self._trainers.ahead is not None:
            self._trainers.publish()
        try:
            seat = self._seats.pop()
        except IndexError:
            return self._predict(x, None)
        if seat.generation == _threads_generation and seat.answers(x):
            try:
                return seat.answer(x)
            finally:
                self._seats.append(seat)
        return self._predict(x, seat)

    def _predict(self, x: Any, seat: Seat | None) -> Any:
        question = self._arrange(x)
        outputs = self._buffers(question.rows)
        rows = min(max(question.rows, 1), CHUNK)
        if seat is None or seat.room < rows or seat.generation != _threads_generation:
            seat = Seat(self._handle, rows)
        inputs, results, first = question.tensors, tensors(outputs), 0
        while True:
            if question.rows > CHUNK:
                inputs = tensors([array[first : first + CHUNK] for array in question.arrays])
                results = tensors([array[first : first + CHUNK] for array in outputs])
            status = library.denpa_predict(
                seat.handle.pointer, inputs, len(self._inputs), results, len(outputs)
            )
            if status == abi.BAD_SHAPE and question.rows > CHUNK:  # the message names the shape given
                inputs, results = question.tensors, tensors(outputs)
                library.denpa_predict(seat.handle.pointer, inputs, len(self._inputs), results, len(outputs))
            if status:
                check(status)
            first += CHUNK
            if first >= question.rows:
                break
        plain = type(x) is np.ndarray and x.dtype in CODES and x.nbytes <= SMALL
        if plain and self._form == "one" and len(question.arrays) == 1 and question.rows > 0:
            seat.prepare(x, question, outputs[0])
        self._seats.append(seat)
        return self._in_form(outputs, question.single)

    def predict_proba(self, x: Any) -> Array:
        """Return the probabilities of the classes (rows, classes).

        A network with a single output has one class (rows, 1). The network's outputs are returned unchanged
        if it ends in a softmax or sigmoid; otherwise their softmax or sigmoid is computed. Raises
        InvalidArgument for a network with several outputs.
        """
        return self._probabilities(x, "predict_proba")

    def _probabilities(self, x: Any, asked: str) -> Array:
        if len(self._outputs) != 1:
            raise InvalidArgument(
                f"{asked} is for networks of one output, and this one has {', '.join(self._keys)}: "
                "use predict"
            )
        answer = self.predict(x)
        y: Array = (
            answer if self._form == "one" else list(answer.values() if self._form == "dict" else answer)[0]
        )
        last = self.layers.get(self._outputs[0].name)
        ends = {last.kind, (last.attributes or {}).get("activation")} if last is not None else set()
        if ends & {"softmax", "sigmoid"}:
            return y
        if self._outputs[0].shape[-1:] == (1,):
            return np.asarray(np.exp(-np.logaddexp(0, -y)), y.dtype)
        e = np.exp(y - y.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True), y.dtype)

    def predict_classes(self, x: Any) -> Array:
        """Return the number of the most likely class for each row; 0 or 1 for a single output.

        Raises InvalidArgument for a network with several outputs.
        """
        p = self._probabilities(x, "predict_classes")
        if p.shape[-1] == 1:
            return np.asarray(p[..., 0] > 0.5, "int64")
        return np.asarray(p.argmax(axis=-1), "int64")

    def close(self) -> None:
        """Release the memory now. Later calls raise BadState.

        Arrays of parameters that are still referenced remain valid.
        """
        super().close()
        self._seats.clear()
