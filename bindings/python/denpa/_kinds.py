"""The classes of layers, losses, optimizers and so on by their kinds; _registry.py makes them."""

from __future__ import annotations

from typing import Any

from ._suggestions import closest
from .errors import NotRegistered, TypeMismatch

ALIASES = {"mse": "mean_squared_error", "mae": "mean_absolute_error"}

classes: dict[str, dict[str, type[Any]]] = {
    category: {} for category in ("layers", "losses", "optimizers", "initializers", "metrics", "schedules")
}


def find(category: str, kind: str) -> type[Any]:
    """Return the class of a kind. Raises NotRegistered, with the nearest names, if there is none."""
    if not isinstance(kind, str):
        raise TypeMismatch(f"a kind is a string, got {kind!r}")
    kind = ALIASES.get(kind, kind)
    found = classes[category].get(kind)
    if found is None:
        known = ", ".join(sorted(classes[category]))
        raise NotRegistered(
            f'there is no "{kind}" among the {category}{closest(kind, classes[category])} Known: {known}.'
        )
    return found


def create(kind: str, /, *arguments: Any, **attributes: Any) -> Any:
    """Make a layer, loss, optimizer, initializer, metric or schedule of a registered kind.

    For example create("vendor.swish", beta=2). Raises NotRegistered if there is no such kind.
    """
    for category, known in classes.items():
        found = known.get(kind) if isinstance(kind, str) else None
        # A number in a graph is written as a number: "constant" is the initializer.
        if found is not None and (category != "layers" or found.entry["inputs"]):
            return found(*arguments, **attributes)
    return find("layers", kind)(*arguments, **attributes)
