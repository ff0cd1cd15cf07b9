"""Pictures of what a network is and does, drawn with matplotlib, which is an extra: pip install "denpa[plot]".

Each function returns the figure. With `path`, it also writes it, in the format of the extension (PNG, SVG, PDF);
with `ax`, it draws into axes of the caller, a list of them where there are several panels. Nothing is shown, and
no setting of matplotlib is changed. All raise ImportError without matplotlib, TypeMismatch or InvalidArgument for
an `ax` or `path` that does not fit. The numbers that are drawn come from functions too: `curve`,
`confusion_matrix`, `find_misread`, `weight_images`.

What has numbers of its own draws itself: history.plot(), find_learning_rate(...).plot(), GradientFlow.plot(),
Path.plot().
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

from ._history import History, plot_runs
from ._plots_classes import Misread, confusion, confusion_matrix, find_misread, misread
from ._plots_functions import activations, curve, functions
from ._plots_weights import weight_images, weights
from .errors import TypeMismatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Misread",
    "activations",
    "confusion",
    "confusion_matrix",
    "curve",
    "find_misread",
    "functions",
    "misread",
    "runs",
    "weight_images",
    "weights",
]


def runs(
    histories: Mapping[str, History],
    numbers: Sequence[str] | None = None,
    path: Any = None,
    *,
    ax: Any = None,
    title: str | None = None,
) -> Figure:
    """Draw the histories of several runs side by side: {"sgd": history, "adam": other}.

    There is a panel for the losses and one for each metric, in which a run has one colour and the numbers of
    validation data are dashed. numbers: which to draw, by default all. Raises NotFound for one that no run has,
    InvalidArgument if there are no epochs.
    """
    if not isinstance(histories, Mapping) or isinstance(histories, History):
        raise TypeMismatch(
            f'runs takes the histories by name, {{"sgd": history}}, got {type(histories).__name__}'
        )
    for name, history in histories.items():
        if not isinstance(history, History):
            raise TypeMismatch(f'run "{name}": expected a History, which fit returns, got {type(history).__name__}')
    listed = [numbers] if isinstance(numbers, str) else numbers
    return plot_runs({str(name): history for name, history in histories.items()}, listed, path, title, ax)
