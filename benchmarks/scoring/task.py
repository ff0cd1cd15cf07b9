"""What a network learns and how: the same for Denpa and its peers. This module imports only NumPy, because
its import is part of the scripts' time.
"""

from __future__ import annotations

import pathlib
import sys
from dataclasses import dataclass, replace
from typing import Callable

import numpy as np


@dataclass(frozen=True)
class Plan:
    """A network and its training. classes: 0 for values; with 2 the network has one output, like that of
    scikit-learn.
    """

    classes: int
    hidden: tuple[int, ...]
    batch: int
    epochs: int
    activation: str = "relu"
    rate: float = 1e-3  # Adam's

    @property
    def outputs(self) -> int:
        return self.classes if self.classes > 2 else 1


PLANS = {
    "digits": Plan(10, (64, 32), 32, 30),
    "wine": Plan(3, (32,), 16, 60),
    "cancer": Plan(2, (32,), 32, 40),
    "diabetes": Plan(0, (32,), 32, 60),
    "california": Plan(0, (64, 32), 32, 40),
}


@dataclass(frozen=True)
class Task:
    """A plan, rows to train on (x, t), and rows to test on (xv, tv): float32, class numbers int64."""

    plan: Plan
    x: np.ndarray
    t: np.ndarray
    xv: np.ndarray
    tv: np.ndarray
    seed: int = 0

    def score(self, predicted: np.ndarray) -> float:
        """Returns the share of right class numbers, or for values R²."""
        if self.plan.classes:
            return float(np.mean(predicted.ravel() == self.tv))
        t = self.tv.astype(np.float64)
        return float(1 - np.sum((predicted.ravel() - t) ** 2) / np.sum((t - t.mean()) ** 2))

    def write(self, path: pathlib.Path) -> None:
        np.savez(path, x=self.x, t=self.t, xv=self.xv, tv=self.tv)


def serve(train: Callable[[Task], float]) -> None:
    """The main function of a script, SCRIPT NAME FILE [EPOCHS]: trains and prints the test score."""
    name, path, *epochs = sys.argv[1:]
    plan = PLANS[name]
    if epochs:
        plan = replace(plan, epochs=int(epochs[0]))
    arrays = np.load(path)
    print(f"{train(Task(plan, *(arrays[key] for key in ('x', 't', 'xv', 'tv')))):.4f}")
