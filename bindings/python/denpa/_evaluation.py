"""The loss and the metrics over rows that are not learned from."""

from __future__ import annotations

from typing import Any

from ._loss import Terms
from ._ports import Ports, targets_of
from ._sample_weights import weights_of
from ._settings import Settings
from ._trainers import Trainers
from ._weights import Weights


class Evaluation:
    """Evaluates with the main trainer if its loss is asked for, otherwise with one that has no optimizer."""

    def __init__(self, ports: Ports, weights: Weights, trainers: Trainers, settings: Settings) -> None:
        self.ports, self.weights, self.trainers, self.settings = ports, weights, trainers, settings

    def evaluate(self, x: Any, t: Any, loss: Any, sample_weight: Any = None) -> Any:
        """Return the loss alone if there are no metrics, otherwise a tuple of the loss and the metrics."""
        value, metrics = self._measure(x, t, self.settings.terms(loss), sample_weight, measures=True)
        return (value, *metrics) if metrics else value

    def loss(self, x: Any, t: Any, loss: Any) -> float:
        return self._measure(x, t, self.settings.terms(loss), None, measures=False)[0]

    def _measure(
        self, x: Any, t: Any, terms: Terms, sample_weight: Any, measures: bool
    ) -> tuple[float, list[float]]:
        batch = self.ports.arrange(x, strided=True)
        targets = targets_of(t, terms.names, batch.single, strided=True)
        targets += weights_of(sample_weight, terms, batch.single, strided=True)
        measured = self.settings.measured(terms) if measures else None
        with self.weights.lock:
            trainer = self.trainers.main
            if not terms.is_by_rows:
                trainer = self.trainers.make(terms, None, rows=batch.rows, measured=measured)
            elif (
                trainer is None
                or self.weights.fitting
                or not trainer.fits(terms, trainer.optimizer)
                or not (measured is None or trainer.measures(measured))
            ):
                trainer = self.trainers.gradients(terms, measured)
            self.weights.begin(trainer)
            return trainer.evaluate(batch, targets)
