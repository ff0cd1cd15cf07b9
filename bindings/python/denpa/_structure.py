"""What pages show of a network's structure: columns of neurons where it is a chain of dense layers."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence, Tuple

from ._parts import Parts

NEURONS = 12  # of a column that are drawn; of a larger one, the first and the last
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
            note = kind if not last.note else f"{last.note}, {kind}"
            columns[-1] = last._replace(note=note, nodes=(*last.nodes, name))
        else:
            return []
        before = name
    if ports.outputs[0].name != before or len(columns) < 2:
        return []
    return columns


def activation_of(node: Any) -> str:
    """Return the kind of the activation that a layer applies, or "" if it applies none."""
    activation = (node.get("attributes") or {}).get("activation")
    kind: str = activation.get("kind", "") if isinstance(activation, dict) else ""
    return "" if kind == "identity" else kind


def shown_of(size: int) -> list[int]:
    """Return the neurons of a column that are drawn."""
    if size <= NEURONS:
        return list(range(size))
    return [*range(NEURONS // 2), *range(size - NEURONS // 2, size)]


Place = Tuple[float, int]  # across and down, in units of a node


def placed(count: int, edges: Sequence[tuple[int, int, int]]) -> tuple[list[Place], list[list[Place]]]:
    """Return where to draw the nodes of a graph, and the places that each edge passes on its way.

    The edges lead from lower to higher numbers. A node is below all that it takes from; those side by side are in
    the order of the middles of their neighbours above (Sugiyama, Tagawa & Toda, 1981, in one pass). An edge that
    is longer than a row has a place in each row between.
    """
    sources: list[list[int]] = [[] for _ in range(count)]
    targets: list[list[int]] = [[] for _ in range(count)]
    for source, target, _ in edges:
        sources[target].append(source)
        targets[source].append(target)
    depth = [0] * count
    for node in range(count):
        depth[node] = max((depth[source] + 1 for source in sources[node]), default=0)
    for node in reversed(range(count)):  # what begins somewhere, a target for example, is near where it is used
        if not sources[node] and targets[node]:
            depth[node] = min(depth[target] for target in targets[node]) - 1
    routes: list[list[int]] = []
    for source, target, _ in edges:
        between = list(range(len(depth), len(depth) + max(depth[target] - depth[source] - 1, 0)))
        for number in range(len(between)):
            depth.append(depth[source] + 1 + number)
            sources.append([between[number - 1] if number else source])
        if between:
            sources[target][sources[target].index(source)] = between[-1]
        routes.append(between)
    rows: dict[int, list[int]] = {}
    for node, row in enumerate(depth):
        rows.setdefault(row, []).append(node)
    across = [0.0] * len(depth)
    for row in sorted(rows):
        middle = {
            node: sum(across[source] for source in sources[node]) / len(sources[node]) if sources[node] else 0.0
            for node in rows[row]
        }
        for number, node in enumerate(sorted(rows[row], key=lambda node: middle[node])):
            across[node] = number - (len(rows[row]) - 1) / 2
    places = [(across[node], depth[node]) for node in range(len(depth))]
    return places[:count], [[places[node] for node in route] for route in routes]
