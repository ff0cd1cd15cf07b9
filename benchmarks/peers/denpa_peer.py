"""Denpa from Python: net.train_batch.

Denpa takes its number of threads from the CPUs that the process may use: the harness sees to that.
"""

from __future__ import annotations

import denpa as dp
from protocol import BETA1, BETA2, CLIP_NORM, DECAY, EPSILON, NORM_EPSILON, RHO, Network, Peer, serve


def optimizer_of(network: Network) -> dp.Optimizer:
    rate = network.rate
    if network.optimizer == "sgd":
        return dp.SGD(rate)
    if network.optimizer == "rmsprop":
        return dp.RMSProp(rate, rho=RHO, epsilon=EPSILON)
    if network.optimizer == "adamw-clip":
        return dp.AdamW(rate, beta1=BETA1, beta2=BETA2, epsilon=EPSILON, weight_decay=DECAY, clip_norm=CLIP_NORM)
    return dp.Adam(rate, beta1=BETA1, beta2=BETA2, epsilon=EPSILON)


class Denpa(Peer):
    def __init__(self, network: Network) -> None:
        kinds = {
            "relu": dp.ReLU,
            "sigmoid": dp.Sigmoid,
            "dropout": lambda: dp.Dropout(network.dropout),
            "layer_norm": lambda: dp.LayerNorm(epsilon=NORM_EPSILON),
        }
        layers = []
        for units in network.sizes[1:]:
            layers += [dp.Dense(units), *(kinds[name]() for name in network.between)]
        self.net = dp.Sequential(layers[:-len(network.between)], input_shape=(network.sizes[0],), seed=0)
        self.optimizer = optimizer_of(network)
        self.net.compile(network.loss, self.optimizer)
        for number, (W, b) in enumerate(network.layers(), 1):
            self.net.parameters[f"dense_{number}.W"] = W
            self.net.parameters[f"dense_{number}.b"] = b
        self.x, self.t = network.data()

    def step(self) -> None:
        self.last = self.net.train_batch(self.x, self.t)

    def loss(self) -> float:
        return self.last


if __name__ == "__main__":
    serve(Denpa)
