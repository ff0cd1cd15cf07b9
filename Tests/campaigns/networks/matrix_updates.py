"""The optimizers that treat matrices as such, in NumPy and float64; see optimizers.py."""

from __future__ import annotations

import numpy as np

from .tracked import UNITS, Tracked, growth
from .updates import Rule, drawn


class Adafactor(Rule):
    """Shazeer & Stern, 2018, as PyTorch has it: means over rows and columns of the last two axes."""

    defaults = {
        "learning_rate": 0.01,
        "decay_exponent": 0.8,
        "least_scale": 0.001,
        "threshold": 1.0,
        "epsilon": 1e-3,
        "weight_decay": 0.0,
    }
    # A direction of rounding errors alone is made as long as any other.
    continuous = False

    @staticmethod
    def choose(draw):
        # The default of epsilon depends on the dtype.
        given = {"epsilon": draw.choice([1e-3, 1e-2])}
        return given | drawn(
            draw, decay_exponent=[0.5, 1.0], least_scale=[0.01], threshold=[0.5, 2.0], weight_decay=[0.1]
        )

    def step(self, name, w, g):
        of, t = self.of, self.t
        new, least, square = t ** -of["decay_exponent"], of["epsilon"], g * g

        def mean(what, x):
            value = self.kept[what, name] = self.kept.get((what, name), 0.0) * (1 - new) + new * x
            return value

        if w.ndim > 1:
            rows, columns = mean("rows", square.mean(-1)), mean("columns", square.mean(-2))
            total = np.maximum(rows.mean(-1, keepdims=True), least)
            v = (rows / total)[..., None] * columns[..., None, :]
        else:
            v = mean("second", square)
        u = g / np.maximum(np.sqrt(v), least)
        rate = min(of["learning_rate"], 1 / np.sqrt(t))
        length = max(of["least_scale"], np.sqrt((w * w).mean())) * rate
        step = length / max(1.0, np.sqrt((u * u).mean()) / of["threshold"])
        # The sums over the rows are taken in the weights' own dtype, the two over all elements in float64, one
        # element after the other.
        doubt = 8 + (w.shape[-2] if w.ndim > 1 else 0)
        doubt += 2 * growth(w.size) * UNITS["float64"] / Tracked.unit
        kept = w * (1 - of["learning_rate"] * of["weight_decay"])
        return kept - step * u, np.abs(w) + step * np.abs(u) * doubt


class Muon(Rule):
    """Jordan et al., 2024: the momentum of a matrix is made orthogonal; vectors are trained by AdamW."""

    defaults = {
        "learning_rate": 0.02,
        "momentum": 0.95,
        "nesterov": True,
        "weight_decay": 0.0,
        "iterations": 5,
        "orthogonal": True,
        "vector_learning_rate": 0.0003,
    }
    continuous = False

    @staticmethod
    def choose(draw):
        return drawn(
            draw, momentum=[0.0, 0.5], nesterov=[False], weight_decay=[0.1], iterations=[1, 3],
            orthogonal=[False], vector_learning_rate=[0.003],
        )  # fmt: skip

    def flushed(self, least):
        return self.of["learning_rate"] * self.t * least * 1e9

    def step(self, name, w, g):
        of, rate = self.of, self.of["learning_rate"]
        if w.ndim < 2 or not of["orthogonal"]:
            rate *= of["vector_learning_rate"] / self.first_rate
            m, v = self.mean("m", name, 0.9, g), self.mean("v", name, 0.95, g * g)
            size_of_m = self.mean("size of m", name, 0.9, np.abs(g))
            root = np.sqrt(v / (1 - 0.95**self.t)) + 1e-8
            first = 1 - 0.9**self.t
            kept = w * (1 - rate * of["weight_decay"])
            return kept - rate * m / first / root, np.abs(w) + rate * size_of_m / first / root
        momentum = of["momentum"]
        v = self.mean("v", name, momentum, g)
        u = (1 - momentum) * g + momentum * v if of["nesterov"] else v
        x = u.reshape(-1, w.shape[-1])
        x = x / max(np.linalg.norm(x), 1e-7)
        for _ in range(of["iterations"]):
            a = x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
            a = -4.7750 * a + 2.0315 * a @ a
            x = 3.4445 * x + (a @ x if x.shape[0] <= x.shape[1] else x @ a)
        length = np.sqrt(max(1.0, x.shape[1] / max(x.shape[0], 1)))
        kept = w * (1 - rate * of["weight_decay"])
        # The polynomial's slope at 0 is 3.4445, so errors grow with each iteration; and elements are sums.
        doubt = 3.4445 ** of["iterations"] * 8
        return kept - rate * length * x.reshape(w.shape), np.abs(w) + rate * length * doubt
