"""The same network with open extents: as many axes of its inputs as the engine allows are DENPA_ANY."""

from __future__ import annotations

import copy

import numpy as np

from denpa import _abi as abi
from denpa.errors import DenpaError

from . import data, engine
from .graph import Invalid, Net


def check(case):
    with case.checking("open"):
        opened = allowed(case)
        if not opened:
            return
        with engine.Model(case.net, case.type, opened=opened) as model:
            copy_parameters(case.model, model)
            with engine.Session(model, 1, 2) as session:
                first, rows = max(case.slices(), key=lambda part: part[1])
                for _ in range(2):  # again after a batch with other extents
                    outputs = case.output_room(rows)
                    session.predict(case.fenced(case.part(case.inputs, first, rows)), outputs)
                    case.same("open", "predictions", case.predicted[first, rows], outputs, "output", rows=rows)
                    others(case, opened, session)
            if case.net.losses:
                learn(case, model)


def allowed(case):
    """Returns the (input, axis) of the extents that may be open."""
    opened = set()
    for number, given in enumerate(case.spec["inputs"]):
        for axis in range(len(given["shape"])):
            try:
                engine.Model(case.net, case.type, opened=opened | {(number, axis)}).close()
            except DenpaError as error:
                if error.status not in (abi.BAD_SHAPE, abi.BAD_ARGUMENT, abi.LIMIT_EXCEEDED):
                    raise
            else:
                opened.add((number, axis))
    return opened


def copy_parameters(source, model):
    model.set(source.parameters())
    for parameter in source.net.parameters:
        if parameter not in source.net.trained:
            model.freeze(parameter.name)


def others(case, opened, session):
    """Returns a batch whose open extents are larger by one, if the network allows that."""
    spec = copy.deepcopy(case.spec)
    for number, axis in opened:
        spec["inputs"][number]["shape"][axis] += 1
    try:
        net = Net(spec)
    except Invalid:
        return
    shapes = [p.shape for p in case.net.parameters]
    if [p.shape for p in net.parameters] != shapes:
        return
    arrays = [a.astype(case.type) if a.dtype == np.float64 else a for a in data.inputs(net)]
    types = {"float": case.type, **data.INTEGERS}
    rooms = [
        [case.fence.room(types[net.dtypes[v]], (spec["rows"], *net.shapes[v])) for v in net.outputs]
        for _ in range(2)
    ]
    try:
        session.predict(case.fenced(arrays), rooms[0])
    except DenpaError as error:
        # What the shape rules gave for two other extents need not hold for this one.
        if error.status != abi.BAD_SHAPE:
            raise
        return
    with engine.Model(net, case.type) as model:
        model.set(case.model.parameters())
        with engine.Session(model, spec["rows"], 1) as own:
            own.predict(case.fenced(arrays), rooms[1])
    case.same("open", "other extents", rooms[1], rooms[0], "output", rows=spec["rows"])


def learn(case, model):
    first, rows = max(case.slices(), key=lambda part: part[1])
    if not rows:
        return
    batch = [case.fenced(case.part(arrays, first, rows)) for arrays in (case.inputs, case.targets)]
    with case.trainer(1) as closed, case.trainer(2, model=model) as trainer:
        case.same("open", "loss", closed.gradients(*batch), trainer.gradients(*batch), "loss", rows=rows)
        case.same("open", "gradients", closed.all_gradients(), trainer.all_gradients(), "gradient", rows=rows)
