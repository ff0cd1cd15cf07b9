"""JAX: the whole step is one compiled function that writes over its own state.

JAX takes its number of threads from the CPUs that the process may use when it is imported: the harness sees to that.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from protocol import BETA1, BETA2, EPSILON, Network, serve

ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}


class JAX:
    def __init__(self, network: Network) -> None:
        activate = ACTIVATIONS[network.activation]

        def criterion(parameters, x, t):
            for W, b in parameters[:-1]:
                x = activate(x @ W + b)
            W, b = parameters[-1]
            y = x @ W + b
            if network.classes:
                return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(y), t[:, None], 1))
            return jnp.mean((y - t) ** 2)

        def sgd(parameters, state, x, t):
            loss, gradients = jax.value_and_grad(criterion)(parameters, x, t)
            return jax.tree.map(lambda w, g: w - network.rate * g, parameters, gradients), state, loss

        def adam(parameters, state, x, t):
            loss, gradients = jax.value_and_grad(criterion)(parameters, x, t)
            first, second, steps = state
            steps = steps + 1
            first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
            second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
            # 1 - beta^steps: written like that, float32 would lose four of its seven digits
            c1, c2 = (-jnp.expm1(steps * math.log(beta)) for beta in (BETA1, BETA2))

            def moved(w, m, v):
                return w - network.rate * (m / c1) / (jnp.sqrt(v / c2) + EPSILON)

            return jax.tree.map(moved, parameters, first, second), (first, second, steps), loss

        self.parameters = jax.tree.map(jnp.asarray, network.layers())
        zeros = [jax.tree.map(jnp.zeros_like, self.parameters) for _ in range(2)]
        self.state = (*zeros, jnp.float32(0)) if network.optimizer == "adam" else ()
        self.x, self.t = map(jnp.asarray, network.data())
        self.update = jax.jit(adam if network.optimizer == "adam" else sgd, donate_argnums=(0, 1))

    def step(self) -> None:
        self.parameters, self.state, self.last = self.update(self.parameters, self.state, self.x, self.t)

    def wait(self) -> None:
        jax.block_until_ready((self.parameters, self.state, self.last))

    def loss(self) -> float:
        return float(self.last)


if __name__ == "__main__":
    serve(JAX)
