"""A film of the training: the network, the regions of its answers and its loss, as a page with a slider."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from ._arrays import Array, as_array, whole
from ._loss import Terms
from ._model import Model
from ._pages import packed, page, save
from ._plots_functions import functions
from ._recorder import Recorder
from ._structure import Column, dense_chain, shown_of
from .errors import InvalidArgument, ShapeError

GRID = 48  # values along each axis of a region
CURVE = 121  # values of a curve
TILE = 32  # rows and columns of a parameter that are drawn
POINTS = 600  # samples that are drawn


class Film(Recorder):
    """A callback that remembers weights, loss and the regions of answers, and saves them as a page.

        film = dp.Film(net, x, t)
        net.fit(x, t, epochs=100, callbacks=[film])
        film.save("film.html")

    x, t: the data whose loss is shown, for example those of the training. every: epochs of fit, or calls of record
    in a loop of your own, between two frames. frames: how many are kept at most; where there are more, every
    second one is left out, and `every` doubles. loss: which one, by default that of the network. `steps`,
    `losses` and `weights` are the numbers; training is the same with and without the film.

    Of networks with two inputs, the page shows the answers over the plane; of those with one, the curve.
    """

    def __init__(
        self, net: Model, x: Any, t: Any, *, every: int = 1, frames: int = 200, loss: Any = None
    ) -> None:
        super().__init__(net, list(net.parameters) if isinstance(net, Model) else (), every)
        self.frames = whole(frames, "frames", 2)
        self.losses: list[float] = []
        self._loss = None if loss is None else Terms(loss, net._open.settings.outputs).as_loss()
        batch = net._open.ports.arrange(x)
        if batch.rows == 0:
            raise InvalidArgument("a Film needs at least one sample")
        net.predict(x)  # so that data that do not fit are refused now
        self._x, self._t = x, t
        self._columns = dense_chain(net._open, set(functions()))
        self._title = f"{type(net).__name__} of {net.parameter_count} parameters"
        self._stage = stage_of(net, batch.arrays, t, batch.single)

    @property
    def regions(self) -> Array | None:
        """The answers over the plane or the line in each frame: (frames, 48, 48, outputs), (frames, 121, outputs).

        None for a network with other inputs. The first axis of the plane is the second input.
        """
        if self._stage is None:
            return None
        return np.array(self._answers).reshape(len(self._answers), *self._stage.shape, self._stage.outputs)

    _answers: list[Array]

    def _remembered(self, net: Any) -> None:
        self.losses.append(net.loss(self._x, self._t, self._loss))
        if self._stage is not None:
            answers = np.asarray(net.predict(self._stage.grid), "float32")
            self.__dict__.setdefault("_answers", []).append(answers)
        if len(self) > self.frames:
            kept = slice(0, None, 2)
            self.steps, self.losses, self._points = self.steps[kept], self.losses[kept], self._points[kept]
            if self._stage is not None:
                self._answers = self._answers[kept]
            self.every *= 2

    def save(self, path: Any, title: str | None = None) -> None:
        """Write the page, which needs nothing else. Raises InvalidArgument if nothing was remembered."""
        save(path, self.to_html(title))

    def to_html(self, title: str | None = None) -> str:
        """Return the page as text."""
        if not len(self):
            raise InvalidArgument("there is nothing to show: the film has no frames")
        heading = f"Training of a {self._title}" if title is None else str(title)
        data = {
            "title": heading,
            "steps": self.steps,
            "losses": self.losses,
            "network": chain_data(self._columns, self) if self._columns else tensor_data(self),
            "stage": None if self._stage is None else self._stage.data(np.array(self._answers)),
        }
        return page(heading, ("network", "film"), data)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the page in a frame of its own."""
        text = html.escape(self.to_html(), quote=True)
        return f'<iframe srcdoc="{text}" style="width:100%;height:640px;border:0"></iframe>'

    def of(self, full: str) -> Array:
        """Return a parameter by the engine's name: (frames, *shape)."""
        position = list(self._shapes).index(full)
        return self.weights[self.names[position]]


class Stage:
    """The plane or line over which answers are shown, with the samples on it."""

    def __init__(self, x: Array, target: Array, is_class: bool, outputs: int) -> None:
        self.x, self.target, self.is_class, self.outputs = x, target, is_class, outputs
        finite = x[np.isfinite(x).all(axis=1)]
        low, high = (finite.min(axis=0), finite.max(axis=0)) if len(finite) else (-np.ones(x.shape[1:]),) * 2
        room = np.where(high > low, 0.12 * (high - low), 1.0)
        self.low, self.high = low - room, high + room
        if x.shape[1] == 2:
            first, second = (np.linspace(self.low[axis], self.high[axis], GRID) for axis in (0, 1))
            self.shape: tuple[int, ...] = (GRID, GRID)
            self.grid = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
        else:
            self.shape = (CURVE,)
            self.grid = np.linspace(self.low[0], self.high[0], CURVE)[:, None]

    def data(self, answers: Array) -> dict[str, Any]:
        """Return what the page shows of the answers (frames, places, outputs) in all frames."""
        chosen = np.linspace(0, len(self.x) - 1, min(len(self.x), POINTS)).round().astype(int)
        found = {
            "low": self.low,
            "high": self.high,
            "x": self.x[chosen],
            "t": self.target[chosen],
            "rows": len(self.x),
            "classes": self.outputs if self.is_class else 0,
        }
        if len(self.shape) == 1:
            return {**found, "kind": "curve", "count": CURVE, "values": packed(answers[..., 0], "f4")}
        if self.is_class:
            # One byte for each place: the class, and how far it is ahead of the others.
            e = np.exp(answers - np.nan_to_num(answers.max(axis=-1, keepdims=True)))
            ahead = np.nan_to_num(e.max(axis=-1) / e.sum(axis=-1))
            levels = 256 // self.outputs
            rank = (ahead - 1 / self.outputs) / max(1 - 1 / self.outputs, 1e-9)
            level = np.clip((rank * levels).astype(int), 0, levels - 1)
            values = answers.argmax(axis=-1) * levels + level
            return {**found, "kind": "classes", "grid": GRID, "levels": levels, "values": packed(values, "u1")}
        shown = answers[..., 0]
        finite = np.concatenate([shown[np.isfinite(shown)], self.target[np.isfinite(self.target)]])
        bottom, top = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        scaled = np.nan_to_num((shown - bottom) / ((top - bottom) or 1.0)) * 255
        values = np.clip(scaled.round(), 0, 255)
        return {**found, "kind": "values", "grid": GRID, "range": [bottom, top], "values": packed(values, "u1")}


def stage_of(net: Model, arrays: list[Array], t: Any, is_single: bool) -> Stage | None:
    """Return the stage of a network with one or two numbers as its input and a vector as its output."""
    ports = net._open.ports
    if len(ports.inputs) != 1 or len(ports.outputs) != 1 or ports.form != "one":
        return None
    shape, answer = ports.inputs[0].shape, ports.outputs[0].shape
    if shape not in ((1,), (2,)) or ports.inputs[0].dtype.kind != "f" or len(answer) != 1 or None in answer:
        return None
    outputs, x = int(answer[0]), np.asarray(arrays[0], "float64")
    target = as_array(t, "t") if t is not None else np.zeros(len(x))
    target = target[None] if is_single else target
    if len(target) != len(x):
        raise ShapeError(f"t has {len(target)} rows, and x has {len(x)}")
    is_class = False
    if outputs > 1:
        if target.ndim == 2 and target.shape[1] == outputs:
            is_class = bool(np.isin(target, (0, 1)).all() and (target.sum(axis=1) == 1).all())
            target = target.argmax(axis=1) if is_class else target[:, 0]
        elif target.size == len(x):
            target = target.reshape(len(x))
            is_class = target.dtype.kind in "iu"
    is_class = is_class and outputs <= 128
    target = target.reshape(len(x), -1)[:, 0].astype("float64")
    return Stage(x, target, is_class, outputs)


def chain_data(columns: list[Column], film: Film) -> dict[str, Any]:
    """Return the neurons and weights of a chain of dense layers, those that are drawn."""
    found: list[dict[str, Any]] = []
    before: list[int] = []
    for column in columns:
        shown = shown_of(column.size)
        entry: dict[str, Any] = {"name": column.name, "note": column.note, "size": column.size, "shown": shown}
        if column.weights is not None:
            values = film.of(column.weights)
            entry["weights"] = packed(values[:, before][:, :, shown], "f4")
            entry["largest"] = largest(values)
            entry["label"] = film.names[list(film._shapes).index(column.weights)]
        if column.bias is not None:
            entry["bias"] = packed(film.of(column.bias)[:, shown], "f4")
            entry["largest_bias"] = largest(film.of(column.bias))
        found.append(entry)
        before = shown
    return {"kind": "chain", "columns": found}


def tensor_data(film: Film) -> dict[str, Any]:
    """Return the corner of each parameter as a matrix, of any network."""
    found = []
    for name, array in film.weights.items():
        rows = array.reshape(len(array), -1, array.shape[-1] if array.ndim > 1 else 1)
        if array.ndim == 2:
            rows = array[:, None, :]
        height, width = min(rows.shape[1], TILE), min(rows.shape[2], TILE)
        entry = {"name": name, "shape": array.shape[1:], "height": height, "width": width}
        found.append({**entry, "largest": largest(array), "values": packed(rows[:, :height, :width], "f4")})
    return {"kind": "tensors", "tensors": found}


def largest(values: Array) -> float:
    """Return the largest magnitude of all finite values."""
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max()) if finite.size else 0.0
