"""Attributes that a user or a derived class has set on a network: copies and pickles have them."""

from __future__ import annotations

from typing import Any, Container, Iterator


def state_of(thing: Any, without: Container[str]) -> Any:
    """Return an object's attributes as `object.__getstate__` does, without those of the names `without`."""
    own = {name: value for name, value in vars(thing).items() if name not in without}
    slots = {name: getattr(thing, name) for name in slots_of(type(thing)) if hasattr(thing, name)}
    return (own, slots) if slots else own


def set_state(thing: Any, state: Any) -> None:
    """Give an object its attributes, as `pickle` does."""
    if hasattr(thing, "__setstate__"):
        thing.__setstate__(state)
        return
    own, slots = state if isinstance(state, tuple) else (state, {})
    vars(thing).update(own)
    for name, value in slots.items():
        setattr(thing, name, value)


def slots_of(kind: type) -> Iterator[str]:
    """Return the names of the slots of a class, private ones as Python stores them."""
    for base in kind.__mro__:
        names = vars(base).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            is_private = name.startswith("__") and not name.endswith("__")
            if name not in ("__dict__", "__weakref__"):
                yield f"_{base.__name__.lstrip('_')}{name}" if is_private else name
