"""How large the gradients of each parameter are, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import Array, whole
from ._figures import finish, single
from ._history import History
from .callbacks import Callback
from .errors import BadState, InvalidArgument

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class GradientFlow(Callback):
    """A callback that records the norm of each parameter's gradient after every `every`-th step of fit.

    `norms` has a list for each trained parameter, by name and from the input to the output; `steps` the number of
    each recorded step, counted from 1 over all fits. A norm is the root of the sum of squares, in float64, of the
    gradient that the step was taken with. In a loop of your own, call record(net) between backward, or
    accumulate, and the step. Training is the same with and without it.
    """

    def __init__(self, every: int = 1) -> None:
        self.every = whole(every, "every", 1)
        self.steps: list[int] = []
        self.norms: dict[str, list[float]] = {}
        self._taken = 0
        self._views: dict[str, Array] = {}

    def on_fit_begin(self, net: Any) -> None:
        # The trainer is at work during fit and takes no calls, but its gradients can be looked at.
        parts = net._open
        trainer, shown = parts.trainers.main, parts.native.names.shown
        self._views = {shown[full]: trainer.gradient(full) for full in parts.native.trained() if trainer.trains(full)}
        self._fits(self._views)

    def on_batch_end(self, net: Any, batch: int, logs: dict[str, float]) -> None:
        self._add(self._views)

    def on_fit_end(self, net: Any, history: History) -> None:
        self._views = {}

    def record(self, net: Any) -> None:
        """Record the gradients that net.grads has. Raises BadState if there are none."""
        grads = dict(net.grads)
        self._fits(grads)
        self._add(grads)

    def _fits(self, grads: dict[str, Array]) -> None:
        if self.norms and list(self.norms) != list(grads):
            raise BadState(
                f"a GradientFlow is of one network: it has recorded {', '.join(self.norms)}, "
                f"and this one trains {', '.join(grads)}"
            )

    def _add(self, grads: dict[str, Array]) -> None:
        self._taken += 1
        if self._taken % self.every:
            return
        self.steps.append(self._taken)
        for name, gradient in grads.items():
            values = np.asarray(gradient, "float64").ravel()
            self.norms.setdefault(name, []).append(float(np.sqrt(values @ values)))

    def plot(self, path: Any = None, title: str | None = None, *, ax: Any = None) -> Figure:
        """Draw the norms over the steps, on a logarithmic scale, and return the figure.

        The layers are coloured from the input (dark) to the output (bright), and all their parameters but the
        first are dashed. path: where to write it; ax: axes
        of matplotlib to draw into. Raises InvalidArgument if nothing was recorded, ImportError without matplotlib.
        """
        if not self.steps:
            raise InvalidArgument("there is nothing to draw: no step was recorded")
        axes = single(ax, 7, 4)
        from matplotlib import colormaps

        layers = list(dict.fromkeys(map(layer_of, self.norms)))
        colors = dict(zip(layers, colormaps["viridis"](np.linspace(0, 0.9, len(layers)))))
        drawn: set[str] = set()
        for name, norms in self.norms.items():
            layer = layer_of(name)
            dash = "--" if layer in drawn else "-"
            drawn.add(layer)
            mark = "o" if len(self.steps) == 1 else ""
            shown = name.replace("$", r"\$")
            axes.plot(self.steps, norms, dash, marker=mark, color=colors[layer], linewidth=1, label=shown)
        axes.set(xlabel="step", ylabel="norm of the gradient")
        if any(value > 0 for norms in self.norms.values() for value in norms):
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
        return finish(axes, path, title)

    def __repr__(self) -> str:
        return f"<gradient flow of {len(self.norms)} parameters over {len(self.steps)} steps>"


def layer_of(name: str) -> str:
    """Return what the names of a layer's parameters have in common: dense_1 of dense_1.W, 1 of W1."""
    layer, dot, _ = name.rpartition(".")
    return layer if dot else name.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
