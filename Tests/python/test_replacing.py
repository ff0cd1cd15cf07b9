"""What a training is given replaces loss and optimizer where it has learned something, and only there; and what counts as
another loss."""

from __future__ import annotations

import pickle

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

X, T = np.linspace(-1, 1, 12).reshape(4, 3), np.linspace(0, 1, 8).reshape(4, 2)
NAN = np.full((4, 3), np.nan)


def make():
    return dp.Sequential([dp.Dense(2)], (3,), dtype="float64")


def trained():
    """A network that Adam remembers something of, and one beside it that is treated alike."""
    nets = make(), make()
    for net in nets:
        net.compile("mse", dp.Adam(0.01))
        net.train_batch(X, T)
        net.train_batch(X, -T)
        net.learning_rate = 0.02
    return nets


def bad_rows():
    yield X, T[:2]


def interrupted():
    raise KeyboardInterrupt
    yield


REFUSED = {
    "train_batch, not finite": lambda net: net.train_batch(
        NAN, T, loss="mean_absolute_error", optimizer="sgd"
    ),
    "train_batch, shape": lambda net: net.train_batch(X, T[:, :1], optimizer="sgd"),
    "train_batch, other loss": lambda net: net.train_batch(X, T, loss=dp.CrossEntropy(), optimizer="sgd"),
    "fit, not finite": lambda net: net.fit(NAN, T, loss="mean_absolute_error", optimizer=dp.Adam(0.01)),
    "fit, shape": lambda net: net.fit(X, T[:2], optimizer="sgd"),
    "fit, no rows": lambda net: net.fit(X[:0], T[:0], optimizer="sgd"),
    "fit, validation": lambda net: net.fit(X, T, optimizer="sgd", validation_data=(X, T[:, :1])),
    "fit, callback": lambda net: net.fit(X, T, optimizer="sgd", callbacks=3),
    "fit, iterable": lambda net: net.fit(bad_rows(), optimizer="sgd"),
    "fit, interrupted": lambda net: net.fit(interrupted(), optimizer="sgd"),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_a_training_that_learns_nothing_replaces_nothing(refused):
    net, other = trained()
    with pytest.raises((dp.DenpaError, KeyboardInterrupt)):
        refused(net)
    assert net.learning_rate == 0.02
    assert net.step_count == 2
    for one in (net, other):
        one.train_batch(X, T)
    assert_array_equal(net.parameters["dense_1.W"], other.parameters["dense_1.W"])


def test_what_is_refused_first_leaves_a_network_without_loss():
    net = make()
    with pytest.raises(dp.NotFinite):
        net.train_batch(NAN, T, loss="mse")
    with pytest.raises(dp.BadState, match="no loss"):
        net.train_batch(X, T)
    with pytest.raises(dp.BadState, match="no optimizer"):
        net.learning_rate


def test_a_training_that_ends_early_has_replaced_them():
    net = make()
    net.compile("mse", dp.Adam(0.01))

    def stop(net, epoch, logs):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        net.fit(X, T, optimizer=dp.SGD(0.5), callbacks=stop)
    assert net.learning_rate == 0.5
    with pytest.raises(dp.NotFinite):
        net.fit([(X, T), (NAN, T)], optimizer=dp.SGD(0.25))
    assert net.learning_rate == 0.25
    assert net.step_count == 1


def branches():
    x = dp.Input((3,), name="x")
    return dp.Model(x, {"a": dp.Dense(2)(x), "b": dp.Dense(2)(x)}, dtype="float64")


def test_the_same_output_by_number_and_by_name():
    net, other = branches(), branches()
    for one, key in ((net, "a"), (other, 0)):
        one.compile(dp.MeanSquaredError("a"), dp.Adam(0.01))
        for _ in range(3):
            one.train_batch(X, T, loss=dp.MeanSquaredError(key))
        assert one.step_count == 3
    assert_array_equal(*[one.parameters["dense_1.W"] for one in (net, other)])
    net.train_batch(X, T, loss=dp.MeanSquaredError("b"))
    assert net.step_count == 1


def test_one_value_as_two_outputs_from_a_file():
    x = dp.Input((3,), name="x")
    y = dp.Dense(2, name="y")(x)
    net = dp.Model(x, [y, y])
    same = dp.Model.from_bytes(net.to_bytes())
    found = same.predict(X)
    assert isinstance(found, list) and len(found) == 2
    for one, wanted in zip(found, net.predict(X)):
        assert_array_equal(one, wanted)
    assert isinstance(pickle.loads(pickle.dumps(net)).predict(X), list)


def test_gathered_gradients_outlive_another_optimizer():
    net, other = make(), make()
    for one, optimizers in ((net, ("sgd", dp.Adam(0.01))), (other, (None, None))):
        one.forward(X, training=True)
        one.backward(T)
        for optimizer in optimizers:
            if optimizer is not None:
                one.step(optimizer)
    net.parameters["dense_1.W"] = other.parameters["dense_1.W"]
    net.parameters["dense_1.b"] = other.parameters["dense_1.b"]
    for one in (net, other):
        one.forward(X, training=True)
        one.backward(T)
    assert_array_equal(net.grads["dense_1.W"], other.grads["dense_1.W"])
    assert_array_equal(net.grads["dense_1.b"], 2 * T.sum(0))
