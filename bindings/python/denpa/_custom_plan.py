"""The classes that a user writes for layers and losses: what their signatures say, and how they are called."""

from __future__ import annotations

import inspect
from typing import Any, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import CODES, Array, cast, float_dtype, items, whole
from ._call import c_text
from ._custom_schema import Sample, schemas_of
from .errors import BadState, InvalidArgument, ShapeError, TypeMismatch

GIVEN = ("training", "random")  # what forward and backward may ask for besides arrays


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
        # Where all samples have targets like the outputs, others would be broadcast, which is rarely meant.
        self.are_alike = all(
            y.shape == t.shape and t.dtype.kind == "f" for y, t in map(Sample.values, self.samples)
        )
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
        y, t = inputs[0], self.aligned(*inputs)
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
        y, given_t = (named[name] for name in self.inputs)
        t = self.aligned(y, given_t)
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
        found = [None if array is None else array * scale for array in arrays]
        if found[1] is not None and found[1].shape == t.shape:
            found[1] = found[1].reshape(given_t.shape)
        return found

    def aligned(self, y: Array, t: Array) -> Array:
        """Return the targets in the shape of the outputs; those of one output may be without its axis."""
        if not self.are_alike or t.shape == y.shape:
            return t
        if y.shape == (*t.shape, 1):
            return t.reshape(y.shape)
        raise ShapeError(
            f"{self.kind}: the targets have shape {t.shape}, the outputs {y.shape}; if that is meant, "
            "register the loss with a sample of such shapes"
        )

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
            total: Any = 0.0
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
