"""Random networks: a network is a function of its seed and of what is registered."""

from __future__ import annotations

import random

from .arithmetic import common
from .graph import INTEGERS, LAYERS, LOSSES, Invalid, Net
from .optimizers import OPTIMIZERS
from .themes import LARGE_ELEMENTS, LARGE_WORK, MOST_ELEMENTS, MOST_WORK, THEMES

POSITIVE = {"softmax", "sigmoid", "exp", "constant"}
KEEPS_SIGN = {
    "flatten",
    "identity",
    "add",
    "multiply",
    "divide",
    "sqrt",
    "maximum",
    "minimum",
    "reshape",
    "slice",
}


class Draw(random.Random):
    """Random choices for a network."""

    def __init__(self, seed):
        super().__init__(seed)
        self.largest = 40

    def chance(self, probability):
        return self.random() < probability

    def log(self, low, high):
        """Returns a whole number; every order of magnitude is equally likely."""
        return min(high, int(low * ((high + 1) / low) ** self.random()))

    def extent(self, limit=None):
        limit = max(1, min(self.largest, limit or self.largest))
        return self.log(1, limit)

    def near(self, threshold, spread=1):
        """Returns a number at a threshold or next to it."""
        return max(1, threshold + self.choice([-spread, 0, 0, spread, spread, self.randint(-3, 9)]))

    def initializer(self, vector=False, automatic=True):
        kinds = ["zeros", "ones", "constant", "normal", "uniform", "xavier", "he", "truncated_normal", "lecun"]
        kinds += ["xavier_uniform", "he_uniform", "lecun_uniform", "fan_uniform"]
        kinds += ["auto"] if automatic else []
        kinds += [] if vector else ["orthogonal"]
        return {
            "constant": ["constant", {"value": self.choice([0.25, -0.1])}],
            "normal": ["normal", self.choice([{}, {"scale": 0.3}, {"scale": 0.1, "mean": 0.05}])],
            "truncated_normal": ["truncated_normal", {"scale": 0.2}],
            "uniform": ["uniform", self.choice([{}, {"low": -0.2, "high": 0.2}])],
        }.get(kind := self.choice(kinds), [kind, {}])


# -- graphs --------------------------------------------------------------------------------------------------
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
        """Adds a node unless its shapes do not fit or its values would be too large; returns whether it
        did.
        """
        layer = LAYERS[kind]
        integers, floats = getattr(layer, "integers", False), [self.dtypes[i] == "float" for i in inputs]
        if any(floats) if integers == "only" else not (all(floats) or (integers and not any(floats))):
            return False
        given = [self.shapes[i] for i in inputs]
        if (
            None in given
            and not layer.broadcasts
            or not all(self.positive[inputs[i]] for i in layer.positive)
        ):
            return False
        shapes = layer.shapes(attributes, given)
        if shapes is None:
            return False
        sizes = layer.size_of(attributes, [self.sizes[i] for i in inputs], given)
        activation = attributes.get("activation", [None])[0]
        exponential = kind == "exp" or activation == "exp"
        if (
            max(sizes) > 40
            or (exponential and self.sizes[inputs[0]] > 1.6)
            or (kind in ("softmax", "log_softmax") and self.sizes[inputs[0]] > 5)
        ):
            return False
        self.nodes.append({"kind": kind, "attributes": attributes, "inputs": inputs})
        keeps = kind in KEEPS_SIGN and all(self.positive[i] for i in inputs)
        positive = kind in POSITIVE or activation in POSITIVE or keeps
        for shape, size in zip(shapes, sizes):
            through = self.dtypes[inputs[0]] if integers is True and inputs else "float"
            self.note(shape, through, size, positive)
        return True

    def some(self):
        """Returns a value: mostly the last one, so that networks become deep, otherwise any, so that they
        branch.
        """
        known = [i for i, shape in enumerate(self.shapes) if shape is not None]
        return known[-1] if self.draw.chance(0.6) else self.draw.choice(known)

    def share(self):
        """Adds a node with the parameters of an earlier one, if there is one that fits a value."""
        for owner in self.draw.sample(range(len(self.nodes)), len(self.nodes)):
            node = self.nodes[owner]
            layer, attributes = LAYERS[node["kind"]], node["attributes"]
            if len(node["inputs"]) != 1 or layer.states or node.get("shares") is not None:
                continue
            given = self.shapes[node["inputs"][0]]
            own = layer.parameters(attributes, [given])
            fitting = [
                i
                for i, shape in enumerate(self.shapes)
                if shape is not None
                and (self.dtypes[i] == "float") == (self.dtypes[node["inputs"][0]] == "float")
                and layer.shapes(attributes, [shape])
                and layer.parameters(attributes, [shape]) == own
            ]
            if not own or not fitting:
                continue
            last = fitting[-1] if self.draw.chance(0.5) else self.draw.choice(fitting)
            if self.add(node["kind"], [last], attributes):
                self.nodes[-1]["shares"] = owner
                return True
        return False

    def grow(self):
        draw = self.draw
        if draw.chance(0.1) and self.share():
            return True
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
        if kind == "contrastive" and len(others) == 2:
            # Its last input has a number for each row of the others.
            numbers = self.numbers_for(first)
            return numbers is not None and self.add(kind, [first, others[0], numbers], layer.choose(draw))
        choose = getattr(layer, "choose_for", None)
        attributes = choose(draw, self.shapes[first]) if choose else layer.choose(draw)
        ordered = draw.chance(0.5) or layer.positive
        return self.add(kind, [first, *others] if ordered else [*others, first], attributes)

    def numbers_for(self, value):
        """Returns a value with a number for each row of another one, which is a new node if there is none."""
        if not self.shapes[value]:
            return None
        known = [
            i
            for i, shape in enumerate(self.shapes)
            if shape == self.shapes[value][:-1] and self.dtypes[i] == "float"
        ]
        if known:
            return self.draw.choice(known)
        rank = len(self.shapes[value])
        return len(self.shapes) - 1 if self.add("reduce_mean", [value], {"axes": [rank]}) else None

    def like(self, layer, first, positive):
        """Returns values that a layer can take together with `first`."""
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


def losses(draw, grown, net, wanted, rows):
    """Returns the terms of a loss on some of the outputs."""
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
                and (LOSSES[kind].needs != "share" or net.is_share(value))
                and not net.is_mistake(kind, value)
            ]
            if not fitting:
                continue
            kind = wanted if wanted in fitting and draw.chance(0.8) else draw.choice(fitting)
            weight = draw.choice([1.0, 1.0, 1.0, 0.5, 2.5, -0.75, 0.1, 0.0])
            form = draw.choice(LOSSES[kind].forms(net.shapes[value]))
            shape_of = net.shapes[value]
            choose = getattr(LOSSES[kind], "choose_for", None)
            attributes = choose(draw, shape_of) if choose else LOSSES[kind].choose(draw)
            # The reference computes the loss of each sample by itself.
            can_be = "none" in (LOSSES[kind].attributes.get("reduction") or ())
            weighted = can_be and rows <= 64 and "ignored" not in attributes and draw.chance(0.12)
            found.append(
                {
                    "kind": kind,
                    "attributes": attributes,
                    "weighted": weighted,
                    "output": number,
                    "weight": weight,
                    "form": form,
                }
            )
    return found


def attempt(seed, registry, variant, only, kind=None):
    draw = Draw(f"{seed} {variant}")
    theme = draw.choices([theme for theme, _ in THEMES], [weight for _, weight in THEMES])[0]
    theme = next((known for known, _ in THEMES if known.__name__ == only), theme)
    wanted = theme(draw)
    if kind in LOSSES:
        wanted, kind = {**wanted, "loss": kind}, None
    net = Growing(draw, registry, [kind] if kind else wanted.get("kinds", ()))
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
    # A loss of probabilities rarely finds any by chance.
    if wanted.get("loss") and LOSSES[wanted["loss"]].needs != "any" and net.dtypes[-1] == "float":
        net.add(draw.choice(["sigmoid", "softmax"]), [len(net.shapes) - 1], {})
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
        spec["losses"] = losses(draw, net, Net(spec), wanted.get("loss"), rows)
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


def network(seed, registry, theme=None, kind=None):
    """Returns the network of a seed; with `theme`, the one of that theme; with `kind`, one with many layers
    of that kind, or with that loss.
    """
    for variant in range(100):
        try:
            return attempt(seed, registry, variant, theme, kind)
        except Invalid:
            continue
    raise RuntimeError(f"seed {seed}: no network within the bounds")
