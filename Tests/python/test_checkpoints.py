"""Checkpoints: interrupted and resumed runs end in the bits of one that was not interrupted."""

from __future__ import annotations

import json
import os
import threading

import denpa as dp
import numpy as np
import pytest

SIZE, EPOCHS = 8, 4  # 50 rows: seven batches in an epoch


@pytest.fixture
def data(rng):
    return rng.normal(size=(50, 4)), rng.integers(0, 3, 50)


def network(optimizer="adam", dtype="float64", **kwargs):
    layers = [
        dp.Dense(6, activation="tanh"),
        dp.BatchNorm(),
        dp.Dropout(0.3),
        dp.Dense(3),
    ]
    net = dp.Sequential(layers, (4,), dtype=dtype, seed=2, **kwargs)
    net.compile("softmax_cross_entropy", optimizer, metrics=["accuracy"])
    return net


def bits(net):
    return {name: value.tobytes() for name, value in net.parameters.items()}


class Interrupt(dp.Callback):
    """Saves a checkpoint after so many batches, and raises."""

    def __init__(self, batches, path):
        self.left, self.path = batches, path

    def on_batch_end(self, net, batch, logs):
        self.left -= 1
        if self.left == 0:
            net.save_checkpoint(self.path)
            raise KeyError("interrupted")


@pytest.mark.parametrize(
    "optimizer",
    [
        dp.SGD(momentum=0.9, schedule=dp.Warmup(steps=7, next=dp.CosineDecay(steps=40))),
        dp.Adam(accumulation=3),
        dp.Muon(),
        dp.LBFGS(),
        dp.AdamW(average_decay=0.9),
        dp.AdamW(sam_radius=0.05),
        dp.RMSProp(schedule=dp.ReduceOnPlateau(patience=0, gamma=0.5)),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["arrays", "batches"])
def test_an_interrupted_fit(optimizer, kind, data, tmp_path):
    x, t = data
    given, sizes = (x, t), {"batch_size": SIZE}
    if kind == "batches":
        given = ([(x[i : i + SIZE], t[i : i + SIZE]) for i in range(0, 50, SIZE)],)
        sizes = {}
    whole = network(optimizer)
    wanted = whole.fit(*given, epochs=EPOCHS, **sizes)
    for batches in (1, 6, 7, 8, 17, 28):
        path = tmp_path / "run.safetensors"
        first = network(optimizer)
        with pytest.raises(KeyError):
            first.fit(*given, epochs=EPOCHS, **sizes, callbacks=Interrupt(batches, path))
        second = network(optimizer)
        history = second.fit(*given, epochs=EPOCHS, **sizes, resume=path)
        assert bits(second) == bits(whole) and second.step_count == whole.step_count
        missing = EPOCHS - (batches - 1) // 7 if batches < 28 else 1
        assert history["loss"] == wanted["loss"][-missing:]
        assert history["accuracy"] == wanted["accuracy"][-missing:]
        assert second.learning_rate == whole.learning_rate
        if first.step_count:  # the interrupted network itself goes on likewise
            first.fit(*given, epochs=EPOCHS, **sizes, resume=True)
            assert bits(first) == bits(whole)


def test_a_checkpoint_of_the_callback(data, tmp_path):
    path = tmp_path / "run.safetensors"
    whole = network()
    whole.fit(*data, epochs=4, batch_size=SIZE)
    net = network()
    net.fit(
        *data,
        epochs=2,
        batch_size=SIZE,
        callbacks=dp.Checkpoint(path, batches=3),
    )
    loaded = dp.Model.load(path)
    np.testing.assert_array_equal(loaded.predict(data[0]), net.predict(data[0]))
    again = network()
    history = again.fit(*data, epochs=4, batch_size=SIZE, resume=path)
    assert len(history["loss"]) == 2 and bits(again) == bits(whole)
    # A network that is loaded from the checkpoint may go on, too.
    loaded.compile("softmax_cross_entropy", "adam", metrics=["accuracy"])
    loaded.fit(*data, epochs=4, batch_size=SIZE, resume=path)
    assert bits(loaded) == bits(whole)
    # Without what resuming needs, the file is smaller, and resuming says what is missing.
    small = tmp_path / "small.safetensors"
    net.fit(*data, callbacks=dp.Checkpoint(small, resumable=False))
    assert os.path.getsize(small) < os.path.getsize(path) / 2
    with pytest.raises(dp.FileError, match="no trainer"):
        net.fit(*data, resume=small)


def test_early_stopping_goes_on(data, tmp_path):
    x, t = data
    path = tmp_path / "run.safetensors"
    arguments = {
        "batch_size": SIZE,
        "epochs": 60,
        "validation_split": 0.3,
    }

    def stopping():
        return dp.EarlyStopping(patience=3, restore_best=True)

    whole = network(dp.Adam(0.05))
    wanted = whole.fit(x, t, **arguments, callbacks=stopping())
    epochs = len(wanted["loss"])
    assert 3 < epochs < 60
    for batches in (3, 5 * (epochs - 2) + 2):  # in the best epoch, and while it waits
        first = network(dp.Adam(0.05))
        with pytest.raises(KeyError):
            first.fit(x, t, **arguments, callbacks=[stopping(), Interrupt(batches, path)])
        second = network(dp.Adam(0.05))
        history = second.fit(x, t, **arguments, callbacks=stopping(), resume=path)
        assert bits(second) == bits(whole)
        assert history["val_loss"] == wanted["val_loss"][-len(history["val_loss"]) :]


def test_own_loops_and_threads(data, tmp_path):
    path = tmp_path / "own"
    whole, net = network(), network()
    for i in range(9):
        whole.train_batch(data[0][: 5 + i], data[1][: 5 + i])
    for i in range(4):
        net.train_batch(data[0][: 5 + i], data[1][: 5 + i])
    net.save_checkpoint(path)
    held = net.parameters["dense_1.W"]
    expected = held.copy()
    for i in range(3):
        net.train_batch(data[0], data[1])
    net.load_checkpoint(path)
    np.testing.assert_array_equal(held, expected)  # an array that is held shows them
    errors = []

    def save():
        try:
            for _ in range(20):
                net.save_checkpoint(tmp_path / "beside")
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=save)
    thread.start()
    for i in range(4, 9):
        net.train_batch(data[0][: 5 + i], data[1][: 5 + i])
    thread.join()
    assert not errors and bits(net) == bits(whole)


def test_refused(data, tmp_path):
    path = tmp_path / "run.safetensors"
    net = network()
    with pytest.raises(dp.BadState, match="no fit to go on with"):
        net.fit(*data, resume=True)
    with pytest.raises(dp.MissingFile):
        net.fit(*data, resume=path)
    with pytest.raises(dp.TypeMismatch, match="path"):
        net.fit(*data, resume=3.5)
    with pytest.raises(KeyError):
        net.fit(*data, batch_size=SIZE, epochs=2, callbacks=Interrupt(4, path))
    before = bits(net)
    for other, words in [
        (network("sgd"), "adam"),
        (network(dtype="float32"), "another one"),
        (network(dp.Adam(schedule=dp.ReduceOnPlateau())), "schedule"),
    ]:
        own = bits(other)
        with pytest.raises(dp.FileError, match=words):
            other.load_checkpoint(path)
        assert bits(other) == own
    with pytest.raises(dp.InvalidArgument, match="32 rows, those of this data have 12"):
        net.fit(data[0][:12], data[1][:12], batch_size=SIZE, epochs=2, resume=True)
    with pytest.raises(dp.InvalidArgument, match="batches"):
        dp.Checkpoint(path, batches=2, save_best=True)
    data_of_file = path.read_bytes()
    for position in range(0, len(data_of_file), 61):
        damaged = bytearray(data_of_file)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(dp.FileError):
            net.load_checkpoint(path)
    assert bits(net) == before
    path.write_bytes(data_of_file)
    net.load_checkpoint(path)


def test_numbers_that_cannot_be_right(data, tmp_path, rng):
    """What a file says of counts, rates and a fit is changed, with the checksum put right: a status, no crash."""
    xxhash = pytest.importorskip("xxhash")
    path, other = tmp_path / "run.safetensors", tmp_path / "other.safetensors"
    arguments = {"epochs": 3, "batch_size": SIZE}

    def stopping():
        return dp.EarlyStopping(patience=2, restore_best=True)

    with pytest.raises(KeyError):
        network().fit(*data, **arguments, callbacks=[Interrupt(10, path), stopping()])
    raw = path.read_bytes()
    begin = 8 + int.from_bytes(raw[:8], "little")
    head = json.loads(raw[8:begin])
    digits = raw.index(b'"denpa.checksum":"') + len(b'"denpa.checksum":"')
    floats = [float("nan"), float("inf"), -1.0, 1e300, 2.0**53, 2.0**62, 0.5, 7.0]
    counts = [-1, 0, 1, 2**53, 2**53 + 1, 2**62, 2**63 - 1]
    statuses = set()
    for _ in range(300):
        changed = bytearray(raw)
        for name in ("trainer/fit", "trainer/counts", "trainer/rates"):
            first, end = (begin + offset for offset in head[name]["data_offsets"])
            for _ in range(int(rng.integers(0, 2))):
                at = first + 8 * int(rng.integers((end - first) // 8))
                values = np.array(counts, "<i8") if name == "trainer/counts" else np.array(floats, "<f8")
                changed[at : at + 8] = rng.choice(values).tobytes()
        changed[digits : digits + 16] = b"0" * 16
        changed[digits : digits + 16] = b"%016x" % xxhash.xxh64(bytes(changed)).intdigest()
        other.write_bytes(changed)
        try:
            network().fit(*data, **arguments, callbacks=[lambda *_: None, stopping()], resume=other)
            statuses.add("ok")
        except dp.DenpaError as error:
            statuses.add(type(error).__name__)
    assert {"ok", "FileError"} <= statuses <= {"ok", "FileError", "InvalidArgument", "NotFinite"}
