"""What counts as an array: lists, buffers, DLPack, other element types, other orders; and when nothing is copied."""

from __future__ import annotations

import array

import denpa as dp
import numpy as np
import pytest
from denpa._arrays import as_array
from numpy.testing import assert_allclose, assert_array_equal


class DLPackOnly:
    """An array of another library: it has DLPack and nothing else."""

    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


@pytest.fixture
def net():
    return dp.Sequential([dp.Dense(2)], input_shape=(4,), dtype="float64", seed=3)


def test_every_form_gives_the_same_answer(net, tmp_path):
    x = np.arange(12.0).reshape(3, 4)
    expected = net.predict(x)
    mapped = np.memmap(tmp_path / "x", dtype="f8", mode="w+", shape=(3, 4))
    mapped[:] = x
    forms = [
        x.tolist(),
        tuple(map(tuple, x)),
        DLPackOnly(x),
        memoryview(x),
        mapped,
        np.asfortranarray(x),
        np.repeat(x, 2, axis=1)[:, ::2],
        x[::-1][::-1],
        x.astype(">f8"),
        np.ma.masked_array(x),
    ]
    for form in forms:
        assert_array_equal(net.predict(form), expected)
    for dtype in ("f4", "f2", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "longdouble"):
        assert_allclose(net.predict(x.astype(dtype)), expected, rtol=1e-12)
    assert_allclose(net.predict(x > 3), net.predict((x > 3).astype("f8")), rtol=1e-12)
    assert_allclose(net.predict(array.array("d", x[1])), expected[1], rtol=1e-12)


def test_read_only_arrays_are_read(net):
    x = np.ones((2, 4))
    x.flags.writeable = False
    assert_array_equal(net.predict(x), net.predict(np.ones((2, 4))))
    assert net.train_batch(x, np.zeros((2, 2)), loss="mse") > 0
    assert net.train_batch(x, np.zeros((2, 2))) > 0


def test_nothing_is_copied_where_nothing_has_to_be():
    for dtype in ("f4", "f8", "i4", "i8", "u1"):
        x = np.zeros((3, 4), dtype)
        assert as_array(x) is x
    base = np.zeros((6, 4), "f4")
    assert np.shares_memory(as_array(base[2:4]), base)


def test_questions_are_never_written(net, rng):
    x, t = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    kept = x.copy(), t.copy()
    net.fit(x, t, epochs=2, loss="mse")
    net.train_batch(x, t)
    net.check_gradients(x, t)
    net.backward(net.forward(x, training=True))
    net.predict(x)
    assert_array_equal(x, kept[0])
    assert_array_equal(t, kept[1])


def test_shapes_given_as_numbers_lists_and_tuples():
    for shape in (4, [4], (4,), np.int64(4)):
        assert dp.Sequential([dp.Dense(1)], shape).predict(np.zeros((2, 4))).shape == (2, 1)
    with pytest.raises(dp.TypeMismatch, match="input_shape"):
        dp.Sequential([dp.Dense(1)], "four")
    with pytest.raises(dp.TypeMismatch):
        dp.Input((2.5, 3))


def test_one_number_for_each_row():
    line = dp.Sequential([dp.Dense(1)], 1, dtype="float64")
    x = np.linspace(-1, 1, 5)
    assert_array_equal(line.predict(x), line.predict(x[:, None]))
    assert line.predict([0.5]).shape == (1,)  # one sample


def test_a_list_of_one_array(net, rng):
    x = rng.normal(size=(3, 4))
    assert_array_equal(net.predict([x]), net.predict(x))  # the only input
    assert_array_equal(net.predict([x[0]]), net.predict(x[:1]))  # a batch of one row


def test_integers_as_inputs_stay_integers():
    x = dp.Input((3,), name="ids", dtype="int64")
    assert x.dtype == "int64" and x.shape == (None, 3)
    with pytest.raises(dp.TypeMismatch, match="int64"):
        dp.Input((3,), dtype="complex64")
