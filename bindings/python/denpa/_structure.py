"""What pages show of a network's structure: columns of neurons where it is a chain of dense layers."""

from __future__ import annotations

from typing import Any, NamedTuple

from ._parts import Parts

# Kinds that may stand between dense layers: each of their values belongs to one neuron.
BESIDE = {"dropout", "gaussian_noise", "activity_penalty", "softmax", "log_softmax", "flatten", "identity"}


class Column(NamedTuple):
    """Neurons that are drawn in a column: a dense layer with what follows it, or the input.

    `weights` and `bias` are the engine's names of its parameters; None for the input, or without a bias.
    """

    name: str
    size: int
    note: str
    weights: str | None
    bias: str | None
    nodes: tuple[str, ...]


def dense_chain(parts: Parts, functions: set[str]) -> list[Column]:
    """Return the columns of a network that is a chain of dense layers, and none for any other.

    `functions` are the kinds of layers that are functions of one value.
    """
    ports = parts.ports
    if len(ports.inputs) != 1 or len(ports.outputs) != 1:
        return []
    entry = ports.inputs[0]
    nodes = parts.native.nodes()
    if None in entry.shape or entry.dtype.kind != "f":
        return []
    size = 1
    for extent in entry.shape:
        size *= extent
    columns = [Column(entry.name, size, "input", None, None, ())]
    flat, before = len(entry.shape) == 1, entry.name
    for name, node in nodes.items():
        if [str(value).partition(":")[0] for value in node["inputs"]] != [before]:
            return []
        kind = node["kind"]
        if kind == "dense" and flat:
            shapes = parts.native.shapes
            own = {full.rpartition(".")[2]: full for full in parts.native.names.of_node(node.get("shares") or name)}
            weights = own.get("W")
            if weights is None or shapes[weights][0] != columns[-1].size:
                return []
            note = activation_of(node)
            columns.append(Column(name, shapes[weights][1], note, weights, own.get("b"), (name,)))
        elif kind in functions or kind in BESIDE:
            flat = flat or kind == "flatten"
            last = columns[-1]
            note = kind if last.note in ("", "identity") else f"{last.note}, {kind}"
            columns[-1] = last._replace(note=note, nodes=(*last.nodes, name))
        else:
            return []
        before = name
    if ports.outputs[0].name != before or len(columns) < 2:
        return []
    return columns


def activation_of(node: Any) -> str:
    """Return the kind of the activation that a layer applies, or ""."""
    activation = (node.get("attributes") or {}).get("activation")
    kind: str = (activation or {}).get("kind", "") if isinstance(activation, dict) else ""
    return kind
