"""The methods of networks that show what they compute. Model takes them over; each is one call of a part."""

from __future__ import annotations

from html import escape
from typing import Any, Sequence

from . import _abi as abi
from ._drawing import Picture
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


def draw(
    self: Any, path: Any = None, *, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
) -> Picture | str:
    """Draw the network as units and weighted connections, if it is a chain of dense layers.

    Lines are the wider the larger a weight is, and of another color if it is negative; of large layers the first
    and the last units are drawn. `inputs` and `outputs` name the units of the first and the last column. Raises
    NotSupported for other networks, which draw_graph draws.

    Writes to `path`, which ends in .svg or .dot, and returns the text, which notebooks show as a picture. Without
    a path, or with ".svg" or ".dot" as the path, nothing is written.
    """
    found: Picture | str = self._open.tracing.draw(path, abi.DRAW_NETWORK, inputs=inputs, outputs=outputs)
    return found


def draw_graph(self: Any, path: Any = None) -> Picture | str:
    """Draw the computational graph: the layers, and the shapes of the values between them.

    `path` is as for draw. The graph of a trace (trace.draw_graph) has the values.
    """
    found: Picture | str = self._open.tracing.draw(path, abi.DRAW_GRAPH)
    return found


def summary(self: Any, x: Any = None) -> str:
    """Return a table of the layers to be printed: shapes, parameters, and what they cost.

    Floating-point operations (an addition or a multiplication is one) and memory are those of a batch like x, of
    which only the shape counts; by default of one row, or of none if the network has open extents.
    """
    found: str = self._open.tracing.summary(x, abi.TEXT)
    return found


def html(self: Any) -> str:
    """Return the summary as a table in HTML, for notebooks; of a closed network what it says of itself."""
    if self._parts.native.is_closed:
        return f"<code>{escape(repr(self))}</code>"
    found: str = self._parts.tracing.summary(None, abi.HTML)
    return found
