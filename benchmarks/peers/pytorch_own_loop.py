"""A loop of the user's own with PyTorch: the step of pytorch_peer.py, and the loss as a number after each."""

from __future__ import annotations

from protocol import serve
from pytorch_peer import PyTorch


class OwnLoop(PyTorch):
    def step(self) -> None:
        super().step()
        self.value = self.last.item()

    def loss(self) -> float:
        return self.value


if __name__ == "__main__":
    serve(OwnLoop)
