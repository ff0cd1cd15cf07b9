"""Figures of matplotlib, which is imported when the first one is drawn, and never changed as a whole.

No figure is shown or registered with pyplot: it is returned, written to a file, or drawn into axes of the caller.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from ._arrays import Array
from .errors import InvalidArgument, TypeMismatch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches. Raises ImportError without matplotlib."""
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def require_matplotlib() -> None:
    """Raise ImportError, which says what to install, if matplotlib cannot be imported."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError('drawing needs matplotlib: pip install matplotlib, or "denpa[plot]"') from error


def panels(ax: Any, count: int, width: float, height: float, columns: int = 4) -> list[Axes]:
    """Return axes for `count` panels: those of the caller, or those of a new figure.

    `width` and `height` are of one panel, in inches. Raises TypeMismatch if `ax` has other things than axes, and
    InvalidArgument if it has another number of them.
    """
    require_matplotlib()
    from matplotlib.axes import Axes

    if ax is not None:
        given = list(np.ravel(np.asarray(ax, dtype=object)))
        for item in given:
            if not isinstance(item, Axes):
                kind = type(item).__name__
                raise TypeMismatch(f"ax must be axes of matplotlib, or a list of {count}, got {kind}")
        if len(given) != count:
            raise InvalidArgument(f"ax: {count} axes are needed, one for each panel, got {len(given)}")
        return given
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    figure = new_figure(width * columns, height * rows)
    grid = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for spare in grid[count:]:
        figure.delaxes(spare)
    return grid[:count]


def single(ax: Any, width: float, height: float) -> Axes:
    """Return the axes of the caller, or those of a new figure of this size in inches."""
    return panels(ax, 1, width, height)[0]


def finish(axes: Axes, path: Any, title: str | None = None) -> Figure:
    """Write the figure that has these axes to `path`, if that is not None, and return it.

    The title is that of the axes. Raises InvalidArgument for a format that matplotlib does not write.
    """
    if title is not None:
        axes.set_title(title)
    figure: Figure = axes.figure.figure  # the whole one, where the axes are in a part of it
    if path is not None:
        write(figure, path)
    return figure


def write(figure: Figure, path: Any) -> None:
    """Write a figure in the format of the path's extension: PNG, SVG, PDF ..."""
    if not hasattr(path, "write"):
        try:
            path = os.fspath(path)
        except TypeError:
            raise TypeMismatch(f"path must be a path or a file, got {type(path).__name__}") from None
        path = os.fsdecode(path)
        extension = os.path.splitext(path)[1][1:].lower()
        known = figure.canvas.get_supported_filetypes()
        if extension and extension not in known:
            raise InvalidArgument(f'path: a picture is not written as ".{extension}", only as {", ".join(known)}')
    figure.savefig(path, dpi=DPI)


def mosaic(images: Array, columns: int) -> Array:
    """Return one image of `images` (count, height, width, ...), with a border of NaN around each."""
    count, height, width = images.shape[:3]
    rows = math.ceil(count / columns)
    shape = rows * (height + 1) + 1, columns * (width + 1) + 1, *images.shape[3:]
    whole = np.full(shape, np.nan)
    for number, image in enumerate(images):
        top, left = corner(number, images.shape, columns)
        whole[top : top + height, left : left + width] = image
    return whole


def corner(number: int, shape: Sequence[int], columns: int) -> tuple[int, int]:
    """Return the row and the column in a mosaic at which an image begins."""
    row, column = divmod(number, columns)
    return row * (shape[1] + 1) + 1, column * (shape[2] + 1) + 1
