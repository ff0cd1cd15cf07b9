"""A network that is closed refuses every call with one sentence, also where other threads are using it."""

from __future__ import annotations

import copy
import pickle
import threading
import time

import denpa as dp
import numpy as np
import pytest

X, T = np.ones((2, 5, 3), "f4"), np.zeros((2, 5, 4), "f4")


def make():
    x = dp.Input((None, 3), name="x")
    return dp.Model(x, dp.Dense(4, name="d")(x), seed=1)


def compiled():
    net = make()
    net.compile("mse", dp.SGD(1e-3))
    return net


USES = {
    "predict": lambda net: net.predict(X),
    "predict another shape": lambda net: net.predict(X[:, :, :2]),
    "predict_proba": lambda net: net.predict_proba(X),
    "predict_classes": lambda net: net.predict_classes(X),
    "forward": lambda net: net.forward(X),
    "forward in training": lambda net: net.forward(X, training=True),
    "backward": lambda net: net.backward(T),
    "step": lambda net: net.step("sgd"),
    "step of an optimizer": lambda net: dp.SGD().step(net),
    "grads": lambda net: net.grads,
    "zero_grads": lambda net: net.zero_grads(),
    "compile": lambda net: net.compile("mse", "sgd"),
    "train_batch": lambda net: net.train_batch(X, T),
    "train_batch of another shape": lambda net: net.train_batch(X[0, 0, 0], T),
    "fit": lambda net: net.fit(X, T),
    "fit of an iterable": lambda net: net.fit([(X, T)]),
    "evaluate": lambda net: net.evaluate(X, T),
    "loss": lambda net: net.loss(X, T),
    "loss_and_gradients": lambda net: net.loss_and_gradients(X, T),
    "gradients": lambda net: net.gradients(X, T),
    "vjp": lambda net: net.vjp(X, T),
    "check_gradients": lambda net: net.check_gradients(X, T),
    "learning_rate": lambda net: net.learning_rate,
    "setting learning_rate": lambda net: setattr(net, "learning_rate", 0.1),
    "step_count": lambda net: net.step_count,
    "optimizer_state": lambda net: net.optimizer_state("d.W", "first"),
    "parameters": lambda net: net.parameters,
    "layers": lambda net: net.layers,
    "set_trainable": lambda net: net.set_trainable("d"),
    "initialize": lambda net: net.initialize(1),
    "save": lambda net: net.save("nowhere"),
    "to_bytes": lambda net: net.to_bytes(),
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "summary": lambda net: net.summary(),
}


@pytest.mark.parametrize("before", ["nothing", "compiled", "used"])
@pytest.mark.parametrize("use", USES, ids=list(USES))
def test_every_use_of_a_closed_network_says_that_it_is_closed(use, before):
    net = make() if before == "nothing" else compiled()
    if before == "used":
        net.predict(X)
        net.train_batch(X, T)
        net.backward(net.forward(X, training=True))
    net.close()
    with pytest.raises(dp.BadState, match="^the network is closed$"):
        USES[use](net)
    net.close()
    assert repr(net) == "<Model, closed>"


def test_what_was_taken_from_a_network_before_it_was_closed():
    net = compiled()
    net.backward(net.forward(X, training=True))
    parameters, layer, grads = net.parameters, net.layers["d"], net.grads
    held, gradient = parameters["d.W"], grads["d.W"]
    net.close()
    assert held.shape == (3, 4) and gradient.shape == (3, 4)
    for use in (
        lambda: parameters["d.W"],
        lambda: parameters.update({"d.W": held}),
        lambda: layer.trainable,
        lambda: setattr(layer, "trainable", False),
    ):
        with pytest.raises(dp.BadState, match="^the network is closed$"):
            use()


def varied(net):
    for length in range(1, 6):
        net.predict(X[:, :length])


LOOPS = {
    "predict": lambda net: net.predict(X),
    "predict of many shapes": varied,
    "forward": lambda net: net.forward(X),
    "forward and backward": lambda net: net.backward(net.forward(X, training=True)),
    "step": lambda net: (net.forward(X, training=True), net.step("sgd")),
    "grads": lambda net: (net.forward(X, training=True), net.grads),
    "train_batch": lambda net: net.train_batch(X, T),
    "evaluate": lambda net: net.evaluate(X, T),
    "vjp": lambda net: net.vjp(X, T),
    "rate": lambda net: net.learning_rate,
    "deepcopy": lambda net: copy.deepcopy(net).predict(X),
    "pickle": pickle.dumps,
    "parameters": lambda net: net.parameters["d.W"].sum(),
}


# Said where another thread has gone on with the forward of this one.
TURNS = ("backward needs forward(x, training=True) before it",)


@pytest.mark.parametrize("use", LOOPS, ids=list(LOOPS))
def test_closing_while_other_threads_use_the_network(use):
    for number in range(12):
        net, done, closed, wrong, late = compiled(), threading.Event(), threading.Event(), [], []

        def work(net=net, done=done, closed=closed, wrong=wrong, late=late):
            while not done.is_set():
                was_closed = closed.is_set()
                try:
                    LOOPS[use](net)
                except dp.BadState as error:
                    if str(error) in TURNS:
                        continue
                    if str(error) != "the network is closed":
                        wrong.append(str(error))
                    return
                except BaseException as error:
                    wrong.append(repr(error))
                    return
                else:
                    if was_closed:
                        late.append(use)
                        return

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.001 * (number % 4))
        net.close()
        closed.set()
        for thread in threads:
            thread.join(5)
        done.set()
        for thread in threads:
            thread.join()
        assert not wrong and not late
