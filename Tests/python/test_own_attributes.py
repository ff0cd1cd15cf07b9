"""Derived classes and attributes that are set on a network: copies and pickles have them, files do not."""

from __future__ import annotations

import copy
import pickle

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

X, T = np.ones((2, 3), "f4"), np.zeros((2, 4), "f4")


class Classifier(dp.Sequential):
    def __init__(self, classes, **rest):
        super().__init__([dp.Dense(5, activation="tanh"), dp.Dense(len(classes))], (3,), **rest)
        self.classes, self.log = classes, []

    def predict(self, x):
        self.log.append(len(x))
        return super().predict(x)

    def compile(self, *arguments, **rest):
        super().compile(*arguments, **rest)
        self.log.append("compiled")  # which is not there while the network is being restored


class Careful(dp.Sequential):
    """Decides for itself what is pickled."""

    def __init__(self):
        super().__init__([dp.Dense(4)], (3,))
        self.kept, self.dropped = [1], lambda: 2

    def __getstate__(self):
        return {"kept": super().__getstate__()["kept"]}

    def __setstate__(self, state):
        self.__dict__.update(state, dropped=None)


class Slotted(dp.Sequential):
    __slots__ = ("__private", "empty", "slot")

    def __init__(self):
        super().__init__([dp.Dense(4)], (3,))
        self.slot, self.__private, self.plain = [1], 2, 3

    def private(self):
        return self.__private


def pickled(net):
    return pickle.loads(pickle.dumps(net))


TWINS = pytest.mark.parametrize("twin_of", [copy.copy, copy.deepcopy, pickled])


@TWINS
def test_a_class_of_ones_own(twin_of):
    net = Classifier(list("abcd"), seed=3)
    net.compile("mse", dp.Adam(0.1))
    net.predict(X)
    twin = twin_of(net)
    assert type(twin) is Classifier
    assert twin.classes == list("abcd") and twin.log == ["compiled", 2]
    assert (twin.log is net.log) == (twin_of is copy.copy)
    assert_array_equal(twin.predict(X), net.predict(X))
    before = net.forward(X)
    twin.train_batch(X, T)  # with the loss and the optimizer of the other one
    assert_array_equal(net.forward(X), before)
    assert not np.array_equal(twin.forward(X), before)


@TWINS
def test_attributes_of_a_network(twin_of):
    net = dp.Sequential([dp.Dense(4)], (3,))
    net.note, net.mean = "of yesterday", np.arange(3.0)
    net.myself, net.method = net, net.predict
    twin = twin_of(net)
    assert twin.note == "of yesterday"
    assert_array_equal(twin.mean, net.mean)
    assert (twin.mean is net.mean) == (twin_of is copy.copy)
    whose = net if twin_of is copy.copy else twin
    assert twin.myself is whose and twin.method.__self__ is whose
    assert twin.parameters["dense_1.W"] is not net.parameters["dense_1.W"]
    twin.parameters["dense_1.W"][:] = 0
    assert net.predict(X).any() and not twin.predict(X).any()
    assert twin.dtype == net.dtype


def test_deepcopy_copies_what_is_shared_once():
    net, shared = dp.Sequential([dp.Dense(4)], (3,)), [1]
    net.first, net.second = shared, shared
    one, other, again = copy.deepcopy([net, shared, net])
    assert one is again and one is not net
    assert one.first is one.second is other


@TWINS
def test_a_class_decides_what_is_kept(twin_of):
    twin = twin_of(Careful())
    assert twin.kept == [1] and twin.dropped is None
    assert twin.predict(X).shape == (2, 4)


@TWINS
def test_slots(twin_of):
    net = Slotted()
    twin = twin_of(net)
    assert (twin.slot, twin.private(), twin.plain) == ([1], 2, 3) and not hasattr(twin, "empty")
    assert (twin.slot is net.slot) == (twin_of is copy.copy)


@pytest.mark.parametrize("way", ["bytes", "file"])
def test_files_have_the_network_only(way, tmp_path):
    net = Classifier(list("abcd"), seed=3)

    def again(kind):
        if way == "bytes":
            return kind.from_bytes(net.to_bytes())
        net.save(tmp_path / "net")
        return kind.load(tmp_path / "net")

    made = again(Classifier)
    assert type(made) is Classifier and not hasattr(made, "classes")
    assert_array_equal(made.forward(X), net.forward(X))
    made.log = []
    assert made.predict(X).shape == (2, 4)
    assert type(again(dp.Sequential)) is dp.Sequential
    assert type(again(dp.Model)) is dp.Model
    assert type(dp.from_bytes(net.to_bytes())) is dp.Model


def test_what_cannot_be_pickled_says_so():
    net = dp.Sequential([dp.Dense(4)], (3,))
    net.callback = lambda: 1
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(net)
    assert copy.deepcopy(net).callback() == 1
