"""Labelled values, printed and compared with what they should be. The programs of this folder use it."""

from __future__ import annotations

from typing import Any

import numpy as np


def title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def show(label: str, value: Any, expected: Any = None, tolerance: float = 1e-12, note: str = "") -> None:
    """Print a value with its label. Raise AssertionError if it is not the expected one."""
    text = np.array2string(np.asarray(value), precision=8, suppress_small=True, separator=", ")
    indented = text.replace("\n", "\n" + " " * 17)
    print(f"    {label:<10} = {indented}{'   ' + note if note else ''}")
    if expected is not None:
        check(label, value, expected, tolerance)


def check(label: str, value: Any, expected: Any, tolerance: float = 1e-12) -> None:
    if np.shape(value) != np.shape(expected) or not np.allclose(value, expected, rtol=0, atol=tolerance):
        raise AssertionError(f"{label}: expected {expected}, got {value}")
