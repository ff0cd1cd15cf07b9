"""A batch larger than any before loses nothing: no weights, nothing of the optimizer's memory, no rate that was set."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose

SIZES = [3, 3, 200, 5, 700, 2, 200]


class Adam:
    """One dense layer under Adam on the mean squared error, in NumPy."""

    def __init__(self, net, rate):
        self.values = {name: value.copy() for name, value in net.parameters.items()}
        self.m = {name: np.zeros_like(value) for name, value in self.values.items()}
        self.v = {name: np.zeros_like(value) for name, value in self.values.items()}
        self.rate, self.steps = rate, 0

    def gradients(self, x, t):
        dy = 2 * (x @ self.values["dense_1.W"] + self.values["dense_1.b"] - t) / t.size
        return {"dense_1.W": x.T @ dy, "dense_1.b": dy.sum(axis=0)}

    def step(self, x, t):
        self.apply(self.gradients(x, t))

    def apply(self, gradients):
        self.steps += 1
        for name, g in gradients.items():
            self.m[name] = 0.9 * self.m[name] + 0.1 * g
            self.v[name] = 0.999 * self.v[name] + 0.001 * g * g
            m, v = self.m[name] / (1 - 0.9**self.steps), self.v[name] / (1 - 0.999**self.steps)
            self.values[name] = self.values[name] - self.rate * m / (np.sqrt(v) + 1e-8)

    def agrees(self, net):
        for name, value in self.values.items():
            assert_allclose(net.parameters[name], value, rtol=1e-9, err_msg=name)


@pytest.fixture
def net():
    net = dp.Sequential([dp.Dense(2)], (4,), dtype="float64", seed=3)
    net.compile("mse", dp.Adam(learning_rate=0.05))
    return net


def batch(rng, rows):
    return rng.normal(size=(rows, 4)), rng.normal(size=(rows, 2))


def test_single_steps(net, rng):
    reference = Adam(net, 0.05)
    for number, rows in enumerate(SIZES):
        x, t = batch(rng, rows)
        net.train_batch(x, t)
        reference.step(x, t)
        if number == 0:
            net.learning_rate = reference.rate = 0.02
    assert net.learning_rate == 0.02
    reference.agrees(net)


def test_fit(net, rng):
    reference = Adam(net, 0.05)
    for rows in SIZES:
        x, t = batch(rng, rows)
        net.fit(x, t, batch_size=1000, epochs=2)
        for _ in range(2):
            reference.step(x, t)
    reference.agrees(net)


def test_batches_from_an_iterable(net, rng):
    reference = Adam(net, 0.05)
    batches = [batch(rng, rows) for rows in SIZES]
    net.fit(batches, epochs=2)
    for _ in range(2):
        for x, t in batches:
            reference.step(x, t)
    reference.agrees(net)


def test_a_loop_of_ones_own(net, rng):
    reference, adam = Adam(net, 0.05), dp.Adam(learning_rate=0.05)
    for rows in SIZES:
        gathered = {name: 0 for name in reference.values}
        for more in (rows, 2 * rows):  # gradients of a batch, and of a larger one, are added up
            x, t = batch(rng, more)
            y = net.forward(x, training=True)
            net.backward(2 * (y - t) / t.size)
            for name, g in reference.gradients(x, t).items():
                gathered[name] = gathered[name] + g
        for name, g in gathered.items():
            assert_allclose(net.grads[name], g, rtol=1e-9)
        adam.step(net)
        net.zero_grads()
        reference.apply(gathered)
    reference.agrees(net)


def test_gradients_and_evaluation_of_any_number_of_rows(net, rng):
    reference = Adam(net, 0.05)
    for rows in SIZES:
        x, t = batch(rng, rows)
        for name, g in net.gradients(x, t).items():
            assert_allclose(g, reference.gradients(x, t)[name], rtol=1e-9)
        y = x @ reference.values["dense_1.W"] + reference.values["dense_1.b"]
        assert net.evaluate(x, t) == pytest.approx(np.mean((y - t) ** 2), rel=1e-12)
        assert_allclose(net.vjp(x, np.ones_like(t))["dense_1.b"], [rows, rows])
