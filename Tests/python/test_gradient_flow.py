"""How large the gradients are, step by step."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("matplotlib")


def deep(seed=2):
    layers = [dp.Dense(5, activation="sigmoid"), dp.Dense(4, activation="tanh"), dp.Dense(1)]
    net = dp.Sequential(layers, (3,), dtype="float64", seed=seed, names="book")
    net.compile("mse", dp.SGD(0.1))
    return net


def test_the_norms_are_those_of_the_steps(rng):
    x, t = rng.normal(size=(12, 3)), rng.normal(size=(12, 1))
    net, twin, flow = deep(), deep(), dp.GradientFlow()
    net.fit(x, t, batch_size=4, epochs=3, shuffle=False, callbacks=[flow])
    expected = {name: [] for name in twin.parameters}
    for _ in range(3):
        for first in (0, 4, 8):
            batch = x[first : first + 4], t[first : first + 4]
            for name, gradient in twin.gradients(*batch).items():
                expected[name].append(np.linalg.norm(gradient))
            twin.train_batch(*batch)
    assert flow.steps == list(range(1, 10)) and list(flow.norms) == list(net.parameters)
    for name, norms in expected.items():
        assert_allclose(flow.norms[name], norms, rtol=1e-13)
    net.fit(x, t, batch_size=12, callbacks=flow)  # goes on
    assert flow.steps[-1] == 10 and len(flow.norms["W1"]) == 10
    axes = flow.plot().axes[0]
    assert axes.get_yscale() == "log"
    drawn = {line.get_label(): line.get_xydata() for line in axes.lines}
    for name, norms in flow.norms.items():
        assert_array_equal(drawn[name], np.c_[flow.steps, norms])


@pytest.mark.parametrize(
    "optimizer", ["sgd", "adam", dp.SGD(0.1, clip_norm=0.01), dp.SGD(0.1, accumulation=2)]
)
def test_it_changes_no_bit(rng, optimizer):
    x, t = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    net, twin = deep(), deep()
    for each, callbacks in ((net, [dp.GradientFlow(every=2)]), (twin, [])):
        each.fit(x, t, batch_size=3, epochs=4, optimizer=optimizer, callbacks=callbacks)
    assert net.to_bytes() == twin.to_bytes() and net.history == twin.history


def test_every_and_own_loops(rng):
    x, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    net, flow = deep(), dp.GradientFlow(every=2)
    net.set_trainable("W2", False)
    for _ in range(5):
        net.accumulate(x, t)
        flow.record(net)
        expected = np.linalg.norm(net.grads["W1"])
        net.step("sgd")
        net.zero_grads()
        if flow.steps and flow.steps[-1] % 2 == 0 and len(flow.norms["W1"]) == 2:
            break
    assert flow.steps == [2, 4] and "W2" not in flow.norms
    assert flow.norms["W1"][-1] == pytest.approx(expected, rel=1e-13)
    assert repr(flow) == "<gradient flow of 5 parameters over 2 steps>"


def test_what_the_flow_refuses(rng):
    flow = dp.GradientFlow()
    with pytest.raises(dp.InvalidArgument, match="no step was recorded"):
        flow.plot()
    with pytest.raises(dp.BadState, match="no gradients before"):
        flow.record(deep())
    with pytest.raises(dp.InvalidArgument, match="every"):
        dp.GradientFlow(every=0)
    x, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    net = deep()
    net.fit(x, t, callbacks=flow)
    other = dp.Sequential([dp.Dense(1)], (3,), dtype="float64")
    with pytest.raises(dp.BadState, match="of one network.*this one trains dense_1.W"):
        other.fit(x, t, loss="mse", callbacks=flow)
    assert flow.steps == [1]
