"""Writes a program that reproduces a network's failure without the campaign."""

from __future__ import annotations

import inspect

from . import data
from .graph import Net

PRELUDE = """
import ctypes

import numpy as np
from denpa import _abi as abi
from denpa._call import check, library as lib, options

FLOAT, THREADS = np.{dtype}, {threads}
CODES = {{name: getattr(abi, name.upper()) for name in ("float32", "float64", "int32", "int64", "uint8")}}


def tensors(*arrays):
    result = (abi.Tensor * max(len(arrays), 1))()
    result.arrays = arrays
    for tensor, array in zip(result, arrays):
        if array is not None:
            tensor.data, tensor.dtype, tensor.rank = array.ctypes.data, CODES[array.dtype.name], array.ndim
            tensor.dim[:array.ndim] = array.shape
    return result


def attributes(values):
    result = (abi.Attribute * (len(values) + 1))()
    for entry, (name, value) in zip(result, values.items()):
        kinds = {{bool: (abi.ATTRIBUTE_BOOL, "i"), int: (abi.ATTRIBUTE_INT, "i"),
                 float: (abi.ATTRIBUTE_FLOAT, "f"), str: (abi.ATTRIBUTE_STRING, "s"),
                 list: (abi.ATTRIBUTE_SPEC, "spec")}}
        entry.name, entry.count, (entry.type, field) = name.encode(), 1, kinds[type(value)]
        if field == "spec" and isinstance(value[0], float):
            entry.type, entry.count, field = abi.ATTRIBUTE_FLOATS, len(value), "floats"
            value = (ctypes.c_double * len(value))(*value)
        elif field == "spec" and not isinstance(value[0], str):
            entry.type, entry.count, field = abi.ATTRIBUTE_INTS, len(value), "ints"
            value = (ctypes.c_int64 * len(value))(*value)
        value = value.encode() if field == "s" else spec(*value) if field == "spec" else value
        setattr(entry.value, field, value)
    return result


def spec(kind, values):
    return abi.Spec(kind.encode(), attributes(values))


def new(kind, create, *arguments):
    pointer = ctypes.POINTER(kind)()
    check(create(*arguments, ctypes.byref(pointer)))
    return pointer


def add_input(name, shape, dtype):
    value = ctypes.c_int32()
    check(lib.denpa_graph_input(graph, name, CODES[dtype], len(shape), (ctypes.c_int64 * 8)(*shape), value))
    return value.value


def add(kind, name, inputs, outputs, **given):
    read, written = (ctypes.c_int32 * len(inputs))(*inputs), (ctypes.c_int32 * outputs)()
    check(lib.denpa_graph_add(
        graph, kind, name, attributes(given), read, len(inputs), written, outputs))
    return list(written)


def share(owner, name, inputs, outputs):
    read, written = (ctypes.c_int32 * len(inputs))(*inputs), (ctypes.c_int32 * outputs)()
    check(lib.denpa_graph_share(graph, owner, name, read, len(inputs), written, outputs))
    return list(written)


def uniform(seed, shape, low=-1, high=1):
    numbers = np.random.default_rng(seed).random(shape, np.float32) * np.float32(high - low) + np.float32(low)
    return np.asarray(numbers, FLOAT)
"""

TRAINER = """
def trainer(threads, losses=(), optimizer=None):
    terms = (abi.Loss * max(len(losses), 1))()
    for term, (output, kind, weight, given, weighted) in zip(terms, losses):
        term.kind, term.attributes, term.weight, term.output = kind, attributes(given), weight, output
        term.weighted = weighted
    how = options(abi.TrainerOptions, max_batch={grows_from}, threads=threads, loss_count=len(losses),
                  losses=terms if losses else None, input_gradients={input_gradients})
    if optimizer:
        how.optimizer = spec(*optimizer)
    own = new(abi.Model, lib.denpa_model_copy, model, 0)
    return own, new(abi.Trainer, lib.denpa_trainer_create, own, ctypes.byref(how))


def values(find, owner, name):
    view = abi.Tensor()
    check(find(owner, name, ctypes.byref(view)))
    number = ctypes.c_float if FLOAT is np.float32 else ctypes.c_double
    numbers = ctypes.cast(view.data, ctypes.POINTER(number))
    return np.ctypeslib.as_array(numbers, tuple(view.dim[:view.rank])).copy()
"""

PREDICT = """
def predict(threads, inputs):
    how = options(abi.SessionOptions, max_batch={max_batch}, threads=threads)
    session = new(abi.Session, lib.denpa_session_create, model, ctypes.byref(how))
    outputs = output_room(len(inputs[0]))
    check(lib.denpa_predict(session, tensors(*inputs), len(inputs), tensors(*outputs), len(outputs)))
    return {{f"output {{i}}": output for i, output in enumerate(outputs)}}
"""

GRADIENTS = """
def gradients(threads, inputs, targets):
    own, learning = trainer(threads, losses)
    loss, into = ctypes.c_double(), {input_room}
    check(lib.denpa_trainer_gradients(
        learning, tensors(*inputs), len(inputs), tensors(*targets), len(targets), into and tensors(*into),
        loss))
    found = {{f"gradient {{name}}": values(lib.denpa_trainer_gradient, learning, name) for name in trained}}
    found.update({{f"input gradient {{i}}": a for i, a in enumerate(into or []) if a is not None}})
    return {{"loss": np.array(loss.value), **found}}
"""

OPEN_LOOP = """
def open_loop(threads, inputs, doutputs):
    own, learning = trainer(threads)
    outputs, into = output_room(len(inputs[0])), {input_room}
    check(lib.denpa_trainer_forward(
        learning, tensors(*inputs), len(inputs), tensors(*outputs), len(outputs), 1))
    check(lib.denpa_trainer_backward(
        learning, tensors(*doutputs), len(doutputs), into and tensors(*into), len(into or [])))
    found = {{f"gradient {{name}}": values(lib.denpa_trainer_gradient, learning, name) for name in trained}}
    found.update({{f"input gradient {{i}}": a for i, a in enumerate(into or []) if a is not None}})
    return {{**{{f"output {{i}}": output for i, output in enumerate(outputs)}}, **found}}
"""

STEPS = """
def steps(threads, batches):
    own, learning = trainer(threads, losses, {optimizer})
    for inputs, targets in batches:
        loss = ctypes.c_double()
        check(lib.denpa_train_batch(
            learning, tensors(*inputs), len(inputs), tensors(*targets), len(targets), loss))
        print(threads, "threads, loss", loss.value)
    check(lib.denpa_publish(learning))
    return {{f"weights {{name}}": values(lib.denpa_model_view, own, name) for name in names}}
"""

COMPARE = """
def compare(what, results):
    for name, first in results[0].items():
        for threads, other in zip(THREADS[1:], results[1:]):
            if first.tobytes() != other[name].tobytes():
                print(what, name, "differs between 1 and", threads, "threads in",
                      (first != other[name]).sum(), "elements, at most by", abs(first - other[name]).max())
"""

PARTS = {"predict": PREDICT, "gradients": GRADIENTS, "open loop": OPEN_LOOP, "steps": STEPS}
WANTED = {
    "gradients": ["gradients"],
    "gradients added up": ["gradients"],
    "target forms": ["gradients"],
    "open loop": ["open loop"],
    "open loop by losses": ["open loop"],
    "steps": ["gradients", "steps"],
    "fit": ["steps"],
    "predict": ["predict"],
    "forms": ["predict"],
    "files": ["predict"],
    "evaluate": ["gradients"],
    "average": ["steps"],
    "sam": ["steps"],
    "lbfgs": ["steps"],
    "levenberg_marquardt": ["steps"],
    "initial": [],
    "ports": [],
}  # by the name of the check; all of them after a crash


def script(spec, failure, settings):
    """Returns the text of the program."""
    net, dtype = Net(spec), failure.get("dtype", spec["dtypes"][0])
    parts = WANTED.get(failure["kind"].split(":")[0], list(PARTS))
    parts = [part for part in parts if spec["losses"] or part not in ("gradients", "steps")]
    rooms = [
        f"np.full({shape_of(spec['inputs'][i]['shape'], 'len(inputs[0])')}, np.nan, FLOAT)"
        if spec["inputs"][i]["dtype"] == "float"
        else "None"
        for i in net.used
    ]
    optimizer = (spec["optimizer"][0], {**spec["optimizer"][1], "learning_rate": spec["rate"]})
    fill = {
        "dtype": dtype,
        "threads": spec["threads"],
        "max_batch": spec["max_batch"],
        "optimizer": repr(optimizer),
        "grows_from": spec["grows_from"],
        "input_gradients": int(spec["input_gradients"]),
        "input_room": f"[{', '.join(rooms)}]" if spec["input_gradients"] else "None",
    }
    texts = [PRELUDE] + ([TRAINER] if set(parts) - {"predict"} else []) + [PARTS[part] for part in parts]
    texts = [text.format(**fill).strip("\n") for text in texts] + [COMPARE.strip("\n")]
    if any(loss["form"] not in ("values", "nothing") for loss in net.losses) and {"gradients", "steps"} & set(parts):
        integers = ", ".join(f'"{name}": np.{name}' for name in data.INTEGERS)
        texts.append(inspect.getsource(data.target).strip("\n"))
        texts.append(f"INTEGERS = {{{integers}}}")
    about = f"# {failure['kind']}\n# {failure['message'].splitlines()[0]}\n"
    about += f"# {settings} PYTHONPATH=bindings/python python3 this.py\n"
    lines = [*building(net, dtype), *calls(net, parts)]
    if failure.get("expected") is not None:
        lines.append(f"# {failure['tensor']}{failure['index']} is expected to be {failure['expected']!r}")
    return about + "\n\n\n".join([*texts, "\n".join(lines)]) + "\n"


def shape_of(shape, rows):
    """Returns the text of a shape."""
    return f"({', '.join([rows, *map(str, shape)])},)"


def building(net, dtype):
    """Returns the lines that build the network and make its parameters and its data."""
    spec, seed = net.spec, net.spec["seed"]
    yield "graph = new(abi.Graph, lib.denpa_graph_create)"
    if any("." in kind for kind in [node.kind for node in net.nodes] + [loss["kind"] for loss in net.losses]):
        yield "# The campaign has compiled these, of Tests/campaigns/networks/plugins and examples/plugins."
        for name in ("mixed", "swish"):
            yield f'check(lib.denpa_plugin_load(b"build/tests/networks/{name}.so", None, None))'
    for number, given in enumerate(spec["inputs"]):
        kind = "float32" if given["dtype"] == "float" else given["dtype"]
        yield f'v{number} = add_input(b"x{number}", {given["shape"]}, "{kind}")'
    for node in net.nodes:
        left = ", ".join(f"v{value}" for value in node.outputs)
        read = ", ".join(f"v{value}" for value in node.inputs)
        given = "".join(f", {name}={value!r}" for name, value in node.attributes.items())
        ends = f'b"{node.name}", [{read}], {len(node.outputs)}'
        if node.shares is None:
            yield f'[{left}] = add(b"{node.kind}", {ends}{given})'
        else:
            yield f'[{left}] = share(b"{net.nodes[node.shares].name}", {ends})'
    outputs = ", ".join(f"v{value}" for value in net.outputs)
    yield f'how = options(abi.ModelOptions, dtype=CODES["{dtype}"], seed={seed})'
    yield f"outputs = (ctypes.c_int32 * {len(net.outputs)})({outputs})"
    yield "model = new(abi.Model, lib.denpa_model_create, graph, outputs, len(outputs), ctypes.byref(how))"
    yield f"names = {[p.name.encode() for p in net.parameters]}"
    yield f"trained = {[p.name.encode() for p in net.trained]}"
    for number, parameter in enumerate(net.parameters):
        name = f'b"{parameter.name}"'
        if spec["parameters"] == "drawn":
            shape, scale = tuple(parameter.shape), parameter.scale
            value = f"uniform([{seed}, 3, {number}], {shape}, {', '.join(map(repr, data.between(scale)))})"
            yield f"check(lib.denpa_model_set(model, {name}, tensors({value})))"
        if parameter not in net.trained:
            yield f"check(lib.denpa_model_set_trainable(model, {name}, 0))"
    types = {"float": "FLOAT", "int32": "np.int32", "int64": "np.int64", "uint8": "np.uint8"}
    rooms = [f"np.zeros({shape_of(net.shapes[v], 'rows')}, {types[net.dtypes[v]]})" for v in net.outputs]
    yield f"output_room = lambda rows: [{', '.join(rooms)}]"
    inputs = []
    for number in net.used:
        given, shape = spec["inputs"][number], (spec["rows"], *spec["inputs"][number]["shape"])
        draw = f"np.random.default_rng([{seed}, 1, {number}])"
        if given["dtype"] != "float":
            inputs.append(f"{draw}.integers(0, 4, {shape}).astype(np.{given['dtype']})")
        elif given["whole"]:
            inputs.append(f"{draw}.integers(-3, 4, {shape}).astype(FLOAT)")
        else:
            inputs.append(f"uniform([{seed}, 1, {number}], {shape}, -2, 2)")
    yield f"inputs = [{', '.join(inputs)}]"
    targets = []
    for number, loss in enumerate(net.losses):
        shape = (spec["rows"], *net.shapes[net.outputs[loss["output"]]])
        if loss["form"] == "nothing":
            continue
        if loss["form"] == "values":
            targets.append(f"uniform([{seed}, 2, {number}], {shape}, -1.5, 1.5)")
        else:
            targets.append(f"target({loss['form']!r}, {shape}, np.random.default_rng([{seed}, 2, {number}]))")
    for number, loss in enumerate(net.losses):
        if loss.get("weighted"):
            draw = f"np.random.default_rng([{seed}, 5, {number}])"
            targets.append(f"{draw}.integers(0, 9, {spec['rows']}) / 4")
    yield f"targets = [{', '.join(targets)}]"
    yield "targets = [t.astype(FLOAT) if t.dtype == np.float64 else t for t in targets]"
    terms = [
        (
            loss["output"],
            loss["kind"].encode(),
            loss["weight"],
            loss["attributes"],
            int(loss.get("weighted", False)),
        )
        for loss in net.losses
    ]
    yield f"losses = {terms}"


def calls(net, parts):
    """Returns the lines that run the network and print the results."""
    spec = net.spec
    places = [
        (number * 7919 % (spec["rows"] - rows + 1), rows) for number, rows in enumerate(spec["batches"])
    ]
    yield f"batches = [([a[f:f + n] for a in inputs], [a[f:f + n] for a in targets]) for f, n in {places}]"
    if "steps" in parts:
        yield "compare('training:', [steps(threads, batches) for threads in THREADS])"
    yield "for inputs, targets in batches:"
    yield '    print(len(inputs[0]), "rows")'
    if "open loop" in parts:
        given = [
            f"uniform([{spec['seed']}, 4, {number}], {shape_of(net.shapes[value], 'len(inputs[0])')})"
            if spec["doutputs"][number] and net.dtypes[value] == "float"
            else "None"
            for number, value in enumerate(net.outputs)
        ]
        yield f"    doutputs = [{', '.join(given)}]"
    for part, arguments in (
        ("predict", "inputs"),
        ("gradients", "inputs, targets"),
        ("open loop", "inputs, doutputs"),
    ):
        if part in parts:
            yield f"    results = [{part.replace(' ', '_')}(threads, {arguments}) for threads in THREADS]"
            yield f"    compare('{part}:', results)"
            yield f"    print('{part}:', results[0])"
