"""The output of fit: numbers for each epoch."""

from __future__ import annotations

import math
from typing import Any, Sequence

from . import _abi as abi

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
    """A dict with a list for each number, one item per epoch: history["val_accuracy"][-1]."""

    def add(self, logs: dict[str, float]) -> None:
        for name, value in logs.items():
            self.setdefault(name, []).append(value)

    def extend(self, later: History) -> None:
        """Append the epochs of a later fit."""
        for name, values in later.items():
            self.setdefault(name, []).extend(values)

    @property
    def epochs(self) -> int:
        return max(map(len, self.values()), default=0)

    def plot(self, path: Any, title: str | None = None) -> None:
        """Write the curves as a picture, in the format of the path's extension (PNG, SVG, ...).

        Needs matplotlib; raises ImportError without it.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("drawing needs matplotlib: pip install matplotlib") from error

        # Each number with that of the validation data in one picture; all losses in the first.
        groups: dict[str, dict[str, list[float]]] = {}
        for name, values in self.items():
            label = "loss" if name.endswith("loss") else name.removeprefix("val_")
            groups.setdefault(label, {})[name] = values
        shown = list(groups.items())
        figure = Figure(figsize=(5.5 * max(len(shown), 1), 4), layout="constrained")
        for axes, (label, curves) in zip(figure.subplots(1, max(len(shown), 1), squeeze=False)[0], shown):
            for name, values in curves.items():
                axes.plot(range(1, len(values) + 1), values, label=name)
            axes.set(xlabel="epoch", ylabel=label)
            axes.grid(alpha=0.3)
            axes.legend()
        if title:
            figure.suptitle(title)
        figure.savefig(path, dpi=120)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.items() if values)
        return f"<history of {self.epochs} epochs: {last}>"
