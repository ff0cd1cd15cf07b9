"""scikit-learn: MLPClassifier.partial_fit with one batch, its regularisation off."""

from __future__ import annotations

import numpy as np
from protocol import BETA1, BETA2, EPSILON, Network, Peer, serve
from sklearn.neural_network import MLPClassifier

ACTIVATIONS = {"relu": "relu", "sigmoid": "logistic"}


class ScikitLearn(Peer):
    def __init__(self, network: Network) -> None:
        if not network.classes:
            raise SystemExit("scikit-learn is timed on classes alone")
        self.model = MLPClassifier(
            network.sizes[1:-1], activation=ACTIVATIONS[network.between[0]], solver=network.optimizer, alpha=0,
            batch_size=network.batch, learning_rate_init=network.rate, momentum=0, nesterovs_momentum=False, shuffle=False,
            beta_1=BETA1, beta_2=BETA2, epsilon=EPSILON)
        self.x, self.t = network.data()
        # The first call makes the network and takes a step; then it begins anew from the weights of all peers.
        self.model.partial_fit(self.x, self.t, classes=np.arange(network.sizes[-1]))
        for (W, b), own_W, own_b in zip(network.layers(), self.model.coefs_, self.model.intercepts_):
            own_W[...], own_b[...] = W, b
        del self.model._optimizer

    def step(self) -> None:
        self.model.partial_fit(self.x, self.t)

    def loss(self) -> float:
        return float(self.model.loss_)


if __name__ == "__main__":
    serve(ScikitLearn)
