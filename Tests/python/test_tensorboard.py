"""The TensorBoard callback: what it asks of the tensorboard package, and the files that the real one writes."""

from __future__ import annotations

import builtins
import struct
import sys
import types

import denpa as dp
import numpy as np
import pytest


@pytest.fixture
def data(rng):
    return rng.normal(size=(20, 3)), rng.normal(size=(20, 1))


def net():
    return dp.Sequential([dp.Dense(1)], (3,), seed=1)


@pytest.fixture
def writers(monkeypatch):
    """A fake tensorboard package; each writer lists what it was told."""
    made = []

    class Writer:
        def __init__(self, logdir):
            self.logdir, self.scalars, self.closed = logdir, [], 0
            made.append(self)

        def add_scalar(self, tag, data, step):
            assert not self.closed and isinstance(data, float) and isinstance(step, int)
            self.scalars.append((step, tag, data))

        def close(self):
            self.closed += 1

    package, summary = types.ModuleType("tensorboard"), types.ModuleType("tensorboard.summary")
    summary.Writer = package.Writer = Writer
    package.summary = summary
    monkeypatch.setitem(sys.modules, "tensorboard", package)
    monkeypatch.setitem(sys.modules, "tensorboard.summary", summary)
    return made


def test_every_number_of_every_epoch(writers, data, tmp_path):
    board = dp.TensorBoard(tmp_path / "runs")
    assert not writers  # nothing is written before fit begins
    history = net().fit(*data, loss="mse", epochs=3, validation_data=data, callbacks=board)
    (writer,) = writers
    assert writer.logdir == str(tmp_path / "runs") and writer.closed == 1
    expected = [(epoch, name, history[name][epoch]) for epoch in range(3) for name in history]
    assert writer.scalars == expected and {"loss", "val_loss"} <= set(history)


def test_another_fit_has_another_writer_and_an_early_end_closes_it(writers, data, tmp_path):
    board = dp.TensorBoard(tmp_path)
    model = net()
    model.fit(*data, loss="mse", callbacks=board)

    def fail(net, epoch, logs):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.fit(*data, loss="mse", epochs=3, callbacks=[board, fail])
    assert [writer.closed for writer in writers] == [1, 1]
    assert [len(writer.scalars) for writer in writers] == [1, 1]


def test_without_the_package(monkeypatch, tmp_path):
    original = builtins.__import__

    def refuse(name, *rest, **options):
        if name.partition(".")[0] == "tensorboard":
            raise ImportError(name)
        return original(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match="event files need tensorboard: pip install tensorboard"):
        dp.TensorBoard(tmp_path)


def records(path):
    """The payloads of a file of TFRecords: a length and its checksum, the data and its checksum."""
    content, at = path.read_bytes(), 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        yield content[at + 12 : at + 12 + length]
        at += 16 + length


def test_the_files_of_the_real_package(data, tmp_path):
    event_pb2 = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    from tensorboard.util import tensor_util

    history = net().fit(*data, loss="mse", epochs=3, validation_data=data, callbacks=dp.TensorBoard(tmp_path))
    (path,) = tmp_path.iterdir()
    events = [event_pb2.Event.FromString(record) for record in records(path)]
    found: dict[str, list[float]] = {}
    for event in events:
        for value in event.summary.value:
            assert event.step == len(found.setdefault(value.tag, []))
            number = (
                tensor_util.make_ndarray(value.tensor) if value.HasField("tensor") else value.simple_value
            )
            found[value.tag].append(float(number))
    assert set(found) == set(history)
    for name, values in found.items():
        np.testing.assert_allclose(values, history[name], rtol=1e-6)  # TensorBoard keeps float32
