"""Weights of samples and of classes, smoothed and ignored targets, losses without targets, penalties."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose

REDUCTIONS = ["mean", "batch_mean", "sum"]
KINDS = [
    "mean_squared_error",
    "huber",
    "sigmoid_cross_entropy",
    "cosine_similarity",
    "softmax_cross_entropy",
]


def two_layers(outputs=3, **options):
    return dp.Sequential(
        [dp.Dense(5, activation="tanh"), dp.Dense(outputs)],
        (4,),
        dtype="float64",
        **options,
    )


def drawn(rng, kind, rows=12, outputs=3):
    x = rng.normal(size=(rows, 4))
    if kind == "softmax_cross_entropy":
        return x, rng.integers(0, outputs, rows)
    return x, rng.uniform(size=(rows, outputs))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_counts_like_repetition(kind, reduction, rng):
    x, t = drawn(rng, kind)
    w = rng.integers(0, 4, len(x))
    loss = dp.create(kind, reduction=reduction)
    factor = 1.0 if reduction == "sum" else w.sum() / len(x)
    repeated = np.repeat(x, w, axis=0), np.repeat(t, w, axis=0)
    weighted, plain = (two_layers(seed=1) for _ in range(2))
    for one in (weighted, plain):
        one.compile(loss, dp.SGD(learning_rate=0.01), metrics=[])
    assert weighted.evaluate(x, t, sample_weight=w) == pytest.approx(
        factor * plain.evaluate(*repeated), rel=1e-12
    )
    plain.learning_rate = 0.01 * factor
    value = weighted.train_batch(x, t, sample_weight=w)
    assert value == pytest.approx(factor * plain.train_batch(*repeated), rel=1e-12)
    for name in plain.parameters:
        assert_allclose(weighted.parameters[name], plain.parameters[name], rtol=1e-12, atol=1e-14)


def test_predictions_of_several_axes(rng):
    """A weight multiplies all that belongs to its sample."""
    a = dp.Input((2, 3), name="a")
    net = dp.Model(a, dp.Dense(4)(a), dtype="float64")
    x, t, w = (
        rng.normal(size=(5, 2, 3)),
        rng.normal(size=(5, 2, 4)),
        rng.uniform(size=5),
    )
    net.compile("mse")
    errors = (net.predict(x) - t) ** 2
    assert net.evaluate(x, t, sample_weight=w) == pytest.approx((w[:, None, None] * errors).mean())
    net.compile(dp.MeanSquaredError(reduction="batch_mean"))
    assert net.evaluate(x, t, sample_weight=w) == pytest.approx((w * errors.sum((1, 2))).mean())
    classes = rng.integers(0, 4, (5, 2))
    net.compile("softmax_cross_entropy", metrics=[])
    each = [net.evaluate(x[i : i + 1], classes[i : i + 1]) for i in range(5)]
    assert net.evaluate(x, classes, sample_weight=w) == pytest.approx(np.mean(w * each))


def test_the_optimizer_keeps_its_state_with_and_without_weights(rng):
    x, t = drawn(rng, "mean_squared_error")
    net = two_layers()
    net.compile("mse", "adam")
    net.fit(x, t, epochs=2)
    steps = net.step_count
    net.fit(x, t, sample_weight=np.ones(len(x)))
    net.train_batch(x, t, sample_weight=np.ones(len(x)))
    assert net.step_count == steps + 2


def test_weights_of_one_change_nothing(rng):
    x, t = drawn(rng, "softmax_cross_entropy", rows=50)
    nets = [two_layers(seed=2) for _ in range(3)]
    for net in nets:
        net.compile("softmax_cross_entropy", "adam")
    histories = [
        nets[0].fit(x, t, epochs=3),
        nets[1].fit(x, t, epochs=3, sample_weight=np.ones(50)),
        nets[2].fit(x, t, epochs=3, class_weight={0: 1.0}),
    ]
    for history in histories[1:]:
        assert history["loss"] == pytest.approx(histories[0]["loss"])


def test_one_sample_and_batches_of_an_iterable(rng):
    x, t = drawn(rng, "mean_squared_error")
    net = two_layers(seed=4)
    net.compile("mse", dp.SGD(learning_rate=0.0))
    plain = net.train_batch(x[0], t[0])
    assert net.train_batch(x[0], t[0], sample_weight=3.0) == pytest.approx(3 * plain)
    batches = [
        (x[:4], t[:4], np.full(4, 2.0)),
        (x[:4], t[:4]),
        (x[:4], t[:4], np.zeros(4)),
    ]
    history = net.fit(batches)
    assert history["loss"][0] == pytest.approx(net.evaluate(x[:4], t[:4]))


def test_classes_have_weights(rng):
    x, t = drawn(rng, "softmax_cross_entropy", rows=30)
    weights = {0: 2.0, 2: 0.5}
    samples = np.array([weights.get(number, 1.0) for number in t])
    found = []
    for options in (
        {"class_weight": weights},
        {"class_weight": [2.0, 1.0, 0.5]},
        {"sample_weight": samples},
        {"class_weight": weights, "sample_weight": np.ones(30)},
    ):
        net = two_layers(seed=5)
        found.append(net.fit(x, t, loss="softmax_cross_entropy", batch_size=7, **options)["loss"][0])
    net = two_layers(seed=5)
    found.append(
        net.fit(x, t, loss=dp.SoftmaxCrossEntropy(class_weights=[2, 1, 0.5]), batch_size=7)["loss"][0]
    )
    assert found == pytest.approx([found[0]] * 5)


def test_balanced_classes(rng):
    x = rng.normal(size=(100, 4))
    t = (np.arange(100) < 10).astype("int64")
    net = two_layers(2, seed=5)
    net.compile("softmax_cross_entropy", dp.SGD(learning_rate=0.0))
    balanced = net.fit(x, t, class_weight="balanced")["loss"][0]
    net.compile("softmax_cross_entropy", metrics=[])
    assert balanced == pytest.approx((net.evaluate(x[:10], t[:10]) + net.evaluate(x[10:], t[10:])) / 2)


def test_several_losses(rng):
    a = dp.Input((4,), name="a")
    net = dp.Model(
        a,
        {"p": dp.Dense(2, name="p")(a), "q": dp.Dense(2, name="q")(a)},
        dtype="float64",
    )
    x, t = (
        rng.normal(size=(6, 4)),
        {"p": rng.normal(size=(6, 2)), "q": rng.normal(size=(6, 2))},
    )
    w = rng.uniform(size=6)
    net.compile({"p": "mse", "q": "mse"})
    squares = {name: ((y - t[name]) ** 2).mean(1) for name, y in net.predict(x).items()}
    assert net.evaluate(x, t, sample_weight={"q": w}) == pytest.approx(
        np.mean(squares["p"] + w * squares["q"])
    )
    assert net.evaluate(x, t, sample_weight=w) == pytest.approx(np.mean(w * (squares["p"] + squares["q"])))
    with pytest.raises(dp.NotFound, match='"r".*p, q'):
        net.evaluate(x, t, sample_weight={"r": w})


def test_what_is_refused(rng):
    x, t = drawn(rng, "softmax_cross_entropy")
    net = two_layers()
    net.compile("softmax_cross_entropy", "sgd")
    for wrong in (np.ones(5), np.ones((12, 1)), [[1.0]]):
        with pytest.raises(dp.ShapeError, match="weight"):
            net.fit(x, t, sample_weight=wrong)
    with pytest.raises(dp.InvalidArgument, match='"balanced"'):
        net.fit(x, t, class_weight="balance")
    with pytest.raises(dp.TypeMismatch, match="the largest class number is 2"):
        net.fit(x, t, class_weight=[1.0])
    one_hot = np.eye(3)[t]
    with pytest.raises(dp.InvalidArgument, match="class_weights"):
        net.fit(x, one_hot, class_weight={0: 2.0})
    with pytest.raises(dp.InvalidArgument, match="for dense arrays"):
        net.fit([(x, t)], class_weight={0: 2.0})
    with pytest.raises(dp.ShapeError, match="one for each of the 3 classes"):
        net.evaluate(x, t, loss=dp.SoftmaxCrossEntropy(class_weights=[1, 2]))


# -- targets of cross-entropies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["softmax_cross_entropy", "cross_entropy"])
def test_ignored_classes(kind, rng):
    x, t = rng.normal(size=(9, 4)), np.array([0, 1, 2, 2, -1, 0, -1, 1, 1])
    layers = [dp.Dense(3)] + ([dp.Softmax()] if kind == "cross_entropy" else [])
    net = dp.Sequential(layers, (4,), dtype="float64", seed=2)
    net.compile(dp.create(kind, ignored=[-1]))
    counted = t >= 0
    loss, accuracy = net.evaluate(x, t)
    assert loss == pytest.approx(net.evaluate(x[counted], t[counted])[0])
    assert accuracy == pytest.approx((net.predict(x).argmax(1) == t)[counted].mean())
    assert net.check_gradients(x, t).passed
    assert net.evaluate(x[4:5], t[4:5])[0] == 0
    known = dp.create(kind, ignored=[-1, 1])  # a class of its own that does not count
    counted = (t >= 0) & (t != 1)
    assert net.evaluate(x, t, loss=known)[1] == pytest.approx(
        (net.predict(x).argmax(1) == t)[counted].mean()
    )
    with pytest.raises(dp.InvalidArgument, match="from 0 to 2 or one of .*-1.*got -2 in row 3"):
        net.evaluate(x, np.where(np.arange(9) == 3, -2, t))


def test_sequences_with_padding(rng):
    a = dp.Input((5, 3), name="a")
    net = dp.Model(a, dp.Dense(4)(a), dtype="float64")
    x, t = rng.normal(size=(6, 5, 3)), rng.integers(0, 4, (6, 5))
    t[:, 3:] = -100
    net.compile(dp.SoftmaxCrossEntropy(ignored=-100))
    y = net.predict(x)
    logs = y - np.log(np.exp(y).sum(-1, keepdims=True))
    rows, steps = np.nonzero(t >= 0)
    assert net.evaluate(x, t)[0] == pytest.approx(-logs[rows, steps, t[rows, steps]].mean())
    assert net.check_gradients(x, t).passed


@pytest.mark.parametrize("threads", [1, 3])
def test_many_rows(threads, rng):
    dp.set_threads(threads)
    try:
        net = dp.Sequential([dp.Dense(7)], (4,), dtype="float64", seed=2)
        x, t = rng.normal(size=(5000, 4)), rng.integers(0, 7, 5000)
        w = rng.uniform(size=7)
        loss = dp.SoftmaxCrossEntropy(class_weights=w, smoothing=0.2)
        y = net.predict(x)
        logs = y - np.log(np.exp(y).sum(1, keepdims=True))
        targets = w * (0.8 * np.eye(7)[t] + 0.2 / 7)
        assert net.loss(x, t, loss=loss) == pytest.approx(-(targets * logs).sum(1).mean(), rel=1e-12)
    finally:
        dp.set_threads(2)


# -- losses without targets --------------------------------------------------------------------------------------


def test_a_loss_of_ones_own(rng):
    """Contrastive loss of two branches, computed by the network; the target is an input."""
    a, b, same = (
        dp.Input((4,), name="a"),
        dp.Input((4,), name="b"),
        dp.Input((1,), name="same"),
    )
    distance = dp.reduce_sum((a - b) ** 2, axes=[1], keepdims=True)
    loss = same * distance + (1 - same) * dp.relu(1 - distance)
    net = dp.Model([a, b, same], loss, dtype="float64")
    x = {
        "a": rng.normal(size=(8, 4)),
        "b": rng.normal(size=(8, 4)),
        "same": rng.integers(0, 2, (8, 1)) * 1.0,
    }
    assert net.evaluate(x, loss="computed") == pytest.approx(net.predict(x).mean())
    with pytest.raises(dp.InvalidArgument, match="takes no targets"):
        net.evaluate(x, np.ones((8, 1)), loss="computed")


def test_training_a_loss_of_ones_own(rng):
    x, t = dp.Input((3,), name="x"), dp.Input((1,), name="t")
    error = dp.Dense(1, name="line")(x) - t
    net = dp.Model([x, t], dp.log(1 + error**2), seed=1)
    data = rng.normal(size=(200, 3))
    given = {"x": data, "t": data @ [[1.0], [2.0], [3.0]]}
    net.compile("computed", dp.Adam(learning_rate=0.05))
    history = net.fit(given, epochs=60)
    assert history["loss"][-1] < 1e-3 and net.parameters["line.W"][:, 0] == pytest.approx([1, 2, 3], abs=0.05)
    assert net.train_batch(given) < 1e-3


@pytest.mark.parametrize("l1, l2", [(0.3, 0.0), (0.0, 0.2), (0.1, 0.4)])
def test_penalties(l1, l2, rng):
    penalty = dp.ActivityPenalty(l1=l1, l2=l2)
    net = dp.Sequential(
        [dp.Dense(5, activation="tanh"), penalty, dp.Dense(1)],
        (4,),
        dtype="float64",
        seed=3,
    )
    plain = dp.Sequential([dp.Dense(5, activation="tanh")], (4,), dtype="float64")
    plain.parameters.update({name: net.parameters[name] for name in plain.parameters})
    x, t = rng.normal(size=(10, 4)), rng.normal(size=(10, 1))
    net.compile("mse")
    h = plain.predict(x)
    wanted = ((net.predict(x) - t) ** 2).mean() + (l1 * np.abs(h).sum() + l2 * (h**2).sum()) / 10
    assert net.evaluate(x, t) == pytest.approx(wanted)
    assert net.check_gradients(x, t, max_elements=-1).passed
    history = net.fit(x, t, batch_size=3, epochs=30, validation_data=(x, t))
    assert history["val_loss"][-1] < wanted
    with pytest.raises(dp.InvalidArgument, match="neither l1 nor l2"):
        dp.Sequential([dp.ActivityPenalty()], (4,))
