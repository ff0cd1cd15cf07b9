"""NumPy: the arithmetic of the step, written with whole-array operations."""

from __future__ import annotations

from typing import Callable

import numpy as np
from protocol import (BETA1, BETA2, CLIP_NORM, DECAY, EPSILON, NORM_EPSILON, RHO, Network, Peer, serve)

Backward = Callable[[np.ndarray], np.ndarray]  # of the gradient of a layer's output to that of its input


class NumPy(Peer):
    def __init__(self, network: Network) -> None:
        self.network = network
        self.weights = [W for W, _ in network.layers()]
        self.biases = [b for _, b in network.layers()]
        normed = network.sizes[1:-1] if "layer_norm" in network.between else ()
        self.gammas = [np.ones(units, np.float32) for units in normed]
        self.betas = [np.zeros(units, np.float32) for units in normed]
        self.dgammas, self.dbetas = list(self.gammas), list(self.betas)
        self.parameters = self.weights + self.biases + self.gammas + self.betas
        self.moments = [(np.zeros_like(p), np.zeros_like(p)) for p in self.parameters]
        self.x, self.t = network.data()
        if network.classes:
            self.t = np.eye(network.sizes[-1], dtype=np.float32)[self.t]
        self.steps_taken = 0
        self.random = np.random.default_rng(2)

    # -- what is between dense layers; `number` is that of the dense layer before ------------------------------------

    def relu(self, x: np.ndarray, number: int) -> tuple[np.ndarray, Backward]:
        y = np.maximum(x, 0)
        return y, lambda d: d * (y > 0)

    def sigmoid(self, x: np.ndarray, number: int) -> tuple[np.ndarray, Backward]:
        y = 1 / (1 + np.exp(-x))
        return y, lambda d: d * (y * (1 - y))

    def dropout(self, x: np.ndarray, number: int) -> tuple[np.ndarray, Backward]:
        rate = np.float32(self.network.dropout)
        m = (self.random.random(x.shape, np.float32) >= rate) / (1 - rate)
        return x * m, lambda d: d * m

    def layer_norm(self, x: np.ndarray, number: int) -> tuple[np.ndarray, Backward]:
        gamma, beta = self.gammas[number], self.betas[number]
        centered = x - x.mean(1, keepdims=True)
        scale = 1 / np.sqrt((centered * centered).mean(1, keepdims=True) + np.float32(NORM_EPSILON))
        normal = centered * scale

        def backward(d: np.ndarray) -> np.ndarray:
            self.dgammas[number], self.dbetas[number] = (d * normal).sum(0), d.sum(0)
            d = d * gamma
            return scale * (d - d.mean(1, keepdims=True) - normal * (d * normal).mean(1, keepdims=True))

        return normal * gamma + beta, backward

    # -- the step ----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        z = [self.x]
        ways_back: list[list[Backward]] = []
        for number, (W, b) in enumerate(zip(self.weights[:-1], self.biases[:-1])):
            a = z[-1] @ W + b
            ways_back.append([])
            for name in self.network.between:
                a, backward = getattr(self, name)(a, number)
                ways_back[-1].insert(0, backward)
            z.append(a)
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
                d = d @ self.weights[i].T
                for backward in ways_back[i - 1]:
                    d = backward(d)
        self.update(dW + db + self.dgammas + self.dbetas)

    def update(self, gradients: list[np.ndarray]) -> None:
        rate, optimizer = self.network.rate, self.network.optimizer
        if optimizer == "sgd":
            for p, g in zip(self.parameters, gradients):
                p -= rate * g
            return
        if optimizer == "rmsprop":
            for p, g, (_, v) in zip(self.parameters, gradients, self.moments):
                v *= RHO
                v += (1 - RHO) * g * g
                p -= rate * g / (np.sqrt(v) + EPSILON)
            return
        if optimizer == "adamw-clip":
            norm = np.sqrt(sum(np.vdot(g, g) for g in gradients))
            if norm > CLIP_NORM:
                for g in gradients:
                    g *= CLIP_NORM / norm
            for p in self.parameters:
                p *= 1 - rate * DECAY
        self.steps_taken += 1
        c1, c2 = 1 - BETA1**self.steps_taken, 1 - BETA2**self.steps_taken
        for p, g, (m, v) in zip(self.parameters, gradients, self.moments):
            m *= BETA1
            m += (1 - BETA1) * g
            v *= BETA2
            v += (1 - BETA2) * g * g
            p -= rate * (m / c1) / (np.sqrt(v / c2) + EPSILON)

    def loss(self) -> float:
        return float(self.last)


if __name__ == "__main__":
    serve(NumPy)
