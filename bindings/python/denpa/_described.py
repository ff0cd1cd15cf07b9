"""The common base of layers, losses, optimizers and initializers, whose classes come from the registry."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, ClassVar, Mapping

from ._attributes import Encoded, key, read
from ._suggestions import closest
from ._kinds import find
from .errors import BadState, InvalidArgument

Entry = Mapping[str, Any]


class DescribedClass(type):
    """Provides the signature of the classes on demand (inspect, editors, notebooks)."""

    entry: Entry
    schemas: Mapping[str, Any]  # of the attributes, by their names in Python
    own_arguments: tuple[tuple[str, bool, Any], ...]  # name, positional, default

    @property
    def __signature__(cls) -> Any:
        from inspect import Parameter, Signature

        if not getattr(cls, "entry", None):
            return Signature([Parameter("arguments", Parameter.VAR_POSITIONAL)])
        first = [
            Parameter(n, Parameter.POSITIONAL_OR_KEYWORD, default=d) for n, p, d in cls.own_arguments if p
        ]
        last = [Parameter(n, Parameter.KEYWORD_ONLY, default=d) for n, p, d in cls.own_arguments if not p]
        kind = Parameter.KEYWORD_ONLY if first else Parameter.POSITIONAL_OR_KEYWORD
        middle: list[Parameter] = []
        for name, schema in cls.schemas.items():
            required = schema["required"] and not any(p.default is not Parameter.empty for p in middle)
            default = Parameter.empty if required else schema.get("default")
            middle.append(Parameter(name, kind, default=default, annotation=schema["type"]))
        return Signature([*first, *middle, *last])


class Described(metaclass=DescribedClass):
    """An entry of the registry with its attributes: `kind`, `attributes`, and each attribute by name."""

    entry: ClassVar[Entry] = {}
    schemas: ClassVar[Mapping[str, Any]] = {}
    category: ClassVar[str] = ""
    own_arguments: ClassVar[tuple[tuple[str, bool, Any], ...]] = ()
    kind: ClassVar[str] = ""
    revision: ClassVar[int] = 0  # of a class written in Python that took the place of another

    attributes: Mapping[str, Any]

    def __init__(self, /, *arguments: Any, **attributes: Any) -> None:
        names = list(self.schemas)
        if len(arguments) > len(names):
            raise InvalidArgument(f"{self.kind} takes up to {len(names)} attributes, got {len(arguments)}")
        given = dict(zip(names, arguments))
        for name, value in attributes.items():
            if name not in self.schemas:
                known = [*names, *(own for own, _, _ in self.own_arguments)]
                raise InvalidArgument(
                    f'{self.kind} has no attribute "{name}"{closest(name, known)} '
                    f"It has: {', '.join(names) or 'none'}."
                )
            if name in given:
                raise InvalidArgument(f'{self.kind}: attribute "{name}" is given twice')
            given[name] = value
        missing = [n for n, s in self.schemas.items() if s["required"] and given.get(n) is None]
        if missing:
            raise InvalidArgument(f'{self.kind}: attribute "{missing[0]}" is missing')
        values = {n: read(self.kind, self.schemas[n], v) for n, v in given.items() if v is not None}
        self._fix(attributes=MappingProxyType(values))

    def _fix(self, **values: Any) -> None:
        """Set values that __setattr__ protects."""
        self.__dict__.update(values)

    def _attribute(self, name: str) -> Any:
        """Return an attribute's value, given or default, or None if there is no such attribute."""
        return self.attributes.get(name, self.schemas.get(name, {}).get("default"))

    def __setattr__(self, name: str, value: Any) -> None:
        """Reject changes of attributes.

        Networks and trainers are made from the original values, so a change would not affect them.
        """
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        known = [*self.schemas, *(n for n, _, _ in self.own_arguments)]
        if name not in known:
            raise InvalidArgument(
                f'{self.kind} has no attribute "{name}"{closest(name, known)} '
                f"It has: {', '.join(known) or 'none'}."
            )
        raise BadState(
            f"{self.kind}: {name} was fixed when it was made: make another one{self._instead(name)}"
        )

    def _instead(self, name: str) -> str:
        """Return the end of that message."""
        return f", {type(self).__name__}({name}=...)"

    def encode(self) -> Encoded:
        """Return the attributes as the engine expects them."""
        return Encoded(self.schemas, self.attributes)

    def key(self) -> tuple[Any, ...]:
        """Return a value that is equal for objects with the same meaning."""
        return (self.kind, self.revision, *sorted((name, key(value)) for name, value in self.attributes.items()))

    def __getattr__(self, name: str) -> Any:
        schema = type(self).schemas.get(name)
        if schema is None or name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return self._attribute(name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in self.shown().items())})"

    def shown(self) -> dict[str, Any]:
        """Return the arguments to show in repr."""
        return dict(self.attributes)

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, (self.category, self.kind, self.state())

    def state(self) -> dict[str, Any]:
        """Return the state for pickle."""
        return {"attributes": dict(self.attributes)}


def restore(category: str, kind: str, state: dict[str, Any]) -> Described:
    """Restore an object from its pickled state."""
    made: Any = find(category, kind)
    restored: Described = made.__new__(made)
    restored._fix(**{**state, "attributes": MappingProxyType(state["attributes"])})
    return restored


class Initializer(Described):
    """Determines the initial values of a parameter."""

    category = "initializers"
