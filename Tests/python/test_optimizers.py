"""Optimizers beside NumPy: AdamW, groups of parameters, limits of gradients, what is kept of a parameter."""

from __future__ import annotations

import copy
import pickle

import denpa as dp
import numpy as np
import pytest
from denpa._call import library
from numpy.testing import assert_allclose, assert_array_equal

RATE, BETA1, BETA2, EPSILON = 0.01, 0.9, 0.999, 1e-8


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def network(optimizer, **options):
    net = dp.Sequential(
        [dp.Dense(5, activation="tanh", name="first"), dp.Dense(2, name="second")],
        input_shape=3,
        dtype="float64",
        seed=3,
        **options,
    )
    net.compile("mean_squared_error", optimizer)
    return net


def weights(net):
    return {name: np.array(value) for name, value in net.parameters.items()}


def gradients(net, x, t):
    """The gradients of the mean squared error at the network's weights, in NumPy."""
    w = weights(net)
    h = np.tanh(x @ w["first.W"] + w["first.b"])
    dy = 2 * (h @ w["second.W"] + w["second.b"] - t) / t.size
    du = dy @ w["second.W"].T * (1 - h * h)
    return {"first.W": x.T @ du, "first.b": du.sum(0), "second.W": h.T @ dy, "second.b": dy.sum(0)}


class Adam:
    """Adam, or AdamW, step by step."""

    def __init__(self, decoupled=False):
        self.decoupled, self.m, self.v, self.t = decoupled, {}, {}, 0

    def step(self, w, g, rate=lambda name: RATE, decay=lambda name: 0.0):
        self.t += 1
        result = {}
        for name, value in w.items():
            gradient, kept = g[name], value
            if self.decoupled:
                kept = value * (1 - rate(name) * decay(name))
            else:
                gradient = gradient + decay(name) * value
            m = self.m[name] = BETA1 * self.m.get(name, 0) + (1 - BETA1) * gradient
            v = self.v[name] = BETA2 * self.v.get(name, 0) + (1 - BETA2) * gradient**2
            m, v = m / (1 - BETA1**self.t), v / (1 - BETA2**self.t)
            result[name] = kept - rate(name) * m / (np.sqrt(v) + EPSILON)
        return result


def follow(net, update, steps=5, change=lambda gradients: gradients):
    x, t = numbers(7, 3), numbers(7, 2, seed=1)
    for _ in range(steps):
        expected = update(weights(net), change(gradients(net, x, t)))
        net.train_batch(x, t)
        for name, value in weights(net).items():
            assert_allclose(value, expected[name], rtol=1e-11, atol=1e-13, err_msg=name)


def test_adamw():
    reference = Adam(decoupled=True)
    net = network(dp.AdamW(RATE, weight_decay=0.3))
    follow(net, lambda w, g: reference.step(w, g, decay=lambda name: 0.3))
    assert dp.AdamW().weight_decay == 0.01


def test_lion():
    """PyTorch has no Lion: w ← w − rate·(sign(β₁m + (1 − β₁)g) + decay·w), m ← β₂m + (1 − β₂)g."""
    m = {}

    def update(w, g):
        result = {}
        for name, value in w.items():
            kept = m.get(name, 0.0)
            direction = np.sign(0.8 * kept + (1 - 0.8) * g[name])
            m[name] = 0.95 * kept + (1 - 0.95) * g[name]
            result[name] = value - RATE * (direction + 0.3 * value)
        return result

    net = network(dp.Lion(RATE, beta1=0.8, beta2=0.95, weight_decay=0.3))
    follow(net, update)
    assert_allclose(net.optimizer_state("first.W", "first"), m["first.W"], rtol=1e-9)
    assert (dp.Lion().beta1, dp.Lion().beta2, dp.Lion().weight_decay) == (0.9, 0.99, 0.0)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_lamb(decay):
    """Adam's direction, as long as the parameter; a parameter of zeros is given the direction itself."""
    m, v, steps = {}, {}, [0]

    def update(w, g):
        steps[0] += 1
        result = {}
        for name, value in w.items():
            m[name] = 0.9 * m.get(name, 0.0) + (1 - 0.9) * g[name]
            v[name] = 0.999 * v.get(name, 0.0) + (1 - 0.999) * g[name] ** 2
            first, second = m[name] / (1 - 0.9 ** steps[0]), v[name] / (1 - 0.999 ** steps[0])
            u = first / (np.sqrt(second) + 1e-6) + decay * value
            norm = np.linalg.norm(value)
            result[name] = value - RATE * (norm / np.linalg.norm(u) if norm else 1.0) * u
        return result

    net = network(dp.LAMB(RATE, weight_decay=decay))
    assert not weights(net)["second.b"].any()
    follow(net, update)
    assert_allclose(net.optimizer_state("first.W", "first"), m["first.W"], rtol=1e-9)


def test_another_rate_scales_the_steps_of_rprop():
    """A rate that is set later would have no effect if it only made the first step."""
    nets = [network(dp.Rprop(RATE)) for _ in range(2)]
    nets[1].learning_rate = RATE / 2
    before = weights(nets[0])
    for net in nets:
        net.train_batch(numbers(7, 3), numbers(7, 2, seed=1))
    for name, value in before.items():
        assert_allclose(np.abs(weights(nets[0])[name] - value), RATE, rtol=1e-9)
        assert_allclose(np.abs(weights(nets[1])[name] - value), RATE / 2, rtol=1e-9)


def test_what_is_kept_at_first_and_by_groups():
    """An optimizer keeps what its attributes need, and what a group needs has a name of its own."""

    def kept(optimizer, names, parameter="first.W"):
        net = network(optimizer)
        net.train_batch(numbers(7, 3), numbers(7, 2, seed=1))
        found = [net.optimizer_state(parameter, name) for name in names]
        with pytest.raises(dp.NotFound, match=f"it keeps {', '.join(names)}$"):
            net.optimizer_state(parameter, "nothing")
        return found

    kept(dp.Adam(), ["first", "second"])
    kept(dp.Adam(amsgrad=True), ["first", "second", "greatest"])
    kept(dp.AdamW(groups={"*.b": {"amsgrad": True}}), ["first", "second", "greatest"])
    kept(dp.RMSProp(), ["square"])
    kept(dp.RMSProp(centered=True), ["square", "mean"])
    groups = {"*.b": {"centered": False, "momentum": 0.5}}
    _, mean, velocity = kept(dp.RMSProp(centered=True, groups=groups), ["square", "mean", "velocity"])
    assert mean.any() and not velocity.any()
    _, mean, velocity = kept(
        dp.RMSProp(centered=True, groups=groups), ["square", "mean", "velocity"], "first.b"
    )
    assert velocity.any() and not mean.any()
    (total,) = kept(dp.Adagrad(0.0, initial_accumulator=0.5), ["sum"])
    assert (total > 0.5).all() and (total < 3).all()
    gradient, step = kept(dp.Rprop(0.02, groups={"*.b": {"learning_rate": 0.005}}), ["gradient", "step"])
    assert gradient.any() and (step == 0.02).all()
    _, step = kept(dp.Rprop(0.02, groups={"*.b": {"learning_rate": 0.005}}), ["gradient", "step"], "first.b")
    assert (step == 0.005).all()


@pytest.mark.parametrize(
    "kind, attributes, message",
    [
        ("RMSProp", {"rho": 1.0}, "rho"),
        ("RMSProp", {"momentum": -0.1}, "momentum"),
        ("RMSProp", {"centred": True}, 'did you mean "centered"'),
        ("Adagrad", {"initial_accumulator": -1.0}, "initial_accumulator"),
        ("Adagrad", {"learning_rate_decay": float("nan")}, "learning_rate_decay"),
        ("Adadelta", {"epsilon": 0.0}, "epsilon"),
        ("Adamax", {"beta1": 1.0}, "beta1"),
        ("NAdam", {"momentum_decay": -1.0}, "momentum_decay"),
        ("RAdam", {"beta2": 1.0}, "beta2"),
        ("Rprop", {"learning_rate": 0.0}, "learning_rate"),
        ("Rprop", {"eta_minus": 1.5}, "eta_minus"),
        ("Rprop", {"eta_plus": 0.5}, "eta_plus"),
        ("Rprop", {"step_min": 1.0, "step_max": 0.5}, "step_min is larger than step_max"),
        ("Rprop", {"groups": {"*.b": {"step_min": 60.0}}}, "step_min is larger than step_max"),
        ("Lion", {"weight_decay": -1.0}, "weight_decay"),
        ("LAMB", {"epsilon": 2.0}, "epsilon"),
    ],
)
def test_attributes_that_are_refused(kind, attributes, message):
    with pytest.raises(dp.InvalidArgument, match=message):
        network(getattr(dp, kind)(**attributes)).train_batch(numbers(2, 3), numbers(2, 2))
    with pytest.raises(dp.TypeMismatch):
        getattr(dp, kind)(learning_rate="fast")


def test_groups():
    """The first pattern that matches applies; what a group does not set is the optimizer's."""
    groups = {"second.b": {"learning_rate": 0.05}, "*.b": {"weight_decay": 0.0}, "f?rst.*": {"beta1": BETA1}}
    reference = Adam()
    net = network(dp.Adam(RATE, weight_decay=0.2, groups=groups))

    def update(w, g):
        return reference.step(
            w,
            g,
            rate=lambda name: 0.05 if name == "second.b" else RATE,
            decay=lambda name: 0.0 if name == "first.b" else 0.2,
        )

    follow(net, update)
    # Another learning rate changes those of the groups in proportion.
    net.learning_rate = RATE / 2
    x, t = numbers(7, 3), numbers(7, 2, seed=1)
    expected = reference.step(
        weights(net),
        gradients(net, x, t),
        rate=lambda name: 0.025 if name == "second.b" else RATE / 2,
        decay=lambda name: 0.0 if name == "first.b" else 0.2,
    )
    net.train_batch(x, t)
    for name, value in weights(net).items():
        assert_allclose(value, expected[name], rtol=1e-11, atol=1e-13)


def test_a_group_may_have_momentum_alone():
    velocity = {}
    net = network(dp.SGD(0.1, groups={"*.W": {"momentum": 0.9}}))

    def update(w, g):
        for name in g:
            velocity[name] = (0.9 if name.endswith("W") else 0.0) * velocity.get(name, 0) + g[name]
        return {name: value - 0.1 * velocity[name] for name, value in w.items()}

    follow(net, update)


def test_frozen_groups():
    net = network(dp.SGD(0.1, groups={"first.*": {"frozen": True}}))
    before = weights(net)
    net.fit(numbers(20, 3), numbers(20, 2), epochs=2)
    after = weights(net)
    for name, value in before.items():
        assert np.array_equal(value, after[name]) == name.startswith("first"), name


@pytest.mark.parametrize("limit", [1e-3, 0.05, 100.0])
def test_clip_norm(limit):
    def clipped(g):
        norm = np.sqrt(sum((value**2).sum() for value in g.values()))
        return {name: value * min(1, limit / norm) for name, value in g.items()}

    net = network(dp.SGD(0.5, clip_norm=limit))
    follow(net, lambda w, g: {name: w[name] - 0.5 * g[name] for name in w}, change=clipped)


def test_clip_value_comes_first():
    def clipped(g):
        g = {name: np.clip(value, -0.02, 0.02) for name, value in g.items()}
        norm = np.sqrt(sum((value**2).sum() for value in g.values()))
        return {name: value * min(1, 0.05 / norm) for name, value in g.items()}

    net = network(dp.SGD(0.5, clip_norm=0.05, clip_value=0.02))
    follow(net, lambda w, g: {name: w[name] - 0.5 * g[name] for name in w}, change=clipped)


def test_limits_leave_frozen_parameters_out():
    net = network(dp.SGD(0.5, clip_norm=0.01, groups={"first.*": {"frozen": True}}))
    x, t = numbers(7, 3), numbers(7, 2, seed=1)
    g = {name: value for name, value in gradients(net, x, t).items() if name.startswith("second")}
    norm = np.sqrt(sum((value**2).sum() for value in g.values()))
    before = weights(net)
    net.train_batch(x, t)
    for name, value in g.items():
        assert_allclose(weights(net)[name], before[name] - 0.5 * value * 0.01 / norm, rtol=1e-11)


@pytest.mark.parametrize(
    "optimizer",
    [
        dp.Adadelta(),
        dp.Adagrad(),
        dp.Adam(amsgrad=True),
        dp.Adamax(),
        dp.LAMB(),
        dp.Lion(),
        dp.NAdam(),
        dp.RAdam(),
        dp.RMSProp(momentum=0.5, centered=True),
        dp.Rprop(),
    ],
    ids=repr,
)
def test_threads_make_no_difference_and_steps_allocate_nothing(optimizer):
    x, t = numbers(5, 300).astype("f"), numbers(5, 2, seed=1).astype("f")
    before, found = dp.threads(), set()
    try:
        for threads in (1, 2, 3):
            dp.set_threads(threads)
            net = dp.Sequential([dp.Dense(257, activation="tanh"), dp.Dense(2)], input_shape=300, seed=1)
            net.compile("mean_squared_error", optimizer)
            for _ in range(3):
                net.train_batch(x, t)
            allocations = library.denpa_test_allocations()
            for _ in range(7):
                net.train_batch(x, t)
            assert library.denpa_test_allocations() == allocations
            found.add(b"".join(value.tobytes() for value in weights(net).values()))
    finally:
        dp.set_threads(before)
    assert len(found) == 1


def test_optimizer_state_is_what_an_optimizer_keeps():
    reference = Adam()
    net = network(dp.Adam(RATE))
    x, t = numbers(7, 3), numbers(7, 2, seed=1)
    for rows in (7, 3, 7, 500):  # beyond the room that a trainer begins with
        x, t = numbers(rows, 3, seed=rows), numbers(rows, 2, seed=rows + 1)
        reference.step(weights(net), gradients(net, x, t))
        net.train_batch(x, t)
    for name in weights(net):
        assert_allclose(net.optimizer_state(name, "first"), reference.m[name], rtol=1e-9, atol=1e-15)
        assert_allclose(net.optimizer_state(name, "second"), reference.v[name], rtol=1e-9, atol=1e-18)
    with pytest.raises(dp.NotFound, match='keeps no "third" of a parameter; it keeps first, second'):
        net.optimizer_state("first.W", "third")
    with pytest.raises(dp.NotFound, match="no parameter"):
        net.optimizer_state("nothing.W", "first")


def test_what_is_refused():
    with pytest.raises(dp.InvalidArgument, match='did you mean "weight_decay"'):
        dp.Adam(groups={"*.b": {"weight_decai": 0}})
    with pytest.raises(dp.TypeMismatch, match="dict of patterns"):
        dp.Adam(groups=[("*.b", {})])
    with pytest.raises(dp.TypeMismatch, match="a pattern and a dict"):
        dp.Adam(groups={"*.b": 0.1})
    with pytest.raises(dp.InvalidArgument, match="clip_norm"):
        dp.Adam(clip_norm=-1)
    with pytest.raises(dp.InvalidArgument, match="clip_value"):
        dp.Adam(clip_value=float("inf"))
    with pytest.raises(dp.InvalidArgument, match="at most 1"):
        dp.SGD(groups={"*": {"momentum": 2}})
    net = network(dp.SGD(0.1, groups={"third.*": {"frozen": True}}))
    before = weights(net)
    with pytest.raises(dp.NotFound, match=r'no parameter is called "third\.\*"; there are first.W'):
        net.train_batch(numbers(2, 3), numbers(2, 2))
    for name, value in before.items():
        assert_array_equal(weights(net)[name], value)
    with pytest.raises(dp.InvalidArgument, match="needs one above 0"):
        network(dp.SGD(0.0, groups={"*.b": {"learning_rate": 0.1}})).train_batch(numbers(2, 3), numbers(2, 2))


def test_optimizers_are_values():
    made = dp.SGD(0.1, clip_norm=2, groups={"*.b": {"weight_decay": 0, "frozen": True}})
    assert repr(made) == (
        "SGD(learning_rate=0.1, clip_norm=2.0, groups={'*.b': {'weight_decay': 0.0, 'frozen': True}})"
    )
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other.key() == made.key() and other.groups == made.groups
    assert made.key() != dp.SGD(0.1, clip_norm=2).key() != dp.SGD(0.1).key()
