"""A network's description (a dict of plain values), its shapes, and its reference: forward, losses and
backward.
"""

from __future__ import annotations

import collections

import numpy as np

from . import arithmetic, distances, losses, normalization, plugins, reference, shapes, tables
from .activations import UNBOUNDED
from .tracked import Tracked, lift

LAYERS = {
    **reference.LAYERS,
    **arithmetic.LAYERS,
    **distances.LAYERS,
    **shapes.LAYERS,
    **tables.LAYERS,
    **normalization.LAYERS,
    **plugins.LAYERS,
}
LOSSES = {**losses.LOSSES, **plugins.LOSSES}
ACTIVATED = ("dense", "conv2d")  # whose results are no probabilities without an activation
INTEGERS = ("int32", "int64", "uint8")

# `shares` is the number of the earlier node whose parameters a node computes with, or None.
Node = collections.namedtuple("Node", "name kind attributes inputs outputs layer shares")
Parameter = collections.namedtuple("Parameter", "name node shape scale")


class Invalid(Exception):
    """An impossible network; shrinking tries some."""


def require(condition):
    if not condition:
        raise Invalid


class Net:
    """A network with everything that is derived from its description.

    Values are numbered: the inputs, then every node's outputs. Shapes are those of one sample; None is a
    single number without a batch.
    """

    def __init__(self, spec):
        self.spec = spec
        self.shapes = [list(given["shape"]) for given in spec["inputs"]]
        self.dtypes = [given["dtype"] for given in spec["inputs"]]  # "float", or an integer type
        self.nodes, self.parameters = [], []
        require(spec["inputs"] and spec["outputs"])
        for number, given in enumerate(spec["nodes"]):
            self.add(number, given)
        self.outputs, self.losses = spec["outputs"], spec["losses"]
        require(all(0 <= value < len(self.shapes) for value in self.outputs))
        require(all(self.shapes[value] is not None for value in self.outputs))
        for loss in self.losses:
            require(0 <= loss["output"] < len(self.outputs))
            value = self.outputs[loss["output"]]
            require(not self.is_mistake(loss["kind"], value))
            require(LOSSES[loss["kind"]].needs != "share" or self.is_share(value))
            require(
                self.dtypes[value] == "float"
                and loss["form"] in LOSSES[loss["kind"]].forms(self.shapes[value])
            )
        self.needed, self.used = self.prune()
        require(self.used)
        self.owners = self.remaining()
        frozen = {self.owners.get(number) for number in spec["frozen"]}
        self.parameters = [
            Parameter(f"n{owner}.{p.name.split('.')[1]}", owner, p.shape, p.scale)
            for owner, known in sorted(self.remaining_of.items())
            for p in self.parameters
            if p.node == known
        ]
        self.states = {
            p.name for p in self.parameters if p.name.split(".")[1] in self.nodes[p.node].layer.states
        }
        self.trained = [
            p for p in self.parameters if p.node not in frozen and p.name not in self.states
        ]

    def add(self, number, given):
        layer, inputs = LAYERS[given["kind"]], given["inputs"]
        require(all(0 <= value < len(self.shapes) for value in inputs))
        floats = [self.dtypes[value] == "float" for value in inputs]
        integers = getattr(layer, "integers", False)
        require(not any(floats) if integers == "only" else all(floats) or (integers and not any(floats)))
        given_shapes = [self.shapes[value] for value in inputs]
        require(layer.broadcasts or None not in given_shapes)
        shapes = layer.shapes(given["attributes"], given_shapes)
        require(shapes is not None)
        outputs = list(range(len(self.shapes), len(self.shapes) + len(shapes)))
        shares, own = given.get("shares"), layer.parameters(given["attributes"], given_shapes)
        self.nodes.append(
            Node(f"n{number}", given["kind"], given["attributes"], inputs, outputs, layer, shares)
        )
        if shares is None:
            self.parameters += [Parameter(f"n{number}.{name}", number, *more) for name, *more in own]
        else:
            require(0 <= shares < number and self.can_share(shares, given["kind"], given["attributes"], own))
        self.shapes += shapes
        through = self.dtypes[inputs[0]] if integers is True and inputs else "float"
        self.dtypes += [through] * len(shapes)

    def can_share(self, owner, kind, attributes, parameters):
        """Whether a node could compute with the parameters of an earlier one."""
        node, known = self.nodes[owner], [p for p in self.parameters if p.node == owner]
        return (
            node.shares is None
            and (node.kind, node.attributes) == (kind, attributes)
            and [p.shape for p in known] == [shape for _, shape, _ in parameters]
        )

    def remaining(self):
        """Returns, for each needed node, the one that its parameters are named after: the first needed one of
        those that share them.
        """
        owners, first = {}, {}
        for number in sorted(self.needed):
            node = self.nodes[number]
            given = number if node.shares is None else node.shares
            owners[number] = first.setdefault(given, number)
        self.remaining_of = {owner: given for given, owner in first.items()}
        return owners

    def is_mistake(self, kind, value):
        """Whether Denpa refuses a loss because it cannot be intended: a second softmax, the log of something
        that is not a probability.
        """
        node = self.node_of(value)
        while node and node.kind in ("identity", "flatten"):
            node = self.node_of(node.inputs[0])
        if not node:
            return False
        if kind == "softmax_cross_entropy":
            return node.kind == "softmax"
        function = self.function_of(node)
        if kind in ("sigmoid_cross_entropy", "focal"):
            return function in ("sigmoid", "softmax")
        is_raw = node.kind in ACTIVATED and function == "identity"
        return kind in ("cross_entropy", "kl_divergence") and (is_raw or function in UNBOUNDED)

    @staticmethod
    def function_of(node):
        """Returns the kind of the function whose values a node has: its activation, or itself."""
        return node.attributes.get("activation", ["identity"])[0] if node.kind in ACTIVATED else node.kind

    def is_share(self, value):
        """Whether a value is computed by a function whose values are 0 to 1."""
        node = self.node_of(value)
        while node and node.kind in ("identity", "flatten"):
            node = self.node_of(node.inputs[0])
        return bool(node) and self.function_of(node) in ("sigmoid", "softmax")

    def node_of(self, value):
        """Returns the node that computes a value; None for an input."""
        return next((node for node in self.nodes if value in node.outputs), None)

    def prune(self):
        """Returns the numbers of the nodes and of the inputs that outputs need; a model leaves out all
        others.
        """
        wanted, needed = set(self.outputs), set()
        for number in reversed(range(len(self.nodes))):
            if wanted.intersection(self.nodes[number].outputs):
                needed.add(number)
                wanted.update(self.nodes[number].inputs)
        return needed, [i for i in range(len(self.spec["inputs"])) if i in wanted]

    def work(self, rows):
        """(multiply-adds, elements of values and parameters) of one pass."""
        work = elements = 0
        for node in self.nodes:
            shape = self.shapes[node.outputs[0]]
            if shape is None:
                continue
            elements += rows * int(np.prod(shape))
            if node.kind == "dense":
                work += rows * int(np.prod(shape)) * self.shapes[node.inputs[0]][-1]
            elif hasattr(node.layer, "work"):
                shapes = [self.shapes[value] for value in node.inputs]
                own = rows * node.layer.work(node.attributes, shapes, shape)
                work, elements = work + own, elements + own // max(shape[-1], 1)
        elements += sum(rows * int(np.prod(self.shapes[i])) for i in range(len(self.spec["inputs"])))
        elements += 4 * sum(int(np.prod(p.shape)) for p in self.parameters)
        return work, elements


class Pass:
    """One forward of a network's reference, and its losses and backward."""

    def __init__(self, net, inputs, parameters, training=False):
        """`inputs` are arrays, `parameters` arrays by full name."""
        self.net, self.rows, self.training = net, len(inputs[0]) if inputs else 0, training
        self.values = [Tracked(array) for array in inputs]
        self.of_node = [
            {
                p.name.split(".")[1]: lift(parameters[p.name])
                for p in net.parameters
                if p.node == net.owners.get(number)
            }
            for number in range(len(net.nodes))
        ]
        for number, node in enumerate(net.nodes):
            if number in net.needed:
                xs = [self.values[value] for value in node.inputs]
                node.layer.training = training
                self.values += node.layer.forward(node.attributes, xs, self.of_node[number])
            else:
                self.values += [None] * len(node.outputs)

    def outputs(self):
        return [self.values[value] for value in self.net.outputs]

    def loss(self, targets, samples=None):
        """Returns the loss, and the gradient with respect to each output or None. With `samples`, the rows
        are a part of that many samples, and the loss is the part's contribution to the loss of all: sums add
        up, the rest is averaged over the samples.
        """
        total, gradients = Tracked(0.0), [None] * len(self.net.outputs)
        weights = iter(targets[len(self.net.losses) :])
        for loss, target in zip(self.net.losses, targets):
            y = self.values[self.net.outputs[loss["output"]]]
            term = LOSSES[loss["kind"]]
            if loss.get("weighted"):
                of_samples = next(weights)
                value, dy = losses.of_samples(term, loss["attributes"], y, target, of_samples)
            else:
                value, dy = term.value(loss["attributes"], y, target, self.rows)
            weight = Tracked(loss["weight"], Tracked.unit * abs(loss["weight"]))
            is_sum = loss["attributes"].get("reduction") == "sum"
            share = 1.0 if samples is None or is_sum else self.rows / samples
            total = total + value * weight * share
            dy, before = dy * weight, gradients[loss["output"]]
            gradients[loss["output"]] = dy if before is None else before + dy
        return total, gradients

    def backward(self, doutputs):
        """Returns the gradients with respect to the inputs and to the trained parameters, computed from those
        with respect to the outputs, which may be None.
        """
        net, gradients = self.net, [None] * len(self.values)

        def give(value, gradient):
            if gradient is not None and net.dtypes[value] == "float":
                before = gradients[value]
                gradients[value] = gradient if before is None else before + gradient

        for value, gradient in zip(net.outputs, doutputs):
            give(value, gradient)
        of, written = {p.name: Tracked(np.zeros(p.shape)) for p in net.trained}, set()
        for number in reversed(range(len(net.nodes))):
            node = net.nodes[number]
            dys = [gradients[value] for value in node.outputs]
            if number not in net.needed or all(dy is None for dy in dys):
                continue
            xs, ys = [self.values[v] for v in node.inputs], [self.values[v] for v in node.outputs]
            node.layer.training = self.training
            dxs, dps = node.layer.backward(node.attributes, xs, self.of_node[number], ys, dys)
            for value, dx in zip(node.inputs, dxs):
                give(value, dx)
            for short, dp in dps.items():
                name = f"n{net.owners[number]}.{short}"
                if name in of:
                    of[name] = of[name] + dp if name in written else dp
                    written.add(name)
        inputs = [
            Tracked(np.zeros(self.values[i].shape)) if gradients[i] is None else gradients[i]
            for i in range(len(net.spec["inputs"]))
        ]
        return inputs, of
