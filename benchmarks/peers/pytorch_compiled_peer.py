"""PyTorch with torch.compile: forward, loss and backward become one compiled function each."""

from __future__ import annotations

import torch
from protocol import Network, serve
from pytorch_peer import PyTorch


class CompiledPyTorch(PyTorch):
    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.forward = torch.compile(self.compute)


if __name__ == "__main__":
    serve(CompiledPyTorch)
