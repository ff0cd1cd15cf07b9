"""Pages on unusual networks and values: nothing goes wrong in them, whatever they show."""

from __future__ import annotations

import browser
import denpa as dp
import numpy as np
import pytest
from denpa._explain import BINS, histogram
from numpy.testing import assert_array_equal

DRAW = np.random.default_rng(0)


def small(units=3, **options):
    return dp.Sequential([dp.Dense(units)], (2,), dtype="float64", **options)


def graph(shape, make, **options):
    x = dp.Input(shape, name="x", **options)
    return dp.Model(x, make(x), dtype="float64")


def two_inputs():
    a, b = dp.Input((2, 3), name="a"), dp.Input((3, 2), name="b")
    return dp.Model([a, b], a @ b, dtype="float64")


def frozen():
    net = dp.Sequential([dp.Dense(3, activation="relu"), dp.Dense(2)], (2,), seed=1)
    net.layers["dense_1"].trainable = False
    return net


def both_losses():
    return dp.Sum(dp.MeanSquaredError(0), dp.MeanAbsoluteError(0))


# A network, inputs, targets, a loss.
ODD = {
    "an extent of 0": lambda: (
        dp.Sequential([dp.Dense(2)], (0,)),
        np.zeros((2, 0)),
        np.zeros((2, 2)),
        "mse",
    ),
    "NaN": lambda: (small(), np.full((2, 2), np.nan), np.zeros((2, 3)), "mse"),
    "infinity": lambda: (small(), np.full((2, 2), 1e308), np.zeros((2, 3)), "mse"),
    "a loss without targets": lambda: (
        graph((3,), lambda x: dp.ReduceSum()(dp.Dense(2)(x))),
        DRAW.normal(size=(2, 3)),
        None,
        dp.Computed(),
    ),
    "two losses of one output": lambda: (
        small(2),
        DRAW.normal(size=(2, 2)),
        [np.zeros((2, 2)), np.ones((2, 2))],
        both_losses(),
    ),
    "open extents": lambda: (
        graph((None, 3), dp.Dense(2)),
        DRAW.normal(size=(2, 5, 3)),
        np.zeros((2, 5, 2)),
        "mse",
    ),
    "scalars": lambda: (graph((), dp.Square()), [1.0, 2.0], [1.0, 2.0], "mse"),
    "nothing but an input": lambda: (
        graph((3,), lambda x: x),
        DRAW.normal(size=(2, 3)),
        np.zeros((2, 3)),
        "mse",
    ),
    "frozen": lambda: (frozen(), [[1.0, 2.0]], [[0.0, 1.0]], "mse"),
    "states": lambda: (
        dp.Sequential([dp.Dense(3), dp.BatchNorm(), dp.PReLU(), dp.Dense(2)], (2,)),
        DRAW.normal(size=(5, 2)),
        DRAW.normal(size=(5, 2)),
        "mse",
    ),
    "many rows": lambda: (small(), DRAW.normal(size=(500, 2)), np.zeros((500, 3)), "mse"),
    "products": lambda: (
        two_inputs(),
        [DRAW.normal(size=(2, 2, 3)), DRAW.normal(size=(2, 3, 2))],
        np.zeros((2, 2, 2)),
        "mse",
    ),
}

ALL = """
let steps = 0;
for (let step = 0; step <= Number(slider.max); step++) {
  slider.value = step;
  show();
  for (const cell of document.querySelectorAll("#detail td[data-row]")) cell.click();
  for (const fold of document.querySelectorAll("button.fold")) fold.click();
  steps++;
}
return [steps, document.querySelectorAll("g.node").length, data.nodes.length];
"""


@pytest.mark.parametrize("name", ODD)
def test_odd_networks(name):
    net, x, t, loss = ODD[name]()
    found = net.explain(x, t, loss)
    if name not in ("NaN", "infinity"):
        assert found.report.passed
    steps, drawn, nodes = browser.look(found.to_html(), ALL, width=360)
    assert drawn == nodes and steps > nodes


def test_deep_networks():
    for depth, is_drawn in ((60, True), (410, False)):
        net = dp.Sequential([dp.Dense(3, activation="tanh") for _ in range(depth)], (3,))
        found = net.explain(np.ones((1, 3)), np.zeros((1, 3)), "mse", verify=False)
        script = "slider.value = 99; show(); return [steps.length, document.querySelectorAll('g.node').length, nodes.length]"
        steps, drawn, nodes = browser.look(found.to_html(), script)
        assert steps == 2 * nodes - 1 and nodes == depth + 3  # nothing comes back to the target
        assert drawn == (nodes if is_drawn else 0)


def test_no_rows():
    with pytest.raises(dp.InvalidArgument, match="at least one row"):
        small().explain(np.zeros((0, 2)))


@pytest.mark.parametrize("size", [2, 50, 5000])
def test_distributions(size):
    values = np.random.default_rng(size).normal(size=size)
    found = histogram(values)
    expected, _ = np.histogram(values, BINS)
    assert_array_equal(found["bins"], expected)
    assert (found["low"], found["high"]) == (values.min(), values.max())
    assert found["mean"] == pytest.approx(values.mean()) and found["spread"] == pytest.approx(values.std())


def test_distributions_of_odd_values():
    assert histogram(np.array([])) == {"count": 0, "odd": 0}
    assert histogram(np.array([np.nan, np.inf])) == {"count": 2, "odd": 2}
    found = histogram(np.array([3.0, 3.0, np.nan]))
    assert found["bins"].sum() == 2 and found["odd"] == 1 and found["spread"] == 0
    huge = histogram(np.array([1.7e308, -1.7e308, 1.7e308]))
    assert huge["bins"].sum() == 3 and huge["bins"][0] == 1 and huge["mean"] == pytest.approx(1.7e308 / 3)
    tiny = histogram(np.array([0, 5e-324, 0]))
    assert tiny["bins"].sum() == 3 and tiny["zeros"] == 2
