"""The path of parameters while a network learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from ._arrays import Array, items
from ._figures import finish, single
from ._model import Model
from ._recorder import Recorder
from .errors import InvalidArgument

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_LINES = 20  # that are drawn, each for one number


class Path(Recorder):
    """A callback that remembers parameters, to draw the path of the training: dp.Path(net, ["W1", "b1"]).

    net: the network, or one like it. names: its parameters, by default all. every: epochs of fit, or calls of
    record, between two points. Raises NotFound for a name that the network has not.
    """

    def __init__(self, net: Model, names: Sequence[str] | str | None = None, every: int = 1) -> None:
        if names is None:
            listed = list(net.parameters) if isinstance(net, Model) else []
        else:
            listed = [names] if isinstance(names, str) else items(names, "names is a list of parameters")
        super().__init__(net, listed, every)
        if not self.names:
            raise InvalidArgument("a Path needs at least one parameter")
        if len(set(self.names)) < len(self.names):
            raise InvalidArgument(f"a Path names a parameter twice: {', '.join(self.names)}")

    def __getitem__(self, name: str) -> Array:
        """Return the values of a parameter, (points, *shape)."""
        return self.weights[name]

    @property
    def points(self) -> Array:
        """All values in a row for each point, in the order of `names`: (points, numbers)."""
        return np.concatenate([array.reshape(len(self), -1) for array in self.weights.values()], axis=1)

    @property
    def labels(self) -> list[str]:
        """The names of the columns of `points`: W1[0, 0], W1[0, 1], b1[0]; W1 if it is a single number."""
        found = []
        for name, array in self.weights.items():
            at = list(np.ndindex(*array.shape[1:]))
            found += [name] if len(at) == 1 else [f"{name}[{', '.join(map(str, index))}]" for index in at]
        return found

    def plot(self, path: Any = None, title: str | None = None, *, ax: Any = None) -> Figure:
        """Draw the path and return the figure: of two numbers as a line in their plane, otherwise over the steps.

        path: where to write the picture; ax: axes of matplotlib to draw into, those of a surface for example. Of
        many numbers, the 20 that move farthest are drawn. Raises InvalidArgument if nothing was remembered.
        """
        if not len(self):
            raise InvalidArgument("there is nothing to draw: the path has no points")
        axes, points = single(ax, 5.5, 4.5), self.points
        labels = [label.replace("$", r"\$") for label in self.labels]
        if points.shape[1] == 2:
            axes.plot(points[:, 0], points[:, 1], ".-", color="C1", markersize=4, linewidth=1, label="path")
            axes.plot(*points[0], "o", color="C2", label="begin")
            axes.plot(*points[-1], "*", color="C3", markersize=11, label="end")
            axes.set(xlabel=labels[0], ylabel=labels[1])
        else:
            travelled = points.max(axis=0) - points.min(axis=0)
            chosen = np.sort(np.argsort(-travelled, kind="stable")[:MOST_LINES])
            for column in chosen:
                axes.plot(self.steps, points[:, column], linewidth=1, label=labels[column])
            axes.set(xlabel="epoch or step", ylabel="value")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        return finish(axes, path, title)
