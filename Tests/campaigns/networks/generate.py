"""Random networks: a network is a function of its seed and of what is registered."""

from __future__ import annotations

import random

from .arithmetic import common
from .graph import INTEGERS, LAYERS, LOSSES, Invalid, Net
from .optimizers import OPTIMIZERS
from .sizes import AT

# Multiply-adds and elements of one pass, at most; and from where on a network counts as large, and is checked
# in one dtype.
MOST_WORK, MOST_ELEMENTS = 1 << 27, 9 << 20
LARGE_WORK, LARGE_ELEMENTS = 1 << 22, 1 << 17

POSITIVE = {"softmax", "sigmoid", "exp", "constant"}
KEEPS_SIGN = {"flatten", "identity", "add", "multiply", "divide", "sqrt", "maximum", "minimum", "reshape", "slice"}


class Draw(random.Random):
    """Random choices for a network."""

    def __init__(self, seed):
        super().__init__(seed)
        self.largest = 40

    def chance(self, probability):
        return self.random() < probability

    def log(self, low, high):
        """A whole number, every order of magnitude equally likely."""
        return min(high, int(low * ((high + 1) / low) ** self.random()))

    def extent(self, limit=None):
        limit = max(1, min(self.largest, limit or self.largest))
        return self.log(1, limit)

    def near(self, threshold, spread=1):
        """At a threshold or beside it."""
        return max(1, threshold + self.choice([-spread, 0, 0, spread, spread, self.randint(-3, 9)]))

    def initializer(self, vector=False):
        kinds = ["zeros", "ones", "constant", "normal", "uniform", "xavier", "he"]
        return {
            "constant": ["constant", {"value": self.choice([0.25, -0.1])}],
            "normal": ["normal", self.choice([{}, {"scale": 0.3}, {"scale": 0.1, "mean": 0.05}])],
            "uniform": ["uniform", self.choice([{}, {"low": -0.2, "high": 0.2}])],
        }.get(kind := self.choice(kinds + ([] if vector else ["auto"])), [kind, {}])


# ------------------------------------------------------------------------------------------------------------
# ------- sizes
def tiny(draw):
    """A small network: every kind of graph."""
    draw.largest = draw.choice([3, 8, 20, 40])
    return {"rows": draw.log(1, 64), "shape": None, "nodes": draw.log(1, 12)}


def wide(draw):
    """Many nodes, inputs and outputs, small all of them."""
    draw.largest = draw.choice([2, 5, 9])
    wanted = {"rows": draw.log(1, 20), "shape": None, "nodes": draw.log(12, 60)}
    return {**wanted, "inputs": draw.log(1, 10), "outputs": draw.log(1, 24)}


def product(draw):
    """A dense layer whose forward, or one of whose gradients, is at some threshold."""
    vector, tile = draw.choice([2, 4, 8, 16]), draw.choice([6, 12, 14])
    block = AT["block"][draw.choice(["float32", "float64"])]
    m, n, k = draw.log(1, 100), draw.log(1, 100), draw.log(1, 100)
    most = draw.choice([MOST_WORK >> 5] * 4 + [MOST_WORK >> 2, MOST_WORK])
    for _ in range(draw.choice([1, 2, 2, 3])):
        rule = draw.randrange(19)
        if rule < 3:
            k = draw.near(block * draw.choice([1, 1, 2, 3, 4, 5, 6]))
        elif rule < 5:
            n = draw.near(vector * draw.choice([1, 2, 3, 8, 9]))
        elif rule == 5:
            n = draw.near(AT["columns"])
        elif rule < 8:
            m = draw.near(
                draw.choice([tile, 2 * tile, AT["tiles"] * tile, AT["pack rows"], 2 * vector, 40 * tile])
            )
        elif rule == 8:
            m = draw.choice([1, 2])
        elif rule == 9:
            n, m = 1, draw.near(AT["divide column"] // k) if draw.chance(0.5) else m
        elif rule == 10:
            k = draw.choice([1, draw.near(AT["edge steps"])])
        elif rule < 13:
            limit = draw.choice([AT["small"], AT["inline"]])
            m = draw.near(limit // (n * k) or 1, 1)
        elif rule == 13:
            n = draw.near(AT["pack from"] // k or 1)
        elif rule == 14:
            m, n = 1, draw.near(AT["one row"] // k or 1)
        elif rule < 17:
            # One extent long, the others as they come.
            long = draw.choice([draw.near(AT["chunk"]), draw.log(1 << 12, 1 << 17)])
            m, n, k = draw.choice([(long, n, k), (m, long, k), (m, n, long), (draw.log(1, 50), n, long)])
        elif rule == 17:
            # Few rows beside a long k, and too wide to be divided by blocks: chunks of an edge have few rows.
            m, n, k = draw.randint(17, 29), draw.randint(100, 270), AT["chunk"] + draw.log(1, 400)
            most = MOST_WORK
        else:
            m, k = draw.near(AT["pack rows"]), draw.near(AT["pack"] // draw.choice([4, 8]) // n)
    while m * n * k > most or max(m * n, n * k, m * k) > MOST_ELEMENTS // 2:
        m, n, k = max(1, m // 2), max(1, n * 2 // 3), max(1, k * 2 // 3)
    rows, units, inputs = draw.choice([(m, n, k), (m, k, n), (k, n, m)])  # y = x·W; dx = dy·Wᵀ; dW = xᵀ·dy
    shape = [inputs]
    if draw.chance(0.15):
        lines = draw.choice([2, 3, 5])
        rows, shape = max(1, rows // lines), [lines, inputs]
    return {"rows": rows, "shape": shape, "units": units, "nodes": draw.log(1, 4)}


def elements(draw):
    """So many elements in all as make one chunk, some, or more than a loss has chunks."""
    chunk = AT["chunk"]
    count = draw.near(chunk * draw.choice([1, 1, 1, 2, 3, 4]))
    if draw.chance(0.2):
        count = draw.near(chunk * AT["loss chunks"], draw.choice([1, 63, 4096])) + draw.choice(
            [0, 0, draw.log(1, chunk)]
        )
    if draw.chance(0.02):
        count = draw.log(1 << 20, 1 << 22)
    columns = draw.choice([1, draw.log(1, 100), draw.log(10, 3000), count])
    columns = min(columns, count)
    rows = max(1, (count + draw.choice([0, columns - 1])) // columns)
    units = {"units": columns, "shape": [draw.log(1, 16)]} if draw.chance(0.5) else {"shape": [columns]}
    return {"rows": rows, "nodes": draw.log(1, 4), "loss": draw.choice(["mean_squared_error", None]), **units}


def classes(draw):
    """Rows and columns at the thresholds of what works row by row."""
    columns = draw.choice([draw.near(draw.choice([2, 4, 8, 16, 32])), draw.log(1, 300), draw.log(100, 3000)])
    chunk = max(1, AT["chunk"] // columns)
    rows = draw.near(chunk * draw.choice([1, 1, 2, 3]))
    if draw.chance(0.1):
        rows = draw.near(chunk * AT["loss chunks"], draw.choice([1, chunk]))
    shape = {"units": columns, "shape": [draw.log(1, 12)]} if draw.chance(0.6) else {"shape": [columns]}
    return {
        "rows": rows,
        "nodes": draw.log(1, 3),
        "loss": draw.choice(list(LOSSES)),
        **shape,
        "softmax": draw.chance(0.5),
    }


def sums(draw):
    """Rows and columns at the thresholds of a bias's gradient."""
    rows = draw.near(AT["sum block"] * draw.choice([1, 2, 4]))
    limit = AT["sum chunks"] * AT["chunk"]
    columns = draw.choice([draw.near(limit // rows), draw.log(1, 200), draw.near(64)])
    return {"rows": rows, "shape": [draw.log(1, 8)], "units": columns, "nodes": draw.log(1, 3)}


def sample(draw):
    """One sample at a time through a few units."""
    vector = draw.choice([2, 4, 8, 16])
    units = draw.near(draw.choice([1, vector, 2 * vector]))
    inputs = draw.choice(
        [draw.log(1, 60), draw.near(AT["one row"] // units), draw.near(AT["block"]["float32"])]
    )
    draw.largest = draw.choice([vector, 2 * vector, 40])
    return {"rows": 1, "shape": [inputs], "units": units, "nodes": draw.log(1, 6), "dense": True}


def images(draw):
    """Convolutions and what is around them."""
    draw.largest = draw.choice([3, 8, 20])
    side = draw.choice([draw.log(1, 9), draw.log(4, 24)])
    shape = [side, draw.choice([side, draw.log(1, 12)]), draw.choice([1, 2, 3, 4, 6, 16])]
    kinds = ["conv2d", "conv2d", "conv2d", "batch_norm", "relu", "reduce_max", "reduce_mean", "flatten", "add"]
    return {"rows": draw.log(1, 24), "shape": shape, "nodes": draw.log(1, 6), "kinds": kinds}


def matrices(draw):
    """Products of matrices, sample by sample, as attention has them."""
    draw.largest = draw.choice([4, 12, 40])
    n, d = draw.log(1, 40), draw.log(1, 40)
    shape = [*([draw.choice([1, 2, 3])] if draw.chance(0.5) else []), n, d]
    kinds = ["matmul", "matmul", "matmul", "transpose", "softmax", "layer_norm", "dense", "split", "multiply"]
    return {"rows": draw.log(1, 40), "shape": shape, "nodes": draw.log(2, 8), "kinds": kinds}


def words(draw):
    """Tables that are looked up, and tables that many rows are added to."""
    draw.largest = draw.choice([4, 16, 64, 300])
    shape = draw.choice([[], [3], [draw.log(1, 40)], [2, 5]])
    kinds = ["embedding", "embedding", "layer_norm", "reduce_sum", "add", "dense", "concat", "power", "divide", "log"]
    return {
        "rows": draw.choice([draw.log(1, 64), draw.log(1, 2000)]),
        "shape": shape,
        "nodes": draw.log(1, 6),
        "kinds": kinds,
        "integers": True,
    }


THEMES = [
    (tiny, 46),
    (wide, 3),
    (product, 14),
    (elements, 6),
    (classes, 5),
    (sums, 3),
    (sample, 9),
    (images, 5),
    (matrices, 5),
    (words, 4),
]


# ------------------------------------------------------------------------------------------------------------
# ------- graphs
class Growing:
    """A network that grows node by node."""

    def __init__(self, draw, registry, preferred=()):
        self.draw, self.registry, self.preferred = draw, registry, list(preferred)
        self.kinds = [entry["kind"] for entry in registry["layers"] if entry["kind"] in LAYERS]
        self.variadic = {entry["kind"] for entry in registry["layers"] if entry.get("variadic")}
        self.inputs, self.nodes = [], []
        self.shapes, self.dtypes, self.sizes, self.positive = [], [], [], []

    def input(self, shape, dtype="float", whole=False):
        self.inputs.append({"shape": shape, "dtype": dtype, "whole": whole})
        self.note(shape, dtype, 2.0 if whole else 1.2, False)

    def note(self, shape, dtype, size, positive):
        self.shapes.append(shape)
        self.dtypes.append(dtype)
        self.sizes.append(size)
        self.positive.append(positive)

    def add(self, kind, inputs, attributes):
        """Adds the node, or says no: shapes that do not fit, or values that would get out of hand."""
        layer = LAYERS[kind]
        integers, floats = getattr(layer, "integers", False), [self.dtypes[i] == "float" for i in inputs]
        if any(floats) if integers == "only" else not (all(floats) or (integers and not any(floats))):
            return False
        given = [self.shapes[i] for i in inputs]
        if None in given and not layer.broadcasts or not all(self.positive[inputs[i]] for i in layer.positive):
            return False
        shapes = layer.shapes(attributes, given)
        if shapes is None:
            return False
        sizes = layer.size(attributes, [self.sizes[i] for i in inputs])
        exponential = kind == "exp" or attributes.get("activation") == "exp"
        if (
            max(sizes) > 40
            or (exponential and self.sizes[inputs[0]] > 1.6)
            or (kind == "softmax" and self.sizes[inputs[0]] > 5)
        ):
            return False
        self.nodes.append({"kind": kind, "attributes": attributes, "inputs": inputs})
        keeps = kind in KEEPS_SIGN and all(self.positive[i] for i in inputs)
        positive = kind in POSITIVE or attributes.get("activation") in POSITIVE or keeps
        for shape, size in zip(shapes, sizes):
            through = self.dtypes[inputs[0]] if integers is True and inputs else "float"
            self.note(shape, through, size, positive)
        return True

    def some(self):
        """A value: the last one most often, so that networks get deep; any other, so that they branch."""
        known = [i for i, shape in enumerate(self.shapes) if shape is not None]
        return known[-1] if self.draw.chance(0.6) else self.draw.choice(known)

    def grow(self):
        draw = self.draw
        kind = "dense" if draw.chance(0.3) else draw.choice(self.kinds)
        if self.preferred and draw.chance(0.75):
            kind = draw.choice(self.preferred)
        first = self.some()
        integers = [i for i, dtype in enumerate(self.dtypes) if dtype != "float"]
        if integers and getattr(LAYERS[kind], "integers", False) == "only":
            first = draw.choice(integers)
        layer = LAYERS[kind]
        positive = [i for i, known in enumerate(self.positive) if known and self.shapes[i] is not None]
        if 0 in layer.positive and positive:
            first = draw.choice(positive)
        arity = draw.choice([1, 2, 2, 3, 4, 5]) if kind in self.variadic else layer.arity
        if arity == 0:
            return self.add(kind, [], layer.choose(draw))
        like = self.like(layer, first, 1 in layer.positive and positive)
        others = [draw.choice(like) for _ in range(arity - 1)] if like else []
        choose = getattr(layer, "choose_for", None)
        attributes = choose(draw, self.shapes[first]) if choose else layer.choose(draw)
        ordered = draw.chance(0.5) or layer.positive
        return self.add(kind, [first, *others] if ordered else [*others, first], attributes)

    def like(self, layer, first, positive):
        """Values that may be together with `first` in a layer."""
        if positive:
            others = [i for i in positive if common([self.shapes[i], self.shapes[first]])]
            return others or [first]
        if layer.broadcasts and self.draw.chance(0.6):
            return [
                i
                for i, shape in enumerate(self.shapes)
                if self.dtypes[i] == "float" and common([shape, self.shapes[first]]) is not None
            ]
        if getattr(layer, "multiplies", False):
            return [i for i, shape in enumerate(self.shapes) if shape and len(shape) > 1] or [first]
        return [i for i, shape in enumerate(self.shapes) if shape == self.shapes[first]]


def shape(draw):
    extents = [draw.extent() for _ in range(draw.choice([0, 1, 1, 1, 1, 2, 2, 3, 3, 4]))]
    if extents and draw.chance(0.015):
        extents[draw.randrange(len(extents))] = 0
    while len(extents) > 1 and extents[0] * extents[-1] * len(extents) > 1500:
        extents = [max(1, extent // 2) for extent in extents]
    return extents


def losses(draw, grown, net, wanted):
    """Terms of a loss on some of the outputs."""
    found, kinds = [], [entry["kind"] for entry in grown.registry["losses"] if entry["kind"] in LOSSES]
    for number, value in enumerate(net.outputs):
        last = number + 1 == len(net.outputs)
        for _ in range(draw.choice([0, 1, 1, 1, 1, 2]) or (last and not found)):
            fitting = [
                kind
                for kind in kinds
                if net.dtypes[value] == "float"
                and LOSSES[kind].forms(net.shapes[value])
                and (LOSSES[kind].needs != "positive" or grown.positive[value])
                and not net.is_mistake(kind, value)
            ]
            if not fitting:
                continue
            kind = wanted if wanted in fitting and draw.chance(0.8) else draw.choice(fitting)
            weight = draw.choice([1.0, 1.0, 1.0, 0.5, 2.5, -0.75, 0.1, 0.0])
            form = draw.choice(LOSSES[kind].forms(net.shapes[value]))
            found.append(
                {
                    "kind": kind,
                    "attributes": LOSSES[kind].choose(draw),
                    "output": number,
                    "weight": weight,
                    "form": form,
                }
            )
    return found


def attempt(seed, registry, variant, only):
    draw = Draw(f"{seed} {variant}")
    theme = draw.choices([theme for theme, _ in THEMES], [weight for _, weight in THEMES])[0]
    theme = next((known for known, _ in THEMES if known.__name__ == only), theme)
    wanted = theme(draw)
    net = Growing(draw, registry, wanted.get("kinds", ()))
    rows = wanted["rows"]
    for _ in range(1 if wanted["shape"] else wanted.get("inputs") or draw.choice([1, 1, 1, 2, 3])):
        integer = wanted.get("integers") or (not wanted["shape"] and draw.chance(0.2))
        net.input(
            wanted["shape"] or ([] if wanted.get("integers") else shape(draw)),
            draw.choice(INTEGERS) if integer else "float",
            integer or draw.chance(0.1),
        )
    if (wanted.get("integers") or not wanted["shape"]) and all(dtype != "float" for dtype in net.dtypes):
        net.input(shape(draw))
    if (
        wanted["shape"]
        and rows * max(wanted["shape"][-1], wanted.get("units", 0)) < 4096
        and draw.chance(0.3)
    ):
        net.input(draw.choice([wanted["shape"], shape(draw)]))
    if "units" in wanted:
        attributes = {**LAYERS["dense"].choose(draw), "units": wanted["units"]}
        if not net.add("dense", [0], attributes):
            net.add("dense", [0], {"units": wanted["units"]})
    if wanted.get("softmax"):
        net.add("softmax", [len(net.shapes) - 1], {})
    draw.largest = min(draw.largest, max(1, (1 << 16) // rows))
    for _ in range(wanted["nodes"]):
        for _ in range(4):
            if net.grow():
                break
    floats = [i for i, dtype in enumerate(net.dtypes) if dtype == "float" and net.shapes[i] is not None]
    outputs = [floats[-1]]
    for _ in range(wanted.get("outputs") or draw.choice([0, 0, 1, 1, 2, 3])):
        others = [i for i, known in enumerate(net.shapes) if i not in outputs and known is not None]
        outputs.append(draw.choice(outputs) if draw.chance(0.1) or not others else draw.choice(others))
    draw.shuffle(outputs)
    optimizer = draw.choice(
        [entry["kind"] for entry in registry["optimizers"] if entry["kind"] in OPTIMIZERS]
    )
    spec = {
        "seed": seed,
        "theme": theme.__name__,
        "inputs": net.inputs,
        "nodes": net.nodes,
        "outputs": outputs,
        "losses": [],
        "optimizer": [optimizer, OPTIMIZERS[optimizer].choose(draw)],
        "rate": draw.choice([0.003, 0.03]),
        "parameters": draw.choice(["drawn", "drawn", "drawn", "initial"]),
        "frozen": [],
        "input_gradients": draw.chance(0.8),
        "doutputs": [draw.chance(0.85) for _ in outputs],
        "dtypes": ["float64", "float32"],
        "threads": [1, 2, 3, 8],
        "rows": rows,
        "max_batch": rows,
        "grows_from": draw.choice([rows, rows, 1, (rows + 1) // 2]),
        "batches": [rows, 1, 0],
        "fit": [rows, 1],
    }
    for number, node in enumerate(net.nodes):
        if LAYERS[node["kind"]].parameters(node["attributes"], [net.shapes[i] for i in node["inputs"]]):
            spec["frozen"] += [number] if draw.chance(0.1) else []
    if draw.chance(0.95):
        spec["losses"] = losses(draw, net, Net(spec), wanted.get("loss"))
    work, count = Net(spec).work(rows)
    if work > MOST_WORK or count > MOST_ELEMENTS:
        raise Invalid
    spec["large"] = work > LARGE_WORK or count > LARGE_ELEMENTS
    if spec["large"]:
        spec["dtypes"] = [draw.choice(spec["dtypes"])]
    else:
        spec["rows"] = rows + draw.choice([0, 1, rows, 3 * rows]) if count < 1 << 14 else rows
        spec["max_batch"] = rows + draw.choice([0, 0, 1, 17])
        spec["batches"] = [rows, 1, draw.randint(1, rows), 0, draw.randint(1, rows)]
        draw.shuffle(spec["batches"])
        spec["fit"] = (
            [draw.randint(max(1, spec["rows"] // 8), spec["max_batch"]), draw.choice([1, 2])]
            if (spec["rows"] // 8 < spec["max_batch"])
            else [spec["max_batch"], 1]
        )
    return spec


def network(seed, registry, theme=None):
    """The network of a seed; with a `theme`, the one that it has of that."""
    for variant in range(100):
        try:
            return attempt(seed, registry, variant, theme)
        except Invalid:
            continue
    raise RuntimeError(f"seed {seed}: no network within the bounds")
