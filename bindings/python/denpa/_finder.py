"""Looks for a learning rate: how the loss falls while the rate rises from step to step."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import Array, real, whole
from ._figures import finish, single
from ._model import Model
from .errors import InvalidArgument, NotFinite, TypeMismatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMOOTHING = 0.9  # of the losses, of which each is that of another batch
WORSE = 4.0  # times the best loss: where the search ends


class RateSearch:
    """The rates that were tried, the loss before each step and the smoothed loss; `best` is a rate to use."""

    def __init__(self, rates: Array, losses: Array, smoothed: Array) -> None:
        self.rates, self.losses, self.smoothed = rates, losses, smoothed
        # Where the loss falls fastest per decade, before it has reached its minimum.
        end = max(int(np.argmin(smoothed)), 1)
        slope = np.gradient(smoothed[: end + 1], np.log(rates[: end + 1]))
        self.best = float(rates[int(np.argmin(slope))])

    def plot(self, path: Any = None, title: str | None = None, *, ax: Any = None) -> Figure:
        """Draw the losses over the rates, with the best rate marked, and return the figure.

        path: where to write it, in the format of the extension. ax: axes of matplotlib to draw into. Raises
        ImportError without matplotlib.
        """
        axes = single(ax, 5.5, 4)
        axes.plot(self.rates, self.losses, alpha=0.3, label="loss")
        axes.plot(self.rates, self.smoothed, label="smoothed")
        axes.axvline(self.best, linestyle="--", color="C3", label=f"best: {self.best:.2g}")
        # Where the loss explodes, it leaves the picture, which is about where it falls.
        top, bottom = self.smoothed[: max(int(np.argmin(self.smoothed)), 1) + 1].max(), self.losses.min()
        room = 0.3 * (top - bottom) or 1.0
        axes.set_ylim(bottom - 0.3 * room, top + 2 * room)
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.grid(alpha=0.3)
        axes.legend()
        return finish(axes, path, title)

    def __repr__(self) -> str:
        return f"<search over {len(self.rates)} learning rates: best {self.best:.3g}>"


def find_learning_rate(
    net: Model,
    x: Any,
    t: Any,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> RateSearch:
    """Train a copy of a compiled network with a rate that rises from `low` to `high`, and return the losses.

    x and t are arrays. The network itself does not change. The search ends early where the loss is four times
    the best one, or not finite. Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.
    """
    if not isinstance(net, Model):
        raise TypeMismatch(f"find_learning_rate takes a network, got {net!r}")
    low, high, steps = real(low, "low"), real(high, "high"), whole(steps, "steps", 3)
    if not 0 < low < high:
        raise InvalidArgument(f"low and high must be positive, and low the smaller one, got {low} and {high}")
    x, t = np.asarray(x), np.asarray(t)
    trial, draw = copy.deepcopy(net), np.random.default_rng(seed)
    rates = low * (high / low) ** (np.arange(steps) / (steps - 1))
    losses: list[float] = []
    smoothed: list[float] = []
    average = 0.0
    for step, rate in enumerate(rates):
        trial.learning_rate = float(rate)
        rows = draw.integers(0, len(x), min(whole(batch_size, "batch_size", 1), len(x)))
        try:
            losses.append(trial.train_batch(x[rows], t[rows]))
        except NotFinite:
            break
        average = SMOOTHING * average + (1 - SMOOTHING) * losses[-1]
        smoothed.append(average / (1 - SMOOTHING ** (step + 1)))
        if smoothed[-1] > WORSE * min(smoothed):
            break
    if len(smoothed) < 3:
        raise NotFinite(
            f"the loss is not finite after {len(smoothed)} steps with rates from {low}: give a lower one"
        )
    return RateSearch(rates[: len(losses)], np.array(losses), np.array(smoothed))
