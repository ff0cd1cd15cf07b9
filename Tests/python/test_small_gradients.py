"""What a gradient check finds, and what it must not: small gradients, planted mistakes, many honest networks."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest


@dp.custom_layer("test.planted", proof="request")
class Planted:
    """y = 1.5 x, whose gradient is wrong by a part `error` of it at the element `at` of a row; -1: at all."""

    def __init__(self, error: float = 0.0, at: int = -1):
        self.error, self.at = error, at

    def forward(self, x):
        return 1.5 * x

    def backward(self, dy):
        dx = 1.5 * dy
        chosen = slice(None) if self.at < 0 else self.at
        dx[..., chosen] *= 1 + self.error
        return dx


def network(error, seed, at=-1, activation="tanh", wide=4):
    layers = [
        dp.Dense(wide, activation=activation, name="first"),
        dp.create("test.planted", error=float(error), at=at, name="planted"),
        dp.Dense(3, name="last"),
    ]
    return dp.Sequential(layers, (3,), dtype="float64", seed=seed)


def batch(seed, rows=4):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(rows, 3)), draw.normal(size=(rows, 3))


@pytest.mark.parametrize("weight", [1.0, 1e-4, 1e-9, 1e-14])
def test_gradients_below_the_floor(weight):
    """A loss that is multiplied by a small number has small gradients, and wrong ones are found all the same."""
    for seed in range(5):
        x, t = batch(seed)
        loss = dp.MeanSquaredError(weight=weight)
        assert network(0, seed).check_gradients(x, t, loss=loss).passed
        report = network(0.01, seed).check_gradients(x, t, loss=loss)
        assert not report.passed
        assert [row.tensor for row in report.failed] == ["first.W", "first.b"]
        assert 1e-3 < report.worst < 0.1
        assert 'gradients from "last' in report.message and 'dense "first"' in report.message


def test_planted_mistakes():
    """200 gradients that are wrong by 1e-6 of their size and more: none is missed."""
    errors, planted = np.geomspace(1e-6, 1, 300), 0
    for seed, error in enumerate(errors):
        x, t = batch(seed, rows=1 + seed % 5)
        at = -1 if seed % 2 else seed % 4
        net = network(
            error * (1 if seed % 3 else -1), seed, at, activation=("tanh", "sigmoid", "relu")[seed % 3]
        )
        gradients = net.gradients(x, t, loss="mse")
        wrong = np.abs(gradients["first.W"]).max()
        column = slice(None) if at < 0 else at
        if wrong == 0 or np.abs(gradients["first.W"][:, column]).max() < 0.1 * wrong:
            continue  # the unit is dead, or hardly matters
        planted += 1
        assert not net.check_gradients(x, t, loss="mse").passed, (seed, error)
    assert planted >= 200


def test_no_false_alarms():
    """1,000 networks whose gradients are right, with and without kinks, are not accused."""
    kinds = ["tanh", "relu", "sigmoid", "leaky_relu", "gelu", "softplus", "hard_tanh", "elu"]
    beside = 0
    for seed in range(1000):
        x, t = batch(seed, rows=1 + seed % 4)
        loss = dp.MeanSquaredError(weight=(1.0, 1e-3, 1e-7, 1e-12)[seed % 4])
        net = network(0, seed, activation=kinds[seed % 8], wide=2 + seed % 3)
        report = net.check_gradients(x, t, loss=loss)
        assert report.passed, (seed, kinds[seed % 8], str(report))
        beside += sum(row.kinks for row in report)
    assert beside > 0  # some stencils had a kink inside, and the report counts them


def test_a_kink_is_named():
    net = dp.Sequential([dp.Dense(1, activation="relu", name="only")], (1,), dtype="float64")
    net.parameters.update({"only.W": [[1.0]], "only.b": [0.0]})
    report = net.check_gradients([[0.0004]], [[1.0]], loss="mse")  # the kink is 0.4 steps away
    assert report.passed and report["only.b"].kinks == 1
    assert "beside a kink" in str(report)
