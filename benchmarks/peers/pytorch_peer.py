"""PyTorch, as its tutorials write a step."""

from __future__ import annotations

from typing import Callable

import torch
from protocol import (BETA1, BETA2, CLIP_NORM, DECAY, EPSILON, NORM_EPSILON, RHO, Network, Peer, serve)
from torch import nn


class PyTorch(Peer):
    def __init__(self, network: Network) -> None:
        torch.set_num_threads(network.threads)
        torch.manual_seed(0)
        kinds: dict[str, Callable[[int], nn.Module]] = {
            "relu": lambda units: nn.ReLU(),
            "sigmoid": lambda units: nn.Sigmoid(),
            "dropout": lambda units: nn.Dropout(network.dropout),
            "layer_norm": lambda units: nn.LayerNorm(units, eps=NORM_EPSILON),
        }
        layers: list[nn.Module] = []
        for W, b in network.layers():
            dense = nn.Linear(*W.shape)
            with torch.no_grad():
                dense.weight.copy_(torch.from_numpy(W.T.copy()))
                dense.bias.copy_(torch.from_numpy(b))
            layers += [dense, *(kinds[name](len(b)) for name in network.between)]
        self.net = nn.Sequential(*layers[:-len(network.between)])
        self.criterion = nn.functional.cross_entropy if network.classes else nn.functional.mse_loss
        self.parameters = list(self.net.parameters())
        self.optimizer = self.optimizer_of(network)
        self.limited = network.optimizer == "adamw-clip"
        self.x, self.t = map(torch.from_numpy, network.data())
        self.forward: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = self.compute

    def optimizer_of(self, network: Network) -> torch.optim.Optimizer:
        rate, betas = network.rate, (BETA1, BETA2)
        if network.optimizer == "sgd":
            return torch.optim.SGD(self.parameters, lr=rate)
        if network.optimizer == "rmsprop":
            return torch.optim.RMSprop(self.parameters, lr=rate, alpha=RHO, eps=EPSILON)
        if network.optimizer == "adamw-clip":
            return torch.optim.AdamW(self.parameters, lr=rate, betas=betas, eps=EPSILON, weight_decay=DECAY)
        return torch.optim.Adam(self.parameters, lr=rate, betas=betas, eps=EPSILON)

    def compute(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return self.criterion(self.net(x), t)

    def train(self, x: torch.Tensor, t: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        self.last = self.forward(x, t)
        self.last.backward()
        if self.limited:
            nn.utils.clip_grad_norm_(self.parameters, CLIP_NORM)
        self.optimizer.step()

    def step(self) -> None:
        self.train(self.x, self.t)

    def loss(self) -> float:
        return self.last.item()


if __name__ == "__main__":
    serve(PyTorch)
