"""fit: its arguments, the engine's callbacks, and batches from an iterable."""

from __future__ import annotations

import ctypes
from typing import Any, Callable, Mapping

from . import _abi as abi
from ._arrays import as_array, real, tensors, whole
from ._call import c_text, failure, library, options, path_bytes
from ._history import History, logs_of
from ._interrupts import Interrupts
from ._loss import Terms
from ._ports import Ports, targets_of
from ._progress import progress_bar
from ._sample_weights import of_classes, weights_of
from ._settings import Settings
from ._source import Source
from ._tables import SparseBatches, is_sparse
from ._trainer import Trainer
from ._training import Training
from ._weights import Weights
from .callbacks import Callbacks, Checkpoint, EarlyStopping
from .errors import InvalidArgument, TypeMismatch

CallbackLike = Any  # a function (net, epoch, logs), a Callback, or a list of them
BATCH = 32  # default batch_size


class Run:
    """The callbacks of one fit.

    An exception in a callback is kept, stops the training, and is raised when the engine has returned. A run
    refers to the network, so nothing that it refers to may refer to the run: neither the engine's callbacks
    nor the traceback of an exception. Otherwise the network would wait for the garbage collector.
    """

    def __init__(
        self, net: Any, weights: Weights, trainer: Trainer, callbacks: CallbackLike, verbose: int
    ) -> None:
        self.net, self.weights, self.trainer = net, weights, trainer
        self.callbacks = Callbacks(callbacks)
        self.names = trainer.measured.names if trainer.measured else []
        self.labels = trainer.terms.labels if trainer.terms else []
        self.history = History()
        self.bar = progress_bar() if verbose else None
        self.error: BaseException | None = None
        self.stops = False  # set by net.stop_training
        self.interrupts = Interrupts()
        self.expected: int | None = None  # batches in an epoch, where the engine does not know
        self.resumes = False

    def options(self, epochs: int, batch_size: int, validation: tuple[Any, Any] | None, **fields: Any) -> Any:
        """Return the engine's options, which hold the callback.

        `validation` is a pair of input tensors and target tensors.
        """
        wanted = options(abi.FitOptions, epochs=epochs, batch_size=batch_size, **fields)
        wanted.resume = int(self.resumes)
        if validation is not None:
            wanted.validation_inputs, wanted.validation_targets = validation
            wanted.validation_count = 1
        for stopping in self.callbacks.of(EarlyStopping):
            self.watch(wanted, stopping.monitor)
            wanted.patience, wanted.min_delta = stopping.patience, stopping.min_delta
            wanted.restore_best = int(stopping.restore_best)
        for checkpoint in self.callbacks.of(Checkpoint):
            self.watch(wanted, checkpoint.monitor)
            wanted.checkpoint, wanted.checkpoint_every = path_bytes(checkpoint.path), checkpoint.every
            wanted.checkpoint_best = int(checkpoint.save_best)
            wanted.checkpoint_trainer = int(checkpoint.resumable)
            wanted.checkpoint_batches = checkpoint.batches or 0
        if self.callbacks.has("on_batch_end"):
            wanted.callback_every = 1
        wanted.callback = abi.ProgressCallback(self.guarded(self.progress))
        return ctypes.byref(wanted)

    def watch(self, wanted: abi.FitOptions, monitor: str | None) -> None:
        """Name the number that early stopping and checkpoints depend on, which is one."""
        if monitor is not None:
            if wanted.monitor is not None and wanted.monitor != monitor.encode():
                raise InvalidArgument(
                    "EarlyStopping and Checkpoint have one monitor in a fit, got "
                    f'"{wanted.monitor.decode()}" and "{monitor}"'
                )
            wanted.monitor = c_text(monitor)

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
        logs = logs_of(progress, self.names, self.labels)
        if self.bar:
            self.bar.show(progress, logs, progress.batches if progress.batches > 0 else self.expected)
        epoch = int(progress.epoch)
        if progress.end_of_epoch:
            self.weights.published(self.trainer)
            self.history.add(logs)
            self.call_back("on_epoch_end", epoch, logs)
            if epoch + 1 < progress.epochs and not self.stops:
                self.call_back("on_epoch_begin", epoch + 1)
        elif self.callbacks.has("on_batch_end"):
            self.call_back("on_batch_end", int(progress.batch) - 1, logs)
        return abi.STOPPED if self.stops else self.interrupts.answer()

    def call_back(self, name: str, *arguments: Any) -> None:
        """Call a method of all callbacks, and refuse what they have written to parameters."""
        if not self.callbacks.has(name):
            return
        copies = self.weights.copies()
        self.callbacks.call(name, self.net, *arguments)
        self.weights.refuse_writes(copies)

    def call_source(self, source: Source, wanted: Any) -> None:
        def following(inputs: Any, targets: Any) -> int:
            # The engine reports progress by the clock: there may have been no call of it since then.
            is_over = self.stops or self.interrupts.struck
            return abi.STOPPED if is_over else source.next(inputs, targets)

        take, rewind = (
            abi.NextCallback(self.guarded(following)),
            abi.RewindCallback(self.guarded(source.rewind)),
        )
        self.call("denpa_fit_source", take, rewind, None, wanted)

    def call(self, name: str, *arguments: Any) -> None:
        """Run the engine's function between the first and the last callbacks."""
        self.callbacks.call("on_fit_begin", self.net)
        try:
            self.train(name, *arguments)
        finally:
            self.callbacks.call("on_fit_end", self.net, self.history)

    def train(self, name: str, *arguments: Any) -> None:
        """Run the engine's function, then raise any exception. The network keeps what it has learned."""
        weights = self.weights
        loss = ctypes.c_double()
        with weights.lock:
            weights.begin(self.trainer)
            weights.publish()  # callbacks and other threads see everything learned so far
        with self.interrupts:
            with weights.lock:  # nobody computes with the trainer itself any more
                weights.fitting = True
            try:
                if not self.resumes:
                    self.call_back("on_epoch_begin", 0)
            except BaseException as problem:
                self.error = problem
            error = None
            if self.error is None:
                status = getattr(library, name)(self.trainer.handle.pointer, *arguments, ctypes.byref(loss))
                is_wanted = status == abi.STOPPED and self.stops
                error = failure(status) if status and not is_wanted else None
            weights.fitting = False
            weights.published(self.trainer)
            weights.settle()
        if self.bar:
            self.bar.finish()
        raised, self.error = self.error or self.trainer.errors.raised, None
        self.trainer.errors.raised = None
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


def refuse_given(data: str, **arguments: Any) -> None:
    """Raise InvalidArgument for an argument that is for dense arrays only."""
    for name, value in arguments.items():
        if value is not None and value is not False and not (isinstance(value, float) and value == 0):
            raise InvalidArgument(f"{name} is for dense arrays; {data} has none of it")


class Fitting:
    """Trains over epochs, on arrays or on an iterable of batches."""

    def __init__(self, ports: Ports, weights: Weights, settings: Settings, training: Training) -> None:
        self.ports, self.weights, self.settings, self.training = ports, weights, settings, training
        self.history = History()  # of the last fit
        self.run: Run | None = None  # the fit that is going on

    def fit(
        self,
        net: Any,
        x: Any,
        t: Any,
        *,
        batch_size: int | None,
        epochs: int,
        validation_data: tuple[Any, Any] | None,
        validation_split: float,
        validation_every: int,
        stratify: bool,
        shuffle: bool,
        replace: bool,
        row_weight: Any,
        epoch_rows: int | None,
        sample_weight: Any,
        class_weight: Any,
        verbose: int,
        callbacks: CallbackLike,
        loss: Any,
        optimizer: Any,
        steps_per_epoch: int | None,
        prefetch: bool,
        resume: Any,
    ) -> History:
        """Train and return the numbers of each epoch. `net` is what the callbacks are given."""
        epochs = whole(epochs, "epochs", 1)
        size = None if batch_size is None else whole(batch_size, "batch_size", 1)
        steps = None if steps_per_epoch is None else whole(steps_per_epoch, "steps_per_epoch", 1)
        every = whole(validation_every, "validation_every", 1)
        is_source = t is None and not (hasattr(x, "shape") or isinstance(x, Mapping))
        if not is_source and is_sparse(x):
            refuse_given(
                "sparse rows",
                validation_split=validation_split,
                stratify=stratify,
                replace=replace,
                row_weight=row_weight,
                epoch_rows=epoch_rows,
                class_weight=class_weight,
            )
            columns = [x, as_array(t, "the targets")]
            if sample_weight is not None:
                columns.append(as_array(sample_weight, "sample_weight"))
            x, t = SparseBatches(columns, size or BATCH, shuffle), None
            is_source, size, sample_weight, prefetch = True, None, None, True
        if is_source and not hasattr(x, "__iter__"):
            raise TypeMismatch(f"fit takes x and t, or an iterable of batches (x, t), got {type(x).__name__}")
        if is_source:
            refuse_given(
                "an iterable of batches",
                batch_size=size,
                validation_split=validation_split,
                stratify=stratify,
                replace=replace,
                row_weight=row_weight,
                epoch_rows=epoch_rows,
                sample_weight=sample_weight,
                class_weight=class_weight,
            )
        elif steps is not None:
            raise InvalidArgument(
                "steps_per_epoch is for an iterable of batches: of arrays an epoch takes all rows, "
                "or epoch_rows of them"
            )
        elif prefetch:
            raise InvalidArgument("prefetch is for an iterable of batches: arrays are in memory already")
        self.weights.require_turn()
        with self.weights.turn:
            self.weights.require_idle()
            resumes = resume is not None and resume is not False
            with self.training.using(loss, optimizer, afresh=resume is not True) as (trainer, terms):
                self.run = run = Run(net, self.weights, trainer, callbacks, verbose)
                if resumes and resume is not True:
                    self.training.load(trainer, resume)
                run.resumes = resumes
                self.history = run.history
                validation = self._validation(validation_data, terms)
                try:
                    if is_source:
                        wanted = run.options(epochs, 0, validation, validation_every=every)
                        with Source(self.ports, self.weights, x, steps, terms, bool(prefetch)) as source:
                            run.expected = source.length
                            run.call_source(source, wanted)
                        return run.history
                    if t is None and terms.names:
                        raise TypeMismatch(
                            "fit needs the targets t beside the inputs x, or an iterable of batches (x, t)"
                        )
                    batch = self.ports.arrange(x, strided=True)
                    targets = targets_of(t, terms.names, batch.single, strided=True)
                    weight = of_classes(class_weight, sample_weight, targets, terms)
                    targets += weights_of(weight, terms, batch.single, strided=True)
                    fields = self._sampling(shuffle, replace, row_weight, epoch_rows)
                    wanted = run.options(
                        epochs,
                        min(size or BATCH, max(batch.rows, 1)),
                        validation,
                        validation_every=every,
                        validation_fraction=real(validation_split or 0.0, "validation_split"),
                        stratified=int(bool(stratify)),
                        **fields,
                    )
                    views = batch.tensors, len(batch.arrays), tensors(targets), len(targets)
                    run.call("denpa_fit", *views, wanted)
                finally:
                    self.run = None
        return run.history

    def stop(self, value: bool) -> None:
        """End the fit that is going on after this batch or epoch, or let it go on."""
        if self.run is not None:
            self.run.stops = bool(value)

    def _sampling(
        self, shuffle: bool, replace: bool, row_weight: Any, epoch_rows: int | None
    ) -> dict[str, Any]:
        """Return the fields of the engine's options that say how rows are chosen."""
        rows = 0 if epoch_rows is None else whole(epoch_rows, "epoch_rows", 1)
        if row_weight is not None:
            array = as_array(row_weight, "row_weight")
            array = array if array.dtype.kind == "f" else array.astype("float64")
            view = tensors([array])
            view.held = array  # keeps it alive as long as its view
            return {"sampling": abi.WEIGHTED, "row_weights": view, "epoch_rows": rows}
        if replace:
            return {"sampling": abi.WITH_REPLACEMENT, "epoch_rows": rows}
        return {"sampling": abi.SHUFFLED if shuffle else abi.IN_ORDER, "epoch_rows": rows}

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
