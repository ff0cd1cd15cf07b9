"""Modules of the package import one way, and networks are composed of parts: none inherits its code."""

from __future__ import annotations

import ast
import importlib
import inspect

import denpa as dp
import pytest
from denpa_support import PACKAGE

FOLDER = PACKAGE / "denpa"
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")

# From the ground up: a module imports modules of its own group and of those above it in this list.
GROUPS = {
    "ground": [
        "errors", "_abi", "_call", "_tables", "_arrays", "_interrupts", "_numerical", "_figures", "_pages",
    ],
    "descriptions": ["_suggestions", "_kinds", "_attributes", "_described", "_loss", "_metric", "_optimizer"],
    "graph": ["_indexing", "_graph", "_layer", "_building"],
    "registry": ["layers", "losses", "optimizers", "initializers", "metrics", "schedules", "_registry"],
    "written by users": ["_custom_schema", "_custom_plan", "_custom_calls", "_custom"],
    "parts of networks": [
        "_names",
        "_native",
        "_ports",
        "_sample_weights",
        "_settings",
        "_step",
        "_prepared",
        "_trainer",
        "_weights",
        "_weight_files",
        "_trainers",
        "_parameters",
        "_nodes",
        "_nested",
        "_prediction",
        "_training",
        "_history",
        "_progress",
        "_batches",
        "callbacks",
        "_source",
        "_fit",
        "_evaluation",
        "_open_loop",
        "_check",
        "_derivatives",
        "_row_derivatives",
        "_directions",
        "_surfaces",
        "_drawing",
        "_trace",
        "_tracing",
        "_parts",
    ],
    "what networks show": ["_plots_functions", "_structure", "_formulas", "_explain"],
    "networks": ["_state", "_differentiation", "_storing", "_insight", "_model", "_sequential"],
    "made of networks": [
        "_alone",
        "_finder",
        "_surface",
        "_gradient_flow",
        "_plots_weights",
        "_plots_classes",
        "plots",
        "_recorder",
        "_path",
        "_film",
    ],
}
LEVEL = {module: level for level, modules in enumerate(GROUPS.values()) for module in modules}

# The classes of parts and networks that inherit from one of the package, because they are of its kind.
KINDS = {"Sequential": ["Model"]} | {
    kind.__name__: ["Callback"] for kind in dp.Callback.__subclasses__() if kind.__module__ == "denpa.callbacks"
}


def imports(module):
    """(the modules of the package that a module imports, those of them inside functions or conditions)."""
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    found, late = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = {node.module} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            absolute = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            assert not any(name.partition(".")[0] == "denpa" for name in absolute), f"{module}: {absolute}"
            continue
        else:
            continue
        found |= names & set(MODULES)
        if node not in tree.body:
            late |= names & set(MODULES)
    return found, late


def test_each_module_is_in_one_group():
    assert sorted(module for modules in GROUPS.values() for module in modules) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_late(module):
    assert not imports(module)[1]


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_upward(module):
    assert not {other for other in imports(module)[0] if LEVEL[other] > LEVEL[module]}


def test_no_two_modules_need_each_other():
    needs = {module: imports(module)[0] for module in MODULES}
    order: list[str] = []
    while len(order) < len(MODULES):
        ready = [module for module in MODULES if module not in order and needs[module] <= set(order)]
        assert ready, {module: needs[module] - set(order) for module in MODULES if module not in order}
        order += ready


def ancestors(kind):
    """The names of the package's classes that a class inherits from, whatever module they are in."""
    return [base.__name__ for base in kind.__mro__[1:] if base.__module__.partition(".")[0] == "denpa"]


def classes_of_networks():
    for module in GROUPS["parts of networks"] + GROUPS["networks"]:
        for _, kind in inspect.getmembers(importlib.import_module(f"denpa.{module}"), inspect.isclass):
            if kind.__module__ == f"denpa.{module}":
                yield kind


@pytest.mark.parametrize("kind", list(classes_of_networks()), ids=lambda kind: kind.__name__)
def test_networks_and_their_parts_are_composed(kind):
    assert ancestors(kind) == KINDS.get(kind.__name__, [])


def test_a_chain_of_classes_would_be_noticed():
    class Core:
        __module__ = "denpa._core"

    class Network(Core):
        __module__ = "denpa._network"

    assert ancestors(Network) == ["Core"] and ancestors(dp.Sequential) == ["Model"]


def test_no_part_refers_to_its_network():
    """So that a network is deleted with its last reference, without the garbage collector."""
    net = dp.Sequential([dp.Dense(1)], input_shape=(2,), seed=0)
    net.compile("mse", "sgd")
    net.fit([[0.0, 1.0]], [[1.0]])
    net.forward([[0.0, 1.0]], training=True)
    net.vjp([[0.0, 1.0]], [[1.0]])
    seen, waiting = set(), [vars(net)["_parts"]]
    while waiting:
        thing = waiting.pop()
        assert thing is not net
        if id(thing) not in seen and type(thing).__module__.partition(".")[0] == "denpa":
            seen.add(id(thing))
            waiting += vars(thing).values() if hasattr(thing, "__dict__") else []
    assert len(seen) > len(vars(net._parts))
