"""The open loop, losses and gradients, called again with arrays of the form of the call before: nothing differs."""

from __future__ import annotations

import copy
import threading

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

LARGE = 1000  # rows whose arrays are read in place


def make(dtype="float32", units=3, **named):
    layers = [dp.Dense(8, activation="tanh", name="a"), dp.Dropout(rate=0.25), dp.Dense(units, name="b")]
    return dp.Sequential(layers, (4,), dtype=dtype, seed=5, **named)


def batches(rng, rows, kind="float32", count=4):
    for _ in range(count):
        yield (5 * rng.normal(size=(rows, 4))).astype(kind), rng.normal(size=(rows, 3)).astype("float32")


def steps(net, pairs, as_given):
    """Training by hand; `as_given` False passes lists and copies in another order, for which nothing is prepared."""
    loss, adam, told = dp.MeanSquaredError(), dp.Adam(0.01), []
    for x, t in pairs:
        x = x if as_given else np.asfortranarray(x)[::1].tolist() if x.size < 100 else np.asfortranarray(x)
        y = net.forward(x, training=True)
        value, dy = loss.value_and_gradient(y, t)
        dx = net.backward(dy if as_given else [dy])
        net.step(adam if as_given else dp.Adam(0.01))
        net.zero_grads()
        told += [y, value, dy, dx]
    return told


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 7, LARGE])
@pytest.mark.parametrize("kind", ["float32", "float64", "int32"])
def test_a_loop_has_the_bits_of_one_in_which_nothing_is_prepared(dtype, rows, kind, rng):
    pairs = list(batches(rng, rows, kind))
    one, other = make(dtype), make(dtype)
    fast, slow = steps(one, pairs, True), steps(other, pairs, False)
    for a, b in zip(fast, slow):
        assert_array_equal(a, b)
    assert one.to_bytes() == other.to_bytes()


def test_the_calls_are_prepared(rng, monkeypatch):
    """Otherwise these tests would show nothing."""
    net, loss, sgd = make(), dp.MeanSquaredError(), dp.SGD(0.1)
    x, t = next(batches(rng, 6))

    def loop():
        value, dy = loss.value_and_gradient(net.forward(x, training=True), t)
        net.backward(dy)
        net.step(sgd)
        net.accumulate(x, t, loss)
        net.gradients(x, t, loss)

    loop()
    loop()
    parts = net._parts
    for part, name in (
        (parts.open_loop, "_forward"),
        (parts.open_loop, "_backward"),
        (parts.open_loop, "_step"),
        (parts.open_loop, "_accumulate"),
        (parts.derivatives, "_of_loss"),
        (loss._alone, "_compute"),
    ):
        monkeypatch.setattr(part, name, None)
    loop()


def test_forms_that_alternate(rng):
    """Batches of other sizes, one sample, other element types, slices: each has its own result."""
    net, plain = make("float64"), make("float64")
    whole = rng.normal(size=(40, 8))
    forms = [
        whole[:5, :4].copy(),
        whole[:6, :4].copy(),
        whole[:5, :4].astype("float32"),
        whole[7, :4].copy(),
        whole[::8, 4:],
        np.asfortranarray(whole[:5, :4]),
        np.arange(20).reshape(5, 4),
        whole[:5, :4] > 0,
    ]
    for number in rng.integers(0, len(forms), size=60):
        x = forms[number]
        y, expected = net.forward(x, training=True), plain.forward(np.array(x).tolist(), training=True)
        assert_array_equal(y, expected) if x.dtype != "float32" else assert_allclose(y, expected, atol=1e-6)
        dout = np.ones(y.shape, ["float32", "float64", "int64"][number % 3])
        assert_array_equal(net.backward(dout), plain.backward(np.ones(y.shape).tolist()))


def test_large_arrays_of_another_order(rng):
    net, plain, loss = make("float64"), make("float64"), dp.MeanSquaredError()
    whole, t = rng.normal(size=(2 * LARGE, 8)), rng.normal(size=(LARGE, 6))
    for x in (
        whole[:LARGE, :4].copy(),
        whole[::2, 4:],
        np.asfortranarray(whole[LARGE:, :4]),
        whole[::-2, :4],
    ):
        y = net.forward(x, training=True)
        assert_array_equal(y, plain.forward(x.copy(), training=True))
        assert_array_equal(net.backward(t[:, ::2]), plain.backward(t[:, ::2].copy()))
        value, dy = loss.value_and_gradient(y, t[:, 3:])
        assert value == pytest.approx(((y - t[:, 3:]) ** 2).mean()) and dy.shape == y.shape
        assert_allclose(dy, 2 * (y - t[:, 3:]) / y.size, rtol=1e-9, atol=1e-15)


def test_a_loss_or_an_optimizer_that_is_another_one(rng):
    x, t = next(batches(rng, 6, "float64"))
    net = dp.Sequential([dp.Dense(3, name="d")], (4,), dtype="float64", seed=5)
    d = net.predict(x) - t
    for _ in range(3):
        for loss, expected in (("mse", 2 * d), ("mae", np.sign(d)), (dp.MeanSquaredError(half=True), d)):
            found = net.gradients(x, t, loss)["d.b"]
            assert_allclose(found, expected.sum(axis=0) / d.size, rtol=1e-9)
    for _ in range(3):
        for rate in (0.5, 0.25):
            before = np.array(net.parameters["d.b"])
            net.backward(np.ones_like(net.forward(x, training=True)))
            net.step(dp.SGD(rate))
            assert_allclose(net.parameters["d.b"], before - 6 * rate, rtol=1e-12)
            net.zero_grads()


def test_a_refused_forward_of_the_same_form_leaves_the_one_that_waits():
    """The engine looks at the numbers, and the weights have changed since."""
    x = dp.Input((1,), dtype="int32")
    net = dp.Model(x, dp.Flatten()(dp.Embedding(3, 2, name="e")(x)), dtype="float64", seed=0)
    good, bad = np.array([[1], [2]]), np.array([[1], [1 << 40]])
    for _ in range(3):
        net.forward(good, training=True)
        net.parameters["e.W"] = np.ones((3, 2))
        with pytest.raises(dp.DenpaError):
            net.forward(bad, training=True)
        net.zero_grads()
        net.backward(np.ones((2, 2)))
        assert net.grads["e.W"].tolist() == [[0, 0], [1, 1], [1, 1]]


def test_results_are_the_callers_own(rng):
    for rows in (3, LARGE):
        net, loss = make("float64"), dp.MeanSquaredError()
        kept = []
        for x, t in batches(rng, rows, "float64"):
            y = net.forward(x, training=True)
            value, dy = loss.value_and_gradient(y, t)
            dx = net.backward(dy)
            g = net.gradients(x, t, loss)
            for array in (y, dy, dx, *g.values()):
                assert array.flags.owndata and array.flags.writeable
                kept.append((array, array.copy()))
        for array, then in kept:
            assert_array_equal(array, then)
        y[:], dx[:], dy[:] = 7, 8, 9  # nor does writing to them change what comes next
        again = net.gradients(x, t, loss)
        assert all(np.isfinite(a).all() for a in again.values())
        assert loss.backward().max() < 9


def test_what_was_passed_may_be_reused_before_backward(rng):
    for rows in (3, LARGE):
        net, other = make("float64"), make("float64")
        for x, t in batches(rng, rows, "float64"):
            kept = x.copy()
            net.forward(x, training=True)
            x[:] = np.nan
            other.forward(kept, training=True)
            assert_array_equal(net.backward(t), other.backward(t))


def test_what_happens_in_between_counts(rng):
    """Whatever changes weights or trainers between two calls of one form."""
    x, t = next(batches(rng, 6, "float64"))

    def deeds(net):
        yield lambda: None
        yield lambda: net.parameters.update({"b.b": np.full(3, 0.5)})
        yield lambda: net.train_batch(x, t, loss="mse", optimizer="sgd")
        yield lambda: net.fit(x, t, loss="mse", epochs=2)
        yield lambda: net.predict(x)
        yield lambda: net.set_trainable("a", False)
        yield lambda: net.set_trainable("a", True)
        yield lambda: net.initialize(8)
        yield lambda: net.compile("mae", "adam")
        yield lambda: held.append(net.parameters["a.W"])
        yield lambda: held.__setitem__(slice(None), [])

    held: list[np.ndarray] = []
    net = dp.Sequential(
        [dp.Dense(8, activation="tanh", name="a"), dp.Dense(3, name="b")], (4,), dtype="float64"
    )
    sgd, loss = dp.SGD(0.1), dp.MeanSquaredError()
    for deed in deeds(net):
        for _ in range(3):
            deed()
            p = {name: np.array(array) for name, array in net.parameters.items()}
            h = np.tanh(x @ p["a.W"] + p["a.b"])
            y = h @ p["b.W"] + p["b.b"]
            dy = 2 * (y - t) / y.size
            dh = dy @ p["b.W"].T * (1 - h**2)
            trained = net.layers["a"].trainable
            grads = {"a.W": x.T @ dh, "a.b": dh.sum(0)} if trained else {}
            grads |= {"b.W": h.T @ dy, "b.b": dy.sum(0)}
            value, found = net.loss_and_gradients(x, t, loss)
            assert value == pytest.approx(((y - t) ** 2).mean(), rel=1e-6)
            assert list(found) == list(grads)
            for name, expected in grads.items():
                assert_allclose(found[name], expected, rtol=1e-6, atol=1e-12)
            assert_allclose(net.forward(x, training=True), y, rtol=1e-9)
            value, got = loss.value_and_gradient(y, t)
            assert_allclose(got, dy, rtol=1e-6)
            assert_allclose(net.backward(dy), dh @ p["a.W"].T, rtol=1e-9, atol=1e-12)
            net.step(sgd)
            for name in p:
                expected = p[name] - 0.1 * grads.get(name, 0)
                assert_allclose(net.parameters[name], expected, rtol=1e-6, atol=1e-9)
            net.zero_grads()
            assert net.accumulate(x, t, loss) == pytest.approx(net.loss(x, t, loss), rel=1e-9)
            net.step(sgd)
            net.zero_grads()


def test_optimizers_that_alternate(rng):
    pairs = list(batches(rng, 5, "float64", count=6))
    for again in (True, False):
        net, other = make("float64"), make("float64")
        optimizers = dp.SGD(0.1), dp.Adam(0.1), "sgd"
        for number, (x, t) in enumerate(pairs):
            for network, same in ((net, True), (other, again)):
                network.backward(network.forward(x, training=True) - t)
                given = optimizers[number % 3]
                network.step(given if same or isinstance(given, str) else copy.copy(given))
        assert net.to_bytes() == other.to_bytes()


def test_a_closed_network(rng):
    net, loss = make(), dp.MeanSquaredError()
    x, t = next(batches(rng, 5))
    for _ in range(2):
        dy = loss.gradient(net.forward(x, training=True), t)
        net.backward(dy)
        net.step("sgd")
        net.accumulate(x, t, loss)
        net.gradients(x, t, loss)
    net.forward(x, training=True)
    net.close()
    for call in (
        lambda: net.forward(x, training=True),
        lambda: net.backward(dy),
        lambda: net.step("sgd"),
        lambda: net.accumulate(x, t, loss),
        lambda: net.gradients(x, t, loss),
        lambda: net.zero_grads(),
        lambda: net.grads,
    ):
        with pytest.raises(dp.BadState, match="closed"):
            call()


def test_in_fit(rng):
    net, loss, sgd = make(), dp.MeanSquaredError(), dp.SGD(0.1)
    x, t = next(batches(rng, 5))
    for _ in range(2):
        net.backward(loss.gradient(net.forward(x, training=True), t))
        net.step(sgd)
        net.accumulate(x, t, loss)

    def callback(net, epoch, logs):
        for call in (
            lambda: net.forward(x, training=True),
            lambda: net.step(sgd),
            lambda: net.accumulate(x, t, loss),
        ):
            with pytest.raises(dp.BadState, match="in fit"):
                call()
        told.append(epoch)

    told: list[int] = []
    net.fit(x, t, loss=loss, epochs=2, callbacks=callback)
    assert told == [0, 1]


def test_a_forward_or_a_gradient_that_fails(rng):
    i = dp.Input((2,), name="i", dtype="int64")
    net = dp.Model(i, dp.Flatten()(dp.Embedding(6, 2, name="e")(i)), dtype="float64", seed=1)
    good, bad = np.array([[1, 2]]), np.array([[1, 9]])
    for _ in range(2):
        y = net.forward(good, training=True)
    assert net.backward(np.ones_like(y)) is None
    net.forward(good, training=True)
    with pytest.raises(dp.InvalidArgument, match="9"):
        net.forward(bad, training=True)
    with pytest.raises(dp.BadState, match="backward needs a forward"):
        net.backward(np.ones_like(y))
    loss = dp.SoftmaxCrossEntropy()
    y = np.zeros((2, 3))
    for _ in range(2):
        assert loss(y, np.array([0, 2])) == pytest.approx(np.log(3))
    with pytest.raises(dp.InvalidArgument, match="7"):
        loss(y, np.array([0, 7]))
    assert loss(y, np.array([0, 2])) == pytest.approx(np.log(3))


def test_a_step_that_is_refused(rng):
    net, sgd = make("float64"), dp.SGD(0.1)
    x, t = next(batches(rng, 5, "float64"))
    for _ in range(2):
        net.backward(net.forward(x, training=True) - t)
        net.step(sgd)
    before = net.to_bytes()
    net.grads["a.W"][:] = np.nan
    with pytest.raises(dp.NotFinite, match="a.W"):
        net.step(sgd)
    assert net.to_bytes() == before
    net.zero_grads()
    net.step(sgd)


# -- losses by themselves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_gradient_are_those_of_the_loss(dtype, rng):
    y, t = rng.normal(size=(6, 3)).astype(dtype), rng.normal(size=(6, 3)).astype(dtype)
    loss = 0.5 * dp.MeanSquaredError()
    for factor in (1, 2, 3):
        value, gradient = loss.value_and_gradient(factor * y, t)
        assert gradient.dtype == dtype
        assert value == pytest.approx(0.5 * ((factor * y - t) ** 2).mean(), rel=1e-5)
        assert_allclose(gradient, (factor * y - t) / 18, rtol=1e-5, atol=1e-7)
        assert value == loss(factor * y, t)
        assert_array_equal(gradient, loss.gradient(factor * y, t))
        assert_array_equal(gradient, loss.backward())
    one, dy = loss.value_and_gradient(y[0], t[0])
    assert one == loss(y[:1], t[:1]) and dy.shape == (3,)
    for _ in range(2):
        assert loss.value_and_gradient(3.0, 1) == (2.0, 2.0)


def test_class_numbers_of_any_type(rng):
    y, t = rng.normal(size=(6, 3)), rng.integers(0, 3, size=6)
    e = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    loss = dp.SoftmaxCrossEntropy()
    for kind in ("int64", "int32", "uint8", "int64", "int16"):
        for _ in range(2):
            value, gradient = loss.value_and_gradient(y, t.astype(kind))
            assert value == pytest.approx(-np.log(e[np.arange(6), t]).mean(), rel=1e-12)
            assert_allclose(gradient, (e - np.eye(3)[t]) / 6, rtol=1e-9, atol=1e-15)


def test_sums_of_losses(rng):
    y, t = (
        {"a": rng.normal(size=(4, 3)), "b": rng.normal(size=(4, 1))},
        {"a": np.arange(4) % 3, "b": np.ones((4, 1))},
    )
    one, two, three = dp.SoftmaxCrossEntropy("a"), 0.1 * dp.MeanSquaredError("b"), dp.MeanAbsoluteError("b")
    value, gradient = dp.Sum(one, two, three).value_and_gradient(y, t)
    parts = [loss.value_and_gradient(y, t) for loss in (one, two, three)]
    assert value == pytest.approx(sum(part for part, _ in parts))
    assert list(gradient) == ["a", "b"]
    assert_array_equal(gradient["a"], parts[0][1]["a"])
    assert_allclose(gradient["b"], parts[1][1]["b"] + parts[2][1]["b"], rtol=1e-15)
    # Of one output, as an array; of a list, by number.
    both = dp.MeanSquaredError() + 2 * dp.MeanAbsoluteError()
    value, gradient = both.value_and_gradient(y["b"], t["b"])
    d = y["b"] - t["b"]
    assert value == pytest.approx((d**2 + 2 * np.abs(d)).mean())
    assert_allclose(gradient, (2 * d + 2 * np.sign(d)) / 4, rtol=1e-12)
    total = dp.Sum(dp.MeanSquaredError(1))
    value, gradient = total.value_and_gradient([y["a"], y["b"]], [t["a"], t["b"]])
    assert gradient[0] is None and value == pytest.approx((d**2).mean())
    assert_allclose(gradient[1], d / 2, rtol=1e-12)


def test_one_loss_in_many_threads(rng):
    loss, problems = dp.MeanSquaredError(), []

    def work(number):
        y, t = np.full((8, 3), float(number)), np.zeros((8, 3))
        for _ in range(300):
            value, gradient = loss.value_and_gradient(y, t)
            if value != number**2 or not (gradient == 2 * number / 24).all():
                problems.append((number, value))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
