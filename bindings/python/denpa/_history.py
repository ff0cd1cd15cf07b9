"""The output of fit: numbers for each epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from . import _abi as abi
from ._figures import finish, panels, require_matplotlib
from .errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def logs_of(progress: abi.Progress, names: Sequence[str], terms: Sequence[str]) -> dict[str, float]:
    """Return the numbers of an epoch: the loss, its terms if there are several, metrics; "val_..." of validation.

    `names` are those of the metrics, `terms` those of the terms. A metric that no batch has said anything about
    is left out.
    """
    logs = {"loss": float(progress.loss)}
    groups = [("", progress.losses, progress.metrics)]
    if progress.validation_losses:
        groups.append(("val_", progress.validation_losses, progress.validation_metrics))
    for prefix, losses, metrics in groups:
        if prefix:
            logs["val_loss"] = float(progress.validation_loss)
        if len(terms) > 1:
            logs.update((f"{prefix}{name}", float(losses[index])) for index, name in enumerate(terms))
        values = [float(metrics[index]) for index in range(len(names))] if names else []
        logs.update((f"{prefix}{name}", v) for name, v in zip(names, values) if not math.isnan(v))
    return logs


class History(dict[str, list[float]]):
    """A dict with a list for each number, one item per epoch: history["val_accuracy"][-1].

    A number that not every epoch has (validation_every=5) has a shorter list; `at` says which epochs.
    """

    _at: dict[str, list[int]]

    def add(self, logs: dict[str, float]) -> None:
        epoch, known = self.epochs, {name: self.at(name) for name in logs}
        for name, value in logs.items():
            self.setdefault(name, []).append(value)
            known[name].append(epoch)
        self.__dict__.setdefault("_at", {}).update(known)

    def extend(self, later: History) -> None:
        """Append the epochs of a later fit."""
        before, known = self.epochs, {name: self.at(name) for name in later}
        for name, values in later.items():
            self.setdefault(name, []).extend(values)
            known[name] += [before + epoch for epoch in later.at(name)]
        self.__dict__.setdefault("_at", {}).update(known)

    def at(self, name: str) -> list[int]:
        """Return the epochs, from 0, that the items of a number belong to."""
        values = self.get(name, [])
        known = self.__dict__.get("_at", {}).get(name, [])
        return list(known) if len(known) == len(values) else list(range(len(values)))

    @property
    def epochs(self) -> int:
        return max(map(len, self.values()), default=0)

    def plot(self, path: Any = None, title: str | None = None, *, ax: Any = None) -> Figure:
        """Draw the curves, a panel for the losses and one for each metric, and return the figure.

        path: where to write it, in the format of the extension (PNG, SVG ...). ax: a list of axes of matplotlib,
        one for each panel, to draw into. Raises InvalidArgument if there are no epochs, ImportError without
        matplotlib.
        """
        return plot_runs({"": self}, None, path, title, ax)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.items() if values)
        return f"<history of {self.epochs} epochs: {last}>"


def plot_runs(
    runs: Mapping[str, History], numbers: Sequence[str] | None, path: Any, title: str | None, ax: Any
) -> Figure:
    """Draw the numbers of runs over their epochs: a panel for each number, where its validation is dashed."""
    if not any(history.epochs for history in runs.values()):
        raise InvalidArgument("there is nothing to draw: the history has no epochs")
    groups = panels_of(runs, numbers)
    require_matplotlib()
    from matplotlib.ticker import MaxNLocator

    axes = panels(ax, len(groups), 5.5, 4, columns=3)
    for place, (label, names) in zip(axes, groups.items()):
        for color, (run, history) in enumerate(runs.items()):
            for number, name in enumerate(n for n in names if n in history):
                epochs = [epoch + 1 for epoch in history.at(name)]
                shown = f"{run}: {name}" if run and len(names) > 1 else run or name
                # A single run has a colour for each number, several have one each.
                paint = f"C{color if len(runs) > 1 else number}"
                dash = "--" if name.startswith("val_") else "-"
                mark = "o" if len(epochs) == 1 else ""
                place.plot(epochs, history[name], dash, marker=mark, color=paint, label=shown)
        place.set(xlabel="epoch", ylabel=label)
        place.xaxis.set_major_locator(MaxNLocator(integer=True))
        place.grid(alpha=0.3)
        place.legend()
    figure = finish(axes[0], None)
    if title:
        figure.suptitle(title) if ax is None else axes[0].set_title(title)
    return finish(axes[0], path)


def panels_of(runs: Mapping[str, History], numbers: Sequence[str] | None) -> dict[str, list[str]]:
    """Return the panels: each number with that of the validation data, and all losses in the first."""
    known = list(dict.fromkeys(name for history in runs.values() for name in history))
    if numbers is not None:
        for name in numbers:
            if name not in known:
                raise NotFound(f'no run has a number "{name}"; there are {", ".join(known)}')
        known = list(numbers)
    groups: dict[str, list[str]] = {}
    for name in known:
        label = "loss" if name.endswith("loss") else name.removeprefix("val_")
        groups.setdefault(label, []).append(name)
    return groups
