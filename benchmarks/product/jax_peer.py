"""Times JAX's matrix product on the CPU: a jit-compiled function, each call waited for.

usage: jax_peer.py

Prints "ready", then for each line `float32|float64 M N K TRANSPOSE_A TRANSPOSE_B` the seconds a product of one block. The line
`dispatch float32` gives the seconds of a compiled function that adds two numbers: what each call costs beside its work.
"""

import os

if len(os.sched_getaffinity(0)) == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
from timing import Timer, operands, serve

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)


def waiting(function, *inputs):
    inputs = [jax.device_put(jnp.asarray(value)) for value in inputs]
    compiled = jax.jit(function)
    return Timer(lambda: compiled(*inputs).block_until_ready())


def product(line):
    if line.startswith("dispatch"):
        return waiting(lambda a, b: a + b, 1.0, 2.0)
    a, b, transpose_a, transpose_b = operands(line)
    return waiting(lambda a, b: (a.T if transpose_a else a) @ (b.T if transpose_b else b), a, b)


serve(product)
