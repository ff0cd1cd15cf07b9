"""How layers and losses differentiate, in a line: what a page shows beside the formula of the registry.

dy stands for ∂E/∂y, the gradient that comes back; dx for what goes on to the input. The forward formulas are the
registry's summaries.
"""

from __future__ import annotations

BACKWARD = {
    "abs": "dx = dy · sign(x)",
    "add": "da = dy, db = dy (summed over broadcast axes)",
    "binary_cross_entropy": "dy = (y − t) / (y·(1 − y)) / count",
    "celu": "dx = dy · (1 for x > 0, else e^(x/α))",
    "concat": "each input's gradient is its part of dy",
    "conv2d": "du = dy · f′(u); dW = windows(x)ᵀ · du; db = Σ du; dx = the windows of du · Wᵀ, added up",
    "cross_entropy": "dy = −t / y / rows",
    "dense": "du = dy · f′(u); dW = xᵀ · du; db = Σ rows of du; dx = du · Wᵀ",
    "divide": "da = dy / b, db = −dy · a / b²",
    "dropout": "dx = dy · m, with the same mask m",
    "elu": "dx = dy · (1 for x > 0, else α·e^x)",
    "embedding": "dW[x] += dy: each row receives the gradients of the places where it was looked up",
    "erf": "dx = dy · 2/√π · e^(−x²)",
    "exp": "dx = dy · y",
    "flatten": "dx = dy in the shape of x",
    "gelu": "dx = dy · (Φ(x) + x·φ(x))",
    "identity": "dx = dy",
    "leaky_relu": "dx = dy · (1 for x > 0, else α)",
    "log": "dx = dy / x",
    "log_sigmoid": "dx = dy · (1 − σ(x))",
    "log_softmax": "dx = dy − softmax(x) · Σ dy",
    "matmul": "da = dy · bᵀ, db = aᵀ · dy",
    "mean_absolute_error": "dy = sign(y − t) / count",
    "mean_squared_error": "dy = 2·(y − t) / count",
    "multiply": "da = dy · b, db = dy · a",
    "negate": "dx = −dy",
    "power": "da = dy · b·a^(b−1), db = dy · y·ln a",
    "reduce_mean": "dx = dy / count, for each element of the mean",
    "reduce_sum": "dx = dy, for each element of the sum",
    "relu": "dx = dy for x > 0, else 0",
    "reshape": "dx = dy in the shape of x",
    "sigmoid": "dx = dy · y·(1 − y)",
    "sigmoid_cross_entropy": "dx = (σ(x) − t) / count",
    "silu": "dx = dy · (σ(x) + y·(1 − σ(x)))",
    "slice": "dx = dy in the part that was taken, else 0",
    "softmax": "dx = y · (dy − Σ dy·y)",
    "softmax_cross_entropy": "dx = (softmax(x) − t) / rows",
    "softplus": "dx = dy · σ(x)",
    "softsign": "dx = dy / (1 + |x|)²",
    "split": "dx = the gradients of the parts, put together",
    "sqrt": "dx = dy / (2·y)",
    "square": "dx = dy · 2x",
    "stack": "each input's gradient is its part of dy",
    "step": "dx = 0: nothing in front of it learns",
    "subtract": "da = dy, db = −dy (summed over broadcast axes)",
    "tanh": "dx = dy · (1 − y²)",
    "transpose": "dx = dy with its axes back in their order",
}
GENERAL = "dx = dy · ∂y/∂x, as the layer computes it"


def backward(kind: str) -> str:
    """Return how a layer or loss differentiates; for reductions other than the usual ones, up to a factor."""
    return BACKWARD.get(kind, GENERAL)
