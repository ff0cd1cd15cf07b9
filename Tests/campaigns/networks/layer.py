"""What is common to the references of all layers."""

from __future__ import annotations


class Layer:
    """By default a layer has one input, one output of its shape, no parameters and no attributes."""

    arity = 1
    attributes: dict = {}  # name: choices, or None
    states: tuple = ()
    positive: tuple = ()
    broadcasts = False  # inputs of other shapes and single numbers are broadcast
    training = False  # whether forward and backward are those of training, if they differ; set by Pass

    def shapes(self, attributes, shapes):
        return [shapes[0]]

    def parameters(self, attributes, shapes):
        return []

    def choose(self, draw):
        return {}

    def size(self, attributes, sizes):
        """Returns the approximate size of the outputs for the given size of the inputs (root mean square)."""
        return [sizes[0]]

    def size_of(self, attributes, sizes, shapes):
        """Returns the same, for inputs of the given shapes."""
        return self.size(attributes, sizes)
