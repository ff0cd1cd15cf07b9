"""A network and its objects in the library are deleted with the last reference, without the collector."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import denpa as dp
import numpy as np
import pytest
from denpa._call import library

X, T = np.ones((4, 3), "f4"), np.zeros((4, 2), "f4")


def make():
    x = dp.Input((3,), name="x")
    net = dp.Model(x, dp.Dense(2, name="b")(dp.Dense(5, activation="tanh", name="a")(x)), seed=3)
    net.compile("mse", dp.Adam(0.01))
    return net


class Raises:
    def on_epoch_end(self, net, epoch, logs):
        raise KeyError("a callback")


def broken():
    yield X, T
    raise KeyError("an iterable")


def refused(exception, use):
    def call(net):
        try:
            use(net)
        except exception:
            return
        pytest.fail("nothing was raised")

    return call


def writes(net, epoch, logs):
    net.initialize(1)


USES = {
    "nothing": lambda net: None,
    "predict": lambda net: (net.predict(X), net.predict(X), net.predict_classes(X)),
    "train_batch": lambda net: (net.train_batch(X, T), net.train_batch(X, T)),
    "evaluate": lambda net: (net.evaluate(X, T), net.loss(X, T, loss=dp.MeanSquaredError(reduction="sum"))),
    "open loop": lambda net: (net.forward(X, training=True), net.backward(T), net.grads, net.step("sgd")),
    "gradients": lambda net: (net.loss_and_gradients(X, T), net.vjp(X, T), net.check_gradients(X, T)),
    "views": lambda net: (net.parameters["a.W"], net.layers["a"].trainable, repr(net), net.summary()),
    "state": lambda net: (net.train_batch(X, T), net.optimizer_state("a.W", "first"), net.step_count),
    "copies": lambda net: (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))),
    "files": lambda net: dp.from_bytes(net.to_bytes()).predict(X),
    "close": lambda net: (net.predict(X), net.close()),
    "fit": lambda net: net.fit(X, T, epochs=2),
    "fit that is printed": lambda net: net.fit(X, T, verbose=1),
    "fit, validation": lambda net: net.fit(X, T, validation_data=(X, T)),
    "fit, callbacks": lambda net: net.fit(X, T, callbacks=[lambda net, epoch, logs: net.predict(X)]),
    "fit, a list": lambda net: net.fit([(X, T)], epochs=2),
    "fit, an iterator": lambda net: net.fit(iter([(X, T)] * 3), steps_per_epoch=3),
    "error in a callback": refused(KeyError, lambda net: net.fit(X, T, callbacks=Raises())),
    "error in an iterable": refused(KeyError, lambda net: net.fit(broken())),
    "a callback that is refused": refused(dp.BadState, lambda net: net.fit(X, T, callbacks=writes)),
    "fit of NaN": refused(dp.NotFinite, lambda net: net.fit(X * np.nan, T)),
    "fit of NaN, an iterable": refused(dp.NotFinite, lambda net: net.fit([(X * np.nan, T)])),
    "fit of the wrong shape": refused(dp.ShapeError, lambda net: net.fit(X, T[:, :1])),
    "fit of the wrong shape, a list": refused(dp.ShapeError, lambda net: net.fit([(X, T[:3])])),
    "fit of an iterator twice": refused(dp.InvalidArgument, lambda net: net.fit(iter([(X, T)]), epochs=2)),
    "predict of the wrong shape": refused(dp.ShapeError, lambda net: net.predict(X[:, :2])),
    "train_batch of NaN": refused(dp.NotFinite, lambda net: net.train_batch(X * np.nan, T)),
    "a failed file": refused(dp.DenpaError, lambda net: net.save("/nowhere/at/all")),
    "an unknown name": refused(dp.NotFound, lambda net: net.parameters["nobody"]),
    "a failed check": refused(
        dp.ProofFailed, lambda net: net.check_gradients(X, T, tolerance=1e-30, raise_on_failure=True)
    ),
}


@pytest.fixture
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("use", USES, ids=list(USES))
def test_a_network_is_deleted_with_its_last_reference(use, without_collector):
    before = library.denpa_test_handles()
    net = make()
    USES[use](net)
    gone = weakref.ref(net)
    del net
    assert gone() is None
    assert library.denpa_test_handles() == before


@pytest.mark.parametrize("made", ["forward", "forward of the wrong type", "proof", "loss"])
def test_layers_and_losses_by_themselves(made, without_collector):
    before = library.denpa_test_handles()
    if made == "loss":
        loss = dp.MeanSquaredError()
        loss.forward(X, X)
        loss.backward()
        del loss
    elif made == "proof":
        dp.prove("relu")
    else:
        layer = dp.Dense(2)
        layer.backward(layer.forward(X))
        if made == "forward of the wrong type":
            with pytest.raises(dp.ShapeError):
                layer.forward(X[:, :2])
        del layer
    assert library.denpa_test_handles() == before
