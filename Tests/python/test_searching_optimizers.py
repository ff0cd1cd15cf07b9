"""L-BFGS and Levenberg-Marquardt, which evaluate the loss of a batch as often as they need to."""

from __future__ import annotations

import copy
import json
import pathlib
import pickle

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

GOLDEN = json.loads((pathlib.Path(__file__).parents[1] / "golden/optimizers.json").read_text())
SEARCHING = [dp.LBFGS, dp.LevenbergMarquardt]


def weights(net):
    return {name: np.array(value) for name, value in net.parameters.items()}


def golden_network(optimizer):
    net = dp.Sequential(
        [dp.Dense(4, activation="tanh", name="first"), dp.Dense(2, name="second")],
        input_shape=3,
        dtype="float64",
    )
    for name, value in GOLDEN["weights"].items():
        net.parameters[name] = value
    net.compile("mean_squared_error", optimizer)
    return net


def line(optimizer, dtype="float64", outputs=2, **options):
    """A linear network, whose best weights have a closed form."""
    net = dp.Sequential([dp.Dense(outputs, name="line")], input_shape=4, dtype=dtype, seed=1, **options)
    net.compile("mean_squared_error", optimizer)
    return net


@pytest.fixture
def data(rng):
    return rng.normal(size=(60, 4)), rng.normal(size=(60, 2))


def best(x, t, weight=None):
    root = np.ones(len(x)) if weight is None else np.sqrt(weight)
    rows = np.c_[x, np.ones(len(x))] * root[:, None]
    return np.linalg.lstsq(rows, t * root[:, None], rcond=None)[0]


@pytest.mark.parametrize("case", GOLDEN["searches"], ids=lambda case: str(case["attributes"]))
def test_lbfgs_as_pytorch(case):
    net = golden_network(dp.LBFGS(**case["attributes"]))
    for step, after in case["after"].items():
        loss = net.train_batch(GOLDEN["x"], GOLDEN["t"])
        assert_allclose(loss, after.pop("loss"), rtol=1e-9, err_msg=step)
        for name, value in after.items():
            assert_allclose(net.parameters[name], value, rtol=1e-9, atol=1e-10, err_msg=f"{step}: {name}")


@pytest.mark.parametrize(
    "optimizer", [dp.LBFGS(gradient_tolerance=1e-12, change_tolerance=1e-16), dp.LevenbergMarquardt()]
)
def test_least_squares(optimizer, data):
    """The network is linear, so the best weights are known."""
    net = line(optimizer)
    for _ in range(5):
        net.train_batch(*data)
    expected = best(*data)
    assert_allclose(net.parameters["line.W"], expected[:4], rtol=0, atol=1e-8)
    assert_allclose(net.parameters["line.b"], expected[4], rtol=0, atol=1e-8)


def test_one_step_of_levenberg_marquardt(data):
    """A linear network's step is known in closed form: (JᵀJ + µ·I)·d = −Jᵀr, with J of all outputs."""
    x, t = data
    net = line(dp.LevenbergMarquardt(damping=2.0))
    before = weights(net)
    net.train_batch(x, t)
    rows = np.c_[x, np.ones(len(x))]
    for output in range(2):
        residual = x @ before["line.W"][:, output] + before["line.b"][output] - t[:, output]
        step = -np.linalg.solve(rows.T @ rows + 2.0 * np.eye(5), rows.T @ residual)
        assert_allclose(
            net.parameters["line.W"][:, output], before["line.W"][:, output] + step[:4], rtol=1e-10
        )
        assert_allclose(net.parameters["line.b"][output], before["line.b"][output] + step[4], rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 63, 64, 65, 130])
def test_rows_across_blocks(dtype, rows, rng):
    """Rows of J are gathered in blocks of 64, in float64."""
    x, t = rng.normal(size=(rows, 4)).astype(dtype), rng.normal(size=(rows, 1)).astype(dtype)
    net = line(dp.LevenbergMarquardt(damping=1e-6), dtype, outputs=1)
    for _ in range(4):
        net.train_batch(x, t)
    loss = net.evaluate(x, t)
    expected = np.mean((np.c_[x, np.ones(rows)] @ best(x, t) - t) ** 2)
    assert loss <= expected * (1 + 1e-4) + 1e-8


def test_weights_of_samples(data, rng):
    weight = rng.uniform(0, 3, 60)
    for optimizer in (dp.LevenbergMarquardt(), dp.LBFGS(gradient_tolerance=1e-12, change_tolerance=1e-16)):
        net = line(optimizer)
        for _ in range(5):
            net.train_batch(*data, sample_weight=weight)
        assert_allclose(net.parameters["line.W"], best(*data, weight)[:4], rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", SEARCHING)
def test_they_learn_what_gradients_learn_slowly(make, dtype, rng):
    x = rng.uniform(-1, 1, (80, 3)).astype(dtype)
    t = np.sin(2 * x.sum(1, keepdims=True))
    net = dp.Sequential([dp.Dense(8, activation="tanh"), dp.Dense(1)], 3, dtype=dtype, seed=1)
    net.fit(x, t, loss="mean_squared_error", optimizer=make(), batch_size=80, epochs=40)
    assert net.history["loss"][-1] < 0.01 < 0.2 < net.history["loss"][0]
    losses = net.history["loss"]
    assert all(b <= a * (1 + 1e-6) for a, b in zip(losses, losses[1:]))


@pytest.mark.parametrize("make", SEARCHING)
def test_a_run_goes_on_in_copies(make, rng):
    x, t = rng.normal(size=(30, 3)), rng.normal(size=(30, 1))
    layers = [dp.Dense(5, activation="tanh"), dp.Dense(1)]
    net = dp.Sequential(layers, 3, dtype="float64", seed=1)
    net.compile("mean_squared_error", make())
    for _ in range(3):
        net.train_batch(x, t)
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    losses = [net.train_batch(x, t) for _ in range(3)]
    for one in copies:
        assert [one.train_batch(x, t) for _ in range(3)] == losses
        for name, value in net.parameters.items():
            assert_array_equal(one.parameters[name], value)


@pytest.mark.parametrize("make", SEARCHING)
def test_the_same_for_any_number_of_threads(make, rng):
    x, t = rng.normal(size=(200, 20)), rng.normal(size=(200, 3))
    found = []
    for threads in (1, 2, 3):
        before = dp.threads()
        dp.set_threads(threads)
        try:
            net = dp.Sequential([dp.Dense(12, activation="tanh"), dp.Dense(3)], 20, seed=1)
            net.compile("mean_squared_error", make())
            found.append(([net.train_batch(x, t) for _ in range(3)], weights(net)))
        finally:
            dp.set_threads(before)
    for losses, values in found[1:]:
        assert losses == found[0][0]
        for name, value in values.items():
            assert_array_equal(value, found[0][1][name])


@pytest.mark.parametrize("make", SEARCHING)
def test_frozen_parameters_stay(make, data):
    net = line(make(groups={"line.b": {"frozen": True}}))
    before = weights(net)
    net.train_batch(*data)
    assert_array_equal(net.parameters["line.b"], before["line.b"])
    assert (net.parameters["line.W"] != before["line.W"]).any()


@pytest.mark.parametrize("make", SEARCHING)
def test_a_batch_that_is_not_finite_changes_nothing(make, data):
    x, t = data
    net = line(make())
    net.train_batch(x, t)
    before, steps = weights(net), net.step_count
    with pytest.raises(dp.NotFinite, match="input"):
        net.train_batch(np.where(x > 2, np.nan, x) if (x > 2).any() else x * np.nan, t)
    assert net.step_count == steps
    for name, value in before.items():
        assert_array_equal(net.parameters[name], value)
    net.train_batch(x, t)


def test_a_line_search_survives_infinity(rng):
    """exp overflows at the lengths that are tried first."""
    x, t = rng.normal(size=(20, 2)), rng.normal(size=(20, 1))
    net = dp.Sequential([dp.Dense(1), dp.Exp()], 2, dtype="float64", seed=1)
    net.compile("mean_squared_error", dp.LBFGS(learning_rate=1e5))
    first = net.train_batch(x, 3 + 0 * t)
    assert np.isfinite(net.train_batch(x, 3 + 0 * t)) and net.evaluate(x, 3 + 0 * t) < first


def test_layers_with_states_and_random_numbers(rng):
    """A step's evaluations see the same random numbers, and change a running mean once."""
    x, t = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    layers = [dp.Dense(6, activation="tanh"), dp.BatchNorm(name="norm"), dp.Dropout(0.2), dp.Dense(1)]
    net = dp.Sequential(layers, 3, dtype="float64", seed=1)
    net.compile("mean_squared_error", dp.LBFGS(iterations=1))
    net.train_batch(x, t)
    # One update from 0: momentum times the mean of the batch, which tanh bounds.
    name = next(name for name in net.parameters if name.startswith("norm") and "mean" in name)
    assert 0 < np.abs(net.parameters[name]).max() <= 0.2
    losses = [net.train_batch(x, t) for _ in range(10)]
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("make", SEARCHING)
def test_what_does_not_go_with_them(make, data):
    for given, words in (
        ({"clip_norm": 1.0}, "clip_norm"),
        ({"accumulation": 2}, "accumulation"),
        ({"sam_radius": 0.1}, "sam_radius"),
        ({"groups": {"*.b": {"learning_rate": 0.5}}}, "can only be frozen"),
    ):
        with pytest.raises(dp.InvalidArgument, match=words):
            line(make(**given)).train_batch(*data)
    net = line(make())
    net.forward(data[0], training=True)
    net.backward(np.ones((60, 2)))
    error = dp.BadState if make is dp.LBFGS else dp.InvalidArgument
    with pytest.raises(error, match="evaluates the loss itself|with one loss"):
        net.step(make())


def test_what_levenberg_marquardt_cannot_train(data):
    x, t = data
    net = dp.Sequential([dp.Dense(2)], 4)
    with pytest.raises(dp.InvalidArgument, match="mean_squared_error; use lbfgs"):
        net.fit(x, t, loss="huber", optimizer=dp.LevenbergMarquardt())
    net = dp.Sequential([dp.Dense(3), dp.BatchNorm(), dp.Dense(2)], 4)
    with pytest.raises(dp.InvalidArgument, match="depends on the batch"):
        net.fit(x, t, loss="mean_squared_error", optimizer=dp.LevenbergMarquardt())
    net = dp.Sequential([dp.Dense(3), dp.ActivityPenalty(l2=0.1), dp.Dense(2)], 4)
    with pytest.raises(dp.InvalidArgument, match="has a penalty"):
        net.fit(x, t, loss="mean_squared_error", optimizer=dp.LevenbergMarquardt())
    net = dp.Sequential([dp.Dense(2000), dp.Dense(2)], 4)
    with pytest.raises(dp.LimitExceeded, match="4096 weights, the model has 14002"):
        net.fit(x, t, loss="mean_squared_error", optimizer=dp.LevenbergMarquardt())


def test_at_the_minimum_nothing_moves(data):
    """No step of Levenberg and Marquardt makes the loss smaller; L-BFGS sees that the gradient is 0."""
    for make in SEARCHING:
        net = line(make())
        for _ in range(30):
            net.train_batch(*data)
        before = weights(net)
        net.train_batch(*data)
        for name, value in before.items():
            assert_allclose(net.parameters[name], value, rtol=1e-7)
