"""The Python package, called as by a program. Each call is recorded first, and its exception becomes the
corresponding status.
"""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np

import denpa as dp
from .c_api import status_name
from denpa import _abi as abi
from denpa import errors
from .nets import CE

STATUSES = {
    errors.ShapeError: abi.BAD_SHAPE,
    errors.TypeMismatch: abi.BAD_DTYPE,
    errors.InvalidArgument: abi.BAD_ARGUMENT,
    errors.NotFound: abi.NOT_FOUND,
    errors.BadState: abi.BAD_STATE,
    errors.NotFinite: abi.NOT_FINITE,
    errors.PluginError: abi.LAYER_FAILED,
    errors.ProofFailed: abi.PROOF_FAILED,
    errors.Stopped: abi.STOPPED,
}


class Stop(Exception):
    """Raised by a callback of the machine to end fit."""


class PythonApi:
    def __init__(self, recorder):
        self.recorder, self.status = recorder, abi.OK

    def call(self, text, function, *arguments, **named):
        """Returns what the call returns; None if it raised an exception, of which `status` is the status."""
        self.recorder.call(text)
        self.status, result, said = abi.OK, None, ""
        try:
            result = function(*arguments, **named)
        except dp.DenpaError as error:
            self.status, said = STATUSES[type(error)], f" ({error})"
        except Stop:
            self.status = abi.STOPPED
        self.recorder.result(status_name(self.status) + said)
        return result


def build(net, seed):
    """Returns the network as a dp.Model."""
    values = {
        name: dp.Input((None, width) if name in net.sequences else (width,), name=name)
        for name, width in net.inputs
    }
    layers = {}
    for node in net.nodes:
        if not node.shares:
            layers[node.name] = dp.create(node.kind, name=node.name, **node.attributes)
        values[node.name] = layers[node.owner](*[values[name] for name in node.sources])
    inputs, outputs = [values[name] for name, _ in net.inputs], [values[name] for name in net.outputs]
    return dp.Model(inputs, outputs if len(outputs) > 1 else outputs[0], dtype="float64", seed=seed)


def loss_of(terms):
    """Returns the terms as a loss object."""
    made = [
        (dp.SoftmaxCrossEntropy if term.kind == CE else dp.MeanSquaredError)(
            term.output, weight=term.weight, reduction=term.reduction
        )
        for term in terms
    ]
    return made[0] if len(made) == 1 else dp.Sum(*made)


def optimizer_of(rule):
    groups = {pattern: dict(more) for pattern, more in rule.groups}
    limits = {"clip_norm": rule.clip_norm, "clip_value": rule.clip_value}
    if rule.average_decay:
        limits.update(average_decay=rule.average_decay, average_after=rule.average_after)
    return dp.create(rule.kind, **dict(rule.attributes), **limits, groups=groups)


def copies(net, how):
    """The three ways of making another network like it."""
    return {
        "deepcopy": lambda: copy.deepcopy(net),
        "bytes": lambda: dp.from_bytes(net.to_bytes()),
        "pickle": lambda: pickle.loads(pickle.dumps(net)),
    }[how]


def listed(result):
    """Returns outputs as a list, whatever their form."""
    if isinstance(result, dict):
        return list(result.values())
    return list(result) if isinstance(result, list) else [result]


FAULTS = {abi.BAD_SHAPE, abi.BAD_ARGUMENT, abi.BAD_DTYPE}  # the statuses that Python may report for a mistake
POSSIBLE = {
    "input width",
    "input rank",
    "input rows",
    "input dtype",
    "input count",
    "target width",
    "target rows",
}


def possible(batch, net):
    """Returns the batch without mistakes that cannot be made from Python."""
    keep = batch.mistake in POSSIBLE and (batch.mistake != "input rows" or len(net.inputs) > 1)
    keep = keep and not (batch.mistake == "input count" and batch.is_single)  # a list of samples is a batch
    return batch if keep else dataclasses.replace(batch, mistake=None)


def spoiled(arrays, batch, what):
    """Returns a list of the arrays, with the mistake of the batch if it is one of `what` (input, target).
    Narrow arrays are float16 if the number of rows is odd: the numbers of a batch are exact in it.
    """
    arrays = [np.array(a, "float16" if a.dtype == "float32" and batch.rows % 2 else None) for a in arrays]
    if batch.mistake is None or not batch.mistake.startswith(what):
        return arrays
    kind = batch.mistake.split()[1]
    if kind == "width":
        arrays[0] = np.zeros((batch.rows, 7)[batch.is_single :], arrays[0].dtype)
    elif kind == "rank":
        arrays[0] = arrays[0][..., None, None, None]
    elif kind == "rows":
        arrays[-1] = np.zeros((batch.rows + 5, *arrays[-1].shape[1 - batch.is_single :]), arrays[-1].dtype)
    elif kind == "dtype":
        arrays[0] = arrays[0].astype(str)
    elif kind == "count":
        arrays.append(arrays[0])
    return arrays
