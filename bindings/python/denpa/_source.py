"""Batches of an iterable for fit: taken one by one, in the thread of fit or one ahead of it in another."""

from __future__ import annotations

import contextvars
import threading
from typing import Any, Callable, Iterable, Iterator

from . import _abi as abi
from ._arrays import Array, fill
from ._loss import Terms
from ._ports import Ports, targets_of
from ._sample_weights import weights_of
from ._tables import SparseBatches
from ._weights import Weights
from .errors import BadState, InvalidArgument, TypeMismatch

Arrays = tuple[list[Array], list[Array]]  # inputs, and targets with the weights of samples


class Ahead:
    """A thread that computes the next value of a function while the present one is used.

    It is idle until it is asked, and then computes one value, or keeps its exception, until that is taken.
    """

    def __init__(self, function: Callable[[], Arrays | None]) -> None:
        self.function = function
        self.asked, self.ready = threading.Semaphore(0), threading.Semaphore(0)
        self.is_asked = self.is_over = False
        self.value: Arrays | None = None
        self.error: BaseException | None = None
        # Settings of the thread of fit, np.errstate for example, are valid in this one too.
        run = contextvars.copy_context().run
        self.thread = threading.Thread(target=run, args=(self.work,), name="denpa prefetch", daemon=True)
        self.thread.start()

    def work(self) -> None:
        while True:
            self.asked.acquire()
            if self.is_over:
                return
            try:
                self.value = self.function()
            except BaseException as error:
                self.error = error
            self.ready.release()

    def ask(self) -> None:
        """Let the thread compute the next value."""
        self.is_asked = True
        self.asked.release()

    def take(self) -> Arrays | None:
        """Return the value, as soon as there is one; raise the exception instead."""
        if not self.is_asked:
            self.ask()
        self.ready.acquire()
        self.is_asked = False
        value, error = self.value, self.error
        self.value = self.error = None
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback refers to this frame
        return value

    def close(self) -> None:
        """Wait until the function has returned, and end the thread."""
        self.is_over = True
        self.asked.release()
        self.thread.join()


class Refusing:
    """A network's turn during fit, refused to one thread, which would wait for fit, as fit waits for it."""

    def __init__(self, lock: Any, thread: threading.Thread) -> None:
        self.lock, self.thread = lock, thread

    def refuse(self) -> None:
        if threading.current_thread() is self.thread:
            raise BadState(
                "with prefetch=True the iterable runs while the network is trained: it may predict, evaluate and "
                "read parameters, but not change or train the network; fit without prefetch, or use a callback"
            )

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        self.refuse()
        return bool(self.lock.acquire(blocking, timeout))

    def release(self) -> None:
        self.lock.release()

    def _is_owned(self) -> bool:
        return bool(self.lock._is_owned())

    def __enter__(self) -> None:
        self.refuse()
        self.lock.acquire()

    def __exit__(self, *error: object) -> None:
        self.lock.release()


class Source:
    """Passes the batches (x, t) of an iterable to the engine one by one.

    With `prefetch`, the next batch is taken and converted in a thread of its own while the engine trains on
    the present one, but never beyond the end of an epoch: an epoch takes the same batches either way.
    """

    def __init__(
        self,
        ports: Ports,
        weights: Weights,
        batches: Iterable[Any],
        steps: int | None,
        terms: Terms,
        prefetch: bool,
    ) -> None:
        self.ports, self.weights, self.batches, self.steps, self.terms = ports, weights, batches, steps, terms
        self.iterator: Iterator[Any] = iter(batches)
        self.endless = self.iterator is batches  # an iterator cannot be restarted
        self.taken = 0
        self.held: Any = None
        self.copies = weights.copies()
        self.prefetch = prefetch
        self.ahead: Ahead | None = None

    @property
    def length(self) -> int | None:
        """The number of batches in an epoch, if it is known."""
        if self.steps is not None:
            return self.steps
        sized: Any = self.batches
        try:
            return len(sized) if hasattr(sized, "__len__") else None
        except Exception:  # nothing but what is shown depends on it
            return None

    def __enter__(self) -> Source:
        if self.prefetch:
            self.ahead = Ahead(self.following)
            self.turn = self.weights.turn
            self.weights.turn = Refusing(self.turn, self.ahead.thread)
        return self

    def __exit__(self, *error: object) -> None:
        if self.ahead is not None:
            self.weights.turn = self.turn
            ahead, self.ahead = self.ahead, None  # which refers to this object
            ahead.close()

    def take(self) -> Arrays | None:
        """Return the next batch as arrays, or None at the end."""
        try:
            batch = next(self.iterator)
        except StopIteration:
            return None
        is_pair = isinstance(batch, (tuple, list)) and len(batch) == 2
        if not is_pair and not (isinstance(batch, tuple) and len(batch) == 3):
            raise TypeMismatch(
                "each item of the iterable must be a pair (x, t), or (x, t, sample_weight), "
                f"got {type(batch).__name__}"
            )
        arranged = self.ports.arrange(batch[0])
        targets = targets_of(batch[1], self.terms.names, arranged.single)
        weights = weights_of(batch[2] if len(batch) == 3 else None, self.terms, arranged.single)
        inputs, others = arranged.arrays, targets + weights
        if self.prefetch and not isinstance(self.batches, SparseBatches):
            # The iterable may use its arrays again for the next batch.
            return [array.copy() for array in inputs], [array.copy() for array in others]
        return inputs, others

    def next(self, inputs: Any, targets: Any) -> int:
        self.held = None
        batch = None if self.taken == self.steps else self.ahead.take() if self.ahead else self.following()
        if batch is None:
            self.weights.refuse_writes(self.copies)
            return abi.END_OF_DATA
        self.held = batch
        for views, arrays in zip((inputs, targets), batch):
            for number, array in enumerate(arrays):
                fill(views[number], array)
        first = len(self.terms.names)
        if len(batch[1]) == first and any(self.terms.weightable):
            targets[first].data = None  # those of the batch before do not count for this one
        self.taken += 1
        if self.ahead and self.taken != self.steps:
            self.ahead.ask()
        return abi.OK

    def following(self) -> Arrays | None:
        """Return the next batch of an epoch, or None if the epoch ends with the iterable."""
        batch = self.take()
        if batch is None and self.steps is not None and not self.endless:
            self.iterator = iter(self.batches)
            batch = self.take()
        if batch is None and self.steps is not None:
            raise InvalidArgument(f"the iterable ended after {self.taken} of {self.steps} steps of an epoch")
        if batch is None and self.taken == 0:
            raise InvalidArgument("there is no batch in the iterable that fit was given")
        return batch

    def rewind(self) -> int:
        self.taken = 0
        self.copies = self.weights.copies()
        if self.steps is None:
            if self.endless:
                raise InvalidArgument(
                    "an iterator serves one epoch: give a list, an object that can be iterated anew, "
                    "or steps_per_epoch"
                )
            self.iterator = iter(self.batches)
        return abi.OK
