"""Copies and pickles go on training as the original would have: the optimizer's state is part of them."""

from __future__ import annotations

import copy
import ctypes
import pickle

import denpa as dp
import numpy as np
import pytest
from denpa import _abi as abi
from denpa._call import library

OPTIMIZERS = [
    "sgd",
    dp.SGD(learning_rate=0.01, momentum=0.9),
    "adam",
    dp.AdamW(amsgrad=True),
    "adadelta",
    dp.NAdam(schedule=dp.Warmup(steps=7, next=dp.CosineDecay(steps=40))),
    dp.RMSProp(schedule=dp.ReduceOnPlateau(patience=0, gamma=0.5)),
    dp.Lion(accumulation=2, schedule=dp.StepDecay(every=2, per="epoch")),
]


def network(optimizer, dtype="float32"):
    layers = [
        dp.Dense(6, activation="tanh"),
        dp.BatchNorm(),
        dp.Dropout(0.3),
        dp.Dense(3),
    ]
    net = dp.Sequential(layers, (4,), dtype=dtype, seed=2)
    net.compile("softmax_cross_entropy", optimizer)
    return net


@pytest.fixture
def data(rng):
    return rng.normal(size=(50, 4)), rng.integers(0, 3, 50)


def weights(net):
    return {name: value.tobytes() for name, value in net.parameters.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_copies_go_on(optimizer, dtype, data):
    net = network(optimizer, dtype)
    net.fit(*data, epochs=3, batch_size=8)
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net)), copy.copy(net)]
    net.fit(*data, epochs=3, batch_size=8)
    for one in copies:
        assert one.step_count < net.step_count
        one.fit(*data, epochs=3, batch_size=8)
        assert one.step_count == net.step_count and one.learning_rate == net.learning_rate
        assert weights(one) == weights(net)


def test_a_learning_rate_that_was_set(data):
    net = network("adam")
    net.train_batch(*data)
    net.learning_rate = 0.125
    made = copy.deepcopy(net)
    assert made.learning_rate == 0.125
    made.set_trainable("dense_1", False)
    assert made.learning_rate == 0.125


def test_a_network_that_was_never_trained(data):
    net = network("adam")
    again = pickle.loads(pickle.dumps(net))
    assert again.step_count == 0
    plain = dp.Sequential([dp.Dense(1)], (2,))
    assert weights(copy.deepcopy(plain)) == weights(plain)


def state_of(net):
    return net._parts.training.state()[0]


def test_other_bytes_are_refused_and_change_nothing(data):
    net = network("adam")
    net.fit(*data)
    state, before = state_of(net), net.step_count
    trainer = net._parts.trainers.main

    def refused(data, words):
        with pytest.raises(dp.FileError, match=words):
            trainer.resume(data)
        assert state_of(net) == state and net.step_count == before

    other = network(dp.SGD(momentum=0.5))
    other.fit(*data)
    refused(state_of(other), 'optimizer "sgd", this one has "adam"')
    refused(state_of(fitted(network(dp.Adam(amsgrad=True)), data)), "tensors")
    refused(
        state_of(fitted(network(dp.Adam(schedule=dp.ReduceOnPlateau())), data)),
        'schedule',
    )
    refused(state_of(fitted(network("adam", "float64"), data)), "expected float32")
    refused(net.to_bytes(), "has no trainer")
    refused(b"", "too few")
    for position in range(0, len(state), 97):
        damaged = bytearray(state)
        damaged[position] ^= 1
        refused(bytes(damaged), None)
    for length in range(0, len(state), 211):
        refused(state[:length], None)
    trainer.resume(state)
    assert state_of(net) == state


def fitted(net, data):
    net.fit(*data)
    return net


def test_room(data):
    net = fitted(network("adam"), data)
    pointer, length = net._parts.trainers.main.handle.pointer, ctypes.c_int64()
    assert library.denpa_trainer_save_bytes(pointer, None, 0, ctypes.byref(length)) == abi.OK
    room = ctypes.create_string_buffer(length.value)
    small = library.denpa_trainer_save_bytes(pointer, room, length.value - 1, ctypes.byref(length))
    assert small == abi.LIMIT_EXCEEDED and room.raw == bytes(len(room))
    assert library.denpa_trainer_load_bytes(pointer, None, 3) == abi.BAD_ARGUMENT
    assert library.denpa_trainer_load_bytes(pointer, room, -1) == abi.BAD_ARGUMENT
