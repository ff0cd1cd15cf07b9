"""Pictures of what a network has learned: confusion matrices, misread samples, weights."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("matplotlib")


# -- classes ---------------------------------------------------------------------------------------------------


def sorter(classes=3):
    """A network that takes the place of the largest input for the class."""
    net = dp.Sequential([dp.Dense(classes)], (classes,), dtype="float64")
    net.parameters.update({"dense_1.W": np.eye(classes), "dense_1.b": np.zeros(classes)})
    return net


ROWS = np.array([[5.0, 0, 0], [0, 3, 0], [0, 2, 0], [0, 0, 1], [4, 0, 0]])


@pytest.mark.parametrize("form", ["numbers", "column", "one-hot", "floats", "list"])
def test_the_confusion_matrix(form):
    numbers = np.array([0, 1, 2, 2, 1])
    t = {
        "numbers": numbers,
        "column": numbers[:, None],
        "one-hot": np.eye(3)[numbers],
        "floats": numbers.astype("f4"),
        "list": [0, 1, 2, 2, 1],
    }[form]
    expected = [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    counts = dp.plots.confusion_matrix(sorter(), ROWS, t)
    assert counts.dtype.kind == "i"
    assert_array_equal(counts, expected)


def test_the_confusion_matrix_against_scikit_learn(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    x, t = rng.normal(size=(500, 7)), rng.integers(0, 7, 500)
    expected = metrics.confusion_matrix(t, x.argmax(axis=1), labels=range(7))
    assert_array_equal(dp.plots.confusion_matrix(sorter(7), x, t), expected)


def test_two_classes_and_sequences(rng):
    net = dp.Sequential([dp.Dense(1, activation="sigmoid")], (1,), dtype="float64")
    net.parameters.update({"dense_1.W": [[1.0]], "dense_1.b": [0.0]})
    x = np.array([[-1.0], [2.0], [3.0], [-0.5]])
    for t in ([0, 1, 0, 1], [[0], [1], [0], [1]], [False, True, False, True]):
        assert_array_equal(dp.plots.confusion_matrix(net, x, t), [[1, 1], [1, 1]])
    found = dp.plots.find_misread(net, x, [0, 1, 0, 1])
    assert [(item.row, item.expected, item.predicted) for item in found] == [(2, 0, 1), (3, 1, 0)]
    assert_allclose([item.probability for item in found], 1 / (1 + np.exp([-3.0, -0.5])), rtol=1e-12)
    steps = dp.Sequential([dp.Dense(3)], (4, 3), dtype="float64")
    steps.parameters.update({"dense_1.W": np.eye(3), "dense_1.b": np.zeros(3)})
    x, t = rng.normal(size=(6, 4, 3)), rng.integers(0, 3, (6, 4))
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (t.ravel(), x.argmax(axis=-1).ravel()), 1)
    assert_array_equal(dp.plots.confusion_matrix(steps, x, t), counts)


def test_the_picture_of_the_confusion_matrix():
    figure = dp.plots.confusion(sorter(), ROWS, [0, 1, 2, 2, 1], classes=["cat", "dog", "$5"])
    axes = figure.axes[0]
    assert_array_equal(axes.images[0].get_array(), [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]])
    assert [text.get_text() for text in axes.texts] == ["1", "0", "0", "1", "1", "0", "0", "1", "1"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog", r"\$5"]
    assert axes.get_title() == "60.0% of 5 are right"
    many = dp.plots.confusion(sorter(40), np.eye(40), np.arange(40))
    assert not many.axes[0].texts and many.axes[0].images[0].get_array().trace() == 40


def test_misread_samples():
    found = dp.plots.find_misread(sorter(), ROWS, [0, 1, 2, 2, 1])
    e = np.exp([4.0, 2.0])
    assert [tuple(item[:3]) for item in found] == [(4, 1, 0), (2, 2, 1)]  # the most certain first
    assert_allclose([item.probability for item in found], e / (e + 2), rtol=1e-12)
    assert dp.plots.find_misread(sorter(), ROWS, [0, 1, 1, 2, 0]) == []
    with pytest.raises(dp.ShapeError, match="3 values, no square: give image_shape"):
        dp.plots.misread(sorter(), ROWS, [0, 1, 2, 2, 1])
    figure = dp.plots.misread(sorter(), ROWS, [0, 1, 2, 2, 1], image_shape=(3, 1), classes="abc")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["a (96%), is b", "b (79%), is c"]
    drawn = np.asarray(axes.images[0].get_array())
    assert_array_equal(drawn[1:4, 1], [1, 0, 0])
    assert_array_equal(drawn[1:4, 3], [0, 1, 0])
    nothing = dp.plots.misread(sorter(), ROWS, [0, 1, 1, 2, 0])
    assert nothing.axes[0].get_title() == "0 of 5 are misread" and not nothing.axes[0].images


def test_misread_images_in_colours(rng):
    net = dp.Sequential([dp.Flatten(), dp.Dense(4)], (3, 5, 3), seed=0)
    x = rng.normal(size=(30, 3, 5, 3)).astype("f4")
    right = net.predict_classes(x)
    figure = dp.plots.misread(net, x, (right + 1) % 4, count=3)
    drawn = np.asarray(figure.axes[0].images[0].get_array())
    first = x[dp.plots.find_misread(net, x, (right + 1) % 4)[0].row].astype("f8")
    assert_allclose(drawn[1:4, 1:6], (first - first.min()) / (first.max() - first.min()), rtol=1e-6)
    assert len(figure.axes[0].texts) == 3 and "30 of 30" in figure.axes[0].get_title()


@pytest.mark.parametrize("function", ["confusion_matrix", "confusion", "find_misread", "misread"])
def test_what_classes_refuse(function):
    call = getattr(dp.plots, function)
    with pytest.raises(dp.TypeMismatch, match="a network is needed, got Dense"):
        call(dp.Dense(3), ROWS, [0] * 5)
    with pytest.raises(dp.ShapeError, match=r"t: expected class numbers \(5,\), or \(5, 3\), got \(4,\)"):
        call(sorter(), ROWS, [0] * 4)
    for wrong in ([0, 1, 2, 3, 0], [0, 1, -1, 0, 0], [0.5, 0, 0, 0, 0], [np.nan, 0, 0, 0, 0]):
        with pytest.raises(dp.InvalidArgument, match="whole numbers from 0 to 2"):
            call(sorter(), ROWS, wrong)
    with pytest.raises(dp.InvalidArgument, match="a single 1"):
        call(sorter(), ROWS, np.full((5, 3), 1 / 3))
    with pytest.raises(dp.ShapeError, match="input"):
        call(sorter(), np.zeros((5, 4)), [0] * 5)
    a = dp.Input((2,))
    several = dp.Model(a, {"p": dp.Dense(2)(a), "q": dp.Dense(2)(a)})
    with pytest.raises(dp.InvalidArgument, match="networks of one output"):
        call(several, np.zeros((1, 2)), [0])


def test_what_pictures_of_classes_refuse():
    with pytest.raises(dp.InvalidArgument, match="has 3 classes, got 2 names"):
        dp.plots.confusion(sorter(), ROWS, [0] * 5, classes=["a", "b"])
    with pytest.raises(dp.InvalidArgument, match="count"):
        dp.plots.misread(sorter(), ROWS, [0] * 5, count=0)
    with pytest.raises(dp.ShapeError, match=r"image_shape \(2, 2\) does not hold the 3 values"):
        dp.plots.misread(sorter(), ROWS, [1] * 5, image_shape=(2, 2))


# -- weights ---------------------------------------------------------------------------------------------------


def test_images_of_a_matrix(rng):
    net = dp.Sequential([dp.Dense(5), dp.Dense(2)], (12,), dtype="float64", seed=3)
    W = net.parameters["dense_1.W"]
    images = dp.plots.weight_images(net, image_shape=(3, 4))
    assert_array_equal(images, W.T.reshape(5, 3, 4))
    figure = dp.plots.weights(net, image_shape=(3, 4), columns=2)
    drawn = figure.axes[0].images[0]
    values = np.asarray(drawn.get_array().filled(np.nan))
    assert values.shape == (3 * 4 + 1, 2 * 5 + 1)
    assert_array_equal(values[1:4, 1:5], images[0])
    assert_array_equal(values[5:8, 6:10], images[3])
    assert np.isnan(values[0]).all() and np.isnan(values[9:12, 6:]).all()
    assert drawn.get_clim() == (-abs(W).max(), abs(W).max())
    net = dp.Sequential([dp.Flatten(), dp.Dense(4)], (3, 2), seed=1)  # the shape of the network's input
    assert dp.plots.weight_images(net).shape == (4, 3, 2)
    assert dp.plots.weight_images(sorter(9), "dense_1.W").shape == (9, 3, 3)


def test_images_of_filters(rng):
    gray = dp.Sequential([dp.Conv2D(6, kernel=(3, 2))], (8, 8, 1), seed=1)
    name = next(iter(gray.parameters))
    W = gray.parameters[name]
    assert_array_equal(dp.plots.weight_images(gray), np.moveaxis(W[:, :, 0], 2, 0))
    color = dp.Sequential([dp.Conv2D(6, kernel=3), dp.Conv2D(2, kernel=3)], (8, 8, 3), seed=1)
    W = color.parameters[name]
    assert_array_equal(dp.plots.weight_images(color)[4], W[..., 4])
    drawn = np.asarray(dp.plots.weights(color).axes[0].images[0].get_array())
    assert_allclose(drawn[1:4, 1:4], 0.5 + W[..., 0] / (2 * abs(W).max()), rtol=1e-6)
    second = list(color.parameters)[2]
    V = color.parameters[second]
    images = dp.plots.weight_images(color, second)
    assert images.shape == (12, 3, 3)
    assert_array_equal(images[2 * 1 + 1], V[:, :, 1, 1])


def test_what_weights_refuse():
    net = sorter(6)
    with pytest.raises(dp.ShapeError, match='a unit of "dense_1.W" has 6 values, no square'):
        dp.plots.weights(net)
    with pytest.raises(dp.ShapeError, match=r"\(6,\): only matrices"):
        dp.plots.weights(net, "dense_1.b")
    with pytest.raises(dp.NotFound, match="dense_1.w"):
        dp.plots.weights(net, "dense_1.w")
    with pytest.raises(dp.TypeMismatch, match="a network is needed"):
        dp.plots.weights(dp.Dense(3))
    with pytest.raises(dp.InvalidArgument, match="columns"):
        dp.plots.weights(net, image_shape=(2, 3), columns=0)
    with pytest.raises(dp.NotFound, match="no layer with a matrix"):
        dp.plots.weights(dp.Sequential([dp.ReLU()], (3,)))
    conv = dp.Sequential([dp.Conv2D(2, kernel=3)], (8, 8, 1))
    with pytest.raises(dp.InvalidArgument, match="image_shape is for matrices"):
        dp.plots.weights(conv, image_shape=(3, 3))
