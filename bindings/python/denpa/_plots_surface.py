"""Pictures of loss surfaces: contours, three dimensions, and the path that a training took on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import Array, as_array, real
from ._figures import finish, new_figure, panels, single
from ._recorder import Recorder
from .errors import InvalidArgument, ShapeError, TypeMismatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS = 32  # of contours, closer together where the loss is low


def plot_surface(
    surface: Any, file: Any, path: Any, kind: str, title: str | None, ax: Any, elevation: float, azimuth: float
) -> Figure:
    """Draw a loss surface; see LossSurface.plot."""
    if kind not in ("contour", "3d"):
        raise InvalidArgument(f'kind is "contour" or "3d", got {kind!r}')
    coordinates = None if path is None else coordinates_of(surface, path)
    minimum = surface.minimum if np.isfinite(surface.losses).any() else None
    if surface.b is None:
        return plot_line(surface, coordinates, minimum, file, title, ax)
    losses = np.where(np.isfinite(surface.losses), surface.losses, np.nan)
    if minimum is None or min(losses.shape) < 2:
        raise InvalidArgument("there is nothing to draw: the surface needs finite losses, and two values on each axis")
    # Where the loss is low, a step of colour is a small one.
    low, high = float(np.nanmin(losses)), float(np.nanmax(losses))
    high = high if high > low else low + 1.0
    levels = low + (high - low) * np.linspace(0, 1, LEVELS + 1) ** 3
    if kind == "3d":
        axes = solid_axes(ax)
        axes.view_init(elev=real(elevation, "elevation"), azim=real(azimuth, "azimuth"))
        first, second = np.meshgrid(surface.a, surface.b, indexing="ij")
        shade = ((losses - low) / (high - low)) ** (1 / 3)
        colors = viridis()(np.nan_to_num(shade))
        axes.plot_surface(first, second, losses, facecolors=colors, rstride=1, cstride=1, alpha=0.75, linewidth=0)
        lift = 0.01 * (high - low)  # so that the surface does not hide what lies on it
        if coordinates is not None:
            heights = on_surface(surface, losses, coordinates) + lift
            axes.plot(*coordinates.T, heights, ".-", color="C1", markersize=3, linewidth=1.4, label="path", zorder=5)
            axes.plot(*coordinates[:1].T, heights[:1], "o", color="C2", label="begin", zorder=6)
            axes.plot(*coordinates[-1:].T, heights[-1:], "s", color="C4", markersize=4, label="end", zorder=6)
        lowest = [minimum.first], [minimum.second], [minimum.loss + lift]
        axes.plot(*lowest, "*", color="C3", markersize=12, label=f"minimum {minimum.loss:.3g}", zorder=7)
        axes.set_zlabel("loss")
    else:
        from matplotlib.colors import PowerNorm

        axes = single(ax, 6, 5)
        norm = PowerNorm(1 / 3, low, high)
        filled = axes.contourf(surface.a, surface.b, losses.T, levels=levels, norm=norm, cmap="viridis")
        axes.contour(surface.a, surface.b, losses.T, levels=levels[1::4], colors="white", linewidths=0.5, alpha=0.6)
        finish(axes, None).colorbar(filled, ax=axes, label="loss", format="%.3g")
        if coordinates is not None:
            axes.plot(*coordinates.T, ".-", color="C1", markersize=4, linewidth=1.2, label="path")
            axes.plot(*coordinates[:1].T, "o", color="C2", label="begin")
            axes.plot(*coordinates[-1:].T, "s", color="C4", markersize=5, label="end")
        place = [minimum.first], [minimum.second]
        axes.plot(*place, "*", color="C3", markersize=12, label=f"minimum {minimum.loss:.3g}")
    first_label, second_label = (label.replace("$", r"\$") for label in surface.labels)
    axes.set(xlabel=first_label, ylabel=second_label)
    axes.legend(fontsize=8, loc="upper right")
    return finish(axes, file, title)


def plot_line(surface: Any, coordinates: Array | None, minimum: Any, file: Any, title: str | None, ax: Any) -> Figure:
    """Draw the loss over one weight or direction."""
    axes = single(ax, 5.5, 4)
    axes.plot(surface.a, surface.losses, label="loss")
    if coordinates is not None:
        heights = np.interp(coordinates[:, 0], surface.a, surface.losses, np.nan, np.nan)
        axes.plot(coordinates[:, 0], heights, ".-", color="C1", markersize=4, linewidth=1, label="path")
    if minimum is not None:
        axes.plot([minimum.first], [minimum.loss], "*", color="C3", markersize=12, label=f"minimum {minimum.loss:.3g}")
    axes.set(xlabel=surface.labels[0].replace("$", r"\$"), ylabel="loss")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return finish(axes, file, title)


def viridis() -> Any:
    from matplotlib import colormaps

    return colormaps["viridis"]


def solid_axes(ax: Any) -> Any:
    """Return axes in three dimensions: those of the caller, or those of a new figure."""
    if ax is None:
        return new_figure(6.5, 5.5).add_subplot(projection="3d")
    axes = panels(ax, 1, 6.5, 5.5)[0]
    if getattr(axes, "name", "") != "3d":
        raise TypeMismatch('ax: kind="3d" needs axes that were made with projection="3d"')
    return axes


def coordinates_of(surface: Any, path: Any) -> Array:
    """Return where the points of a path are on a surface: (points, 2), or (points, 1) on a line.

    path: a Path or Film, or such an array.
    """
    vectors = [surface.first] if surface.second is None else [surface.first, surface.second]
    if not isinstance(path, Recorder):
        points = as_array(path, "path").astype("float64")
        if points.ndim != 2 or points.shape[1] != len(vectors) or len(points) == 0:
            raise ShapeError(f"path: expected a Path, a Film or an array (points, {len(vectors)}), got {points.shape}")
        return points
    if not len(path):
        raise InvalidArgument("path: it has no points")
    points, recorded = path.vectors(surface.origin)
    for vector, label in zip(vectors, surface.labels):
        if (vector[~recorded] != 0).any():
            raise InvalidArgument(
                f'path: it has recorded {", ".join(path.names)}, and "{label}" leads along other parameters too'
            )
    found: Array = np.linalg.lstsq(np.stack(vectors, axis=1), (points - surface.origin).T, rcond=None)[0].T
    return found


def on_surface(surface: Any, losses: Array, coordinates: Array) -> Array:
    """Return the height of a surface at places between its points, linearly; NaN beside it."""
    heights = np.full(len(coordinates), np.nan)
    for number, place in enumerate(coordinates):
        corners = []
        for axis, value in zip((surface.a, surface.b), place):
            if not axis.min() <= value <= axis.max():
                break
            position = float(np.interp(value, axis, np.arange(len(axis))))
            lower = min(int(position), len(axis) - 2)
            corners.append((lower, position - lower))
        if len(corners) == 2:
            (i, p), (j, q) = corners
            near, far = losses[i, j : j + 2], losses[i + 1, j : j + 2]
            along = (1 - p) * near + p * far
            heights[number] = (1 - q) * along[0] + q * along[1]
    return heights
