"""Products of views, which are read in place or through packing: slices, permuted axes, windows."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_arithmetic import check, numbers


@pytest.mark.parametrize("units", [1, 2, 5, 17])
@pytest.mark.parametrize("rows", [1, 3, 7])
def test_a_slice_of_columns_goes_into_dense(units, rows):
    cut = dp.Slice(start=2, stop=9)
    x = dp.Input((12,))
    h = dp.Dense(11, activation="tanh", name="h")(x)
    net = dp.Model(x, dp.Dense(units, name="d")(cut(h)), dtype="float64")
    parameters = {name: np.array(value) for name, value in net.parameters.items()}
    given, weights = numbers(rows, 12), numbers(rows, units, seed=2, low=-1)
    y = net.forward(given, training=True)
    dx = net.backward(weights)
    hidden = np.tanh(given @ parameters["h.W"] + parameters["h.b"])
    assert_allclose(y, hidden[:, 2:9] @ parameters["d.W"] + parameters["d.b"], rtol=1e-12)
    assert_allclose(net.grads["d.W"], hidden[:, 2:9].T @ weights, rtol=1e-12, atol=1e-14)
    assert_allclose(net.grads["d.b"], weights.sum(0), rtol=1e-12, atol=1e-14)
    dh = np.zeros_like(hidden)
    dh[:, 2:9] = weights @ parameters["d.W"].T
    dh *= 1 - hidden**2
    assert_allclose(net.grads["h.W"], given.T @ dh, rtol=1e-12, atol=1e-14)
    assert_allclose(dx, dh @ parameters["h.W"].T, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("transpose", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("axes", [(2, 1, 3), (3, 2, 1), (2, 3, 1), (3, 1, 2), (1, 3, 2)], ids=str)
def test_matmul_of_permuted_axes(transpose, axes):
    """Heads, transposed matrices, and matrices in which neither axis is contiguous."""
    ta, tb = transpose
    shape = np.zeros((1, 3, 4, 5)).transpose(0, *axes).shape[1:]
    k = shape[-2] if ta else shape[-1]
    other = (shape[0], 6, k) if tb else (shape[0], k, 6)
    # The second operand is permuted alike.
    back = np.argsort((0, *axes))
    stored = tuple(other[axis - 1] for axis in back[1:])

    def net(a, b):
        a, b = dp.Transpose(axes=axes)(a), dp.Transpose(axes=axes)(b)
        return dp.Matmul(transpose_a=ta, transpose_b=tb)(a, b)

    def reference(a, b):
        a, b = a.transpose(0, *axes), b.transpose(0, *axes)
        return np.matmul(np.swapaxes(a, -1, -2) if ta else a, np.swapaxes(b, -1, -2) if tb else b)

    check(net, reference, (3, 4, 5), stored, rows=2)


@pytest.mark.parametrize("columns", [1, 3])
def test_matmul_with_slices(columns):
    def net(a, b):
        return dp.Slice(axis=2, start=1, stop=5)(a) @ dp.Slice(axis=2, start=2, stop=2 + columns)(b)

    check(
        net,
        lambda a, b: a[:, :, 1:5] @ b[:, :, 2 : 2 + columns],
        (3, 7),
        (4, 6),
        rows=2,
    )


@pytest.mark.parametrize("filters", [1, 4, 19])
@pytest.mark.parametrize("order", [(2, 1, 3), (2, 3, 1)], ids=str)
def test_windows_of_a_permuted_image(order, filters):
    """Windows over a view: neither their rows nor their channels need to be contiguous."""
    x = dp.Input((4, 6, 5))
    layer = dp.Conv2D(filters=filters, kernel=(2, 3), strides=(1, 2), bias=False, name="c")
    turned = dp.Model(x, layer(dp.Transpose(axes=order)(x)), dtype="float64")
    given = numbers(3, 4, 6, 5)
    image = np.ascontiguousarray(given.transpose(0, *order))
    layer = dp.Conv2D(filters=filters, kernel=(2, 3), strides=(1, 2), bias=False, name="c")
    x = dp.Input(image.shape[1:])
    plain = dp.Model(x, layer(x), dtype="float64")
    plain.parameters["c.W"] = np.array(turned.parameters["c.W"])
    y = turned.forward(given, training=True)
    assert_array_equal(y, plain.forward(image, training=True))
    weights = numbers(*y.shape, seed=4, low=-1)
    dx, dimage = turned.backward(weights), plain.backward(weights)
    assert_array_equal(np.array(turned.grads["c.W"]), np.array(plain.grads["c.W"]))
    assert_allclose(dx, dimage.transpose(0, *np.argsort((0, *order))[1:]), rtol=1e-14)
    # y is linear in W: the gradient's product with W is that of y.
    assert_allclose(
        (np.array(turned.grads["c.W"]) * turned.parameters["c.W"]).sum(),
        (y * weights).sum(),
        rtol=1e-10,
    )


@pytest.mark.parametrize("filters", [1, 16])
def test_a_rows_convolution_has_the_same_bits_in_any_batch(filters):
    x = dp.Input((14, 13, 3))
    y = dp.Conv2D(filters=filters, kernel=(3, 4), padding="same", activation="relu")(x)
    net = dp.Model(x, y, dtype="float32", seed=3)
    given = numbers(9, 14, 13, 3, low=-1).astype(np.float32)
    whole = net.predict(given)
    for row in range(9):
        assert_array_equal(net.predict(given[row : row + 1])[0], whole[row])
