"""What the measuring programs in Python share: the network of the command line, its data, and the serving of blocks.

usage of each: PEER.py THREADS BATCH ACTIVATION LOSS OPTIMIZER SIZE SIZE ...

Prints "ready"; then for each line of input, the seconds that a block shall take, the microseconds of one training step.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import Protocol

import numpy as np

RATES = {"sgd": 0.01, "adam": 0.001}
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Adam's


@dataclasses.dataclass(frozen=True)
class Network:
    """A chain of dense layers with `activation` between them, float32; and how it is trained."""

    threads: int
    batch: int
    activation: str  # relu, sigmoid
    loss: str  # mean_squared_error (over all elements), softmax_cross_entropy (mean over rows, class numbers)
    optimizer: str  # sgd, adam
    sizes: tuple[int, ...]
    rate: float

    @classmethod
    def parse(cls, words: list[str]) -> Network:
        threads, batch, activation, loss, optimizer, *sizes = words
        return cls(int(threads), int(batch), activation, loss, optimizer, tuple(map(int, sizes)), RATES[optimizer])

    @property
    def classes(self) -> bool:
        return self.loss == "softmax_cross_entropy"

    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """W (in, out), uniform in ±1/√in as PyTorch does, and b (out), zeros, of each layer: the same for every peer."""
        random = np.random.default_rng(0)
        return [
            (random.uniform(-(i**-0.5), i**-0.5, (i, o)).astype(np.float32), np.zeros(o, np.float32))
            for i, o in zip(self.sizes, self.sizes[1:])
        ]

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """x (batch, in) and t: class numbers (batch,), or values (batch, out); the same for every peer."""
        random = np.random.default_rng(1)
        x = random.random((self.batch, self.sizes[0]), dtype=np.float32)
        if self.classes:
            return x, random.integers(0, self.sizes[-1], self.batch)
        return x, random.random((self.batch, self.sizes[-1]), dtype=np.float32)


class Peer(Protocol):
    """A network that is trained on its one batch."""

    def __init__(self, network: Network) -> None: ...

    def step(self) -> None:
        """One step of training: forward, loss, backward, optimizer."""

    def wait(self) -> None:
        """Returns when all steps are done."""

    def loss(self) -> float:
        """The loss of the last step, before it changed the weights."""


def seconds_per_step(peer: Peer, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        peer.step()
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
