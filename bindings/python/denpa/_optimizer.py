"""Optimizers: what is passed to compile and fit, with groups of parameters and limits of gradients."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Mapping

from . import _abi as abi
from ._arrays import real, whole
from ._attributes import Encoded, key, read
from ._suggestions import closest
from ._call import c_text
from ._described import Described
from ._kinds import find
from .errors import InvalidArgument, TypeMismatch

Groups = Mapping[str, Mapping[str, Any]]


class Schedule(Described):
    """How the learning rate changes while training: a factor of the optimizer's learning rate."""

    category = "schedules"


def find_schedule(schedule: Any) -> Schedule | None:
    """Return a schedule given by an object, or by a dictionary with its kind."""
    if isinstance(schedule, Mapping):
        attributes = dict(schedule)
        schedule = find("schedules", attributes.pop("kind", None))(**attributes)
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeMismatch(f"a schedule is an object such as denpa.CosineDecay(steps=1000), got {schedule!r}")
    return schedule


class Optimizer(Described):
    """Determines how gradients become steps.

    Pass it to compile or fit, or call step in a custom training loop. Besides the attributes of its kind it
    takes `clip_value` and `clip_norm`, which limit the elements and the norm of the gradients before each
    step, and `groups`, attributes for some of the parameters by a pattern of their names:
    {"*.b": {"weight_decay": 0}, "encoder_*": {"frozen": True}}. The first pattern that matches applies.
    `schedule` changes the learning rate while training: CosineDecay(steps=1000). With `accumulation`, it takes
    a step after so many batches of train_batch and fit, with the mean of their gradients. With `sam_radius`,
    the gradient is computed so far from the weights, where the loss grows most (sharpness-aware minimization).
    With `average_decay` below 1, an exponential average of the weights is evaluated and published in their
    place, with 1 the mean of the weights of all steps after `average_after`.
    """

    category = "optimizers"
    own_arguments = (
        ("clip_norm", False, 0.0),
        ("clip_value", False, 0.0),
        ("groups", False, None),
        ("schedule", False, None),
        ("accumulation", False, 1),
        ("sam_radius", False, 0.0),
        ("average_decay", False, 0.0),
        ("average_after", False, 0),
    )

    clip_norm: float
    clip_value: float
    groups: Groups
    schedule: Schedule | None
    accumulation: int
    sam_radius: float
    average_decay: float
    average_after: int

    def __init__(
        self,
        /,
        *arguments: Any,
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        groups: Groups | None = None,
        schedule: Any = None,
        accumulation: int = 1,
        sam_radius: float = 0.0,
        average_decay: float = 0.0,
        average_after: int = 0,
        **attributes: Any,
    ) -> None:
        super().__init__(*arguments, **attributes)
        limits = {"clip_norm": clip_norm, "clip_value": clip_value, "sam_radius": sam_radius}
        for name, limit in limits.items():
            limits[name] = real(limit or 0.0, f"{self.kind}: {name}")
            if not 0 <= limits[name] < float("inf"):
                raise InvalidArgument(f"{self.kind}: {name} must be 0 or a positive number, got {limit!r}")
        self._fix(
            **limits,
            groups=MappingProxyType(self._read_groups(groups or {})),
            schedule=find_schedule(schedule),
            accumulation=whole(accumulation, f"{self.kind}: accumulation", 1, (1 << 31) - 1),
            average_decay=real(average_decay, f"{self.kind}: average_decay"),
            average_after=whole(average_after, f"{self.kind}: average_after", 0),
        )

    def _read_groups(self, groups: Groups) -> dict[str, Mapping[str, Any]]:
        if not isinstance(groups, Mapping):
            raise TypeMismatch(f"{self.kind}: groups must be a dict of patterns, got {groups!r}")
        known: dict[str, Mapping[str, Any]] = {}
        for pattern, given in groups.items():
            if not isinstance(pattern, str) or not isinstance(given, Mapping):
                raise TypeMismatch(
                    f'{self.kind}: a group is a pattern and a dict, {{"*.b": {{"weight_decay": 0}}}}, '
                    f"got {pattern!r}: {given!r}"
                )
            values: dict[str, Any] = {}
            for name, value in given.items():
                if name == "frozen":
                    values[name] = bool(value)
                elif name in self.schemas:
                    values[name] = read(self.kind, self.schemas[name], value)
                else:
                    names = [*self.schemas, "frozen"]
                    raise InvalidArgument(
                        f'{self.kind}, group "{pattern}": no attribute "{name}"{closest(name, names)} '
                        f"A group has: {', '.join(names)}."
                    )
            known[pattern] = MappingProxyType(values)
        return known

    def write(self, options: abi.TrainerOptions, keep: list[Any]) -> None:
        """Write the optimizer to a trainer's options; `keep` holds what they point to."""
        attributes = self.encode()
        options.optimizer.kind, options.optimizer.attributes = self.kind.encode(), attributes.pointer
        options.clip_norm, options.clip_value = self.clip_norm, self.clip_value
        options.accumulation = self.accumulation
        options.sam_radius = self.sam_radius
        options.average_decay, options.average_after = self.average_decay, self.average_after
        if self.schedule is not None:
            own_schedule = self.schedule.encode()
            options.schedule.kind = self.schedule.kind.encode()
            options.schedule.attributes = own_schedule.pointer
            keep.append(own_schedule)
        groups = (abi.ParameterGroup * max(len(self.groups), 1))()
        for entry, (pattern, values) in zip(groups, self.groups.items()):
            own = Encoded(self.schemas, {name: v for name, v in values.items() if name != "frozen"})
            entry.pattern, entry.attributes = c_text(pattern), own.pointer
            entry.frozen = int(values.get("frozen", False))
            keep.append(own)
        if self.groups:
            options.groups, options.group_count = groups, len(self.groups)
        keep += [attributes, groups]

    def key(self) -> tuple[Any, ...]:
        groups = tuple(
            (pattern, *sorted((name, key(value)) for name, value in values.items()))
            for pattern, values in self.groups.items()
        )
        schedule = None if self.schedule is None else self.schedule.key()
        numbers = [value for name, value in self._own().items() if name not in ("groups", "schedule")]
        return (*super().key(), groups, schedule, *numbers)

    def _own(self) -> dict[str, Any]:
        """What an optimizer has besides the attributes of its kind."""
        groups = {pattern: dict(values) for pattern, values in self.groups.items()}
        return {
            "clip_norm": self.clip_norm,
            "clip_value": self.clip_value,
            "groups": groups,
            "schedule": self.schedule,
            "accumulation": self.accumulation,
            "sam_radius": self.sam_radius,
            "average_decay": self.average_decay,
            "average_after": self.average_after,
        }

    def shown(self) -> dict[str, Any]:
        defaults = {name: default for name, _, default in self.own_arguments}
        given = {name: value for name, value in self._own().items() if value and value != defaults[name]}
        return {**self.attributes, **given}

    def state(self) -> dict[str, Any]:
        return {**super().state(), **self._own()}

    def step(self, net: Any) -> None:
        """Take one step with the gradients accumulated by `net.backward`. It does not set them to zero."""
        if isinstance(net, type) or not (hasattr(net, "step") and hasattr(net, "zero_grads")):
            raise TypeMismatch(
                f"{type(self).__name__}.step takes the network whose gradients were gathered, got {net!r}"
            )
        net.step(self)

    def _instead(self, name: str) -> str:
        rate = "; net.learning_rate = ... changes it in training" if name == "learning_rate" else ""
        return super()._instead(name) + rate


def find_optimizer(optimizer: Any) -> Optimizer:
    """Return an optimizer given by its kind, its class or an object."""
    if isinstance(optimizer, str):
        optimizer = find("optimizers", optimizer)
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        optimizer = optimizer()
    if not isinstance(optimizer, Optimizer):
        raise TypeMismatch(
            f'an optimizer is a name ("adam") or an object such as denpa.Adam(), got {optimizer!r}'
        )
    return optimizer
