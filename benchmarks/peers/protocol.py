"""What the measuring programs in Python share: the network of the command line, its data, and the serving of blocks.

usage of each: PEER.py THREADS BATCH BETWEEN LOSS OPTIMIZER SIZE SIZE ...

Prints "ready"; then for each line of input, the seconds that a block shall take, the microseconds of one training step.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import Iterator

import numpy as np

# Learning rates and what follows are PyTorch's defaults, where it has one.
RATES = {"sgd": 0.01, "adam": 0.001, "rmsprop": 0.01, "adamw-clip": 0.001}
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Adam's; RMSProp has the same epsilon
RHO = 0.99  # RMSProp's
DECAY = 0.01  # AdamW's
CLIP_NORM = 0.1  # adamw-clip: of all gradients together, before the step; their norm is 0.3 in the first one
DROPOUT = 0.2
NORM_EPSILON = 1e-5  # layer_norm's
EPOCH = 64  # batches that Network.batches takes turns with


@dataclasses.dataclass(frozen=True)
class Network:
    """A chain of dense layers with the layers `between` after each but the last, float32; and how it is trained."""

    threads: int
    batch: int
    between: tuple[str, ...]  # relu, sigmoid, dropout, layer_norm
    loss: str  # mean_squared_error (over all elements), softmax_cross_entropy (mean over rows, class numbers)
    optimizer: str  # sgd, adam, rmsprop, adamw-clip
    sizes: tuple[int, ...]
    rate: float
    dropout: float = DROPOUT
    spread: float = 1  # of the first weights, in units of PyTorch's

    @classmethod
    def parse(cls, words: list[str]) -> Network:
        threads, batch, between, loss, optimizer, *sizes = words
        return cls(int(threads), int(batch), tuple(between.split(",")), loss, optimizer, tuple(map(int, sizes)),
                   RATES[optimizer])

    @property
    def classes(self) -> bool:
        return self.loss == "softmax_cross_entropy"

    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """W (in, out), uniform in ±spread/√in, and b (out), zeros, of each layer: the same for every peer."""
        random = np.random.default_rng(0)
        return [
            (self.spread * random.uniform(-(i**-0.5), i**-0.5, (i, o)).astype(np.float32), np.zeros(o, np.float32))
            for i, o in zip(self.sizes, self.sizes[1:])
        ]

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """x (batch, in) and t: class numbers (batch,), or values (batch, out); the same for every peer."""
        return self.rows(self.batch)

    def rows(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(1)
        x = random.random((count, self.sizes[0]), dtype=np.float32)
        if self.classes:
            return x, random.integers(0, self.sizes[-1], count)
        return x, random.random((count, self.sizes[-1]), dtype=np.float32)

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """A generator of batches (x, t) without an end: the same for every peer."""
        x, t = self.rows(EPOCH * self.batch)
        while True:
            for first in range(0, len(x), self.batch):
                yield x[first:first + self.batch], t[first:first + self.batch]


class Peer:
    """A network that is trained: on its one batch, if it does not say otherwise."""

    def __init__(self, network: Network) -> None:
        raise NotImplementedError

    def step(self) -> None:
        """One step of training: forward, loss, backward, optimizer."""
        raise NotImplementedError

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()

    def wait(self) -> None:
        """Returns when all steps are done."""

    def loss(self) -> float:
        """The loss of the last step, before it changed the weights."""
        raise NotImplementedError


def seconds_per_step(peer: Peer, count: int) -> float:
    start = time.perf_counter()
    peer.steps(count)
    peer.wait()
    return (time.perf_counter() - start) / count


def serve(kind: type[Peer]) -> None:
    peer = kind(Network.parse(sys.argv[1:]))
    seconds_per_step(peer, 2)  # compilation, first allocations
    count = 1
    step = seconds_per_step(peer, count)
    while step * count < 0.01:
        count *= 2
        step = seconds_per_step(peer, count)
    print("ready", flush=True)
    for line in sys.stdin:
        # Other programs ran meanwhile: a tenth of the block brings code and data back into the caches, untimed.
        seconds = float(line)
        step = seconds_per_step(peer, int(0.1 * seconds / step) + 1)
        step = seconds_per_step(peer, int(seconds / step) + 1)
        print(f"{step * 1e6:.5f}", flush=True)
