"""triplet and contrastive, which compare rows by their distances, and the weight of positive targets."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose


def triplet(shape, **attributes):
    anchor, near, far = (dp.Input(shape, name=name) for name in ("anchor", "near", "far"))
    return dp.Model(
        [anchor, near, far], dp.Triplet(**attributes)([anchor, near, far]), dtype="float64", seed=1
    )


def contrastive(shape, **attributes):
    a, b, same = dp.Input(shape, name="a"), dp.Input(shape, name="b"), dp.Input(shape[:-1], name="same")
    return dp.Model([a, b, same], dp.Contrastive(**attributes)([a, b, same]), dtype="float64", seed=1)


@pytest.mark.parametrize("shape", [(1,), (5,), (17,), (3, 4), (2, 3, 33)])
@pytest.mark.parametrize("rows", [1, 7])
def test_triplet(shape, rows, rng):
    x = {name: rng.normal(size=(rows, *shape)) for name in ("anchor", "near", "far")}
    net = triplet(shape, margin=0.5)
    a, p, n = x.values()
    expected = np.maximum(0, ((a - p) ** 2).sum(-1) - ((a - n) ** 2).sum(-1) + 0.5)
    assert_allclose(net.predict(x), expected, rtol=1e-12)
    dy = rng.normal(size=expected.shape)
    slope = (dy * (expected > 0))[..., None]
    found = net.vjp(x, dy)
    for name, value in {"anchor": n - p, "near": p - a, "far": a - n}.items():
        assert_allclose(found[name], 2 * slope * value, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("shape", [(1,), (5,), (17,), (3, 4), (2, 3, 33)])
@pytest.mark.parametrize("margin", [1.0, 10.0])
def test_contrastive(shape, margin, rng):
    x = {"a": rng.normal(size=(6, *shape)), "b": rng.normal(size=(6, *shape))}
    x["same"] = rng.integers(0, 2, (6, *shape[:-1])).astype(float)
    net = contrastive(shape, margin=margin)
    difference = x["a"] - x["b"]
    d = np.sqrt((difference**2).sum(-1))
    missing = np.maximum(0, margin - d)
    assert_allclose(net.predict(x), x["same"] * d**2 + (1 - x["same"]) * missing**2, rtol=1e-11, atol=1e-14)
    dy = rng.normal(size=d.shape)
    da = (2 * dy * (x["same"] - (1 - x["same"]) * missing / d))[..., None] * difference
    found = net.vjp(x, dy)
    assert_allclose(found["a"], da, rtol=1e-11, atol=1e-13)
    assert_allclose(found["b"], -da, rtol=1e-11, atol=1e-13)
    assert_allclose(found["same"], dy * (d**2 - missing**2), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_rows_have_no_direction(dtype):
    """The distance has no derivative at 0; the gradient is 0 there, not NaN."""
    a, b, same = dp.Input((3,), name="a"), dp.Input((3,), name="b"), dp.Input((), name="same")
    net = dp.Model([a, b, same], dp.Contrastive()([a, b, same]), dtype=dtype)
    x = {"a": np.ones((2, 3)), "b": np.ones((2, 3)), "same": np.array([0.0, 1.0])}
    assert_allclose(net.predict(x), [1, 0], atol=1e-6)
    found = net.vjp(x, np.ones(2))
    assert not found["a"].any() and not found["b"].any()


def test_training_with_triplets(rng):
    """Two classes that overlap in the inputs are apart in what a shared layer makes of them."""

    def draw(kind, count=200):
        x = rng.normal(size=(count, 6))
        x[:, 0] = 0.3 * x[:, 0] + kind
        return x

    anchor, near, far = (dp.Input((6,), name=name) for name in ("anchor", "near", "far"))
    shared = dp.Dense(2, name="shared")
    losses = dp.Triplet()([shared(anchor), shared(near), shared(far)])
    net = dp.Model([anchor, near, far], losses, seed=1)
    x = {"anchor": draw(0), "near": draw(0), "far": draw(1)}
    before = net.evaluate(x, None, loss="computed")
    net.fit(x, None, loss="computed", optimizer=dp.Adam(0.02), epochs=40, batch_size=50)
    assert net.evaluate(x, None, loss="computed") < 0.3 * before


def test_bad_shapes():
    a, b, c = dp.Input((3,)), dp.Input((4,)), dp.Input(())
    with pytest.raises(dp.ShapeError, match="p: expected the shape of a"):
        dp.Model([a, b], dp.Triplet()([a, b, a]))
    with pytest.raises(dp.ShapeError, match="an axis behind the rows"):
        dp.Model([c], dp.Triplet()([c, c, c]))
    with pytest.raises(dp.ShapeError, match="s: expected one number for each pair"):
        dp.Model([a], dp.Contrastive()([a, a, a]))
    with pytest.raises(dp.InvalidArgument, match="margin"):
        dp.Triplet(margin=-1)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0, 7.0])
def test_positive_weight(weight, rng):
    x, t = rng.normal(size=(9, 4)) * 3, rng.integers(0, 2, (9, 4)).astype(float)
    loss = dp.SigmoidCrossEntropy(positive_weight=weight)
    p = 1 / (1 + np.exp(-x))
    expected = -(weight * t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    net = dp.Sequential([dp.Identity()], 4, dtype="float64")
    assert_allclose(net.loss(x, t, loss), expected, rtol=1e-12)
    found = net.gradients(x, t, loss=loss, wrt=net.input_names)[net.input_names[0]]
    assert_allclose(found, ((1 - t) * p - weight * t * (1 - p)) / x.size, rtol=1e-11, atol=1e-16)
    assert np.isfinite(net.loss(x * 1e4, t, loss))
