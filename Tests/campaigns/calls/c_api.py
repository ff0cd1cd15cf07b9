"""The C API, called as by a C program. Each call is recorded first, and its tensors are in guarded memory."""

from __future__ import annotations

import ctypes
import pathlib
import subprocess
import tempfile

import numpy as np

import denpa
from denpa import _abi as abi
from denpa._call import library, options
from .batches import Batch
from .memory import CallerMemory, Disagreement, misdescribe, pack, tensor, view
from .nets import NETS, has_accuracy
from .rules import RULES
from .recorder import Recorder

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Calls that have no effect if memory runs out; those of fit keep what was learned before.
STARVED = {
    "model_copy",
    "model_set",
    "model_initialize",
    "session_create",
    "trainer_create",
    "predict",
    "train_batch",
    "evaluate",
    "publish",
    "trainer_forward",
    "trainer_backward",
    "trainer_gradients",
    "trainer_step",
    "trainer_refresh",
    "model_load_bytes",
}
KINDS = {"model": abi.Model, "session": abi.Session, "trainer": abi.Trainer}


def status_name(status):
    return library.denpa_status_name(status).decode().replace("DENPA_", "")


def last_error():
    return library.denpa_last_error().decode("utf-8", "replace")


def load_plugin():
    """Compiles and loads center.c, which has to pass the proof like any plugin."""
    with tempfile.TemporaryDirectory() as folder:
        target = str(pathlib.Path(folder) / "center.so")
        source = str(pathlib.Path(__file__).with_name("center.c"))
        flags = ["-std=c11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror", "-pedantic-errors"]
        subprocess.run(["cc", *flags, f"-I{ROOT / 'include'}", source, "-o", target], check=True)
        denpa.load_plugin(target)


def attributes(values):
    """Makes a list of denpa_attribute."""
    found = (abi.Attribute * (len(values) + 1))()
    for entry, (name, value) in zip(found, values.items()):
        entry.name, entry.count = name.encode(), 1
        if isinstance(value, (bool, int)):
            entry.type = abi.ATTRIBUTE_BOOL if isinstance(value, bool) else abi.ATTRIBUTE_INT
            entry.value.i = value
        elif isinstance(value, float):
            entry.type, entry.value.f = abi.ATTRIBUTE_FLOAT, value
        elif isinstance(value, tuple):
            entry.type, entry.count = abi.ATTRIBUTE_INTS, len(value)
            entry.value.ints = (ctypes.c_int64 * len(value))(*value)
        else:
            entry.type, entry.value.s = abi.ATTRIBUTE_STRING, value.encode()
    return found


class Handle:
    """A handle with its name in the program."""

    def __init__(self, kind, label, pointer):
        self.kind, self.label, self.pointer = kind, label, pointer

    def __repr__(self):
        return self.label


class CApi:
    def __init__(self, recorder):
        self.recorder, self.memory = recorder, CallerMemory()
        self.status = abi.OK
        self.fails = 0  # the number of the allocation that fails in the next call that may run out of memory
        self.starved = False  # whether the last call ran out of memory

    def call(self, text, name, *arguments, starves=True):
        """Makes a call, whose results `finish` checks."""
        self.starved = starves and self.fails > 0 and name in STARVED
        if self.starved:
            text += f", where allocation {self.fails} fails"
            library.denpa_test_fail_allocations(self.fails, 1)
        self.recorder.call(text)
        self.status = getattr(library, f"denpa_{name}")(*arguments)
        if self.starved:
            library.denpa_test_fail_allocations(0, 0)
            self.fails = 0
        said = f" ({last_error()})" if self.status else ""
        self.recorder.result(status_name(self.status) + said)
        return self.status

    def finish(self, may_write=False):
        """Returns the outputs. With `may_write`, a failed call may have written them."""
        return self.memory.settle(self.status == abi.OK, may_write)

    def create(self, kind, label, text, name, *arguments):
        """Returns the handle, or None if the call failed."""
        pointer = ctypes.POINTER(KINDS[kind])()
        self.call(f"{label} = {text}", name, *arguments, ctypes.byref(pointer))
        if bool(pointer) == bool(self.status):
            raise Disagreement(f"{name}: a handle and a failure, or neither")
        return Handle(kind, label, pointer) if pointer else None

    def destroy(self, handle):
        return self.call(f"destroy {handle}", f"{handle.kind}_destroy", handle.pointer)

    # -- models ---------------------------------------------------------------------------------------------

    def create_model(self, label, net, seed):
        graph, values = ctypes.POINTER(abi.Graph)(), {}
        made = [library.denpa_graph_create(ctypes.byref(graph))]

        def add(node):
            value = ctypes.c_int32()
            inputs = (ctypes.c_int32 * len(node.sources))(*[values[s] for s in node.sources])
            name, ends = node.name.encode(), (inputs, len(inputs), ctypes.byref(value), 1)
            if node.shares:
                made.append(library.denpa_graph_share(graph, node.shares.encode(), name, *ends))
            else:
                held = attributes(node.attributes)
                made.append(library.denpa_graph_add(graph, node.kind.encode(), name, held, *ends))
            values[node.name] = value

        for name, width in net.inputs:
            extents = (abi.ANY, width) if name in net.sequences else (width,)
            value, dims = ctypes.c_int32(), (ctypes.c_int64 * len(extents))(*extents)
            made.append(
                library.denpa_graph_input(
                    graph, name.encode(), abi.FLOAT64, len(dims), dims, ctypes.byref(value)
                )
            )
            values[name] = value
        for node in net.nodes:
            add(node)
        outputs = (ctypes.c_int32 * len(net.outputs))(*[values[name] for name in net.outputs])
        wanted = options(abi.ModelOptions, dtype=abi.FLOAT64, seed=seed)
        if any(made):
            raise Disagreement(f"the graph was refused: {last_error()}")
        text = f"model({net}, seed {seed})"
        handle = self.create(
            "model", label, text, "model_create", graph, outputs, len(net.outputs), ctypes.byref(wanted)
        )
        library.denpa_graph_destroy(graph)
        return handle

    def views(self, model, net):
        """Returns views of all parameters: arrays in the library's memory."""
        found = {}
        for name in net.shapes:
            t = abi.Tensor()
            if library.denpa_model_view(model.pointer, name.encode(), ctypes.byref(t)):
                raise Disagreement(f"no view of {name}: {last_error()}")
            found[name] = view(t)
        return found

    def trainable(self, model, net):
        found = {}
        for index, name in enumerate(net.shapes):
            port = options(abi.Port)
            if (
                library.denpa_model_parameter(model.pointer, index, ctypes.byref(port))
                or port.name != name.encode()
            ):
                raise Disagreement(f"parameter {index} is not {name}: {last_error()}")
            found[name] = bool(port.trainable)
        return found

    def set(self, model, name, value):
        t = tensor(self.memory.place(value))
        self.call(
            f"set {model} {name} to {value.tolist()}",
            "model_set",
            model.pointer,
            name.encode(),
            ctypes.byref(t),
        )
        self.finish()
        return self.status

    def save(self, model):
        length = ctypes.c_int64()
        self.call(
            f"length of {model}'s bytes", "model_save_bytes", model.pointer, None, 0, ctypes.byref(length)
        )
        buffer = ctypes.create_string_buffer(length.value)
        self.call(
            f"bytes = save {model}",
            "model_save_bytes",
            model.pointer,
            buffer,
            len(buffer),
            ctypes.byref(length),
        )
        return buffer.raw[: length.value]

    # -- tensors of a batch ---------------------------------------------------------------------------------

    def inputs(self, batch, net, strided=None):
        """Returns (C array, count) for a batch's inputs, which are strided with `strided`, if the call
        supports strides.
        """
        return self.described(batch, "input", net, (), batch.given_inputs(net), strided)

    def targets(self, batch, net, terms, strided=None):
        return self.described(batch, "target", net, terms, batch.given_targets(net, terms), strided)

    def described(self, batch, what, net, terms, given, strided):
        arrays = [self.memory.place(np.asarray(array)) for array in given]
        if strided:
            arrays = [self.spread(array) for array in arrays]
        tensors = [tensor(array, bool(strided)) for array in arrays]
        count = len(tensors)
        if (
            batch.mistake
            and batch.mistake.startswith(what)
            and batch.fault(net, terms, strided=strided is not None) is not None
        ):
            count = misdescribe(tensors, arrays, batch.mistake, self.memory.place)
        return pack(tensors), count

    def spread(self, array):
        """Returns the same rows, each followed by other memory, as in the columns of a table."""
        if array.ndim == 0 or array.size == 0:
            return array
        table = self.memory.place(np.repeat(array[..., None], 2, axis=-1))
        return table[..., 0]

    def outputs(self, batch, net):
        """Returns (C array, count) for the outputs' memory."""
        lead = () if batch.is_single else (batch.rows,)
        rooms = [self.memory.room((*lead, net.widths[name])) for name in net.outputs]
        tensors = [tensor(room) for room in rooms]
        count = len(tensors)
        if (
            batch.mistake
            and batch.mistake.startswith("output")
            and batch.fault(net, outputs=True) is not None
        ):
            if batch.mistake == "output dtype":  # a float type, but not the model's
                tensors[0].dtype = abi.FLOAT32
            else:
                count = misdescribe(tensors, rooms, batch.mistake, self.memory.place)
        return pack(tensors), count

    def rooms_for_input_gradients(self, batch, net, gap=None):
        """Returns memory for the gradients of all inputs, except input `gap` if there are several."""
        lead = () if batch.is_single else (batch.rows,)
        rooms = [
            tensor(self.memory.room((*lead, *batch.extents(net, name, width))))
            for k, (name, width) in enumerate(net.inputs)
            if k != gap
        ]
        if len(rooms) < len(net.inputs):
            rooms.insert(gap, abi.Tensor())
        return pack(rooms)

    # -- trainers -------------------------------------------------------------------------------------------

    def create_trainer(self, label, model, terms, rule, max_batch, input_gradients, threads=1, watched=()):
        """`watched` are the nodes with respect to whose outputs there are gradients."""
        wanted = options(
            abi.TrainerOptions, max_batch=max_batch, threads=threads, input_gradients=int(input_gradients)
        )
        losses, held = (abi.Loss * max(len(terms), 1))(), []
        for entry, term in zip(losses, terms):
            held.append(attributes({"reduction": term.reduction}))
            entry.kind, entry.attributes = term.kind.encode(), held[-1]
            entry.weight, entry.output = term.weight, term.output
        if terms:
            wanted.losses, wanted.loss_count = losses, len(terms)
        if watched:
            held.append((ctypes.c_char_p * len(watched))(*[name.encode() for name in watched]))
            wanted.gradient_values, wanted.gradient_value_count = held[-1], len(watched)
        if has_accuracy(terms):
            held.append(abi.Metric(b"accuracy", output=terms[0].output))
            wanted.metrics, wanted.metric_count = ctypes.pointer(held[-1]), 1
        if rule is not None:
            held.append(attributes(dict(rule.attributes)))
            wanted.optimizer.kind, wanted.optimizer.attributes = rule.kind.encode(), held[-1]
            wanted.clip_norm, wanted.clip_value = rule.clip_norm, rule.clip_value
            groups = (abi.ParameterGroup * max(len(rule.groups), 1))()
            for entry, (pattern, more) in zip(groups, rule.groups):
                held.append(attributes({name: value for name, value in more if name != "frozen"}))
                entry.pattern, entry.attributes = pattern.encode(), held[-1]
                entry.frozen = int(dict(more).get("frozen", False))
            if rule.groups:
                wanted.groups, wanted.group_count = groups, len(rule.groups)
        text = f"trainer({model}, {list(terms) or 'no loss'}, {rule or 'no optimizer'}, max_batch {max_batch}"
        text += f"{', input_gradients' * input_gradients}{', 2 threads' * (threads > 1)}"
        text += f"{f', gradient_values {list(watched)}' if watched else ''})"
        return self.create("trainer", label, text, "trainer_create", model.pointer, ctypes.byref(wanted))

    def gradient_views(self, trainer, net, trained):
        """Returns views of the gradients of all trained parameters."""
        found = {}
        for name, role in net.roles.items():
            t = abi.Tensor()
            status = library.denpa_trainer_gradient(trainer.pointer, name.encode(), ctypes.byref(t))
            if status != (abi.OK if name in trained else abi.NOT_FOUND):
                raise Disagreement(f"the gradient of {name} ({role}): {status_name(status)}: {last_error()}")
            if name in trained:
                found[name] = view(t)
        return found


class Draws:
    """The random numbers that center.c gets, which depend only on the seed and the number of the forward."""

    def __init__(self):
        self.known = {}

    def __call__(self, seed, number):
        numbers = self.known.setdefault(seed, [])
        if number >= len(numbers):
            self.known[seed] = numbers = self.drawn(seed, max(64, 2 * number))
        return numbers[number]

    @staticmethod
    def drawn(seed, count):
        api, net, numbers = CApi(Recorder(None)), NETS[1], []
        model = api.create_model("m", net, seed)
        trainer = api.create_trainer("t", model, (), RULES[0], 1, False)
        views, batch = api.views(model, net), Batch(1, 0)
        for _ in range(count):
            library.denpa_trainer_forward(
                trainer.pointer, *api.inputs(batch, net), *api.outputs(batch, net), 1
            )
            library.denpa_publish(trainer.pointer)
            numbers.append(float(views["center.draw"][0]))
            library.denpa_trainer_step(trainer.pointer)
        api.destroy(trainer), api.destroy(model)
        if len(set(numbers)) != count:
            raise Disagreement("random numbers repeat from forward to forward")
        return numbers
