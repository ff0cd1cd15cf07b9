"""A layer: a node of a network, or a function with forward and backward."""

from __future__ import annotations

import copy
from typing import Any, Callable, ClassVar, Mapping, Sequence

from ._arrays import Array, ArrayLike, DType
from ._call import Handle, c_text, check, library
from ._described import Described
from ._graph import Value, apply
from .errors import BadState, TypeMismatch


class Layer(Described):
    """Add it to a Sequential, call it with values of a graph, or use forward and backward by themselves."""

    category = "layers"
    own_arguments = (("name", False, None),)

    name: str | None
    _alone: Any
    # Makes what computes a layer without a network of the user's; _alone.py sets it.
    by_itself: ClassVar[Any]

    def __init__(self, /, *arguments: Any, name: str | None = None, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        if name is not None and not isinstance(name, str):
            raise TypeMismatch(f"{self.kind}: name must be a string, got {name!r}")
        self._fix(name=name)
        self._alone = None

    def __call__(self, *values: Value | Sequence[Value]) -> Any:
        """Return the layer's output in a graph.

        A layer with several inputs takes them as a list or as separate arguments. Applied again in the same
        network, it computes with the same parameters.
        """
        flat: list[Value] = []
        for value in values:
            if isinstance(value, (list, tuple)):
                flat.extend(value)
            else:
                flat.append(value)  # type: ignore[arg-type]
        outputs = apply(self, flat, self.name)
        return outputs[0] if len(outputs) == 1 else list(outputs)

    def add_to(self, graph: Handle, name: str, shares: str | None, ends: tuple[Any, ...]) -> None:
        """Add the layer to the engine's graph."""
        if shares is not None:
            check(library.denpa_graph_share(graph.pointer, c_text(shares), c_text(name), *ends))
        else:
            kind, attributes = self.kind.encode(), self.encode()
            check(library.denpa_graph_add(graph.pointer, kind, c_text(name), attributes.pointer, *ends))

    def fill(self, model: Handle, name: str) -> None:
        """Leave the parameters as their initializers have made them."""

    # -- by itself -------------------------------------------------------------------------------------------

    @property
    def _by_itself(self) -> Any:
        if self._alone is None:
            self._alone = self.by_itself(copy.copy(self))  # not itself: no cycle
        return self._alone

    def build(self, input_shape: Any, dtype: DType = "float64", seed: int = 0) -> None:
        """Create the layer's own parameters for samples of `input_shape`, before the first forward.

        None is an open extent, as in Input.
        """
        self._by_itself.build(input_shape, dtype, seed)

    def forward(self, *x: ArrayLike, training: bool = True) -> Any:
        """Compute the layer by itself, and with training=True keep what backward needs.

        Axis 0 of an array with several axes is the batch; an array with one axis is one sample; a number
        returns a number. Floats keep their type, integers become float64.
        """
        return self._by_itself.forward(x, training)

    def backward(self, dout: ArrayLike = 1.0) -> Any:
        """Return the gradient with respect to the input of the last forward in training.

        The gradients of parameters are in `grads`. Raises BadState without a forward before it.
        """
        if self._alone is None:
            raise BadState(f"{self.kind}: backward needs a forward before it")
        return self._alone.backward(dout)

    @property
    def parameters(self) -> Any:
        """The layer's own parameters, which exist after build or the first forward."""
        if self._alone is None or self._alone.net is None:
            raise BadState(
                f"{self.kind} has no parameters of its own yet: call build(input_shape) or forward(x)"
            )
        return self._alone.net.parameters

    @property
    def grads(self) -> Mapping[str, Array]:
        """The parameters' gradients of the last backward."""
        if self._alone is None or self._alone.net is None:
            raise BadState(f"{self.kind}: there are no gradients before forward and backward")
        grads: Mapping[str, Array] = self._alone.net.grads
        return grads

    def shown(self) -> dict[str, Any]:
        return {**self.attributes, **({"name": self.name} if self.name else {})}

    def state(self) -> dict[str, Any]:
        return {**super().state(), "name": self.name, "_alone": None}


def function_of(layer: type[Layer], name: str) -> Callable[..., Any] | None:
    """Return a function for a layer with inputs and without parameters, or None.

    An example is denpa.relu(x), for an array or a value of a graph.
    """
    entry = layer.entry
    if not entry["inputs"]:
        return None
    if entry.get("parameters") or any(s["required"] and s["type"] == "int" for s in entry["attributes"]):
        return None

    def function(*x: Any, **attributes: Any) -> Any:
        made = layer(**attributes)
        values = x[0] if len(x) == 1 and isinstance(x[0], (list, tuple)) else x
        if any(isinstance(value, Value) for value in values):
            return made(*values)
        inputs = values if entry["variadic"] or len(entry["inputs"]) > 1 else x
        return made._by_itself.forward(tuple(inputs), False)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{layer.__doc__}\n\nAccepts an array, a number, or values of a graph; see {layer.__name__}."
    )
    return function
