"""Layers and losses by themselves: the numbers of the notes (SOURCES C and D), and NumPy's formulas."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


def test_relu_of_numbers_never_keeps_a_stale_mask():
    relu = dp.ReLU()
    assert relu.forward(-5) == 0
    assert relu.backward(1) == 0
    assert relu.forward(10) == 10
    assert relu.backward(1) == 1  # the note's class answers 0: its mask is that of -5
    assert relu.forward(0) == 0
    assert relu.backward(1) == 0  # the derivative at 0


def test_sigmoid_of_ten():
    sigmoid = dp.Sigmoid()
    y = sigmoid.forward(10)
    assert isinstance(y, float)
    assert y == 0.9999546021312976
    assert_allclose(sigmoid.backward(1), 4.5395807735907655e-05, rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "expected"), [("float32", "float32"), ("float64", "float64"), ("int64", "float64")]
)
def test_the_float_type_is_kept_and_integers_become_float64(given, expected):
    x = np.array([[-1, 0, 2]], dtype=given)
    y = dp.ReLU().forward(x)
    assert y.dtype == expected
    assert_array_equal(y, [[0, 0, 2]])


@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3)])
def test_tanh_against_numpy(shape, rng):
    x, dy = rng.normal(size=shape), rng.normal(size=shape)
    tanh = dp.Tanh()
    assert_allclose(tanh.forward(x), np.tanh(x), rtol=1e-12)
    assert_allclose(tanh.backward(dy), dy * (1 - np.tanh(x) ** 2), rtol=1e-10)


def test_softmax_is_safe_and_has_its_gradient(rng):
    x = rng.normal(size=(5, 4)) * 3 + 1000
    e = np.exp(x - x.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    softmax, dy = dp.Softmax(), rng.normal(size=(5, 4))
    assert_allclose(softmax.forward(x), y, rtol=1e-12)
    assert_allclose(
        softmax.backward(dy), y * (dy - (y * dy).sum(axis=1, keepdims=True)), rtol=1e-9, atol=1e-15
    )
    assert_allclose(dp.softmax(x[0]), y[0], rtol=1e-12)


def test_function_forms():
    assert dp.relu(-3) == 0 and dp.relu(3.5) == 3.5
    assert dp.sigmoid(0.0) == 0.5
    assert_allclose(dp.tanh([0.5, -0.5]), np.tanh([0.5, -0.5]))
    assert_array_equal(dp.add([np.ones((2, 3)), np.full((2, 3), 2.0)]), np.full((2, 3), 3.0))


def test_one_layer_with_several_units():
    dense = dp.Dense(3, activation="sigmoid")
    dense.build(4)
    dense.parameters.update(
        W=[[0.1, 0.2, 0.3], [0.2, 0.3, 0.4], [0.3, 0.4, 0.5], [0.4, 0.5, 0.6]], b=[0.1, 0.2, 0.3]
    )
    y = dense.forward([1, 5, 2, -1])
    assert_allclose(y, [0.80218389, 0.90024951, 0.95257413], atol=5e-9)


def test_dense_gradients_against_the_formulas(rng):
    dense, x, dy = dp.Dense(3), rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    dense.build((4,), seed=3)
    W, b = dense.parameters["W"].copy(), rng.normal(size=3)
    dense.parameters["b"] = b
    assert_allclose(dense.forward(x), x @ W + b, rtol=1e-12)
    for _ in range(2):  # each backward answers for its forward alone
        assert_allclose(dense.backward(dy), dy @ W.T, rtol=1e-12)
        assert_allclose(dense.grads["W"], x.T @ dy, rtol=1e-12)
        assert_allclose(dense.grads["b"], dy.sum(axis=0), rtol=1e-12)
        dense.forward(x)


def test_cross_entropy_with_epsilon():
    y = dp.softmax([[0.3, 2.9, 4.0]])
    loss = dp.CrossEntropy(epsilon=1e-7)
    assert_allclose(loss.forward(y, [2]), -np.log(y[0, 2] + 1e-7), rtol=1e-12)
    expected = np.zeros((1, 3))
    expected[0, 2] = -1 / (y[0, 2] + 1e-7)
    assert_allclose(loss.backward(), expected, rtol=1e-12)
    assert_allclose(loss.backward(2.0), 2 * expected, rtol=1e-12)


def test_softmax_cross_entropy_one_hot_and_class_numbers(rng):
    x, t = rng.normal(size=(4, 3)), np.array([0, 2, 1, 2])
    y = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    loss = dp.SoftmaxCrossEntropy()
    for target in (t, t[:, None], t.astype("uint8"), np.eye(3)[t], np.eye(3, dtype=int)[t]):
        assert_allclose(loss.forward(x, target), -np.log(y[np.arange(4), t]).mean(), rtol=1e-12)
        assert_allclose(loss.backward(), (y - np.eye(3)[t]) / 4, rtol=1e-10, atol=1e-16)


def test_the_three_forms_of_half_the_squared_error(rng):
    y, t = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    squares = (y - t) ** 2
    forms = {"batch_mean": squares.sum() / 4, "mean": squares.mean(), "sum": squares.sum()}
    for reduction, expected in forms.items():
        assert_allclose(
            dp.MeanSquaredError(half=True, reduction=reduction).forward(y, t), expected / 2, rtol=1e-12
        )
    loss = dp.MeanSquaredError()
    assert_allclose(loss.forward(y, t), forms["mean"], rtol=1e-12)
    assert_allclose(loss.backward(), 2 * (y - t) / 12, rtol=1e-12)
    assert_allclose((0.1 * loss).forward(y, t), 0.1 * forms["mean"], rtol=1e-12)


def test_numbers_as_predictions():
    loss = dp.MeanSquaredError()
    assert_allclose(loss.forward(3.0, 1), 4.0)
    assert_allclose(loss.backward(), 4.0)


def test_backward_needs_a_forward():
    with pytest.raises(dp.BadState, match="forward"):
        dp.ReLU().backward(1)
    with pytest.raises(dp.BadState, match="forward"):
        dp.MeanSquaredError().backward()
    with pytest.raises(dp.BadState, match="build"):
        _ = dp.Dense(3).parameters


def test_the_questions_memory_may_be_reused(rng):
    relu, x = dp.ReLU(), np.array([[1.0, -1.0]])
    y = relu.forward(x)
    x[:] = 5
    assert_array_equal(y, [[1, 0]])
    assert_array_equal(relu.backward([[1.0, 1.0]]), [[1, 0]])
