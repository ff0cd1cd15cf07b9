"""Checks of traces: every value against the reference, and gradients that are those of training."""

from __future__ import annotations

import ctypes

from denpa import _abi as abi
from denpa._call import check as succeed
from denpa._call import library

from . import engine
from .gradients import reference


def check(case):
    if case.spec["large"]:
        return
    for first, rows in case.slices():
        with case.checking("trace of the model"):
            inputs = case.fenced(case.part(case.inputs, first, rows))
            with engine.Owner(
                "trace",
                library.denpa_trace_model,
                case.model.pointer,
                engine.tensors(inputs),
                len(inputs),
                None,
            ) as trace:
                values(case, items(trace), case.reference(first, rows), rows)
        if case.net.losses:
            with case.checking("trace of a trainer"):
                inputs = case.fenced(case.part(case.inputs, first, rows))
                targets = case.fenced(case.part(case.targets, first, rows))
                of_trainer(case, inputs, targets, first, rows)


def of_trainer(case, inputs, targets, first, rows):
    how = engine.options(abi.TraceOptions, training=1)
    with case.trainer(max(case.spec["threads"])) as trainer:
        passed = trainer.passed(targets)
        arrays = engine.tensors(inputs), len(inputs), engine.tensors(passed) if passed else None, len(passed)
        make = library.denpa_trace_trainer
        with engine.Owner("trace", make, trainer.pointer, *arrays, ctypes.byref(how)) as trace:
            compare(case, trace, first, rows)


def compare(case, trace, first, rows):
    """Compares losses, values and gradients with the reference."""
    found = items(trace)
    if not rows:
        return
    total = ctypes.c_double()
    succeed(library.denpa_trace_loss(trace.pointer, total))
    loss, _, by_inputs, by_parameters = reference(case, first, rows)
    case.close("trace", "loss", total.value, loss, "loss", rows=rows)
    values(case, found, case.reference(first, rows, training=True), rows)
    for name, expected in by_parameters.items():
        case.close("trace", "parameters", found[name][1], expected, f"gradient {name}", rows=rows)
    for number in case.net.used:
        gradient = found[f"x{number}"][1]
        if gradient is not None:
            case.close("trace", "inputs", gradient, by_inputs[number], f"input gradient {number}", rows=rows)
    frozen = {parameter.name for parameter in case.net.parameters if parameter not in case.net.trained}
    for name in frozen:
        if found[name][1] is not None:
            case.fail("trace", "frozen", f"{name} is frozen and has a gradient")


def items(trace):
    """Returns (value, gradient or None) by name, and the same of the only output of each node by its name."""
    count, found = ctypes.c_int32(), {}
    succeed(library.denpa_trace_count(trace.pointer, count))
    for index in range(count.value):
        item = engine.options(abi.Traced)
        succeed(library.denpa_trace_value(trace.pointer, index, ctypes.byref(item)))
        gradient = engine.view(item.gradient).copy() if item.has_gradient else None
        found[item.name.decode()] = engine.view(item.value).copy(), gradient
    return found


def values(case, found, forward, rows):
    """Compares the outputs of all layers that have one."""
    for node in case.net.nodes:
        if node.name in found and len(node.outputs) == 1 and forward.values[node.outputs[0]] is not None:
            got = found[node.name][0]
            if got.dtype.kind == "f":
                case.close("trace", "values", got, forward.values[node.outputs[0]], node.name, rows=rows)
