"""Layers beside the values and gradients that PyTorch computes in float64 (Tests/golden/layers.py)."""

from __future__ import annotations

import json

import denpa as dp
import numpy as np
import pytest
from denpa_support import ROOT
from numpy.testing import assert_allclose

CASES = json.loads((ROOT / "Tests" / "golden" / "layers.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_golden(case, dtype):
    x = np.array(case["x"])
    value = dp.Input(x.shape[1:])
    net = dp.Model(value, dp.create(case["kind"], **case["attributes"], name="l")(value), dtype=dtype)
    assert {name.rpartition(".")[2] for name in net.parameters} == set(case["parameters"])
    for name, given in case["parameters"].items():
        net.parameters[f"l.{name}"] = np.array(given)
    exact = dtype == "float64"
    tolerance = {"rtol": 1e-11, "atol": 1e-13} if exact else {"rtol": 1e-4, "atol": 1e-5}
    assert_allclose(net.forward(x, training=True), case["y"], **tolerance)
    assert_allclose(net.backward(np.array(case["dy"])), case["dx"], **tolerance)
    for name, expected in case["gradients"].items():
        assert_allclose(net.grads[f"l.{name}"], expected, **tolerance)
