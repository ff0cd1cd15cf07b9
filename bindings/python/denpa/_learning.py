"""Networks that learn: compile, fit, evaluate, train_batch."""

from __future__ import annotations

import ctypes
import math
from contextlib import contextmanager
from typing import Any, Iterator, Mapping, Sequence

from . import _abi as abi
from ._arrays import Array, as_array, items, real, tensors, whole
from ._call import check, library
from ._core import ordered
from ._fit import CallbackLike, Run, Source
from ._history import History
from ._kinds import find
from ._loss import Terms
from ._optimizer import Optimizer
from ._predicting import Predicting
from ._step import FastStep, is_plain
from ._trainers import Trainer
from .errors import BadState, InvalidArgument, TypeMismatch

METRICS = ("accuracy",)
BATCH = 32  # default batch_size of fit


def find_optimizer(optimizer: Any) -> Optimizer:
    """Return an optimizer given by its kind, its class or an object."""
    if isinstance(optimizer, str):
        optimizer = find("optimizers", optimizer)
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        optimizer = optimizer()
    if not isinstance(optimizer, Optimizer):
        raise TypeMismatch(
            f'an optimizer is a name ("adam") or an object such as denpa.Adam(), got {optimizer!r}'
        )
    return optimizer


class Learning(Predicting):
    """A network that can be trained."""

    _loss: Any = None
    _optimizer: Any = None
    _metrics: Sequence[str] | None = None

    def compile(self, loss: Any = None, optimizer: Any = None, metrics: Sequence[str] | None = None) -> None:
        """Set what fit, train_batch and evaluate use. This resets the state of the optimizer.

        loss: a kind ("mean_squared_error", "mse"), an object, or a list or dict for several outputs. metrics:
        ["accuracy"], or by default what the loss defines. A loss or optimizer passed to fit or train_batch
        replaces these; a loss passed to any other method applies to that call only.
        """
        wanted = (
            [metrics]
            if isinstance(metrics, str)
            else None
            if metrics is None
            else items(metrics, "metrics is a list")
        )
        for metric in wanted or ():
            if metric not in METRICS:
                raise InvalidArgument(f'there is no metric "{metric}"; known: {", ".join(METRICS)}')
        terms = self._terms(loss) if loss is not None else None
        found = find_optimizer(optimizer) if optimizer is not None else None
        with self._lock:
            self._not_fitting()
            self._loss, self._optimizer, self._metrics = terms, found, wanted
            self._trainers.afresh()

    def _terms(self, loss: Any = None) -> Terms:
        """Return the terms of a loss, by default the one that the network was compiled with."""
        if loss is not None:
            return Terms(loss, self._keys)
        if self._loss is None:
            raise BadState(
                'there is no loss yet: net.compile(loss="mean_squared_error") or loss=... in this call'
            )
        found: Terms = self._loss
        return found

    @contextmanager
    def _training(self, loss: Any, optimizer: Any, afresh: bool = False) -> Iterator[tuple[Trainer, Terms]]:
        """Provide the main trainer for one call.

        The trainer is replaced if the loss or the optimizer differs, or if an optimizer is given and `afresh`
        is true. A call that fails before anything was learned replaces nothing.
        """
        self._not_fitting()
        terms, trainers = self._terms(loss), self._trainers
        found = find_optimizer(optimizer if optimizer is not None else self._optimizer or "sgd")
        former = trainers.main, trainers.fast, trainers.rate
        settings, trainer, steps = (self._loss, self._optimizer), None, 0
        try:
            if afresh and optimizer is not None:
                trainers.afresh()
            trainer = trainers.training(terms, found)
            steps = trainer.step_count
            self._loss, self._optimizer = terms, found
            yield trainer, terms
        except BaseException:
            if trainer is None or trainer.step_count == steps:
                self._loss, self._optimizer = settings
                trainers.main, trainers.fast, trainers.rate = former
            raise

    def _targets(self, t: Any, terms: Terms, single: bool, strided: bool = False) -> list[Array]:
        """Return the targets in the order of the losses.

        They are given as an array, a list, or a dict by output; each is one sample if `single` is true.
        """
        names = terms.names
        if isinstance(t, Mapping):
            values = ordered(t, names, "target")
        elif len(names) == 1:
            values = [t]
        elif isinstance(t, (list, tuple)) and len(t) == len(names):
            values = list(t)
        else:
            raise InvalidArgument(
                f"the loss has {len(names)} targets, of the outputs {', '.join(names)}: "
                "give a dict or a list of them"
            )
        arrays = []
        for name, value in zip(names, values):
            array = as_array(value, f'the target of "{name}"', strided)
            arrays.append(array[None] if single else array)
        return arrays

    @property
    def _wants_accuracy(self) -> bool:
        return self._metrics is None or "accuracy" in self._metrics

    @property
    def learning_rate(self) -> float:
        """The learning rate of the optimizer of fit and train_batch. Setting it takes effect at once."""
        rate = ctypes.c_double()
        check(library.denpa_trainer_learning_rate(self._main.handle.pointer, ctypes.byref(rate)))
        return rate.value

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._main.set_rate(real(rate, "the learning rate"))

    @property
    def step_count(self) -> int:
        """The number of steps that the optimizer of fit and train_batch has taken since it was reset."""
        return self._main.step_count

    def optimizer_state(self, name: str, state: str) -> Array:
        """What the optimizer of fit and train_batch keeps of a parameter: "first" or "second" of adam.

        The array refers to the optimizer's memory: it follows training, and what is written to it counts.
        Raises NotFound if there is no such parameter, or the optimizer keeps nothing of that name.
        """
        return self._main.optimizer_state(name, state)

    @property
    def _main(self) -> Trainer:
        with self._lock:
            if self._trainers.main is None:
                if self._loss is None or self._optimizer is None:
                    raise BadState("there is no optimizer yet: compile the network or train it first")
                return self._trainers.training(self._loss, self._optimizer)
            return self._trainers.main

    # -- one step --------------------------------------------------------------------------------------------

    def train_batch(self, x: Any, t: Any, loss: Any = None, optimizer: Any = None) -> float:
        """Take one training step on a batch, or on one sample without the batch; return the loss before it.

        The optimizer keeps its state as long as the loss and the optimizer are the same.
        """
        trainers = self._trainers
        fast: FastStep | None = trainers.fast
        if fast is not None and loss is None and optimizer is None and fast.fits(x, t):
            with self._lock:
                if fast.trainer is trainers.main and not trainers.fitting:
                    if trainers.ahead is not fast.trainer or self._views.touched:
                        trainers.begin(fast.trainer, learns=True)
                    try:
                        return fast(x, t)
                    finally:
                        trainers.learned()
        return self._train_batch(x, t, loss, optimizer)

    def _train_batch(self, x: Any, t: Any, loss: Any, optimizer: Any) -> float:
        question = self._arrange(x)
        with self._lock:
            with self._training(loss, optimizer) as (trainer, terms):
                targets = self._targets(t, terms, question.single)
                value = ctypes.c_double()
                self._trainers.begin(trainer, learns=True)
                try:
                    check(
                        library.denpa_train_batch(
                            trainer.handle.pointer,
                            question.tensors,
                            len(question.arrays),
                            tensors(targets),
                            len(targets),
                            ctypes.byref(value),
                        )
                    )
                finally:
                    self._trainers.learned()
            if is_plain(x) and is_plain(t) and len(question.arrays) == 1 and len(targets) == 1:
                self._trainers.fast = FastStep(trainer, x, t, question, targets)
        return value.value

    # -- fit -------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        t: Any = None,
        *,
        batch_size: int | None = None,
        epochs: int = 1,
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
        verbose: int = 0,
        callbacks: CallbackLike = (),
        loss: Any = None,
        optimizer: Any = None,
        steps_per_epoch: int | None = None,
    ) -> History:
        """Train and return the numbers of each epoch.

        Trains on x and t in batches of `batch_size` rows (default: 32), or on an iterable of batches (x, t)
        of any size, of which an epoch takes `steps_per_epoch` or all.

        The optimizer keeps its state, unless `optimizer` is given, which starts from scratch. If none was
        ever given, "sgd" is used. After Ctrl-C, an exception in a callback or NotFinite, the network keeps
        what it has learned so far; if it has learned nothing, its loss and optimizer are unchanged too.
        callbacks: functions (net, epoch, logs) or objects with on_epoch_end(net, epoch, logs).

        Arrays of float32, float64, int32, int64, uint8 or bool, of any order, slices and views included, are
        read in place and converted one batch at a time; rows of C-ordered arrays are the fastest. Arrays of
        other element types, fields of packed records and a single value broadcast to a whole array are copied
        first: pass an iterable of batches if that takes too much memory.
        """
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
        with self._lock:
            self._not_fitting()
            if t is None and not hasattr(x, "__iter__"):
                raise TypeMismatch(
                    f"fit takes x and t, or an iterable of batches (x, t), got {type(x).__name__}"
                )
            with self._training(loss, optimizer, afresh=True) as (trainer, terms):
                run = Run(self, trainer, callbacks, verbose, self._wants_accuracy)
                validation = self._validation(validation_data, terms)
                if t is None:
                    source = Source(self, x, steps, terms)
                    run.call_source(source, run.options(epochs, 0, False, validation))
                else:
                    question = self._arrange(x, strided=True)
                    targets = self._targets(t, terms, question.single, strided=True)
                    rows = min(size or BATCH, max(question.rows, 1))
                    wanted = run.options(epochs, rows, shuffle, validation)
                    given = question.tensors, len(question.arrays), tensors(targets), len(targets)
                    run.call("denpa_fit", *given, wanted)
        return run.history

    def _validation(self, data: Any, terms: Terms) -> tuple[Any, Any] | None:
        if data is None:
            return None
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise TypeMismatch("validation_data must be a pair (x, t)")
        question = self._arrange(data[0], strided=True)
        targets = tensors(held := self._targets(data[1], terms, question.single, strided=True))
        question.tensors.held = question.arrays  # keeps the arrays alive as long as their views
        targets.held = held
        return question.tensors, targets

    # -- evaluate --------------------------------------------------------------------------------------------

    def evaluate(self, x: Any, t: Any, loss: Any = None) -> Any:
        """Return (loss, accuracy) over all rows.

        Returns only the loss if accuracy has no meaning or is not among the compiled metrics.
        """
        value, accuracy = self._evaluate(x, t, self._terms(loss))
        if self._wants_accuracy and not math.isnan(accuracy):
            return value, accuracy
        return value

    def _evaluate(self, x: Any, t: Any, terms: Terms) -> tuple[float, float]:
        question = self._arrange(x, strided=True)
        targets = self._targets(t, terms, question.single, strided=True)
        value, accuracy = ctypes.c_double(), ctypes.c_double()
        with self._lock:
            main = self._trainers.main
            if not terms.is_by_rows:
                main = self._trainers.make(terms, None, rows=question.rows)
            elif main is None or self._trainers.fitting or not main.fits(terms, main.optimizer):
                main = self._trainers.gradients(terms)
            self._trainers.begin(main)
            check(
                library.denpa_evaluate(
                    main.handle.pointer,
                    question.tensors,
                    len(question.arrays),
                    tensors(targets),
                    len(targets),
                    ctypes.byref(value),
                    ctypes.byref(accuracy),
                )
            )
        return value.value, accuracy.value
