"""dropout and gaussian_noise beside Philox in NumPy."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from test_arithmetic import numbers

# -- dropout -------------------------------------------------------------------------------------------------
WORD, LONG = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def words(seed, node, draw, counter):
    """Four random words of a node: Philox4x32-10 (Salmon et al., 2011)."""
    z = (seed + 0x9E3779B97F4A7C15) & LONG
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & LONG
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & LONG
    mixed = (z ^ (z >> 31)) ^ (0x64726F70 << 32 ^ node)
    c = [counter & WORD, counter >> 32, draw & WORD, draw >> 32]
    k = [mixed & WORD, mixed >> 32]
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(second >> 32) ^ c[1] ^ k[0], second & WORD, (first >> 32) ^ c[3] ^ k[1], first & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return c


def factors(seed, node, draw, count, rate):
    """What dropout multiplies by."""
    result = []
    for element in range(count):
        word = words(seed, node, draw, element // 32 * 8 + element % 8)[element % 32 // 8]
        result.append(0.0 if word < round(rate * 2**32) else 1 / (1 - rate))
    return np.array(result)


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_dropout(rate):
    x = dp.Input((5, 7))
    net = dp.Model(x, dp.Dropout(rate)(x), dtype="float64", seed=11)
    given, weights = numbers(6, 5, 7), numbers(6, 5, 7, seed=1)
    for draw in range(3):
        expected = factors(11, 1, draw, given.size, rate).reshape(given.shape)
        assert_array_equal(net.forward(given, training=True), given * expected)
        assert_array_equal(net.backward(weights), weights * expected)
    assert_array_equal(net.predict(given), given)
    assert abs(factors(3, 0, 0, 20000, rate).mean() - 1) < 0.05


def test_dropout_draws_do_not_depend_on_threads():
    given, results, before = numbers(600, 100), [], dp.threads()
    for threads in (1, 2, 3):
        dp.set_threads(threads)
        try:
            net = dp.Sequential([dp.Dropout(0.3), dp.Dense(4)], input_shape=100, seed=5)
            net.compile("mean_squared_error", "adam")
            for _ in range(3):
                net.train_batch(given, numbers(600, 4, seed=2))
            results.append(np.array(net.parameters["dense_1.W"]))
        finally:
            dp.set_threads(before)
    assert_array_equal(results[0], results[1])
    assert_array_equal(results[0], results[2])


# -- noise ---------------------------------------------------------------------------------------------------
def normals(seed, node, draw, count):
    """The standard normal numbers that gaussian_noise adds (Box and Muller, 1958)."""
    result = []
    for element in range(count):
        half, lane = element % 16 // 8, element % 8
        drawn = words(seed, node, draw, element // 32 * 8 + lane)
        radius = np.sqrt(-2 * np.log(((drawn[half] >> 8) + 1) / 2**24))
        angle = 2 * np.pi * (drawn[half + 2] >> 8) / 2**24
        result.append(radius * (np.cos(angle) if element % 32 < 16 else np.sin(angle)))
    return np.array(result)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stddev", [0.25, 3.0])
def test_gaussian_noise(stddev, dtype):
    x = dp.Input((5, 7))
    net = dp.Model(x, dp.GaussianNoise(stddev)(x), dtype=dtype, seed=11)
    given = numbers(6, 5, 7).astype(dtype)
    weights = numbers(6, 5, 7, seed=1).astype(dtype)
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    for draw in range(3):
        expected = given + stddev * normals(11, 1, draw, given.size).reshape(given.shape)
        assert_allclose(net.forward(given, training=True), expected, rtol=tolerance, atol=tolerance)
        assert_array_equal(net.backward(weights), weights)
    assert_array_equal(net.predict(given), given)


def test_gaussian_noise_is_normal():
    """Moments, tails and independence of its neighbours, of 2 million numbers."""
    net = dp.Sequential([dp.GaussianNoise(1.0)], (2000,), dtype="float64", seed=2)
    drawn = net.forward(np.zeros((1000, 2000)), training=True)
    assert_allclose([(drawn**power).mean() for power in (1, 2, 3, 4)], [0, 1, 0, 3], atol=0.02)
    for limit, share in ((1, 0.3173), (2, 0.0455), (3, 0.0027), (4, 6.3e-5)):
        assert_allclose((np.abs(drawn) > limit).mean(), share, rtol=0.02, atol=2e-5)
    assert np.abs(drawn).max() < 5.8
    flat = drawn.reshape(-1)
    for lag in (1, 8, 16, 32, 2000):
        assert abs((flat[lag:] * flat[:-lag]).mean()) < 0.004
    again = net.forward(np.zeros((1000, 2000)), training=True)
    assert abs((again * drawn).mean()) < 0.004


def test_gaussian_noise_does_not_depend_on_threads():
    given, results, before = numbers(600, 100), [], dp.threads()
    for threads in (1, 2, 3):
        dp.set_threads(threads)
        try:
            net = dp.Sequential([dp.GaussianNoise(0.3), dp.Dense(4)], input_shape=100, seed=5)
            net.compile("mean_squared_error", "adam")
            for _ in range(3):
                net.train_batch(given, numbers(600, 4, seed=2))
            results.append(np.array(net.parameters["dense_1.W"]))
        finally:
            dp.set_threads(before)
    assert_array_equal(results[0], results[1])
    assert_array_equal(results[0], results[2])


def test_gaussian_noise_of_nothing_and_below():
    net = dp.Sequential([dp.GaussianNoise(0.0)], 3, dtype="float64")
    assert_array_equal(net.forward(numbers(2, 3), training=True), numbers(2, 3))
    for wrong in (-0.1, float("nan"), float("inf")):
        with pytest.raises(dp.InvalidArgument, match='attribute "stddev" must be at least 0 and at most'):
            dp.GaussianNoise(wrong)(dp.Input(3))
