"""The kinds of random networks: sizes at thresholds of the engine, preferred layers."""

from __future__ import annotations

from .losses import LOSSES as KNOWN
from .plugins import LOSSES as FOREIGN
from .sizes import AT

LOSSES = {**KNOWN, **FOREIGN}
# The maximum multiply-adds and elements of one pass, and those from which on a network counts as large and is
# checked in one dtype only.
MOST_WORK, MOST_ELEMENTS = 1 << 27, 9 << 20
LARGE_WORK, LARGE_ELEMENTS = 1 << 22, 1 << 17


def tiny(draw):
    """A small network: every kind of graph."""
    draw.largest = draw.choice([3, 8, 20, 40])
    return {"rows": draw.log(1, 64), "shape": None, "nodes": draw.log(1, 12)}


def wide(draw):
    """Many nodes, inputs and outputs, all of them small."""
    draw.largest = draw.choice([2, 5, 9])
    wanted = {"rows": draw.log(1, 20), "shape": None, "nodes": draw.log(12, 60)}
    return {**wanted, "inputs": draw.log(1, 10), "outputs": draw.log(1, 24)}


def product(draw):
    """A dense layer of which forward or a gradient is at a threshold."""
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
            # One extent is long, the others are arbitrary.
            long = draw.choice([draw.near(AT["chunk"]), draw.log(1 << 12, 1 << 17)])
            m, n, k = draw.choice([(long, n, k), (m, long, k), (m, n, long), (draw.log(1, 50), n, long)])
        elif rule == 17:
            # Few rows with a long k, and too wide to be divided into blocks: chunks at an edge have few rows.
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
    """As many elements in total as make up one chunk, some chunks, or more than a loss has."""
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
    """Rows and columns at the thresholds of kernels that work row by row."""
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
    """One sample at a time with a few units."""
    vector = draw.choice([2, 4, 8, 16])
    units = draw.near(draw.choice([1, vector, 2 * vector]))
    inputs = draw.choice(
        [draw.log(1, 60), draw.near(AT["one row"] // units), draw.near(AT["block"]["float32"])]
    )
    draw.largest = draw.choice([vector, 2 * vector, 40])
    return {"rows": 1, "shape": [inputs], "units": units, "nodes": draw.log(1, 6), "dense": True}


def images(draw):
    """Convolutions and the layers used with them."""
    draw.largest = draw.choice([3, 8, 20])
    side = draw.choice([draw.log(1, 9), draw.log(4, 24)])
    shape = [side, draw.choice([side, draw.log(1, 12)]), draw.choice([1, 2, 3, 4, 6, 16])]
    kinds = [
        "conv2d",
        "conv2d",
        "conv2d",
        "batch_norm",
        "relu",
        "reduce_max",
        "reduce_mean",
        "flatten",
        "add",
    ]
    return {"rows": draw.log(1, 24), "shape": shape, "nodes": draw.log(1, 6), "kinds": kinds}


def matrices(draw):
    """Matrix products, sample by sample, as in attention."""
    draw.largest = draw.choice([4, 12, 40])
    n, d = draw.log(1, 40), draw.log(1, 40)
    shape = [*([draw.choice([1, 2, 3])] if draw.chance(0.5) else []), n, d]
    kinds = ["matmul", "matmul", "matmul", "transpose", "softmax", "layer_norm", "dense", "split", "multiply"]
    return {"rows": draw.log(1, 40), "shape": shape, "nodes": draw.log(2, 8), "kinds": kinds}


def words(draw):
    """Lookups in tables, and tables to which many rows are added."""
    draw.largest = draw.choice([4, 16, 64, 300])
    shape = draw.choice([[], [3], [draw.log(1, 40)], [2, 5]])
    kinds = [
        "embedding",
        "embedding",
        "layer_norm",
        "reduce_sum",
        "add",
        "dense",
        "concat",
        "power",
        "divide",
        "log",
    ]
    return {
        "rows": draw.choice([draw.log(1, 64), draw.log(1, 2000)]),
        "shape": shape,
        "nodes": draw.log(1, 6),
        "kinds": kinds,
        "integers": True,
    }


def pairs(draw):
    """Rows that are compared with each other by what a shared layer makes of them."""
    draw.largest = draw.choice([3, 8, 20])
    shape = [*([draw.choice([1, 2, 3])] if draw.chance(0.4) else []), draw.log(1, 40)]
    kinds = ["triplet", "contrastive", "triplet", "contrastive", "dense", "tanh", "layer_norm", "add"]
    loss = draw.choice(["computed", "computed", None])
    return {"rows": draw.log(1, 100), "shape": shape, "nodes": draw.log(2, 9), "kinds": kinds, "loss": loss}


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
    (pairs, 5),
]
