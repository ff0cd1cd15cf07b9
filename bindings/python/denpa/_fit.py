"""fit: its arguments, the engine's callbacks, and batches from an iterable."""

from __future__ import annotations

import ctypes
from typing import Any, Callable, Iterable, Iterator, Mapping

from . import _abi as abi
from ._arrays import Array, fill, tensors, whole
from ._call import failure, library
from ._history import History, ProgressBar, logs_of
from ._interrupts import Interrupts
from ._loss import Terms
from ._ports import Ports, targets_of
from ._settings import Settings
from ._trainer import Trainer
from ._training import Training
from ._weights import Weights
from .errors import InvalidArgument, TypeMismatch

CallbackLike = Any  # a function (net, epoch, logs), or an object with such a method on_epoch_end
BATCH = 32  # default batch_size


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

    An exception in a callback is kept, stops the training, and is raised when the engine has returned. A run
    refers to the network, so nothing that it refers to may refer to the run: neither the engine's callbacks
    nor the traceback of an exception. Otherwise the network would wait for the garbage collector.
    """

    def __init__(
        self,
        net: Any,
        weights: Weights,
        trainer: Trainer,
        callbacks: CallbackLike,
        verbose: int,
        accuracy: bool,
    ) -> None:
        self.net, self.weights, self.trainer, self.accuracy = net, weights, trainer, accuracy
        self.functions = callback_functions(callbacks)
        self.validates = False
        self.history = History()
        self.bar = ProgressBar() if verbose else None
        self.error: BaseException | None = None
        self.interrupts = Interrupts()

    def options(self, epochs: int, batch_size: int, shuffle: bool, validation: tuple[Any, Any] | None) -> Any:
        """Return the engine's options, which hold the callback.

        `validation` is a pair of input tensors and target tensors.
        """
        wanted = abi.FitOptions(ctypes.sizeof(abi.FitOptions), epochs, batch_size, int(not shuffle))
        if validation is not None:
            self.validates = True
            wanted.validation_inputs, wanted.validation_targets = validation
            wanted.validation_count = 1
        wanted.callback = abi.ProgressCallback(self.guarded(self.progress))
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
            self.weights.published(self.trainer)
            self.history.add(logs)
            copies = self.weights.copies() if self.functions else {}
            for function in self.functions:
                function(self.net, int(progress.epoch), logs)
            self.weights.refuse_writes(copies)
        return self.interrupts.answer()

    def call_source(self, source: Source, wanted: Any) -> None:
        take, rewind = (
            abi.NextCallback(self.guarded(source.next)),
            abi.RewindCallback(self.guarded(source.rewind)),
        )
        self.call("denpa_fit_source", take, rewind, None, wanted)

    def call(self, name: str, *arguments: Any) -> None:
        """Run the engine's function, then raise any exception. The network keeps what it has learned."""
        weights = self.weights
        weights.begin(self.trainer)
        loss = ctypes.c_double()
        weights.publish()  # callbacks and other threads see everything learned so far
        with self.interrupts:
            weights.fitting = True
            status = getattr(library, name)(self.trainer.handle.pointer, *arguments, ctypes.byref(loss))
            error = failure(status) if status else None
            weights.fitting = False
            weights.published(self.trainer)
            weights.settle()
        if self.bar:
            self.bar.finish()
        raised, self.error = self.error, None
        try:
            try:
                if raised is not None:
                    raise raised
            finally:
                self.interrupts.speak()
            if error is not None:
                raise error
        finally:
            del raised, error  # whose tracebacks refer to this frame


class Source:
    """Passes the batches (x, t) of an iterable to the engine one by one."""

    def __init__(
        self, ports: Ports, weights: Weights, batches: Iterable[Any], steps: int | None, terms: Terms
    ) -> None:
        self.ports, self.weights, self.batches, self.steps, self.terms = ports, weights, batches, steps, terms
        self.iterator: Iterator[Any] = iter(batches)
        self.endless = self.iterator is batches  # an iterator cannot be restarted
        self.taken = 0
        self.held: Any = None
        self.copies = weights.copies()

    def take(self) -> tuple[list[Array], list[Array]] | None:
        """Return the next batch as arrays, or None at the end."""
        try:
            batch = next(self.iterator)
        except StopIteration:
            return None
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise TypeMismatch(f"each item of the iterable must be a pair (x, t), got {type(batch).__name__}")
        arranged = self.ports.arrange(batch[0])
        return arranged.arrays, targets_of(batch[1], self.terms.names, arranged.single)

    def next(self, inputs: Any, targets: Any) -> int:
        batch = None if self.taken == self.steps else self.following()
        if batch is None:
            self.weights.refuse_writes(self.copies)
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
        self.copies = self.weights.copies()
        if self.steps is None:
            if self.endless:
                raise InvalidArgument(
                    "an iterator serves one epoch: give a list, an object that can be iterated anew, "
                    "or steps_per_epoch"
                )
            self.iterator = iter(self.batches)
        return abi.OK


class Fitting:
    """Trains over epochs, on arrays or on an iterable of batches."""

    def __init__(self, ports: Ports, weights: Weights, settings: Settings, training: Training) -> None:
        self.ports, self.weights, self.settings, self.training = ports, weights, settings, training

    def fit(
        self,
        net: Any,
        x: Any,
        t: Any,
        *,
        batch_size: int | None,
        epochs: int,
        validation_data: tuple[Any, Any] | None,
        shuffle: bool,
        verbose: int,
        callbacks: CallbackLike,
        loss: Any,
        optimizer: Any,
        steps_per_epoch: int | None,
    ) -> History:
        """Train and return the numbers of each epoch. `net` is what the callbacks are given."""
        epochs = whole(epochs, "epochs", 1)
        size = None if batch_size is None else whole(batch_size, "batch_size", 1)
        steps = None if steps_per_epoch is None else whole(steps_per_epoch, "steps_per_epoch", 1)
        if t is None and (hasattr(x, "shape") or isinstance(x, Mapping)):
            raise TypeMismatch(
                "fit needs the targets t beside the inputs x, or an iterable of batches (x, t)"
            )
        if t is None and size is not None:
            raise InvalidArgument("batch_size is for arrays: the batches of an iterable are as they come")
        if t is not None and steps is not None:
            raise InvalidArgument(
                "steps_per_epoch is for an iterable of batches: of arrays an epoch takes all rows"
            )
        with self.weights.lock:
            self.weights.require_idle()
            if t is None and not hasattr(x, "__iter__"):
                raise TypeMismatch(
                    f"fit takes x and t, or an iterable of batches (x, t), got {type(x).__name__}"
                )
            with self.training.using(loss, optimizer, afresh=True) as (trainer, terms):
                accuracy = self.settings.wants_accuracy
                run = Run(net, self.weights, trainer, callbacks, verbose, accuracy)
                validation = self._validation(validation_data, terms)
                if t is None:
                    source = Source(self.ports, self.weights, x, steps, terms)
                    run.call_source(source, run.options(epochs, 0, False, validation))
                else:
                    batch = self.ports.arrange(x, strided=True)
                    targets = targets_of(t, terms.names, batch.single, strided=True)
                    rows = min(size or BATCH, max(batch.rows, 1))
                    wanted = run.options(epochs, rows, shuffle, validation)
                    given = batch.tensors, len(batch.arrays), tensors(targets), len(targets)
                    run.call("denpa_fit", *given, wanted)
        return run.history

    def _validation(self, data: Any, terms: Terms) -> tuple[Any, Any] | None:
        if data is None:
            return None
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise TypeMismatch("validation_data must be a pair (x, t)")
        batch = self.ports.arrange(data[0], strided=True)
        targets = tensors(held := targets_of(data[1], terms.names, batch.single, strided=True))
        batch.tensors.held = batch.arrays  # keeps the arrays alive as long as their views
        targets.held = held
        return batch.tensors, targets
