"""Layers and losses of one's own, written in Python: the decorators custom_layer and custom_loss."""

from __future__ import annotations

import ctypes
import inspect
from typing import Any, Callable

from . import _abi as abi
from . import _registry
from ._call import c_text, check, kept, library, options, text
from ._custom_calls import Calls
from ._custom_plan import LayerPlan, LossPlan, Plan
from ._custom_schema import specs
from ._interrupts import shielded
from ._kinds import classes
from ._layer import Layer
from ._loss import Loss
from .errors import AlreadyExists, InvalidArgument

PROOFS = {"load": abi.PROVE, "request": abi.ON_REQUEST}
FUNCTIONS: dict[str, Any] = {field[0]: field[1] for field in abi.Layer._fields_}
_registered: dict[str, Calls] = {}


def description(plan: Plan, calls: Calls) -> list[Any]:
    """Return the engine's description of a class, with everything that it points to."""
    keep: list[Any] = []
    doc = inspect.getdoc(plan.made) or f"{plan.made.__name__}, written in Python."
    layer = options(abi.Layer, version=plan.version, role=plan.role, flags=plan.flags)
    layer.name, layer.summary = c_text(plan.kind), c_text(" ".join(doc.split("\n\n")[0].split()))
    bits = {"float32": abi.SUPPORTS_FLOAT32, "float64": abi.SUPPORTS_FLOAT64}
    layer.dtypes = sum({bits[dtype.name] for dtype in plan.dtypes})
    layer.input_count, layer.output_count = len(plan.inputs), plan.outputs
    layer.parameter_count, layer.saved_count = len(plan.parameters), plan.saved
    layer.attribute_count, layer.sample_count = len(plan.schemas), len(plan.samples)
    layer.attributes = specs(plan.schemas, keep)
    samples = [sample.write(plan.kind, plan.schemas, keep) for sample in plan.samples]
    layer.samples = (ctypes.POINTER(abi.Sample) * max(len(samples), 1))(*samples)

    def step(method: str, function: Callable[[Any], None]) -> Any:
        return shielded(calls.reported(method, function), kept.keep, abi.LAYER_FAILED)

    functions = {
        "create": calls.reported("__init__", calls.create),
        "forward": step("forward", calls.forward),
    }
    if plan.role == abi.LAYER:
        functions["infer_shape"] = calls.reported("the shape of the outputs", calls.infer_shape)
        functions["parameter"] = calls.reported("parameters", calls.parameter)
        functions["saved"] = calls.reported("the shape of what is saved", calls.saved)
    if plan.differentiable:
        functions["backward"] = step(plan.backward_method, calls.backward)
    for name, function in functions.items():
        setattr(layer, name, FUNCTIONS[name](function))
    destroy = calls.destroy
    layer.destroy = ctypes.cast(destroy, FUNCTIONS["destroy"])
    return [layer, keep, functions, destroy]


def register(plan: Plan, proof: Any) -> Any:
    """Register a class with the engine, or put it in the place of an older one of the same kind."""
    if not isinstance(proof, str) or proof not in PROOFS:
        raise InvalidArgument(f'proof must be "load" or "request", got {proof!r}')
    known = _registered.get(plan.kind)
    if known is not None:
        replace(known, plan, proof)
    else:
        calls = Calls(plan)
        described = description(plan, calls)
        # The engine may call the functions until the process ends, after the last line of Python too.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(described))
        wanted = options(abi.PluginOptions, proof=PROOFS[proof])
        check(library.denpa_layer_register(ctypes.byref(described[0]), None, ctypes.byref(wanted)))
        _registered[plan.kind] = calls
        _registry.refresh()
    made = classes[plan.category][plan.kind]
    rest = inspect.getdoc(plan.made) or ""
    entry = {**made.entry, "doc": rest.partition("\n\n")[2]}
    made.__doc__ = _registry.documentation(entry, made.schemas)
    return made


def replace(known: Calls, plan: Plan, proof: str) -> None:
    """Let networks that are made from now on compute with a newer class; older ones keep theirs."""
    if known.plan.key() != plan.key():
        raise AlreadyExists(
            f'"{plan.kind}" is registered with other arguments, attributes, samples or options, which cannot change '
            "while the process lives: give it another kind"
        )
    older, known.plan = known.plan, plan
    try:
        if proof == "load":
            text(library.denpa_prove, c_text(plan.kind), room=1 << 16)
    except BaseException:
        known.plan = older
        raise
    classes[plan.category][plan.kind].revision += 1


def custom_layer(
    kind: str,
    *,
    outputs: int = 1,
    samples: Any = None,
    dtypes: Any = ("float32", "float64"),
    rows_independent: bool = True,
    version: int = 0,
    proof: str = "load",
) -> Callable[[type[Any]], type[Layer]]:
    """Make a layer of a class: the decorator registers it as `kind` ("my.swish") and returns the layer's class.

        @dp.custom_layer("my.swish")
        class Swish:
            '''y = x * sigmoid(beta * x), with a beta for each feature.'''

            def parameters(self, x):                  # the shapes of the inputs, without the batch
                return {"beta": dp.Parameter(x, "ones")}

            def forward(self, x, *, beta):
                s = 1 / (1 + np.exp(-beta * x))
                return x * s, s                       # the output, and what backward needs

            def backward(self, dy, s, *, x, beta):
                dz = dy * x * s * (1 - s)
                return dy * s + dz * beta, (dz * x).sum(axis=0)

    The arguments of __init__ are the layer's attributes: numbers, strings, tuples of them, arrays. forward takes
    the inputs by position and the parameters by keyword; it returns the outputs (`outputs` of them) and, behind
    them, what backward is given behind the gradients of the outputs. backward may ask for inputs, parameters and
    outputs ("y", or "y0", "y1") by keyword, and returns a gradient for each input and each parameter. Both may
    ask for `training` and for `random`, a function (shape, stream=0) that returns numbers in [0, 1). Arrays have
    the batch in axis 0, and are copies. Without backward, the layer is for inference. The shapes of outputs are
    those that forward returns for an input of 0.5, unless there is a method output_shape, which is given the
    shapes of the inputs as parameters is, and returns that of the output.

    Nothing is kept in the object between calls. The layer is proved with `samples` before it is accepted (see
    load_plugin): dp.Sample objects, by default one of shape (5,) for each input. `rows_independent`: no row of
    an output depends on another row.
    """

    def decorate(made: type[Any]) -> type[Layer]:
        layer: type[Layer] = register(
            LayerPlan(kind, made, samples, dtypes, version, outputs, rows_independent), proof
        )
        return layer

    return decorate


def custom_loss(
    kind: str,
    *,
    samples: Any = None,
    dtypes: Any = ("float32", "float64"),
    version: int = 0,
    proof: str = "load",
) -> Callable[[type[Any]], type[Loss]]:
    """Make a loss of a class: the decorator registers it as `kind` ("my.log_cosh") and returns the loss's class.

        @dp.custom_loss("my.log_cosh")
        class LogCosh:
            '''log cosh(y - t), summed over the outputs.'''

            def forward(self, y, t):
                return np.log(np.cosh(y - t)).sum(axis=1)   # a value for each row

            def gradient(self, y, t):
                return np.tanh(y - t)                       # of each row's value

        net.fit(x, t, loss=LogCosh())

    forward returns a value for each row, whose mean is the loss (or their sum, with reduction="sum"), or one value
    for the batch. gradient returns the gradient of that with respect to y, or a pair with the one with respect
    to t, which only networks that compute their targets need; if it is not given, it is computed numerically.
    Targets have the shape of the outputs, unless a sample has others; they are class numbers if a sample has
    integers. Samples of such a loss have no weights. Everything else is as for custom_layer.
    """

    def decorate(made: type[Any]) -> type[Loss]:
        loss: type[Loss] = register(LossPlan(kind, made, samples, dtypes, version), proof)
        return loss

    return decorate
