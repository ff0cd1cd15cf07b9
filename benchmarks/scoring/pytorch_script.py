"""Trains a data set's network with PyTorch and prints the test score.

Batches are rows of the tensors in memory, which is faster than a DataLoader.
"""

from __future__ import annotations

import torch
from task import Task, serve
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def train(task: Task) -> float:
    plan = task.plan
    torch.manual_seed(task.seed)
    sizes = [task.x.shape[1], *plan.hidden]
    layers: list[nn.Module] = []
    for inputs, units in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, units), ACTIVATIONS[plan.activation]()]
    net = nn.Sequential(*layers, nn.Linear(sizes[-1], plan.outputs))
    loss = {0: nn.MSELoss(), 2: nn.BCEWithLogitsLoss()}.get(plan.classes, nn.CrossEntropyLoss())
    optimizer = torch.optim.Adam(net.parameters(), lr=plan.rate)
    x, t = torch.from_numpy(task.x), torch.from_numpy(task.t)
    if plan.outputs == 1:
        t = t.float().reshape(-1, 1)
    for _ in range(plan.epochs):
        for rows in torch.randperm(len(x)).split(plan.batch):
            optimizer.zero_grad()
            loss(net(x[rows]), t[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        y = net(torch.from_numpy(task.xv))
    if plan.classes:
        y = y.argmax(dim=1) if plan.outputs > 1 else (y > 0).long()
    return task.score(y.numpy())


if __name__ == "__main__":
    serve(train)
