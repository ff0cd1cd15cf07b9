"""Layers that standardize, dropout and noise: what they compute, in NumPy (see reference.py)."""

from __future__ import annotations

import numpy as np

from .layer import Layer
from .shapes import resolve
from .tracked import Tracked, matrix


class LayerNorm(Layer):
    attributes = {"axis": None, "epsilon": None, "scale": None, "center": None}

    def first(self, attributes, rank):
        return resolve(attributes.get("axis", -1), rank)

    def shapes(self, attributes, shapes):
        first = self.first(attributes, len(shapes[0]) + 1)
        return None if first is None or 0 in shapes[0] else [shapes[0]]

    def parameters(self, attributes, shapes):
        extents = tuple(shapes[0][self.first(attributes, len(shapes[0]) + 1) - 1 :])
        gamma = [("gamma", extents, 1.5)] if attributes.get("scale", True) else []
        return gamma + ([("beta", extents, 0.3)] if attributes.get("center", True) else [])

    def choose(self, draw):
        attributes = {"epsilon": draw.choice([0.1, 0.01])}
        if draw.chance(0.5):
            attributes["axis"] = draw.choice([1, -1, -2, 2])
        for name in ("scale", "center"):
            if draw.chance(0.3):
                attributes[name] = draw.chance(0.3)
        return attributes

    def size(self, attributes, sizes):
        return [1.5]

    def parts(self, attributes, x):
        """Returns (x̂, deviation) as matrices: samples × elements that are standardized together."""
        first = self.first(attributes, x.v.ndim)
        n = int(np.prod(x.shape[first:]))
        x = x.reshape(-1, n)
        share = Tracked(1 / n, Tracked.unit / n)
        centered = x - x.sum(axis=1, keepdims=True) * share
        epsilon = attributes.get("epsilon", 1e-5)
        variance = (centered * centered).sum(axis=1, keepdims=True) * share
        shifted = variance + Tracked(epsilon, Tracked.unit * epsilon)
        root = np.sqrt(shifted.v)
        deviation = shifted.curve(root, 0.5 / root)
        return centered / deviation, deviation, share

    def affine(self, ps, name, shape):
        return ps[name].reshape(1, -1) if name in ps else None

    def forward(self, attributes, xs, ps):
        y, _, _ = self.parts(attributes, xs[0])
        gamma, beta = (self.affine(ps, name, y.shape) for name in ("gamma", "beta"))
        y = y if gamma is None else y * gamma
        return [(y if beta is None else y + beta).reshape(*xs[0].shape)]

    def backward(self, attributes, xs, ps, ys, dys):
        y, deviation, share = self.parts(attributes, xs[0])
        g, dps = dys[0].reshape(*y.shape), {}
        if "beta" in ps:
            dps["beta"] = g.sum(axis=0).reshape(*ps["beta"].shape)
        if "gamma" in ps:
            dps["gamma"] = (g * y).sum(axis=0).reshape(*ps["gamma"].shape)
            g = g * ps["gamma"].reshape(1, -1)
        mean = g.sum(axis=1, keepdims=True) * share
        along = (g * y).sum(axis=1, keepdims=True) * share
        return [((g - mean - y * along) / deviation).reshape(*xs[0].shape)], dps


class RMSNorm(LayerNorm):
    attributes = {"axis": None, "epsilon": None, "scale": None}

    def parameters(self, attributes, shapes):
        return [entry for entry in super().parameters(attributes, shapes) if entry[0] == "gamma"]

    def choose(self, draw):
        attributes = super().choose(draw)
        attributes.pop("center", None)
        return attributes

    def parts(self, attributes, x):
        first = self.first(attributes, x.v.ndim)
        n = int(np.prod(x.shape[first:]))
        x = x.reshape(-1, n)
        share = Tracked(1 / n, Tracked.unit / n)
        epsilon = attributes.get("epsilon", 1e-5)
        shifted = (x * x).sum(axis=1, keepdims=True) * share + Tracked(epsilon, Tracked.unit * epsilon)
        root = np.sqrt(shifted.v)
        deviation = shifted.curve(root, 0.5 / root)
        return x / deviation, deviation, share

    def backward(self, attributes, xs, ps, ys, dys):
        y, deviation, share = self.parts(attributes, xs[0])
        g, dps = dys[0].reshape(*y.shape), {}
        if "gamma" in ps:
            dps["gamma"] = (g * y).sum(axis=0).reshape(*ps["gamma"].shape)
            g = g * ps["gamma"].reshape(1, -1)
        along = (g * y).sum(axis=1, keepdims=True) * share
        return [((g - y * along) / deviation).reshape(*xs[0].shape)], dps


class GroupNorm(LayerNorm):
    """Like LayerNorm for the channels of a group, over all places of a sample."""

    attributes = {"groups": None, "epsilon": None, "scale": None, "center": None}

    def shapes(self, attributes, shapes):
        shape = shapes[0]
        return None if not shape or 0 in shape or shape[-1] % attributes["groups"] else [shape]

    def parameters(self, attributes, shapes):
        return super().parameters({**attributes, "axis": -1}, shapes)

    def choose(self, draw):
        attributes = super().choose(draw)
        attributes.pop("axis", None)
        return attributes

    def choose_for(self, draw, shape):
        channels = shape[-1] if shape else 1
        groups = [count for count in (1, 2, 3, 4, 5, 7, 8, channels) if count and channels % count == 0]
        return {**self.choose(draw), "groups": draw.choice(groups or [1])}

    def grouped(self, attributes, x):
        """x as (rows, groups, places · channels of a group), and what brings it back."""
        groups, rows, channels = attributes["groups"], x.shape[0], x.shape[-1]
        places = int(np.prod(x.shape[1:-1]))
        split = (rows, places, groups, channels // groups)

        def back(value):
            turned = value.reshape(rows, groups, places, channels // groups).transpose([0, 2, 1, 3])
            return turned.reshape(*x.shape)

        turned = x.reshape(*split).transpose([0, 2, 1, 3])
        return turned.reshape(rows * groups, places * channels // groups), back

    def forward(self, attributes, xs, ps):
        x, back = self.grouped(attributes, xs[0])
        y = back(self.parts({"axis": 1, "epsilon": attributes.get("epsilon", 1e-5)}, x)[0])
        y = y * ps["gamma"] if "gamma" in ps else y
        return [y + ps["beta"] if "beta" in ps else y]

    def backward(self, attributes, xs, ps, ys, dys):
        x, back = self.grouped(attributes, xs[0])
        y, deviation, share = self.parts({"axis": 1, "epsilon": attributes.get("epsilon", 1e-5)}, x)
        g, dps = dys[0], {}
        if "beta" in ps:
            dps["beta"] = matrix(g).sum(axis=0)
        if "gamma" in ps:
            dps["gamma"] = matrix(g * back(y)).sum(axis=0)
            g = g * ps["gamma"]
        g = self.grouped(attributes, g)[0]
        mean = g.sum(axis=1, keepdims=True) * share
        along = (g * y).sum(axis=1, keepdims=True) * share
        return [back((g - mean - y * along) / deviation)], dps


class BatchNorm(LayerNorm):
    """In training like LayerNorm, but all elements of a channel are standardized together."""

    attributes = {"axis": None, "momentum": None, "epsilon": None, "scale": None, "center": None}
    states = ("running_mean", "running_var")

    def parameters(self, attributes, shapes):
        extent = (shapes[0][self.first(attributes, len(shapes[0]) + 1) - 1],)
        gamma = [("gamma", extent, 1.5)] if attributes.get("scale", True) else []
        beta = [("beta", extent, 0.3)] if attributes.get("center", True) else []
        return [*gamma, *beta, ("running_mean", extent, 0.3), ("running_var", extent, (0.5, 1.5))]

    def choose(self, draw):
        attributes = super().choose(draw)
        if draw.chance(0.4):
            attributes["momentum"] = draw.choice([0.0, 0.5, 1.0])
        return attributes

    def size(self, attributes, sizes):
        return [max(1.5, 2 * sizes[0])]

    def channels(self, attributes, x):
        """Returns the permutation that moves the channels' axis to the front, and its inverse."""
        axis = self.first(attributes, x.v.ndim)
        order = [axis, *(other for other in range(x.v.ndim) if other != axis)]
        return order, [int(place) for place in np.argsort(order)]

    def standardized(self, attributes, x, ps):
        """x̂ (channels, elements), and what `parts` says in training."""
        order, _ = self.channels(attributes, x)
        turned = x.transpose(order)
        turned = turned.reshape(turned.shape[0], int(np.prod(turned.shape[1:])))
        epsilon = attributes.get("epsilon", 1e-5)
        if not self.training:
            shifted = ps["running_var"] + Tracked(epsilon, Tracked.unit * epsilon)
            root = np.sqrt(shifted.v)
            deviation = shifted.curve(root, 0.5 / root).reshape(-1, 1)
            return (turned - ps["running_mean"].reshape(-1, 1)) / deviation, deviation, None
        if not turned.v.size:
            return turned, Tracked(np.full((turned.shape[0], 1), epsilon**0.5)), Tracked(0.0)
        return self.parts({"axis": 1, "epsilon": epsilon}, turned)

    def forward(self, attributes, xs, ps):
        y, _, _ = self.standardized(attributes, xs[0], ps)
        if "gamma" in ps:
            y = y * ps["gamma"].reshape(-1, 1)
        if "beta" in ps:
            y = y + ps["beta"].reshape(-1, 1)
        order, back = self.channels(attributes, xs[0])
        return [y.reshape(*(xs[0].shape[axis] for axis in order)).transpose(back)]

    def backward(self, attributes, xs, ps, ys, dys):
        y, deviation, share = self.standardized(attributes, xs[0], ps)
        order, back = self.channels(attributes, xs[0])
        g, dps = dys[0].transpose(order).reshape(*y.shape), {}
        if "beta" in ps:
            dps["beta"] = g.sum(axis=1)
        if "gamma" in ps:
            dps["gamma"] = (g * y).sum(axis=1)
            g = g * ps["gamma"].reshape(-1, 1)
        mean = g.sum(axis=1, keepdims=True) * share
        along = (g * y).sum(axis=1, keepdims=True) * share
        dx = (g - mean - y * along) / deviation
        return [dx.reshape(*(xs[0].shape[axis] for axis in order)).transpose(back)], dps


class Dropout(Layer):
    """Inference only; test_layers.py compares training with Philox in NumPy."""

    attributes = {"rate": None}

    @staticmethod
    def is_random(node):
        """Whether what a node computes in training is left out here."""
        return node.kind in ("dropout", "gaussian_noise") and any(node.attributes.values())

    def choose(self, draw):
        return {"rate": draw.choice([0.0, 0.2, 0.5])}

    def forward(self, attributes, xs, ps):
        return [xs[0]]

    def backward(self, attributes, xs, ps, ys, dys):
        return [dys[0]], {}


class GaussianNoise(Dropout):
    attributes = {"stddev": None}

    def choose(self, draw):
        return {"stddev": draw.choice([0.0, 0.0, 0.5])}


LAYERS: dict[str, Layer] = {
    "batch_norm": BatchNorm(),
    "dropout": Dropout(),
    "gaussian_noise": GaussianNoise(),
    "group_norm": GroupNorm(),
    "layer_norm": LayerNorm(),
    "rms_norm": RMSNorm(),
}
