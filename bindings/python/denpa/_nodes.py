"""The layers of a network by name."""

from __future__ import annotations

from typing import Any, Mapping

from ._arrays import Array
from ._suggestions import closest
from ._native import NativeModel
from ._parameters import Parameters
from ._trainers import Trainers
from .errors import BadState, NotFound


class NodeView:
    """A layer of a network: its kind, attributes, parameters, and whether training changes it.

    `shares` is the name of the earlier layer whose parameters it has; None if they are its own.
    """

    _native: NativeModel
    _parameters: Parameters
    _trainers: Trainers
    name: str
    kind: str
    attributes: Any
    inputs: Any
    shares: str | None

    def __init__(
        self,
        description: Mapping[str, Any],
        native: NativeModel,
        parameters: Parameters,
        trainers: Trainers,
    ) -> None:
        values = {key: description.get(key) for key in ("name", "kind", "attributes", "inputs", "shares")}
        self.__dict__.update(values, _native=native, _parameters=parameters, _trainers=trainers)

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "trainable":
            raise BadState(
                f'layer "{self.name}": {name} cannot be set: a network keeps the layers that it was made of'
            )
        object.__setattr__(self, name, value)

    def _names(self) -> list[str]:
        return self._native.names.of_node(self.shares or self.name)

    @property
    def parameter_names(self) -> list[str]:
        return [self._native.names.shown[full] for full in self._names()]

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters that the layer computes with, by their short names: W, b."""
        return {full.rpartition(".")[2]: self._parameters[full] for full in self._names()}

    @property
    def trainable(self) -> bool:
        """Whether training changes any of the layer's parameters.

        Set it to freeze or unfreeze all of them, for all layers that share them.
        """
        return not set(self._names()).isdisjoint(self._native.trained())

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainers.set_trainable(self.name, bool(value))

    def __repr__(self) -> str:
        return f'<layer "{self.name}" of kind {self.kind}>'


class NodeViews(dict[str, NodeView]):
    """The layers of a network by name."""

    def __missing__(self, name: str) -> NodeView:
        raise NotFound(
            f'there is no layer "{name}"{closest(str(name), self)} The network has: {", ".join(self)}.'
        )
