"""Losses: objects to pass to compile and fit, to weight and add, and to use by themselves."""

from __future__ import annotations

import copy
import operator
from typing import Any, ClassVar, Mapping, Sequence

import numpy as np

from ._arrays import ArrayLike, real
from ._described import Described
from ._kinds import find
from .errors import InvalidArgument, NotFound, TypeMismatch


class Loss(Described):
    """A loss.

    `output` names the network's output that it applies to (default: the only one). `weight` scales it.
    """

    category = "losses"
    own_arguments = (("output", True, None), ("weight", False, 1.0))

    output: str | int | None
    weight: float
    _alone: Any
    # Makes what computes a loss without a network of the user's; _alone.py sets it.
    by_itself: ClassVar[Any]

    def __init__(self, /, output: str | int | None = None, *, weight: float = 1.0, **attributes: Any) -> None:
        super().__init__(**attributes)
        if output is not None and not isinstance(output, str):
            try:
                output = operator.index(output)
            except TypeError:
                raise TypeMismatch(
                    f"{self.kind}({output!r}): the argument names an output of the network; "
                    "to compute the loss there is .forward(y, t)"
                ) from None
        self._fix(output=output, weight=real(weight, f"{self.kind}: the weight"))
        self._alone = None

    def key(self) -> tuple[Any, ...]:
        return (*super().key(), self.output, self.weight)

    def __mul__(self, factor: float) -> Loss:
        scaled = copy.copy(self)
        scaled._fix(weight=self.weight * real(factor, f"{self.kind}: the factor"), _alone=None)
        return scaled

    __rmul__ = __mul__

    def __add__(self, other: Loss | Sum) -> Sum:
        return Sum(self, other)

    def __copy__(self) -> Loss:
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def alone(self) -> Loss:
        """Return the same loss, applied to the first output."""
        made = copy.copy(self)
        made._fix(output=None)
        return made

    # -- by itself -------------------------------------------------------------------------------------------

    def forward(self, y: ArrayLike, t: ArrayLike) -> float:
        """Return the weighted loss of outputs y (rows, ...) against targets t. Keeps what backward needs."""
        if self._alone is None:
            self._alone = self.by_itself(copy.copy(self))  # not itself: no cycle
        return float(self._alone.forward(y, t))

    def backward(self, dout: float = 1.0) -> Any:
        """Return the gradient of the last forward with respect to y, times dout."""
        if self._alone is None:
            self._alone = self.by_itself(copy.copy(self))  # not itself: no cycle
        return self._alone.backward(dout)

    def __call__(self, y: Any, t: Any) -> float:
        """Return the loss of outputs y against targets t. From dicts, it takes the entries of its output."""
        return self.forward(pick(y, self.output), pick(t, self.output))

    def gradient(self, y: Any, t: Any) -> Any:
        """Return the gradient with respect to the outputs.

        It has their form: an array, or a dict with one entry.
        """
        return self.value_and_gradient(y, t)[1]

    def value_and_gradient(self, y: Any, t: Any) -> tuple[float, Any]:
        """Return the loss and its gradient with respect to the outputs, as one computation.

        The gradient has the form of the outputs: see gradient.
        """
        if self._alone is None:
            self._alone = self.by_itself(copy.copy(self))  # not itself: no cycle
        if type(y) is np.ndarray and type(t) is np.ndarray:  # the most frequent case, which is the fastest
            return self._alone.both(y, t)  # type: ignore[no-any-return]
        value, gradient = self._alone.both(pick(y, self.output), pick(t, self.output))
        return value, {self.output: gradient} if isinstance(y, Mapping) else gradient

    def shown(self) -> dict[str, Any]:
        own = {"output": self.output} if self.output is not None else {}
        weight = {"weight": self.weight} if self.weight != 1.0 else {}
        return {**own, **self.attributes, **weight}

    def state(self) -> dict[str, Any]:
        return {**super().state(), "output": self.output, "weight": self.weight, "_alone": None}


def pick(values: Any, output: str | int | None) -> Any:
    """Return the entry of an output, from a dict by name or a list by number."""
    if isinstance(values, Mapping):
        if output is None and len(values) == 1:
            return next(iter(values.values()))
        if output not in values:
            raise NotFound(f'there is nothing for output "{output}" among {", ".join(map(str, values))}')
        return values[output]
    return values[output] if isinstance(values, list) and isinstance(output, int) else values


class Sum:
    """A sum of losses, each of one output.

    For example Sum(SoftmaxCrossEntropy("kind"), 0.1 * MeanSquaredError("price")).
    """

    def __init__(self, *losses: Loss | Sum) -> None:
        self.losses: list[Loss] = []
        for loss in losses:
            if not isinstance(loss, (Loss, Sum)):
                raise TypeMismatch(f"Sum takes losses, got {loss!r}")
            self.losses += loss.losses if isinstance(loss, Sum) else [loss]

    def __add__(self, other: Loss | Sum) -> Sum:
        return Sum(self, other)

    def __mul__(self, factor: float) -> Sum:
        return Sum(*[loss * factor for loss in self.losses])

    __rmul__ = __mul__

    def __call__(self, y: Any, t: Any) -> float:
        """Return the sum of the losses of outputs y against targets t, dicts by output for several outputs."""
        return sum(loss(y, t) for loss in self.losses)

    def gradient(self, y: Any, t: Any) -> Any:
        """Return the gradient with respect to the outputs, in their form: see value_and_gradient."""
        return self.value_and_gradient(y, t)[1]

    def value_and_gradient(self, y: Any, t: Any) -> tuple[float, Any]:
        """Return the sum of the losses and its gradient with respect to the outputs, as one computation.

        The gradient is a dict by output for a dict, an array for an array, and for a list of outputs, of which
        losses are named by number, a list; None stands in it for an output without a loss.
        """
        value, total = 0.0, dict[Any, Any]()
        for loss in self.losses:
            part, gradient = loss.value_and_gradient(y, t)
            value += part
            name = loss.output
            gradient = gradient[name] if isinstance(y, Mapping) else gradient
            total[name] = total[name] + gradient if name in total else gradient
        if isinstance(y, Mapping):
            return value, total
        if isinstance(y, list) and all(isinstance(name, int) for name in total):
            return value, [total.get(number) for number in range(len(y))]
        return value, sum(total.values())

    def __repr__(self) -> str:
        return f"Sum({', '.join(map(repr, self.losses))})"


class Terms:
    """A loss in the form that a trainer uses.

    It consists of the terms, the number of the output of each, and a key that identifies the loss.
    """

    def __init__(self, loss: Any, outputs: Sequence[str]) -> None:
        self.losses = resolve(loss, outputs)
        self.indices = [output_index(term.output, outputs) for term in self.losses]
        self.outputs = [outputs[index] for index in self.indices]
        # The outputs whose losses take targets, in the order in which targets are passed.
        takes = [len(term.entry["inputs"]) > 1 for term in self.losses]
        self.names = [name for name, takes_target in zip(self.outputs, takes) if takes_target]
        # What each term is called where its own value is told.
        unique = len(set(self.outputs)) == len(self.outputs)
        self.labels = [
            f"{name}_loss" if unique else f"loss_{number}" for number, name in enumerate(self.outputs, 1)
        ]
        # Whether the samples of each term may have weights.
        self.weightable = [
            "none" in (term.schemas.get("reduction", {}).get("choices") or ()) for term in self.losses
        ]
        # Means and sums over rows can be computed batch by batch; other losses need all rows at once.
        known = ("mean", "batch_mean", "sum")
        self.is_by_rows = all(term._attribute("reduction") in known for term in self.losses)
        # The key is the same whether the output is given by number, by name, or as the only one.
        self.key = tuple((index, term.alone().key()) for index, term in zip(self.indices, self.losses))

    def as_loss(self) -> Sum:
        """Return a loss with these terms, each with the number of its output; two may have one name."""
        return Sum(*[on(loss, index) for index, loss in zip(self.indices, self.losses)])


def output_index(output: str | int | None, outputs: Sequence[str]) -> int:
    if output is None:
        if len(outputs) > 1:
            raise InvalidArgument(
                f"the network has the outputs {', '.join(outputs)}: name the one that the loss is of"
            )
        return 0
    if isinstance(output, int):
        if not 0 <= output < len(outputs):
            raise NotFound(f"there is no output number {output}; the network has {len(outputs)}")
        return output
    if output not in outputs:
        raise NotFound(f'there is no output "{output}"; the network has {", ".join(outputs)}')
    return outputs.index(output)


def resolve(loss: Any, outputs: Sequence[str]) -> list[Loss]:
    """Return the terms of a loss.

    It is given as a kind, an object, a list in the outputs' order or a dict by their names.
    """
    if isinstance(loss, Loss):
        return [loss]
    if isinstance(loss, Sum):
        return loss.losses
    if isinstance(loss, str):
        return [find("losses", loss)()]
    if isinstance(loss, type) and issubclass(loss, Loss):
        return [loss()]
    if isinstance(loss, Mapping):
        return [on(term, name) for name, item in loss.items() for term in resolve(item, outputs)]
    if isinstance(loss, (list, tuple)):
        if len(loss) != len(outputs):
            raise InvalidArgument(
                f"a list of losses needs one for each of the {len(outputs)} outputs, got {len(loss)}"
            )
        return [on(term, number) for number, item in enumerate(loss) for term in resolve(item, outputs)]
    raise TypeMismatch(f'a loss is a name ("mean_squared_error"), an object or a dict of them, got {loss!r}')


def on(loss: Loss, output: str | int) -> Loss:
    """Return the loss, applied to the given output."""
    placed = copy.copy(loss)
    placed._fix(output=output)
    return placed
