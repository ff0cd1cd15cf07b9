"""The report of a gradient check."""

from __future__ import annotations

import math
from typing import Iterator, NamedTuple, Sequence

from . import _abi as abi


class Checked(NamedTuple):
    """The result for one tensor.

    `worst` is the largest difference between the gradient of backpropagation (`analytic`) and the numerical
    one (`numeric`), relative to the largest of both; `at` is the index of the element where it occurs. At `kinks`
    elements a kink of the loss (such as relu's at 0) was inside the stencil, so that a smaller step decided.
    """

    tensor: str
    worst: float
    checked: int
    at: tuple[int, ...]
    analytic: float
    numeric: float
    passed: bool
    kinks: int = 0


class Report(Sequence[Checked]):
    """The rows of a gradient check, one for each parameter and each requested input. Prints as a table."""

    def __init__(self, rows: Sequence[Checked], message: str = "") -> None:
        self.rows = list(rows)
        self.message = message  # the engine's message if the check failed

    @property
    def passed(self) -> bool:
        """Whether all gradients agree."""
        return not self.message and all(row.passed for row in self.rows)

    @property
    def worst(self) -> float:
        """The largest relative error; infinite if one is not a number."""
        return max((math.inf if math.isnan(row.worst) else row.worst for row in self.rows), default=0.0)

    @property
    def failed(self) -> list[Checked]:
        return [row for row in self.rows if not row.passed]

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        """Return a row by its number or by the tensor's name."""
        if isinstance(index, str):
            return next(row for row in self.rows if row.tensor == index)
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Checked]:
        return iter(self.rows)

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        head = ("tensor", "worst", "elements", "at", "backpropagation", "numerical", "")
        lines = [head]
        for row in self.rows:
            at = str(list(row.at)) if row.at else ""
            values = (f"{row.analytic:.9g}", f"{row.numeric:.9g}")
            verdict = "ok" if row.passed else "WRONG"
            if row.kinks:
                verdict += f" ({row.kinks} beside a kink)"
            lines.append((row.tensor, f"{row.worst:.2e}", str(row.checked), at, *values, verdict))
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
        return "\n".join([*text, *([self.message] if self.message else [])])

    def __repr__(self) -> str:
        return (
            f"<gradient check of {len(self.rows)} tensors: {'passed' if self.passed else 'FAILED'}, "
            f"worst {self.worst:.2e}>"
        )


def position(index: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Convert a row-major number to an index."""
    found = []
    for extent in reversed(shape):
        found.append(index % extent if extent else 0)
        index //= max(extent, 1)
    return tuple(reversed(found))


def row_of(check: abi.Check, name: str, shape: tuple[int, ...]) -> Checked:
    return Checked(
        name,
        float(check.worst),
        int(check.checked),
        position(int(check.index), shape),
        float(check.analytic),
        float(check.numeric),
        bool(check.passed),
        int(check.kinks),
    )
