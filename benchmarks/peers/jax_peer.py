"""JAX: the whole step is one compiled function that writes over its own state.

JAX takes its number of threads from the CPUs that the process may use when it is imported: the harness sees to that.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from protocol import (BETA1, BETA2, CLIP_NORM, DECAY, EPSILON, NORM_EPSILON, RHO, Network, Peer, serve)


def layer_norm(x, gamma, beta):
    centered = x - jnp.mean(x, 1, keepdims=True)
    return centered * jax.lax.rsqrt(jnp.mean(centered**2, 1, keepdims=True) + NORM_EPSILON) * gamma + beta


def criterion(network: Network, parameters, key, x, t):
    """The loss; `parameters` are (W, b) of each layer, and (gamma, beta) of each hidden one."""
    layers, norms = parameters
    for number, (W, b) in enumerate(layers[:-1]):
        x = x @ W + b
        for name in network.between:
            if name == "dropout":
                kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - network.dropout, x.shape)
                x = jnp.where(kept, x / (1 - network.dropout), 0)
            elif name == "layer_norm":
                x = layer_norm(x, *norms[number])
            else:
                x = jax.nn.relu(x) if name == "relu" else jax.nn.sigmoid(x)
    W, b = layers[-1]
    y = x @ W + b
    if network.classes:
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(y), t[:, None], 1))
    return jnp.mean((y - t) ** 2)


class SGD:
    def __init__(self, network: Network) -> None:
        self.rate = network.rate

    def state(self, parameters) -> Any:
        return ()

    def update(self, parameters, gradients, state):
        return jax.tree.map(lambda w, g: w - self.rate * g, parameters, gradients), state


class RMSProp(SGD):
    def state(self, parameters) -> Any:
        return jax.tree.map(jnp.zeros_like, parameters)

    def update(self, parameters, gradients, state):
        state = jax.tree.map(lambda v, g: RHO * v + (1 - RHO) * g * g, state, gradients)
        return jax.tree.map(lambda w, g, v: w - self.rate * g / (jnp.sqrt(v) + EPSILON), parameters, gradients,
                            state), state


class Adam(SGD):
    decay = 0.0

    def state(self, parameters) -> Any:
        return (*(jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)), jnp.float32(0))

    def update(self, parameters, gradients, state):
        first, second, steps = state
        steps = steps + 1
        first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
        # 1 - beta^steps: written like that, float32 would lose four of its seven digits
        c1, c2 = (-jnp.expm1(steps * math.log(beta)) for beta in (BETA1, BETA2))

        def moved(w, m, v):
            return (1 - self.rate * self.decay) * w - self.rate * (m / c1) / (jnp.sqrt(v / c2) + EPSILON)

        return jax.tree.map(moved, parameters, first, second), (first, second, steps)


class ClippedAdamW(Adam):
    decay = DECAY

    def update(self, parameters, gradients, state):
        norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in jax.tree.leaves(gradients)))
        factor = jnp.minimum(1, CLIP_NORM / norm)
        return super().update(parameters, jax.tree.map(lambda g: factor * g, gradients), state)


OPTIMIZERS = {"sgd": SGD, "rmsprop": RMSProp, "adam": Adam, "adamw-clip": ClippedAdamW}


class JAX(Peer):
    def __init__(self, network: Network) -> None:
        optimizer = OPTIMIZERS[network.optimizer](network)
        norms = [(jnp.ones(units), jnp.zeros(units)) for units in network.sizes[1:-1] if "layer_norm" in network.between]

        def step(parameters, state, x, t):
            key, state = state
            key, used = jax.random.split(key) if "dropout" in network.between else (key, None)
            loss, gradients = jax.value_and_grad(lambda p: criterion(network, p, used, x, t))(parameters)
            parameters, state = optimizer.update(parameters, gradients, state)
            return parameters, (key, state), loss

        self.parameters = (jax.tree.map(jnp.asarray, network.layers()), norms)
        key = jax.random.key(0) if "dropout" in network.between else None
        self.state = (key, optimizer.state(self.parameters))
        self.x, self.t = map(jnp.asarray, network.data())
        self.update = jax.jit(step, donate_argnums=(0, 1))

    def train(self, x, t) -> None:
        self.parameters, self.state, self.last = self.update(self.parameters, self.state, x, t)

    def step(self) -> None:
        self.train(self.x, self.t)

    def wait(self) -> None:
        jax.block_until_ready((self.parameters, self.state, self.last))

    def loss(self) -> float:
        return float(self.last)


if __name__ == "__main__":
    serve(JAX)
