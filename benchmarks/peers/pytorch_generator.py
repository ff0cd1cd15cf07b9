"""PyTorch's steps on the batches of a Python generator, and the mean of their losses, as a fit reports it."""

from __future__ import annotations

import itertools

import torch
from protocol import Network, serve
from pytorch_peer import PyTorch


class FromGenerator(PyTorch):
    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.batches = network.batches()

    def steps(self, count: int) -> None:
        total = 0.0
        for x, t in itertools.islice(self.batches, count):
            self.train(torch.from_numpy(x), torch.from_numpy(t))
            total += self.last.item()
        self.mean = total / count

    def loss(self) -> float:
        return self.mean


if __name__ == "__main__":
    serve(FromGenerator)
