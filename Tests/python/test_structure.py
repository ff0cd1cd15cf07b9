"""What pages show of a network's structure: columns of neurons, and where the nodes of a graph are drawn."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from denpa._structure import dense_chain, placed, shown_of


def columns(net):
    return [(c.name, c.size, c.note) for c in dense_chain(net._parts, set(dp.plots.functions()))]


def test_chains_of_dense_layers():
    layers = [
        dp.Flatten(),
        dp.Dense(5, activation="relu"),
        dp.Dense(4),
        dp.Tanh(),
        dp.Dropout(0.5),
        dp.Dense(2),
        dp.Softmax(),
    ]
    assert columns(dp.Sequential(layers, (2, 3))) == [
        ("input_1", 6, "input, flatten"),
        ("dense_1", 5, "relu"),
        ("dense_2", 4, "tanh, dropout"),
        ("dense_3", 2, "softmax"),
    ]


def test_what_is_no_chain():
    assert columns(dp.Sequential([dp.Conv2D(2, kernel=3), dp.Flatten(), dp.Dense(2)], (5, 5, 1))) == []
    assert columns(dp.Sequential([dp.Dense(2)], (3, 4))) == []  # over a sequence
    assert columns(dp.Sequential([dp.ReLU()], (3,))) == []
    assert (
        columns(dp.Sequential([dp.Embedding(9, 2), dp.Flatten(), dp.Dense(2)], (4,), input_dtype="int64"))
        == []
    )
    assert columns(dp.Sequential([dp.Dense(3), dp.LayerNorm(), dp.Dense(2)], (3,))) == []
    x = dp.Input((3,))
    h = dp.Dense(3)(x)
    assert columns(dp.Model(x, h + x)) == []
    assert columns(dp.Model(x, {"h": h, "y": dp.Dense(2)(h)})) == []
    assert columns(dp.Model(x, h + h)) == []


def test_a_layer_that_is_applied_twice():
    x, twice = dp.Input((3,), name="x"), dp.Dense(3, name="d")
    net = dp.Model(x, twice(twice(x)))
    assert columns(net) == [("x", 3, "input"), ("d", 3, ""), ("d_2", 3, "")]
    found = dense_chain(net._parts, set())
    assert found[1].weights == found[2].weights == "d.W"


def test_which_neurons_are_drawn():
    assert shown_of(12) == list(range(12)) and shown_of(0) == []
    assert shown_of(13) == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]


def test_places():
    # 0 → 1 → 2 → 3 and 0 → 3: the long edge has a place of its own in each row between.
    places, routes = placed(4, [(0, 1, 0), (1, 2, 0), (2, 3, 0), (0, 3, 0)])
    assert [down for _, down in places] == [0, 1, 2, 3]
    assert [len(route) for route in routes] == [0, 0, 0, 2]
    assert [down for _, down in routes[3]] == [1, 2]
    everything = places + routes[3]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("seed", range(20))
def test_places_of_random_graphs(seed):
    draw = np.random.default_rng(seed)
    count = int(draw.integers(1, 40))
    edges = sorted({(int(draw.integers(0, n)), n, 0) for n in range(1, count) for _ in range(3)})
    places, routes = placed(count, edges)
    everything = places + [place for route in routes for place in route]
    assert len(set(everything)) == len(everything) and len(places) == count
    for (source, target, _), route in zip(edges, routes):
        rows = [places[source][1], *(down for _, down in route), places[target][1]]
        assert rows == list(range(rows[0], rows[0] + len(rows)))
