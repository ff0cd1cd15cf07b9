"""How arrays go into a network and come out: inputs, outputs, targets and gradients in the user's forms."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

import numpy as np

from ._arrays import Array, as_array, tensors
from ._native import Port
from .errors import InvalidArgument, NotFound, ShapeError


class Batch:
    """Inputs arranged for a call: arrays with a batch axis, their rows, whether the axis was added."""

    def __init__(self, arrays: list[Array], rows: int, single: bool) -> None:
        self.arrays, self.rows, self.single = arrays, rows, single
        self.tensors = tensors(arrays)


class Ports:
    """The inputs and outputs of a network, and the form in which the user gives and receives them.

    `shapes` returns the shapes of the outputs for arrays of inputs, where extents are open. `keys` are the
    names of the outputs. `form` is "one", "list" or "dict"; without it, a single output is
    returned as an array, several as a dict by name, or as a list if one value is an output more than once.
    """

    def __init__(
        self,
        inputs: list[Port],
        outputs: list[Port],
        shapes: Callable[[Sequence[Array]], list[tuple[int, ...]]],
        keys: Sequence[str] | None,
        form: str | None,
    ) -> None:
        self.inputs, self.outputs, self._shapes = inputs, outputs, shapes
        self._is_open = any(None in port.shape for port in outputs)
        self.keys = list(keys) if keys is not None else [port.name for port in outputs]
        several = "dict" if len(set(self.keys)) == len(self.keys) else "list"
        self.form = form or ("one" if len(outputs) == 1 else several)

    @property
    def input_names(self) -> list[str]:
        return [port.name for port in self.inputs]

    @property
    def float_inputs(self) -> list[str]:
        """The names of the inputs that have a gradient."""
        return [port.name for port in self.inputs if port.dtype.kind == "f"]

    # -- inputs ----------------------------------------------------------------------------------------------

    def arrange(self, x: Any, strided: bool = False) -> Batch:
        """Arrange inputs, given as an array, a list in order or a dict by name, for a call.

        They have a batch axis, or are one sample without it.
        """
        values = self._in_order(x)
        arrays, singles = [], []
        for port, value in zip(self.inputs, values):
            array = as_array(value, f'input "{port.name}"', strided)
            rank = len(port.shape)
            if array.ndim == 1 and port.shape == (1,) and len(array) != 1:
                array = array[:, None]
            single = array.ndim == rank
            if not single and array.ndim != rank + 1:
                sample = ["any" if extent is None else str(extent) for extent in port.shape]
                one = ", ".join(sample) + "," * (rank == 1)
                raise ShapeError(
                    f'input "{port.name}": expected ({", ".join(["rows", *sample])}) or one sample ({one}), '
                    f"got {array.shape}"
                )
            arrays.append(array[None] if single else array)
            singles.append(single)
        if any(singles) and not all(singles):
            raise ShapeError("some inputs are one sample and others a batch: give all of them one form")
        rows = arrays[0].shape[0] if arrays else 0
        for port, array in zip(self.inputs, arrays):
            if array.shape[0] != rows:
                raise ShapeError(
                    f'input "{port.name}" has {array.shape[0]} rows, input "{self.inputs[0].name}" has {rows}'
                )
        return Batch(arrays, rows, bool(singles) and singles[0])

    def _in_order(self, x: Any) -> list[Any]:
        if isinstance(x, Mapping):
            return ordered(x, self.input_names, "input")
        if len(self.inputs) == 1:
            listed = isinstance(x, list) and len(x) == 1 and is_arraylike(x[0])
            return [x[0]] if listed and np.ndim(x[0]) == len(self.inputs[0].shape) + 1 else [x]
        if not isinstance(x, (list, tuple)) or len(x) != len(self.inputs):
            raise InvalidArgument(
                f"the network has the inputs {', '.join(self.input_names)}: give a dict by name or a list of "
                f"{len(self.inputs)} arrays"
            )
        return list(x)

    def input_gradients(self, batch: Batch, names: Sequence[str], dtype: np.dtype[Any]) -> list[Array | None]:
        """Return memory for the gradients with respect to the named inputs, and None for the others."""
        return [
            np.empty(array.shape, dtype) if port.name in names else None
            for port, array in zip(self.inputs, batch.arrays)
        ]

    def in_input_form(self, dinputs: list[Array | None], single: bool) -> Any:
        """Return the gradients with respect to the inputs: an array, or a dict by name."""
        results = [array[0] if single and array is not None else array for array in dinputs]
        return results[0] if len(results) == 1 else dict(zip(self.input_names, results))

    # -- outputs ---------------------------------------------------------------------------------------------

    def buffers(self, batch: Batch) -> list[Array]:
        """Return memory for the outputs of a batch."""
        return [np.empty(shape, port.dtype) for shape, port in zip(self._output_shapes(batch), self.outputs)]

    def _output_shapes(self, batch: Batch) -> list[tuple[int, ...]]:
        if self._is_open:
            return self._shapes(batch.arrays)
        return [(batch.rows, *port.shape) for port in self.outputs]

    def in_form(self, outputs: list[Array], single: bool) -> Any:
        """Return outputs in the form that the network uses: an array, a list or a dict."""
        return self.formed([array[0] for array in outputs] if single else outputs)

    def formed(self, results: list[Any]) -> Any:
        """Return what there is of each output in the form that the network uses."""
        if self.form == "dict":
            return dict(zip(self.keys, results))
        return results[0] if self.form == "one" else results

    def output_gradients(self, dout: Any, batch: Batch) -> list[Array | None]:
        """Return the gradients with respect to the outputs, in order and in the network's type."""
        if isinstance(dout, Mapping):
            for name in dout:
                if name not in self.keys:
                    raise NotFound(f'there is no output "{name}"; the network has {", ".join(self.keys)}')
            values = [dout.get(name) for name in self.keys]
        elif isinstance(dout, (list, tuple)) and len(dout) == len(self.outputs) and self._takes_list(dout):
            values = list(dout)
        elif len(self.outputs) == 1:
            values = [dout]
        else:
            raise InvalidArgument(f"backward needs a gradient for each of the outputs {', '.join(self.keys)}")
        found: list[Array | None] = []
        for port, shape, value in zip(self.outputs, self._output_shapes(batch), values):
            if value is None:
                found.append(None)
                continue
            array = as_array(value, f'the gradient of output "{port.name}"').astype(port.dtype, copy=False)
            array = array[None] if batch.single else array
            if array.shape != shape:
                raise ShapeError(f'the gradient of output "{port.name}": expected {shape}, got {array.shape}')
            found.append(array)
        return found

    def _takes_list(self, dout: Sequence[Any]) -> bool:
        """Return whether `dout` is a list of gradients, rather than one gradient written as a list."""
        return len(self.outputs) > 1 or dout[0] is None or is_arraylike(dout[0])


def targets_of(t: Any, names: Sequence[str], single: bool, strided: bool = False) -> list[Array]:
    """Return the targets in the order of the losses, which are of the outputs `names`.

    They are given as an array, a list, or a dict by output; each is one sample if `single` is true.
    """
    if not names:
        if t is not None:
            raise InvalidArgument(
                "the loss takes no targets: what it compares is among the inputs; leave t out"
            )
        return []
    if isinstance(t, Mapping):
        values = ordered(t, names, "target")
    elif len(names) == 1:
        values = [t]
    elif isinstance(t, (list, tuple)) and len(t) == len(names):
        values = list(t)
    else:
        raise InvalidArgument(
            f"the loss has {len(names)} targets, of the outputs {', '.join(names)}: "
            "give a dict or a list of them"
        )
    arrays = []
    for name, value in zip(names, values):
        array = as_array(value, f'the target of "{name}"', strided)
        arrays.append(array[None] if single else array)
    return arrays


def is_arraylike(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "__array__") or hasattr(value, "__dlpack__")


def ordered(values: Mapping[Any, Any], names: Sequence[str], what: str) -> list[Any]:
    """Return the items of a dict in the order of the names. Raises NotFound if they differ."""
    for name in values:
        if name not in names:
            raise NotFound(f'there is no {what} "{name}"; the network has {", ".join(names)}')
    for name in names:
        if name not in values:
            raise NotFound(f'{what} "{name}" is missing; given: {", ".join(map(str, values))}')
    return [values[name] for name in names]
