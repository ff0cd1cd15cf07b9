"""Callbacks of fit: when they are called, early stopping, checkpoints, logs, and how training ends early."""

from __future__ import annotations

import csv
import gc
import weakref

import denpa as dp
import numpy as np
import pytest


class Recorder(dp.Callback):
    def __init__(self):
        self.events = []

    def on_fit_begin(self, net):
        self.events.append("fit begins")

    def on_epoch_begin(self, net, epoch):
        self.events.append(f"epoch {epoch} begins")

    def on_batch_end(self, net, batch, logs):
        self.events.append(f"batch {batch}")
        assert list(logs)[0] == "loss"

    def on_epoch_end(self, net, epoch, logs):
        self.events.append(f"epoch {epoch} ends")

    def on_fit_end(self, net, history):
        self.events.append("fit ends")
        assert history is net.history


@pytest.fixture
def data(rng):
    x = rng.normal(size=(40, 2))
    return x, x @ [[1.0], [-1.0]]


def line(rate=0.1, **options):
    net = dp.Sequential([dp.Dense(1)], (2,), dtype="float64", seed=3)
    net.compile("mse", dp.SGD(learning_rate=rate), **options)
    return net


def test_order(data):
    recorder = Recorder()
    line().fit(*data, batch_size=20, epochs=2, callbacks=recorder)
    epoch = ["epoch {} begins", "batch 0", "batch 1", "epoch {} ends"]
    both = [event.format(number) for number in range(2) for event in epoch]
    assert recorder.events == ["fit begins", *both, "fit ends"]


def test_order_with_an_iterable(data):
    recorder = Recorder()
    x, t = data
    line().fit([(x, t), (x, t), (x, t)], callbacks=[recorder])
    assert recorder.events[2:-2] == ["batch 0", "batch 1", "batch 2"]


@pytest.mark.parametrize("method", ["on_fit_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end"])
def test_exceptions(method, data):
    ended = []

    class Fails(dp.Callback):
        def on_fit_end(self, net, history):
            ended.append(history)

    def fail(*arguments):
        raise ValueError(method)

    callback = Fails()
    setattr(callback, method, fail)
    net = line()
    with pytest.raises(ValueError, match=method):
        net.fit(*data, epochs=3, callbacks=callback)
    assert len(ended) == (method != "on_fit_begin")
    assert net.fit(*data, epochs=2).epochs == 2  # nothing is left behind


def test_stop_training(data):
    def stop(net, epoch, logs):
        net.stop_training = epoch == 1

    net = line()
    history = net.fit(*data, epochs=9, callbacks=stop)
    assert history.epochs == 2 and net.history is history and not net.stop_training

    class StopAtBatch(dp.Callback):
        def on_batch_end(self, net, batch, logs):
            net.stop_training = net.step_count == steps + 3

    steps = net.step_count
    history = net.fit(*data, batch_size=4, epochs=9, callbacks=StopAtBatch())
    assert history.epochs == 0 and net.step_count == steps + 3
    net.stop_training = True  # outside of fit: nothing
    assert net.fit(*data).epochs == 1


def test_the_history_survives(data):
    net = line()

    def interrupt(net, epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        net.fit(*data, epochs=9, callbacks=interrupt)
    assert net.history.epochs == 3


def test_early_stopping(data):
    x, t = data
    net = line(rate=1.2)  # diverges in the end
    seen = []

    def keep(net, epoch, logs):
        seen.append((logs["val_loss"], net.parameters["dense_1.W"].copy()))

    stopping = dp.EarlyStopping(patience=3, restore_best=True)
    net.fit(
        x[:30],
        t[:30],
        epochs=500,
        batch_size=10,
        validation_data=(x[30:], t[30:]),
        callbacks=[stopping, keep],
    )
    losses = [loss for loss, _ in seen]
    best = int(np.argmin(losses))
    assert len(seen) == best + 4 < 500
    assert np.array_equal(net.parameters["dense_1.W"], seen[best][1])
    assert net.evaluate(x[30:], t[30:]) == losses[best]


def test_early_stopping_of_the_loss_and_its_delta(data):
    net = line(rate=0.05)
    history = net.fit(
        *data,
        epochs=500,
        callbacks=dp.EarlyStopping("loss", patience=2, min_delta=0.01),
    )
    falls = -np.diff(history["loss"])
    assert history.epochs < 500 and falls[-1] < 0.01
    net = line(rate=0.05)
    free = net.fit(*data, epochs=20, callbacks=dp.EarlyStopping("loss", restore_best=True))
    assert free.epochs == 20


def test_early_stopping_of_a_metric_that_rises(rng):
    x = rng.normal(size=(60, 2))
    t = (x[:, 0] > 0).astype("int64")
    net = dp.Sequential([dp.Dense(2)], (2,), seed=1)
    net.compile("softmax_cross_entropy", dp.SGD(learning_rate=0.5))
    stopping = dp.EarlyStopping("val_accuracy", patience=2)
    history = net.fit(x, t, epochs=200, validation_data=(x, t), callbacks=[stopping])
    values = history["val_accuracy"]
    assert len(values) < 200 and max(values[:-2]) >= max(values[-2:])


def test_checkpoints(data, tmp_path):
    path = tmp_path / "best.safetensors"
    x, t = data
    net = line(rate=1.2)
    saved = dp.Checkpoint(path, save_best=True)
    history = net.fit(
        x[:30],
        t[:30],
        epochs=12,
        batch_size=10,
        validation_data=(x[30:], t[30:]),
        callbacks=saved,
    )
    again = dp.load(path)
    again.compile("mse")
    assert again.evaluate(x[30:], t[30:]) == min(history["val_loss"])
    net.fit(
        x,
        t,
        epochs=5,
        callbacks=dp.Checkpoint(tmp_path / "second.safetensors", every=2),
    )
    times = dp.load(tmp_path / "second.safetensors")
    assert not np.array_equal(
        times.parameters["dense_1.W"], net.parameters["dense_1.W"]
    )  # of the fourth epoch
    with pytest.raises(dp.FileError):
        net.fit(x, t, callbacks=dp.Checkpoint(tmp_path / "no" / "folder"))


def test_csv(data, tmp_path):
    path = tmp_path / "log.csv"
    net = line()
    history = net.fit(*data, epochs=3, validation_split=0.25, callbacks=dp.CSVLog(path))
    net.fit(*data, epochs=2, validation_split=0.25, callbacks=dp.CSVLog(path, append=True))
    rows = list(csv.DictReader(path.open()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "0", "1"] and list(rows[0]) == [
        "epoch",
        *history,
    ]
    assert [float(row["val_loss"]) for row in rows[:3]] == history["val_loss"]


def test_the_learning_rate(data):
    seen = []
    net = line()
    set_rate = dp.LearningRate(lambda epoch: 0.1 / (epoch + 1))
    net.fit(
        *data,
        epochs=3,
        callbacks=[set_rate, lambda net, epoch, logs: seen.append(net.learning_rate)],
    )
    assert seen == [0.1, 0.05, 0.1 / 3]


def test_validation(data):
    x, t = data
    net = line()
    history = net.fit(x, t, epochs=5, validation_data=(x, t), validation_every=2)
    assert len(history["loss"]) == 5 and len(history["val_loss"]) == 3
    net = line(rate=0.0)
    history = net.fit(x, t, epochs=2, validation_split=0.25, batch_size=7)
    rest, held = history["loss"][0], history["val_loss"][0]
    assert (30 * rest + 10 * held) / 40 == pytest.approx(net.evaluate(x, t))
    assert history["val_loss"][0] == history["val_loss"][1]  # the same rows


def test_a_stratified_split():
    x = np.repeat([[0.0], [1.0], [2.0]], [60, 30, 10], axis=0)
    t = x[:, 0].astype("int64")
    net = dp.Sequential([dp.Dense(3)], (1,), dtype="float64")
    taken = []
    net.compile(
        "softmax_cross_entropy",
        dp.SGD(learning_rate=0.0),
        metrics=[lambda y, t: taken.append(t.copy()) or 0],
    )
    net.fit(x, t, validation_split=0.2, stratify=True, batch_size=100)
    assert [np.bincount(found, minlength=3).tolist() for found in taken] == [
        [48, 24, 8],
        [12, 6, 2],
    ]


def test_sampling(rng):
    x = np.arange(50.0)[:, None]
    seen = []
    net = dp.Sequential([dp.Dense(1)], (1,), dtype="float64")
    net.compile(
        "mse",
        dp.SGD(learning_rate=0.0),
        metrics=[lambda y, t: seen.extend(t[:, 0].astype(int)) or 0],
    )

    def rows(**options):
        seen.clear()
        net.fit(x, x, batch_size=8, **options)
        return list(seen)

    assert rows(shuffle=False) == list(range(50))
    assert sorted(rows()) == list(range(50)) and rows() != rows()
    assert sorted(rows(epoch_rows=20)) == sorted(set(seen)) and len(seen) == 20
    assert rows(shuffle=False, epoch_rows=20) == list(range(20))
    drawn = rows(replace=True, epoch_rows=2000)
    assert len(drawn) == 2000 and len(set(drawn)) == 50 and 20 < np.bincount(drawn).min()
    weight = np.where(np.arange(50) < 2, [3.0] * 50, 0)
    weight[1] = 1
    drawn = rows(row_weight=weight, epoch_rows=4000)
    assert set(drawn) == {0, 1} and 0.7 < np.mean(np.array(drawn) == 0) < 0.8
    held = rows(row_weight=weight + 1, epoch_rows=200, validation_split=0.5)
    assert len(held) == 225 and not set(held[:200]) & set(held[200:])
    with pytest.raises(dp.InvalidArgument, match="at most 50"):
        rows(epoch_rows=51)
    with pytest.raises(dp.InvalidArgument, match="row 0 has the weight -3"):
        rows(row_weight=-weight)
    with pytest.raises(dp.ShapeError, match="row_weights"):
        rows(row_weight=weight[:5])


def test_the_same_seed_draws_the_same_rows(data):
    found = []
    for _ in range(2):
        net = line()
        net.fit(*data, batch_size=5, epochs=3, replace=True, validation_split=0.1)
        found.append(net.parameters["dense_1.W"].copy())
    assert np.array_equal(*found)


def test_what_is_refused(data, tmp_path):
    net = line()
    with pytest.raises(dp.InvalidArgument, match="patience"):
        dp.EarlyStopping()
    with pytest.raises(dp.TypeMismatch, match="class EarlyStopping"):
        net.fit(*data, callbacks=dp.EarlyStopping)
    with pytest.raises(dp.InvalidArgument, match='"validation_r2".*loss'):
        net.fit(*data, callbacks=dp.EarlyStopping("val_r2", patience=1))
    with pytest.raises(dp.InvalidArgument, match="no validation data"):
        net.fit(*data, callbacks=dp.EarlyStopping("val_loss", patience=1))
    two = [
        dp.EarlyStopping("loss", patience=1),
        dp.Checkpoint(tmp_path / "x", save_best=True, monitor="val_loss"),
    ]
    with pytest.raises(dp.InvalidArgument, match="one monitor"):
        net.fit(*data, callbacks=two, validation_split=0.5)
    for wrong in (3, "early", [object()]):
        with pytest.raises(dp.TypeMismatch, match="callback"):
            net.fit(*data, callbacks=wrong)
    with pytest.raises(dp.InvalidArgument, match="validation_fraction"):
        net.fit(*data, validation_split=1.5)
    with pytest.raises(dp.InvalidArgument, match="stratified split needs class numbers"):
        net.fit(*data, validation_split=0.5, stratify=True)
    with pytest.raises(dp.InvalidArgument, match="give one"):
        net.fit(*data, validation_split=0.5, validation_data=data)
    with pytest.raises(dp.InvalidArgument, match="epoch_rows is for dense arrays"):
        net.fit([data], epoch_rows=3)


def test_nothing_keeps_the_network_alive(data):
    net = line(metrics=[lambda y, t: 0.0])
    net.fit(*data, callbacks=[Recorder(), dp.EarlyStopping("loss", patience=1)])
    gone = weakref.ref(net)
    gc.disable()
    try:
        del net
        assert gone() is None
    finally:
        gc.enable()
