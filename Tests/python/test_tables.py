"""Data frames of pandas and polars, and sparse rows of SciPy, where they are installed."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from scipy import sparse


def network(width):
    net = dp.Sequential([dp.Dense(2)], (width,), dtype="float64", seed=1)
    net.compile("softmax_cross_entropy", dp.SGD(learning_rate=0.1))
    return net


COLUMNS = {
    "age": np.array([1.5, 2.5, -1.0, 0.25]),
    "count": np.array([3, 1, 2, 5]),
    "member": np.array([True, False, True, True]),
}
X = np.stack([column.astype(float) for column in COLUMNS.values()], axis=1)
T = np.array([0, 1, 1, 0])


@pytest.fixture(params=["pandas", "polars"])
def frames(request):
    return pytest.importorskip(request.param)


def test_frames(frames):
    x, t = (
        frames.DataFrame(COLUMNS),
        frames.Series("kind", T) if frames.__name__ == "polars" else frames.Series(T),
    )
    nets = network(3), network(3)
    assert np.array_equal(nets[0].predict(x), nets[1].predict(X))
    histories = [
        nets[0].fit(x, t, epochs=3, validation_split=0.25),
        nets[1].fit(X, T, epochs=3, validation_split=0.25),
    ]
    assert histories[0] == histories[1]
    assert nets[0].evaluate(x, t) == nets[1].evaluate(X, T)
    assert nets[0].fit(x, t, class_weight="balanced", sample_weight=x["age"] ** 2) is not None


def test_columns_are_named(frames):
    net = network(2)
    with pytest.raises(dp.TypeMismatch, match='input "input_1", column "name" must have numbers'):
        net.predict(frames.DataFrame({"a": [1.0, 2.0], "name": ["x", "y"]}))
    with pytest.raises(dp.InvalidArgument, match='column "b" has no value in row 1'):
        column = (
            frames.Series("b", [1, None, 3])
            if frames.__name__ == "polars"
            else frames.array([1, None, 3], "Int64")
        )
        net.predict(frames.DataFrame({"a": [1.0, 2.0, 3.0], "b": column}))


def test_nullable_columns_without_missing_values():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(COLUMNS).astype({"age": "Float64", "count": "Int64", "member": "boolean"})
    net = network(3)
    assert np.array_equal(net.predict(table), net.predict(X))
    assert net.evaluate(table, pandas.Series(T, dtype="Int8")) == net.evaluate(X, T)


def test_one_column():
    pandas = pytest.importorskip("pandas")
    net = dp.Sequential([dp.Dense(1)], (1,), dtype="float64")
    table = pandas.DataFrame({"age": COLUMNS["age"]})
    assert np.array_equal(net.predict(table), net.predict(COLUMNS["age"][:, None]))


@pytest.mark.parametrize("made", [sparse.csr_matrix, sparse.csr_array, sparse.coo_array])
def test_sparse_rows(made, rng):
    x = rng.normal(size=(100, 6)) * (rng.random((100, 6)) < 0.3)
    t = (x[:, 0] > 0).astype(int)
    net, other = network(6), network(6)
    assert np.array_equal(net.predict(made(x)), net.predict(x))
    assert net.evaluate(made(x), t) == net.evaluate(x, t)
    assert net.train_batch(made(x), t) == other.train_batch(x, t)
    sizes = []

    class Seen(dp.Callback):
        def on_batch_end(self, net, batch, logs):
            sizes.append(batch)

    in_order = network(6).fit(made(x), t, epochs=2, batch_size=30, shuffle=False, callbacks=Seen())
    assert in_order == network(6).fit(x, t, epochs=2, batch_size=30, shuffle=False)
    assert sizes == [0, 1, 2, 3] * 2
    history = network(6).fit(made(x), t, epochs=30, validation_data=(made(x), t))
    assert history["val_accuracy"][-1] > 0.8 and history["loss"][-1] < history["loss"][0]
    again = network(6).fit(made(x), t, epochs=30, validation_data=(made(x), t))
    assert again == history
    with pytest.raises(dp.InvalidArgument, match="sparse rows"):
        net.fit(made(x), t, validation_split=0.5)
    with pytest.raises(dp.ShapeError, match="sparse rows are 100"):
        net.fit(made(x), t[:50])
    weighted = network(6).fit(made(x), t, sample_weight=np.full(100, 2.0), shuffle=False)
    assert weighted["loss"] == network(6).fit(x, t, sample_weight=np.full(100, 2.0), shuffle=False)["loss"]
