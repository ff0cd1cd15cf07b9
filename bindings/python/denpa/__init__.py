"""Denpa: a neural-network training engine for embedding into programs.

    import denpa as dp

    net = dp.Sequential([dp.Dense(64, activation="relu"), dp.Dense(10)], input_shape=(64,), seed=0)
    net.compile(loss=dp.SoftmaxCrossEntropy(), optimizer=dp.Adam(learning_rate=1e-3))
    history = net.fit(x, t, batch_size=64, epochs=20, validation_data=(xv, tv), verbose=1)
    net.predict(xv)

The classes of layers, losses, optimizers and initializers are made from the engine's own description of them:
see help(dp.Dense).
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from . import (
    _abi,
    _alone,
    _call,
    _registry,
    _suggestions,
    callbacks,
    errors,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    plots,
    schedules,
)
from ._batches import Batches
from ._building import set_default_dtype
from ._check import Report
from ._custom import custom_layer, custom_loss
from ._custom_schema import Parameter, Sample
from ._described import Described, Initializer
from ._explain import Explanation
from ._film import Film
from ._finder import find_learning_rate
from ._gradient_flow import GradientFlow
from ._graph import Input, Value
from ._history import History
from ._kinds import create
from ._layer import Layer
from ._loss import Loss, Sum
from ._metric import FunctionMetric, Metric
from ._model import Model
from ._numerical import numerical_gradient
from ._optimizer import Optimizer, Schedule
from ._parameters import Parameters
from ._path import Path
from ._prediction import set_threads
from ._sequential import Sequential
from ._surface import LossSurface, loss_surface
from ._trace import Factors, Trace
from .callbacks import Callback, Checkpoint, CSVLog, EarlyStopping, LearningRate, TensorBoard
from .errors import (
    AlreadyExists,
    BadState,
    CallbackFailed,
    DenpaError,
    FileError,
    InternalError,
    InvalidArgument,
    LimitExceeded,
    MissingFile,
    NotFinite,
    NotFound,
    NotRegistered,
    NotSupported,
    OutOfMemory,
    PluginError,
    ProofFailed,
    ShapeError,
    Stopped,
    TypeMismatch,
)

__version__ = _abi.VERSION
__all__ = [
    "AlreadyExists",
    "BadState",
    "Batches",
    "Callback",
    "CallbackFailed",
    "Checkpoint",
    "CSVLog",
    "DenpaError",
    "EarlyStopping",
    "Explanation",
    "Factors",
    "FileError",
    "Film",
    "FunctionMetric",
    "GradientFlow",
    "History",
    "Initializer",
    "Input",
    "InternalError",
    "InvalidArgument",
    "Layer",
    "LearningRate",
    "LimitExceeded",
    "Loss",
    "LossSurface",
    "Metric",
    "MissingFile",
    "Model",
    "NotFinite",
    "NotFound",
    "NotRegistered",
    "NotSupported",
    "Optimizer",
    "OutOfMemory",
    "Parameter",
    "Parameters",
    "Path",
    "PluginError",
    "ProofFailed",
    "Report",
    "Sample",
    "Schedule",
    "Sequential",
    "ShapeError",
    "Stopped",
    "Sum",
    "TensorBoard",
    "Trace",
    "TypeMismatch",
    "Value",
    "callbacks",
    "create",
    "custom_layer",
    "custom_loss",
    "errors",
    "find_learning_rate",
    "from_bytes",
    "initializers",
    "kernels",
    "layers",
    "load",
    "load_plugin",
    "loss_surface",
    "losses",
    "metrics",
    "numerical_gradient",
    "optimizers",
    "plots",
    "prove",
    "schedules",
    "set_default_dtype",
    "set_threads",
    "threads",
    "version",
]

PROOFS = {"load": _abi.PROVE, "request": _abi.ON_REQUEST}


def load(path: Any, names: str | None = None) -> Model:
    """Return the network stored in a file. The plugins of its layers must be loaded first."""
    return Model.load(path, names)


def from_bytes(data: bytes, names: str | None = None) -> Model:
    """Return the network stored in the bytes that net.to_bytes() returned."""
    return Model.from_bytes(data, names)


def load_plugin(path: Any, proof: str = "load") -> list[str]:
    """Load a plugin, make the classes of its layers and return the names of their kinds.

    With proof="load", each layer is proved first, and the plugin is rejected if a proof fails; with
    "request", the proof is left to prove(kind). The plugin's code runs in this process and is never unloaded.
    """
    if not isinstance(proof, str) or proof not in PROOFS:
        raise InvalidArgument(f'proof must be "load" or "request", got {proof!r}')
    full = os.path.abspath(_call.path_bytes(path))
    if not os.path.exists(full):
        raise MissingFile(os.fsdecode(full))
    names = ctypes.c_char_p()
    wanted = _call.options(_abi.PluginOptions, proof=PROOFS[proof])
    _call.check(_call.library.denpa_plugin_load(full, ctypes.byref(wanted), ctypes.byref(names)))
    _registry.refresh()
    return (names.value or b"").decode().split()


def prove(kind: str | type[Described] | Described) -> str:
    """Prove a layer or loss on its samples and return the report.

    Raises ProofFailed, whose `report` holds the same text, if the layer does not conform.
    """
    name = getattr(kind, "kind", kind)
    if not isinstance(name, str):
        raise TypeMismatch(f'a layer or loss is proved by its kind ("dense") or its class, got {kind!r}')
    return _call.text(_call.library.denpa_prove, _call.c_text(name), room=1 << 16)


def version() -> str:
    """Return the version of the library in use."""
    found: bytes = _call.library.denpa_version()
    return found.decode()


def kernels() -> str:
    """Return the name of the kernels in use: "sse2", "avx2", "avx512" or "neon"."""
    name = ctypes.c_char_p()
    _call.check(_call.library.denpa_kernels(ctypes.byref(name)))
    return (name.value or b"").decode()


def threads() -> int:
    """Return the number of threads used for parallel work."""
    return int(_call.library.denpa_thread_count())


def __getattr__(name: str) -> Any:
    hint = "" if name.startswith("_") else _suggestions.closest(name, __all__)
    raise AttributeError(
        f"denpa has no {name!r}: no such layer, loss, optimizer, initializer or schedule is registered{hint}"
    )


_registry.refresh()
