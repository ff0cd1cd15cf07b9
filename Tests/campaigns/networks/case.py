"""What all checks of one network share: its data, a model in one dtype, its reference, and the findings."""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np

from denpa.errors import DenpaError

from . import data, engine
from .graph import Pass
from .memory import Fence
from .tracked import Precision, worst

BOUNDED = 1e6  # these checks are not meant for larger values


class Rejected(Exception):
    """The network's values are too large for a meaningful comparison."""


class Report:
    """The findings: one entry for each kind of failure, and digests of the engine's results, by which modes
    are compared.
    """

    def __init__(self):
        self.failures, self.hashes = [], {}

    def digests(self):
        return {name: found.hexdigest() for name, found in self.hashes.items()}

    def add(self, kind, message, **where):
        if all(kind != known["kind"] for known in self.failures):
            self.failures.append({"kind": kind, "message": message, **where})


def bits(array):
    return np.ascontiguousarray(array).reshape(-1).view(f"u{array.dtype.itemsize}")


def same(a, b):
    """Returns whether two arrays have the same bits."""
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(bits(a), bits(b))


def difference(a, b):
    """Describes where two arrays that should have the same bits differ."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{a.dtype}{a.shape} and {b.dtype}{b.shape}"
    places = np.flatnonzero(bits(a) != bits(b))
    index = tuple(int(i) for i in np.unravel_index(places[0], a.shape)) if a.shape else ()
    return f"{len(places)} of {a.size} elements, the first at {index}: {a[index]!r} and {b[index]!r}"


class Case:
    """One network in one dtype."""

    fence = Fence()

    def __init__(self, net, dtype, report):
        self.net, self.spec, self.dtype, self.report = net, net.spec, dtype, report
        self.type = engine.TYPES[dtype]
        self.inputs = [self.cast(array) for array in data.inputs(net)]
        self.targets = [self.cast(array) for array in data.targets(net)]
        self.passes = {}
        self.model = engine.Model(net, self.type)
        self.initial = self.model.parameters()
        for parameter in net.parameters:
            if parameter not in net.trained:
                self.model.freeze(parameter.name)
        if self.spec["parameters"] == "drawn" or not self.is_bounded():
            self.model.set({name: self.cast(value) for name, value in data.parameters(net).items()})
            self.passes.clear()
            if not self.is_bounded():
                self.model.close()
                raise Rejected(self.largest)
        self.parameters = self.model.parameters()

    def cast(self, array):
        return array.astype(self.type) if array.dtype == np.float64 else array

    def is_bounded(self):
        self.parameters = self.model.parameters()
        with np.errstate(all="ignore"):
            values = [
                value.v for value in self.reference(0, min(self.spec["rows"], 64)).values if value is not None
            ]
        self.largest = [float(np.abs(value).max(initial=0)) for value in values]
        return all(largest < BOUNDED for largest in self.largest)

    # -- data ------------------------------------------------------------------------------------------------
    def slices(self):
        """(first row, number of rows) of each batch; each begins at another row."""
        for number, rows in enumerate(self.spec["batches"]):
            yield number * 7919 % (self.spec["rows"] - rows + 1), rows

    def part(self, arrays, first, rows):
        return [array[first : first + rows] for array in arrays]

    def fenced(self, arrays):
        return [self.fence.copy(array) for array in arrays]

    def output_room(self, rows):
        types = {"float": self.type, **data.INTEGERS}
        return [
            self.fence.room(types[self.net.dtypes[value]], (rows, *self.net.shapes[value]))
            for value in self.net.outputs
        ]

    def gradient_room(self, rows):
        """Returns memory for the gradients of the inputs; None for integers and for networks without input
        gradients.
        """
        if not self.spec["input_gradients"]:
            return None
        inputs = [self.spec["inputs"][number] for number in self.net.used]
        return [
            self.fence.room(self.type, (rows, *given["shape"])) if given["dtype"] == "float" else None
            for given in inputs
        ]

    def reference(self, first, rows, training=False):
        """Returns the reference's forward for some rows, with the case's parameters."""
        key = (first, rows, training)
        if key not in self.passes:
            given = self.part(data.inputs(self.net), first, rows)
            arrays = [np.zeros((rows, *of["shape"])) for of in self.spec["inputs"]]
            for number, array in zip(self.net.used, given):
                arrays[number] = array
            with Precision(self.dtype):
                self.passes[key] = Pass(self.net, arrays, self.parameters, training)
        return self.passes[key]

    def learned(self, weights):
        """The parameters except layers' states, which depend on how often forward was called."""
        return {name: value for name, value in weights.items() if name not in self.net.states}

    def trainer(self, threads=1, **how):
        """Makes a trainer of the case's model, which may have to grow for its batches."""
        return engine.Trainer(how.pop("model", self.model), self.spec["grows_from"], threads, **how)

    def digest(self, name, *results):
        found = self.report.hashes.setdefault(f"{name}, {self.dtype}", hashlib.blake2b(digest_size=8))
        for result in results:
            if isinstance(result, (list, tuple)):
                self.digest(name, *result)
            elif isinstance(result, dict):
                self.digest(name, *result.values())
            elif result is not None:
                array = np.asarray(result)
                # The sign of a zero product depends on the order of its factors, so −0 counts as 0.
                found.update((array + array.dtype.type(0)).tobytes())

    # -- findings --------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def checking(self, name):
        """Runs one check. It fails if the engine refuses something or writes outside the arrays."""
        try:
            yield
        except DenpaError as error:
            self.fail(name, f"status {engine.status_name(error.status)}", str(error))
        finally:
            if not self.fence.close():
                self.fail(name, "memory around arrays", "memory beside an array of the caller's was written")

    def fail(self, name, what, message, **where):
        self.report.add(f"{name}: {what}", f"{self.dtype}: {message}", dtype=self.dtype, **where)

    def same(self, name, what, a, b, label, **where):
        """Checks that two arrays, or lists or dicts of arrays, have the same bits."""
        if isinstance(a, dict):
            for key in a:
                self.same(name, what, a[key], b[key], f"{label} {key}", **where)
        elif isinstance(a, (list, tuple)):
            for number, (one, other) in enumerate(zip(a, b)):
                self.same(name, what, one, other, f"{label} {number}", **where)
        elif isinstance(a, float):
            if a != b:
                self.fail(name, what, f"{label}: {a!r} and {b!r}", tensor=label, **where)
        elif a is not None and not same(a, b):
            self.fail(name, what, f"{label}: {difference(a, b)}", tensor=label, **where)

    def close(self, name, what, got, expected, label, **where):
        """Checks that what the engine computed is within the error bound of the reference."""
        ratio, index = worst(got, expected, self.dtype)
        if not ratio <= 1:
            if index and index[0] == "shape":
                message = f"{label}: shape {index[1]}, expected {index[2]}"
            else:
                bound = 2 * float(np.broadcast_to(expected.e, expected.shape)[index])
                message = (
                    f"{label}{list(index)}: {np.asarray(got)[index]!r}, expected {expected.v[index]!r}"
                    f" within {bound:.3g}"
                    f" ({ratio:.3g} times that)"
                )
                where["expected"] = float(expected.v[index])
            self.fail(name, what, message, tensor=label, index=list(index), **where)
