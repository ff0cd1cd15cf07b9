"""Probabilities and numbers of classes, where the axis of classes is open, single, missing or empty."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


def as_it_is(*sample):
    x = dp.Input(sample, name="x")
    return dp.Model(x, x * 1.0, dtype="float64")


def softmax(y):
    e = np.exp(y - y.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


Y = np.random.default_rng(5).normal(size=(6, 4))


@pytest.mark.parametrize("sample", [(4,), (None,)], ids=["closed", "open"])
def test_classes_on_a_closed_and_on_an_open_axis(sample):
    net = as_it_is(*sample)
    assert_allclose(net.predict_proba(Y), softmax(Y), rtol=1e-12)
    assert_allclose(net.predict_proba(Y[0]), softmax(Y[0]), rtol=1e-12)
    assert_array_equal(net.predict_classes(Y), Y.argmax(axis=1))
    assert net.predict_classes(Y[0]) == Y[0].argmax()


@pytest.mark.parametrize("sample", [(1,), (None,)], ids=["closed", "open"])
def test_a_single_output_on_a_closed_and_on_an_open_axis(sample):
    net, y = as_it_is(*sample), Y[:, :1]
    assert_allclose(net.predict_proba(y), 1 / (1 + np.exp(-y)), rtol=1e-12)
    assert_array_equal(net.predict_classes(y), (y[:, 0] > 0).astype(int))
    assert_array_equal(net.predict_classes(y[1]), int(y[1, 0] > 0))


def test_one_position_of_an_open_sequence_is_no_single_output():
    net = as_it_is(None, 4)
    assert_allclose(net.predict_proba(Y[:, None]), softmax(Y[:, None]), rtol=1e-12)
    assert_array_equal(net.predict_classes(Y[:, None]), Y.argmax(axis=1)[:, None])
    assert net.predict_proba(np.empty((2, 0, 4))).shape == (2, 0, 4)
    assert net.predict_classes(np.empty((2, 0, 4))).shape == (2, 0)


def test_an_output_without_an_axis_is_a_single_output():
    x = dp.Input((4,), name="x")
    net = dp.Model(x, dp.ReduceSum(axes=[1])(x), dtype="float64")
    y = Y.sum(axis=1)
    assert_allclose(net.predict_proba(Y), 1 / (1 + np.exp(-y)), rtol=1e-12)
    assert_array_equal(net.predict_classes(Y), (y > 0).astype(int))
    assert_array_equal(net.predict_classes(Y[2]), int(y[2] > 0))
    assert net.predict_classes(Y).dtype == np.int64


@pytest.mark.parametrize("method", ["predict_proba", "predict_classes"])
@pytest.mark.parametrize("rows", [(0,), (2, 0), (2, 3, 0)], ids=str)
def test_no_classes(method, rows):
    net = as_it_is(*[None] * max(len(rows) - 1, 1))
    sentence = rf'{method} needs at least one class: output "multiply_1" has shape {rows}'
    with pytest.raises(dp.ShapeError) as caught:
        getattr(net, method)(np.empty(rows))
    assert str(caught.value) == sentence


def test_no_classes_at_the_end_of_a_softmax():
    x = dp.Input((None,), name="x")
    for layer in (dp.Softmax(), dp.Sigmoid()):
        with pytest.raises(dp.ShapeError, match="at least one class"):
            dp.Model(x, layer(x)).predict_classes(np.empty((2, 0)))
