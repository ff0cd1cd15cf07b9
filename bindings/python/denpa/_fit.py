"""One run of fit: the engine's callbacks, Ctrl-C, and batches from an iterable."""

from __future__ import annotations

import ctypes
import threading
from typing import Any, Callable, Iterable, Iterator, Protocol

from . import _abi as abi
from ._arrays import Array, fill
from ._call import Handle, failure, library
from ._history import History, ProgressBar, logs_of
from ._loss import Terms
from ._parameters import Names, Views, refuse_writes
from ._trainers import Trainer, Trainers
from .errors import InvalidArgument, TypeMismatch


class Network(Protocol):
    """The network that is trained."""

    _handle: Handle
    _names: Names
    _trainers: Trainers
    _views: Views

    def _arrange(self, x: Any) -> Any: ...

    def _targets(self, t: Any, terms: Terms, single: bool) -> list[Array]: ...


CallbackLike = Any  # a function (net, epoch, logs), or an object with such a method on_epoch_end


class Interrupts:
    """Defers Ctrl-C while the engine works, so that it cannot strike between two lines of a callback.

    Python would raise KeyboardInterrupt at the first instruction of a function that the engine calls, where
    nothing can catch it. The signal is therefore only recorded; the callback stops the training, and the
    previous handler is called afterwards.
    """

    def __init__(self) -> None:
        self.struck = False
        self.previous: Any = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            import signal

            previous = signal.getsignal(signal.SIGINT)
            if callable(previous):
                self.previous = previous
                signal.signal(signal.SIGINT, self.note)
        return self

    def note(self, number: int, frame: Any) -> None:
        self.struck = True

    def __exit__(self, *error: object) -> None:
        if self.previous is not None:
            import signal

            signal.signal(signal.SIGINT, self.previous)

    def answer(self) -> int:
        """Return the status for a callback to return: whether the engine continues."""
        return abi.STOPPED if self.struck else abi.OK

    def speak(self) -> None:
        """Call the previous handler, which normally raises KeyboardInterrupt."""
        if self.struck and self.previous is not None:
            self.previous(2, None)


def callback_functions(callbacks: CallbackLike) -> list[Callable[..., Any]]:
    """Return the functions to call after each epoch."""
    given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    functions: list[Any] = [getattr(item, "on_epoch_end", item) for item in given if item is not None]
    for function in functions:
        if not callable(function):
            raise TypeMismatch(
                f"a callback is a function (net, epoch, logs) or has on_epoch_end, got {function!r}"
            )
    return functions


class Run:
    """The callbacks of one fit.

    An exception in a callback is kept, stops the training, and is raised when the engine has returned.
    """

    def __init__(
        self, net: Network, trainer: Trainer, callbacks: CallbackLike, verbose: int, accuracy: bool
    ) -> None:
        self.net, self.trainer, self.accuracy = net, trainer, accuracy
        self.functions = callback_functions(callbacks)
        self.validates = False
        self.history = History()
        self.bar = ProgressBar() if verbose else None
        self.error: BaseException | None = None
        self.interrupts = Interrupts()
        self.keep: list[Any] = []  # ctypes callbacks that the engine may still call

    def options(self, epochs: int, batch_size: int, shuffle: bool, validation: tuple[Any, Any] | None) -> Any:
        """Return the engine's options. `validation` is a pair of input tensors and target tensors."""
        wanted = abi.FitOptions(ctypes.sizeof(abi.FitOptions), epochs, batch_size, int(not shuffle))
        if validation is not None:
            self.validates = True
            wanted.validation_inputs, wanted.validation_targets = validation
            wanted.validation_count = 1
        wanted.callback = abi.ProgressCallback(self.guarded(self.progress))
        self.keep.append(wanted)
        return ctypes.byref(wanted)

    def guarded(self, function: Callable[..., int]) -> Callable[..., int]:
        """Wrap a function so that its exceptions are kept for later."""

        def call(user_data: Any, *arguments: Any) -> int:
            try:
                return function(*arguments)
            except BaseException as error:
                self.error = error
                return abi.STOPPED

        return call

    def progress(self, pointer: Any) -> int:
        progress = pointer.contents
        logs = logs_of(progress, self.accuracy, self.validates)
        if self.bar:
            self.bar.show(progress, logs)
        if progress.end_of_epoch:
            self.net._trainers.published(self.trainer)
            self.history.add(logs)
            copies = self.net._views.copies() if self.functions else {}
            for function in self.functions:
                function(self.net, int(progress.epoch), logs)
            refuse_writes(copies, self.net._names)
        return self.interrupts.answer()

    def call_source(self, source: Source, wanted: Any) -> None:
        take, rewind = (
            abi.NextCallback(self.guarded(source.next)),
            abi.RewindCallback(self.guarded(source.rewind)),
        )
        self.call("denpa_fit_source", take, rewind, None, wanted)

    def call(self, name: str, *arguments: Any) -> None:
        """Run the engine's function, then raise any exception. The network keeps what it has learned."""
        trainers = self.net._trainers
        trainers.begin(self.trainer)
        loss = ctypes.c_double()
        trainers.publish()  # callbacks and other threads see everything learned so far
        with self.interrupts:
            trainers.fitting = True
            status = getattr(library, name)(self.trainer.handle.pointer, *arguments, ctypes.byref(loss))
            error = failure(status) if status else None
            trainers.fitting = False
            trainers.published(self.trainer)
            self.net._views.settle(self.net._handle)
        if self.bar:
            self.bar.finish()
        try:
            if self.error is not None:
                raise self.error
        finally:
            self.interrupts.speak()
        if error is not None:
            raise error


class Source:
    """Passes the batches (x, t) of an iterable to the engine one by one."""

    def __init__(self, net: Network, batches: Iterable[Any], steps: int | None, terms: Terms) -> None:
        self.net, self.batches, self.steps, self.terms = net, batches, steps, terms
        self.iterator: Iterator[Any] = iter(batches)
        self.endless = self.iterator is batches  # an iterator cannot be restarted
        self.taken = 0
        self.held: Any = None
        self.copies = net._views.copies()

    def take(self) -> tuple[list[Array], list[Array]] | None:
        """Return the next batch as arrays, or None at the end."""
        try:
            batch = next(self.iterator)
        except StopIteration:
            return None
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise TypeMismatch(f"each item of the iterable must be a pair (x, t), got {type(batch).__name__}")
        question = self.net._arrange(batch[0])
        targets = self.net._targets(batch[1], self.terms, question.single)
        return question.arrays, targets

    def next(self, inputs: Any, targets: Any) -> int:
        batch = None if self.taken == self.steps else self.following()
        if batch is None:
            refuse_writes(self.copies, self.net._names)
            return abi.END_OF_DATA
        self.held = batch
        for views, arrays in zip((inputs, targets), batch):
            for number, array in enumerate(arrays):
                fill(views[number], array)
        self.taken += 1
        return abi.OK

    def following(self) -> tuple[list[Array], list[Array]] | None:
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
        self.copies = self.net._views.copies()
        if self.steps is None:
            if self.endless:
                raise InvalidArgument(
                    "an iterator serves one epoch: give a list, an object that can be iterated anew, "
                    "or steps_per_epoch"
                )
            self.iterator = iter(self.batches)
        return abi.OK
