"""The names of a network's parameters: the engine's own, and those that are shown to the user."""

from __future__ import annotations

from typing import Sequence

from ._suggestions import closest
from .errors import InvalidArgument, NotFound


def book_names(parameters: Sequence[str]) -> dict[str, str]:
    """Return the notes' names: W and b of the k-th layer that has parameters are Wk and bk."""
    names: dict[str, str] = {}
    nodes: list[str] = []
    for full in parameters:
        node, _, short = full.rpartition(".")
        if node not in nodes:
            nodes.append(node)
        names[f"{short}{len(nodes)}"] = full
    return names


def own_names(parameters: Sequence[str]) -> dict[str, str]:
    """Return the names for a network of one layer: W and b."""
    return {full.rpartition(".")[2]: full for full in parameters}


SCHEMES = {"book": book_names, "own": own_names}


class Names:
    """Parameter names: those to show, and all that are accepted."""

    def __init__(self, parameters: Sequence[str], scheme: str | None) -> None:
        if scheme is not None and not (isinstance(scheme, str) and scheme in SCHEMES):
            raise InvalidArgument(f'names must be None or "book", got {scheme!r}')
        self.scheme = scheme
        shown = SCHEMES[scheme](parameters) if scheme else {name: name for name in parameters}
        self.full = {**{name: name for name in parameters}, **shown}
        self.shown = {full: short for short, full in shown.items()}

    def resolve(self, name: str) -> str:
        """Return the engine's name."""
        if not isinstance(name, str) or name not in self.full:
            known = ", ".join(self.shown.values())
            raise NotFound(
                f'there is no parameter "{name}"{closest(str(name), self.full)} The network has: {known}.'
            )
        return self.full[name]

    def of_node(self, node: str) -> list[str]:
        """Return the engine's names of a layer's own parameters."""
        return [full for full in self.shown if full.rpartition(".")[0] == node]
