"""Optimizers beside PyTorch: 50 steps in float64, from numbers that Tests/golden/optimizers.py has made."""

from __future__ import annotations

import json
import pathlib

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

GOLDEN = json.loads((pathlib.Path(__file__).parents[1] / "golden/optimizers.json").read_text())


def title(case):
    given = [f"{name}={value}" for name, value in case["attributes"].items()]
    return "-".join([case["kind"], *given, *case["groups"]])


def network(case, dtype):
    """The golden network, with its initial weights and the case's optimizer."""
    net = dp.Sequential(
        [dp.Dense(4, activation="tanh", name="first"), dp.Dense(2, name="second")],
        input_shape=3,
        dtype=dtype,
    )
    for name, value in GOLDEN["weights"].items():
        net.parameters[name] = value
    make = next(made for made in vars(dp.optimizers).values() if getattr(made, "kind", "") == case["kind"])
    net.compile("mean_squared_error", make(**case["attributes"], groups=case["groups"]))
    return net


def batches():
    x, t = np.array(GOLDEN["x"]), np.array(GOLDEN["t"])
    for first, last in GOLDEN["rows"]:
        yield x[first:last], t[first:last]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=title)
def test_as_pytorch(case):
    """Batches grow in the first steps, and the trainer with them; what the optimizer keeps stays."""
    net = network(case, "float64")
    for step, (x, t) in enumerate(batches()):
        net.train_batch(x, t)
        for name, value in case["after"].get(str(step + 1), {}).items():
            error = np.abs(net.parameters[name] - value).max() / np.abs(value).max()
            assert error < 1e-12, (step + 1, name, error)


@pytest.mark.parametrize("case", GOLDEN["cases"][:: len(GOLDEN["cases"]) // 8], ids=title)
def test_the_same_in_float32(case):
    """The weights are near those in float64 after ten steps, before rounding errors have grown."""
    net = network(case, "float32")
    for (x, t), _ in zip(batches(), range(10)):
        net.train_batch(x, t)
    for name, value in case["after"]["10"].items():
        assert np.abs(net.parameters[name] - value).max() / np.abs(value).max() < 2e-5, name


def test_every_optimizer_is_here():
    """A new optimizer is added to Tests/golden/optimizers.py, if PyTorch has it."""
    # L-BFGS is compared in test_searching_optimizers.py; PyTorch computes Muon in bfloat16.
    not_in_pytorch = {"lion", "lamb", "muon", "lbfgs", "levenberg_marquardt"}
    kinds = {made.kind for made in vars(dp.optimizers).values() if getattr(made, "kind", None)}
    assert {case["kind"] for case in GOLDEN["cases"]} == kinds - not_in_pytorch


def test_frozen_parameters_stay():
    for case in GOLDEN["cases"]:
        for name, attributes in case["groups"].items():
            if attributes.get("frozen"):
                for after in case["after"].values():
                    assert_array_equal(after[name], GOLDEN["weights"][name])
