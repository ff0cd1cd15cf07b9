"""What a layer notes while training (a running mean) is the network's, however it is trained; looking notes nothing."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from denpa_support import ROOT, compile_plugin
from numpy.testing import assert_allclose, assert_array_equal


@pytest.fixture(scope="module")
def kind(tmp_path_factory):
    """work.running: in training m = 0.5 m + 0.5 mean(x0)."""
    source = ROOT / "Tests" / "plugins" / "running.c"
    return dp.load_plugin(compile_plugin(source, tmp_path_factory.mktemp("running")))[0]


@pytest.fixture
def net(kind):
    x, z = dp.Input((3,)), dp.Input((3,))
    y = dp.create(kind, name="run")(dp.Dense(3, name="dense")(x), z)
    return dp.Model([x, z], y, dtype="float64", seed=4)


def means(net, x, m):
    """What one forward makes of the running mean."""
    u = x @ net.parameters["dense.W"] + net.parameters["dense.b"]
    return 0.5 * m + 0.5 * u.mean(axis=0)


def batch(rng, rows=5):
    return [rng.normal(size=(rows, 3)), rng.normal(size=(rows, 3))]


@pytest.mark.parametrize("held", [False, True], ids=["", "held"])
def test_forward_alone(net, rng, held):
    array = net.parameters["run.m"] if held else None
    m = np.zeros(3)
    for _ in range(3):
        x = batch(rng)
        m = means(net, x[0], m)
        net.forward(x, training=True)
        assert_allclose(net.parameters["run.m"], m, rtol=1e-12)
        if array is not None:
            assert_allclose(array, m, rtol=1e-12)
        net.forward(x)
        net.predict(x)
        assert_allclose(net.parameters["run.m"], m, rtol=1e-12)
    assert_allclose(dp.from_bytes(net.to_bytes()).parameters["run.m"], m, rtol=1e-12)


@pytest.mark.parametrize("optimizer", [dp.SGD(learning_rate=0.1), dp.Adam()], ids=["sgd", "adam"])
def test_a_loop_of_ones_own(net, rng, optimizer):
    m = np.zeros(3)
    for number in range(4):
        for rows in (5, 300 * number + 1):  # two forwards a step, and more rows than before
            x = batch(rng, rows)
            m = means(net, x[0], m)
            outputs = net.forward(x, training=True)
            net.backward([np.ones_like(y) for y in outputs])
        optimizer.step(net)
        net.zero_grads()
        assert_allclose(net.parameters["run.m"], m, rtol=1e-9)


def test_the_loop_and_fit_note_the_same(net, kind, rng):
    x, t = batch(rng, 20), rng.normal(size=(20, 3))
    other = dp.from_bytes(net.to_bytes())
    loss = dp.MeanSquaredError(net.output_names[0], reduction="batch_mean")
    net.fit(x, t, batch_size=20, loss=loss, optimizer="sgd", epochs=3)
    sgd = dp.SGD()
    for _ in range(3):
        y = next(iter(other.forward(x, training=True).values()))
        other.backward({other.output_names[0]: 2 * (y - t) / 20})
        sgd.step(other)
        other.zero_grads()
    for name in net.parameters:
        assert_allclose(other.parameters[name], net.parameters[name], rtol=1e-9, err_msg=name)


def test_looking_notes_nothing(net, rng):
    x, t = batch(rng), rng.normal(size=(5, 3))
    net.compile(dp.MeanSquaredError(net.output_names[0]), dp.SGD(learning_rate=0.1))
    net.train_batch(x, t)
    before = net.to_bytes()
    loss, seen = net.loss(x, t), []
    for _ in range(3):
        passed = net.check_gradients(x, t).passed
        seen.append((net.loss_and_gradients(x, t), net.vjp(x, [np.ones((5, 3))] * 2), passed))
        assert net.loss(x, t) == loss
    for (value, gradients), products, passed in seen[1:]:
        assert passed and value == seen[0][0][0]
        for name, g in gradients.items():
            assert_array_equal(g, seen[0][0][1][name])
        for name, g in products.items():
            assert_array_equal(g, seen[0][1][name])
    assert net.to_bytes() == before


def test_a_step_that_is_refused_notes_nothing(net, rng):
    x, t = batch(rng), rng.normal(size=(5, 3))
    net.compile(dp.MeanSquaredError(net.output_names[0]), dp.SGD())
    net.train_batch(x, t)
    before = net.to_bytes()
    t[2, 1] = np.nan
    with pytest.raises(dp.NotFinite):
        net.train_batch(x, t)
    assert net.to_bytes() == before
    x[0][1, 1] = np.inf
    with pytest.raises(dp.NotFinite):
        net.forward(x, training=True)
    assert net.to_bytes() == before
