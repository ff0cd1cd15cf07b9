"""Reduces a failing network as long as it fails in the same way."""

from __future__ import annotations

import copy
import time

from .graph import Invalid, Net


def shrink(spec, fails, seconds):
    """Returns the smallest network found for which `fails(spec)` holds, as it does for `spec`."""
    until, changed = time.monotonic() + seconds, True
    tried = set()
    while changed and time.monotonic() < until:
        changed = False
        for candidate in simpler(spec):
            key = repr(candidate)
            if key in tried or time.monotonic() > until:
                continue
            tried.add(key)
            try:
                Net(candidate)
            except (Invalid, KeyError):  # KeyError: a required attribute is gone
                continue
            if fails(candidate):
                spec, changed = candidate, True
                break
    return spec


def changed(spec, **fields):
    return {**copy.deepcopy(spec), **copy.deepcopy(fields)}


def simpler(spec):
    """Yields slightly simpler networks, those with the largest simplification first."""
    yield from fewer_runs(spec)
    yield from fewer_parts(spec)
    yield from fewer_rows(spec)
    yield from smaller(spec)
    yield from plainer(spec)


def fewer_runs(spec):
    if len(spec["dtypes"]) > 1:
        yield from (changed(spec, dtypes=[dtype]) for dtype in spec["dtypes"])
    if len(spec["threads"]) > 2:
        yield from (changed(spec, threads=[1, threads]) for threads in spec["threads"][1:])
    if len(spec["threads"]) == 2:
        yield changed(spec, threads=[1])
    if len(spec["batches"]) > 1:
        yield from (changed(spec, batches=[rows]) for rows in sorted(set(spec["batches"])))
        for number in range(len(spec["batches"])):
            yield changed(spec, batches=spec["batches"][:number] + spec["batches"][number + 1 :])


def fewer_parts(spec):
    for number in range(len(spec["losses"])):
        yield changed(spec, losses=spec["losses"][:number] + spec["losses"][number + 1 :])
    if len(spec["outputs"]) > 1:
        yield from (without_output(spec, number) for number in range(len(spec["outputs"])))
    for number in reversed(range(len(spec["nodes"]))):
        yield from without_node(spec, number)
    yield from (
        without_input(spec, number) for number in range(len(spec["inputs"])) if len(spec["inputs"]) > 1
    )


def without_output(spec, number):
    result = copy.deepcopy(spec)
    del result["outputs"][number], result["doutputs"][number]
    result["losses"] = [loss for loss in result["losses"] if loss["output"] != number]
    for loss in result["losses"]:
        loss["output"] -= loss["output"] > number
    return result


def renumbered(spec, to):
    """Returns a network with values renumbered by a dict. Values that are not in it are removed, so nothing
    may need them.
    """
    result = copy.deepcopy(spec)
    for node in result["nodes"]:
        node["inputs"] = [to.get(value, -1) for value in node["inputs"]]
    result["outputs"] = [to.get(value, -1) for value in result["outputs"]]
    return result


def without_node(spec, number):
    """Returns a network without a node; its readers, if any, read one of its inputs instead."""
    net = Net(spec)
    gone = net.nodes[number].outputs
    for stand_in in [None, *dict.fromkeys(net.nodes[number].inputs)]:
        to = {
            value: value - len(gone) * (value > gone[-1])
            for value in range(len(net.shapes))
            if value not in gone
        }
        if stand_in is not None:
            to.update({value: stand_in for value in gone})
        result = renumbered(changed(spec, nodes=spec["nodes"][:number] + spec["nodes"][number + 1 :]), to)
        result["frozen"] = [n - (n > number) for n in spec["frozen"] if n != number]
        for node in result["nodes"]:
            if node.get("shares") is not None:
                node["shares"] = None if node["shares"] == number else node["shares"] - (node["shares"] > number)
        yield result


def without_input(spec, number):
    count = len(Net(spec).shapes)
    to = {value: value - (value > number) for value in range(count) if value != number}
    return renumbered(changed(spec, inputs=spec["inputs"][:number] + spec["inputs"][number + 1 :]), to)


def less(value, least=1):
    """Yields smaller numbers, the smallest first."""
    steps = (least, value // 8, value // 2, value * 3 // 4, value * 7 // 8, value - value % 16, value - 1)
    return [step for step in dict.fromkeys(steps) if least <= step < value]


def fewer_rows(spec):
    largest = max(spec["batches"])
    for rows in less(spec["rows"]):
        batches = [min(batch, rows) for batch in spec["batches"]]
        most = max(1, *batches)
        yield changed(
            spec,
            rows=rows,
            batches=batches,
            max_batch=most,
            grows_from=min(spec["grows_from"], most),
            fit=[min(spec["fit"][0], most), spec["fit"][1]],
        )
    if spec["max_batch"] > max(1, largest, spec["fit"][0]):
        yield changed(spec, max_batch=max(1, largest, spec["fit"][0]))
    for number, batch in enumerate(spec["batches"]):
        for rows in less(batch, 0):
            batches = [*spec["batches"][:number], rows, *spec["batches"][number + 1 :]]
            yield changed(spec, batches=batches)
    for batch in less(spec["fit"][0]):
        yield changed(spec, fit=[batch, spec["fit"][1]])
    if spec["fit"][1] > 1:
        yield changed(spec, fit=[spec["fit"][0], 1])


def smaller(spec):
    for given in spec["inputs"]:
        for axis, extent in enumerate(given["shape"]):
            for step in less(extent):
                result = copy.deepcopy(spec)
                # Inputs of the same shape keep it in common, because layers that add them need this.
                for other in result["inputs"]:
                    if other["shape"] == given["shape"]:
                        other["shape"] = [*given["shape"][:axis], step, *given["shape"][axis + 1 :]]
                yield result
        if len(given["shape"]) > 1:
            for axis in range(len(given["shape"])):
                result = copy.deepcopy(spec)
                for other in result["inputs"]:
                    if other["shape"] == given["shape"]:
                        other["shape"] = given["shape"][:axis] + given["shape"][axis + 1 :]
                yield result
    sizes = {node["attributes"].get("units") for node in spec["nodes"]} - {None}
    for units in sorted(sizes, reverse=True):
        for step in less(units):
            result = copy.deepcopy(spec)
            for node in result["nodes"]:
                if node["attributes"].get("units") == units:
                    node["attributes"]["units"] = step
            yield result


def plainer(spec):
    for number, node in enumerate(spec["nodes"]):
        if node.get("shares") is not None:
            result = copy.deepcopy(spec)
            result["nodes"][number]["shares"] = None
            yield result
        for name in node["attributes"]:
            if name not in ("units", "classes", "width"):
                result = copy.deepcopy(spec)
                for other, changing in enumerate(result["nodes"]):
                    if number in (other, changing.get("shares")):
                        changing["attributes"].pop(name, None)
                yield result
        if node["kind"] == "dense" and node["attributes"].get("bias", True):
            result = copy.deepcopy(spec)
            result["nodes"][number]["attributes"]["bias"] = False
            yield result
        if node["kind"] not in ("dense", "identity", "flatten"):
            result = copy.deepcopy(spec)
            result["nodes"][number] = {"kind": "identity", "attributes": {}, "inputs": node["inputs"][:1]}
            yield result
    for number, loss in enumerate(spec["losses"]):
        for name in loss["attributes"]:
            result = copy.deepcopy(spec)
            del result["losses"][number]["attributes"][name]
            yield result
        squared = {"kind": "mean_squared_error", "form": "values", "attributes": {}}
        for plain in ({"weight": 1.0}, {"weighted": False}, squared):
            if any(loss.get(key, value) != value for key, value in plain.items()):
                result = copy.deepcopy(spec)
                result["losses"][number].update(plain)
                yield result
    for name, plain in (
        ("optimizer", ["sgd", {}]),
        ("frozen", []),
        ("parameters", "drawn"),
        ("input_gradients", False),
        ("grows_from", spec["max_batch"]),
        ("doutputs", [True] * len(spec["outputs"])),
    ):
        if spec[name] != plain:
            yield changed(spec, **{name: plain})
    for number, given in enumerate(spec["inputs"]):
        if given["whole"] and given["dtype"] == "float":
            result = copy.deepcopy(spec)
            result["inputs"][number]["whole"] = False
            yield result
