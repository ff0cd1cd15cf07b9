"""One page on one batch: the network, each value and each gradient, step by step forward and back."""

from __future__ import annotations

import ctypes
import html
import math
from typing import Any, Callable, Mapping, NamedTuple, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import Array
from ._call import check, library, options
from ._check import Report
from ._formulas import backward
from ._kinds import classes
from ._pages import packed, page, save
from ._parts import Parts
from ._plots_functions import computed, functions, is_function
from ._ports import targets_of
from ._structure import dense_chain, placed, shown_of
from ._trace import Trace
from .errors import DenpaError, InvalidArgument

CORNER = 32  # rows and columns of a tensor that a page has
BINS = 24  # of a histogram
MOST_NODES = 400  # of which the page has a drawing


class Item(NamedTuple):
    """One value of a trace: its label, its name in the model, the node that it belongs to, what it is."""

    label: str
    name: str
    node: str
    kind: str


class Explanation:
    """What net.explain(x, t) has found: `trace`, the `report` of the gradient check (None without targets).

    save(path) writes it as a page that needs nothing else; a notebook shows the page itself.
    """

    def __init__(
        self,
        parts: Parts,
        name: str,
        trace: Trace,
        report: Report | str | None,
        compared: Sequence[str],
        rows: int,
    ) -> None:
        self.trace = trace
        self.report = report if isinstance(report, Report) else None
        self._title = f"{name} of {parts.native.parameter_count} parameters"
        self._data = data_of(parts, trace, report, compared, rows)

    def save(self, path: Any, title: str | None = None) -> None:
        """Write the page."""
        save(path, self.to_html(title))

    def to_html(self, title: str | None = None) -> str:
        """Return the page as text."""
        heading = self._title if title is None else str(title)
        return page(heading, ("network", "explain"), {"title": heading, **self._data})

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the page in a frame of its own."""
        text = html.escape(self.to_html(), quote=True)
        return f'<iframe srcdoc="{text}" style="width:100%;height:900px;border:0"></iframe>'

    def __repr__(self) -> str:
        return f"<explanation of a {self._title}: {len(self.trace)} values>"


def explain(self: Any, x: Any, t: Any = None, loss: Any = None, *, verify: bool = True) -> Explanation:
    """Return an explanation of what the network computes for a batch, to be saved as a page.

        net.explain(x, t).save("page.html")

    x is a batch, or one sample; a few rows are enough. With targets, it has the gradients of the loss too, and
    with `verify` the verdict of check_gradients. The page works offline: it shows the network and its graph, and
    step by step, forward and back, each layer's formula, values, gradients and their distributions. Of large
    tensors it has the first 32 rows and columns, and the distribution of all elements. Nothing changes.

    Raises InvalidArgument without rows, and otherwise what trace raises.
    """
    parts: Parts = self._open
    batch = parts.ports.arrange(x)
    if batch.rows == 0:
        raise InvalidArgument("explain needs at least one row")
    given = dict(zip(parts.ports.input_names, batch.arrays))
    if t is None and loss is None:
        trace, report, compared = self.trace(given), None, []
    else:
        terms = parts.settings.terms(loss)
        names, compared = terms.names, [parts.ports.outputs[index].name for index in terms.indices]
        targets = targets_of(t, names, batch.single)
        placed = None if not names else targets[0] if len(targets) == 1 else targets
        trace = self.trace(given, placed, loss=loss)
        report = verdict(self, given, placed, loss) if verify else None
    return Explanation(parts, type(self).__name__, trace, report, compared, batch.rows)


def verdict(net: Any, x: Any, t: Any, loss: Any) -> Report | str:
    """Return the report of the gradient check, or why there is none."""
    try:
        report: Report = net.check_gradients(x, t, loss, inputs=True)
        return report
    except DenpaError as error:
        return str(error)


# -- the data of the page ----------------------------------------------------------------------------------------


def items_of(trace: Trace) -> list[Item]:
    """Return the values of a trace in the order of computation."""
    found = []
    for index, label in enumerate(trace):
        item = options(abi.Traced)
        check(library.denpa_trace_value(trace._handle.pointer, index, ctypes.byref(item)))
        found.append(Item(label, item.name.decode(), item.node.decode(), trace.kind(label)))
    return found


def data_of(
    parts: Parts, trace: Trace, report: Report | str | None, compared: Sequence[str], rows: int
) -> dict[str, Any]:
    """Return all that the page shows; `compared` are the outputs that the losses are of."""
    items = items_of(trace)
    described = parts.native.nodes()
    position = {item.name: number for number, item in enumerate(items)}
    nodes = nodes_of(parts, items, described, position, compared)
    names = [node["name"] for node in nodes]
    edges = edges_of(nodes, items)
    places, routes = placed(len(nodes), edges) if len(nodes) <= MOST_NODES else ([], [])
    slopes = slopes_of(described, items, trace)
    return {
        "rows": rows,
        "loss": trace.loss,
        "dtype": parts.native.dtype.name,
        "check": check_data(report),
        "nodes": nodes,
        "edges": edges,
        "places": places,
        "routes": routes,
        "tensors": [tensor_data(trace, item, slopes.get(item.name), rows) for item in items],
        "steps": steps_of(nodes, items, trace),
        "network": chain_of(parts, trace, items, position, names),
    }


def check_data(report: Report | str | None) -> dict[str, Any] | None:
    if report is None:
        return None
    if isinstance(report, str):
        return {"passed": False, "sentence": report, "rows": []}
    worst = f"The largest relative difference is {report.worst:.1e}."
    return {
        "passed": report.passed,
        "sentence": report.message or f"Backpropagation and numerical differentiation agree. {worst}",
        "rows": [[row.tensor, row.worst, row.checked, list(row.at), *row[4:]] for row in report],
    }


def nodes_of(
    parts: Parts,
    items: list[Item],
    described: Mapping[str, Any],
    position: Mapping[str, int],
    compared: Sequence[str],
) -> list[dict[str, Any]]:
    """Return the nodes in the order of computation: inputs and targets, layers, losses, with their values."""
    found: dict[str, dict[str, Any]] = {}
    for number, item in enumerate(items):
        node = described.get(item.node)
        if item.node not in found:
            role = {"input": "input", "target": "target", "loss": "loss"}.get(item.kind, "layer")
            kind = node["kind"] if node else loss_kind(item.node) if role == "loss" else role
            found[item.node] = {"name": item.node, "kind": kind, "role": role, "values": []}
        found[item.node]["values"].append(number)
    for name, node in described.items():  # a layer without values of its own is a node all the same
        found.setdefault(name, {"name": name, "kind": node["kind"], "role": "layer", "values": []})
    targets = [entry for entry in found.values() if entry["role"] == "target"]
    for entry in found.values():
        entry["title"] = "target" if entry in targets and len(targets) == 1 else entry["name"]
        node = described.get(entry["name"])
        entry["inputs"] = [position[name] for name in map(traced_name(described, position), node["inputs"])] if node else []
        parameters = parts.native.names.of_node(node.get("shares") or entry["name"]) if node else []
        entry["parameters"] = [position[full] for full in parameters if full in position]
        entry["note"] = note_of(node)
        entry.update(texts_of(entry["kind"], entry["role"]))
    losses = [entry for entry in found.values() if entry["role"] == "loss"]
    for entry, output in zip(losses, compared):
        own = [target for target in targets if target["name"] in (entry["name"], f"target of {entry['name']}")]
        for target in own if len(targets) > 1 else ():
            target["title"] = f"target of {output}"
        values = [number for target in own for number in target["values"]]
        entry["inputs"] = [position[traced_name(described, position)(output)], *values]
    return list(found.values())


def traced_name(described: Mapping[str, Any], position: Mapping[str, int]) -> Any:
    """Return a function from what a node takes, "split_1:1", to the name in the trace, "split_1.1"."""

    def name(taken: str) -> str:
        node, _, number = taken.partition(":")
        return f"{node}.{number or 0}" if f"{node}.{number or 0}" in position else node

    return name


def loss_kind(node: str) -> str:
    """Return the kind of a loss by its node's name: mean_squared_error_1."""
    stem, _, number = node.rpartition("_")
    return stem if number.isdigit() else node


def note_of(node: Any) -> str:
    """Return the attributes of a layer, as they are shown."""
    if not node:
        return ""
    shown = []
    for name, value in (node.get("attributes") or {}).items():
        if isinstance(value, dict):
            inner = ", ".join(f"{key}={item}" for key, item in (value.get("attributes") or {}).items())
            value = f"{value.get('kind')}({inner})" if inner else value.get("kind")
        if value != "auto" and not (name == "activation" and value == "identity"):
            shown.append(f"{name}={value}")
    return ", ".join(shown)


def texts_of(kind: str, role: str) -> dict[str, str]:
    """Return what a page says of a kind: its formulas, forward and back."""
    entry = classes["losses" if role == "loss" else "layers"].get(kind)
    if entry is None:
        words = {"input": "The network's input.", "target": "What the output should be."}.get(role, "")
        return {"forward": words, "backward": "The gradient of the loss with respect to the input." if words else ""}
    return {"forward": entry.entry["summary"], "backward": backward(kind)}


def edges_of(nodes: list[dict[str, Any]], items: list[Item]) -> list[tuple[int, int, int]]:
    """Return the edges of the graph: from a node, to a node, with which value."""
    numbers = {node["name"]: number for number, node in enumerate(nodes)}
    return [
        (numbers[items[value].node], number, value)
        for number, node in enumerate(nodes)
        for value in dict.fromkeys(node["inputs"])
    ]


def slopes_of(described: Mapping[str, Any], items: list[Item], trace: Trace) -> dict[str, Array]:
    """Return the derivatives of the activations inside layers at their arguments, by the names of those."""
    found, known = {}, dict[str, Any]()  # the layers of activations, as they are described
    for item in items:
        if item.kind != "argument" or item.node not in described:
            continue
        activation = (described[item.node].get("attributes") or {}).get("activation") or {}
        key = repr(activation)
        if key not in known:
            known[key] = function_of(activation)
        if known[key] is not None:
            found[item.name] = computed(known[key], trace[item.label])[1]
    return found


def function_of(activation: Mapping[str, Any]) -> Any:
    """Return the layer of an activation, or None if it is no function of one value, or does nothing."""
    layer = classes["layers"].get(activation.get("kind", ""))
    if layer is None or layer.kind == "identity":
        return None
    made = layer(**(activation.get("attributes") or {}))
    return made if is_function(made) else None


def tensor_data(trace: Trace, item: Item, slope: Array | None, rows: int) -> dict[str, Any]:
    """Return what a page has of one value: its corner, its gradient's, and the distribution of all elements."""
    value = np.asarray(trace[item.label])
    gradient = np.asarray(trace.grad[item.label]) if item.label in trace.grad else None
    flat = matrix_of(value)
    height, width = min(flat.shape[0], CORNER), min(flat.shape[1], CORNER)
    found: dict[str, Any] = {
        "label": item.label,
        "kind": item.kind,
        "shape": value.shape,
        "matrix": flat.shape,
        "corner": (height, width),
        "value": packed(flat[:height, :width], "f8"),
        "histogram": histogram(value),
    }
    if gradient is not None:
        found["gradient"] = packed(matrix_of(gradient)[:height, :width], "f8")
        found["slant"] = histogram(gradient)
    if slope is not None:
        found["slope"] = packed(matrix_of(slope)[:height, :width], "f8")
    return found


def matrix_of(array: Array) -> Array:
    """Return an array with all axes but the last in one: what a table shows."""
    if array.ndim < 2:
        return array.reshape(1, -1)
    return array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


def histogram(array: Array) -> dict[str, Any]:
    """Return how the finite elements are distributed, and how many are not finite."""
    values = np.asarray(array, "float64").ravel()
    finite = values[np.isfinite(values)]
    found: dict[str, Any] = {"count": values.size, "odd": values.size - finite.size}
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        # Halves and parts, so that nothing overflows.
        width, scale = high / 2 - low / 2, max(abs(low), abs(high)) or 1.0
        part = (finite / 2 - low / 2) / width if width > 0 else np.full(finite.shape, 0.5)
        bins = np.bincount(np.clip((part * BINS).astype(int), 0, BINS - 1), minlength=BINS)
        mean, spread = float((finite / scale).mean() * scale), float((finite / scale).std() * scale)
        zeros = int((finite == 0).sum())
        found.update(low=low, high=high, mean=mean, spread=spread, zeros=zeros, bins=bins)
    return found


def steps_of(nodes: list[dict[str, Any]], items: list[Item], trace: Trace) -> list[tuple[int, str]]:
    """Return the steps: each node forward, and then back, if it has or passes on a gradient."""
    forward = [(number, "forward") for number, node in enumerate(nodes)]
    if not len(trace.grad):
        return forward
    back = [
        (number, "backward")
        for number, node in reversed(list(enumerate(nodes)))
        if node["role"] == "loss"
        or any(items[value].label in trace.grad for value in [*node["values"], *node["parameters"]])
    ]
    return forward + back


def chain_of(
    parts: Parts, trace: Trace, items: list[Item], position: Mapping[str, int], names: list[str]
) -> dict[str, Any] | None:
    """Return the columns of neurons of a chain of dense layers, with what is drawn of their values."""
    found: list[dict[str, Any]] = []
    before: list[int] = []
    for column in dense_chain(parts, set(functions())):
        last = column.nodes[-1] if column.nodes else column.name
        if last not in position:
            return None
        shown = shown_of(column.size)
        label = items[position[last]].label
        entry: dict[str, Any] = {
            "name": column.name,
            "note": column.note,
            "size": column.size,
            "shown": shown,
            "node": names.index(column.name),
            "tensor": position[last],
            "values": both(trace, label, lambda array: rows_of(array)[:CORNER, shown]),
        }
        if column.weights is not None and column.weights in position:
            weights, taken = items[position[column.weights]].label, before
            entry["label"], entry["parameter"] = weights, position[column.weights]
            entry["weights"] = both(trace, weights, lambda array: array[taken][:, shown])
        found.append(entry)
        before = shown
    return {"columns": found} if found else None


def rows_of(array: Array) -> Array:
    """Return a batch as a matrix: (rows, numbers)."""
    return array.reshape(len(array), math.prod(array.shape[1:]))


def both(trace: Trace, label: str, part: Callable[[Array], Array]) -> dict[str, Any]:
    """Return a part of a value and of its gradient, each with the largest magnitude of all its elements."""
    found: dict[str, Any] = {}
    for name, arrays in (("value", trace), ("gradient", trace.grad)):
        if label in arrays:
            array = np.asarray(arrays[label])
            finite = np.abs(array[np.isfinite(array)])
            most = float(finite.max()) if finite.size else 0.0
            found[name] = {"numbers": packed(part(array), "f8"), "largest": most}
    return found
