"""Matrix products, convolution, lookup, parts: what they compute, in NumPy (see reference.py)."""

from __future__ import annotations

import numpy as np

from .activations import Activated
from .arithmetic import collapsed, common, lifted
from .layer import Layer
from .shapes import Slice, resolve
from .tracked import Tracked, growth, matrix


class Matmul(Layer):
    arity = 2
    multiplies = True
    attributes = {"transpose_a": None, "transpose_b": None}

    @staticmethod
    def swapped(x, swap):
        axes = list(range(x.v.ndim))
        return x.transpose([*axes[:-2], axes[-1], axes[-2]]) if swap else x

    def shapes(self, attributes, shapes):
        a, b = shapes
        if len(a) < 2 or len(b) < 2:
            return None
        m, k = a[-2:][::-1] if attributes.get("transpose_a") else a[-2:]
        inner, n = b[-2:][::-1] if attributes.get("transpose_b") else b[-2:]
        outer = common([a[:-2], b[:-2]])
        return None if k != inner or outer is None else [[*outer, m, n]]

    def choose(self, draw):
        attributes = {}
        for name in self.attributes:
            if draw.chance(0.5):
                attributes[name] = draw.chance(0.7)
        return attributes

    def size(self, attributes, sizes):
        return [4 * sizes[0] * sizes[1]]

    def work(self, attributes, shapes, shape):
        return int(np.prod(shape)) * shapes[0][-2 if attributes.get("transpose_a") else -1]

    def operands(self, attributes, xs):
        rank = max(x.v.ndim for x in xs)
        flags = attributes.get("transpose_a"), attributes.get("transpose_b")
        return [self.swapped(lifted(x, rank), flag) for x, flag in zip(xs, flags)]

    def forward(self, attributes, xs, ps):
        a, b = self.operands(attributes, xs)
        return [a @ b]

    def backward(self, attributes, xs, ps, ys, dys):
        a, b = self.operands(attributes, xs)
        da, db = dys[0] @ self.swapped(b, True), self.swapped(a, True) @ dys[0]
        da = self.swapped(da, attributes.get("transpose_a"))
        db = self.swapped(db, attributes.get("transpose_b"))
        return [collapsed(da, xs[0]), collapsed(db, xs[1])], {}


class Conv2D(Activated):
    attributes = {
        "filters": None, "kernel": None, "strides": None, "padding": ["valid", "same"], "pads": None,
        "dilation": None, "groups": None, "activation": Activated.choices, "bias": None, "initializer": None,
        "bias_initializer": None,
    }  # fmt: skip

    @staticmethod
    def pair(attributes, name):
        given = attributes.get(name, [1])
        return given[0], given[-1]

    def edges(self, attributes, shape):
        """Returns, for height and width, the zeros before and after, and the number of windows."""
        found = []
        for axis in range(2):
            extent, kernel = shape[axis], self.pair(attributes, "kernel")[axis]
            stride, dilation = (self.pair(attributes, name)[axis] for name in ("strides", "dilation"))
            reach = dilation * (kernel - 1) + 1
            before, behind = (attributes.get("pads") or [0] * 4)[2 * axis : 2 * axis + 2]
            if attributes.get("padding") == "same":
                missing = max((-(-extent // stride) - 1) * stride + reach - extent, 0)
                before, behind = missing // 2, missing - missing // 2
            room = extent + before + behind - reach
            found.append((before, behind, room // stride + 1 if room >= 0 else 0))
        return found

    def shapes(self, attributes, shapes):
        shape, groups = shapes[0], attributes.get("groups", 1)
        if len(shape) != 3 or shape[2] % groups or not shape[2] or attributes["filters"] % groups:
            return None
        (_, _, down), (_, _, across) = self.edges(attributes, shape)
        return [[down, across, attributes["filters"]]] if down > 0 and across > 0 else None

    def parameters(self, attributes, shapes):
        channels = shapes[0][2] // attributes.get("groups", 1)
        shape = (*self.pair(attributes, "kernel"), channels, attributes["filters"])
        found = [("W", shape, 0.9 * (3 / max(int(np.prod(shape[:3])), 1)) ** 0.5)]
        return found + ([("b", (attributes["filters"],), 0.3)] if attributes.get("bias", True) else [])

    def choose_for(self, draw, shape):
        channels = shape[2] if len(shape) == 3 else 1
        groups = draw.choice([1, 1, 1, *[g for g in (2, 3) if channels % g == 0]])
        attributes = {
            "filters": groups * draw.extent(12),
            "kernel": draw.choice([[1], [2], [3], [3, 2], [1, 3], [2, 1]]),
        }
        if groups > 1:
            attributes["groups"] = groups
        if draw.chance(0.4):
            attributes["strides"] = draw.choice([[2], [1, 2], [3, 1], [2, 2]])
        if draw.chance(0.3):
            attributes["dilation"] = draw.choice([[2], [1, 2], [2, 1]])
        if draw.chance(0.4):
            attributes["padding"] = "same"
        elif draw.chance(0.4):
            attributes["pads"] = [draw.choice([0, 1, 2]) for _ in range(4)]
        if draw.chance(0.4):
            attributes["activation"] = self.choose_activation(draw)
        if draw.chance(0.3):
            attributes["bias"] = draw.chance(0.4)
        return attributes

    def work(self, attributes, shapes, shape):
        kernel = self.pair(attributes, "kernel")
        return int(np.prod(shape)) * kernel[0] * kernel[1] * shapes[0][2] // attributes.get("groups", 1)

    def places(self, attributes, shape):
        """Yields, for each element of a window, the part of the padded image that it covers in all
        windows.
        """
        (kh, kw), (sh, sw) = self.pair(attributes, "kernel"), self.pair(attributes, "strides")
        dh, dw = self.pair(attributes, "dilation")
        (_, _, down), (_, _, across) = self.edges(attributes, shape)
        for i in range(kh):
            for j in range(kw):
                yield (
                    slice(None),
                    slice(i * dh, i * dh + sh * (down - 1) + 1, sh),
                    slice(j * dw, j * dw + sw * (across - 1) + 1, sw),
                )

    def padded(self, attributes, x):
        (top, bottom, _), (left, right, _) = self.edges(attributes, list(x.shape[1:]))
        width = [(0, 0), (top, bottom), (left, right), (0, 0)]
        return Tracked(np.pad(x.v, width), np.pad(np.broadcast_to(x.e, x.shape), width))

    def groups(self, attributes, x):
        """Yields for each group its windows as a matrix, its channels and its filters."""
        image, groups = self.padded(attributes, x), attributes.get("groups", 1)
        channels, filters = x.shape[3] // groups, attributes["filters"] // groups
        for group in range(groups):
            own = slice(group * channels, (group + 1) * channels)
            parts = [image[(*place, own)] for place in self.places(attributes, list(x.shape[1:]))]
            yield matrix(Tracked.joined(parts, 3)), own, slice(group * filters, (group + 1) * filters)

    def before(self, attributes, x, ps):
        shape = self.shapes(attributes, [list(x.shape[1:])])[0]
        results = [
            (windows @ ps["W"][..., own].reshape(-1, own.stop - own.start)).reshape(
                x.shape[0], *shape[:2], own.stop - own.start
            )
            for windows, _, own in self.groups(attributes, x)
        ]
        u = Tracked.joined(results, 3)
        return u + ps["b"] if "b" in ps else u

    def backward(self, attributes, xs, ps, ys, dys):
        x, du, W = xs[0], self.through_activation(attributes, xs, ps, ys, dys), ps["W"]
        shape = self.padded(attributes, x).shape
        dx = Tracked(np.zeros(shape), np.zeros(shape))
        parts = []
        places = list(self.places(attributes, list(x.shape[1:])))
        for windows, channels, filters in self.groups(attributes, x):
            own, weights = matrix(du[..., filters]), W[..., filters]
            parts.append((windows.T @ own).reshape(*weights.shape))
            dwindows = own @ weights.reshape(-1, weights.shape[-1]).T
            count = channels.stop - channels.start
            for number, place in enumerate(places):
                part = dwindows[:, number * count : (number + 1) * count]
                part = part.reshape(x.shape[0], *du.shape[1:3], count)
                dx.v[(*place, channels)] += part.v
                e = np.broadcast_to(part.e, part.shape) + len(places) * Tracked.unit * np.abs(part.v)
                dx.e[(*place, channels)] += e
        dps = {"W": Tracked.joined(parts, 3)}
        if "b" in ps:
            dps["b"] = matrix(du).sum(axis=0)
        (top, _, _), (left, _, _) = self.edges(attributes, list(x.shape[1:]))
        return [dx[:, top : top + x.shape[1], left : left + x.shape[2]]], dps


class Embedding(Layer):
    integers = "only"
    attributes = {"count": None, "units": None, "initializer": None}

    def shapes(self, attributes, shapes):
        return [[*shapes[0], attributes["units"]]] if len(shapes[0]) < 6 else None

    def parameters(self, attributes, shapes):
        return [("W", (attributes["count"], attributes["units"]), 1.0)]

    def choose(self, draw):
        return {"count": draw.choice([4, 4, 5, 9, 40]), "units": draw.extent()}

    def size(self, attributes, sizes):
        return [0.6]

    def forward(self, attributes, xs, ps):
        return [ps["W"][xs[0].v.astype(np.int64)]]

    def backward(self, attributes, xs, ps, ys, dys):
        shape, index = ps["W"].shape, xs[0].v.astype(np.int64).reshape(-1)
        g = matrix(dys[0])
        total, size = np.zeros(shape), np.zeros(shape)
        np.add.at(total, index, g.v)
        e = np.broadcast_to(g.e, g.shape) + growth(len(index)) * Tracked.unit * np.abs(g.v)
        np.add.at(size, index, e)
        return [None], {"W": Tracked(total, size)}


class Split(Slice):
    attributes = {"axis": None, "sizes": None, "parts": None}

    def extents(self, attributes, shape):
        """Returns (axis, sizes) for a sample's shape; None if they do not fit."""
        axis = resolve(attributes.get("axis", -1), len(shape) + 1)
        if axis is None:
            return None
        sizes, parts, extent = attributes.get("sizes"), attributes.get("parts", 0), shape[axis - 1]
        if parts:
            sizes = [extent // parts] * parts if extent and extent % parts == 0 else []
        return (axis, sizes) if sizes and sum(sizes) == extent else None

    def shapes(self, attributes, shapes):
        found = self.extents(attributes, shapes[0])
        if found is None:
            return None
        axis, sizes = found
        return [[*shapes[0][: axis - 1], size, *shapes[0][axis:]] for size in sizes]

    def choose_for(self, draw, shape):
        axis = draw.choice([-1, -1, 1, 2])
        place = resolve(axis, len(shape) + 1)
        extent = shape[place - 1] if place else 1
        if draw.chance(0.5) or extent < 2:
            return {"axis": axis, "parts": draw.choice([1, 2, 2, 3, 4])}
        sizes = []
        while extent and len(sizes) < 5:
            sizes.append(draw.randint(1, extent))
            extent -= sizes[-1]
        return {"axis": axis, "sizes": sizes + ([extent] if extent else [])}

    def size(self, attributes, sizes):
        return [sizes[0]] * (attributes.get("parts") or len(attributes["sizes"]))

    def indices(self, attributes, x):
        axis, sizes = self.extents(attributes, list(x.shape[1:]))
        ends = np.cumsum([0, *sizes])
        return [(slice(None),) * axis + (slice(a, b),) for a, b in zip(ends, ends[1:])]

    def forward(self, attributes, xs, ps):
        return [xs[0][index] for index in self.indices(attributes, xs[0])]

    def backward(self, attributes, xs, ps, ys, dys):
        v, e = np.zeros(xs[0].shape), np.zeros(xs[0].shape)
        for index, dy in zip(self.indices(attributes, xs[0]), dys):
            if dy is not None:
                v[index], e[index] = dy.v, dy.e
        return [Tracked(v, e)], {}


LAYERS: dict[str, Layer] = {
    "conv2d": Conv2D(),
    "embedding": Embedding(),
    "matmul": Matmul(),
    "split": Split(),
}
