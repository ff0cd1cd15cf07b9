"""JAX's compiled steps on the batches of a Python generator, and the mean of their losses, as a fit reports it."""

from __future__ import annotations

import itertools

from jax_peer import JAX
from protocol import Network, serve


class FromGenerator(JAX):
    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.batches = network.batches()

    def steps(self, count: int) -> None:
        losses = []  # read when all are there: JAX prepares a step while it computes the one before
        for x, t in itertools.islice(self.batches, count):
            self.train(x, t)
            losses.append(self.last)
        self.mean = sum(map(float, losses)) / count

    def loss(self) -> float:
        return self.mean


if __name__ == "__main__":
    serve(FromGenerator)
