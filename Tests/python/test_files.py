"""Files, bytes, pickle and copies."""

from __future__ import annotations

import copy
import json
import pickle
import resource

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


@pytest.fixture
def net():
    start = dp.Normal(scale=0.3)
    layers = [dp.Dense(5, activation="tanh", initializer=start), dp.Dense(2, name="last"), dp.Softmax()]
    return dp.Sequential(layers, input_shape=(3,), seed=4, names="book")


@pytest.fixture
def x(rng):
    return rng.normal(size=(7, 3)).astype("f4")


def same(one, other, x):
    assert_array_equal(one.predict(x), other.predict(x))
    for first, second in zip(one.parameters.values(), other.parameters.values()):
        assert_array_equal(first, second)


def test_save_and_load(net, x, tmp_path):
    net.save(tmp_path / "net.safetensors")
    same(net, dp.load(tmp_path / "net.safetensors"), x)
    same(net, dp.load(str(tmp_path / "net.safetensors"), names="book"), x)
    assert list(dp.load(tmp_path / "net.safetensors").parameters)[0] == "dense_1.W"
    assert (tmp_path / "net.safetensors").read_bytes() == net.to_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_the_safetensors_package_reads_it(net, tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import load_file

    net.save(tmp_path / "net.safetensors")
    found = load_file(tmp_path / "net.safetensors")
    assert set(found) == {"dense_1.W", "dense_1.b", "last.W", "last.b"}
    for name, value in found.items():
        assert_array_equal(value, net.parameters[name])
    with safe_open(tmp_path / "net.safetensors", "np") as file:
        assert any("softmax" in text for text in file.metadata().values())


def test_what_was_just_learned_is_saved(net, x):
    net.train_batch(x, np.zeros(7, int), loss="cross_entropy")
    same(net, dp.from_bytes(net.to_bytes()), x)


def test_a_model_with_several_outputs(rng):
    a, b = dp.Input((2,), name="a"), dp.Input((2,), name="b")
    net = dp.Model([a, b], {"sum": dp.Dense(1, name="s")(a + b), "first": dp.Dense(2, name="f")(a)})
    x = {"a": rng.normal(size=(3, 2)), "b": rng.normal(size=(3, 2))}
    loaded = dp.from_bytes(net.to_bytes())
    assert_array_equal(loaded.predict(x)["s"], net.predict(x)["sum"])
    t = {"sum": np.ones((3, 1)), "first": np.ones((3, 2))}
    net.compile(
        dp.Sum(dp.MeanSquaredError("sum"), dp.MeanSquaredError("first"), 0.5 * dp.MeanSquaredError("first"))
    )
    restored = pickle.loads(pickle.dumps(net))
    assert restored.evaluate(x, [t["sum"], t["first"], t["first"]]) == net.evaluate(
        x, [t["sum"], t["first"], t["first"]]
    )
    assert_array_equal(restored.predict(x)["first"], net.predict(x)["first"])


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_twins(twin_of, net, x):
    net.compile(dp.CrossEntropy(epsilon=1e-7), dp.Adam(learning_rate=0.01))
    net.fit(x, np.zeros(7, int), epochs=2)
    twin = twin_of(net)
    assert type(twin) is dp.Sequential and list(twin.parameters) == ["W1", "b1", "W2", "b2"]
    same(net, twin, x)
    before = net.predict(x)
    twin.fit(x, np.ones(7, int), epochs=2)
    assert_array_equal(net.predict(x), before)
    assert np.abs(twin.predict(x) - before).max() > 0


def test_a_pickled_loss_is_still_of_its_output():
    """Although a value that is an output twice has one name."""
    x = dp.Input((2,))
    h = dp.Dense(2, name="h")(x)
    net = dp.Model(x, [h, h], seed=0)
    loss = dp.MeanSquaredError(1)
    net.compile(loss, dp.SGD(learning_rate=0.5))
    restored = pickle.loads(pickle.dumps(net))
    restored.learning_rate = 0.125
    restored.train_batch([[1.0, 2.0]], [[0.0, 0.0]], loss=loss)  # the same loss as before: nothing is reset
    assert restored.learning_rate == 0.125


def test_layers_and_losses_are_pickled():
    layer = pickle.loads(
        pickle.dumps(dp.Dense(3, activation="relu", initializer=dp.Normal(scale=0.1), name="a"))
    )
    assert (
        type(layer) is dp.Dense and layer.units == 3 and layer.initializer.scale == 0.1 and layer.name == "a"
    )
    loss = pickle.loads(pickle.dumps(0.5 * dp.CrossEntropy("kind", epsilon=1e-7)))
    assert (loss.weight, loss.output, loss.epsilon) == (0.5, "kind", 1e-7)


def test_files_that_are_no_models(net, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        dp.load(tmp_path / "nowhere.safetensors")
    with pytest.raises(dp.FileError):
        net.save(tmp_path / "no folder" / "net.safetensors")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(dp.FileError):
        dp.load(tmp_path / "text")
    with pytest.raises(dp.FileError):
        dp.from_bytes(b"")


def test_every_damage_is_noticed(net):
    good = net.to_bytes()
    for position in range(0, len(good), 7):
        damaged = bytearray(good)
        damaged[position] ^= 0x10
        with pytest.raises(dp.DenpaError):
            dp.from_bytes(bytes(damaged))
    for length in range(0, len(good), 13):
        with pytest.raises(dp.FileError):
            dp.from_bytes(good[:length])


def test_a_failed_save_leaves_the_older_file(net, tmp_path):
    path = tmp_path / "net.safetensors"
    net.save(path)
    good = path.read_bytes()
    net.train_batch([1, 2, 3], 0, loss="cross_entropy")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (len(good) // 2, before[1])
    )  # a full disk, for the superuser too
    try:
        with pytest.raises(dp.FileError, match="net.safetensors"):
            net.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == good and list(tmp_path.iterdir()) == [path]
    net.save(path)
    assert path.read_bytes() == net.to_bytes() != good


def test_a_path_with_a_zero_byte_is_refused(net, tmp_path):
    with pytest.raises(ValueError, match="zero bytes"):
        net.save(f"{tmp_path}/a\0b")
    assert not (tmp_path / "a").exists()


def test_the_description_in_the_file(net, tmp_path):
    data = net.to_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert "__metadata__" in header
    assert_allclose(header["last.b"]["shape"], [2])
