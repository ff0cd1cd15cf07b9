"""Loss surfaces: the loss of a network over two weights, or over two directions in the space of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

import numpy as np

from ._arrays import Array, as_array, real, whole
from ._model import Model
from ._plots_surface import plot_surface
from .errors import InvalidArgument, TypeMismatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Minimum(NamedTuple):
    """The lowest point of a surface: its two coordinates (the second is 0 on a line), and the loss there."""

    first: float
    second: float
    loss: float


class Quadratic(NamedTuple):
    """first² · a² + second² · b² + both · ab + a_only · a + b_only · b + constant, closest to a surface.

    `error` is the largest difference from it: 0, but for rounding, where the surface is a quadratic.
    """

    first: float
    second: float
    both: float
    a_only: float
    b_only: float
    constant: float
    error: float


class LossSurface:
    """The loss at the points origin + a · first + b · second.

    `a` and `b` are the coordinates (`b` is None for a line), `losses` has shape (len(a), len(b)) or (len(a),).
    `labels` name the axes. `origin`, `first` and `second` are vectors of all parameters.
    """

    def __init__(
        self,
        a: Array,
        b: Array | None,
        losses: Array,
        labels: tuple[str, str],
        origin: Array,
        first: Array,
        second: Array | None,
    ) -> None:
        self.a, self.b, self.losses, self.labels = a, b, losses, labels
        self.origin, self.first, self.second = origin, first, second

    @property
    def minimum(self) -> Minimum:
        """The point with the smallest loss among those that were evaluated."""
        if not np.isfinite(self.losses).any():
            raise InvalidArgument("no loss of the surface is finite, so it has no minimum")
        at = np.unravel_index(
            np.nanargmin(np.where(np.isfinite(self.losses), self.losses, np.nan)), self.losses.shape
        )
        second = 0.0 if self.b is None else float(self.b[at[1]])
        return Minimum(float(self.a[at[0]]), second, float(self.losses[at]))

    @property
    def quadratic(self) -> Quadratic:
        """The quadratic of two variables that is closest to the surface (least squares)."""
        if self.b is None:
            raise InvalidArgument("the quadratic of two variables needs a surface, not a line")
        a, b = (grid.ravel() for grid in np.meshgrid(self.a, self.b, indexing="ij"))
        columns = np.stack([a * a, b * b, a * b, a, b, np.ones_like(a)], axis=1)
        solution = np.linalg.lstsq(columns, self.losses.ravel(), rcond=None)[0]
        error = float(np.abs(columns @ solution - self.losses.ravel()).max())
        return Quadratic._make([*(float(number) for number in solution), error])

    def project(self, parameters: Any) -> tuple[float, float]:
        """Return the coordinates (a, b) of the point of the surface that is closest to a vector of parameters."""
        vector = as_array(parameters, "parameters").astype("float64").ravel()
        if vector.shape != self.origin.shape:
            raise InvalidArgument(f"the parameters have {self.origin.size} elements, got {vector.size}")
        columns = [self.first] if self.second is None else [self.first, self.second]
        found = np.linalg.lstsq(np.stack(columns, axis=1), vector - self.origin, rcond=None)[0]
        return float(found[0]), float(found[1]) if self.second is not None else 0.0

    def plot(
        self,
        file: Any = None,
        *,
        path: Any = None,
        kind: str = "contour",
        title: str | None = None,
        ax: Any = None,
        elevation: float = 40.0,
        azimuth: float = -120.0,
    ) -> Figure:
        """Draw the surface with its minimum, and return the figure; a line is drawn as a curve.

            surface.plot("surface.png", path=path, kind="3d")

        file: where to write it, in the format of the extension. path: the path of a training, a Path or Film, or
        an array (points, 2) of coordinates; of parameters that the surface does not lead along, it is the closest
        point. kind: "contour" or "3d", seen from `elevation` and `azimuth` in degrees. ax: axes of matplotlib to
        draw into. The colours rise with the cube root of the loss above the lowest one; heights of the path are
        those of the surface, linear between its points.

        Raises InvalidArgument if no loss is finite, or the path has not recorded a parameter that the surface is
        over; ImportError without matplotlib.
        """
        return plot_surface(self, file, path, kind, title, ax, elevation, azimuth)

    def __repr__(self) -> str:
        shape = " x ".join(str(extent) for extent in self.losses.shape)
        return f"<loss surface of {shape} points over {' and '.join(self.labels)}>"


def loss_surface(
    net: Model,
    x: Any,
    t: Any,
    first: Any = None,
    second: Any = None,
    *,
    range: Any = None,
    steps: Any = 41,
    directions: Any = None,
    normalize: str | None = None,
    seed: int = 0,
    loss: Any = None,
) -> LossSurface:
    """Return the loss of a batch for other weights than the network has, which does not change.

        dp.loss_surface(net, x, t, "W1", "b1", range=(-10, 10), steps=41)       # over two weights
        dp.loss_surface(net, x, t, ("hidden.W", (0, 1)), range=(-1, 1))         # over one: a line
        dp.loss_surface(net, x, t, directions="random", normalize="filter")     # Li et al., 2018
        dp.loss_surface(net, x, t, directions=[before, between, after])         # through three checkpoints

    `first` and `second` name weights: a parameter with one element, or (name, index). The coordinates are their
    values. Otherwise `directions` are "random" (normal numbers from `seed`, with normalize="filter" scaled to the
    filters of the weights), two directions, or three sets of parameters, through which the plane goes at (0, 0),
    (1, 0) and (0, 1). A set of parameters is a mapping by name, such as net.parameters, or a vector of all of them.

    `range` is (low, high), or a pair of them; by default from -1 to 1, and from -0.5 to 1.5 through checkpoints.
    `steps` is the number of values along each axis, or a pair. The engine evaluates all points in one call.
    """
    if not isinstance(net, Model):
        raise TypeMismatch(f"loss_surface takes a network, got {type(net).__name__}")
    parts = net._open
    surfaces, terms = parts.surfaces, parts.settings.terms(loss)
    if (first is None) == (directions is None):
        raise InvalidArgument(
            "a loss surface is over one or two weights, or over directions: give one of these"
        )
    if normalize not in (None, "filter"):
        raise InvalidArgument(f'normalize is None or "filter", got {normalize!r}')
    if normalize is not None and not isinstance(directions, str):
        raise InvalidArgument('normalize is for directions="random"')
    origin, labels, default = surfaces.current(), ("first direction", "second direction"), (-1.0, 1.0)
    vectors: list[Array] = []
    if first is not None:
        places = [surfaces.place(chosen) for chosen in ([first] if second is None else [first, second])]
        if len({number for number, _ in places}) != len(places):
            raise InvalidArgument(f"the two weights of a surface differ, got {places[0][1]} twice")
        for number, _ in places:
            origin[number] = 0.0
            vectors.append(np.zeros(origin.size))
            vectors[-1][number] = 1.0
        labels = (places[0][1], places[-1][1])
    elif isinstance(directions, str):
        if directions != "random":
            raise InvalidArgument(f'directions is "random", two directions or three sets, got {directions!r}')
        number = whole(seed, "seed", 0)
        vectors = [surfaces.random(terms, 2 * number + k, normalize == "filter") for k in (0, 1)]
    elif isinstance(directions, Sequence) and len(directions) == 3:
        origin, one, two = (surfaces.vector(given) for given in directions)
        vectors, default = [one - origin, two - origin], (-0.5, 1.5)
        labels = ("towards the second", "towards the third")
    elif isinstance(directions, Sequence) and len(directions) == 2:
        vectors = [surfaces.vector(given) for given in directions]
    else:
        raise TypeMismatch('directions is "random", two directions, or three sets of parameters')
    is_line = len(vectors) == 1
    a, b = axes(range, steps, default, is_line)
    second_vector = None if is_line else vectors[1]
    losses = surfaces.losses(x, t, terms, origin, vectors[0], second_vector, (a, b))
    names = (labels[0], "loss") if is_line else labels
    return LossSurface(a, b, losses, names, origin, vectors[0], second_vector)


def axes(given: Any, steps: Any, default: tuple[float, float], is_line: bool) -> tuple[Array, Array | None]:
    """Return the values along the axes of a surface."""
    ranges = default if given is None else given
    if not isinstance(ranges, Sequence) or len(ranges) != 2:
        raise TypeMismatch(f"range is (low, high), or a pair of them, got {given!r}")
    pair: Any = ranges if isinstance(ranges[0], Sequence) else (ranges, ranges)
    counts: Any = tuple(steps) if isinstance(steps, Sequence) else (steps, steps)
    if len(counts) != 2:
        raise TypeMismatch(f"steps is a number, or a pair of them, got {steps!r}")
    made = []
    for (low, high), count in zip(pair, counts):
        low, high = real(low, "the lower end of range"), real(high, "the upper end of range")
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InvalidArgument(f"range has finite ends, got {low} and {high}")
        made.append(np.linspace(low, high, whole(count, "steps", 1)))
    return made[0], None if is_line else made[1]
