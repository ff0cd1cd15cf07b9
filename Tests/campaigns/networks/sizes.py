"""The sizes at which kernels switch between algorithms, read from the kernels' sources, and the number of
networks that reached each of them.
"""

from __future__ import annotations

import pathlib
import re

import numpy as np

SOURCES = pathlib.Path(__file__).resolve().parents[3] / "Sources" / "DenpaKernels"

# name: file, pattern of its value. A pattern that is not found is a failure, because the sizes here then have
# no purpose.
PLACES = {
    "chunk": ("Division.swift", r"var elementChunk: Int \{ ([^}]+) \}"),
    "block": ("Product.swift", r"blockLimit.*V\.isDouble \? (\d+ : \d+)"),
    "columns": ("Product.swift", r"var columnLimit: Int \{ ([^}]+) \}"),
    "pack": ("Product.swift", r"var packLimit: Int \{ ([^}]+) \}"),
    "tiles": ("Product.swift", r"var chunkTiles: Int \{ ([^}]+) \}"),
    "inline": ("Product.swift", r"var inlineLimit: Int \{ ([^}]+) \}"),
    "small": ("Product.swift", r"var smallLimit: Int \{ ([^}]+) \}"),
    "pack from": ("Product.swift", r"var packFrom: Int \{ ([^}]+) \}"),
    "pack rows": ("Product.swift", r"return m >= (\d+)"),
    "one row": ("DenseRow.swift", r"var denseRowLimit: Int \{ ([^}]+) \}"),
    "few tiles": ("BlockProduct.swift", r"var fewTiles: Int \{ ([^}]+) \}"),
    "many blocks": ("BlockProduct.swift", r"var manyBlocks: Int \{ ([^}]+) \}"),
    "divide column": ("ColumnProduct.swift", r"var divideFrom: Int \{ ([^}]+) \}"),
    "edge steps": ("EdgeProduct.swift", r"k < (\d+)"),
    "sum block": ("ColumnSum.swift", r"var rowBlock: Int \{ ([^}]+) \}"),
    "sum chunks": ("ColumnSum.swift", r"<= (\d+) &\* elementChunk"),
    "loss chunks": ("Losses.swift", r"static var maximum: Int \{ ([^}]+) \}"),
    "square block": ("SquaredError.swift", r"start &\+ (\d+)"),
}


def read():
    """Returns the thresholds by name, and sentences about those that were not found."""
    found, missing = {}, []
    for name, (file, pattern) in PLACES.items():
        match = re.search(pattern, (SOURCES / file).read_text()) if (SOURCES / file).exists() else None
        if match is None:
            missing.append(f'sizes.py: the threshold "{name}" is not in {file} any more: give its new place')
            continue
        values = [eval(part, {"__builtins__": {}}) for part in match[1].replace("_", "").split(" : ")]
        found[name] = values[0] if len(values) == 1 else {"float64": values[0], "float32": values[1]}
    return found, missing


AT, MISSING = read()
WIDTHS = {"sse2": 16, "avx2": 32, "avx512": 64, "neon": 16}
HEIGHTS = {"sse2": 6, "avx2": 6, "avx512": 14, "neon": 12}


class Census:
    """The thresholds that a network reached, determined only from its graph and its batches."""

    def __init__(self, kernels, dtype):
        self.size = 4 if dtype == "float32" else 8
        self.width = WIDTHS[kernels] // self.size
        self.height = HEIGHTS[kernels]
        self.block = AT["block"][dtype]
        self.found = set()

    def mark(self, name, value, threshold, near=1):
        """`near` is the distance from the threshold that still counts as reaching it, for sizes that no
        network meets exactly.
        """
        if near > 1:
            place = "at" if abs(value - threshold) <= near else "below" if value < threshold else "above"
        else:
            place = {-1: "-1", 0: "at", 1: "+1"}.get(
                value - threshold, "below" if value < threshold else "above"
            )
        self.found.add((name, place))

    def product(self, what, m, n, k):
        if not (m and n and k):
            self.found.add((f"{what}: empty", "at"))
            return
        w, work = self.width, m * n * k
        self.mark(f"{what}: k, a block", k, self.block)
        self.mark(f"{what}: k, many blocks", k, (AT["many blocks"] - 1) * self.block)
        self.mark(f"{what}: k, an edge's", k, AT["edge steps"])
        self.mark(f"{what}: k, a chunk", k, AT["chunk"])
        self.mark(f"{what}: n, two vectors", n, 2 * w)
        self.mark(f"{what}: n, eight vectors", n, 8 * w)
        self.mark(f"{what}: n, columns at once", n, AT["columns"])
        self.mark(f"{what}: m, a tile", m, self.height)
        self.mark(f"{what}: m, tiles of a chunk", m, self.height * AT["tiles"])
        self.mark(f"{what}: m, two vectors", m, 2 * w)
        self.mark(f"{what}: m, packing pays", m, AT["pack rows"])
        self.mark(f"{what}: work without a plan", work, AT["small"], AT["small"] // 50)
        self.mark(f"{what}: work to divide", work, AT["inline"], AT["inline"] // 50)
        self.mark(f"{what}: B to pack", n * k, AT["pack from"], 64)
        self.mark(f"{what}: B packed at once", n * k * self.size, AT["pack"], AT["pack"] // 50)
        if n % w:
            self.mark(f"{what}: edge columns, half a vector", n % w, w // 2)
        if n == 1:
            self.mark(f"{what}: one column to divide", m * k, AT["divide column"], AT["divide column"] // 50)
        if m == 1:
            self.mark(f"{what}: one row", n * k, AT["one row"], AT["one row"] // 50)
        if k > (AT["many blocks"] - 1) * self.block and work >= AT["inline"]:
            tiles = -(-m // self.height) * -(-n // (2 * w))
            self.mark(f"{what}: tiles beside many blocks", tiles, AT["few tiles"])

    def dense(self, lines, units, inputs, trains):
        self.product("forward", lines, units, inputs)
        if trains:
            self.product("dx", lines, inputs, units)
            self.product("dW", inputs, units, lines)
            self.mark("column sum: rows, a block", lines, AT["sum block"])
            limit = AT["sum chunks"] * AT["chunk"]
            self.mark("column sum: elements to divide", lines * units, limit, limit // 50)

    def elements(self, what, count):
        self.mark(f"{what}: elements, a vector", count, self.width)
        self.mark(f"{what}: elements, a chunk", count, AT["chunk"])

    def rows(self, what, rows, columns):
        chunk = max(1, AT["chunk"] // max(columns, 1))
        self.mark(f"{what}: columns, a vector", columns, self.width)
        self.mark(f"{what}: rows, a chunk", rows, chunk)

    def loss(self, kind, rows, columns):
        if kind == "mean_squared_error":
            count = rows * columns
            self.mark("squared error: elements, a block", count, AT["square block"])
            self.mark("squared error: elements, a chunk", count, AT["chunk"])
            self.mark("squared error: elements, all chunks", count, AT["chunk"] * AT["loss chunks"], 4096)
        elif kind in ("cross_entropy", "softmax_cross_entropy"):
            self.rows("cross-entropy", rows, columns)
            chunk = max(1, AT["chunk"] // max(columns, 1))
            self.mark("cross-entropy: rows, all chunks", rows, chunk * AT["loss chunks"])


def census(net, kernels):
    """Returns the thresholds that a network reaches, in all of its dtypes and batches."""
    found = set()
    for dtype in net.spec["dtypes"]:
        of = Census(kernels, dtype)
        for rows in sorted(set(net.spec["batches"])):
            for node in net.nodes:
                if not node.inputs or net.shapes[node.inputs[0]] is None:
                    continue
                shape = [rows, *net.shapes[node.inputs[0]]]
                count = int(np.prod(shape))
                if node.kind == "dense":
                    of.dense(
                        count // max(shape[-1], 1), node.attributes["units"], shape[-1], bool(net.losses)
                    )
                elif node.kind == "softmax" and node.attributes.get("axis", -1) in (-1, len(shape) - 1):
                    of.rows("softmax", count // max(shape[-1], 1), shape[-1])
                elif node.kind != "flatten":
                    of.elements("elementwise", count)
            for loss in net.losses:
                shape = [rows, *net.shapes[net.outputs[loss["output"]]]]
                columns = shape[-1] if len(shape) > 1 else 1
                of.loss(loss["kind"], int(np.prod(shape)) // max(columns, 1), columns)
        of.elements("optimizer", sum(int(np.prod(p.shape)) for p in net.parameters))
        found |= of.found
    return found


PLACES_OF = ["below", "-1", "at", "+1", "above"]


def table(counts):
    """Returns lines with the number of networks that reached each threshold, and the names of thresholds that
    none reached.
    """
    never = []
    for name in sorted({name for name, _ in counts}):
        row = [counts.get((name, place), 0) for place in PLACES_OF]
        exact = any((name, place) in counts for place in ("-1", "+1"))
        shown = (
            zip(PLACES_OF, row)
            if exact or name.endswith("vector")
            else [item for item in zip(PLACES_OF, row) if item[0] in ("below", "at", "above")]
        )
        shown = list(shown)
        never += [f"{name} {place}" for place, count in shown if not count and not name.endswith("empty")]
        yield f"  {name:44s} " + "  ".join(f"{place} {count}" for place, count in shown)
    yield "  never: " + ("; ".join(never) if never else "nothing")
