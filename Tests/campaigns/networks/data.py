"""The data of a network: inputs, targets, parameters, gradients of outputs. All of it is exact in float32."""

from __future__ import annotations

import numpy as np

INTEGERS = {"int32": np.int32, "int64": np.int64, "uint8": np.uint8}


def generator(*seed):
    return np.random.default_rng(list(seed))


def uniform(draw, shape, low=-1.0, high=1.0):
    """Returns float32 numbers as float64."""
    return (draw.random(shape, np.float32) * np.float32(high - low) + np.float32(low)).astype(np.float64)


def inputs(net):
    """Returns one array for each input of the model: whole numbers for class numbers and where the network
    asks for them.
    """
    arrays = []
    for number in net.used:
        given, draw = net.spec["inputs"][number], generator(net.spec["seed"], 1, number)
        shape = (net.spec["rows"], *given["shape"])
        if given["dtype"] != "float":
            arrays.append(draw.integers(0, 4, shape).astype(INTEGERS[given["dtype"]]))
        elif given["whole"]:
            arrays.append(draw.integers(-3, 4, shape).astype(np.float64))
        else:
            arrays.append(uniform(draw, shape, -2, 2))
    return arrays


def target(form, shape, draw):
    """Returns targets of the given form for predictions of the given shape, which includes the rows."""
    if form == "nothing":  # takes the place of a target, which is not passed
        return np.zeros(shape[:1])
    if form == "values":
        return uniform(draw, shape, -1.5, 1.5)
    if form == "whole":
        return draw.integers(-2, 3, shape).astype(np.int32)
    if form == "column":  # (rows,) for (rows, 1) and vice versa
        return uniform(draw, shape[:1] if len(shape) == 2 else (*shape, 1), -1.5, 1.5)
    if form == "soft":
        weights = draw.random(shape, np.float32) * (draw.random(shape, np.float32) < 0.8)
        share = np.maximum(weights.sum(axis=-1, keepdims=True), np.float32(1e-3))
        return (weights / share).astype(np.float64)
    if form == "signs":
        return draw.choice(np.array([-1, 1], np.int32), shape)
    if form == "answers":
        return draw.integers(0, 2, shape)
    if form == "parts":
        return draw.integers(0, 9, shape) / 8
    if form == "counts":
        return draw.integers(0, 6, shape).astype(np.int32)
    numbers = draw.integers(0, shape[-1], shape[:-1])
    if form == "one-hot":
        rows = np.zeros(shape, np.int64)
        np.put_along_axis(rows, numbers[..., None], 1, axis=-1)
        return rows
    numbers = numbers.astype(INTEGERS[form.split()[0]])
    return numbers[..., None] if form.endswith("column") else numbers


def targets(net):
    arrays = []
    for number, loss in enumerate(net.losses):
        shape = (net.spec["rows"], *net.shapes[net.outputs[loss["output"]]])
        arrays.append(target(loss["form"], shape, generator(net.spec["seed"], 2, number)))
    # The weights of samples follow behind the targets of all terms.
    for number, loss in enumerate(net.losses):
        if loss.get("weighted"):
            arrays.append(sample_weights(generator(net.spec["seed"], 5, number), net.spec["rows"]))
    return arrays


def sample_weights(draw, rows):
    return draw.integers(0, 9, rows) / 4


def between(scale):
    """Returns the lowest and the highest value, given by both of them or by a scale."""
    return scale if isinstance(scale, tuple) else (-scale, scale)


def parameters(net):
    """Returns the values of all parameters by name."""
    return {
        p.name: uniform(generator(net.spec["seed"], 3, number), p.shape, *between(p.scale))
        for number, p in enumerate(net.parameters)
    }


def output_gradients(net, rows):
    """Returns the gradients with respect to the outputs for the open loop; None where the network passes
    none.
    """
    arrays = []
    for number, value in enumerate(net.outputs):
        given = net.spec["doutputs"][number] and net.dtypes[value] == "float"
        shape = (rows, *net.shapes[value])
        arrays.append(uniform(generator(net.spec["seed"], 4, number), shape) if given else None)
    return arrays
