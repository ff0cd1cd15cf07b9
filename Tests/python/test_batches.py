"""denpa.Batches: every row once in each epoch, in an order of the seed, and only the rows of a batch are read."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

X = np.arange(20.0).reshape(10, 2)
T = np.arange(10)


def numbers(batches):
    return [int(number) for _, t in batches for number in t]


def test_every_row_once_and_the_last_batch_is_smaller():
    batches = dp.Batches(X, T, batch_size=4)
    assert len(batches) == 3 and batches.rows == 10
    found = list(batches)
    assert [len(t) for _, t in found] == [4, 4, 2]
    assert sorted(numbers(found)) == list(range(10))
    for x, t in found:
        assert_array_equal(x, X[t])


def test_the_order_is_the_seeds_and_another_in_each_epoch():
    batches = dp.Batches(X, T, batch_size=3, seed=1)
    first, second = numbers(batches), numbers(batches)
    assert first != second and first != list(range(10))
    again = dp.Batches(X, T, batch_size=5, seed=1)
    assert [numbers(again), numbers(again)] == [first, second]
    assert numbers(dp.Batches(X, T, seed=2)) != first
    in_order = dp.Batches(X, T, shuffle=False)
    assert numbers(in_order) == numbers(in_order) == list(range(10))


def test_several_inputs_and_outputs_and_weights():
    frame = {"image": X, "age": T[:, None]}
    for x, t, weight in dp.Batches(frame, [T, X], T / 10, batch_size=3, seed=5):
        rows = x["age"][:, 0]
        assert_array_equal(x["image"], X[rows])
        assert_array_equal(t[0], rows)
        assert_array_equal(t[1], X[rows])
        assert_array_equal(weight, rows / 10)
    assert all(t is None for _, t in dp.Batches(X))


def test_lists_frames_and_sparse_rows():
    assert_array_equal(next(iter(dp.Batches([[1, 2], [3, 4]], [0, 1], shuffle=False)))[0], [[1, 2], [3, 4]])
    pandas, sparse = pytest.importorskip("pandas"), pytest.importorskip("scipy.sparse")
    x, t = next(iter(dp.Batches(pandas.DataFrame(X), pandas.Series(T), batch_size=4, seed=3)))
    assert_array_equal(x, X[t])
    x, t = next(iter(dp.Batches(sparse.csr_matrix(X), T, batch_size=4, seed=3)))
    assert isinstance(x, np.ndarray)
    assert_array_equal(x, X[t])


def test_a_memory_map_is_read_batch_by_batch(tmp_path):
    """Big-endian, so that it cannot be passed on as it is."""
    X.astype(">f8").tofile(tmp_path / "x")
    mapped = np.memmap(tmp_path / "x", dtype=">f8", mode="r", shape=X.shape)
    seen = []

    class Watched(np.memmap):
        def __getitem__(self, index):
            seen.append(len(index))
            return super().__getitem__(index)

    batches = dp.Batches(mapped.view(Watched), T, batch_size=4, seed=2)
    net = dp.Sequential([dp.Dense(1)], (2,), seed=0)
    for x, t in batches:
        assert_array_equal(x, X[t])
        net.train_batch(x, t.astype("f4"), loss="mean_squared_error")
    assert max(seen) == 4


def test_fit_takes_the_same_steps_as_an_own_loop():
    def network():
        net = dp.Sequential([dp.Dense(3, activation="tanh"), dp.Dense(1)], (2,), seed=0)
        net.compile(loss="mean_squared_error", optimizer=dp.SGD(0.01))
        return net

    t = T.astype("f4")
    fitted, own = network(), network()
    fitted.fit(dp.Batches(X, t, batch_size=4, seed=7), epochs=3)
    batches = dp.Batches(X, t, batch_size=4, seed=7)
    for _ in range(3):
        for x, target in batches:
            own.train_batch(x, target)
    for name, value in fitted.parameters.items():
        assert_array_equal(value, own.parameters[name])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((X, T[:9]), {}, dp.ShapeError, r"same number of rows, got \[10, 9\]"),
        (({"a": X, "b": T[:3]},), {}, dp.ShapeError, r"\[10, 3\]"),
        ((5.0,), {}, dp.ShapeError, "x must have rows"),
        ((X, T, 1.0), {}, dp.ShapeError, "sample_weight must have rows"),
        ((X, "words"), {}, dp.TypeMismatch, "t"),
        ((X, T), {"batch_size": 0}, dp.InvalidArgument, "batch_size"),
        ((X, T), {"batch_size": 2.5}, dp.InvalidArgument, "batch_size"),
        ((X, T), {"seed": -1}, dp.InvalidArgument, "seed"),
        ((None,), {}, dp.TypeMismatch, "x must have rows, got None"),
    ],
)
def test_mistakes(arguments, options, error, words):
    with pytest.raises(error, match=words):
        dp.Batches(*arguments, **options)


def test_no_rows():
    batches = dp.Batches(X[:0], T[:0])
    assert len(batches) == 0 and list(batches) == []
    net = dp.Sequential([dp.Dense(1)], (2,))
    with pytest.raises(dp.InvalidArgument, match="no batch"):
        net.fit(batches, loss="mean_squared_error")


def test_the_largest_gradient():
    net = dp.Sequential([dp.Dense(2, name="a"), dp.Dense(3, name="b")], (2,), dtype="float64", seed=0)
    net.forward(X, training=True)
    net.backward(np.ones((10, 3)))
    net.grads["b.W"][1, 2] = -1e6
    assert net.grads.largest() == ("b.W", (1, 2), -1e6)
    assert str(net.grads.largest()) == "b.W[1, 2] = -1e+06"
    net.grads["a.b"][1] = np.nan
    assert net.grads.largest()[:2] == ("a.b", (1,))
    for name in ("a", "b"):
        net.layers[name].trainable = False
    with pytest.raises((dp.NotFound, dp.BadState)):
        net.grads.largest()
