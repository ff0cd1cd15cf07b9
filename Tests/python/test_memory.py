"""How much memory a fit takes beyond the data: what include/denpa.h states at denpa_fit."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own, because its largest resident size is read: before the fit that is all the data and what Python has.
# "of a batch" is generous: the values of a batch and their gradients, arguments, what Python makes.
PROGRAM = """
import resource
import numpy as np
import denpa as dp

width, rows, batch = 512, {rows}, 128

def largest():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

net = dp.Sequential([dp.Dense(16, activation="tanh"), dp.Dense(4)], input_shape=(width,), seed=0)
net.compile(dp.SoftmaxCrossEntropy(), dp.Adam())
net.fit(np.zeros((batch, width), {dtype!r}), np.zeros(batch, "int64"), batch_size=batch, shuffle={shuffle})  # first use
x = np.zeros({shape}, {dtype!r}){view}
x[:] = 1  # all pages are there
t = np.zeros((rows, 2), "int64")[:, 1]
before = largest()
net.fit(x, t, batch_size=batch, epochs=2, shuffle={shuffle}, validation_data=(x, t))
gathered = batch * (width * 4 + 8)
order = 8 * rows if {shuffle} else 0
print(largest() - before, gathered + order, x.nbytes)
"""

ROWS = 80_000_000 // 512


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_fit_copies_no_more_than_a_batch(dtype, shuffle):
    grows_by_a_batch(dtype, shuffle, "(rows, width)", "")


@pytest.mark.parametrize("shape, view", [("(rows, width + 3)", "[:, 2:-1]"), ("(width, rows)", ".T")])
def test_a_fit_copies_no_views(shape, view):
    grows_by_a_batch("float32", True, shape, view)


def grows_by_a_batch(dtype, shuffle, shape, view):
    program = PROGRAM.format(rows=ROWS, dtype=dtype, shuffle=shuffle, shape=shape, view=view)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    grown, stated, data = map(int, done.stdout.split())
    of_a_batch = 8 << 20
    assert stated + of_a_batch < data / 2, "the data must be much larger than what is allowed"
    assert grown <= stated + of_a_batch, (
        f"fit took {grown:,} bytes beyond {data:,} of data; {stated:,} are stated"
    )
