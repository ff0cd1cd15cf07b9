"""Drawings and the summary: well-formed, complete, escaped, and of the sizes that they should have."""

from __future__ import annotations

import re
import shutil
import subprocess
from xml.etree import ElementTree

import denpa as dp
import numpy as np
import pytest
from test_trace import HALF, notes_network

SVG = "{http://www.w3.org/2000/svg}"


def parsed(text):
    """The elements of a drawing, which is one well-formed document without references to others."""
    root = ElementTree.fromstring(text)
    assert root.tag == SVG + "svg"
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    for element in root.iter():
        assert element.tag in {
            SVG + tag for tag in "svg title style defs marker path rect line circle text".split()
        }
        for name in ("x", "x1", "x2", "cx"):
            value = element.get(name)
            assert value is None or 0 <= float(value) <= width, (element.tag, element.attrib)
        for name in ("y", "y1", "y2", "cy"):
            value = element.get(name)
            assert value is None or 0 <= float(value) <= height, (element.tag, element.attrib)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme:dark" in text
    return root


def texts(root):
    return [element.text for element in root.iter(SVG + "text")]


def boxes(root):
    """The rectangles of nodes: left, top, width, height."""
    found = [element for element in root.iter(SVG + "rect") if element.get("rx")]
    return [tuple(float(element.get(name)) for name in ("x", "y", "width", "height")) for element in found]


def overlap(a, b):
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def branches():
    x = dp.Input((3,), name="x")
    h = dp.Dense(4, activation="tanh", name="h")(x)
    parts = [dp.Dense(2, name=f"part_{number}")(h) for number in range(5)]
    y = dp.Dense(1, name="y")(dp.Concat(name="all")([*parts, h, x]))
    return dp.Model(x, {"y": y, "first": parts[0]}, dtype="float64", seed=1)


# ------------------------------------------------------------------------------------------------- computational graph


def test_the_graph_has_every_layer_and_no_two_are_in_one_place():
    net = branches()
    root = parsed(net.draw_graph())
    shown = texts(root)
    for name in net.layers:
        assert shown.count(name) == 1
    assert "h.W (3, 4)" in shown and "dense · tanh" in shown and "all (rows, 17)" in shown
    places = boxes(root)
    assert len(places) == len(net.layers) + 1
    assert not any(overlap(a, b) for index, a in enumerate(places) for b in places[:index])
    arrows = [element for element in root.iter(SVG + "path") if element.get("marker-end")]
    assert (
        len(arrows) == 1 + 5 + 7 + 1 + 1
    )  # to h; to the parts; to concat; to y; and y leaves, as first is read


def test_arrows_go_from_left_to_right():
    for element in parsed(branches().draw_graph()).iter(SVG + "path"):
        if element.get("marker-end"):
            xs = [float(pair.split(",")[0]) for pair in re.findall(r"[\d.-]+,[\d.-]+", element.get("d"))]
            assert xs == sorted(xs)


def test_values_are_above_the_arrows_and_gradients_below():
    """SOURCES D: sigmoid taken apart, at 10."""
    x = dp.Input((), name="x")
    e = dp.Exp(name="exp")(dp.Negate(name="negate")(x))
    net = dp.Model(x, 1.0 / (e + 1.0), dtype="float64")
    trace = net.trace(10.0, loss=dp.Computed(reduction="sum"))
    text = trace.draw_graph()
    shown = texts(parsed(text))
    assert "x = 10" in shown and "negate = -10" in shown and "exp = 4.54e-05" in shown
    assert "1" in shown and "4.54e-05" in shown  # dE/dE, and backward(1) of sigmoid(10)
    places = {
        element.text: (float(element.get("x")), float(element.get("y")))
        for element in parsed(text).iter(SVG + "text")
    }
    assert places["4.54e-05"][1] > places["x = 10"][1] and places["4.54e-05"][0] == places["x = 10"][0]


def test_large_tensors_are_shown_by_their_shapes():
    net = dp.Sequential(
        [dp.Dense(30, activation="relu"), dp.Dense(2)], input_shape=(40,), names="book", seed=1
    )
    shown = texts(parsed(net.trace(np.ones((5, 40)), np.ones((5, 2)), loss="mse").draw_graph()))
    assert (
        "x (5, 40)" in shown and "z1 (5, 30)" in shown and "∂E/∂ (5, 30)" in shown and "W1 (40, 30)" in shown
    )


def test_several_outputs_of_a_layer_leave_it_at_different_heights():
    x = dp.Input((6,), name="x")
    parts = dp.Split(sizes=[2, 2, 2], name="s")(x)
    net = dp.Model(x, dp.Add(name="sum")([parts[0], parts[1]]) * parts[2])
    root = parsed(net.draw_graph())
    heights = {e.get("y") for e in root.iter(SVG + "text") if e.text and e.text.startswith("s.")}
    assert len(heights) == 3


# -------------------------------------------------------------------------------------------------------- the network


@pytest.mark.parametrize("sizes", [(2, 3, 1), (2, 3, 3, 1), (1, 1), (784, 50, 10), (30, 12, 13, 2)])
def test_units_and_connections(sizes):
    layers = [dp.Dense(size, activation="sigmoid") for size in sizes[1:]]
    net = dp.Sequential(layers, input_shape=(sizes[0],), seed=1)
    root = parsed(net.draw())
    drawn = [size if size <= 12 else 9 for size in sizes]
    circles = list(root.iter(SVG + "circle"))
    assert len(circles) == sum(drawn)
    assert len(list(root.iter(SVG + "line"))) == sum(a * b for a, b in zip(drawn, drawn[1:]))
    shown = texts(root)
    assert shown.count("⋮") == sum(size > 12 for size in sizes)
    for size in sizes:
        assert f"{size} unit{'s' * (size != 1)}" in shown
    centers = [(float(c.get("cx")), float(c.get("cy")), float(c.get("r"))) for c in circles]
    assert len({(x, y) for x, y, _ in centers}) == len(centers)


def test_wide_lines_are_large_weights_and_colors_are_signs():
    net = dp.Sequential([dp.Dense(2)], input_shape=(2,), dtype="float64", names="book")
    net.parameters["W1"] = [[1, -0.5], [0, 0.25]]
    lines = list(parsed(net.draw()).iter(SVG + "line"))
    assert [line.get("class") for line in lines] == [
        "dp-positive",
        "dp-negative",
        "dp-positive",
        "dp-positive",
    ]
    widths = [float(line.get("stroke-width")) for line in lines]
    assert widths[0] > widths[1] > widths[3] > widths[2] > 0
    assert {"1", "-0.5", "0", "0.25"} <= set(texts(parsed(net.draw())))
    net.parameters["W1"][0, 0] = np.nan
    assert "nan" in texts(parsed(net.draw()))


def test_a_trace_shows_values_gradients_and_factors():
    trace = notes_network().trace([[1.0, 2.0], [0.0, 0.0]], [[1.0, 3.0], [0, 0]], loss=HALF)
    root = parsed(trace.draw(inputs=["left", "right"], outputs=["sum", "product"], factors=("W1", (0, 1))))
    shown = texts(root)
    assert {"left", "right", "sum", "product", "1.3", "2.29", "1.56", "0.28"} <= set(shown)
    chosen = [line for line in root.iter(SVG + "line") if line.get("class") == "dp-chosen"]
    back = [line for line in root.iter(SVG + "line") if line.get("class") == "dp-back"]
    assert len(chosen) == 1 and len(back) == 2
    assert len([c for c in root.iter(SVG + "circle") if c.get("class") == "dp-ring"]) == 2
    for line in str(trace.factors("W1", (0, 1))).splitlines():
        assert line in shown
    second = texts(parsed(trace.draw(row=1)))
    assert "0.1" in second and "2.29" not in second
    bias = parsed(trace.draw(factors=("b2", 1)))
    assert not [line for line in bias.iter(SVG + "line") if line.get("class") == "dp-chosen"]


def test_the_units_of_factors_are_drawn_in_folded_layers():
    net = dp.Sequential(
        [dp.Dense(40, activation="relu"), dp.Dense(3)],
        input_shape=(100,),
        dtype="float64",
        names="book",
        seed=2,
    )
    trace = net.trace(np.ones((1, 100)), np.ones((1, 3)), loss="mse")
    root = parsed(trace.draw(factors=("W1", (57, 23))))
    assert len(list(root.iter(SVG + "circle"))) == 10 + 10 + 3 + 2  # and two rings
    assert texts(root).count("⋮") == 4


@pytest.mark.parametrize(
    "layers, shape, reason",
    [
        (
            lambda: [dp.Conv2D(2, kernel=2), dp.Flatten(), dp.Dense(2)],
            (4, 4, 1),
            'conv2d "conv2d_1" is in it',
        ),
        (lambda: [dp.Dense(3), dp.BatchNorm(), dp.Dense(2)], (4,), 'batch_norm "batch_norm_1" is in it'),
        (lambda: [dp.ReLU()], (4,), "there is none"),
        (lambda: [dp.Dense(3)], (4, 5), "reads \\(rows, 4, 5\\), not rows of numbers"),
    ],
)
def test_other_networks_are_refused(layers, shape, reason):
    net = dp.Sequential(layers(), input_shape=shape)
    with pytest.raises(
        dp.NotSupported, match=f"only a chain of dense layers .*{reason}; DENPA_DRAW_GRAPH draws any model"
    ):
        net.draw()
    parsed(net.draw_graph())


def test_branches_and_several_ends_are_refused():
    with pytest.raises(dp.NotSupported, match="1 inputs and 2 outputs"):
        branches().draw()
    x = dp.Input((3,), name="x")
    net = dp.Model(x, dp.Dense(1)(dp.Dense(2, name="a")(x) + dp.Dense(2, name="b")(x)))
    with pytest.raises(dp.NotSupported, match='add "add_1" has several inputs'):
        net.draw()


def test_dropout_flatten_and_activations_are_passed_over():
    layers = [dp.Flatten(), dp.Dense(3), dp.Tanh(), dp.Dropout(0.5), dp.Dense(2), dp.Softmax()]
    net = dp.Sequential(layers, input_shape=(2, 2), names="book")
    shown = texts(parsed(net.draw()))
    assert shown.count("dense, tanh, dropout") == 1 and "dense, softmax" in shown and "flatten" in shown


# ------------------------------------------------------------------------------------------------------- text and files


def test_text_is_escaped():
    wicked = [
        "<script>alert(1)</script>",
        "a & b",
        'c "d"',
        "e'f",
        "\x01\x1f",
        "雨 ⚡",
        "\ufffe\uffff",
        "]]>",
    ]
    net = dp.Sequential([dp.Dense(8)], input_shape=(8,))
    root = parsed(net.draw(inputs=wicked, outputs=wicked))
    shown = texts(root)
    for name in (wicked[0], wicked[1], wicked[2], wicked[3], wicked[5], wicked[7]):
        assert shown.count(name) == 2
    assert shown.count("??") == 4  # characters that XML does not have
    assert "<script" not in net.draw(inputs=wicked)
    dot = net.draw(".dot", inputs=wicked)
    assert r'"c \"d\""' in dot.replace("\\n", "") or r"c \"d\"" in dot


def test_dot_is_what_graphviz_reads():
    nets = [branches().draw_graph(".dot"), notes_network().trace([1.0, 2.0]).draw(".dot")]
    for text in nets:
        assert text.startswith("digraph {") and text.rstrip().endswith("}")
        assert text.count('"') % 2 == 0 and not isinstance(text, dp._drawing.Picture)
    assert 'label="h\\ndense · tanh\\nh.W (3, 4)\\nh.b (4,)"' in nets[0]
    assert '[label="z1[1]\\n1.3"]' in nets[1] and "u0_0 -> u1_0" in nets[1]
    if shutil.which("dot"):
        for text in nets:
            subprocess.run(["dot", "-Tsvg"], input=text.encode(), check=True, capture_output=True)


def test_files(tmp_path):
    net = notes_network()
    text = net.draw(tmp_path / "net.svg", outputs=["⚡", "b"])
    assert (tmp_path / "net.svg").read_text(encoding="utf-8") == text
    assert net.draw_graph(tmp_path / "graph.DOT").startswith("digraph")
    assert (tmp_path / "graph.DOT").read_text().startswith("digraph")
    with pytest.raises(dp.InvalidArgument, match="ends in .svg or .dot, got 'net.png'"):
        net.draw("net.png")
    with pytest.raises(dp.TypeMismatch):
        net.draw(3)
    with pytest.raises(OSError):
        net.draw(tmp_path / "none" / "net.svg")
    with pytest.raises(dp.InvalidArgument, match="3 names for the 2 units of the input"):
        net.draw(inputs=["a", "b", "c"])
    with pytest.raises(dp.TypeMismatch):
        net.draw(inputs="ab")
    with pytest.raises(dp.TypeMismatch):
        net.trace([1.0, 2.0]).draw(factors="W1")
    with pytest.raises(dp.InvalidArgument, match="1 rows, counted from 0; got row 1"):
        net.trace([1.0, 2.0]).draw(row=1)
    with pytest.raises(dp.BadState):
        net.trace([1.0, 2.0]).draw(factors=("W1", (0, 0)))


def test_notebooks_show_them():
    net = notes_network()
    assert net.draw()._repr_svg_() == net.draw()
    assert net.trace([1.0, 2.0])._repr_svg_() == net.trace([1.0, 2.0]).draw_graph()
    table = ElementTree.fromstring(net._repr_html_())
    assert table.tag == "table" and len(table.find("tbody")) == 3
    assert [cell.text for cell in table.find("tbody")[0]][:4] == [
        "dense_1",
        "dense · relu",
        "(rows, 3)",
        "W1 (2, 3), b1 (3,)",
    ]
    net.close()
    assert "closed" in net._repr_html_()


def test_drawing_shows_the_weights_of_now():
    net = notes_network()
    net.parameters["W1"][0, 0] = 0.777
    assert "0.777" in texts(parsed(net.draw()))
    net.compile(HALF, dp.SGD(0.01))
    net.train_batch([[1.0, 2.0]], [[1.0, 3.0]])
    assert "0.777" not in texts(parsed(net.draw()))


# --------------------------------------------------------------------------------------------------------- the summary


def test_the_summary_counts_parameters_and_operations():
    net = dp.Sequential(
        [dp.Dense(50, activation="relu"), dp.Dense(10), dp.Softmax()], input_shape=(784,), names="book"
    )
    lines = net.summary().splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "count", "trained", "FLOP"]
    cells = [re.split(r"\s{2,}", line) for line in lines[2:5]]
    assert cells[0] == [
        "dense_1",
        "dense · relu",
        "(rows, 50)",
        "W1 (784, 50), b1 (50,)",
        "39250",
        "yes",
        "78.5 k",
    ]
    assert cells[1] == ["dense_2", "dense", "(rows, 10)", "W2 (50, 10), b2 (10,)", "510", "yes", "1 k"]
    assert cells[2][:3] == ["softmax_1", "softmax", "(rows, 10)"]
    assert lines[5].startswith(
        "39760 parameters, float32, 159 kB: input_1 (rows, 784) -> softmax_1 (rows, 10)"
    )
    # 2·784·50 + 50 + 2·50·10, and 4 for each number of the softmax.
    assert lines[6].startswith("inference, 1 row: 79.5 kFLOP, plan ")
    assert lines[7].startswith("training step, 1 row: ") and lines[7].endswith("weights and gradients 318 kB")
    net.set_trainable("dense_1", False)
    assert re.split(r"\s{2,}", net.summary().splitlines()[2])[5] == "no"


def test_operations_of_a_batch_in_closed_form():
    net = dp.Sequential([dp.Conv2D(8, kernel=3, name="c")], input_shape=(10, 12, 3))
    x = np.zeros((5, 10, 12, 3), "float32")
    line = next(line for line in net.summary(x).splitlines() if line.startswith("c "))
    assert line.endswith(f" {2 * 5 * 8 * 10 * 27 * 8 / 1000:.3g} k")
    assert "inference, 5 rows: " in net.summary(x)


def test_open_extents_need_a_batch():
    x = dp.Input((None, 3), name="x")
    net = dp.Model(x, dp.Dense(4)(x))
    assert "(rows, any, 4)" in net.summary() and "FLOP," not in net.summary()
    known = net.summary(np.zeros((2, 7, 3)))
    assert "(rows, 7, 4)" in known and f"{2 * 2 * 7 * 3 * 4} FLOP" in known
    with pytest.raises(dp.ShapeError):
        net.summary(np.zeros((2, 7, 4)))
