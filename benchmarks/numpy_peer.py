"""Times a training step in NumPy: the arithmetic of Denpa's step, written with whole-array operations.

usage: numpy_peer.py BATCH ACTIVATION LOSS OPTIMIZER SIZE SIZE ...

Prints "ready", then for each line of input the microseconds per step of one block.
"""

import sys
import time

import numpy as np

batch, activation, loss, optimizer = int(sys.argv[1]), *sys.argv[2:5]
sizes = [int(word) for word in sys.argv[5:]]
random = np.random.default_rng(0)
classes = loss == "softmax_cross_entropy"

weights = [(random.standard_normal((i, o)) * 0.05).astype(np.float32) for i, o in zip(sizes, sizes[1:])]
biases = [np.zeros(o, np.float32) for o in sizes[1:]]
parameters = weights + biases
moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
x = random.random((batch, sizes[0]), dtype=np.float32)
t = random.random((batch, sizes[-1]), dtype=np.float32)
if classes:
    t = np.eye(sizes[-1], dtype=np.float32)[random.integers(0, sizes[-1], batch)]
steps_done = 0


def activate(a):
    return np.maximum(a, 0) if activation == "relu" else 1 / (1 + np.exp(-a))


def slope(z):
    return z > 0 if activation == "relu" else z * (1 - z)


def step():
    global steps_done
    z = [x]
    for W, b in zip(weights[:-1], biases[:-1]):
        z.append(activate(z[-1] @ W + b))
    y = z[-1] @ weights[-1] + biases[-1]
    if classes:
        y = np.exp(y - y.max(1, keepdims=True))
        y /= y.sum(1, keepdims=True)
        d = (y - t) / batch
    else:
        d = 2 * (y - t) / y.size
    dW, db = [None] * len(weights), [None] * len(weights)
    for i in reversed(range(len(weights))):
        dW[i], db[i] = z[i].T @ d, d.sum(0)
        if i > 0:
            d = (d @ weights[i].T) * slope(z[i])
    if optimizer == "sgd":
        for p, g in zip(parameters, dW + db):
            p -= 0.01 * g
        return
    steps_done += 1
    c1, c2 = 1 - 0.9**steps_done, 1 - 0.999**steps_done
    for p, g, (m, v) in zip(parameters, dW + db, moments):
        m *= 0.9
        m += 0.1 * g
        v *= 0.999
        v += 0.001 * g * g
        p -= 1e-3 * (m / c1) / (np.sqrt(v / c2) + 1e-8)


step()
start = time.perf_counter()
step()
steps = max(1, min(20_000, int(0.3 / max(time.perf_counter() - start, 1e-7))))
print("ready", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    for _ in range(steps):
        step()
    print((time.perf_counter() - start) / steps * 1e6, flush=True)
