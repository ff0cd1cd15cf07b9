"""The networks that are timed, and the floor of each: what the machine needs at least for one training step."""

from __future__ import annotations

import dataclasses

MSE, CE = "mean_squared_error", "softmax_cross_entropy"

# How many float32 arrays as large as the parameters one step of an optimizer reads and writes.
#   sgd:        reads w, g; writes w            adam: reads w, g, m, v; writes w, m, v
#   rmsprop:    reads w, g, v; writes w, v
#   adamw-clip: the norm of all gradients reads g; then as adam
SWEEP = {"sgd": 2 + 1, "adam": 4 + 3, "rmsprop": 3 + 2, "adamw-clip": 1 + 4 + 3}


@dataclasses.dataclass(frozen=True)
class Workload:
    """A chain of dense layers, with the layers `between` after each but the last; logits or values at the end; float32."""

    sizes: tuple[int, ...]
    batch: int
    between: str  # names with commas between them: relu, sigmoid, dropout, layer_norm
    loss: str
    optimizer: str
    memory_bound: bool  # whether the optimizer's arrays are too large for a core's own caches

    @property
    def arguments(self) -> list[str]:
        """As the measuring programs take it, after the number of threads."""
        return [str(self.batch), self.between, self.loss, self.optimizer, *map(str, self.sizes)]

    @property
    def parameters(self) -> int:
        dense = sum(i * o + o for i, o in zip(self.sizes, self.sizes[1:]))
        return dense + 2 * sum(self.sizes[1:-1]) * self.between.split(",").count("layer_norm")

    @property
    def plain(self) -> bool:
        """Whether libraries of multi-layer perceptrons know it, and not only those of networks of any layers."""
        return self.between in ("relu", "sigmoid") and self.optimizer in ("sgd", "adam")

    @property
    def operations(self) -> int:
        """Floating-point operations of the products of one step: for each layer (rows, in) -> (rows, out)

        y = x W 2·rows·in·out, dW = x^T dy as many, and dx = dy W^T as many but in the first layer, where nobody asks for dx.
        """
        products = [2 * self.batch * i * o for i, o in zip(self.sizes, self.sizes[1:])]
        return 3 * sum(products) - products[0]

    @property
    def bytes(self) -> int:
        """Bytes that the optimizer moves to and from memory; none where its arrays stay in the caches."""
        return SWEEP[self.optimizer] * 4 * self.parameters if self.memory_bound else 0

    def floor(self, operations_per_second: float, bytes_per_second: float) -> float:
        """Microseconds."""
        return (self.operations / operations_per_second + self.bytes / bytes_per_second) * 1e6


WORKLOADS = {
    "tiny-online": Workload((2, 10, 1), 1, "relu", MSE, "sgd", False),
    "tiny-2-10-1": Workload((2, 10, 1), 1, "sigmoid", MSE, "sgd", False),
    "tiny-3-7-2": Workload((3, 7, 2), 1, "sigmoid", MSE, "sgd", False),
    "tiny-5-20-10-3": Workload((5, 20, 10, 3), 1, "sigmoid", MSE, "sgd", False),
    "tiny-8-8-8-1": Workload((8, 8, 8, 1), 1, "sigmoid", MSE, "sgd", False),
    "book-mlp": Workload((784, 50, 10), 100, "sigmoid", CE, "sgd", False),
    "mlp-adam": Workload((784, 512, 512, 10), 128, "relu", CE, "adam", True),
    "mlp-rmsprop": Workload((784, 512, 512, 10), 128, "relu", CE, "rmsprop", True),
    "mlp-adamw-clip": Workload((784, 512, 512, 10), 128, "relu", CE, "adamw-clip", True),
    "mlp-dropout": Workload((784, 512, 512, 10), 128, "relu,dropout", CE, "adam", True),
    "mlp-layer-norm": Workload((784, 512, 512, 10), 128, "layer_norm,relu", CE, "adam", True),
    "mlp-wide": Workload((1024, 2048, 2048, 1000), 512, "relu", CE, "adam", True),
}

# Loops in Python, beside the same loops of the peers.
LOOPS = {
    "own-loop": Workload((64, 64, 10), 32, "relu", CE, "adam", False),
    "generator": Workload((64, 64, 10), 32, "relu", CE, "adam", False),
}

# Prediction of one sample, from C.
PREDICTIONS = {"predict-64-32-10": Workload((64, 32, 10), 1, "relu", MSE, "sgd", False)}
