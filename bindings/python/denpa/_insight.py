"""The methods of networks that show what they compute. Model takes them over; each is one call of a part."""

from __future__ import annotations

from typing import Any

from ._trace import Trace

# `self` is a Model, which is defined after this module.


def trace(self: Any, x: Any, t: Any = None, loss: Any = None, training: bool | None = None) -> Trace:
    """Return every value that is computed for a batch, and with targets every gradient of the loss.

    x is a batch, or one sample without the batch axis, and then no value has that axis. Nothing changes: not the
    weights, not the states of layers, not the random numbers of training.

    With targets, layers work as in training: dropout is at work, batch_norm uses the batch. Without, they work
    as in inference. `training` chooses otherwise; with training=False there are no gradients.
    """
    found: Trace = self._open.tracing.of(x, t, loss, training)
    return found
