#!/usr/bin/env python3
"""Executes examples/backprop.ipynb from top to bottom; each cell checks itself.

Run: .venv/bin/python scripts/execute_notebook.py [--write]

With --write, the notebook gets the outputs of its cells.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "examples" / "backprop.ipynb"


def executed() -> nbformat.NotebookNode:
    """Return the notebook with new outputs. Raises CellExecutionError if a cell fails."""
    os.environ["PYTHONPATH"] = str(ROOT / "bindings" / "python")  # the kernel's
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    book = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    ).execute()
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # times
    return book


def main() -> None:
    book = executed()
    print(f"{sum(cell.cell_type == 'code' for cell in book.cells)} cells of {NOTEBOOK.name}")
    if "--write" in sys.argv[1:]:
        nbformat.write(book, NOTEBOOK)


if __name__ == "__main__":
    main()
