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
        total = 0.0
        for x, t in itertools.islice(self.batches, count):
            self.train(x, t)
            total += self.last  # stays in JAX, which need not wait for it
        self.mean = total / count

    def loss(self) -> float:
        return float(self.mean)


if __name__ == "__main__":
    serve(FromGenerator)
