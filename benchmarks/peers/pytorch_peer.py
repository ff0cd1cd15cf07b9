"""PyTorch, as its tutorials write a step."""

from __future__ import annotations

from typing import Callable

import torch
from protocol import BETA1, BETA2, EPSILON, Network, serve
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


class PyTorch:
    def __init__(self, network: Network) -> None:
        torch.set_num_threads(network.threads)
        layers: list[nn.Module] = []
        for W, b in network.layers():
            dense = nn.Linear(*W.shape)
            with torch.no_grad():
                dense.weight.copy_(torch.from_numpy(W.T.copy()))
                dense.bias.copy_(torch.from_numpy(b))
            layers += [dense, ACTIVATIONS[network.activation]()]
        self.net = nn.Sequential(*layers[:-1])
        self.criterion = nn.functional.cross_entropy if network.classes else nn.functional.mse_loss
        if network.optimizer == "sgd":
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=network.rate)
        else:
            self.optimizer = torch.optim.Adam(self.net.parameters(), lr=network.rate, betas=(BETA1, BETA2), eps=EPSILON)
        self.x, self.t = map(torch.from_numpy, network.data())
        self.forward: Callable[[], torch.Tensor] = self.compute

    def compute(self) -> torch.Tensor:
        return self.criterion(self.net(self.x), self.t)

    def step(self) -> None:
        self.optimizer.zero_grad()
        self.last = self.forward()
        self.last.backward()
        self.optimizer.step()

    def wait(self) -> None:
        pass

    def loss(self) -> float:
        return self.last.item()


if __name__ == "__main__":
    serve(PyTorch)
