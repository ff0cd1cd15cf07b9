"""The loss and the accuracy over rows that are not learned from."""

from __future__ import annotations

import math
from typing import Any

from ._loss import Terms
from ._ports import Ports, targets_of
from ._settings import Settings
from ._trainers import Trainers
from ._weights import Weights


class Evaluation:
    """Evaluates with the main trainer if its loss is asked for, otherwise with one that has no optimizer."""

    def __init__(self, ports: Ports, weights: Weights, trainers: Trainers, settings: Settings) -> None:
        self.ports, self.weights, self.trainers, self.settings = ports, weights, trainers, settings

    def evaluate(self, x: Any, t: Any, loss: Any) -> Any:
        """Return (loss, accuracy), or only the loss where accuracy has no meaning or is not wanted."""
        value, accuracy = self._measure(x, t, self.settings.terms(loss))
        if self.settings.wants_accuracy and not math.isnan(accuracy):
            return value, accuracy
        return value

    def loss(self, x: Any, t: Any, loss: Any) -> float:
        return self._measure(x, t, self.settings.terms(loss))[0]

    def _measure(self, x: Any, t: Any, terms: Terms) -> tuple[float, float]:
        batch = self.ports.arrange(x, strided=True)
        targets = targets_of(t, terms.names, batch.single, strided=True)
        with self.weights.lock:
            trainer = self.trainers.main
            if not terms.is_by_rows:
                trainer = self.trainers.make(terms, None, rows=batch.rows)
            elif trainer is None or self.weights.fitting or not trainer.fits(terms, trainer.optimizer):
                trainer = self.trainers.gradients(terms)
            self.weights.begin(trainer)
            return trainer.evaluate(batch, targets)
