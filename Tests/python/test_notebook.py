"""The notebook that walks through the five study notes: it runs, and shows what it promises."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


def test_every_cell_runs(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")  # the script sets them
    monkeypatch.setenv("MPLBACKEND", "")
    spec = importlib.util.spec_from_file_location(
        "execute_notebook", ROOT / "scripts" / "execute_notebook.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    kept = {cell.id: cell for cell in script.nbformat.read(script.NOTEBOOK, as_version=4).cells}
    book = script.executed()
    pictures = []
    for cell in book.cells:
        shown = [sorted(output.get("data", {})) for output in cell.get("outputs", [])]
        stored = [sorted(output.get("data", {})) for output in kept[cell.id].get("outputs", [])]
        assert shown == stored, f"{cell.id}: run scripts/execute_notebook.py --write"
        pictures += [kind for kinds in shown for kind in kinds if kind.startswith("image/")]
        assert all(output.get("name") != "stderr" for output in cell.get("outputs", []))
    assert pictures.count("image/svg+xml") == 3 and pictures.count("image/png") == 1
    assert os.path.getsize(script.NOTEBOOK) < 300_000
