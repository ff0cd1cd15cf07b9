"""What the peers of the product share: operands, blocks of repetitions, and the answers to their caller."""

import sys
import time

import numpy as np

BLOCK_SECONDS = 0.02


def operands(line):
    """Two matrices as they are stored, and whether each is to be transposed."""
    dtype, *words = line.split()
    m, n, k, transpose_a, transpose_b = map(int, words)
    random = np.random.default_rng(0)
    a = random.random((k, m) if transpose_a else (m, k), dtype=dtype) - 0.5
    b = random.random((n, k) if transpose_b else (k, n), dtype=dtype) - 0.5
    return a.astype(dtype), b.astype(dtype), transpose_a, transpose_b


class Timer:
    """Times a function in blocks of as many calls as fit into BLOCK_SECONDS."""

    def __init__(self, function):
        self.function = function
        function()
        tried = 1
        while (passed := self.run(tried)) < BLOCK_SECONDS / 4:
            tried *= 2
        self.count = max(1, int(tried * BLOCK_SECONDS / passed))

    def run(self, count):
        function = self.function
        start = time.perf_counter()
        for _ in range(count):
            function()
        return time.perf_counter() - start

    def block(self):
        return self.run(self.count) / self.count


def serve(product):
    """Answers each line of input with the seconds of one block of what `product` makes of it."""
    products = {}
    print("ready", flush=True)
    for line in sys.stdin:
        if line not in products:
            products[line] = product(line)
        print(products[line].block(), flush=True)
