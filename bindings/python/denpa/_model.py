"""Networks: Model from a graph of values, Sequential from a list of layers."""

from __future__ import annotations

import copy
from typing import Any, Mapping, Sequence, TypeVar

from . import _differentiation, _explain, _insight, _storing
from ._arrays import SEEDS, Array, DType, whole
from ._building import of_bytes, of_file, of_values
from ._fit import CallbackLike
from ._graph import Value
from ._history import History
from ._nodes import NodeViews
from ._optimizer import Optimizer
from ._parameters import Gradients, Parameters
from ._parts import Parts
from ._state import set_state, state_of

Net = TypeVar("Net", bound="Model")


class Model:
    """A network from inputs to outputs.

    inputs: an Input or a list of them. outputs: a value, a list, or a dict by name; predict returns the same
    form. dtype: "float32" or "float64". seed: for the initial weights, shuffling and random layers. With
    names="book", the parameters of the k-th layer that has parameters are called Wk, bk.
    """

    # A network owns its parts, and each of its methods is one call of a part.

    def __init__(
        self,
        inputs: Value | Sequence[Value],
        outputs: Value | Sequence[Value] | Mapping[str, Value],
        *,
        dtype: DType | None = None,
        seed: int = 0,
        names: str | None = None,
    ) -> None:
        handle, keys, form = of_values(inputs, outputs, dtype, seed)
        self._compose(Parts(handle, names, keys, form))

    def _compose(self, parts: Parts) -> None:
        self._parts = parts
        self.dtype = parts.native.dtype
        # Bound once: in the call for a single sample every look-up counts.
        self._predict = parts.prediction.predict
        self._train_batch = parts.training.train_batch

    @classmethod
    def _of(cls: type[Net], parts: Parts) -> Net:
        """Return the network that is composed of existing parts."""
        net = cls.__new__(cls)
        net._compose(parts)
        return net

    @property
    def _open(self) -> Parts:
        """The parts of a network that is not closed. Raises BadState if it is."""
        self._parts.native.require_open()
        return self._parts

    def __call__(self, *values: Any, name: str | None = None) -> Any:
        """Return the outputs for values of a graph. The network made of them has a copy of this one.

        Its layer dense_1 is <name>-dense_1 there; `name` is model_1, model_2 ... unless it is given.
        """
        return self._open.nested.apply(values, name)

    @property
    def input_names(self) -> list[str]:
        return self._parts.ports.input_names

    @property
    def output_names(self) -> list[str]:
        return list(self._parts.ports.keys)

    @property
    def parameters(self) -> Parameters:
        """All parameters by name, as writable arrays: see Parameters."""
        return self._open.parameters()

    @property
    def layers(self) -> NodeViews:
        """The layers by name, in order: net.layers["encoder"].trainable = False."""
        return self._open.layers()

    def set_trainable(self, name: str, value: bool = True) -> None:
        """Set whether training changes a parameter ("encoder.W") or a whole layer ("encoder").

        This resets the state of optimizers. Raises NotFound if there is no such parameter or layer.
        """
        full = self._open.native.names.full.get(name, name)
        self._open.trainers.set_trainable(full, value)

    def initialize(self, seed: int) -> None:
        """Initialize all parameters anew. This resets the state of optimizers."""
        self._open.trainers.initialize(whole(seed, "seed", 0, SEEDS))

    @property
    def parameter_count(self) -> int:
        return self._parts.native.parameter_count

    def predict(self, x: Any) -> Any:
        """Return the network's outputs for inputs (rows, ...), or for one sample without the batch.

        Any number of threads may predict at the same time.
        """
        return self._predict(x)

    def predict_proba(self, x: Any) -> Array:
        """Return the probabilities of the classes (rows, classes).

        A network with a single output has one class (rows, 1). The network's outputs are returned unchanged
        if it ends in a softmax or sigmoid; otherwise their softmax or sigmoid is computed. Raises
        InvalidArgument for a network with several outputs.
        """
        return self._open.prediction.probabilities(x, "predict_proba")

    def predict_classes(self, x: Any) -> Array:
        """Return the number of the most likely class for each row; 0 or 1 for a single output.

        Raises InvalidArgument for a network with several outputs.
        """
        return self._open.prediction.classes(x, "predict_classes")

    def compile(self, loss: Any = None, optimizer: Any = None, metrics: Any = None) -> None:
        """Set what fit, train_batch and evaluate use. This resets the state of the optimizer.

        loss: a kind ("mean_squared_error", "mse"), an object, or a list or dict for several outputs. metrics:
        names ("accuracy"), objects (metrics.TopKAccuracy(3)), functions (y, t), or a dict of them by output; by
        default the accuracy of the first loss, if it decides between classes. A loss or optimizer passed to fit
        or train_batch replaces these; a loss passed to any other method applies to that call only.
        """
        self._open.training.compile(loss, optimizer, metrics)

    def train_batch(
        self, x: Any, t: Any = None, loss: Any = None, optimizer: Any = None, sample_weight: Any = None
    ) -> float:
        """Take one training step on a batch, or on one sample without the batch; return the loss before it.

        The optimizer keeps its state as long as the loss and the optimizer are the same. sample_weight: see fit.
        """
        return self._train_batch(x, t, loss, optimizer, sample_weight)

    def fit(
        self,
        x: Any,
        t: Any = None,
        *,
        batch_size: int | None = None,
        epochs: int = 1,
        validation_data: tuple[Any, Any] | None = None,
        validation_split: float = 0.0,
        validation_every: int = 1,
        stratify: bool = False,
        shuffle: bool = True,
        replace: bool = False,
        row_weight: Any = None,
        epoch_rows: int | None = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        verbose: int = 0,
        callbacks: CallbackLike = (),
        loss: Any = None,
        optimizer: Any = None,
        steps_per_epoch: int | None = None,
        prefetch: bool = False,
        resume: Any = None,
    ) -> History:
        """Train and return the numbers of each epoch.

        Trains on x and t in batches of `batch_size` rows (default: 32), or on an iterable of batches (x, t) or
        (x, t, sample_weight) of any size, of which an epoch takes `steps_per_epoch` or all. With `prefetch`, the
        iterable runs in another thread, one batch ahead; it must not use the network then, except to predict.

        An epoch has each row once, shuffled or in order (`shuffle`); with `replace`, any row at any time, and
        with `row_weight` (rows,) in proportion to it. `epoch_rows` is the number of rows in an epoch.
        `validation_split` is the part of the rows that is held out for validation, of each class alike with
        `stratify`; the last epoch has a validation and every `validation_every`-th. `sample_weight` (rows,), or a
        dict by output, multiplies the losses of samples; `class_weight` (a dict by class number, a list,
        "balanced") those of classes.

        The optimizer keeps its state, unless `optimizer` is given, which starts from scratch. If none was
        ever given, "sgd" is used. After Ctrl-C, an exception in a callback or NotFinite, the network keeps
        what it has learned so far, and `history` the numbers; if it has learned nothing, its loss and optimizer
        are unchanged too. callbacks: functions (net, epoch, logs) or objects: see denpa.callbacks.

        `resume`, the path of a checkpoint (see callbacks.Checkpoint), goes on with the batch at which it was saved,
        and ends with the bits that the interrupted fit would have had; give it the same data and arguments.
        resume=True goes on where the last fit of this network was interrupted. `epochs` counts those before the
        interruption too; `history` has the epochs that are completed now.

        Arrays of float32, float64, int32, int64, uint8 or bool, of any order, are read in place and converted
        one batch at a time; rows of C-ordered arrays are the fastest. Other element types, fields of packed
        records and a single value broadcast to an array are copied first.
        """
        return self._open.fitting.fit(
            self,
            x,
            t,
            batch_size=batch_size,
            epochs=epochs,
            validation_data=validation_data,
            validation_split=validation_split,
            validation_every=validation_every,
            stratify=stratify,
            shuffle=shuffle,
            replace=replace,
            row_weight=row_weight,
            epoch_rows=epoch_rows,
            sample_weight=sample_weight,
            class_weight=class_weight,
            verbose=verbose,
            callbacks=callbacks,
            loss=loss,
            optimizer=optimizer,
            steps_per_epoch=steps_per_epoch,
            prefetch=prefetch,
            resume=resume,
        )

    @property
    def history(self) -> History:
        """The numbers of each epoch of the last fit, however it ended; in a callback, of the epochs so far."""
        return self._open.fitting.history

    @property
    def stop_training(self) -> bool:
        """Whether the fit that is going on ends after this batch or epoch. A callback may set it."""
        run = self._open.fitting.run
        return run is not None and run.stops

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self._open.fitting.stop(value)

    def evaluate(self, x: Any, t: Any = None, loss: Any = None, sample_weight: Any = None) -> Any:
        """Return (loss, *metrics) over all rows; the loss alone if there are no metrics."""
        return self._open.evaluation.evaluate(x, t, loss, sample_weight)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the optimizer of fit and train_batch. Setting it takes effect at once."""
        return self._open.training.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._open.training.learning_rate = rate

    @property
    def step_count(self) -> int:
        """The number of steps that the optimizer of fit and train_batch has taken since it was reset."""
        return self._open.training.step_count

    def optimizer_state(self, name: str, state: str) -> Array:
        """What the optimizer of fit and train_batch keeps of a parameter: "first" or "second" of adam.

        The array refers to the optimizer's memory: it follows training, and what is written to it counts.
        Raises NotFound if there is no such parameter, or the optimizer keeps nothing of that name.
        """
        return self._open.training.optimizer_state(name, state)

    def forward(self, x: Any, training: bool = False) -> Any:
        """Return the outputs.

        With training=True, layers behave as in training, and backward may follow. Otherwise the outputs are
        those of predict, and an earlier forward in training still waits for its backward. So it does after
        a forward that is refused before it computes (its shape, dtype or length). One in training that fails
        while it computes discards it: a layer fails, an index is out of range, a state becomes infinite.
        """
        return self._parts.open_loop.forward(x, training)

    def backward(self, dout: Any) -> Any:
        """Compute gradients from `dout`, the gradient of the loss with respect to the outputs.

        Returns the gradient with respect to the inputs; the gradients of the parameters are added to `grads`.
        `dout` has the form of the outputs; a missing gradient is zero. Raises BadState without forward(x,
        training=True) before it.
        """
        return self._parts.open_loop.backward(dout)

    def accumulate(self, x: Any, t: Any, loss: Any = None) -> float:
        """Add the gradients of the loss to `grads`, and return the loss, computed as in training.

        It is forward, the loss and backward in one call, and faster than these: it does not compute gradients
        of inputs. A forward that waits for its backward is discarded.
        """
        return self._parts.open_loop.accumulate(x, t, loss)

    @property
    def grads(self) -> Gradients:
        """The gradients accumulated by backward and accumulate, by parameter name."""
        return self._open.open_loop.gradients()

    def zero_grads(self) -> None:
        """Set the accumulated gradients to zero."""
        self._parts.open_loop.zero_gradients()

    def step(self, optimizer: Optimizer | str) -> None:
        """Take one step of the optimizer with the accumulated gradients, like optimizer.step(net).

        Raises BadState without a forward in training, or accumulate, before it. The gradients are zero until a
        backward.
        """
        self._parts.open_loop.step(optimizer)

    def loss(self, x: Any, t: Any, loss: Any = None) -> float:
        """Return the loss of x against t, computed as in inference."""
        return self._open.evaluation.loss(x, t, loss)

    loss_and_gradients = _differentiation.loss_and_gradients
    gradients = _differentiation.gradients
    sample_gradients = _differentiation.sample_gradients
    vjp = _differentiation.vjp
    jacobian = _differentiation.jacobian
    jvp = _differentiation.jvp
    hvp = _differentiation.hvp
    check_gradients = _differentiation.check_gradients
    trace = _insight.trace
    draw = _insight.draw
    draw_graph = _insight.draw_graph
    summary = _insight.summary
    explain = _explain.explain

    def save(self, path: Any) -> None:
        """Write a safetensors file with the graph in its metadata. An older file is replaced atomically."""
        self._open.save(path)

    def save_checkpoint(self, path: Any) -> None:
        """Write the network, and what fit and train_batch need to go on with the same bits, to a file.

        The file is one of `save`, too. A callback of fit may call it between two batches or after an epoch.
        """
        self._open.training.save(path)

    def load_checkpoint(self, path: Any) -> None:
        """Go on with the weights, the optimizer's state and the counts of a checkpoint.

        The network must be the same, and compiled with the same loss and optimizer. For fit see its `resume`.
        Raises MissingFile if the file does not exist, FileError if it cannot be read, is damaged, or is of
        another network or optimizer; then nothing changes.
        """
        self._open.training.load_checkpoint(path)

    load_weights = _storing.load_weights
    save_weights = _storing.save_weights
    pytorch_names = _storing.pytorch_names

    def to_bytes(self) -> bytes:
        """Return the bytes that save would write."""
        return self._open.to_bytes()

    @classmethod
    def load(cls: type[Net], path: Any, names: str | None = None) -> Net:
        """Return the network stored in a file. The plugins of its layers must be loaded first.

        A file has the network only. In a class of your own, the result is of that class, but its __init__ is
        not called: set its attributes yourself, or pickle the network. Raises MissingFile if the file does
        not exist, FileError if it cannot be read or is damaged.
        """
        return cls._of(Parts(of_file(path), names))

    @classmethod
    def from_bytes(cls: type[Net], data: bytes, names: str | None = None) -> Net:
        """Return the network stored in the bytes of to_bytes or of a file: see load."""
        return cls._of(Parts(of_bytes(data), names))

    def __getstate__(self) -> Any:
        """Return the attributes that are not the package's own: pickles and copies have them."""
        return state_of(self, ("_parts", "dtype", "_predict", "_train_batch"))

    @classmethod
    def _unpickled(cls: type[Net], *pickled: Any) -> Net:
        return cls._of(Parts.unpickled(*pickled))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._unpickled, self._open.pickled(), self.__getstate__()

    def __deepcopy__(self: Net, memo: Any) -> Net:
        made = memo[id(self)] = self._of(self._open.copy())
        set_state(made, copy.deepcopy(self.__getstate__(), memo))
        return made

    def _repr_html_(self) -> str:
        return _insight.html(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{self._parts.line()}>"

    def close(self) -> None:
        """Release the memory now. Later calls raise BadState.

        Arrays of parameters that are still referenced remain valid.
        """
        self._parts.close()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
