"""The parts that a network is composed of, each with one job, and what they do together."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ._building import of_bytes
from ._call import Handle
from ._derivatives import Derivatives
from ._directions import Directions
from ._evaluation import Evaluation
from ._fit import Fitting
from ._native import NativeModel
from ._nested import Nested
from ._nodes import NodeView, NodeViews
from ._open_loop import OpenLoop
from ._parameters import Parameters
from ._ports import Ports
from ._prediction import Prediction
from ._row_derivatives import RowDerivatives
from ._settings import Settings
from ._surfaces import Surfaces
from ._tracing import Tracing
from ._trainers import Trainers
from ._training import Training
from ._weight_files import WeightFiles, pytorch_names
from ._weights import Weights


class Parts:
    """The parts of one network. None of them knows the network, nor a part that is made after it."""

    def __init__(
        self,
        handle: Handle,
        names: str | None,
        keys: Sequence[str] | None = None,
        form: str | None = None,
    ) -> None:
        self.native = native = NativeModel(handle, names)
        self.ports = ports = Ports(native.inputs, native.outputs, native.output_shapes, keys, form)
        self.settings = settings = Settings(ports.keys)
        self.weights = weights = Weights(native)
        self.trainers = trainers = Trainers(native, weights)
        self.prediction = Prediction(native, ports, weights)
        self.training = Training(ports, weights, trainers, settings)
        self.fitting = Fitting(ports, weights, settings, self.training)
        self.evaluation = Evaluation(ports, weights, trainers, settings)
        self.open_loop = OpenLoop(native, ports, weights, trainers, settings, self.prediction)
        self.derivatives = Derivatives(native, ports, weights, trainers, settings)
        self.rows = RowDerivatives(native, ports, weights, trainers, settings, self.derivatives)
        self.directions = Directions(native, ports, weights, settings)
        self.surfaces = Surfaces(native, ports, weights, trainers, settings)
        self.tracing = Tracing(native, ports, weights, trainers, settings)
        self.nested = Nested(native, ports, weights)
        self.weight_files = WeightFiles(native, weights)

    def parameters(self) -> Parameters:
        return Parameters(self.native.names, self.native.shapes, self.weights)

    def layers(self) -> NodeViews:
        nodes, parameters = self.native.nodes(), self.parameters()
        return NodeViews(
            {name: NodeView(node, self.native, parameters, self.trainers) for name, node in nodes.items()}
        )

    def save(self, path: Any) -> None:
        self.weights.publish()
        self.native.save(path)

    def pytorch_names(self, layers: Mapping[str, str] | None) -> dict[str, Any]:
        return pytorch_names(self.native.nodes().values(), self.native.names, layers)

    def to_bytes(self) -> bytes:
        self.weights.publish()
        return self.native.to_bytes()

    def copy(self) -> Parts:
        """Return the parts of an independent network with the same weights, settings and optimizer's state."""
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.weights.publish()
            made = Parts(self.native.copy(), self.native.names.scheme, self.ports.keys, self.ports.form)
            made.settings.adopt(self.settings)
            made.training.resume(self.training.state())
        return made

    def pickled(self) -> tuple[Any, ...]:
        """Return what `unpickled` makes the same network of, the optimizer's state included."""
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            given = self.settings
            loss = None if given.loss is None else given.loss.as_loss()
            settings = {
                "_loss": loss,
                "_optimizer": given.optimizer,
                "_metrics": given.metrics,
                "_state": self.training.state(),
            }
            return self.to_bytes(), self.native.names.scheme, self.ports.keys, self.ports.form, settings

    @classmethod
    def unpickled(
        cls, data: bytes, names: str | None, keys: list[str], form: str, settings: dict[str, Any]
    ) -> Parts:
        made = cls(of_bytes(data), names, keys, form)
        made.settings.compile(settings["_loss"], settings["_optimizer"], settings["_metrics"])
        made.training.resume(settings["_state"])
        return made

    def close(self) -> None:
        """Release the memory, except that of parameters whose arrays the user holds."""
        self.weights.require_turn()
        with self.weights.turn, self.weights.lock:
            self.weights.refuse_in_fit()
            # First the model: a thread that finds no trainer must find that the network is closed.
            self.weights.close()
            self.trainers.drop()
            self.prediction.close()

    # -- text ------------------------------------------------------------------------------------------------

    def line(self) -> str:
        """Return what a network says of itself in one line, after the name of its class."""
        native = self.native
        if native.is_closed:
            return ", closed"
        nodes = (" -> " if self.ports.form == "one" else ", ").join(native.nodes())
        return f" of {native.parameter_count} parameters, {native.dtype.name}: {nodes}"
