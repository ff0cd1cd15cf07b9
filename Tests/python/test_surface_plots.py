"""Pictures of loss surfaces, with the path of a training: what is drawn is compared with the numbers."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("matplotlib")

X = np.linspace(-1, 1, 5)[:, None]


@pytest.fixture(scope="module")
def trained():
    """The line of the study notes, which goes from (3, 2) to (2, 1), and its surface."""
    net = dp.Sequential([dp.Dense(1)], (1,), dtype="float64", names="book")
    net.parameters.update(W1=[[3]], b1=[2])
    net.compile("mse", dp.SGD(0.1))
    path = dp.Path(net, ["W1", "b1"])
    net.fit(X, 2 * X + 1, batch_size=5, epochs=60, callbacks=[path])
    surface = dp.loss_surface(net, X, 2 * X + 1, "W1", "b1", range=(-10, 10), steps=41)
    return net, path, surface


def by_label(axes):
    return {line.get_label(): line for line in axes.lines}


def test_contours(trained, tmp_path):
    _, path, surface = trained
    figure = surface.plot(tmp_path / "surface.png", path=path, title="a title")
    axes = figure.axes[0]
    drawn = by_label(axes)
    assert_allclose(drawn["path"].get_xydata(), path.points, rtol=0, atol=1e-12)
    assert_allclose(drawn["begin"].get_xydata(), [[3, 2]], atol=1e-12)
    assert_allclose(drawn["end"].get_xydata(), path.points[-1:], atol=1e-12)
    assert_array_equal(drawn["minimum 0"].get_xydata(), [[2, 1]])
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("W1", "b1", "a title")
    levels = axes.collections[0].levels
    assert levels[0] == 0 and levels[-1] == pytest.approx(surface.losses.max())
    assert (tmp_path / "surface.png").stat().st_size > 10_000


def test_contours_are_where_the_losses_are(trained):
    """Through a contour of level L, the losses are L: the surface is not drawn transposed."""
    _, _, surface = trained
    lines = surface.plot().axes[0].collections[1]
    checked = 0
    for level, outline in zip(lines.levels, lines.get_paths()):
        for a, b in outline.vertices[::7]:
            exact = (a - 2) ** 2 * 0.5 + (b - 1) ** 2
            assert exact == pytest.approx(level, abs=0.6)
            checked += 1
    assert checked > 50


def test_three_dimensions(trained, tmp_path):
    _, path, surface = trained
    figure = surface.plot(tmp_path / "surface.svg", path=path, kind="3d", elevation=30, azimuth=-60)
    axes = figure.axes[0]
    assert axes.name == "3d" and (axes.elev, axes.azim) == (30, -60)
    drawn = by_label(axes)
    first, second, height = drawn["path"].get_data_3d()
    assert_allclose(np.c_[first, second], path.points, rtol=0, atol=1e-12)
    # On the surface: its own loss, but for the interpolation in a square of 0.5, and a hundredth of its height.
    exact = (first - 2) ** 2 * 0.5 + (second - 1) ** 2
    lift = 0.01 * surface.losses.max()
    assert (np.abs(height - lift - exact) <= 0.5 * 0.25**2 * 3 + 1e-9).all()
    assert [float(values[0]) for values in drawn["minimum 0"].get_data_3d()] == [2, 1, lift]
    assert axes.get_zlabel() == "loss"


def test_axes_of_the_caller(trained):
    from matplotlib.figure import Figure

    _, _, surface = trained
    figure = Figure()
    solid = figure.add_subplot(1, 2, 1, projection="3d")
    assert surface.plot(kind="3d", ax=solid) is figure
    flat = figure.add_subplot(1, 2, 2)
    assert surface.plot(ax=flat) is figure and flat.collections
    with pytest.raises(dp.TypeMismatch, match='projection="3d"'):
        surface.plot(kind="3d", ax=flat)


def test_a_line(trained):
    net, path, _ = trained
    line = dp.loss_surface(net, X, 2 * X + 1, "W1", range=(-1, 4), steps=51)
    axes = line.plot(path=path).axes[0]
    drawn = by_label(axes)
    assert_array_equal(drawn["loss"].get_xydata(), np.c_[line.a, line.losses])
    assert_allclose(drawn["path"].get_xdata(), path["W1"][:, 0, 0], atol=1e-12)
    assert_allclose(
        drawn["path"].get_ydata(), np.interp(path["W1"][:, 0, 0], line.a, line.losses), atol=1e-12
    )


def quarters():
    x = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    t = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(2)], (2,), seed=0)
    film = dp.Film(net, x, t)
    net.fit(x, t, loss="softmax_cross_entropy", optimizer=dp.Adam(0.01), epochs=20, callbacks=[film])
    return net, x, t, film


def test_a_film_on_random_directions(tmp_path):
    net, x, t, film = quarters()
    surface = dp.loss_surface(net, x, t, directions="random", normalize="filter", seed=1, steps=11)
    axes = surface.plot(tmp_path / "surface.png", path=film).axes[0]
    drawn = by_label(axes)["path"].get_xydata()
    weights = film.weights
    for number in (0, 7, 20):
        vector = np.concatenate([weights[name][number].ravel() for name in net.parameters])
        assert_allclose(drawn[number], surface.project(vector), rtol=0, atol=1e-9)
    assert_allclose(drawn[-1], [0, 0], atol=1e-9)  # the network as it is


def test_coordinates_as_an_array(trained):
    _, _, surface = trained
    given = [[1.0, 2.0], [20.0, 0.0]]
    drawn = by_label(surface.plot(path=given).axes[0])["path"].get_xydata()
    assert_array_equal(drawn, given)
    heights = by_label(surface.plot(path=given, kind="3d").axes[0])["path"].get_data_3d()[2]
    assert np.isfinite(heights[0]) and np.isnan(heights[1])  # beside the surface


def test_what_is_refused(trained, tmp_path):
    net, path, surface = trained
    with pytest.raises(dp.InvalidArgument, match="kind is .*got 'bars'"):
        surface.plot(kind="bars")
    with pytest.raises(dp.InvalidArgument, match="no points"):
        surface.plot(path=dp.Path(net))
    half = dp.Path(net, ["W1"])
    half.record(net)
    with pytest.raises(dp.InvalidArgument, match='has recorded W1, and "b1" leads along other'):
        surface.plot(path=half)
    with pytest.raises(dp.ShapeError, match=r"array \(points, 2\), got \(3,\)"):
        surface.plot(path=[1.0, 2.0, 3.0])
    _, _, _, film = quarters()
    with pytest.raises(dp.ShapeError, match="22 parameters"):
        surface.plot(path=film)
    with pytest.raises(dp.TypeMismatch, match="elevation"):
        surface.plot(kind="3d", elevation="high")
    flat = dp.loss_surface(net, X, 2 * X + 1, "W1", "b1", steps=1)
    with pytest.raises(dp.InvalidArgument, match="two values on each axis"):
        flat.plot()
    assert list(tmp_path.iterdir()) == []
