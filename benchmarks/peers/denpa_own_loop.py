"""A loop of the user's own with Denpa: forward, the loss's value and gradient, backward and the step, each called from Python."""

from __future__ import annotations

import denpa as dp
from denpa_peer import Denpa
from protocol import Network, serve


class OwnLoop(Denpa):
    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.criterion = dp.SoftmaxCrossEntropy() if network.classes else dp.MeanSquaredError()

    def step(self) -> None:
        y = self.net.forward(self.x, training=True)
        self.last = self.criterion.forward(y, self.t)
        self.net.zero_grads()
        self.net.backward(self.criterion.backward())
        self.optimizer.step(self.net)


if __name__ == "__main__":
    serve(OwnLoop)
