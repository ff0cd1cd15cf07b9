"""Metrics, by the engine and by functions, against scikit-learn and NumPy."""

from __future__ import annotations

import pickle

import denpa as dp
import numpy as np
import pytest
from sklearn import metrics as sk


def identity(width, **options):
    """A network that returns its input, so that predictions are known."""
    net = dp.Sequential([dp.Dense(width, bias=False)], (width,), dtype="float64", **options)
    net.parameters["dense_1.W"] = np.eye(width)
    return net


@pytest.fixture
def rng():
    return np.random.default_rng(7)


AVERAGES = ["macro", "micro", "weighted"]


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("average", AVERAGES)
def test_classes(classes, average, rng):
    y, t = rng.normal(size=(301, classes)), rng.integers(0, classes, 301)
    t[:150] = y[:150].argmax(1)
    kinds = [
        dp.metrics.Precision(average),
        dp.metrics.Recall(average),
        dp.metrics.F1(average),
    ]
    net = identity(classes)
    net.compile(
        "softmax_cross_entropy",
        metrics=["accuracy", *kinds, "perplexity", dp.metrics.TopKAccuracy(2)],
    )
    loss, accuracy, precision, recall, f1, perplexity, top = net.evaluate(y, t)
    chosen = y.argmax(1)
    assert accuracy == pytest.approx(sk.accuracy_score(t, chosen), abs=1e-15)
    for value, function in [
        (precision, sk.precision_score),
        (recall, sk.recall_score),
        (f1, sk.f1_score),
    ]:
        assert value == pytest.approx(function(t, chosen, average=average, zero_division=0), abs=1e-14)
    assert perplexity == pytest.approx(np.exp(loss), rel=1e-13)
    assert top == pytest.approx(
        sk.top_k_accuracy_score(t, y, k=2, labels=range(classes)) if classes > 2 else 1.0
    )


def test_classes_that_never_occur(rng):
    y, t = rng.normal(size=(20, 5)), rng.integers(0, 2, 20)
    y[:, 2:] = -9
    net = identity(5)
    net.compile("softmax_cross_entropy", metrics=["f1"])
    assert net.evaluate(y, t)[1] == pytest.approx(sk.f1_score(t, y.argmax(1), average="macro"), abs=1e-14)


@pytest.mark.parametrize("loss, threshold", [("sigmoid_cross_entropy", 0), ("mean_squared_error", None)])
def test_yes_and_no(loss, threshold, rng):
    y, t = (
        rng.normal(size=(400, 1)).round(1),
        rng.integers(0, 2, (400, 1)).astype(float),
    )
    net = identity(1)
    kinds = ["accuracy", "precision", "recall", "f1", "auc"]
    net.compile(loss, metrics=kinds)
    if threshold is None:
        with pytest.raises(dp.InvalidArgument, match='metric "accuracy".*mean_squared_error'):
            net.evaluate(y, t)
        return
    found = net.evaluate(y, t)[1:]
    yes, t, y = (y > threshold)[:, 0], t[:, 0], y[:, 0]
    wanted = [f(t, yes) for f in (sk.accuracy_score, sk.precision_score, sk.recall_score, sk.f1_score)]
    assert found == pytest.approx((*wanted, sk.roc_auc_score(t, y)), abs=1e-13)


def test_several_labels(rng):
    y, t = rng.normal(size=(100, 4)), rng.integers(0, 2, (100, 4)).astype(float)
    net = identity(4)
    net.compile("sigmoid_cross_entropy", metrics=["accuracy", "f1", "auc"])
    _, accuracy, f1, auc = net.evaluate(y, t)
    assert accuracy == pytest.approx(np.mean((y > 0) == t), abs=1e-14)
    assert f1 == pytest.approx(sk.f1_score(t, y > 0, average="macro"), abs=1e-14)
    assert auc == pytest.approx(sk.roc_auc_score(t, y, average="macro"), abs=1e-13)


def test_auc_of_two_classes_and_of_targets_that_are_alike(rng):
    y, t = rng.normal(size=(90, 2)), rng.integers(0, 2, 90)
    net = identity(2)
    net.compile("softmax_cross_entropy", metrics=["auc"])
    assert net.evaluate(y, t)[1] == pytest.approx(sk.roc_auc_score(t, y[:, 1] - y[:, 0]), abs=1e-13)
    assert np.isnan(net.evaluate(y, np.ones(90, "int64"))[1])


@pytest.mark.parametrize("columns", [1, 3])
def test_regression(columns, rng):
    t = rng.normal(loc=1e3, size=(77, columns))
    y = t + rng.normal(scale=0.4, size=t.shape)
    net = identity(columns)
    net.compile("mse", metrics=["mean_absolute_error", "root_mean_squared_error", "r2"])
    loss, mae, rmse, r2 = net.evaluate(y, t)
    assert mae == pytest.approx(sk.mean_absolute_error(t, y), rel=1e-12)
    assert rmse == pytest.approx(np.sqrt(sk.mean_squared_error(t, y)), rel=1e-12)
    assert rmse == pytest.approx(np.sqrt(loss), rel=1e-12)
    assert r2 == pytest.approx(sk.r2_score(t, y), rel=1e-9)


def test_r2_of_targets_that_are_alike(rng):
    net = identity(1)
    net.compile("mse", metrics=["r2"])
    t = np.full((5, 1), 3.0)
    assert net.evaluate(t, t)[1] == 1 and net.evaluate(t + 1, t)[1] == 0


def test_the_batch_size_does_not_matter(rng):
    x, t = rng.normal(size=(101, 3)), rng.integers(0, 3, 101)
    found = set()
    for size in (1, 7, 101, 1000):
        net = dp.Sequential([dp.Dense(3)], (3,), dtype="float64", seed=1)
        net.compile(
            "softmax_cross_entropy",
            dp.SGD(learning_rate=0.0),
            metrics=["f1", "perplexity", "accuracy"],
        )
        history = net.fit(x, t, batch_size=size, shuffle=False, validation_data=(x, t))
        assert history["f1"] == history["val_f1"] and history["accuracy"] == history["val_accuracy"]
        assert history["perplexity"] == pytest.approx(history["val_perplexity"])
        found.add(history["f1"][0])
    assert len(found) == 1


def test_functions(rng):
    x, t = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    seen = []

    def error_rate(y, target):
        seen.append((y.shape, target.dtype.name))
        return np.mean(y.argmax(1) != target)

    net = identity(3)
    net.compile("softmax_cross_entropy", metrics=["accuracy", error_rate])
    _, accuracy, error = net.evaluate(x, t)
    assert accuracy + error == pytest.approx(1) and seen[0] == ((50, 3), "int64")
    history = net.fit(x, t, epochs=2, batch_size=16)
    assert list(history) == ["loss", "accuracy", "error_rate"] and len(history["error_rate"]) == 2

    def fails(y, target):
        raise ValueError("no such thing")

    net.compile("softmax_cross_entropy", metrics=[fails])
    with pytest.raises(ValueError, match="no such thing"):
        net.evaluate(x, t)
    with pytest.raises(ValueError, match="no such thing"):
        net.fit(x, t)
    net.compile(
        "softmax_cross_entropy",
        metrics=dp.FunctionMetric(error_rate, "wrong", lower_is_better=True),
    )
    history = net.fit(x, t, epochs=50, callbacks=dp.EarlyStopping("wrong", patience=2))
    assert history.epochs < 50


def test_a_function_must_not_write(rng):
    def writes(y, t):
        y[:] = 0
        return 0.0

    net = identity(3)
    net.compile("mse", metrics=[writes])
    with pytest.raises(ValueError, match="read-only"):
        net.evaluate(np.ones((2, 3)), np.ones((2, 3)))


def test_outputs(rng):
    a = dp.Input((3,), name="a")
    kind, size = dp.Dense(3, name="kind")(a), dp.Dense(1, name="size")(a)
    net = dp.Model(a, {"kind": kind, "size": size})
    losses = {"kind": "softmax_cross_entropy", "size": "mse"}
    x = rng.normal(size=(20, 3))
    t = {"kind": rng.integers(0, 3, 20), "size": x[:, :1]}
    net.compile(losses, metrics={"kind": ["accuracy", "f1"], "size": "r2"})
    history = net.fit(x, t, validation_data=(x, t))
    names = ["loss", "kind_loss", "size_loss", "kind_accuracy", "kind_f1", "size_r2"]
    assert list(history) == names + [f"val_{name}" for name in names]
    assert history["loss"][0] == pytest.approx(history["kind_loss"][0] + history["size_loss"][0])
    net.compile(losses, metrics=[dp.metrics.R2(output="size")])
    assert len(net.evaluate(x, t)) == 2
    net.compile(losses, metrics=[dp.metrics.R2(output="kind")])
    with pytest.raises(dp.InvalidArgument, match='metric "r2"'):
        net.evaluate(x, t)
    net.compile({"size": "mse"}, metrics={"kind": "accuracy"})
    with pytest.raises(dp.InvalidArgument, match="no loss with a target"):
        net.evaluate(x, {"size": x[:, :1]})


def test_what_is_no_metric():
    net = identity(3)
    with pytest.raises(dp.NotRegistered, match='"acuracy".*accuracy'):
        net.compile("mse", metrics="acuracy")
    for wrong in ([3], dp.Dense(2), [None], dp.Adam, 7):
        with pytest.raises(dp.TypeMismatch, match="metric"):
            net.compile("mse", metrics=wrong)
    with pytest.raises(dp.InvalidArgument, match="at least 1"):
        dp.metrics.TopKAccuracy(0)
    with pytest.raises(AttributeError, match="denpa.metrics"):
        dp.metrics.NoSuch
    twice = ["accuracy", "accuracy"]
    net.compile("softmax_cross_entropy", metrics=twice)
    with pytest.raises(dp.InvalidArgument, match="twice"):
        net.evaluate(np.ones((1, 3)), [0])


def test_pickles():
    net = identity(3)
    net.compile("softmax_cross_entropy", metrics=[dp.metrics.TopKAccuracy(2), "f1"])
    again = pickle.loads(pickle.dumps(net))
    x, t = np.eye(3), np.arange(3)
    assert again.evaluate(x, t) == net.evaluate(x, t)
