"""Path and Film: what they remember, that they change no bit of the training, and the page in a browser."""

from __future__ import annotations

import json
import re

import browser
import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

X = np.linspace(-1, 1, 5)[:, None]


def line(w=3.0, b=2.0):
    net = dp.Sequential([dp.Dense(1)], (1,), dtype="float64", names="book")
    net.parameters.update(W1=[[w]], b1=[b])
    net.compile("mse", dp.SGD(0.1))
    return net


def quarters(rows=60, classes=2, **options):
    x = np.random.default_rng(0).uniform(-1, 1, (rows, 2))
    t = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(classes)], (2,), seed=0, **options)
    net.compile("softmax_cross_entropy" if classes > 1 else "mse", dp.Adam(0.01))
    return net, x, t if classes > 1 else t[:, None].astype("f4")


# -- paths -----------------------------------------------------------------------------------------------------


def test_the_path_of_a_line():
    net, path = line(), None
    path = dp.Path(net, ["W1", "b1"])
    net.fit(X, 2 * X + 1, batch_size=5, epochs=200, callbacks=[path])
    steps = np.arange(201)
    assert path.steps == list(steps) and len(path) == 201
    w, b = 2 + (1 - 0.2 * (X**2).mean()) ** steps, 1 + 0.8**steps
    assert_allclose(path["W1"], w[:, None, None], rtol=0, atol=1e-12)
    assert_allclose(path["b1"], b[:, None], rtol=0, atol=1e-12)
    assert_array_equal(path.points, np.c_[path["W1"][:, 0, 0], path["b1"][:, 0]])
    assert path.labels == ["W1", "b1"] and list(path.weights) == ["W1", "b1"]
    assert repr(path) == "<path of W1, b1: 201 points>"
    pytest.importorskip("matplotlib")
    drawn = path.plot().axes[0].lines
    assert_array_equal(drawn[0].get_xydata(), path.points)
    assert_array_equal(drawn[1].get_xydata(), [[3, 2]])
    assert_array_equal(drawn[2].get_xydata(), path.points[-1:])


def test_every_and_the_ends():
    net = line()
    path = dp.Path(net, "W1", every=4)
    net.fit(X, X, epochs=10, callbacks=path)
    assert path.steps == [0, 4, 8, 10]
    net.fit(X, X, epochs=3, callbacks=path)  # begins where the last one ended
    assert path.steps == [0, 4, 8, 10, 12, 13]
    assert path["W1"][-1] == net.parameters["W1"]


def test_own_loops_and_best_epochs():
    net, twin = line(), line()
    path, steps = dp.Path(net), []
    for number in range(6):
        net.train_batch(X, 3 * X)
        path.record(net)
        twin.train_batch(X, 3 * X)
        steps.append(twin.parameters["W1"].item())
    assert path.steps == [1, 2, 3, 4, 5, 6] and path.labels == ["W1", "b1"]
    assert_array_equal(path.points[:, 0], steps)
    stopping = dp.EarlyStopping(restore_best=True, monitor="val_loss")
    net.compile("mse", dp.SGD(3.0))  # which makes it worse in each epoch
    best = dp.Path(net)
    net.fit(X, 3 * X, epochs=4, batch_size=5, validation_data=(X, 3 * X), callbacks=[best, stopping])
    assert best.steps == [0, 1, 2, 3, 4, 4]
    assert_array_equal(best.points[-1], best.points[1])
    assert net.parameters["W1"].item() == best["W1"][-1].item()


def test_what_it_remembers_are_copies():
    net = line()
    path = dp.Path(net)
    net.fit(X, X, callbacks=path)
    before = path.points.copy()
    net.parameters["W1"][:] = 77
    path["W1"][:] = 66
    assert_array_equal(path.points, before)


def test_pictures_of_many_numbers():
    pytest.importorskip("matplotlib")
    net, x, t = quarters()
    path = dp.Path(net)
    net.fit(x, t, epochs=3, callbacks=path)
    assert path.points.shape == (4, 22) and path.labels[1] == "dense_1.W[0, 1]"
    axes = path.plot().axes[0]
    assert len(axes.lines) == 20
    for drawn in axes.lines:
        column = path.labels.index(drawn.get_label())
        assert_array_equal(drawn.get_xydata(), np.c_[path.steps, path.points[:, column]])
    still = set(path.labels) - {drawn.get_label() for drawn in axes.lines}
    span = dict(zip(path.labels, np.ptp(path.points, axis=0)))
    assert max(span[label] for label in still) <= min(v for label, v in span.items() if label not in still)


def test_what_paths_refuse():
    net = line()
    with pytest.raises(dp.NotFound, match='no parameter "W2"'):
        dp.Path(net, ["W1", "W2"])
    with pytest.raises(dp.TypeMismatch, match="Path takes a network, got Dense"):
        dp.Path(dp.Dense(1), ["W1"])
    with pytest.raises(dp.TypeMismatch, match="names is a list"):
        dp.Path(net, 3)
    for wrong, words in (([], "at least one"), (["W1", "W1"], "twice")):
        with pytest.raises(dp.InvalidArgument, match=words):
            dp.Path(net, wrong)
    with pytest.raises(dp.InvalidArgument, match="every"):
        dp.Path(net, every=0)
    path = dp.Path(net)
    with pytest.raises(dp.InvalidArgument, match="no points"):
        path.plot()
    other, x, t = quarters()
    with pytest.raises(dp.BadState, match=r"another network: it records dense_1.W \(1, 1\)"):
        other.fit(x, t, callbacks=path)
    with pytest.raises(dp.BadState, match="another network"):
        path.record(other)
    with pytest.raises(dp.TypeMismatch, match="records a network"):
        path.record(3)
    assert len(path) == 0
    path.record(line())  # one like it


# -- films: what they remember ---------------------------------------------------------------------------------


def test_a_film_of_classes():
    net, x, t = quarters()
    film = dp.Film(net, x, t)
    losses, weights, answers = [], [], []
    grid = np.linspace(*[(low - 0.12 * (high - low), high + 0.12 * (high - low))
        for low, high in zip(x.min(axis=0), x.max(axis=0))][0], 48)  # fmt: skip

    def remember(net, *_):
        losses.append(net.loss(x, t))
        weights.append(net.parameters["dense_2.W"].copy())
        answers.append(net.predict(np.c_[grid, np.full(48, film._stage.low[1])]))

    remember(net)
    net.fit(x, t, epochs=5, callbacks=[film, remember])
    assert film.steps == [0, 1, 2, 3, 4, 5]
    assert film.losses == losses
    assert_array_equal(film.weights["dense_2.W"], weights)
    assert film.regions.shape == (6, 48, 48, 2)
    assert_allclose(film.regions[:, 0], answers, rtol=1e-5, atol=1e-6)


def data_of(film):
    text = film.to_html()
    return json.loads(re.search(r'id="data">(.*?)</script>', text)[1])


def test_frames_are_thinned_out():
    net, x, t = quarters()
    film = dp.Film(net, x, t, frames=8)
    net.fit(x, t, epochs=40, callbacks=film)
    assert film.steps == [0, 8, 16, 24, 32, 40] and film.every == 8
    assert len(film.losses) == len(film.regions) == len(film.weights["dense_1.W"]) == 6
    assert film.losses[-1] == net.loss(x, t)


NETWORKS = {
    "digits": (lambda: dp.Sequential([dp.Dense(30, activation="relu"), dp.Dense(10)], (64,)), (64,), 10),
    "images": (
        lambda: dp.Sequential([dp.Conv2D(3, kernel=3), dp.Flatten(), dp.Dense(4)], (6, 6, 1)),
        (6, 6, 1),
        4,
    ),
    "function layers": (
        lambda: dp.Sequential([dp.Dense(3), dp.ReLU(), dp.Dropout(0.1), dp.Dense(3), dp.Softmax()], (2,)),
        (2,),
        3,
    ),
    "no bias": (lambda: dp.Sequential([dp.Dense(3, bias=False)], (2,)), (2,), 3),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_films_of_other_networks(name, rng, tmp_path):
    make, shape, classes = NETWORKS[name]
    net, x, t = make(), rng.normal(size=(20, *shape)), rng.integers(0, classes, 20)
    loss = "cross_entropy" if name == "function layers" else "softmax_cross_entropy"
    film = dp.Film(net, x, t, loss=loss)
    net.fit(x, t, epochs=2, loss=loss, callbacks=film)
    film.save(tmp_path / "film.html")
    data = data_of(film)
    assert data["network"]["kind"] == ("tensors" if name == "images" else "chain")
    assert (data["stage"] is None) == (shape != (2,)) and (film.regions is None) == (shape != (2,))
    if name == "digits":
        assert [len(column["shown"]) for column in data["network"]["columns"]] == [12, 12, 10]


def test_values_and_curves(rng):
    net, x, t = quarters(classes=1)
    film = dp.Film(net, x, t)
    net.fit(x, t, epochs=2, callbacks=film)
    assert data_of(film)["stage"]["kind"] == "values"
    curve = line()
    film = dp.Film(curve, X[:, 0], 3 * X[:, 0])
    film.record(curve)
    assert film.steps == [1] and film.regions.shape == (1, 121, 1)
    assert_allclose(film.regions[0, :, 0], 3 * np.linspace(-1.24, 1.24, 121) + 2, rtol=1e-6)
    assert data_of(film)["stage"]["kind"] == "curve"


def test_several_outputs_and_branches(rng):
    a, b = dp.Input((2,), name="a"), dp.Input((3,), name="b")
    h = dp.concat([dp.Dense(4)(a), b])
    net = dp.Model([a, b], {"p": dp.Dense(1, name="p")(h), "q": dp.Dense(2, name="q")(h)})
    loss = dp.Sum(dp.MeanSquaredError("p"), dp.SoftmaxCrossEntropy("q"))
    x = {"a": rng.normal(size=(6, 2)), "b": rng.normal(size=(6, 3))}
    t = {"p": rng.normal(size=(6, 1)), "q": rng.integers(0, 2, 6)}
    film = dp.Film(net, x, t)
    net.fit(x, t, loss=loss, callbacks=film)
    assert film.losses[-1] == net.loss(x, t) and film.regions is None
    assert data_of(film)["network"]["kind"] == "tensors"


def test_what_films_refuse(tmp_path):
    net, x, t = quarters()
    with pytest.raises(dp.TypeMismatch, match="Film takes a network"):
        dp.Film(dp.Dense(2), x, t)
    with pytest.raises(dp.ShapeError, match="input"):
        dp.Film(net, x[:, :1], t)
    with pytest.raises(dp.ShapeError, match="t has 3 rows, and x has 60"):
        dp.Film(net, x, t[:3])
    with pytest.raises(dp.InvalidArgument, match="at least one sample"):
        dp.Film(net, x[:0], t[:0])
    with pytest.raises(dp.InvalidArgument, match="frames"):
        dp.Film(net, x, t, frames=1)
    film = dp.Film(net, x, t)
    with pytest.raises(dp.InvalidArgument, match="no frames"):
        film.save(tmp_path / "film.html")
    with pytest.raises(dp.TypeMismatch, match="path"):
        net.fit(x, t, callbacks=film)
        film.save(3)
    assert list(tmp_path.iterdir()) == []


# -- both ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer",
    ["sgd", "adam", dp.SGD(0.1, accumulation=2), dp.Adam(0.01, average_decay=0.9)],
    ids=["sgd", "adam", "accumulation", "average"],
)
@pytest.mark.parametrize("kind", ["path", "film", "flow", "all"])
def test_training_is_the_same_to_the_bit(optimizer, kind):
    trained = []
    for records in (True, False):
        layers = [dp.Dense(6, activation="tanh"), dp.Dropout(0.3), dp.BatchNorm(), dp.Dense(2)]
        net = dp.Sequential(layers, (2,), seed=4)
        _, x, t = quarters()
        made = {
            "path": lambda: dp.Path(net, every=2),
            "film": lambda: dp.Film(net, x, t),
            "flow": dp.GradientFlow,
        }
        chosen = [make() for name, make in made.items() if kind in (name, "all")] if records else []
        options = {"batch_size": 7, "epochs": 3, "validation_split": 0.2, "optimizer": optimizer}
        history = net.fit(x, t, loss="softmax_cross_entropy", callbacks=chosen, **options)
        history.extend(net.fit(x, t, batch_size=60, callbacks=chosen))
        trained.append((net.to_bytes(), history, net._parts.training.state()))
    assert trained[0] == trained[1]


def test_a_recorder_does_not_keep_its_network_alive():
    import gc
    import weakref

    net, x, t = quarters()
    film, path = dp.Film(net, x, t), dp.Path(net)
    net.fit(x, t, callbacks=[film, path])
    gone = weakref.ref(net)
    gc.disable()
    try:
        del net
        assert gone() is None
    finally:
        gc.enable()
    assert film.to_html() and len(path) == 2


# -- the page --------------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else_and_escapes_names(tmp_path):
    evil = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'
    x = dp.Input((2,), name="x")
    net = dp.Model(x, {evil: dp.Dense(2)(x)})
    film = dp.Film(net, [[0.0, 1.0]], [1], loss="softmax_cross_entropy")
    film.record(net)
    film.save(tmp_path / "film.html", title=evil)
    text = (tmp_path / "film.html").read_text(encoding="utf-8")
    assert evil not in text and text.count("<script") == 2 and "alert(" in text
    assert not re.search(r"""(src|href)\s*=\s*["']?\w+:""", text) and "@import" not in text
    assert "default-src 'none'" in text
    links = set(re.findall(r"https?://[^\s\"']+", text)) - {"http://www.w3.org/2000/svg"}
    assert links == set()
    frame = film._repr_html_()
    assert frame.startswith("<iframe srcdoc=") and "<script" not in frame


LOOK = """
const titles = () => [...document.querySelectorAll("#network line title")].map((t) => t.textContent);
const state = () => [document.getElementById("where").textContent, titles()[0],
  document.querySelector("#stage canvas") ? document.querySelector("#stage canvas").toDataURL().length : 0,
  document.querySelector("#loss circle").getAttribute("cx")];
const last = state();
slider.value = 0; slider.dispatchEvent(new Event("input"));
const first = state();
document.getElementById("play").click();
await new Promise((resolve) => setTimeout(resolve, 700));
const later = Number(slider.value);
document.getElementById("play").click();
const button = document.getElementById("play").textContent;
return { last, first, later, button, lines: titles().length,
  dots: document.querySelectorAll("#stage circle").length, heading: document.querySelector("h1").textContent };
"""


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_the_slider_in_a_browser(width, dark):
    net, x, t = quarters()
    film = dp.Film(net, x, t)
    net.fit(x, t, epochs=20, callbacks=film)
    found = browser.look(film.to_html("<b>Quarters</b>"), LOOK, width=width, dark=dark)
    weights = film.weights["dense_1.W"]
    for place, frame in (("last", -1), ("first", 0)):
        where, title, _, _ = found[place]
        assert where.startswith(f"step {film.steps[frame]}, loss ")
        assert float(where.split()[-1]) == pytest.approx(film.losses[frame], rel=1e-3)
        label, value = title.split(" = ")
        assert label == "dense_1.W[0, 0]"
        assert float(value.replace("−", "-")) == pytest.approx(weights[frame, 0, 0], rel=1e-3)
    assert found["last"][3] != found["first"][3] and found["last"][2] != found["first"][2]
    assert 1 <= found["later"] <= 20 and found["button"] == "Play"
    assert found["lines"] == 16 and found["dots"] == 60 and found["heading"] == "<b>Quarters</b>"


def test_regions_in_a_browser():
    """The colour of a place is that of the class that is predicted there."""
    net = dp.Sequential([dp.Dense(2)], (2,), dtype="float64")
    net.parameters.update({"dense_1.W": [[9.0, 0], [0, 9]], "dense_1.b": [0.0, 0]})
    film = dp.Film(net, [[-1.0, -1], [1, 1]], [0, 1], loss="softmax_cross_entropy")
    film.record(net)
    corner = """
    const context = document.querySelector("#stage canvas").getContext("2d");
    const colors = [...context.getImageData(0, 0, 48, 48).data];
    return [colors.slice(4 * 2303, 4 * 2304), colors.slice(0, 4)];
    """
    low_right, high_left = browser.look(film.to_html(), corner)
    # Below on the right the first input is larger: class 0, blue. Above on the left it is class 1, orange.
    assert low_right[2] > low_right[0] and high_left[0] > high_left[2]


@pytest.mark.parametrize("name", NETWORKS)
def test_other_pages_in_a_browser(name, rng):
    make, shape, classes = NETWORKS[name]
    net, x, t = make(), rng.normal(size=(20, *shape)), rng.integers(0, classes, 20)
    film = dp.Film(net, x, t, loss="mse" if name == "function layers" else "softmax_cross_entropy")
    if name == "function layers":
        film = dp.Film(net, x, np.eye(3)[t], loss="mse")
    film.record(net)
    net.parameters[next(iter(net.parameters))][:] = np.nan  # what a page shows of a training that failed
    film._remember(net) if name == "no bias" else None
    script = "return document.querySelectorAll('#network canvas, #network circle').length"
    expected = {"digits": 34, "images": 4, "function layers": 8, "no bias": 5}[name]
    assert browser.look(film.to_html(), script) == expected
