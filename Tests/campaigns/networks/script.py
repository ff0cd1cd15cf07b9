"""A program of its own that shows what a network was found to do wrong: denpa's package and NumPy, nothing of the campaign."""

from __future__ import annotations

import inspect

from . import data
from .graph import Net

PRELUDE = '''
import ctypes

import numpy as np
from denpa import _abi as abi
from denpa._call import check, library as lib, options

FLOAT = np.{dtype}
CODES = {{"float32": abi.FLOAT32, "float64": abi.FLOAT64, "int32": abi.INT32, "int64": abi.INT64, "uint8": abi.UINT8}}


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
        kinds = {{bool: (abi.ATTRIBUTE_BOOL, "i"), int: (abi.ATTRIBUTE_INT, "i"), float: (abi.ATTRIBUTE_FLOAT, "f"),
                 str: (abi.ATTRIBUTE_STRING, "s"), list: (abi.ATTRIBUTE_SPEC, "spec")}}
        entry.name, entry.count, (entry.type, field) = name.encode(), 1, kinds[type(value)]
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
    check(lib.denpa_graph_input(graph, name.encode(), CODES[dtype], len(shape), (ctypes.c_int64 * 8)(*shape), value))
    return value.value


def add(kind, name, inputs, outputs, **given):
    read, written = (ctypes.c_int32 * len(inputs))(*inputs), (ctypes.c_int32 * outputs)()
    check(lib.denpa_graph_add(
        graph, kind.encode(), name.encode(), attributes(given), read, len(inputs), written, outputs))
    return list(written)


def trainer(threads, losses=(), optimizer=None, input_gradients=0):
    terms = (abi.Loss * max(len(losses), 1))()
    for term, (output, kind, weight, given) in zip(terms, losses):
        term.kind, term.attributes, term.weight, term.output = kind.encode(), attributes(given), weight, output
    how = options(abi.TrainerOptions, max_batch={max_batch}, threads=threads, loss_count=len(losses), losses=terms,
                  input_gradients=input_gradients)
    if optimizer:
        how.optimizer = spec(*optimizer)
    own = new(abi.Model, lib.denpa_model_copy, model, 0)
    return own, new(abi.Trainer, lib.denpa_trainer_create, own, ctypes.byref(how))


def values(find, owner, name):
    view = abi.Tensor()
    check(find(owner, name.encode(), ctypes.byref(view)))
    shape = tuple(view.dim[:view.rank])
    return np.ctypeslib.as_array(ctypes.cast(view.data, ctypes.POINTER(
        ctypes.c_float if FLOAT is np.float32 else ctypes.c_double)), shape).copy()
'''

PREDICT = '''
def predict(threads, inputs):
    how = options(abi.SessionOptions, max_batch={max_batch}, threads=threads)
    session = new(abi.Session, lib.denpa_session_create, model, ctypes.byref(how))
    outputs = output_room(len(inputs[0]))
    check(lib.denpa_predict(session, tensors(*inputs), len(inputs), tensors(*outputs), len(outputs)))
    return {{f"output {{i}}": output for i, output in enumerate(outputs)}}
'''

GRADIENTS = '''
def gradients(threads, inputs, targets):
    own, learning = trainer(threads, losses, None, {input_gradients})
    loss, into = ctypes.c_double(), {input_room}
    check(lib.denpa_trainer_gradients(
        learning, tensors(*inputs), len(inputs), tensors(*targets), len(targets), into and tensors(*into), loss))
    found = {{f"gradient {{name}}": values(lib.denpa_trainer_gradient, learning, name) for name in trained}}
    found.update({{f"input gradient {{i}}": array for i, array in enumerate(into or []) if array is not None}})
    return {{"loss": np.array(loss.value), **found}}
'''

OPEN_LOOP = '''
def open_loop(threads, inputs, doutputs):
    own, learning = trainer(threads, (), None, {input_gradients})
    outputs, into = output_room(len(inputs[0])), {input_room}
    check(lib.denpa_trainer_forward(learning, tensors(*inputs), len(inputs), tensors(*outputs), len(outputs), 1))
    check(lib.denpa_trainer_backward(
        learning, tensors(*doutputs), len(doutputs), into and tensors(*into), len(into or [])))
    found = {{f"gradient {{name}}": values(lib.denpa_trainer_gradient, learning, name) for name in trained}}
    found.update({{f"input gradient {{i}}": array for i, array in enumerate(into or []) if array is not None}})
    return {{**{{f"output {{i}}": output for i, output in enumerate(outputs)}}, **found}}
'''

STEPS = '''
def steps(threads, batches):
    own, learning = trainer(threads, losses, {optimizer})
    for inputs, targets in batches:
        loss = ctypes.c_double()
        check(lib.denpa_train_batch(learning, tensors(*inputs), len(inputs), tensors(*targets), len(targets), loss))
        print(threads, "thread(s), loss", loss.value)
    check(lib.denpa_publish(learning))
    return {{f"weights {{name}}": values(lib.denpa_model_view, own, name) for name in names}}
'''

COMPARE = '''
def compare(what, results):
    for name, first in results[0].items():
        for threads, other in zip(THREADS[1:], results[1:]):
            if first.tobytes() != other[name].tobytes():
                print(what, name, "differs between 1 and", threads, "threads in", (first != other[name]).sum(),
                      "elements, at most by", abs(first - other[name]).max())
'''

PARTS = {
    "predict": PREDICT, "gradients": GRADIENTS, "open loop": OPEN_LOOP, "steps": STEPS,
}


def parts_for(kind, losses):
    name = kind.split(":")[0]
    wanted = {
        "gradients": ["gradients"], "gradients added up": ["gradients"], "open loop": ["open loop"],
        "open loop by losses": ["open loop"], "steps": ["gradients", "steps"], "fit": ["steps"], "predict": ["predict"],
        "forms": ["predict"], "files": ["predict"], "evaluate": ["gradients"], "initial": [], "ports": [],
    }.get(name, list(PARTS))
    return [part for part in wanted if losses or part not in ("gradients", "steps")]


def script(spec, failure, settings):
    """The text of the program."""
    net, dtype = Net(spec), failure.get("dtype", spec["dtypes"][0])
    room = ", ".join(
        f"np.full((len(inputs[0]), {str(spec['inputs'][i]['shape'])[1:-1]}), np.nan, FLOAT)"
        if spec["inputs"][i]["dtype"] == "float" else "None" for i in net.used)
    fill = {
        "dtype": dtype, "max_batch": spec["max_batch"], "input_gradients": int(spec["input_gradients"]),
        "input_room": f"[{room}]" if spec["input_gradients"] else "None",
        "optimizer": repr((spec["optimizer"][0], {**spec["optimizer"][1], "learning_rate": spec["rate"]}))}
    parts = parts_for(failure["kind"], spec["losses"])
    lines = [
        f"# {failure['kind']}", f"# {failure['message'].splitlines()[-1]}",
        f"# {settings} PYTHONPATH=bindings/python python3 this.py", PRELUDE.format(**fill).strip("\n")]
    lines += ["\n\n" + PARTS[part].format(**fill).strip("\n") for part in parts]
    lines += ["\n\n" + COMPARE.strip("\n")]
    for function in (data.generator, data.uniform, data.target):
        lines.append("\n\n" + inspect.getsource(function).rstrip("\n"))
    integers = "{" + ", ".join(f'"{name}": np.{name}' for name in data.INTEGERS) + "}"
    lines += ["", "", f"THREADS, INTEGERS = {spec['threads']}, {integers}", *building(net, dtype)]
    lines += calls(net, parts)
    if failure.get("expected") is not None:
        lines.append(f"# {failure['tensor']}{failure['index']} is expected to be {failure['expected']!r}")
    return "\n".join(lines) + "\n"


def building(net, dtype):
    spec = net.spec
    yield "graph = new(abi.Graph, lib.denpa_graph_create)"
    if any("." in node.kind for node in net.nodes) or any("." in loss["kind"] for loss in net.losses):
        for name in ("mixed", "swish"):  # cc -O2 -fPIC -shared -Iinclude Tests/campaigns/networks/plugins/mixed.c ...
            yield f'check(lib.denpa_plugin_load(b"build/tests/networks/{name}.so", None, None))'
    for number, given in enumerate(spec["inputs"]):
        kind = "float32" if given["dtype"] == "float" else given["dtype"]
        yield f'v{number} = add_input("x{number}", {given["shape"]}, "{kind}")'
    for node in net.nodes:
        left = ", ".join(f"v{value}" for value in node.outputs)
        read = ", ".join(f"v{value}" for value in node.inputs)
        given = "".join(f", {name}={value!r}" for name, value in node.attributes.items())
        yield f'[{left}] = add("{node.kind}", "{node.name}", [{read}], {len(node.outputs)}{given})'
    outputs = ", ".join(f"v{value}" for value in net.outputs)
    yield (
        f"model = new(abi.Model, lib.denpa_model_create, graph, (ctypes.c_int32 * {len(net.outputs)})({outputs}),"
        f" {len(net.outputs)},\n            ctypes.byref(options(abi.ModelOptions, dtype=CODES['{dtype}'],"
        f" seed={spec['seed']})))")
    yield f"names, trained = {[p.name for p in net.parameters]}, {[p.name for p in net.trained]}"
    for number, parameter in enumerate(net.parameters):
        if spec["parameters"] == "drawn":
            yield (
                f"check(lib.denpa_model_set(model, b'{parameter.name}', tensors(uniform(generator({spec['seed']}, 3,"
                f" {number}), {parameter.shape}, {-parameter.scale!r}, {parameter.scale!r}))))")
        if parameter not in net.trained:
            yield f"check(lib.denpa_model_set_trainable(model, b'{parameter.name}', 0))"
    types = {"float": "FLOAT", "int32": "np.int32", "int64": "np.int64", "uint8": "np.uint8"}
    rooms = ", ".join(
        f"np.zeros((rows, {str(net.shapes[value])[1:-1]}), {types[net.dtypes[value]]})" for value in net.outputs)
    yield f"output_room = lambda rows: [{rooms}]"
    inputs = []
    for number in net.used:
        given, shape = spec["inputs"][number], (spec["rows"], *spec["inputs"][number]["shape"])
        draw = f"generator({spec['seed']}, 1, {number})"
        if given["dtype"] != "float":
            inputs.append(f"{draw}.integers(0, 4, {shape}).astype(np.{given['dtype']})")
        elif given["whole"]:
            inputs.append(f"{draw}.integers(-3, 4, {shape}).astype(FLOAT)")
        else:
            inputs.append(f"uniform({draw}, {shape}, -2, 2).astype(FLOAT)")
    yield f"inputs = [{', '.join(inputs)}]"
    targets = [
        f"target({loss['form']!r}, {(spec['rows'], *net.shapes[net.outputs[loss['output']]])},"
        f" generator({spec['seed']}, 2, {number}))" for number, loss in enumerate(net.losses)]
    yield f"targets = [{', '.join(targets)}]"
    yield "targets = [t.astype(FLOAT) if t.dtype == np.float64 else t for t in targets]"
    terms = [(loss["output"], loss["kind"], loss["weight"], loss["attributes"]) for loss in net.losses]
    yield f"losses = {terms}"


def calls(net, parts):
    spec = net.spec
    places = [
        (number * 7919 % (spec["rows"] - rows + 1), rows) for number, rows in enumerate(spec["batches"])]
    yield f"batches = [([a[f:f + n] for a in inputs], [a[f:f + n] for a in targets]) for f, n in {places}]"
    if "steps" in parts:
        yield "compare('training:', [steps(threads, batches) for threads in THREADS])"
    yield "for inputs, targets in batches:"
    yield '    print(len(inputs[0]), "rows")'
    if "open loop" in parts:
        given = [
            f"uniform(generator({spec['seed']}, 4, {number}), (len(inputs[0]), {str(net.shapes[value])[1:-1]}))"
            ".astype(FLOAT)" if spec["doutputs"][number] and net.dtypes[value] == "float" else "None"
            for number, value in enumerate(net.outputs)]
        yield f"    doutputs = [{', '.join(given)}]"
    for part, arguments in (("predict", "inputs"), ("gradients", "inputs, targets"), ("open loop", "inputs, doutputs")):
        if part in parts:
            yield f"    results = [{part.replace(' ', '_')}(threads, {arguments}) for threads in THREADS]"
            yield f"    compare('{part}:', results)"
            yield f"    print('{part}:', results[0])"
