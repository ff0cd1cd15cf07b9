"""What the engine calls of a layer or loss written in Python.

The methods of a class get copies of the engine's arrays, and what they return is copied: nothing that they keep
or change is the engine's. A layer without rows is not computed if its rows are independent.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import sys
import threading
from typing import Any, Callable, Sequence

import numpy as np

from . import _abi as abi
from ._arrays import CODES, DTYPES, Array, Memory, set_shape
from ._call import kept
from ._custom_schema import Parameter, decoded
from .errors import BadState, DenpaError, InvalidArgument, NotFinite, ShapeError, TypeMismatch

MESSAGE = 300  # bytes of a message: the engine adds the node, and keeps 511


class Instance:
    """A layer with its attributes: an object of the user's class, and what is known of its inputs.

    A newer class of the same kind has other objects: `plan` describes the class of this one.
    """

    def __init__(self, user: Any, plan: Any) -> None:
        self.user, self.plan = user, plan
        self.batched: tuple[bool, ...] = ()
        self.saved_dtypes: list[np.dtype[Any]] = []
        self.states: set[str] = set()  # the parameters that forward may change
        self.written: dict[str, list[Any]] = {}  # what descriptions of parameters point to


class Draw:
    """Returns uniform random numbers in [0, 1), the same in backward as in the forward before it."""

    def __init__(self, pointer: Any) -> None:
        self.pointer = pointer

    def __call__(self, shape: Any, stream: int = 0) -> Array:
        if self.pointer is None:
            raise BadState("random numbers are drawn during the call that they were given to")
        numbers = np.empty(shape, "float64")
        if numbers.size:
            place = numbers.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
            self.pointer.contents.host.contents.random(self.pointer, stream, 0, numbers.size, place)
        return numbers


def constant(shape: Any, stream: int = 0) -> Array:
    """Take the place of random numbers where only shapes are asked for."""
    return np.full(shape, 0.5)


def is_lost(array: Array, infinite: bool) -> bool:
    """Return whether an array has NaN, or infinite elements too."""
    if not array.size or array.dtype.kind != "f":
        return False
    lowest = float(np.minimum.reduce(array, axis=None))  # NaN if there is any
    if math.isnan(lowest):
        return True
    return infinite and (math.isinf(lowest) or math.isinf(float(np.maximum.reduce(array, axis=None))))


class Shelves:
    """Arrays for copies of the engine's, used again unless somebody has kept them: new memory is slow."""

    SHAPES = 16  # of which arrays are kept

    def __init__(self) -> None:
        self.spare: dict[Any, list[Array]] = {}

    def take(self, tensor: Any, lent: list[Array]) -> Array:
        """Return a copy of a tensor, which is also added to `lent`."""
        view = Memory(tensor.contents, None).array()
        try:
            array = self.spare[view.shape, view.dtype].pop()
        except (KeyError, IndexError):  # another thread may be faster
            array = np.empty_like(view)
        array.flags.writeable = True
        array[...] = view
        lent.append(array)
        return array

    def put(self, lent: list[Array]) -> None:
        """Take back the arrays that nothing else refers to."""
        if len(self.spare) > self.SHAPES:
            self.spare.clear()
        while lent:
            array = lent.pop()
            if sys.getrefcount(array) <= 2:  # the variable, and the argument
                self.spare.setdefault((array.shape, array.dtype), []).append(array)


def sentence(method: str, error: BaseException) -> str:
    """Return what the engine is told of an exception."""
    try:
        said = str(error)
    except Exception:
        said = "an exception that has no text"
    name = "" if isinstance(error, DenpaError) else f"{type(error).__name__}: "
    encoded = f"{method}: {name}{said}".replace("\0", " ").encode("utf-8", "replace")
    return encoded[:MESSAGE].decode("utf-8", "ignore")


class Calls:
    """The functions that the engine is given. `plan` describes the class, which may be replaced by a newer one."""

    def __init__(self, plan: Any) -> None:
        self.plan = plan
        self.instances: dict[int, Instance] = {}
        self.dead: list[int] = []
        self.numbers = itertools.count(1)
        self.active = threading.local()
        self.shelves = Shelves()

    def reported(self, method: str, function: Callable[..., None]) -> Callable[..., int]:
        """Wrap a function whose first argument is the host or the call: its exceptions are kept and reported."""

        def call(place: Any, *arguments: Any) -> int:
            try:
                function(place, *arguments)
            except BaseException as error:
                text = sentence(method, error)
                kept.keep(error, text)
                host = place.contents.host if hasattr(place.contents, "host") else place
                status = error.status if isinstance(error, DenpaError) else 0
                return int(host.contents.fail(host, status or abi.LAYER_FAILED, text.encode()))
            return abi.OK

        return call

    # -- instances and shapes ----------------------------------------------------------------------------------

    def create(self, host: Any, user_data: Any, attributes: Any, instance: Any) -> None:
        while self.dead:
            self.instances.pop(self.dead.pop(), None)
        number = next(self.numbers)
        plan = self.plan
        self.instances[number] = Instance(plan.make(decoded(attributes, plan.schemas)), plan)
        instance[0] = number

    @property
    def destroy(self) -> Any:
        """The function that is called for an instance that is not used any more, with user_data, which is 0.

        It runs in any thread, when objects are deleted, and until the process ends: so no code of Python does,
        and the instance is only listed, as list.insert(0, instance).
        """
        return ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_size_t)(self.dead.insert)

    def infer_shape(self, host: Any, user_data: Any, instance: Any, inputs: Any, outputs: Any) -> None:
        own = self.instances[instance]
        plan = own.plan
        given = [inputs[i].contents for i in range(len(plan.inputs))]
        symbolic = [bool(t.rank and t.dim[0] == abi.BATCH) for t in given]
        if any(symbolic) or not own.batched:
            own.batched = tuple(symbolic)
        shapes = self.output_shapes(own, given)
        floats = [t.dtype for t in given if DTYPES[t.dtype].kind == "f"]
        for number, shape in enumerate(shapes):
            tensor = outputs[number].contents
            tensor.dtype = floats[0] if floats else CODES[plan.dtypes[0]]
            set_shape(tensor, shape)

    def output_shapes(self, own: Instance, given: Sequence[abi.Tensor]) -> list[tuple[int, ...]]:
        """Return the shapes of the outputs, with the batch as it is in the inputs."""
        plan = own.plan
        batched = [t.dim[0] for t, is_batched in zip(given, own.batched) if is_batched]
        if hasattr(own.user, "output_shape"):
            found = own.user.output_shape(*self.samples(own, given))
            shapes = [found] if plan.outputs == 1 else list(found)
            if len(shapes) != plan.outputs or not all(isinstance(s, (tuple, list)) for s in shapes):
                raise ShapeError(
                    f"{plan.kind}: output_shape returned {found!r}, expected the shape of "
                    + ("the output" if plan.outputs == 1 else f"each of the {plan.outputs} outputs")
                    + ", as a tuple without the batch"
                )
            return [(*batched[:1], *map(int, shape)) for shape in shapes]
        found = self.tried(own, given)[0]
        return [tuple(self.extent(e, batched) for e in shape) for shape in found]

    @staticmethod
    def extent(affine: tuple[int, int], batched: Sequence[int]) -> int:
        """Return an extent that is slope·rows + rest; `batched` begins with the rows, which may be unknown."""
        slope, rest = affine
        if slope and batched and batched[0] == abi.BATCH:
            if slope == 1 and not rest:
                return abi.BATCH
            raise ShapeError(
                "the output has an extent that depends on the number of rows and is not that number: "
                f"{slope} x rows + {rest}"
            )
        return slope * (batched[0] if batched else 0) + rest

    def samples(self, own: Instance, given: Sequence[abi.Tensor]) -> list[tuple[int, ...]]:
        """Return the shapes of inputs without the batch. The engine tries some extents for open ones."""
        shapes: list[tuple[int, ...]] = [tuple(t.dim[: t.rank]) for t in given]
        batched = own.batched or [True] * len(shapes)  # before the graph knows: the inputs of a sample
        return [shape[1:] if is_batched else shape for shape, is_batched in zip(shapes, batched)]

    def tried(self, own: Instance, given: Sequence[abi.Tensor]) -> tuple[Any, Any, list[Array]]:
        """Run forward on constants, twice if there is a batch; return how its results depend on the rows.

        These are the shapes of the outputs and of the saved values, each extent as (slope, rest), and the values
        that would be saved.
        """
        plan = own.plan
        parameters = self.parameters(own, given) if plan.parameters else {}
        runs = []
        for rows in (2, 3):
            inputs = []
            for tensor, is_batched in zip(given, own.batched):
                shape: tuple[int, ...] = tuple(tensor.dim[: tensor.rank])
                kind = DTYPES[tensor.dtype]
                value = 0.5 if kind.kind == "f" else 0
                shape = (rows, *shape[1:]) if is_batched else shape
                inputs.append(np.full(shape, value, kind))
            floats = [x.dtype for x in inputs if x.dtype.kind == "f"]
            kind = floats[0] if floats else np.dtype("float64")
            arrays = {name: np.full(p.extents, 0.5, kind) for name, p in parameters.items()}
            with np.errstate(all="ignore"):
                outputs, saved = plan.forward(own.user, inputs, arrays, True, constant)
            runs.append(([x.shape for x in outputs], [x.shape for x in saved], saved))
        found = []
        for which in (0, 1):
            affine = []
            for small, large in zip(runs[0][which], runs[1][which]):
                if len(small) != len(large):
                    raise ShapeError(f"{plan.kind}: forward returned {small} for 2 rows and {large} for 3")
                affine.append([(b - a, 3 * a - 2 * b) for a, b in zip(small, large)])
            found.append(affine)
        return found[0], found[1], runs[0][2]

    def parameters(self, own: Instance, given: Sequence[abi.Tensor]) -> dict[str, Parameter]:
        """Return what the class says of its parameters, in the order of forward's arguments."""
        plan = own.plan
        found = own.user.parameters(*self.samples(own, given))
        if not isinstance(found, dict) or set(found) != set(plan.parameters):
            raise InvalidArgument(
                f"{plan.kind}: parameters returned {found!r}, expected a dict with "
                + " and ".join(plan.parameters)
            )
        listed = {name: found[name] for name in plan.parameters}
        return {name: p if isinstance(p, Parameter) else Parameter(p) for name, p in listed.items()}

    def parameter(
        self, host: Any, user_data: Any, instance: Any, inputs: Any, index: int, parameter: Any
    ) -> None:
        own = self.instances[instance]
        given = [inputs[i].contents for i in range(len(own.plan.inputs))]
        name = own.plan.parameters[index]
        described = self.parameters(own, given)[name]
        own.written[name] = described.write(parameter.contents, name)
        if described.role == "state":
            own.states.add(name)

    def saved(self, host: Any, user_data: Any, instance: Any, inputs: Any, index: int, tensor: Any) -> None:
        own = self.instances[instance]
        given = [inputs[i].contents for i in range(len(own.plan.inputs))]
        rows = [t.dim[0] for t, is_batched in zip(given, own.batched) if is_batched]
        _, shapes, values = self.tried(own, given)
        own.saved_dtypes = [value.dtype for value in values]
        kind = values[index].dtype
        tensor.contents.dtype = CODES[np.dtype("uint8") if kind == np.bool_ else kind]
        set_shape(tensor.contents, tuple(self.extent(e, rows) for e in shapes[index]))

    # -- calls -------------------------------------------------------------------------------------------------

    def forward(self, pointer: Any) -> None:
        self.within(pointer, "forward", self.compute)

    def backward(self, pointer: Any) -> None:
        self.within(pointer, "backward", self.differentiate)

    def within(self, pointer: Any, method: str, function: Callable[..., None]) -> None:
        """Run a call, unless this thread is computing the same layer already."""
        call, lent, draw = pointer.contents, [], Draw(pointer)  # type: ignore[var-annotated]
        instance: int = call.instance
        active: set[int] = self.active.__dict__.setdefault("now", set())
        if instance in active:
            raise BadState(f"{self.plan.kind}: {method} computes with the network that it is a layer of")
        try:
            active.add(instance)
            function(call, self.instances[instance], lent, draw)
            self.shelves.put(lent)
        finally:
            active.discard(instance)  # first: an interrupt may come after any call
            draw.pointer = None

    def compute(self, call: abi.Call, own: Instance, lent: list[Array], draw: Draw) -> None:
        plan, take = own.plan, self.shelves.take
        places = [Memory(call.outputs[i].contents, None).array() for i in range(plan.outputs)]
        count = plan.saved if call.training else 0
        stores = [Memory(call.saved[i].contents, None).array() for i in range(count)]
        if not call.rows and plan.skips_empty:
            for array in places + stores:
                array[...] = 0
            return
        inputs = [take(call.inputs[i], lent) for i in range(len(plan.inputs))]
        parameters = {name: take(call.parameters[i], lent) for i, name in enumerate(plan.parameters)}
        for name, array in parameters.items():
            array.flags.writeable = name in own.states
        before = any(is_lost(x, False) for x in inputs)
        outputs, saved = plan.forward(own.user, inputs, parameters, bool(call.training), draw)
        floats = any(x.dtype.kind == "f" for x in (*inputs, *parameters.values()))
        for name, place, value in zip(plan.output_names, places, outputs):
            checked(plan.kind, "forward", name, value, place, floats)
            if call.training and not before and is_lost(value, False):
                raise NotFinite(f"{plan.kind}: forward returned NaN for {name}")
            place[...] = value
        for name, store, value in zip(plan.saved_names, stores, saved):
            if value.shape != store.shape:
                raise ShapeError(
                    f"{plan.kind}: forward returned shape {value.shape} for {name}, which is saved, and "
                    f"{store.shape} when its shape was asked for"
                )
            store[...] = value
        if call.training:
            for number, name in enumerate(plan.parameters):
                if name in own.states:
                    Memory(call.parameters[number].contents, None).array()[...] = parameters[name]

    def differentiate(self, call: abi.Call, own: Instance, lent: list[Array], draw: Draw) -> None:
        plan, take = own.plan, self.shelves.take
        inputs, outputs = range(len(plan.inputs)), range(plan.outputs)
        named = {
            n: take(call.inputs[i], lent) for i, n in zip(inputs, plan.inputs) if n in plan.backward_names
        }
        for number, name in enumerate(plan.output_names):
            if name in plan.backward_names:
                named[name] = take(call.outputs[number], lent)
        for number, name in enumerate(plan.parameters):
            if name in plan.backward_names:
                named[name] = take(call.parameters[number], lent)
        wanted = [call.dinputs[i] for i in inputs]
        wanted += [call.dparameters[i] for i in range(len(plan.parameters))]
        adds = [call.accumulate_inputs[i] for i in inputs]
        adds += [call.accumulate_parameters[i] for i in range(len(plan.parameters))]
        places = [Memory(tensor.contents, None).array() if tensor else None for tensor in wanted]
        if not call.rows and plan.skips_empty:
            for place, add in zip(places, adds):
                if place is not None and not add:
                    place[...] = 0
            return
        douts = [take(call.doutputs[i], lent) for i in outputs]
        saved = [take(call.saved[i], lent).astype(d, copy=False) for i, d in enumerate(own.saved_dtypes)]
        before = any(is_lost(x, True) for x in douts)
        gradients = plan.backward(own.user, douts, saved, named, draw, [bool(tensor) for tensor in wanted])
        method = plan.backward_method
        for place, add, name, value in zip(places, adds, plan.gradient_names, gradients):
            if place is None:
                continue
            if value is None:
                raise ShapeError(
                    f"{plan.kind}: {method} returned None for the gradient of {name}, "
                    f"expected an array of shape {place.shape}"
                )
            checked(plan.kind, method, f"the gradient of {name}", value, place, True)
            if not before and is_lost(value, True):
                raise NotFinite(f"{plan.kind}: {method} returned NaN or infinity for the gradient of {name}")
            if add:
                place += value
            else:
                place[...] = value


def checked(kind: str, method: str, label: str, value: Any, place: Array, floats: bool) -> None:
    """Refuse an array that has another shape or element type than its place."""
    if value.shape != place.shape:
        raise ShapeError(f"{kind}: {method} returned shape {value.shape} for {label}, expected {place.shape}")
    if floats and value.dtype != place.dtype:
        raise TypeMismatch(
            f"{kind}: {method} returned {value.dtype} for {label}, expected {place.dtype}, as it was given: "
            f"compute in the type of the arguments, or return ...astype({place.dtype})"
        )
