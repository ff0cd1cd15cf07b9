"""Plugins: layers that are loaded at run time are classes like all others, and wrong ones are refused."""

from __future__ import annotations

import inspect

import denpa as dp
import numpy as np
import pytest
from denpa_support import ROOT, compile_plugin, elementwise
from numpy.testing import assert_allclose


def formula(x, beta):
    return x / (1 + np.exp(-beta * x))


def test_its_class_is_like_any_other(swish):
    assert dp.layers.Swish.kind == swish and dp.layers.Swish.__doc__
    assert "name" in inspect.signature(dp.layers.Swish).parameters
    assert "vendor" not in dp.layers.Swish.__name__ and not hasattr(
        dp, "Swish"
    )  # in denpa itself is what is built in
    assert dp.create(swish).kind == swish


def test_it_computes_by_itself_and_in_a_network(swish, rng):
    x = rng.normal(size=(4, 5))
    alone = dp.layers.Swish()
    alone.build(5)
    alone.parameters["beta"][:] = 1.5
    assert_allclose(alone.forward(x), formula(x, 1.5), rtol=1e-9)
    net = dp.Sequential([dp.Dense(5), dp.layers.Swish(), dp.Dense(2)], (5,), dtype="float64", seed=1)
    assert "swish_1.beta" in net.parameters
    p = net.parameters
    hidden = formula(x @ p["dense_1.W"] + p["dense_1.b"], p["swish_1.beta"])
    assert_allclose(net.predict(x), hidden @ p["dense_2.W"] + p["dense_2.b"], rtol=1e-9)
    before = p["swish_1.beta"].copy()
    net.fit(x, rng.normal(size=(4, 2)), epochs=5, loss="mse")
    assert np.abs(p["swish_1.beta"] - before).max() > 0


def test_its_gradients_are_proved(swish, rng):
    assert dp.prove(swish) and dp.prove(dp.layers.Swish)
    net = dp.Sequential([dp.Dense(5), dp.layers.Swish(), dp.Dense(2)], (5,), seed=1)
    report = net.check_gradients(rng.normal(size=(4, 5)), rng.normal(size=(4, 2)), loss="mse")
    assert report.passed and report["swish_1.beta"].checked > 0


def test_a_file_with_its_layer_is_loaded(swish, rng):
    net = dp.Sequential([dp.layers.Swish(), dp.Dense(2)], (5,), seed=1)
    x = rng.normal(size=(3, 5))
    assert_allclose(dp.from_bytes(net.to_bytes()).predict(x), net.predict(x))


def test_the_same_layer_twice(swish, tmp_path):
    plugin = compile_plugin(ROOT / "examples" / "plugins" / "swish.c", tmp_path)
    for _ in range(2):
        with pytest.raises(dp.AlreadyExists, match="swish"):
            dp.load_plugin(plugin)


def test_what_is_no_plugin(tmp_path):
    (tmp_path / "text.so").write_text("hello")
    with pytest.raises(dp.PluginError, match=r"text\.so"):
        dp.load_plugin(tmp_path / "text.so")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        dp.load_plugin(tmp_path / "nowhere.so")
    with pytest.raises(dp.InvalidArgument, match="proof"):
        dp.load_plugin(tmp_path / "text.so", proof="never")
    empty = tmp_path / "empty.c"
    empty.write_text("int nothing;\n")
    with pytest.raises(ImportError, match="denpa_plugin_entry_v0"):
        dp.load_plugin(compile_plugin(empty, tmp_path))


def triple(folder, name, slope):
    """y = 3x under a name, with a slope in backward; 3 is right."""
    return elementwise(folder, name, "3 * x", f"{slope} * dy")


def test_a_wrong_gradient_is_refused_at_load(tmp_path):
    with pytest.raises(dp.ProofFailed, match="gradient"):
        dp.load_plugin(triple(tmp_path, "refused.triple", 2.9))
    with pytest.raises(dp.NotRegistered):
        dp.create("refused.triple")
    assert not hasattr(dp.layers, "Triple")


def test_a_wrong_gradient_is_named_by_the_check(tmp_path, rng):
    """Loaded on request it serves; the proof and the check of a network both say what is wrong with it."""
    (kind,) = dp.load_plugin(triple(tmp_path, "planted.triple", 2.9), proof="request")
    with pytest.raises(dp.ProofFailed) as caught:
        dp.prove(kind)
    assert "gradient" in caught.value.report
    x, t = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    net = dp.Sequential(
        [dp.Dense(3), dp.create(kind), dp.Dense(2)], (3,), dtype="float64", seed=1, names="book"
    )
    assert_allclose(dp.create(kind).forward(x), 3 * x)
    report = net.check_gradients(x, t, loss="mse", inputs=True)
    assert not report.passed
    assert {row.tensor for row in report.failed} == {"W1", "b1", "input_1"}  # all that lies before it
    assert report["W1"].analytic == pytest.approx(report["W1"].numeric * 2.9 / 3, rel=1e-6)

    dp.load_plugin(triple(tmp_path, "other.triple", 3))  # another vendor's of the same name
    assert dp.layers.Triple.kind == kind and dp.layers.OtherTriple.kind == "other.triple"
    assert_allclose(dp.create("other.triple").forward(x), 3 * x)
    assert dp.prove("other.triple")
