"""The layers of plugins, which are compiled with cc when needed, and their reference, as in reference.py."""

from __future__ import annotations

import os
import pathlib
import subprocess

import numpy as np
from scipy.special import expit

from .layer import Layer
from .tracked import Tracked, matrix

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SOURCES = [
    ROOT / "examples" / "plugins" / "swish.c",
    HERE / "plugins" / "mixed.c",
    HERE / "plugins" / "many.c",
]


def compiled():
    """Returns the shared objects, rebuilt if a source or a header is newer."""
    folder = ROOT / "build" / "tests" / "networks"
    folder.mkdir(parents=True, exist_ok=True)
    newest = max(path.stat().st_mtime for path in (ROOT / "include").glob("*.h"))
    for source in SOURCES:
        target = folder / f"{source.stem}.so"
        if not target.exists() or target.stat().st_mtime < max(newest, source.stat().st_mtime):
            new = target.with_suffix(f".{os.getpid()}")
            subprocess.run(
                [
                    os.environ.get("CC", "cc"),
                    "-std=c11",
                    "-O2",
                    "-fPIC",
                    "-shared",
                    "-fvisibility=hidden",
                    f"-I{ROOT / 'include'}",
                    str(source),
                    "-o",
                    str(new),
                    "-lm",
                ],
                check=True,
            )
            new.replace(target)
        yield str(target)


class Swish(Layer):
    """y = x·σ(β·x), a β for each column."""

    def shapes(self, attributes, shapes):
        return [shapes[0]] if shapes[0] else None

    def parameters(self, attributes, shapes):
        return [("beta", (shapes[0][-1],), 1.5)]

    def forward(self, attributes, xs, ps):
        return [xs[0] * self.gate(xs[0], ps)]

    @staticmethod
    def gate(x, ps):
        z = x * ps["beta"]
        y = expit(z.v)
        return z.curve(y, y * expit(-z.v))

    def backward(self, attributes, xs, ps, ys, dys):
        (x,), p, dy = xs, self.gate(xs[0], ps), dys[0]
        bend = x * p * (1 - p)
        return [dy * (p + ps["beta"] * bend)], {"beta": matrix(dy * x * bend).sum(axis=0)}


class Mixed(Layer):
    """y = p∘a + b∘b, and for each row z = Σ q·a∘b over the last axis: two inputs, two outputs of different
    shapes, two parameters.
    """

    arity = 2

    def shapes(self, attributes, shapes):
        return [shapes[0], shapes[0][:-1]] if shapes[0] and shapes[0] == shapes[1] else None

    def parameters(self, attributes, shapes):
        return [("p", (shapes[0][-1],), 1.0), ("q", (), 0.5)]

    def size(self, attributes, sizes):
        return [sizes[0] + sizes[1] ** 2, 2 * sizes[0] * sizes[1]]

    def forward(self, attributes, xs, ps):
        a, b = xs
        return [ps["p"] * a + b * b, ps["q"] * (a * b).sum(axis=-1)]

    def backward(self, attributes, xs, ps, ys, dys):
        a, b = xs
        da, db, dps = Tracked(np.zeros(a.shape)), Tracked(np.zeros(a.shape)), {}
        if dys[0] is not None:
            da, db = da + dys[0] * ps["p"], db + 2 * b * dys[0]
            dps["p"] = matrix(dys[0] * a).sum(axis=0)
        if dys[1] is not None:
            dz = dys[1].reshape(*dys[1].shape, 1)
            da, db = da + ps["q"] * dz * b, db + ps["q"] * dz * a
            dps["q"] = (dz * a * b).sum()
        return [da, db], dps


class Squash(Layer):
    """y = tanh(scale·x), whose backward needs only its output; it has an attribute instead of a saved value.
    """

    attributes = {"scale": None}

    def choose(self, draw):
        return {} if draw.chance(0.3) else {"scale": draw.choice([0.25, 1.0, -1.5])}

    def size(self, attributes, sizes):
        return [0.8]

    def forward(self, attributes, xs, ps):
        z = xs[0] * attributes.get("scale", 0.5)
        y = np.tanh(z.v)
        return [z.curve(y, 1 - y * y)]

    def backward(self, attributes, xs, ps, ys, dys):
        return [dys[0] * (1 - ys[0] * ys[0]) * attributes.get("scale", 0.5)], {}


class Lookup(Layer):
    """A row of the parameter "table" for each class number: an integer input."""

    integers = "only"
    attributes = {"classes": None, "width": None}

    def shapes(self, attributes, shapes):
        return [[*shapes[0], attributes["width"]]]

    def parameters(self, attributes, shapes):
        return [("table", (attributes["classes"], attributes["width"]), 1.0)]

    def choose(self, draw):
        return {"classes": 4, "width": draw.extent(limit=40)}  # whole inputs are 0 to 3

    def size(self, attributes, sizes):
        return [0.6]

    def forward(self, attributes, xs, ps):
        table, numbers = ps["table"], xs[0].v.astype(np.int64)
        return [table[numbers]]

    def backward(self, attributes, xs, ps, ys, dys):
        numbers, dy = xs[0].v.astype(np.int64).reshape(-1), matrix(dys[0])
        chosen = (numbers == np.arange(attributes["classes"])[:, None]).astype(float)
        return [None], {"table": Tracked(chosen) @ dy}


class Many(Layer):
    """y = (1 + Σ (k + 1)/64·p[k])·x, with 64 parameters of one number each."""

    def parameters(self, attributes, shapes):
        return [(f"p{k}", (), 0.02) for k in range(64)]

    def size(self, attributes, sizes):
        return [1.5 * sizes[0]]

    def factor(self, ps):
        return sum(ps[f"p{k}"] * ((k + 1) / 64) for k in range(64)) + 1

    def forward(self, attributes, xs, ps):
        return [self.factor(ps) * xs[0]]

    def backward(self, attributes, xs, ps, ys, dys):
        slope = (dys[0] * xs[0]).sum()
        return [dys[0] * self.factor(ps)], {f"p{k}": slope * ((k + 1) / 64) for k in range(64)}


LAYERS = {
    "example.swish": Swish(),
    "campaign.mixed": Mixed(),
    "campaign.squash": Squash(),
    "campaign.lookup": Lookup(),
    "campaign.many": Many(),
}


class Ridge:
    """A plugin's loss: E = mean √(1 + (y − t)²) − 1."""

    attributes: dict = {}
    needs = "any"

    def forms(self, shape):
        return ["values"]

    def choose(self, draw):
        return {}

    def value(self, attributes, y, t, rows):
        factor = 1 / max(y.v.size, 1)
        d = y - t.reshape(y.shape)
        root = np.sqrt(1 + d.v**2)
        slope = d.v / root
        value = d.curve(root - 1, slope, root)
        return value.total() * factor, d.curve(slope, 1 / root**3) * factor


LOSSES = {"campaign.ridge": Ridge()}
