"""Metrics: what fit and evaluate compute besides the loss, by the engine or by a function of one's own."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence, Union

from . import _abi as abi
from ._arrays import Array, Memory, items
from ._call import c_text
from ._described import Described
from ._kinds import find
from ._loss import Terms, output_index
from .errors import TypeMismatch


class Metric(Described):
    """A metric. `output` names the network's output that it measures (default: that of the first loss)."""

    category = "metrics"
    own_arguments = (("output", False, None),)

    output: str | int | None

    def __init__(self, /, *arguments: Any, output: str | int | None = None, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._fix(output=output)

    @property
    def name(self) -> str:
        return self.kind

    def key(self) -> tuple[Any, ...]:
        return (*super().key(), self.output)

    def shown(self) -> dict[str, Any]:
        return {**self.attributes, **({"output": self.output} if self.output is not None else {})}

    def state(self) -> dict[str, Any]:
        return {**super().state(), "output": self.output}

    def write(self, entry: abi.Metric, errors: Errors) -> list[Any]:
        """Describe the metric for the engine. Returns what has to live as long as the description."""
        attributes = self.encode()
        entry.kind, entry.attributes = self.kind.encode(), attributes.pointer
        return [attributes]


class FunctionMetric:
    """A function (y, t) of a batch of outputs and targets that returns a number.

    The numbers are averaged over the samples. Early stopping takes larger ones for better, unless
    `lower_is_better` is true.
    """

    def __init__(
        self,
        function: Callable[[Array, Array], float],
        name: str | None = None,
        *,
        output: str | int | None = None,
        lower_is_better: bool = False,
    ) -> None:
        if not callable(function):
            raise TypeMismatch(f"a metric of one's own is a function (y, t), got {function!r}")
        self.function, self.output, self.lower_is_better = function, output, bool(lower_is_better)
        self.name = name or str(getattr(function, "__name__", type(function).__name__))

    def key(self) -> tuple[Any, ...]:
        return ("function", id(self.function), self.name, self.output, self.lower_is_better)

    def __repr__(self) -> str:
        return f"FunctionMetric({self.function!r}, {self.name!r})"

    def write(self, entry: abi.Metric, errors: Errors) -> list[Any]:
        function = self.function

        def call(user_data: Any, prediction: Any, target: Any, value: Any) -> int:
            try:
                y, t = (Memory(pointer.contents, None).array() for pointer in (prediction, target))
                y.flags.writeable = t.flags.writeable = False
                value[0] = float(function(y, t))
            except BaseException as error:
                errors.raised = error
                return abi.STOPPED
            return abi.OK

        callback = abi.MetricCallback(call)
        entry.kind, entry.callback = c_text(self.name), callback
        entry.lower_is_better = int(self.lower_is_better)
        return [callback, entry.kind]


AnyMetric = Union[Metric, FunctionMetric]


class Errors:
    """Keeps the exception of a metric's function until the engine has returned."""

    raised: BaseException | None = None

    def speak(self) -> None:
        raised, self.raised = self.raised, None
        if raised is not None:
            try:
                raise raised
            finally:
                del raised  # its traceback refers to this frame


def resolve(metrics: Any, output: str | int | None = None) -> list[AnyMetric]:
    """Return metrics given as a name, class, object or function, a list of them, or a dict by output."""
    if isinstance(metrics, Mapping):
        return [found for name, own in metrics.items() for found in resolve(own, name)]
    if isinstance(metrics, (str, type, Metric, FunctionMetric)) or callable(metrics):
        metrics = [metrics]
    found: list[AnyMetric] = []
    for metric in items(metrics, "metrics is a list of names, objects or functions"):
        if isinstance(metric, str):
            metric = find("metrics", metric)
        if isinstance(metric, type) and issubclass(metric, Metric):
            metric = metric(output=output)
        elif not isinstance(metric, (Metric, FunctionMetric)):
            if not callable(metric) or isinstance(metric, (type, Described)):
                raise TypeMismatch(
                    f'a metric is a name ("accuracy"), an object or a function, got {metric!r}'
                )
            metric = FunctionMetric(metric, output=output)
        found.append(metric)
    return found


class Measured:
    """The metrics of a trainer: which, and on which outputs of the network."""

    def __init__(self, metrics: Sequence[AnyMetric], terms: Terms, outputs: Sequence[str]) -> None:
        self.metrics = list(metrics)
        self.has_functions = any(isinstance(metric, FunctionMetric) for metric in metrics)
        first = terms.indices[0] if terms.indices else 0
        self.indices = [
            first if metric.output is None else output_index(metric.output, outputs) for metric in metrics
        ]
        several = len(set(self.indices)) > 1
        self.names = [
            f"{outputs[index]}_{metric.name}" if several else metric.name
            for metric, index in zip(metrics, self.indices)
        ]
        self.key = tuple((index, metric.key()) for index, metric in zip(self.indices, metrics))

    def write(self, options: abi.TrainerOptions, keep: list[Any], errors: Errors) -> None:
        """Write the metrics to a trainer's options; `keep` holds what they point to."""
        entries = (abi.Metric * max(len(self.metrics), 1))()
        for entry, index, metric in zip(entries, self.indices, self.metrics):
            keep.append(metric.write(entry, errors))
            entry.output = index
        keep.append(entries)
        if self.metrics:
            options.metrics, options.metric_count = entries, len(self.metrics)


def default_metrics(terms: Terms) -> list[AnyMetric]:
    """Return the accuracy of the first loss that decides between classes, if there is one."""
    decides = terms.losses and terms.losses[0].entry.get("decisions")
    return [find("metrics", "accuracy")()] if decides else []
