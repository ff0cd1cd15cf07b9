"""Denpa's fit from a Python generator of batches."""

from __future__ import annotations

from denpa_peer import Denpa
from protocol import Network, serve


class FromGenerator(Denpa):
    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.batches = network.batches()

    def steps(self, count: int) -> None:
        self.last = self.net.fit(self.batches, steps_per_epoch=count)["loss"][-1]


if __name__ == "__main__":
    serve(FromGenerator)
