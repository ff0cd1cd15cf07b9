"""Denpa from Python: net.train_batch.

Denpa takes its number of threads from the CPUs that the process may use: the harness sees to that.
"""

from __future__ import annotations

import denpa as dp
from protocol import BETA1, BETA2, EPSILON, Network, serve


class Denpa:
    def __init__(self, network: Network) -> None:
        *inner, last = network.sizes[1:]
        layers = [dp.Dense(units, activation=network.activation) for units in inner] + [dp.Dense(last)]
        self.net = dp.Sequential(layers, input_shape=(network.sizes[0],))
        optimizer = dp.SGD(learning_rate=network.rate)
        if network.optimizer == "adam":
            optimizer = dp.Adam(learning_rate=network.rate, beta1=BETA1, beta2=BETA2, epsilon=EPSILON)
        self.net.compile(network.loss, optimizer)
        for number, (W, b) in enumerate(network.layers(), 1):
            self.net.parameters[f"dense_{number}.W"] = W
            self.net.parameters[f"dense_{number}.b"] = b
        self.x, self.t = network.data()

    def step(self) -> None:
        self.last = self.net.train_batch(self.x, self.t)

    def wait(self) -> None:
        pass

    def loss(self) -> float:
        return self.last


if __name__ == "__main__":
    serve(Denpa)
