"""Callbacks: what happens while fit runs."""

from __future__ import annotations

import csv
import os
from typing import Any, Callable, Iterator

from ._arrays import real, whole
from ._history import History
from .errors import InvalidArgument, TypeMismatch

Logs = dict[str, float]


class Callback:
    """Called by fit at the beginning and the end of the training, of epochs and of batches.

    Derive from it and write the methods that you need; or pass a function (net, epoch, logs), which is called
    after each epoch. `logs` has the numbers of the epoch so far: "loss", the metrics, "val_loss", ... A callback
    may predict, evaluate, read parameters, set net.learning_rate and net.stop_training, but not write parameters.
    """

    def on_fit_begin(self, net: Any) -> None: ...

    def on_epoch_begin(self, net: Any, epoch: int) -> None: ...

    def on_batch_end(self, net: Any, batch: int, logs: Logs) -> None: ...

    def on_epoch_end(self, net: Any, epoch: int, logs: Logs) -> None: ...

    def on_fit_end(self, net: Any, history: History) -> None: ...


class EarlyStopping(Callback):
    """Ends the training after `patience` epochs in which a number has not become better by more than `min_delta`.

    The number is "loss", a metric, or one of them behind "val_"; by default "val_loss" if there is validation
    data, otherwise "loss". With `restore_best`, the parameters are those of the best epoch afterwards. With a
    patience of 0, the training goes on to the last epoch. The engine does it.
    """

    def __init__(
        self,
        monitor: str | None = None,
        *,
        patience: int = 0,
        min_delta: float = 0.0,
        restore_best: bool = False,
    ) -> None:
        self.monitor = monitor_name(monitor)
        self.patience = whole(patience, "patience", 0)
        self.min_delta = real(min_delta, "min_delta")
        self.restore_best = bool(restore_best)
        if not self.patience and not self.restore_best:
            raise InvalidArgument("EarlyStopping needs a patience above 0, or restore_best=True, or both")


class Checkpoint(Callback):
    """Saves the network to a file after every `every` epochs, replacing an older one atomically.

    With `batches`, it is saved after every so many batches of an epoch too. Unless `resumable` is false, the file
    also has what fit(resume=path) needs to go on with the same bits: the optimizer's state, the place in the
    epoch, the best epoch so far. denpa.Sequential.load reads it in any case. With `save_best`, the network is
    saved only if the number `monitor` was better than ever before (see EarlyStopping). The engine does it.
    """

    def __init__(
        self,
        path: Any,
        *,
        every: int = 1,
        batches: int | None = None,
        save_best: bool = False,
        monitor: str | None = None,
        resumable: bool = True,
    ) -> None:
        self.path: str = os.fspath(path)
        self.every = whole(every, "every", 1)
        self.batches = None if batches is None else whole(batches, "batches", 1)
        self.save_best, self.resumable = bool(save_best), bool(resumable)
        self.monitor = monitor_name(monitor)
        if monitor is not None and not save_best:
            raise InvalidArgument("Checkpoint: a monitor is for save_best=True")
        if self.batches is not None and save_best:
            raise InvalidArgument("Checkpoint: save_best compares epochs, so it does not go with batches")


class CSVLog(Callback):
    """Writes the numbers of each epoch as a line of a CSV file; with `append`, behind those that it has."""

    def __init__(self, path: Any, append: bool = False) -> None:
        self.path, self.append = os.fspath(path), append
        self._file: Any = None

    def on_fit_begin(self, net: Any) -> None:
        self._file = open(self.path, "a" if self.append else "w", newline="")
        self._names: list[str] | None = None

    def on_epoch_end(self, net: Any, epoch: int, logs: Logs) -> None:
        writer = csv.writer(self._file)
        if self._names is None:
            self._names = list(logs)
            if self._file.tell() == 0:
                writer.writerow(["epoch", *self._names])
        writer.writerow([epoch, *(logs.get(name, "") for name in self._names)])
        self._file.flush()

    def on_fit_end(self, net: Any, history: History) -> None:
        self._file.close()


class TensorBoard(Callback):
    """Writes the numbers of each epoch as event files to a folder, by the writer of the tensorboard package."""

    def __init__(self, folder: Any) -> None:
        try:
            from tensorboard.summary import Writer  # type: ignore[import-not-found, unused-ignore]
        except ImportError as error:
            raise ImportError("event files need tensorboard: pip install tensorboard") from error
        self._make: Callable[[], Any] = lambda: Writer(os.fspath(folder))

    def on_fit_begin(self, net: Any) -> None:
        self._writer = self._make()

    def on_epoch_end(self, net: Any, epoch: int, logs: Logs) -> None:
        for name, value in logs.items():
            self._writer.add_scalar(name, value, epoch)

    def on_fit_end(self, net: Any, history: History) -> None:
        self._writer.close()


class LearningRate(Callback):
    """Sets the learning rate before each epoch to function(epoch)."""

    def __init__(self, function: Callable[[int], float]) -> None:
        if not callable(function):
            raise TypeMismatch(f"LearningRate takes a function of the epoch, got {function!r}")
        self.function = function

    def on_epoch_begin(self, net: Any, epoch: int) -> None:
        net.learning_rate = self.function(epoch)


class AfterEpoch(Callback):
    """Calls a function (net, epoch, logs) after each epoch."""

    def __init__(self, function: Callable[[Any, int, Logs], Any]) -> None:
        self.function = function

    def on_epoch_end(self, net: Any, epoch: int, logs: Logs) -> None:
        self.function(net, epoch, logs)


METHODS = [name for name in vars(Callback) if name.startswith("on_")]


def monitor_name(name: str | None) -> str | None:
    """Return the engine's name of a number."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeMismatch(f'a monitor is the name of a number ("val_loss"), got {name!r}')
    return f"validation_{name[4:]}" if name.startswith("val_") else name


class Callbacks:
    """The callbacks of one fit, called in order."""

    def __init__(self, given: Any) -> None:
        listed = given if isinstance(given, (list, tuple)) else [given]
        self.items = [made(item) for item in listed if item is not None]

    def of(self, kind: type[Any]) -> Iterator[Any]:
        """Return those that the engine carries out."""
        return (item for item in self.items if isinstance(item, kind))

    def has(self, name: str) -> bool:
        """Return whether any of them does something at this point."""
        return any(self._method(item, name) is not None for item in self.items)

    def call(self, name: str, *arguments: Any) -> None:
        for item in self.items:
            method = self._method(item, name)
            if method is not None:
                method(*arguments)

    @staticmethod
    def _method(item: Any, name: str) -> Any:
        """Return a callback's method, or None if it is that of Callback, which does nothing."""
        method = getattr(item, name, None)
        return None if getattr(method, "__func__", None) is getattr(Callback, name) else method


def made(item: Any) -> Any:
    """Return a callback, of a function too. Raises TypeMismatch for anything else."""
    if isinstance(item, type):
        raise TypeMismatch(f"a callback is an object, {item.__name__}(...), got the class {item.__name__}")
    if any(hasattr(item, name) for name in METHODS):
        return item
    if not callable(item):
        raise TypeMismatch(
            "a callback is a function (net, epoch, logs) or an object with methods such as on_epoch_end, "
            f"got {item!r}"
        )
    return AfterEpoch(item)
