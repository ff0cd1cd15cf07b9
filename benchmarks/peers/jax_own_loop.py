"""A loop of the user's own with JAX: the compiled step of jax_peer.py, and the loss as a number after each."""

from __future__ import annotations

from jax_peer import JAX
from protocol import serve


class OwnLoop(JAX):
    def step(self) -> None:
        super().step()
        self.value = float(self.last)

    def loss(self) -> float:
        return self.value


if __name__ == "__main__":
    serve(OwnLoop)
