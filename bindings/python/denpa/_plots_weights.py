"""The weights of the first layer as images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from ._arrays import Array, whole
from ._figures import finish, mosaic, single
from ._model import Model
from .errors import InvalidArgument, NotFound, ShapeError, TypeMismatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def image_of(values: Array, image_shape: Sequence[int] | None, what: str) -> Array:
    """Return values as an image (height, width) or (height, width, 3).

    Without a shape, they have one already, or are those of a square. Raises ShapeError if they are no image.
    """
    array = np.asarray(values, "float64")
    if image_shape is not None:
        shape = tuple(whole(extent, "image_shape", 1) for extent in image_shape)
        if len(shape) not in (2, 3) or math.prod(shape) != array.size:
            raise ShapeError(f"image_shape {shape} does not hold the {array.size} values of {what}")
        array = array.reshape(shape)
    elif array.ndim == 1:
        side = math.isqrt(array.size)
        if side * side != array.size or side < 2:
            raise ShapeError(f"{what} has {array.size} values, no square: give image_shape=(height, width)")
        array = array.reshape(side, side)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[-1] == 3):
        raise ShapeError(
            f"{what} is no image (height, width) or (height, width, 3), but has the shape {array.shape}"
        )
    return array


def first_weights(net: Model) -> str:
    """Return the name of the first parameter that has an axis of inputs and one of outputs."""
    for name, array in net.parameters.items():
        if array.ndim in (2, 4):
            return name
    raise NotFound("the network has no layer with a matrix of weights")


def weight_images(net: Model, name: str | None = None, image_shape: Sequence[int] | None = None) -> Array:
    """Return the weights of each unit as an image: (images, height, width), or (images, height, width, 3).

    name: a parameter with a matrix (in, units) or with filters (height, width, channels, filters); by default
    the first in the network. Those of a matrix have the shape of the network's input, or `image_shape`, or are a
    square. Filters over 1 or 3 channels are an image each; over other numbers, each channel of each filter is.
    Raises NotFound for an unknown parameter, ShapeError if its weights are no images.
    """
    if not isinstance(net, Model):
        raise TypeMismatch(f"a network is needed, got {type(net).__name__}")
    name = first_weights(net) if name is None else name
    values = np.array(net.parameters[name], "float64")
    if values.ndim == 4:
        if image_shape is not None:
            raise InvalidArgument(f'image_shape is for matrices: "{name}" has filters of {values.shape[:2]}')
        height, width, channels, filters = values.shape
        if channels in (1, 3):
            images = np.moveaxis(values, 3, 0)
            return images[..., 0] if channels == 1 else images
        return values.reshape(height, width, channels * filters).transpose(2, 0, 1)
    if values.ndim != 2:
        raise ShapeError(f'"{name}" has the shape {values.shape}: only matrices and filters are drawn')
    if image_shape is None:
        for port in net._open.ports.inputs:
            shape = port.shape
            if len(shape) in (2, 3) and None not in shape and math.prod(shape) == len(values):
                image_shape = shape
    return np.array([image_of(column, image_shape, f'a unit of "{name}"') for column in values.T])


def weights(
    net: Model,
    name: str | None = None,
    path: Any = None,
    *,
    image_shape: Sequence[int] | None = None,
    columns: int | None = None,
    ax: Any = None,
    title: str | None = None,
) -> Figure:
    """Draw the weights of each unit as an image, all on one scale: red is positive, blue negative, white 0.

    Filters over three channels are in colours instead, with grey for 0. columns: images in a row. For the rest,
    see weight_images.
    """
    images = weight_images(net, name, image_shape)
    if not images.size:
        raise InvalidArgument("there are no weights to draw")
    wide = math.ceil(math.sqrt(len(images))) if columns is None else whole(columns, "columns", 1)
    wide = min(wide, len(images))
    size = min(max(1.1 * wide, 3.0), 12.0)
    rows = math.ceil(len(images) / wide)
    axes = single(ax, size + 0.8, min(max(size * rows / wide * images.shape[1] / images.shape[2], 1.5), 16) + 0.4)
    bound = float(np.abs(images).max()) or 1.0
    if images.ndim == 4:
        axes.imshow(np.nan_to_num(mosaic(0.5 + images / (2 * bound), wide), nan=1.0), interpolation="nearest")
    else:
        shown = axes.imshow(mosaic(images, wide), cmap="RdBu_r", vmin=-bound, vmax=bound, interpolation="nearest")
        finish(axes, None).colorbar(shown, ax=axes, shrink=0.8)
    axes.set_axis_off()
    heading = f"{name or first_weights(net)}: {len(images)} images" if title is None else title
    return finish(axes, path, heading.replace("$", r"\$"))
