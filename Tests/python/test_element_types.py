"""What arrays may be made of: every element type, order and place in memory learns the same, each time."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

ROWS = 3000  # more than 8 KiB of bytes, and more than a page
FLOATS = ["f2", "f4", "f8", "g", ">f2", ">f4", ">f8"]
INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i2", ">i4", ">i8", ">u2", ">u4", ">u8", "?"]


def make(loss):
    net = dp.Sequential([dp.Dense(3)], (4,), dtype="float64", seed=1)
    net.compile(loss, dp.SGD(learning_rate=0.01))
    return net


def data(rng):
    x = rng.integers(0, 2, (ROWS, 4)).astype("f8")
    return x, rng.integers(0, 2, ROWS)  # exact in every type


def after(net, x, t, steps=4):
    losses = [net.train_batch(x, t) for _ in range(steps)]
    return losses, net.parameters["dense_1.W"].copy()


@pytest.mark.parametrize("rows", [5, ROWS])
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_every_type_of_input(dtype, rows, rng):
    x, t = data(rng)
    losses, W = after(make("softmax_cross_entropy"), x[:rows], t[:rows])
    others, V = after(make("softmax_cross_entropy"), x[:rows].astype(dtype), t[:rows])
    assert others == losses
    assert_array_equal(V, W)


@pytest.mark.parametrize("rows", [5, ROWS])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_type_of_class_number(dtype, rows, rng):
    x, t = data(rng)
    losses, W = after(make("softmax_cross_entropy"), x[:rows], t[:rows])
    others, V = after(make("softmax_cross_entropy"), x[:rows], t[:rows].astype(dtype))
    assert others == losses
    assert_array_equal(V, W)


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_every_type_of_value(dtype, rng):
    x, t = data(rng)
    t = np.repeat(t[:, None], 3, axis=1)
    losses, W = after(make("mse"), x, t.astype("f8"))
    others, V = after(make("mse"), x, t.astype(dtype))
    assert others == losses
    assert_array_equal(V, W)


def places(array):
    """The same array in other places and orders."""
    wide = np.zeros((len(array), 2 * array[0].size), array.dtype)
    wide[:, ::2] = array.reshape(len(array), -1)
    yield wide[:, ::2].reshape(array.shape) if array.ndim == 1 else wide[:, ::2]
    yield np.asfortranarray(array)
    yield array[::-1].copy()[::-1]
    memory = np.zeros(array.nbytes + 1, "u1")
    unaligned = memory[1:].view(array.dtype).reshape(array.shape)
    unaligned[...] = array
    yield unaligned
    still = array.copy()
    still.flags.writeable = False
    yield still
    yield array.view(type("Sub", (np.ndarray,), {}))
    yield np.ma.masked_array(array)  # nothing in it is masked
    yield memoryview(np.ascontiguousarray(array))


def test_every_place_in_memory(rng):
    x, t = data(rng)
    losses, W = after(make("softmax_cross_entropy"), x, t, 24)
    net, others = make("softmax_cross_entropy"), []
    for number, (other_x, other_t) in enumerate(zip(places(x), places(t))):
        others.append(net.train_batch(other_x, t))
        others.append(net.train_batch(x, other_t))
        others.append(net.train_batch(x.copy(), t.copy()))  # memory that is gone afterwards
    assert number == 7
    assert_allclose(others, losses, rtol=1e-12)
    assert_allclose(net.parameters["dense_1.W"], W, rtol=1e-12)


def test_what_is_not_numbers_stays_refused(rng):
    x, t = data(rng)
    net = make("softmax_cross_entropy")
    net.train_batch(x, t)
    for wrong in (x.astype("O"), x.astype("S3"), x.astype("c16"), x.astype("M8[s]")):
        with pytest.raises(dp.TypeMismatch, match="numbers"):
            net.train_batch(wrong, t)
    for wrong in (x[:0], x[0]):
        net.train_batch(x, t)
        with pytest.raises(dp.ShapeError):
            net.train_batch(wrong, t)
    assert net.train_batch(x[:0], t[:0]) == 0


def test_one_sample_with_targets_of_no_axis(rng):
    x, t = data(rng)
    losses, W = after(make("softmax_cross_entropy"), x[:1], t[:1])
    for target in (t[0], int(t[0]), np.array(t[0]), np.int8(t[0]), np.uint16(t[0]), np.array(t[0], ">i2")):
        others, V = after(make("softmax_cross_entropy"), x[0], target)
        assert_allclose(others, losses)
        assert_allclose(V, W)


def test_wide_rows_of_half_precision():
    """This read beyond the array, and the process was gone."""
    program = """
        import denpa as dp, numpy as np
        x = np.zeros((100000, 512), "f2")
        net = dp.Sequential([dp.Dense(1)], (512,))
        net.compile("mse", "sgd")
        for _ in range(2): net.train_batch(x, np.zeros((100000, 1)))
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.parametrize("use", ["fit", "train_batch", "predict", "evaluate"])
def test_elements_that_are_masked_are_refused(use, rng):
    x, t = data(rng)
    masked = np.ma.masked_array(x, mask=x > 2)
    masked[7, 1] = np.ma.masked
    for wrong in (masked, list(masked)) if use == "predict" else (masked,):
        with pytest.raises(dp.InvalidArgument, match="masked"):
            net = make("softmax_cross_entropy")
            getattr(net, use)(wrong, *[t] * (use != "predict"))
    with pytest.raises(dp.InvalidArgument, match="target.*masked"):
        make("softmax_cross_entropy").fit(x, np.ma.masked_array(t, mask=t > 0))


def test_numbers_that_int64_cannot_hold():
    net = make("mse")
    with pytest.raises(dp.InvalidArgument, match=r"2\*\*63"):
        net.predict(np.full((2, 4), 2**63, "u8"))
    y = net.predict(np.full((2, 4), 2**62, "u8"))
    assert_allclose(y, net.predict(np.full((2, 4), 2.0**62)))
