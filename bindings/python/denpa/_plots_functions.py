"""Activations and their derivatives, as the engine's layers compute them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from ._arrays import Array, items, real, whole
from ._figures import finish, panels
from ._kinds import classes, find
from ._layer import Layer
from .errors import DenpaError, InvalidArgument, TypeMismatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Values of all magnitudes, at none of which a function has a kink.
PROBES = np.array([[[-7.3, -2.9], [-1.1, -0.4]], [[0.3, 0.8], [2.2, 9.1]]])
LOW, HIGH = -5.0, 5.0  # the widest range of values that is drawn


def functions() -> list[str]:
    """Return the kinds of all registered layers that are functions of one value, in alphabetical order."""
    return [kind for kind in sorted(classes["layers"]) if is_function(classes["layers"][kind])]


def is_function(layer: Any) -> bool:
    """Return whether a layer computes each value of y from the same value of x alone, always in the same way.

    `layer` is a class, whose attributes have their defaults, or an object.
    """
    entry = layer.entry
    if len(entry["inputs"]) != 1 or entry["variadic"] or entry["parameters"]:
        return False
    if isinstance(layer, type) and any(schema["required"] for schema in entry["attributes"]):
        return False
    try:
        made = layer() if isinstance(layer, type) else layer
        whole_array = made.forward(PROBES)
        each = [made.forward(value) for value in PROBES.ravel()]
        inference = made.forward(PROBES, training=False)
    except DenpaError:
        return False
    if not isinstance(whole_array, np.ndarray) or whole_array.shape != PROBES.shape:
        return False
    if not all(np.array_equal(whole_array.ravel(), np.ravel(other), equal_nan=True) for other in (each, inference)):
        return False
    # One that leaves every value alone does something else than to compute: flatten, slice, a penalty.
    return layer.kind == "identity" or not np.array_equal(whole_array, PROBES, equal_nan=True)


def layer_of(function: Any) -> Layer:
    """Return the layer that is meant by a kind, a class or a layer. Raises InvalidArgument for no function."""
    made = find("layers", function) if isinstance(function, str) else function
    if not isinstance(made, Layer) and not (isinstance(made, type) and issubclass(made, Layer) and made.kind):
        raise TypeMismatch(f'a function is given as "relu", dp.ReLU or dp.ReLU(), got {function!r}')
    if not is_function(made):
        raise InvalidArgument(
            f'"{made.kind}" is no function of one value: plots.functions() lists those that are'
        )
    return made() if isinstance(made, type) else made


def curve(function: Any, x: Any) -> tuple[Array, Array]:
    """Return the values of a function and its derivatives, both like x in float64.

    function: a kind ("leaky_relu"), a class or a layer (dp.LeakyReLU(alpha=0.2)). The layer itself computes them,
    forward and backward. Raises InvalidArgument for a layer that is no function of one value.
    """
    return computed(layer_of(function), x)


def computed(layer: Layer, x: Any) -> tuple[Array, Array]:
    """Return the values of a layer that is a function of one value, and its derivatives."""
    values = np.asarray(x, "float64")
    column = values.reshape(-1, 1)
    y = layer.forward(column)
    dy = layer.backward(np.ones_like(column))
    return np.asarray(y).reshape(values.shape), np.asarray(dy).reshape(values.shape)


def activations(
    kinds: Sequence[Any] | None = None,
    path: Any = None,
    *,
    low: float = -4.0,
    high: float = 4.0,
    points: int = 401,
    ax: Any = None,
    title: str | None = None,
) -> Figure:
    """Draw activations and their derivatives, a panel for each.

    kinds: which, as in `curve`; by default all that are registered. low, high: the range of x, of which
    `points` values are computed. Raises InvalidArgument for an empty range or list.
    """
    low, high, points = real(low, "low"), real(high, "high"), whole(points, "points", 2)
    if not low < high or not np.isfinite([low, high]).all():
        raise InvalidArgument(f"low must be below high, and both finite, got {low} and {high}")
    given = functions() if kinds is None else [kinds] if isinstance(kinds, str) else items(kinds, "kinds is a list")
    layers = [layer_of(kind) for kind in given]
    if not layers:
        raise InvalidArgument("kinds is empty: there is nothing to draw")
    x = np.linspace(low, high, points)
    axes = panels(ax, len(layers), 2.6, 2.2, columns=5)
    for place, layer in zip(axes, layers):
        y, dy = curve(layer, x)
        dy = np.where(np.isnan(y), np.nan, dy)  # there is no slope where there is no value
        place.axhline(0, color="0.8", linewidth=0.8)
        place.axvline(0, color="0.8", linewidth=0.8)
        place.plot(x, y, label="y")
        place.plot(x, dy, "--", label="dy/dx")
        drawn = np.concatenate([y, dy])
        drawn = drawn[np.isfinite(drawn)]
        if drawn.size:
            bottom, top = max(drawn.min(), LOW), min(drawn.max(), HIGH)
            room = 0.08 * max(top - bottom, 1e-3)
            place.set_ylim(bottom - room, top + room)
        shown = ", ".join(f"{name}={value}" for name, value in layer.attributes.items())
        place.set_title(f"{layer.kind}({shown})" if shown else layer.kind, fontsize=10)
        place.tick_params(labelsize=8)
    axes[0].legend(fontsize=8)
    figure = finish(axes[0], None)
    if title:
        figure.suptitle(title) if ax is None else axes[0].set_title(title)
    return finish(axes[0], path)
