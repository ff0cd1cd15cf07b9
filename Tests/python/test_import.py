"""The package itself: what it imports, what its classes look like, what a missing library says."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys

import denpa as dp
import pytest
from denpa_support import PACKAGE


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=variables, timeout=60
    )


def test_import_brings_no_heavy_module():
    program = "import numpy, sys; before = set(sys.modules); import denpa; print(*sorted(set(sys.modules) - before))"
    brought = run(program).stdout.split()
    assert "denpa" in brought
    assert not {"matplotlib", "asyncio", "multiprocessing", "sklearn", "unittest"} & set(brought)


def test_a_library_that_is_not_there():
    done = run("import denpa", DENPA_LIBRARY="/nowhere/libdenpa.so")
    assert "ImportError" in done.stderr and "/nowhere/libdenpa.so: no such file" in done.stderr
    assert "DENPA_LIBRARY" in done.stderr and "make" in done.stderr


def test_a_library_that_is_something_else():
    import ctypes.util

    done = run("import denpa", DENPA_LIBRARY=ctypes.util.find_library("m") or "libm.so.6")
    assert "ImportError" in done.stderr and "version" in done.stderr


def test_classes_have_names_signatures_and_texts():
    assert dp.layers.Dense is dp.Dense and dp.losses.SoftmaxCrossEntropy is dp.SoftmaxCrossEntropy
    assert dp.optimizers.SGD is dp.SGD and dp.initializers.Normal is dp.Normal
    for name in (
        "ReLU",
        "Sigmoid",
        "Tanh",
        "Softmax",
        "MeanSquaredError",
        "CrossEntropy",
        "Adam",
        "He",
        "Xavier",
    ):
        assert isinstance(getattr(dp, name), type), name
    signature = inspect.signature(dp.Dense)
    assert list(signature.parameters)[:2] == ["units", "activation"]
    assert signature.parameters["units"].default is inspect.Parameter.empty
    assert signature.parameters["activation"].default == "identity"
    assert signature.parameters["name"].kind is inspect.Parameter.KEYWORD_ONLY
    assert list(inspect.signature(dp.CrossEntropy).parameters)[0] == "output"
    assert "units (int, required)" in dp.Dense.__doc__ and "Parameters: W, b" in dp.Dense.__doc__
    assert dp.Dense.__module__ == "denpa.layers"
    assert {"Dense", "ReLU", "relu", "Adam", "Sequential"} <= set(dp.__all__) <= set(dir(dp))


def test_everything_described_can_be_shown():
    for namespace in (dp.layers, dp.losses, dp.optimizers, dp.initializers):
        made = [
            value for value in vars(namespace).values() if isinstance(value, type) and hasattr(value, "kind")
        ]
        assert made
        for cls in made:
            assert inspect.signature(cls) and cls.__doc__ and cls.kind


def test_losses_have_names_that_are_aliases():
    net = dp.Sequential([dp.Dense(1)], (2,))
    assert net.loss([[1, 2]], [[0]], loss="mse") == net.loss([[1, 2]], [[0]], loss="mean_squared_error")


def test_the_types_hold():
    mypy = pytest.importorskip("mypy.api")
    report, errors, status = mypy.run(
        ["--strict", "--config-file", str(PACKAGE / "pyproject.toml"), str(PACKAGE / "denpa")]
    )
    assert status == 0, report + errors


def test_a_users_program_is_typed(tmp_path):
    mypy = pytest.importorskip("mypy.api")
    program = tmp_path / "program.py"
    program.write_text(
        "import denpa as dp\n"
        "net: dp.Sequential = dp.Sequential([dp.Dense(3)], input_shape=(2,))\n"
        "loss: float = net.train_batch([1.0, 2.0], [0.0, 0.0, 0.0], loss='mse')\n"
        "wrong: str = net.train_batch([1.0, 2.0], [0.0, 0.0, 0.0])\n"
    )
    before = os.environ.get("MYPYPATH")
    os.environ["MYPYPATH"] = str(PACKAGE)
    try:
        report, _, status = mypy.run(["--strict", str(program)])
    finally:
        os.environ.pop("MYPYPATH") if before is None else os.environ.update(MYPYPATH=before)
    assert status == 1 and report.count("error:") == 1 and "program.py:4" in report, report
