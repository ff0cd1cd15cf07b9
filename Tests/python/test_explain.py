"""The page on one batch: its numbers are those of NumPy, its clicks work, and nothing in it is markup by mistake."""

from __future__ import annotations

import base64
import json
import re

import browser
import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

HALF = dp.MeanSquaredError(half=True, reduction="batch_mean")
X, T = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[1.0, 3.0], [0.0, 1.0]])
BOOK = {
    "W1": [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]],
    "b1": [0.1, 0.2, 0.3],
    "W2": [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]],
    "b2": [0.1, 0.2],
    "W3": [[0.1, 0.3], [0.2, 0.4]],
    "b3": [1, 2],
}


def notes_network():
    layers = [dp.Dense(3, activation="tanh"), dp.Dense(2, activation="sigmoid"), dp.Dense(2)]
    net = dp.Sequential(layers, (2,), dtype="float64", names="book")
    net.parameters.update(BOOK)
    return net


def branches():
    """Two inputs, a shared layer, a split, two losses."""
    a, b = dp.Input((2,), name="a"), dp.Input((3,), name="b")
    shared = dp.Dense(4, activation="tanh", name="shared")
    first, second = dp.Split(parts=2, name="sp")(shared(a))
    h = dp.concat([first, second, b])
    g = dp.Dense(4, name="g")(h) + shared(a) * 0.5
    outputs = {"p": dp.Dense(1, name="p")(g), "q": dp.Softmax(name="prob")(dp.Dense(2, name="q")(h))}
    net = dp.Model([a, b], outputs, dtype="float64", seed=1)
    loss = dp.Sum(dp.MeanSquaredError("p"), 0.1 * dp.CrossEntropy("q"))
    draw = np.random.default_rng(1)
    x = {"a": draw.normal(size=(3, 2)), "b": draw.normal(size=(3, 3))}
    return net, x, {"p": draw.normal(size=(3, 1)), "q": [0, 1, 1]}, loss


def images():
    layers = [dp.Conv2D(3, kernel=3, activation="relu"), dp.Flatten(), dp.Dropout(0.2), dp.Dense(4)]
    net = dp.Sequential(layers, (6, 6, 1), seed=1)
    x = np.random.default_rng(0).normal(size=(4, 6, 6, 1)).astype("f4")
    return net, x, [0, 1, 2, 3], dp.SoftmaxCrossEntropy()


def large():
    net = dp.Sequential([dp.Dense(50, activation="relu"), dp.Dense(10)], (784,), seed=0)
    return net, np.random.default_rng(0).normal(size=(2, 784)), [3, 4], dp.SoftmaxCrossEntropy()


def sequences():
    net = dp.Sequential(
        [dp.Embedding(9, 4), dp.Dense(3, activation="gelu"), dp.LayerNorm()], (5,), input_dtype="int64"
    )
    return net, np.arange(10).reshape(2, 5) % 9, np.ones((2, 5, 3)), dp.MeanSquaredError()


def one_number():
    return notes_network(), X[0], T[0], HALF


NETWORKS = {
    "notes": lambda: (notes_network(), X, T, HALF),
    "one sample": one_number,
    "branches": branches,
    "images": images,
    "large": large,
    "sequences": sequences,
}


def data_of(found):
    return json.loads(re.search(r'id="data">(.*?)</script>', found.to_html())[1])


def numbers(text):
    return np.frombuffer(base64.b64decode(text), "<f8")


# -- the data --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_the_page_has_the_numbers_of_the_trace(name):
    net, x, t, loss = NETWORKS[name]()
    before = net.to_bytes()
    found = net.explain(x, t, loss)
    assert net.to_bytes() == before
    data, trace = data_of(found), found.trace
    assert data["loss"] == trace.loss == pytest.approx(net.loss_and_gradients(x, t, loss)[0], rel=1e-6)
    assert [tensor["label"] for tensor in data["tensors"]] == list(trace)
    for tensor in data["tensors"]:
        value = np.asarray(trace[tensor["label"]], "f8")
        assert tensor["shape"] == list(value.shape)
        matrix = value.reshape(1, -1) if value.ndim < 2 else value.reshape(-1, value.shape[-1])
        corner = matrix[:32, :32]
        assert tensor["corner"] == list(corner.shape) and tensor["matrix"] == list(matrix.shape)
        assert_array_equal(numbers(tensor["value"]), corner.ravel())
        histogram = tensor["histogram"]
        assert histogram["count"] == value.size == sum(histogram["bins"]) and histogram["odd"] == 0
        assert histogram["mean"] == pytest.approx(value.mean(), rel=1e-5, abs=1e-6)
        assert ("gradient" in tensor) == (tensor["label"] in trace.grad)
    assert found.report.passed and data["check"]["passed"]
    assert len(data["check"]["rows"]) == len(found.report)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_steps_lead_forward_and_back(name):
    net, x, t, loss = NETWORKS[name]()
    data = data_of(net.explain(x, t, loss, verify=False))
    assert data["check"] is None
    names = [node["name"] for node in data["nodes"]]
    forward = [names[node] for node, direction in data["steps"] if direction == "forward"]
    back = [names[node] for node, direction in data["steps"] if direction == "backward"]
    assert forward == names and set(net.layers) <= set(names)
    assert back == [name for name in reversed(names) if name in back]
    trained = {name for name, layer in net.layers.items() if layer.parameter_names}
    assert trained <= set(back) and set(net.input_names) - set(back) in (set(), {"input_1"})
    # Every layer comes after all that it takes, and below it in the drawing.
    for source, target, _ in data["edges"]:
        assert source < target and data["places"][source][1] < data["places"][target][1]
    taken = {names[source] for source, _, _ in data["edges"]}
    assert taken == {name for name, node in zip(names, data["nodes"]) if node["role"] != "loss"}


def test_the_edges_are_those_of_the_network():
    net, x, t, loss = branches()
    data = data_of(net.explain(x, t, loss))
    names = [node["name"] for node in data["nodes"]]
    labels = [tensor["label"] for tensor in data["tensors"]]
    edges = {(names[a], names[b], labels[value]) for a, b, value in data["edges"]}
    assert {("sp", "concat_1", "sp.0"), ("sp", "concat_1", "sp.1"), ("b", "concat_1", "b")} <= edges
    assert {("a", "shared", "a"), ("a", "shared_2", "a"), ("g", "add_1", "g")} <= edges
    assert {("p", "mean_squared_error_1", "p"), ("prob", "cross_entropy_1", "prob")} <= edges
    assert data["network"] is None
    twin = data["nodes"][names.index("shared_2")]
    assert [labels[number] for number in twin["parameters"]] == ["shared.W", "shared.b"]


def test_without_targets_there_are_no_gradients():
    found = notes_network().explain(X)
    data = data_of(found)
    assert found.report is None and data["check"] is None and data["loss"] is None
    assert {direction for _, direction in data["steps"]} == {"forward"}
    assert not any("gradient" in tensor for tensor in data["tensors"])
    assert repr(found) == "<explanation of a Sequential of 23 parameters: 12 values>"


def test_a_wrong_gradient_is_told():
    @dp.custom_layer("explain.wrong", proof="request")
    class Wrong:
        """y = x**2 <img src=x onerror=alert(1)>"""

        def forward(self, x):
            return x * x

        def backward(self, dy, *, x):
            return 3 * x * dy

    net = dp.Sequential(
        [dp.Dense(2, name="in"), Wrong(name="bad"), dp.Dense(1)], (2,), dtype="float64", seed=1
    )
    found = net.explain(X, T[:, :1], "mse")
    data = data_of(found)
    assert not found.report.passed and not data["check"]["passed"]
    assert data["check"]["sentence"] == found.report.message
    words = browser.look(found.to_html(), "return [document.getElementById('facts').textContent, "
        "document.getElementById('check').textContent, document.images.length]")  # fmt: skip
    assert "Gradient check failed." in words[0] and found.report.message in words[1] and words[2] == 0


def test_what_cannot_be_checked_is_said():
    net = notes_network()
    net.parameters["W2"][0, 0] = np.nan
    data = data_of(net.explain(X, T, HALF))
    assert not data["check"]["passed"] and data["check"]["sentence"]
    assert data["loss"] is None
    odd = next(tensor for tensor in data["tensors"] if tensor["label"] == "z2")["histogram"]
    assert odd["count"] == 4 and odd["odd"] == 2
    wait = "await new Promise((done) => setTimeout(done, 100));"
    seen = browser.look(net.explain(X, T, HALF).to_html(), wait + "return document.body.textContent")
    assert "2 of 4 are not finite" in seen


def test_what_is_refused(tmp_path):
    net = notes_network()
    with pytest.raises(dp.ShapeError, match="input"):
        net.explain(X[:, :1])
    with pytest.raises(dp.BadState, match="no loss yet"):
        net.explain(X, T)
    with pytest.raises(dp.TypeMismatch, match="path"):
        net.explain(X).save(3)
    net.close()
    with pytest.raises(dp.BadState, match="closed"):
        net.explain(X)
    assert list(tmp_path.iterdir()) == []


# -- the page in a browser -------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else(tmp_path):
    evil = "</script><script>alert(1)</script>"
    net, x, t, loss = branches()
    net.explain(x, t, loss).save(tmp_path / "page.html", title=evil)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert evil not in text and text.count("<script") == 2
    assert not re.search(r"""(src|href)\s*=\s*["']?\w+:""", text) and "@import" not in text
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}
    frame = net.explain(x, t, loss)._repr_html_()
    assert frame.startswith("<iframe srcdoc=") and "<script" not in frame


WALK = """
const seen = [], slider = document.getElementById("step"), wide = [];
for (let step = 0; step <= Number(slider.max); step++) {
  for (const each of ["value", "gradient", "slope"]) {
    const cells = document.querySelectorAll(`#detail table[data-which=${each}] td[data-row]`);
    for (const cell of [cells[0], cells[cells.length - 1]]) if (cell) cell.click();
  }
  for (const fold of document.querySelectorAll("button.fold")) fold.click();
  seen.push(document.querySelector("#detail h2").textContent.split(" ").slice(0, 2).join(" "));
  wide.push(document.documentElement.scrollWidth);
  document.getElementById("next").click();
}
const boxes = [...document.querySelectorAll("g.node")], reached = [];
for (const box of boxes) {
  box.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  reached.push(document.querySelector("#detail h2").textContent.split(" ")[1]);
}
for (let back = 0; back < 99; back++) document.getElementById("back").click();
return { seen, reached, wide: Math.max(...wide), first: document.getElementById("where").textContent,
  names: data.nodes.map((node) => node.title), odd: document.querySelectorAll("td.odd").length };
"""


@pytest.mark.parametrize(
    "name, width, dark",
    [(name, 360, False) for name in NETWORKS]
    + [
        (name, *view) for name in ("branches", "large") for view in ((360, True), (1440, False), (1440, True))
    ],
)
def test_all_steps_and_clicks(name, width, dark):
    net, x, t, loss = NETWORKS[name]()
    found = browser.look(net.explain(x, t, loss).to_html(), WALK, width=width, dark=dark)
    names = found["names"]
    first = [f"Forward: {name.split(' ')[0]}" for name in names]
    assert found["seen"][: len(names)] == first and len(found["seen"]) > len(names)
    assert all(title.startswith("Backward: ") for title in found["seen"][len(names) :])
    assert found["reached"] == [name.split(" ")[0] for name in names]
    assert found["first"].startswith("1 of ") and found["odd"] == 0
    assert found["wide"] <= width


def clicks(*cells):
    """A script that goes to a step, clicks a cell and returns the lines that explain it, for each of `cells`."""
    return """
    const told = [];
    for (const [direction, node, label, which, row, column, sample] of %s) {
      sampleBox.value = sample;
      slider.value = steps.findIndex(([n, d]) => d === direction && nodes[n].name === node);
      slider.dispatchEvent(new Event("input"));
      const number = tensors.findIndex((tensor) => tensor.label === label);
      document.querySelector(`#detail table[data-tensor="${number}"][data-which=${which}] td[data-row="${row}"][data-column="${column}"]`).click();
      told.push([...document.querySelectorAll("#derivation p")].map((line) => line.textContent));
    }
    return told;
    """ % json.dumps(cells)


def last_number(line):
    return float(line.rpartition("= ")[2].replace("−", "-"))


def test_where_each_number_comes_from():
    """Each sum that a click shows is the value that NumPy computes."""
    net = notes_network()
    p = {name: np.array(value, float) for name, value in BOOK.items()}
    u1 = X @ p["W1"] + p["b1"]
    z1 = np.tanh(u1)
    u2 = z1 @ p["W2"] + p["b2"]
    z2 = 1 / (1 + np.exp(-u2))
    dy = (z2 @ p["W3"] + p["b3"] - T) / 2
    dz2 = dy @ p["W3"].T
    du2 = dz2 * z2 * (1 - z2)
    dz1 = du2 @ p["W2"].T
    du1 = dz1 * (1 - z1**2)
    cells = [
        (("forward", "dense_1", "u1", "value", 1, 2, 0), u1[1, 2]),
        (("forward", "dense_3", "y", "value", 0, 1, 0), (z2 @ p["W3"] + p["b3"])[0, 1]),
        (("backward", "dense_3", "z2", "gradient", 1, 0, 0), dz2[1, 0]),
        (("backward", "dense_2", "u2", "gradient", 1, 0, 0), du2[1, 0]),
        (("backward", "dense_2", "z1", "gradient", 0, 2, 0), dz1[0, 2]),
        (("backward", "dense_3", "W3", "gradient", 1, 0, 0), (z2.T @ dy)[1, 0]),
        (("backward", "dense_1", "b1", "gradient", 0, 1, 0), du1[0, 1]),  # of row 0
        (("backward", "dense_2", "W2", "gradient", 2, 1, 1), z1[1, 2] * du2[1, 1]),
        (("backward", "dense_2", "u2", "slope", 1, 1, 0), (z2 * (1 - z2))[1, 1]),
    ]
    html = net.explain(X, T, HALF).to_html()
    told = browser.look(html, clicks(*[cell for cell, _ in cells]))
    for (cell, expected), lines in zip(cells, told):
        assert last_number(lines[-1]) == pytest.approx(expected, rel=2e-5), (cell, lines)
    assert last_number(told[6][2]) == pytest.approx(du1.sum(axis=0)[1], rel=2e-5)
    factors = told[7][-1]
    assert factors.startswith("Row 1: error ") and " × slope f′ " in factors and " × input " in factors
    assert last_number(told[7][0]) == pytest.approx((z1.T @ du2)[2, 1], rel=1e-7)
    assert last_number(told[7][2]) == pytest.approx((z1.T @ du2)[2, 1], rel=2e-5)
    assert told[0][0] == f"u1[1, 2] = {u1[1, 2]:.8g}".replace("-", "−") and told[0][1] == "= Σ x·W1 + b1"


def test_sums_over_layers_that_share_parameters():
    net, x, t, loss = branches()
    found = net.explain(x, t, loss)
    cells = [
        ("backward", "shared", "shared.W", "gradient", 1, 2, 0),
        ("backward", "shared", "a", "gradient", 2, 1, 0),
        ("backward", "q", "concat_1", "gradient", 0, 4, 0),
    ]
    told = browser.look(found.to_html(), clicks(*cells))
    for (_, _, label, _, row, column, _), lines in zip(cells, told):
        assert last_number(lines[0]) == pytest.approx(found.trace.grad[label][row, column], rel=1e-7)
        assert last_number(lines[2]) == pytest.approx(found.trace.grad[label][row, column], rel=2e-5)


def test_the_network_and_the_sample():
    net = notes_network()
    trace = net.explain(X, T, HALF).trace
    script = """
    const titles = () => [...document.querySelectorAll("#network circle title")].map((t) => t.textContent);
    const before = titles();
    slider.value = 2; slider.dispatchEvent(new Event("input"));
    const after = titles();
    sampleBox.value = 1; sampleBox.dispatchEvent(new Event("input"));
    const other = titles();
    document.querySelectorAll("#network circle")[6].dispatchEvent(new MouseEvent("click", { bubbles: true }));
    const chosen_ = document.querySelector("#derivation p").textContent;
    const line = document.querySelector("#network line");
    const width = line.getAttribute("stroke-width");
    line.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    return { before, after, other, chosen: chosen_, width, weight: document.querySelector("#derivation p").textContent,
      hidden: document.getElementById("samples").hidden };
    """
    found = browser.look(net.explain(X, T, HALF).to_html(), script)

    def shown(name, value):
        return f"{name} = {float(f'{value:.4g}'):.4g}".replace("-", "−")

    assert found["before"][:3] == ["input_1[0] = 1", "input_1[1] = 2", "dense_1[0]"]
    assert found["after"][2:5] == [shown(f"dense_1[{k}]", trace["z1"][0, k]) for k in range(3)]
    assert found["other"][5:7] == [shown(f"dense_2[{k}]", trace["z2"][1, k]) for k in range(2)]
    assert found["chosen"].startswith("z2[1, 1] = ") and found["weight"] == "W1[0, 0] = 0.1"
    assert float(found["width"]) == pytest.approx(0.3 + 3.7 * 0.1 / 0.6) and not found["hidden"]
    one = browser.look(
        net.explain(X[0], T[0], HALF).to_html(),
        "return getComputedStyle(document.getElementById('samples')).display",
    )
    assert one == "none"


def test_large_tensors_are_folded():
    net, x, t, loss = large()
    html = net.explain(x, t, loss).to_html()
    assert len(html) < 200_000
    script = """
    slider.value = 1; slider.dispatchEvent(new Event("input"));
    const count = () => document.querySelectorAll('#detail table[data-which=value] td[data-row]').length;
    const folded = count(), text = [...document.querySelectorAll("button.fold")].map((b) => b.textContent);
    for (const button of document.querySelectorAll("button.fold")) button.click();
    return { folded, text, open: count(), circles: document.querySelectorAll("#network circle").length };
    """
    found = browser.look(html, script)
    assert found["folded"] == 2 * 8 + 64 + 8 + 2 * 8 + 2 * 8
    assert found["open"] == 2 * 32 + 32 * 32 + 32 + 2 * 32 + 2 * 32
    assert found["text"][:2] == ["show 2 × 32 of 2 × 784", "show 32 × 32 of 784 × 50"]
    assert found["circles"] == 12 + 12 + 10


def test_in_the_dark_the_page_is_dark():
    html = notes_network().explain(X, T, HALF).to_html()
    script = "return getComputedStyle(document.body).backgroundColor"
    assert browser.look(html, script, dark=True) == "rgb(15, 18, 22)"
    assert browser.look(html, script) == "rgb(255, 255, 255)"
