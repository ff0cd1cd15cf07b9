"""One set of weights for everybody: random sequences of all that reads and writes them, beside the same in NumPy."""

from __future__ import annotations

import copy
import gc

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose

RATE = 0.05
SGD = dp.SGD(learning_rate=RATE)


class Reference:
    """y = x W + b with mean squared error and gradient descent, in NumPy."""

    def __init__(self, net):
        self.W, self.b = net.parameters["W1"].copy(), net.parameters["b1"].copy()

    def predict(self, x):
        return x @ self.W + self.b

    def loss(self, x, t):
        return np.mean((self.predict(x) - t) ** 2)

    def gradients(self, x, t):
        dy = 2 * (self.predict(x) - t) / t.size
        return {"W1": x.T @ dy, "b1": dy.sum(axis=0), "input_1": dy @ self.W.T}

    def step(self, x, t):
        gradients = self.gradients(x, t)
        self.W -= RATE * gradients["W1"]
        self.b -= RATE * gradients["b1"]


class Play:
    """A network, its reference, and arrays of parameters that are held for a while."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.net = dp.Sequential([dp.Dense(2)], (3,), dtype="float64", seed=seed, names="book")
        self.net.compile("mse", SGD)
        self.reference = Reference(self.net)
        self.held = []

    def data(self):
        rows = int(self.rng.choice([1, 4, 7, 150]))
        return self.rng.normal(size=(rows, 3)), self.rng.normal(size=(rows, 2))

    # Each of these does the same on both sides.

    def train_batch(self):
        x, t = self.data()
        expected = self.reference.loss(x, t)
        assert self.net.train_batch(x, t) == pytest.approx(expected, rel=1e-9)
        self.reference.step(x, t)

    def fit(self):
        x, t = self.data()
        self.net.fit(x, t, batch_size=len(x), epochs=2, callbacks=lambda net, epoch, logs: net.predict(x))
        for _ in range(2):
            self.reference.step(x, t)

    def open_loop(self):
        x, t = self.data()
        y = self.net.forward(x, training=True)
        dx = self.net.backward(2 * (y - t) / y.size)
        assert_allclose(dx, self.reference.gradients(x, t)["input_1"], rtol=1e-9, atol=1e-12)
        SGD.step(self.net)
        self.net.zero_grads()
        self.reference.step(x, t)

    def by_hand(self):
        x, t = self.data()
        _, gradients = self.net.loss_and_gradients(x, t)
        for name in gradients:
            self.net.parameters[name] -= RATE * gradients[name]
        self.reference.step(x, t)

    def assign(self):
        self.reference.W = self.rng.normal(size=(3, 2))
        self.net.parameters.update(W1=self.reference.W)

    def hold(self):
        self.held.append(self.net.parameters["W1"])
        self.held.append(self.net.parameters["b1"][1:])

    def write_what_is_held(self):
        for array in self.held:
            array *= 0.9
            target = self.reference.W if array.ndim == 2 else self.reference.b[1:]
            target *= 0.9

    def let_go(self):
        self.held.clear()
        gc.collect()

    def write_and_let_go(self):
        self.net.parameters["b1"][:] = self.reference.b = self.rng.normal(size=2)

    def read(self):
        x, t = self.data()
        assert_allclose(self.net.predict(x), self.reference.predict(x), rtol=1e-9, atol=1e-12)
        assert_allclose(self.net.forward(x), self.reference.predict(x), rtol=1e-9, atol=1e-12)
        assert self.net.evaluate(x, t) == pytest.approx(self.reference.loss(x, t), rel=1e-9)
        for name, value in self.net.gradients(x, t).items():
            assert_allclose(value, self.reference.gradients(x, t)[name], rtol=1e-9, atol=1e-12)

    def read_held(self):
        for array in self.held:
            expected = self.reference.W if array.ndim == 2 else self.reference.b[1:]
            assert_allclose(array, expected, rtol=1e-9, atol=1e-12)

    def copy_and_files(self):
        x, _ = self.data()
        expected = self.reference.predict(x)
        assert_allclose(dp.from_bytes(self.net.to_bytes()).predict(x), expected, rtol=1e-9, atol=1e-12)
        assert_allclose(copy.deepcopy(self.net).predict(x), expected, rtol=1e-9, atol=1e-12)

    def begin_afresh(self):
        self.net.compile("mse", SGD)

    def freeze_and_free(self):
        self.net.layers["dense_1"].trainable = False
        x, t = self.data()
        self.net.fit(x, t)
        self.net.layers["dense_1"].trainable = True


MOVES = [
    getattr(Play, name)
    for name, value in vars(Play).items()
    if callable(value) and name not in ("__init__", "data")
]


@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_keeps_one_set_of_weights(seed):
    play, done = Play(seed), []
    for _ in range(250):
        move = MOVES[play.rng.integers(len(MOVES))]
        done.append(move.__name__)
        move(play)
        try:
            play.read_held()
            assert_allclose(
                play.net.predict(np.eye(3)), play.reference.predict(np.eye(3)), rtol=1e-9, atol=1e-12
            )
        except AssertionError as error:
            raise AssertionError(f"after {done[-6:]}") from error
