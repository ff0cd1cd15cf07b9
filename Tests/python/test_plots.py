"""Pictures: what is drawn is compared with the numbers, and nothing is drawn of what is no such thing."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import tempfile

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def history():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    t = (x[:, 0] > 0).astype(int)
    net = dp.Sequential([dp.Dense(2)], (2,), seed=1)
    net.compile("softmax_cross_entropy", "adam")
    return net.fit(x, t, epochs=7, validation_data=(x, t), validation_every=3)


def figure_and_axes(count=1):
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots(1, count)
    return figure, axes


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


# -- histories -------------------------------------------------------------------------------------------------


def test_the_curves_of_a_history(history):
    figure = history.plot(title="a title")
    losses, accuracies = figure.axes
    assert losses.get_ylabel() == "loss" and accuracies.get_ylabel() == "accuracy"
    assert figure.get_suptitle() == "a title"
    assert_array_equal(lines(losses)["loss"], np.c_[np.arange(1, 8), history["loss"]])
    # Validations come after epochs 3 and 6, and after the last one.
    assert_array_equal(lines(losses)["val_loss"], np.c_[[3, 6, 7], history["val_loss"]])
    assert_array_equal(lines(accuracies)["val_accuracy"], np.c_[[3, 6, 7], history["val_accuracy"]])


def test_the_epochs_of_numbers():
    history = dp.History()
    history.add({"loss": 3.0})
    history.add({"loss": 2.0, "val_loss": 4.0})
    later = dp.History(loss=[1.0, 0.5], val_loss=[3.0])
    history.extend(later)
    assert history.at("loss") == [0, 1, 2, 3] and history.at("val_loss") == [1, 2]
    history["val_loss"].append(1.0)  # by hand: nothing is known of it
    assert history.at("val_loss") == [0, 1, 2] and history.at("other") == []
    import copy
    import pickle

    for twin in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert twin == history and twin.at("loss") == history.at("loss")


def test_several_runs(history):
    other = dp.History(loss=[3.0, 2.0], learning=[1.0, 0.5])
    figure = dp.plots.runs({"one": history, "two": other})
    losses, accuracies, learning = figure.axes
    assert_array_equal(lines(losses)["two: loss"], [[1, 3], [2, 2]])
    assert_array_equal(lines(losses)["one: loss"][:, 1], history["loss"])
    assert set(lines(accuracies)) == {"one: accuracy", "one: val_accuracy"}
    assert set(lines(learning)) == {"two"}
    colors = {line.get_label(): line.get_color() for line in losses.lines}
    assert colors["one: loss"] == colors["one: val_loss"] != colors["two: loss"]
    chosen = dp.plots.runs({"one": history, "two": other}, numbers=["loss"])
    assert set(lines(chosen.axes[0])) == {"one", "two"}
    one = dp.plots.runs({"one": history}, "loss")
    assert set(lines(one.axes[0])) == {"one"}


def test_what_runs_refuses(history):
    with pytest.raises(dp.NotFound, match='number "acc"; there are loss, accuracy'):
        dp.plots.runs({"one": history}, ["acc"])
    with pytest.raises(dp.TypeMismatch, match="by name"):
        dp.plots.runs([history])
    with pytest.raises(dp.TypeMismatch, match="by name"):
        dp.plots.runs(history)
    with pytest.raises(dp.TypeMismatch, match='run "one": expected a History.*got dict'):
        dp.plots.runs({"one": {"loss": [1.0]}})
    for empty in ({}, {"one": dp.History()}):
        with pytest.raises(dp.InvalidArgument, match="no epochs"):
            dp.plots.runs(empty)
    with pytest.raises(dp.InvalidArgument, match="no epochs"):
        dp.History().plot()


# -- figures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", ["png", "svg", "pdf"])
def test_files(history, tmp_path, extension):
    path = tmp_path / f"Ü x.{extension}"
    history.plot(path)
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[extension]
    assert path.read_bytes().startswith(begins) and path.stat().st_size > 4000
    history.plot(str(path))
    stream = io.BytesIO()
    history.plot(stream)
    assert stream.getvalue().startswith(b"\x89PNG")


def test_axes_of_the_caller(history, tmp_path):
    figure, axes = figure_and_axes(2)
    assert history.plot(tmp_path / "both.png", "mine", ax=axes) is figure
    assert lines(axes[0]) and axes[0].get_title() == "mine" and (tmp_path / "both.png").exists()
    alone, place = figure_and_axes()
    assert dp.plots.activations(["relu"], ax=place) is alone
    with_parts = figure_and_axes()[0].subfigures(1, 2)[0]
    inner = with_parts.subplots()
    assert dp.plots.activations(["relu"], ax=inner) is with_parts.figure


def test_what_figures_refuse(history, tmp_path):
    with pytest.raises(dp.TypeMismatch, match="ax must be axes of matplotlib, or a list of 2, got str"):
        history.plot(ax="axes")
    with pytest.raises(dp.InvalidArgument, match="2 axes are needed.*got 1"):
        history.plot(ax=figure_and_axes()[1])
    with pytest.raises(dp.InvalidArgument, match='not written as ".bmp"'):
        history.plot(tmp_path / "curves.bmp")
    with pytest.raises(dp.TypeMismatch, match="path must be a path or a file, got int"):
        history.plot(3)
    with pytest.raises(FileNotFoundError):
        history.plot(tmp_path / "nowhere" / "curves.png")
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_matplotlib_is_changed():
    program = """
import sys, denpa as dp
assert not any(name.startswith("matplotlib") for name in sys.modules), "importing denpa imports matplotlib"
import matplotlib
def settings():  # as they are: asking matplotlib for the backend makes it choose one
    return {name: dict.__getitem__(matplotlib.rcParams, name) for name in matplotlib.rcParams}
before = settings()
net = dp.Sequential([dp.Dense(4, activation="relu"), dp.Dense(2)], (4,))
flow = dp.GradientFlow()
x, t = [[0., 1, 2, 3], [3., 2, 1, 0]], [0, 1]
net.fit(x, t, loss="softmax_cross_entropy", callbacks=[flow]).plot("a.png")
flow.plot("b.png"); dp.plots.activations(path="c.png"); dp.plots.weights(net, path="d.png")
dp.plots.confusion(net, x, t, "e.png"); dp.plots.misread(net, x, t, "f.png")
dp.find_learning_rate(net, x, t).plot("g.png")
assert settings() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, cwd=folder
        )
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_without_matplotlib(history):
    program = """
import sys
sys.modules["matplotlib"] = None
import denpa as dp
net = dp.Sequential([dp.Dense(2)], (4,))
x, t = [[0., 1, 2, 3]], [0]
flow = dp.GradientFlow()
history = net.fit(x, t, loss="softmax_cross_entropy", callbacks=[flow])
draws = [history.plot, flow.plot, dp.plots.activations, lambda: dp.plots.weights(net),
    lambda: dp.plots.confusion(net, x, t), lambda: dp.plots.misread(net, x, t), lambda: dp.plots.runs({"": history})]
for draw in draws:
    try: draw()
    except ImportError as error: assert "pip install matplotlib" in str(error), error
    else: raise SystemExit(f"{draw} drew")
print(dp.plots.confusion_matrix(net, x, t).sum(), len(flow.steps))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "1 1\n", done.stdout + done.stderr


# -- the search for a learning rate ----------------------------------------------------------------------------


def test_the_search_for_a_rate():
    rates = 10.0 ** np.arange(-4, 1)
    search = type(dp.find_learning_rate(line_net(), [[1.0]], [[2.0]]))(
        rates, np.array([4.0, 4.1, 1.0, 2.0, 90.0]), np.array([4.0, 4.0, 2.0, 2.1, 30.0])
    )
    figure = search.plot(title="rates")
    axes = figure.axes[0]
    assert axes.get_xscale() == "log" and axes.get_title() == "rates"
    assert_array_equal(lines(axes)["loss"], np.c_[rates, search.losses])
    assert_array_equal(lines(axes)["smoothed"], np.c_[rates, search.smoothed])
    assert_array_equal(lines(axes)[f"best: {search.best:.2g}"][:, 0], [search.best] * 2)


def line_net():
    net = dp.Sequential([dp.Dense(1)], (1,))
    net.compile("mse", "sgd")
    return net


# -- activations -----------------------------------------------------------------------------------------------

CURVES = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "square": (np.square, lambda x: 2 * x),
    "softplus": (lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + np.exp(-x))),
    "abs": (np.abs, np.sign),
    "exp": (np.exp, np.exp),
    "step": (lambda x: (x > 0) * 1.0, lambda x: 0 * x),
    "erf": (np.vectorize(math.erf), lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
}


@pytest.mark.parametrize("kind", CURVES)
def test_curves(kind):
    x = np.linspace(-4, 4, 33).reshape(3, 11)
    y, dy = dp.plots.curve(kind, x)
    assert y.shape == dy.shape == x.shape
    assert_allclose(y, CURVES[kind][0](x), rtol=1e-14, atol=1e-15)
    assert_allclose(dy, CURVES[kind][1](x), rtol=1e-13, atol=1e-15)


def test_all_functions_of_one_value_are_drawn():
    kinds = dp.plots.functions()
    assert set(CURVES) | {"leaky_relu", "gelu", "log", "sqrt", "identity", "hard_swish"} <= set(kinds)
    assert not {
        "softmax",
        "dropout",
        "flatten",
        "dense",
        "slice",
        "transpose",
        "activity_penalty",
        "add",
    } & set(kinds)
    # What dense applies to each value is a function of one value.
    schema = next(schema for schema in dp.Dense.entry["attributes"] if schema["name"] == "activation")
    assert set(schema["choices"]) <= set(kinds)
    figure = dp.plots.activations()
    assert [axes.get_title().partition("(")[0] for axes in figure.axes] == kinds
    for axes, kind in zip(figure.axes, kinds):
        drawn = lines(axes)
        y, dy = dp.plots.curve(kind, np.linspace(-4, 4, 401))
        assert_array_equal(drawn["y"], np.c_[np.linspace(-4, 4, 401), y])
        assert_array_equal(drawn["dy/dx"][:, 1], np.where(np.isnan(y), np.nan, dy))


def test_functions_with_attributes_and_of_users():
    figure = dp.plots.activations([dp.LeakyReLU(alpha=0.2), dp.ReLU, "tanh"], low=-2, high=1, points=4)
    assert [axes.get_title() for axes in figure.axes] == ["leaky_relu(alpha=0.2)", "relu", "tanh"]
    assert_allclose(lines(figure.axes[0])["y"], [[-2, -0.4], [-1, -0.2], [0, 0], [1, 1]], rtol=1e-15)

    @dp.custom_layer("plots.cube")
    class Cube:
        """y = x**3"""

        def forward(self, x):
            return x**3

        def backward(self, dy, *, x):
            return 3 * x * x * dy

    assert "plots.cube" in dp.plots.functions()
    y, dy = dp.plots.curve("plots.cube", [2.0, -3.0])
    assert list(y) == [8, -27] and list(dy) == [12, 27]


def test_what_activations_refuse():
    for wrong in ("softmax", dp.Dropout(0.5), dp.Dense(3), dp.Flatten, "glu"):
        with pytest.raises(dp.InvalidArgument, match="no function of one value"):
            dp.plots.curve(wrong, [1.0])
    with pytest.raises(dp.NotRegistered, match='"rellu"'):
        dp.plots.activations(["rellu"])
    for wrong in (3, dp.MeanSquaredError(), np.tanh, int):
        with pytest.raises(dp.TypeMismatch, match="a function is given as"):
            dp.plots.activations([wrong])
    with pytest.raises(dp.InvalidArgument, match="low must be below high"):
        dp.plots.activations(low=2, high=2)
    with pytest.raises(dp.InvalidArgument, match="points"):
        dp.plots.activations(points=1)
    with pytest.raises(dp.InvalidArgument, match="empty"):
        dp.plots.activations([])
    with pytest.raises(dp.TypeMismatch, match="kinds is a list"):
        dp.plots.activations(3)
