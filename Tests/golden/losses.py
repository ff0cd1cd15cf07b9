"""Makes losses.json: losses and their gradients, computed by PyTorch in float64.

    python3 -m venv /tmp/v && /tmp/v/bin/pip install torch numpy
    /tmp/v/bin/python losses.py > losses.json

Predictions and targets are exact in float32, so that they are the same for a network of either type. Where
PyTorch has no such loss, its formula is written out here and PyTorch differentiates it.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F

ROWS, COLUMNS = 5, 3


def drawn(seed, low, high, shape=(ROWS, COLUMNS)):
    draw = np.random.default_rng(seed)
    return torch.tensor((draw.random(shape, np.float32) * (high - low) + low).astype(np.float64))


def chosen(seed, *values):
    return torch.tensor(np.random.default_rng(seed).choice(values, (ROWS, COLUMNS)).astype(np.float64))


def distributions(seed):
    weights = drawn(seed, 0.05, 1)
    rows = weights / weights.sum(dim=-1, keepdim=True)
    return rows.to(torch.float32).to(torch.float64)


def pinball(q):
    return lambda y, t: torch.maximum(q * (t - y), (q - 1) * (t - y))


def binary_with(epsilon):
    return lambda y, t: -t * torch.log(y + epsilon) - (1 - t) * torch.log(1 - y + epsilon)


def focal(gamma):
    """As torchvision's sigmoid_focal_loss without alpha; for targets between, by their shares."""

    def of(x, t):
        yes = F.binary_cross_entropy_with_logits(x, torch.ones_like(x), reduction="none")
        no = F.binary_cross_entropy_with_logits(x, torch.zeros_like(x), reduction="none")
        return t * torch.sigmoid(-x) ** gamma * yes + (1 - t) * torch.sigmoid(x) ** gamma * no

    return of


def divergence(epsilon):
    return lambda y, t: F.kl_div((y + epsilon).log(), t, reduction="none")


def cosine(y, t):
    return 1 - F.cosine_similarity(y, t, dim=-1, eps=1e-300)


def plain(function, **options):
    return lambda y, t: function(y, t, reduction="none", **options)


def case(kind, attributes, loss, y, t, by_rows=False):
    """A loss and its gradient for each reduction."""
    results = {}
    for reduction in ("mean", "sum", "batch_mean"):
        prediction = y.clone().requires_grad_()
        terms = loss(prediction, t)
        if by_rows and terms.ndim == y.ndim:
            terms = terms.sum(dim=-1)
        factor = {"mean": 1 / terms.numel(), "sum": 1.0, "batch_mean": 1 / len(y)}[reduction]
        value = terms.sum() * factor
        value.backward()
        results[reduction] = {"loss": value.item(), "gradient": prediction.grad.tolist()}
    return {"kind": kind, "attributes": attributes, "y": y.tolist(), "t": t.tolist(), "results": results}


def classes(attributes, x, t):
    """A cross-entropy of logits, summed by PyTorch. Its means with weights divide by the sum
    of the weights; ours are over the rows that count."""
    results = {}
    weights, ignored = attributes.get("class_weights"), attributes.get("ignored", [-100])[0]
    counted = int((t != ignored).sum()) if t.ndim == 1 else len(t)
    for reduction in ("mean", "sum", "batch_mean"):
        prediction = x.clone().requires_grad_()
        value = F.cross_entropy(
            prediction,
            t,
            weight=None if weights is None else torch.tensor(weights, dtype=torch.float64),
            reduction="sum",
            ignore_index=ignored,
            label_smoothing=attributes.get("smoothing", 0.0),
        )
        value = value * {"mean": 1 / counted, "sum": 1.0, "batch_mean": 1 / len(x)}[reduction]
        value.backward()
        results[reduction] = {"loss": value.item(), "gradient": prediction.grad.tolist()}
    return {"kind": "softmax_cross_entropy", "attributes": attributes, "y": x.tolist(), "t": t.tolist(), "results": results}


def cases():
    values, wanted = drawn(1, -3, 3), drawn(2, -3, 3)
    yield case("mean_squared_error", {}, plain(F.mse_loss), values, wanted)
    yield case("mean_absolute_error", {}, plain(F.l1_loss), values, wanted)
    for delta in (1.0, 0.25, 2.5):
        attributes = {"delta": delta} if delta != 1 else {}
        yield case("huber", attributes, plain(F.huber_loss, delta=delta), values, wanted)
    for q in (0.5, 0.1, 0.95):
        yield case("quantile", {"q": q} if q != 0.5 else {}, pinball(q), values, wanted)
    signs = chosen(3, -1, 1)
    yield case("hinge", {}, lambda y, t: torch.relu(1 - t * y), values, signs)
    yield case("squared_hinge", {}, lambda y, t: torch.relu(1 - t * y) ** 2, values, signs)
    shares, answers, parts = drawn(4, 0.001, 0.999), chosen(5, 0, 1), chosen(6, 0, 0.125, 0.75, 1)
    for targets in (answers, parts):
        yield case("binary_cross_entropy", {}, plain(F.binary_cross_entropy), shares, targets)
    yield case("binary_cross_entropy", {"epsilon": 0.01}, binary_with(0.01), shares, answers)
    logits, large = drawn(7, -4, 4), drawn(8, -200, 200)
    for x, targets in ((logits, answers), (logits, parts), (large, answers), (large, parts)):
        yield case("sigmoid_cross_entropy", {}, plain(F.binary_cross_entropy_with_logits), x, targets)
    for gamma in (2.0, 0.5, 5.0, 0.0):
        for targets in (answers, parts):
            attributes = {"gamma": gamma} if gamma != 2 else {}
            yield case("focal", attributes, focal(gamma), logits, targets)
    counts, rates = chosen(9, 0, 1, 2, 7), drawn(10, 0.05, 6)
    for epsilon in (0.0, 0.01):
        loss = plain(F.poisson_nll_loss, log_input=False, full=False, eps=epsilon)
        yield case("poisson", {"epsilon": epsilon} if epsilon else {}, loss, rates, counts)
    loss = plain(F.poisson_nll_loss, log_input=True, full=False)
    yield case("poisson", {"log": True}, loss, values, counts)
    p, wished = distributions(11), distributions(12)
    sparse = torch.tensor([[1.0, 0, 0], [0, 0.5, 0.5], [0.25, 0.75, 0], [0, 0, 1], [0.5, 0.25, 0.25]])
    for targets in (wished, sparse.to(torch.float64)):
        yield case("kl_divergence", {}, divergence(0), p, targets, by_rows=True)
    yield case("kl_divergence", {"epsilon": 0.01}, divergence(0.01), p, wished, by_rows=True)
    yield case("cosine_similarity", {}, cosine, values, wanted, by_rows=True)
    numbers, weights = torch.tensor([2, 0, 1, 1, 2]), [0.5, 1.0, 2.5]
    for targets in (numbers, wished, sparse.to(torch.float64)):
        yield classes({}, logits, targets)
        yield classes({"smoothing": 0.1}, logits, targets)
        yield classes({"class_weights": weights}, logits, targets)
        yield classes({"class_weights": weights, "smoothing": 0.25}, logits, targets)
    yield classes({"ignored": [1]}, logits, numbers)
    yield classes({"ignored": [-100], "smoothing": 0.1}, logits, torch.tensor([-100, 0, 1, -100, 2]))


if __name__ == "__main__":
    print("[")
    print(",\n".join(json.dumps(found) for found in cases()))
    print("]")
