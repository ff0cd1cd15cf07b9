"""Layers and losses of one's own, written in Python: the decorators custom_layer and custom_loss."""

from __future__ import annotations

import ctypes
import inspect
from typing import Any, Callable, Sequence

import numpy as np

from . import _abi as abi
from . import _registry
from ._arrays import CODES, Array, cast, float_dtype, items, whole
from ._call import c_text, check, kept, library, options, text
from ._custom_calls import Calls
from ._custom_schema import Sample, schemas_of, specs
from ._interrupts import shielded
from ._kinds import classes
from ._layer import Layer
from ._loss import Loss
from .errors import AlreadyExists, BadState, InvalidArgument, ShapeError, TypeMismatch

PROOFS = {"load": abi.PROVE, "request": abi.ON_REQUEST}
GIVEN = ("training", "random")  # what forward and backward may ask for besides arrays
FUNCTIONS: dict[str, Any] = dict(abi.Layer._fields_)
_registered: dict[str, Calls] = {}


class Plan:
    """A class of the user's: what its signatures say, and how its methods are called."""

    category, role, backward_method = "layers", abi.LAYER, "backward"
    saved_names: Sequence[str] = ()
    parameters: Sequence[str] = ()
    backward_names: Sequence[str] = ()
    rows_independent = False
    skips_empty = True

    def __init__(self, kind: str, made: type[Any], samples: Any, dtypes: Any, version: Any) -> None:
        c_text(kind)
        if not isinstance(made, type):
            raise TypeMismatch(f"{kind}: the decorator is for a class, got {made!r}")
        self.kind, self.made, self.outputs = kind, made, 1
        self.version = whole(version, f"{kind}: the version", 0, (1 << 31) - 1)
        self.dtypes = [float_dtype(dtype) for dtype in ((dtypes,) if isinstance(dtypes, str) else dtypes)]
        self.schemas = schemas_of(kind, made)
        self.inputs, self.asked = arguments_of(kind, made, "forward")
        given = (
            [Sample(*[(5,)] * len(self.inputs))] if samples is None else items(samples, "samples is a list")
        )
        self.samples: list[Sample] = given
        for sample in given:
            if not isinstance(sample, Sample):
                raise TypeMismatch(f"{kind}: samples is a list of dp.Sample objects, got {sample!r}")
            if len(sample.inputs) != len(self.inputs):
                raise InvalidArgument(
                    f"{kind}: a sample has {len(sample.inputs)} inputs, forward takes {', '.join(self.inputs)}"
                )
        self.differentiable = hasattr(made, self.backward_method)

    @property
    def saved(self) -> int:
        return len(self.saved_names)

    @property
    def gradient_names(self) -> list[str]:
        return [*self.inputs, *self.parameters]

    @property
    def output_names(self) -> list[str]:
        return ["y"] if self.outputs == 1 else [f"y{number}" for number in range(self.outputs)]

    @property
    def flags(self) -> int:
        inputs = abi.NEEDS_INPUTS if any(name in self.inputs for name in self.backward_names) else 0
        outputs = abi.NEEDS_OUTPUTS if any(name in self.output_names for name in self.backward_names) else 0
        rows = abi.ROWS_INDEPENDENT if self.rows_independent else 0
        return int(abi.REENTRANT | inputs | outputs | rows)

    def key(self) -> tuple[Any, ...]:
        """Return what the engine is told of the class, which cannot change while the process lives."""
        return (
            self.category,
            self.version,
            len(self.inputs),
            self.outputs,
            tuple(self.parameters),
            self.saved,
            self.flags,
            self.differentiable,
            [d.str for d in self.dtypes],
            repr(self.schemas),
            [sample.key() for sample in self.samples],
        )

    def make(self, attributes: dict[str, Any]) -> Any:
        """Return an object of the class, which does not change any more."""
        user = self.made(**attributes)
        kind = self.kind

        def refuse(self: Any, name: str, value: Any) -> None:
            raise BadState(
                f"{kind}: {name} is set after __init__, but a layer keeps nothing between calls: what backward "
                "needs is returned by forward behind the outputs"
            )

        body = {"__setattr__": refuse, "__slots__": (), "__doc__": self.made.__doc__}
        object.__setattr__(user, "__class__", type(self.made.__name__, (self.made,), body))
        return user

    def array(self, value: Any, label: str, method: str) -> Array:
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise TypeMismatch(f"{self.kind}: {method} returned {array.dtype} for {label}, expected numbers")
        return array


class LayerPlan(Plan):
    """A class with the methods of a layer: forward, and perhaps backward, parameters and output_shape."""

    def __init__(
        self, kind: str, made: type[Any], samples: Any, dtypes: Any, version: Any, outputs: Any, rows: bool
    ) -> None:
        super().__init__(kind, made, samples, dtypes, version)
        self.outputs = whole(outputs, f"{kind}: outputs", 1, 64)
        self.rows_independent = self.skips_empty = bool(rows)
        self.parameters = [name for name in self.asked if name not in GIVEN]
        taken = [n for n in (*self.inputs, *self.parameters) if n in (*GIVEN, *self.output_names)]
        if taken:
            raise InvalidArgument(
                f'{kind}: forward has an argument called "{taken[0]}", which means something else'
            )
        if self.parameters and not hasattr(made, "parameters"):
            listed = ", ".join(self.parameters)
            raise InvalidArgument(
                f"{kind}: forward has the parameters {listed}: the class needs a method parameters "
                "that returns a dict with their shapes"
            )
        if not self.differentiable:
            return
        positional, self.backward_names = arguments_of(kind, made, "backward")
        if len(positional) < self.outputs:
            raise InvalidArgument(
                f"{kind}: backward takes the gradients of the {self.outputs} outputs first, "
                f"then what forward returns behind them, got ({', '.join(positional)})"
            )
        self.saved_names = positional[self.outputs :]
        known = [*self.inputs, *self.parameters, *self.output_names, *GIVEN]
        unknown = [name for name in self.backward_names if name not in known]
        if unknown:
            raise InvalidArgument(
                f'{kind}: backward asks for "{unknown[0]}"; it may ask for {", ".join(known)}, '
                "or be given what forward returns behind the outputs"
            )

    def keywords(self, asked: Sequence[str], arrays: dict[str, Array], training: bool, random: Any) -> Any:
        given = {**arrays, "training": training, "random": random}
        return {name: given[name] for name in asked}

    def forward(
        self, user: Any, inputs: list[Array], parameters: dict[str, Array], training: bool, random: Any
    ) -> tuple[list[Array], list[Array]]:
        """Return the outputs and what is kept for backward."""
        result = user.forward(*inputs, **self.keywords(self.asked, parameters, training, random))
        names = [*self.output_names, *self.saved_names]
        listed = self.listed(result, names, "forward")
        arrays = [self.array(value, name, "forward") for name, value in zip(names, listed)]
        saved = [
            x if x.dtype in CODES or x.dtype == np.bool_ else cast(x, "it") for x in arrays[self.outputs :]
        ]
        return arrays[: self.outputs], saved

    def listed(self, result: Any, names: Sequence[str], method: str) -> list[Any]:
        if len(names) == 1 and not isinstance(result, tuple):
            return [result]
        if not isinstance(result, tuple) or len(result) != len(names):
            got = f"{len(result)} values" if isinstance(result, tuple) else type(result).__name__
            raise ShapeError(f"{self.kind}: {method} returned {got}, expected ({', '.join(names)})")
        return list(result)

    def backward(
        self,
        user: Any,
        douts: list[Array],
        saved: list[Array],
        named: dict[str, Array],
        random: Any,
        wanted: Any,
    ) -> list[Any]:
        """Return a gradient for each input and each parameter, or None."""
        keywords = self.keywords(self.backward_names, named, True, random)
        result = user.backward(*douts, *saved, **keywords)
        names = self.gradient_names
        return [
            None if value is None else self.array(value, f"the gradient of {name}", "backward")
            for name, value in zip(names, self.listed(result, names, "backward"))
        ]


class LossPlan(Plan):
    """A class with the methods of a loss: forward and gradient.

    `by_rows`: forward returns a value for each row, of which the loss is the mean or the sum; otherwise it
    returns the loss of the batch.
    """

    category, role, backward_method = "losses", abi.LOSS, "gradient"

    def __init__(self, kind: str, made: type[Any], samples: Any, dtypes: Any, version: Any) -> None:
        super().__init__(kind, made, samples, dtypes, version)
        if len(self.inputs) != 2 or self.asked:
            raise InvalidArgument(f"{kind}: forward takes the outputs and the targets: forward(self, y, t)")
        if not self.differentiable:
            raise InvalidArgument(f"{kind}: a loss needs a method gradient(self, y, t)")
        self.backward_names = self.inputs
        sample = self.samples[0]
        y, t = sample.values()
        value = np.asarray(made(**sample.attributes).forward(y, t))
        if value.shape not in ((), y.shape[:1]):
            raise ShapeError(
                f"{kind}: forward returned shape {value.shape} for {len(y)} rows, expected a value for each "
                f"row, ({len(y)},), or one for the batch, ()"
            )
        self.by_rows = value.shape != ()
        if self.by_rows:
            self.schemas["reduction"] = {
                "name": "reduction",
                "type": "string",
                "required": False,
                "category": None,
                "default": "mean",
            }

    @property
    def output_names(self) -> list[str]:
        return ["the loss"]

    def make(self, attributes: dict[str, Any]) -> Any:
        reduction = attributes.pop("reduction", "mean")
        if reduction not in ("mean", "sum"):
            raise InvalidArgument(f'{self.kind}: reduction is "mean" or "sum", got "{reduction}"')
        return Reduced(super().make(attributes), reduction)

    def forward(
        self, user: Any, inputs: list[Array], parameters: dict[str, Array], training: bool, random: Any
    ) -> tuple[list[Array], list[Array]]:
        y, t = inputs
        value = self.array(user.loss.forward(y, t), "the loss", "forward")
        if self.by_rows:
            if value.shape != y.shape[:1]:
                raise ShapeError(
                    f"{self.kind}: forward returned shape {value.shape}, expected a value for each row, "
                    f"{y.shape[:1]}, as it did for its sample"
                )
            total = value.sum(dtype="float64")
            value = total / len(y) if user.reduction == "mean" else total
        return [np.asarray(value, y.dtype)], []

    def backward(
        self,
        user: Any,
        douts: list[Array],
        saved: list[Array],
        named: dict[str, Array],
        random: Any,
        wanted: Any,
    ) -> list[Any]:
        y, t = (named[name] for name in self.inputs)
        result = user.loss.gradient(y, t)
        given = list(result) if isinstance(result, tuple) else [result, None]
        if len(given) != 2 or given[0] is None:
            raise ShapeError(f"{self.kind}: gradient returns dL/dy, or the pair (dL/dy, dL/dt)")
        if wanted[1] and given[1] is None:
            given[1] = self.by_targets(user.loss, y, t)
        scale = float(douts[0])
        if self.by_rows and user.reduction == "mean":
            scale /= len(y)
        arrays = [None if g is None else self.array(g, "a gradient", "gradient") for g in given]
        return [None if array is None else array * scale for array in arrays]

    def by_targets(self, loss: Any, y: Array, t: Array) -> Array:
        """Differentiate the loss numerically with respect to targets, which in training are given.

        Only a network that computes its targets, and the proof, need it.
        """
        y64, t64 = y.astype("float64"), t.astype("float64")
        found = np.zeros_like(t64)
        columns = np.ndindex(t.shape[1:]) if self.by_rows else np.ndindex(t.shape)
        for index in columns:
            place: Any = (slice(None), *index) if self.by_rows else index
            step = 1e-4
            total = 0.0
            for shift, factor in ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0)):
                moved = t64.copy()
                moved[place] += shift * step
                total = total + factor * np.asarray(loss.forward(y64, moved), "float64")
            found[place] = total / (12 * step)
        return found.astype(t.dtype)


class Reduced:
    """An object of a loss's class, and how the values of its rows become one number."""

    def __init__(self, loss: Any, reduction: str) -> None:
        self.loss, self.reduction = loss, reduction


def arguments_of(kind: str, made: type[Any], method: str) -> tuple[list[str], list[str]]:
    """Return the names of a method's positional arguments, and of those that are given by keyword only."""
    function = getattr(made, method, None)
    if not callable(function):
        raise InvalidArgument(f"{kind}: the class needs a method {method}")
    named = list(inspect.signature(function).parameters.values())[1:]
    for argument in named:
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            raise InvalidArgument(f"{kind}: {method} names its arguments, without *{argument.name}")
    keywords = [a.name for a in named if a.kind == a.KEYWORD_ONLY]
    positional = [a.name for a in named if a.kind != a.KEYWORD_ONLY]
    if not positional:
        raise InvalidArgument(f"{kind}: {method} has no argument for an array")
    return positional, keywords


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
        "destroy": calls.destroy,
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
    return [layer, keep, functions]


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
    doc = inspect.getdoc(plan.made)
    if doc:
        made.__doc__ = _registry.documentation({**made.entry, "doc": doc}, made.schemas)
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
    Everything else is as for custom_layer; class numbers are targets if a sample has integers.
    """

    def decorate(made: type[Any]) -> type[Loss]:
        loss: type[Loss] = register(LossPlan(kind, made, samples, dtypes, version), proof)
        return loss

    return decorate
