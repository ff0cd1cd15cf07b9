"""Times NumPy's matrix product, with the OpenBLAS that NumPy brings along.

usage: numpy_peer.py

Prints "ready", then for each line `float32|float64 M N K TRANSPOSE_A TRANSPOSE_B` the seconds a product of one block.
"""

import numpy as np
from timing import Timer, operands, serve


def product(line):
    a, b, transpose_a, transpose_b = operands(line)
    a, b = a.T if transpose_a else a, b.T if transpose_b else b
    c = np.empty((a.shape[0], b.shape[1]), a.dtype)
    return Timer(lambda: np.matmul(a, b, out=c))


serve(product)
