"""The networks of the campaign and their reference: forward, losses and backward in NumPy and float64,
written from the formulas of the manual and of docs, never from the engine.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from .philox import dropout

BATCH_NORM = ("gamma", "beta", "running_mean", "running_var")
FORWARD_FAILS, BACKWARD_FAILS = 777.0, 778.0  # the values that make center.c fail
TRAINED, STATE = "trained", "state"


class LayerFails(Exception):
    """A callback of the plugin layer returns an error."""


class BadClass(Exception):
    """A class number is out of range."""


@dataclasses.dataclass(frozen=True)
class Node:
    kind: str  # "dense", "add", "calls.center"
    name: str
    sources: tuple[str, ...]
    units: int = 0
    activation: str = ""
    more: tuple = ()  # further attributes
    shares: str = ""  # the earlier node whose parameters it computes with

    @property
    def owner(self):
        """The name of the node that its parameters are named after."""
        return self.shares or self.name

    @property
    def attributes(self):
        given = {"units": self.units} if self.kind == "dense" else {}
        return {**given, **({"activation": self.activation} if self.activation else {}), **dict(self.more)}


@dataclasses.dataclass(frozen=True)
class Term:
    """One loss: weight * kind(output)."""

    output: int
    kind: str
    weight: float = 1.0
    reduction: str = "mean"

    def __repr__(self):
        return f"{self.weight} * {self.kind} ({self.reduction}) of output {self.output}"


MSE, CE = "mean_squared_error", "softmax_cross_entropy"


class Net:
    """A fixed graph: inputs by name and width, nodes in order, the names of the values that are its
    outputs. Samples of the inputs in `sequences` have the shape (any, width).
    """

    def __init__(self, name, inputs, nodes, outputs, losses, sequences=()):
        self.name, self.inputs, self.nodes, self.outputs = name, inputs, nodes, outputs
        self.sequences = sequences
        self.losses = losses  # the lists of terms with which trainers are made
        self.widths = dict(inputs)
        self.shapes, self.roles = {}, {}
        for node in nodes:
            width = self.widths[node.sources[0]]
            self.widths[node.name] = node.units or width
            own = {}
            if node.kind == "dense":
                own = {"W": ((width, node.units), TRAINED), "b": ((node.units,), TRAINED)}
                if not node.attributes.get("bias", True):
                    del own["b"]
            elif node.kind == "calls.center":
                own = {"gain": ((width,), TRAINED), "mean": ((width,), STATE), "draw": ((1,), STATE)}
            elif node.kind == "batch_norm":
                own = {"gamma": ((width,), TRAINED), "beta": ((width,), TRAINED)}
                own |= {"running_mean": ((width,), STATE), "running_var": ((width,), STATE)}
            for short, (shape, role) in own.items() if not node.shares else ():
                self.shapes[f"{node.name}.{short}"], self.roles[f"{node.name}.{short}"] = shape, role
        self.has_plugin = any("." in node.kind for node in nodes)
        self.can_be_realtime = not self.has_plugin and not sequences
        self.is_random = any(node.kind == "dropout" and node.attributes["rate"] for node in nodes)

    def __repr__(self):
        return self.name

    def zeros(self):
        return {name: np.zeros(shape) for name, shape in self.shapes.items()}

    # -- forward --------------------------------------------------------------------------------------------

    def forward(self, parameters, inputs, training=False, draw=0.0, key=None):
        """Returns (outputs, what backward needs, the states afterwards). `key` is the model's seed and the
        number of the forward, by which random numbers are keyed.
        """
        values = {name: x for (name, _), x in zip(self.inputs, inputs)}
        kept, states = {}, {}
        for number, node in enumerate(self.nodes, start=len(self.inputs)):
            x = values[node.sources[0]]
            if node.kind in ("add", "multiply"):
                other = values[node.sources[1]]
                values[node.name] = x + other if node.kind == "add" else x * other
            elif node.kind == "dropout":
                factors = np.ones(x.shape)
                if training:
                    factors = dropout(*key, number, x.size, dict(node.more)["rate"]).reshape(x.shape)
                kept[node.name] = factors
                values[node.name] = x * factors
            elif node.kind == "reduce_mean":
                values[node.name] = x.mean(axis=1)
            elif node.kind == "batch_norm":
                values[node.name] = self.normalize(node, parameters, x, training, kept, states)
            elif node.kind == "dense":
                u = x @ parameters[node.owner + ".W"] + parameters.get(node.owner + ".b", 0.0)
                values[node.name] = np.tanh(u) if node.activation == "tanh" else u
            else:
                mean = parameters[node.owner + ".mean"]
                kept[node.name] = x - mean
                values[node.name] = parameters[node.owner + ".gain"] * (x - mean)
                if (x == FORWARD_FAILS).any():
                    raise LayerFails
                if training and len(x):
                    states[node.owner + ".mean"] = mean + 0.25 * (x.mean(axis=0) - mean)
                    states[node.owner + ".draw"] = np.array([draw])
        return [values[name] for name in self.outputs], (values, kept), states

    def normalize(self, node, parameters, x, training, kept, states):
        """Returns gamma * x̂ + beta, computed from the batch's own mean and variance while training."""
        own = {}
        for short in BATCH_NORM:  # a state is what the node before, with which it is shared, has left
            name = f"{node.owner}.{short}"
            own[short] = states.get(name, parameters[name])
        momentum, epsilon = dict(node.more)["momentum"], dict(node.more)["epsilon"]
        mean, variance = own["running_mean"], own["running_var"]
        if training:
            rows = len(x)
            mean, variance = (x.mean(axis=0), x.var(axis=0)) if rows else (0.0, 0.0)
            if rows:
                unbiased = variance * rows / (rows - 1) if rows > 1 else variance
                for short, value in (("running_mean", mean), ("running_var", unbiased)):
                    states[f"{node.owner}.{short}"] = (1 - momentum) * own[short] + momentum * value
        deviation = np.sqrt(variance + epsilon)
        kept[node.name] = (x - mean) / deviation, deviation
        return own["gamma"] * kept[node.name][0] + own["beta"]

    # -- backward -------------------------------------------------------------------------------------------

    def backward(self, parameters, kept, doutputs, inner=None):
        """Returns the gradients with respect to the trained parameters and to the inputs. None in `doutputs`
        means that the output has no gradient. The dict `inner` receives those with respect to the nodes'
        outputs.
        """
        values, centered = kept
        d = {}
        gradients = {
            name: np.zeros(shape) for name, shape in self.shapes.items() if self.roles[name] == TRAINED
        }

        def add(name, gradient):
            d[name] = d[name] + gradient if name in d else gradient

        for name, gradient in zip(self.outputs, doutputs):
            if gradient is not None:
                add(name, gradient)
        for node in reversed(self.nodes):
            if node.name not in d:
                continue
            dy, x = d[node.name], values[node.sources[0]]
            if node.kind == "add":
                add(node.sources[0], dy)
                add(node.sources[1], dy)
            elif node.kind == "multiply":
                add(node.sources[0], dy * values[node.sources[1]])
                add(node.sources[1], dy * x)
            elif node.kind == "dropout":
                add(node.sources[0], dy * centered[node.name])
            elif node.kind == "reduce_mean":
                add(node.sources[0], np.repeat(dy[:, None] / x.shape[1], x.shape[1], axis=1))
            elif node.kind == "batch_norm":
                unit, deviation = centered[node.name]
                gradients[node.owner + ".gamma"] += (dy * unit).sum(axis=0)
                gradients[node.owner + ".beta"] += dy.sum(axis=0)
                g = dy * parameters[node.owner + ".gamma"]
                if len(x):
                    g = (g - g.mean(axis=0) - unit * (g * unit).mean(axis=0)) / deviation
                add(node.sources[0], g)
            elif node.kind == "dense":
                du = dy * (1 - values[node.name] ** 2) if node.activation == "tanh" else dy
                rows, drows = x.reshape(-1, x.shape[-1]), du.reshape(-1, du.shape[-1])
                gradients[node.owner + ".W"] += rows.T @ drows
                if node.owner + ".b" in gradients:
                    gradients[node.owner + ".b"] += drows.sum(axis=0)
                add(node.sources[0], du @ parameters[node.owner + ".W"].T)
            else:
                gradients[node.owner + ".gain"] += (dy * centered[node.name]).sum(axis=0)
                add(node.sources[0], dy * parameters[node.owner + ".gain"])
        if inner is not None:
            inner.update({n.name: d.get(n.name, np.zeros_like(values[n.name])) for n in self.nodes})
        return gradients, [d.get(name, np.zeros_like(values[name])) for name, _ in self.inputs]

    def reached(self, terms):
        """Returns the parameters that the losses depend on."""
        wanted = {self.outputs[term.output] for term in terms}
        for node in reversed(self.nodes):
            if node.name in wanted:
                wanted.update(node.sources)
        owners = {node.owner for node in self.nodes if node.name in wanted}
        return {name for name in self.shapes if name.split(".")[0] in owners}

    def backward_fails(self, inputs):
        return self.has_plugin and bool((inputs[0] == BACKWARD_FAILS).any())

    # -- losses ---------------------------------------------------------------------------------------------

    def loss(self, terms, outputs, targets):
        """Returns the weighted loss of each term, and the gradient with respect to each output or None.
        Raises BadClass for class numbers out of range.
        """
        values, doutputs = [], [None] * len(outputs)
        for term, t in zip(terms, targets):
            y = outputs[term.output]
            rows = len(y)
            if term.kind == MSE:
                share = 1.0 if term.reduction == "sum" else 1.0 / max(y.size, 1)
                value, dy = ((y - t) ** 2).sum() * share, 2 * (y - t) * share
            else:
                if ((t < 0) | (t >= y.shape[1])).any():
                    raise BadClass
                share = 1.0 if term.reduction == "sum" else 1.0 / max(rows, 1)
                shifted = y - y.max(axis=1, keepdims=True) if rows else y
                p = np.exp(shifted)
                p = p / p.sum(axis=1, keepdims=True)
                at = np.arange(rows), t
                value = -(shifted[at] - np.log(np.exp(shifted).sum(axis=1))).sum() * share
                dy = p.copy()
                dy[at] -= 1
                dy *= share
            values.append(term.weight * float(value))
            old = doutputs[term.output]
            doutputs[term.output] = term.weight * dy + (0 if old is None else old)
        return values, doutputs

    def accuracy(self, terms, outputs, targets):
        """Returns (right decisions, decisions) for the first loss if it has classes; None if they are not
        specified.
        """
        if terms[0].kind != CE:
            return 0, 0
        if not np.isfinite(outputs[terms[0].output]).all():
            return None
        return int((outputs[terms[0].output].argmax(axis=1) == targets[0]).sum()), len(targets[0])


def has_accuracy(terms):
    """Whether a trainer of these losses is given the metric "accuracy"."""
    return bool(terms) and terms[0].kind == CE


def dense(name, source, units, activation=""):
    return Node("dense", name, (source,), units, activation)


def normalizing(name, rate):
    """Running statistics and random numbers of the engine's own layers."""
    return Net(
        name,
        [("x", 3), ("u", 4)],
        [
            # The gradient of a bias would be zero except for rounding.
            Node("dense", "h", ("x",), 4, more=(("bias", False),)),
            Node("batch_norm", "bn", ("h",), more=(("momentum", 0.25), ("epsilon", 0.1))),
            Node("dropout", "drop", ("bn",), more=(("rate", rate),)),
            Node("multiply", "gate", ("drop", "u")),
            dense("out", "gate", 2),
        ],
        ["out", "bn"],
        [(Term(0, MSE),), (Term(0, CE), Term(1, MSE, 0.25)), (Term(1, MSE),), ()],
    )


NETS = [
    # Two outputs with separate branches on a shared trunk; two inputs.
    Net(
        "branches",
        [("a", 3), ("u", 4)],
        [
            dense("trunk", "a", 4, "tanh"),
            Node("add", "joint", ("trunk", "u")),
            dense("left", "joint", 2),
            dense("right", "joint", 3),
        ],
        ["left", "right"],
        [(Term(0, MSE),), (Term(1, CE), Term(0, MSE, 0.5)), (Term(1, CE),), (Term(0, MSE, 0.1, "sum"),), ()],
    ),
    # A plugin layer with states in front.
    Net(
        "center",
        [("x", 3)],
        [
            Node("calls.center", "center", ("x",)),
            dense("hidden", "center", 4, "tanh"),
            dense("out", "hidden", 2),
        ],
        ["out"],
        [(Term(0, MSE),), (Term(0, CE),), (Term(0, MSE, 2.0), Term(0, CE)), ()],
    ),
    # One value as two outputs, and a third that is computed from it.
    Net(
        "twice",
        [("x", 3)],
        [dense("h", "x", 2, "tanh"), dense("g", "h", 2)],
        ["h", "h", "g"],
        [(Term(0, MSE), Term(1, MSE, 0.5)), (Term(1, MSE),), (Term(2, CE), Term(0, MSE)), ()],
    ),
    *(normalizing("norm", 0.25), normalizing("calm", 0.0)),
    # Parameters that two nodes have, states among them.
    Net(
        "tied",
        [("x", 3)],
        [
            # The gradient of a bias would be zero except for rounding.
            Node("dense", "h", ("x",), 3, "tanh", more=(("bias", False),)),
            Node("batch_norm", "bn", ("h",), more=(("momentum", 0.25), ("epsilon", 0.1))),
            Node("dense", "h_2", ("bn",), 3, "tanh", more=(("bias", False),), shares="h"),
            Node("batch_norm", "bn_2", ("h_2",), more=(("momentum", 0.25), ("epsilon", 0.1)), shares="bn"),
            Node("add", "joint", ("bn", "bn_2")),
            dense("out", "joint", 2),
        ],
        ["out", "bn"],
        [(Term(0, MSE),), (Term(0, CE), Term(1, MSE, 0.25)), (Term(1, MSE),), ()],
    ),
    # An open extent: sequences whose length differs from batch to batch.
    Net(
        "sequence",
        [("x", 3)],
        [
            dense("h", "x", 4, "tanh"),
            Node("reduce_mean", "mean", ("h",), more=(("axes", (1,)),)),
            dense("out", "mean", 3),
        ],
        ["out", "mean"],
        [(Term(0, MSE),), (Term(0, CE), Term(1, MSE, 0.25)), (Term(1, MSE),), ()],
        sequences=("x",),
    ),
]


class Meter:
    """The results of an epoch: the mean of losses over its samples, the sum of those with reduction "sum",
    and the accuracy.
    """

    def __init__(self, net, terms):
        self.net, self.terms = net, terms
        self.sums, self.samples, self.right, self.decisions = [0.0] * len(terms), 0, 0, 0
        self.is_known = True

    def add(self, values, outputs, targets):
        rows = len(outputs[0])
        for k, (term, value) in enumerate(zip(self.terms, values)):
            self.sums[k] += value if term.reduction == "sum" else value * rows
        self.samples += rows
        found = self.net.accuracy(self.terms, outputs, targets)
        self.is_known = self.is_known and found is not None
        right, decisions = found or (0, 0)
        self.right, self.decisions = self.right + right, self.decisions + decisions

    @property
    def loss(self):
        each = zip(self.terms, self.sums)
        return sum(s if term.reduction == "sum" else s / max(self.samples, 1) for term, s in each)

    @property
    def accuracy(self):
        """NaN if there is none; None if any value is allowed."""
        if not self.is_known:
            return None
        return self.right / self.decisions if self.decisions else float("nan")
