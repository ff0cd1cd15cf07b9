"""Modules of the package import one way: no two need each other, and none imports another late."""

from __future__ import annotations

import ast

import pytest
from denpa_support import PACKAGE

FOLDER = PACKAGE / "denpa"
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def imports(module):
    """(names of the package's modules that a module imports, those of them inside functions or conditions)."""
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    found, late = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = {node.module} if node.module else {alias.name for alias in node.names}
            found |= names & set(MODULES)
            if node not in tree.body:
                late |= names & set(MODULES)
    return found, late


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_late(module):
    assert not imports(module)[1]


def test_imports_run_one_way():
    needs = {module: imports(module)[0] for module in MODULES}
    order: list[str] = []
    while len(order) < len(MODULES):
        ready = [module for module in MODULES if module not in order and needs[module] <= set(order)]
        assert ready, {module: needs[module] - set(order) for module in MODULES if module not in order}
        order += ready
    # The ground comes first, networks last.
    place = {module: number for number, module in enumerate(order)}
    for lower, upper in [
        ("_abi", "_call"),
        ("_call", "_described"),
        ("_described", "_layer"),
        ("_graph", "_model"),
        ("_layer", "_registry"),
        ("_model", "_alone"),
    ]:
        assert place[lower] < place[upper]
