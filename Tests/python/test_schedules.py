"""Schedules of the learning rate, beside PyTorch (Tests/golden/schedules.py) and in training."""

from __future__ import annotations

import copy
import json
import math
import pickle

import denpa as dp
import numpy as np
import pytest
from denpa import _kinds
from denpa_support import ROOT

GOLDEN = json.loads((ROOT / "Tests" / "golden" / "schedules.json").read_text())


def made(case, **more):
    return dp.create(case["kind"], **{**case["attributes"], **more})


def line(optimizer, **options):
    net = dp.Sequential([dp.Dense(1)], (2,), dtype="float64", seed=3)
    net.compile("mse", optimizer, **options)
    return net


X, T = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0], [0.0]])
COUNTED = [case for case in GOLDEN["cases"] if case["kind"] != "reduce_on_plateau"]


@pytest.mark.parametrize("case", COUNTED, ids=lambda case: f"{case['kind']} {case['attributes']}")
def test_factors_of_steps(case):
    net = line(dp.SGD(learning_rate=0.001, schedule=made(case)))
    for step, factor in enumerate(case["factors"]):
        assert net.learning_rate == pytest.approx(0.001 * factor, rel=1e-12, abs=1e-18), step
        net.train_batch(X, T)


@pytest.mark.parametrize("case", COUNTED, ids=lambda case: f"{case['kind']} {case['attributes']}")
def test_factors_of_epochs(case):
    net = line(dp.SGD(learning_rate=0.001, schedule=made(case, per="epoch")))
    seen = []
    for _ in range(2):  # a second fit goes on where the first has ended
        net.fit(
            X,
            T,
            batch_size=1,
            epochs=30,
            callbacks=lambda net, epoch, logs: seen.append(net.learning_rate),
        )
    assert seen[:-1] == pytest.approx(np.array(case["factors"][1:]) * 0.001, rel=1e-12, abs=1e-18)


@pytest.mark.parametrize("case", [c for c in GOLDEN["cases"] if c["kind"] == "reduce_on_plateau"])
def test_reduce_on_plateau(case):
    """The losses are those of a network that does not learn, of one validation set after the other."""
    net = line(dp.SGD(learning_rate=1e-300, schedule=made(case)))
    net.parameters["dense_1.W"] = np.zeros((2, 1))
    seen = [net.learning_rate]
    for loss in GOLDEN["losses"]:
        net.fit(X, T, validation_data=(np.zeros((1, 2)), [[math.sqrt(loss)]]))
        seen.append(net.learning_rate)
    assert seen[:-1] == pytest.approx(np.array(case["factors"]) * 1e-300, rel=1e-12)


def test_every_schedule_that_pytorch_has_is_compared():
    assert {case["kind"] for case in GOLDEN["cases"]} | {"factor_list"} == set(_kinds.classes["schedules"])


def test_a_list():
    net = line(dp.SGD(learning_rate=2.0, schedule=dp.FactorList([1.0, 0.5, 0.25])))
    found = []
    for _ in range(5):
        found.append(net.learning_rate)
        net.train_batch(X, T)
    assert found == [2.0, 1.0, 0.5, 0.5, 0.5]


def test_steps_are_taken_with_the_rate(rng):
    """Gradient descent by hand, with the rates of the schedule."""
    net = line(dp.SGD(learning_rate=0.1, schedule=dp.ExponentialDecay(gamma=0.5)))
    w, b = net.parameters["dense_1.W"].copy(), net.parameters["dense_1.b"].copy()
    for step in range(6):
        d = 2 * (X @ w + b - T) / len(X)
        w -= 0.1 * 0.5**step * (X.T @ d)
        b -= 0.1 * 0.5**step * d.sum(0)
        net.train_batch(X, T)
    assert net.parameters["dense_1.W"] == pytest.approx(w, rel=1e-12)
    assert net.parameters["dense_1.b"] == pytest.approx(b, rel=1e-12)


def test_a_step_that_is_not_taken_does_not_count():
    net = line(dp.SGD(learning_rate=1.0, schedule=dp.StepDecay(every=1, gamma=0.5)))
    with pytest.raises(dp.NotFinite):
        net.train_batch(X * np.nan, T)
    assert net.learning_rate == 1.0


def test_groups_change_in_proportion():
    groups = {"*.b": {"learning_rate": 0.2}}
    net = line(dp.SGD(learning_rate=0.1, schedule=dp.FactorList([0.0, 1.0]), groups=groups))
    before = net.parameters["dense_1.b"].copy()
    net.train_batch(X, T)
    assert np.array_equal(net.parameters["dense_1.b"], before)
    d = 2 * (net.predict(X) - T).sum() / len(X)
    net.train_batch(X, T)
    assert net.parameters["dense_1.b"] == pytest.approx(before - 0.2 * d)


def test_forms():
    schedule = dp.Warmup(steps=5, next=dp.CosineDecay(steps=10))
    optimizer = dp.Adam(schedule=schedule, accumulation=3)
    assert "CosineDecay" in repr(optimizer) and "accumulation=3" in repr(optimizer)
    assert dp.Adam(schedule={"kind": "warmup", "steps": 5}).schedule.steps == 5
    again = pickle.loads(pickle.dumps(optimizer))
    assert again.key() == optimizer.key() == copy.deepcopy(optimizer).key()
    assert again.key() != dp.Adam(schedule=schedule).key()
    net = line(again)
    net.train_batch(X, T)
    assert pickle.loads(pickle.dumps(net)).learning_rate == 0.0


def test_what_is_refused():
    for wrong in ("cosine_decay", 3, dp.Adam()):
        with pytest.raises(dp.TypeMismatch, match="schedule"):
            dp.Adam(schedule=wrong)
    with pytest.raises(dp.InvalidArgument, match='"steps" is missing'):
        dp.CosineDecay()
    with pytest.raises(dp.InvalidArgument, match="step, epoch"):
        dp.CosineDecay(steps=3, per="batch")
    with pytest.raises(dp.InvalidArgument, match="accumulation"):
        dp.Adam(accumulation=0)
    with pytest.raises(dp.InvalidArgument, match="list of factors is empty"):
        line(dp.SGD(schedule=dp.FactorList([]))).train_batch(X, T)


def test_accumulation(rng):
    """The mean of the gradients of so many batches, and of those that are left at the end of an epoch."""
    x, t = rng.normal(size=(50, 2)), rng.normal(size=(50, 1))
    parts, whole = (
        line(dp.SGD(learning_rate=0.1, accumulation=3)),
        line(dp.SGD(learning_rate=0.1)),
    )
    for first in range(0, 30, 10):
        assert parts.step_count == 0
        parts.train_batch(x[first : first + 10], t[first : first + 10])
    whole.train_batch(x[:30], t[:30])
    assert parts.step_count == 1
    assert parts.parameters["dense_1.W"] == pytest.approx(whole.parameters["dense_1.W"], rel=1e-13)
    parts.fit(x, t, batch_size=10, shuffle=False)  # 5 batches: 3, and 2 that are left
    whole.train_batch(x[:30], t[:30])
    whole.train_batch(x[30:], t[30:])
    assert parts.step_count == 3
    assert parts.parameters["dense_1.W"] == pytest.approx(whole.parameters["dense_1.W"], rel=1e-13)
