"""Which classes a network takes for which: the confusion matrix and the samples that are misread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

import numpy as np

from ._arrays import Array, as_array, whole
from ._figures import corner, finish, mosaic, single
from ._model import Model
from ._plots_weights import image_of
from .errors import InvalidArgument, ShapeError, TypeMismatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_WRITTEN = 20  # classes up to which each number is written into the matrix


class Misread(NamedTuple):
    """A sample that the network takes for another class: its row, both classes, the probability of the wrong one."""

    row: int
    expected: int
    predicted: int
    probability: float


def answers(net: Any, x: Any, t: Any) -> tuple[Array, Array, Array, int]:
    """Return the right classes, the predicted ones and their probabilities (decisions,), and the number of classes."""
    if not isinstance(net, Model):
        raise TypeMismatch(f"a network is needed, got {type(net).__name__}")
    probabilities = net.predict_proba(x)
    predicted = net.predict_classes(x)
    is_single = probabilities.shape == predicted.shape or probabilities.shape[-1] == 1
    count = 2 if is_single else probabilities.shape[-1]
    target = as_array(t, "t")
    if not is_single and target.shape == (*predicted.shape, count):
        if not (np.isin(target, (0, 1)).all() and (target.sum(axis=-1) == 1).all()):
            raise InvalidArgument("t: each row must have a single 1, its class, and otherwise 0")
        target = target.argmax(axis=-1)
    if target.shape == (*predicted.shape, 1):
        target = target[..., 0]
    if target.shape != predicted.shape:
        raise ShapeError(
            f"t: expected class numbers {predicted.shape}, or {(*predicted.shape, 1 if is_single else count)}, "
            f"got {target.shape}"
        )
    if target.size and not ((target >= 0) & (target < count) & (target == np.floor(target))).all():
        raise InvalidArgument(f"t: classes must be whole numbers from 0 to {count - 1}")
    if is_single:
        p = probabilities.reshape(predicted.shape)
        probability = np.where(predicted == 1, p, 1 - p)
    else:
        probability = np.take_along_axis(probabilities, predicted[..., None], -1)[..., 0]
    return target.astype("int64").ravel(), predicted.ravel(), probability.ravel(), count


def confusion_matrix(net: Model, x: Any, t: Any) -> Array:
    """Return how often each class (row) was taken for each class (column), as integers (classes, classes).

    x: inputs (rows, ...). t: class numbers (rows,), or one-hot (rows, classes). A network with a single output
    has two classes. Raises ShapeError or InvalidArgument for targets that are no classes of the network.
    """
    expected, predicted, _, count = answers(net, x, t)
    return np.bincount(expected * count + predicted, minlength=count * count).reshape(count, count)


def names_of(classes: Sequence[Any] | None, count: int) -> list[str]:
    """Return the names of the classes, by default their numbers."""
    names = list(range(count)) if classes is None else list(classes)
    if len(names) != count:
        raise InvalidArgument(f"classes: the network has {count} classes, got {len(names)} names")
    return [literal(str(name)) for name in names]


def literal(text: str) -> str:
    """Return a text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


def confusion(
    net: Model,
    x: Any,
    t: Any,
    path: Any = None,
    *,
    classes: Sequence[Any] | None = None,
    ax: Any = None,
    title: str | None = None,
) -> Figure:
    """Draw the confusion matrix: the colour is the part of the row, the number how often it happened.

    classes: their names, by default their numbers. For the rest, see confusion_matrix.
    """
    counts = confusion_matrix(net, x, t)
    names = names_of(classes, len(counts))
    parts = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = min(max(3.2, 0.45 * len(counts) + 1.8), 12)
    axes = single(ax, size + 0.6, size)
    image = axes.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    finish(axes, None).colorbar(image, ax=axes, label="part of the class", shrink=0.8)
    if len(counts) <= MOST_WRITTEN:
        for (row, column), number in np.ndenumerate(counts):
            color = "white" if parts[row, column] > 0.5 else "0.6" if number == 0 else "black"
            axes.text(column, row, str(number), ha="center", va="center", color=color, fontsize=9)
        turned = max(map(len, names)) > 3
        axes.set_xticks(range(len(names)), names, rotation=45 if turned else 0, ha="right" if turned else "center")
        axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="expected")
    right = np.trace(counts) / max(counts.sum(), 1)
    return finish(axes, path, f"{right:.1%} of {counts.sum()} are right" if title is None else title)


def find_misread(net: Model, x: Any, t: Any) -> list[Misread]:
    """Return the samples that the network takes for another class, those of which it is most certain first.

    x and t are as for confusion_matrix; `row` counts the decisions, where a sample has several.
    """
    expected, predicted, probability, _ = answers(net, x, t)
    wrong = np.flatnonzero(expected != predicted)
    order = wrong[np.argsort(-probability[wrong], kind="stable")]
    return [Misread(int(i), int(expected[i]), int(predicted[i]), float(probability[i])) for i in order]


def misread(
    net: Model,
    x: Any,
    t: Any,
    path: Any = None,
    *,
    count: int = 25,
    image_shape: Sequence[int] | None = None,
    classes: Sequence[Any] | None = None,
    ax: Any = None,
    title: str | None = None,
) -> Figure:
    """Draw up to `count` samples that the network takes for another class, as images, the most certain first.

    Below each are the predicted class, its probability, and the right class. image_shape: (height, width) or
    (height, width, 3) of a sample; by default its own, or a square. classes: their names. Raises ShapeError for
    samples that are no images, and for the rest see find_misread.
    """
    count = whole(count, "count", 1)
    _, _, _, class_count = answers(net, x, t)
    names = names_of(classes, class_count)
    found = find_misread(net, x, t)
    samples = net._open.ports.arrange(x, strided=True).arrays[0]
    shown = found[:count]
    columns = min(max(math.ceil(math.sqrt(len(shown))), 1), 8)
    rows = max(math.ceil(len(shown) / columns), 1)
    axes = single(ax, max(1.5 * columns, 3), 1.75 * rows + 0.4)
    heading = f"{len(found)} of {len(samples)} are misread" if title is None else title
    axes.set_axis_off()
    if not shown:
        return finish(axes, path, heading)
    images = np.array([scaled(image_of(samples[item.row], image_shape, "x")) for item in shown])
    # A line of text below each image: rows of white, a quarter of its height.
    padding = max(images.shape[1] // 4, 1)
    padded = np.ones((len(images), images.shape[1] + padding, *images.shape[2:]))
    padded[:, : images.shape[1]] = images
    whole_image = np.nan_to_num(mosaic(padded, columns), nan=1.0)
    axes.imshow(whole_image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    for number, item in enumerate(shown):
        top, left = corner(number, padded.shape, columns)
        text = f"{names[item.predicted]} ({item.probability:.0%}), is {names[item.expected]}"
        middle = left + (images.shape[2] - 1) / 2
        axes.text(middle, top + images.shape[1] + padding / 2 - 0.5, text, ha="center", va="center", fontsize=8)
    return finish(axes, path, heading)


def scaled(image: Array) -> Array:
    """Return an image with values from 0 to 1."""
    low, high = image.min(), image.max()
    return (image - low) / (high - low) if high > low else np.zeros(image.shape)
