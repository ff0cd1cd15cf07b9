"""The engine's C functions: models, sessions and trainers with their own numbers of threads."""

from __future__ import annotations

import ctypes
import json

import numpy as np

from denpa import _abi as abi
from denpa._call import check, last_error, library, options, status_name, text

from . import plugins
from .attributes import attributes, spec
from .losses import OF_CLASSES

DTYPES = {
    np.dtype(np.float32): abi.FLOAT32,
    np.dtype(np.float64): abi.FLOAT64,
    np.dtype(np.int32): abi.INT32,
    np.dtype(np.int64): abi.INT64,
    np.dtype(np.uint8): abi.UINT8,
}
NAMES = {"float": abi.FLOAT32, "int32": abi.INT32, "int64": abi.INT64, "uint8": abi.UINT8}
TYPES = {"float32": np.float32, "float64": np.float64}


def start():
    """Loads the plugins and returns the registry."""
    for path in plugins.compiled():
        check(library.denpa_plugin_load(path.encode(), None, None))
    return json.loads(text(library.denpa_registry))


def kernels():
    name = ctypes.c_char_p()
    check(library.denpa_kernels(ctypes.byref(name)))
    return name.value.decode()


def fill(tensor, array, sample=False):
    """Describes an array, or with `sample` its only row, without the batch."""
    shape = array.shape[1:] if sample else array.shape
    tensor.data = array.__array_interface__["data"][0]
    tensor.dtype, tensor.rank = DTYPES[array.dtype], len(shape)
    tensor.dim[: len(shape)] = shape
    if not array.flags.c_contiguous and not sample:
        tensor.stride[: len(shape)] = [step // array.itemsize for step in array.strides]


def tensors(arrays, sample=False):
    """Makes an array of denpa_tensor; None becomes a tensor without data."""
    result = (abi.Tensor * max(len(arrays), 1))()
    result.arrays = arrays  # keeps their memory alive while it is described
    for tensor, array in zip(result, arrays):
        if array is not None:
            fill(tensor, array, sample)
    return result


class Owner:
    """An object that is destroyed at the end of a `with`."""

    handles = 0

    def __init__(self, kind, *arguments):
        self.pointer = ctypes.POINTER(getattr(abi, kind.capitalize()))()
        self.destroy = getattr(library, f"denpa_{kind}_destroy")
        create, arguments = arguments[0], arguments[1:]
        check(create(*arguments, ctypes.byref(self.pointer)))

    def close(self):
        if self.pointer:
            check(self.destroy(self.pointer))
        self.pointer = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def view(tensor):
    """Returns the memory that a denpa_tensor describes as an array."""
    dtype = next(dtype for dtype, code in DTYPES.items() if code == tensor.dtype)
    shape = tuple(tensor.dim[: tensor.rank])
    count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if not count:
        return np.zeros(shape, dtype)
    return np.frombuffer((ctypes.c_uint8 * count).from_address(tensor.data), dtype).reshape(shape)


class Model(Owner):
    """A model of a network (graph.Net). `opened` lists the (input, axis) of extents that are DENPA_ANY."""

    def __init__(self, net, dtype, source=None, opened=()):
        self.net, self.dtype = net, dtype
        if source is not None:
            super().__init__("model", *source)
            return
        options_of = options(abi.ModelOptions, dtype=DTYPES[np.dtype(dtype)], seed=net.spec["seed"])
        with Owner("graph", library.denpa_graph_create) as graph:
            values = []
            for number, given in enumerate(net.spec["inputs"]):
                value, shape = ctypes.c_int32(), (ctypes.c_int64 * 8)(*given["shape"])
                for axis in range(len(given["shape"])):
                    if (number, axis) in opened:
                        shape[axis] = abi.ANY
                check(
                    library.denpa_graph_input(
                        graph.pointer,
                        b"x%d" % number,
                        NAMES[given["dtype"]],
                        len(given["shape"]),
                        shape,
                        value,
                    )
                )
                values.append(value.value)
            for node in net.nodes:
                inputs = (ctypes.c_int32 * len(node.inputs))(*[values[i] for i in node.inputs])
                outputs = (ctypes.c_int32 * len(node.outputs))()
                name, ends = node.name.encode(), (inputs, len(inputs), outputs, len(outputs))
                if node.shares is None:
                    kind, given = node.kind.encode(), attributes(node.attributes)
                    check(library.denpa_graph_add(graph.pointer, kind, name, given, *ends))
                else:
                    owner = net.nodes[node.shares].name.encode()
                    check(library.denpa_graph_share(graph.pointer, owner, name, *ends))
                values += outputs
            wanted = (ctypes.c_int32 * len(net.outputs))(*[values[i] for i in net.outputs])
            super().__init__(
                "model",
                library.denpa_model_create,
                graph.pointer,
                wanted,
                len(wanted),
                ctypes.byref(options_of),
            )

    def copy(self, dtype=None):
        dtype = dtype or self.dtype
        return Model(self.net, dtype, (library.denpa_model_copy, self.pointer, DTYPES[np.dtype(dtype)]))

    def save(self):
        length = ctypes.c_int64()
        check(library.denpa_model_save_bytes(self.pointer, None, 0, ctypes.byref(length)))
        buffer = ctypes.create_string_buffer(length.value)
        check(library.denpa_model_save_bytes(self.pointer, buffer, length.value, ctypes.byref(length)))
        return buffer.raw

    def load(self, data):
        return Model(self.net, self.dtype, (library.denpa_model_load_bytes, data, len(data)))

    def view(self, name):
        tensor = abi.Tensor()
        check(library.denpa_model_view(self.pointer, name.encode(), ctypes.byref(tensor)))
        return view(tensor)

    def parameters(self):
        return {p.name: self.view(p.name).copy() for p in self.net.parameters}

    def set(self, values):
        for name, value in values.items():
            check(library.denpa_model_set(self.pointer, name.encode(), tensors([np.array(value, order="C")])))

    def initialize(self, seed):
        check(library.denpa_model_initialize(self.pointer, seed))

    def freeze(self, name):
        check(library.denpa_model_set_trainable(self.pointer, name.encode(), 0))

    def port(self, kind, index):
        port = options(abi.Port)
        check(getattr(library, f"denpa_model_{kind}")(self.pointer, index, ctypes.byref(port)))
        return port.name.decode(), port.dtype, list(port.dim[: port.rank])


class Session(Owner):
    def __init__(self, model, rows, threads, realtime=False):
        how = options(abi.SessionOptions, max_batch=rows, threads=threads, realtime=int(realtime))
        super().__init__("session", library.denpa_session_create, model.pointer, ctypes.byref(how))

    def predict(self, inputs, outputs, sample=False):
        check(
            library.denpa_predict(
                self.pointer, tensors(inputs, sample), len(inputs), tensors(outputs, sample), len(outputs)
            )
        )


class Trainer(Owner):
    def __init__(
        self, model, rows, threads=1, optimizer=None, input_gradients=False, with_losses=True, **more
    ):
        self.model = model
        terms = model.net.losses if with_losses else []
        losses = (abi.Loss * max(len(terms), 1))()
        for entry, term in zip(losses, terms):
            entry.kind, entry.attributes = term["kind"].encode(), attributes(term["attributes"])
            entry.weight, entry.output = term["weight"], term["output"]
            entry.weighted = int(term.get("weighted", False))
        how = options(
            abi.TrainerOptions,
            max_batch=rows,
            threads=threads,
            loss_count=len(terms),
            losses=losses if terms else None,
            input_gradients=int(input_gradients),
            **more,
        )
        if optimizer:
            how.optimizer = spec(optimizer)
        self.has_classes = bool(terms) and terms[0]["kind"] in OF_CLASSES
        if self.has_classes:
            accuracy = abi.Metric(b"accuracy", output=terms[0]["output"])
            how.metrics, how.metric_count = ctypes.pointer(accuracy), 1
        super().__init__("trainer", library.denpa_trainer_create, model.pointer, ctypes.byref(how))

    def passed(self, targets):
        """Returns the targets that are passed: terms that the network computes have none."""
        terms = self.model.net.losses
        kept = [t for t, term in zip(targets, terms) if term["kind"] != "computed"]
        return kept + targets[len(terms) :]

    def forward(self, inputs, outputs, training=True, sample=False):
        check(
            library.denpa_trainer_forward(
                self.pointer,
                tensors(inputs, sample),
                len(inputs),
                tensors(outputs, sample),
                len(outputs),
                int(training),
            )
        )

    def backward(self, doutputs, dinputs=None, sample=False):
        into = tensors(dinputs, sample) if dinputs is not None else None
        check(
            library.denpa_trainer_backward(
                self.pointer, tensors(doutputs, sample), len(doutputs), into, len(dinputs or [])
            )
        )

    def gradients(self, inputs, targets, dinputs=None, sample=False):
        loss = ctypes.c_double()
        targets = self.passed(targets)
        into = tensors(dinputs, sample) if dinputs is not None else None
        check(
            library.denpa_trainer_gradients(
                self.pointer,
                tensors(inputs, sample),
                len(inputs),
                tensors(targets, sample),
                len(targets),
                into,
                loss,
            )
        )
        return loss.value

    def train(self, inputs, targets, sample=False):
        loss = ctypes.c_double()
        targets = self.passed(targets)
        check(
            library.denpa_train_batch(
                self.pointer,
                tensors(inputs, sample),
                len(inputs),
                tensors(targets, sample),
                len(targets),
                loss,
            )
        )
        return loss.value

    def evaluate(self, inputs, targets):
        """Returns the loss, and the accuracy if there are classes, otherwise None."""
        loss, accuracy = ctypes.c_double(), ctypes.c_double()
        metrics = (ctypes.byref(accuracy), 1) if self.has_classes else (None, 0)
        targets = self.passed(targets)
        arrays = tensors(inputs), len(inputs), tensors(targets), len(targets)
        check(library.denpa_evaluate(self.pointer, *arrays, loss, *metrics))
        return loss.value, accuracy.value if self.has_classes else None

    def fit(self, inputs, targets, batch, epochs, shuffle=False):
        loss = ctypes.c_double()
        targets = self.passed(targets)
        how = options(abi.FitOptions, epochs=epochs, batch_size=batch, sampling=int(not shuffle))
        check(
            library.denpa_fit(
                self.pointer,
                tensors(inputs),
                len(inputs),
                tensors(targets),
                len(targets),
                ctypes.byref(how),
                loss,
            )
        )
        return loss.value

    def fit_source(self, batches, epochs):
        """Calls fit with a callback that provides batches, pairs of inputs and targets."""
        batches = [(inputs, self.passed(targets)) for inputs, targets in batches]
        place, loss, kept = (
            [0],
            ctypes.c_double(),
            [(tensors(inputs), tensors(targets)) for inputs, targets in batches],
        )

        def copy(into, given, count):
            for number in range(count):
                ctypes.memmove(
                    ctypes.byref(into[number]), ctypes.byref(given[number]), ctypes.sizeof(abi.Tensor)
                )

        def following(_, inputs, targets):
            if place[0] == len(kept):
                return abi.END_OF_DATA
            copy(inputs, kept[place[0]][0], len(batches[place[0]][0]))
            copy(targets, kept[place[0]][1], len(batches[place[0]][1]))
            place[0] += 1
            return abi.OK

        def rewind(_):
            place[0] = 0
            return abi.OK

        calls = abi.NextCallback(following), abi.RewindCallback(rewind)
        how = options(abi.FitOptions, epochs=epochs)
        check(library.denpa_fit_source(self.pointer, *calls, None, ctypes.byref(how), loss))
        return loss.value

    def refresh(self):
        check(library.denpa_trainer_refresh(self.pointer))

    def remembered(self):
        """Returns what denpa_trainer_save_bytes writes."""
        length = ctypes.c_int64()
        check(library.denpa_trainer_save_bytes(self.pointer, None, 0, ctypes.byref(length)))
        buffer = ctypes.create_string_buffer(length.value)
        check(library.denpa_trainer_save_bytes(self.pointer, buffer, length.value, ctypes.byref(length)))
        return buffer.raw

    def restore(self, data):
        check(library.denpa_trainer_load_bytes(self.pointer, data, len(data)))

    def rate(self, value):
        check(library.denpa_trainer_set_learning_rate(self.pointer, value))

    def step(self):
        check(library.denpa_trainer_step(self.pointer))

    def zero(self):
        check(library.denpa_trainer_zero_gradients(self.pointer))

    def gradient(self, name):
        tensor = abi.Tensor()
        check(library.denpa_trainer_gradient(self.pointer, name.encode(), ctypes.byref(tensor)))
        return view(tensor)

    def all_gradients(self):
        return {p.name: self.gradient(p.name).copy() for p in self.model.net.trained}

    def weights(self):
        """Publishes the trainer's parameters to the model and returns them."""
        check(library.denpa_publish(self.pointer))
        return self.model.parameters()


__all__ = ["Model", "Session", "Trainer", "kernels", "last_error", "start", "status_name"]
