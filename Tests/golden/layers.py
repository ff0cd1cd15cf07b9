"""Makes layers.json: layers, their values and their gradients, computed by PyTorch in float64.

    python3 -m venv /tmp/v && /tmp/v/bin/pip install torch numpy
    /tmp/v/bin/python layers.py > layers.json

All given numbers are exact in float32, so that they are the same for a network of either type. PyTorch has the
channels in front where Denpa has them last.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F


def drawn(seed, shape, low=-2, high=2):
    draw = np.random.default_rng(seed)
    numbers = (draw.random(shape, np.float32) * np.float32(high - low) + np.float32(low)).astype(np.float64)
    return torch.tensor(numbers)


def case(kind, attributes, function, shape, parameters=()):
    """Parameters are (name, shape) pairs; the function takes x and them."""
    x = drawn(1, shape).requires_grad_()
    own = {name: drawn(2 + n, size).requires_grad_() for n, (name, size) in enumerate(parameters)}
    y = function(x, **own)
    dy = drawn(9, tuple(y.shape))
    y.backward(dy)
    return {
        "name": f"{kind} {attributes} {shape}",
        "kind": kind,
        "attributes": attributes,
        "parameters": {name: value.tolist() for name, value in own.items()},
        "x": x.tolist(),
        "y": y.tolist(),
        "dy": dy.tolist(),
        "dx": x.grad.tolist(),
        "gradients": {name: value.grad.tolist() for name, value in own.items()},
    }


def group_norm(groups, epsilon):
    def of(x, gamma=None, beta=None):
        channels_first = x.movedim(-1, 1)
        return F.group_norm(channels_first, groups, gamma, beta, epsilon).movedim(1, -1)

    return of


def maxout(pieces, units):
    """From its definition: PyTorch has no such layer."""

    def of(x, W, b):
        return (x @ W + b).reshape(*x.shape[:-1], pieces, units).max(dim=-2).values

    return of


def cases():
    for axis, shape in ((-1, (4, 5)), (1, (3, 4, 2)), (2, (3, 4, 2)), (-3, (2, 3, 4, 5))):
        yield case("softmax", {"axis": axis}, lambda x, axis=axis: F.softmax(x, axis), shape)
        yield case("log_softmax", {"axis": axis}, lambda x, axis=axis: F.log_softmax(x, axis), shape)
    for groups, shape in ((1, (3, 6)), (3, (4, 6)), (2, (2, 3, 4, 8)), (4, (2, 5, 4))):
        both = (("gamma", shape[-1:]), ("beta", shape[-1:]))
        attributes = {"groups": groups, "epsilon": 1e-3}
        yield case("group_norm", attributes, group_norm(groups, 1e-3), shape, both)
        for absent, given in (("scale", both[1:]), ("center", both[:1])):
            yield case(
                "group_norm", {**attributes, absent: False}, group_norm(groups, 1e-3), shape, given
            )
    for pieces, units, shape in ((2, 3, (5, 4)), (3, 17, (2, 3, 4)), (1, 2, (3, 2))):
        own = (("W", (shape[-1], pieces * units)), ("b", (pieces * units,)))
        attributes = {"units": units, "pieces": pieces}
        yield case("maxout", attributes, maxout(pieces, units), shape, own)


print("[\n" + ",\n".join(map(json.dumps, cases())) + "\n]")
