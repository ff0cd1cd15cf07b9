"""The part of a network that shows what it computes: traces, drawings and the summary."""

from __future__ import annotations

import ctypes
from typing import Any

from . import _abi as abi
from ._call import Handle, create, library, options, text
from ._drawing import Picture, drawn
from ._native import NativeModel
from ._ports import Batch, Ports, targets_of
from ._settings import Settings
from ._trace import Trace, shown
from ._trainers import Trainers
from ._weights import Weights


class Tracing:
    """Makes traces; nothing that the user sees changes."""

    def __init__(
        self, native: NativeModel, ports: Ports, weights: Weights, trainers: Trainers, settings: Settings
    ) -> None:
        self.native, self.ports, self.weights, self.trainers = native, ports, weights, trainers
        self.settings = settings

    def of(self, x: Any, t: Any, loss: Any, training: bool | None) -> Trace:
        """Return the trace of a batch, with a loss if there are targets or a loss is given."""
        self.native.require_open()
        batch = self.ports.arrange(x)
        differentiates = t is not None or loss is not None
        wanted = options(
            abi.TraceOptions,
            training=int(differentiates if training is None else bool(training)),
            labels=self._labels,
        )
        # One sample without the batch axis is shown without it.
        given = shown(batch.arrays, batch.single)
        return Trace(
            self._with_loss(batch, given, t, loss, wanted) if differentiates else self._plain(given, wanted)
        )

    def _plain(self, given: Any, wanted: abi.TraceOptions) -> Handle:
        with self.weights.lock:
            self.weights.publish()
            count = len(self.ports.inputs)
            return create(
                abi.Trace, "denpa_trace_model", self.native.handle.pointer, given, count, ctypes.byref(wanted)
            )

    def _with_loss(self, batch: Batch, given: Any, t: Any, loss: Any, wanted: abi.TraceOptions) -> Handle:
        terms = self.settings.terms(loss)
        targets = targets_of(t, terms.names, batch.single)
        placed = shown(targets, batch.single)
        with self.weights.lock:
            trainer = self.trainers.gradients(terms)
            self.weights.begin(trainer)
            return create(
                abi.Trace,
                "denpa_trace_trainer",
                trainer.pointer,
                given,
                len(batch.arrays),
                placed if targets else None,
                len(targets),
                ctypes.byref(wanted),
            )

    # -- drawings and the summary ----------------------------------------------------------------------------

    @property
    def _labels(self) -> int:
        return abi.LABELS_BOOK if self.native.names.scheme == "book" else abi.LABELS_OWN

    def draw(self, path: Any, kind: int, **wanted: Any) -> Picture | str:
        """Draw the network with its current weights."""
        self.native.require_open()
        with self.weights.lock:
            self.weights.publish()
            pointer = self.native.handle.pointer
            return drawn(library.denpa_model_draw, pointer, path, kind, labels=self._labels, **wanted)

    def summary(self, x: Any, form: int) -> str:
        """Return the table of the layers, for a batch like x."""
        self.native.require_open()
        batch = None if x is None else self.ports.arrange(x)
        wanted = options(abi.SummaryOptions, format=form, labels=self._labels)
        given = (None, 0) if batch is None else (batch.tensors, len(batch.arrays))
        written = text(library.denpa_model_summary, self.native.handle.pointer, *given, ctypes.byref(wanted))
        return written.rstrip("\n")
