"""What a network was compiled with: its loss, optimizer and metrics."""

from __future__ import annotations

from typing import Any, Sequence

from ._loss import Terms
from ._metric import AnyMetric, Measured, default_metrics, resolve
from ._optimizer import Optimizer, find_optimizer
from .errors import BadState


class Settings:
    """The loss, optimizer and metrics that are used where a call is given none."""

    def __init__(self, outputs: Sequence[str]) -> None:
        self.outputs = outputs  # the names of the network's outputs
        self.loss: Terms | None = None
        self.optimizer: Optimizer | None = None
        self.metrics: list[AnyMetric] | None = None

    def compile(self, loss: Any, optimizer: Any, metrics: Any) -> None:
        """Replace all of them, or none if one of them is refused."""
        wanted = None if metrics is None else resolve(metrics)
        terms = self.terms(loss) if loss is not None else None
        found = find_optimizer(optimizer) if optimizer is not None else None
        self.loss, self.optimizer, self.metrics = terms, found, wanted

    def measured(self, terms: Terms) -> Measured:
        """Return the metrics for a loss: those compiled, or else the accuracy where that has a meaning."""
        metrics = default_metrics(terms) if self.metrics is None else self.metrics
        return Measured(metrics, terms, self.outputs)

    def adopt(self, other: Settings) -> None:
        """Take over the settings of a network with the same outputs."""
        self.loss, self.optimizer, self.metrics = other.loss, other.optimizer, other.metrics

    def terms(self, loss: Any = None) -> Terms:
        """Return the terms of a loss, by default the one that the network was compiled with."""
        if loss is not None:
            return Terms(loss, self.outputs)
        if self.loss is None:
            raise BadState(
                'there is no loss yet: net.compile(loss="mean_squared_error") or loss=... in this call'
            )
        return self.loss

    def for_training(self) -> tuple[Terms, Optimizer]:
        """Return the loss and the optimizer. Raises BadState if there is none yet."""
        if self.loss is None or self.optimizer is None:
            raise BadState("there is no optimizer yet: compile the network or train it first")
        return self.loss, self.optimizer
