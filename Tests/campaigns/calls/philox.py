"""The random numbers with which denpa_fit shuffles and dropout drops: Philox4x32-10 (docs/design.md,
DropoutArguments).
"""

from __future__ import annotations

import numpy as np

WORD, LONG = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
SHUFFLE = 0x7368_7566_666C_6531


def scramble(seed):
    z = (seed + 0x9E3779B97F4A7C15) & LONG
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & LONG
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & LONG
    return z ^ (z >> 31)


def philox(counter, key):
    """Salmon, Moraes, Dror and Shaw, 2011."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(second >> 32) ^ c[1] ^ k[0], second & WORD, (first >> 32) ^ c[3] ^ k[1], first & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return c


def permutation(seed, epoch, count):
    """Returns the order of the rows in an epoch, counted over the trainer's lifetime."""
    mixed = scramble(seed) ^ SHUFFLE
    order = [0] * count
    for index in range(count):
        words = philox((index & WORD, index >> 32, epoch & WORD, epoch >> 32), (mixed & WORD, mixed >> 32))
        other = ((words[1] << 32 | words[0]) * (index + 1)) >> 64
        order[index] = order[other]
        order[other] = index
    return order


def dropout(seed, forward, node, count, rate):
    """Returns the factors by which dropout multiplies the elements."""
    mixed = scramble(seed) ^ (0x64726F70 << 32 ^ node)
    words, result = {}, []
    for element in range(count):
        counter = element // 32 * 8 + element % 8
        if counter not in words:
            key = mixed & WORD, mixed >> 32
            words[counter] = philox((counter & WORD, counter >> 32, forward & WORD, forward >> 32), key)
        result.append(0.0 if words[counter][element % 32 // 8] < round(rate * 2**32) else 1 / (1 - rate))
    return np.array(result)
