"""Every value and every gradient of one batch, by name."""

from __future__ import annotations

import ctypes
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from . import _abi as abi
from ._arrays import Array, Memory, tensors, whole
from ._call import Handle, c_text, check, library, options, text
from ._drawing import Picture, drawn, indices
from .errors import NotFound, TypeMismatch

KINDS = {
    abi.TRACE_INPUT: "input",
    abi.TRACE_TARGET: "target",
    abi.TRACE_PARAMETER: "parameter",
    abi.TRACE_ARGUMENT: "argument",
    abi.TRACE_OUTPUT: "output",
    abi.TRACE_LOSS: "loss",
}


class Trace(Mapping[str, Array]):
    """What one batch has made of a network: every value by its label, and with a loss every gradient.

    `trace["hidden"]` is the output of a layer, `trace["hidden.u"]` what its activation was applied to,
    `trace["hidden.W"]` a parameter; `trace.grad` has the gradients of the loss with respect to them. In a network
    with names="book" they are x, W1, b1, u1, z1, …, y, t and E. print(trace) writes all of them.

    A trace has copies: later training does not change it. Its arrays are read-only.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        count = ctypes.c_int32()
        check(library.denpa_trace_count(handle.pointer, ctypes.byref(count)))
        self._values: dict[str, Array] = {}
        self._kinds: dict[str, str] = {}
        gradients: dict[str, Array] = {}
        for index in range(count.value):
            item = options(abi.Traced)
            check(library.denpa_trace_value(handle.pointer, index, ctypes.byref(item)))
            label = item.label.decode()
            self._values[label] = self._array(item.value)
            self._kinds[label] = KINDS[item.kind]
            if item.has_gradient:
                gradients[label] = self._array(item.gradient)
        self.grad = TraceGradients(self, gradients)

    def _array(self, tensor: abi.Tensor) -> Array:
        array = Memory(tensor, self._handle).array()
        array.flags.writeable = False
        return array

    def label(self, name: str) -> str:
        """Return the label of a value that is given by it, or by another name that it has.

        Raises NotFound if there is none.
        """
        if isinstance(name, str) and name in self._values:
            return name
        index = ctypes.c_int32()
        check(library.denpa_trace_find(self._handle.pointer, c_text(name), ctypes.byref(index)))
        return list(self._values)[index.value]

    def kind(self, name: str) -> str:
        """Return what a value is: "input", "target", "parameter", "argument", "output" or "loss"."""
        return self._kinds[self.label(name)]

    @property
    def loss(self) -> float | None:
        """The weighted sum of the losses; None without a loss."""
        if "loss" not in self._kinds.values():
            return None
        loss = ctypes.c_double()
        check(library.denpa_trace_loss(self._handle.pointer, ctypes.byref(loss)))
        return loss.value

    def factors(self, name: str, index: Any, row: int = 0) -> Factors:
        """Return the factors of the gradient of one element of W or b of a dense layer, for one row.

        `index` is (i, j) for the weight from input i to unit j, and j for a bias. If x has axes between the batch
        and the last one, rows are those that the layer sees. Raises BadState without gradients, NotSupported for
        a parameter of another layer, or one that is not trained.
        """
        place = at(index)
        where = self._handle.pointer, c_text(name), indices(place), len(place), whole(row, "row", 0)
        found = options(abi.Factors)
        check(library.denpa_trace_factors(*where, ctypes.byref(found), None, 0))
        terms = (abi.FactorTerm * max(found.term_count, 1))()
        check(library.denpa_trace_factors(*where, ctypes.byref(found), terms, len(terms)))
        return Factors(
            found.error,
            found.slope if found.has_slope else None,
            found.input,
            found.product,
            found.gradient,
            [
                Term(
                    term.node.decode(),
                    term.unit if term.unit >= 0 else None,
                    term.error,
                    term.slope,
                    term.weight,
                    term.product,
                )
                for term in terms[: found.term_count]
            ],
            text(library.denpa_trace_print_factors, *where).rstrip("\n"),
        )

    def draw(
        self,
        path: Any = None,
        *,
        row: int = 0,
        inputs: Sequence[str] | None = None,
        outputs: Sequence[str] | None = None,
        factors: tuple[str, Any] | None = None,
    ) -> Picture | str:
        """Draw units and connections with the values of one row above and their gradients below.

        The network is a chain of dense layers. `inputs` and `outputs` name the units of the first and the last
        column; `factors`, such as ("W1", (0, 1)), highlights a weight, the units and the connections that make its
        gradient. `path` is as for net.draw; draw_graph draws other networks.
        """
        parameter, index = (None, ()) if factors is None else pair(factors)
        return drawn(
            library.denpa_trace_draw,
            self._handle.pointer,
            path,
            abi.DRAW_NETWORK,
            row=whole(row, "row", 0),
            inputs=inputs,
            outputs=outputs,
            parameter=parameter,
            index=index,
        )

    def draw_graph(self, path: Any = None) -> Picture | str:
        """Draw the computational graph, with the values above the arrows and their gradients below.

        Of large tensors the shapes are written. `path` is as for net.draw.
        """
        return drawn(library.denpa_trace_draw, self._handle.pointer, path, abi.DRAW_GRAPH)

    def _repr_svg_(self) -> str:
        return str(self.draw_graph())

    def __getitem__(self, name: str) -> Array:
        return self._values[self.label(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __str__(self) -> str:
        return text(library.denpa_trace_print, self._handle.pointer).rstrip("\n")

    def __repr__(self) -> str:
        return f"<trace of {', '.join(self)}>"


class TraceGradients(Mapping[str, Array]):
    """The gradients of a trace, by the labels of what they are with respect to."""

    def __init__(self, trace: Trace, gradients: dict[str, Array]) -> None:
        self._label, self._gradients = trace.label, gradients

    def __getitem__(self, name: str) -> Array:
        label = self._label(name)
        if label not in self._gradients:
            reason = "it is not differentiated" if self._gradients else "trace(x, t, loss) computes gradients"
            raise NotFound(f'there is no gradient with respect to "{name}": {reason}')
        return self._gradients[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._gradients)

    def __len__(self) -> int:
        return len(self._gradients)

    def __repr__(self) -> str:
        return f"<gradients of {', '.join(self)}>"


class Term(NamedTuple):
    """What comes back to a unit from one unit behind it: product = error * slope * weight.

    `unit` is None for what comes back from elsewhere: a loss, a softmax, a layer of another kind.
    """

    node: str
    unit: int | None
    error: float
    slope: float
    weight: float
    product: float


class Factors(NamedTuple):
    """The gradient of one weight, taken apart for one row: product = error * slope * input.

    `error` is what comes back, the sum of the products of `terms`: dE/dz of the unit, or dE/du if it has no
    activation, or one that is not element by element; `slope` is then None. `gradient` is the sum of the products
    of all rows. print(factors) writes each number with what it is.
    """

    error: float
    slope: float | None
    input: float
    product: float
    gradient: float
    terms: list[Term]
    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def at(index: Any) -> tuple[int, ...]:
    """Return the indices of an element, given as a number or a tuple of them."""
    given = index if isinstance(index, (tuple, list)) else (index,)
    return tuple(whole(number, "an index", 0) for number in given)


def pair(factors: Any) -> tuple[str, tuple[int, ...]]:
    if not isinstance(factors, (tuple, list)) or len(factors) != 2:
        raise TypeMismatch(f'factors takes a parameter and an index, ("W1", (0, 1)), got {factors!r}')
    return factors[0], at(factors[1])


def shown(arrays: Sequence[Array], single: bool) -> Any:
    """Return tensors of arrays, without the batch axis if that was added to a single sample."""
    return tensors([array.reshape(array.shape[1:]) if single else array for array in arrays])
