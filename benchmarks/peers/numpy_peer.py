"""NumPy: the arithmetic of the step, written with whole-array operations."""

from __future__ import annotations

import numpy as np
from protocol import BETA1, BETA2, EPSILON, Network, serve


class NumPy:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.weights = [W for W, _ in network.layers()]
        self.biases = [b for _, b in network.layers()]
        self.parameters = self.weights + self.biases
        self.moments = [(np.zeros_like(p), np.zeros_like(p)) for p in self.parameters]
        self.x, self.t = network.data()
        if network.classes:
            self.t = np.eye(network.sizes[-1], dtype=np.float32)[self.t]
        self.steps = 0

    def activate(self, a: np.ndarray) -> np.ndarray:
        return np.maximum(a, 0) if self.network.activation == "relu" else 1 / (1 + np.exp(-a))

    def derivative(self, z: np.ndarray) -> np.ndarray:
        return z > 0 if self.network.activation == "relu" else z * (1 - z)

    def step(self) -> None:
        z = [self.x]
        for W, b in zip(self.weights[:-1], self.biases[:-1]):
            z.append(self.activate(z[-1] @ W + b))
        y = z[-1] @ self.weights[-1] + self.biases[-1]
        if self.network.classes:
            y = y - y.max(1, keepdims=True)
            e = np.exp(y)
            total = e.sum(1, keepdims=True)
            self.last = (np.log(total)[:, 0] - (y * self.t).sum(1)).mean()
            d = (e / total - self.t) / self.network.batch
        else:
            d = y - self.t
            self.last = (d * d).mean()
            d = 2 * d / y.size
        dW: list[np.ndarray] = []
        db: list[np.ndarray] = []
        for i in reversed(range(len(self.weights))):
            dW.insert(0, z[i].T @ d)
            db.insert(0, d.sum(0))
            if i > 0:
                d = (d @ self.weights[i].T) * self.derivative(z[i])
        self.update(dW + db)

    def update(self, gradients: list[np.ndarray]) -> None:
        rate = self.network.rate
        if self.network.optimizer == "sgd":
            for p, g in zip(self.parameters, gradients):
                p -= rate * g
            return
        self.steps += 1
        c1, c2 = 1 - BETA1**self.steps, 1 - BETA2**self.steps
        for p, g, (m, v) in zip(self.parameters, gradients, self.moments):
            m *= BETA1
            m += (1 - BETA1) * g
            v *= BETA2
            v += (1 - BETA2) * g * g
            p -= rate * (m / c1) / (np.sqrt(v / c2) + EPSILON)

    def wait(self) -> None:
        pass

    def loss(self) -> float:
        return float(self.last)


if __name__ == "__main__":
    serve(NumPy)
