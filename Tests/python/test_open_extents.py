"""Inputs with open extents: sequences of any length, images of any size."""

import numpy as np
import pytest

import denpa as dp


def sequences(length, seed=3):
    x = dp.Input((length, 4), name="x")
    h = dp.Dense(5, activation="tanh")(x)
    return dp.Model(x, dp.Dense(2)(dp.ReduceMean(axes=[1])(h)), seed=seed)


def test_any_length_is_predicted_as_by_a_network_for_that_length():
    net = sequences(None)
    for length in [*range(1, 12), 3, 1]:
        x = np.random.default_rng(length).normal(size=(7, length, 4)).astype(np.float32)
        own = sequences(length)
        assert np.array_equal(net.predict(x), own.predict(x))
        assert np.array_equal(net.predict(x[0]), own.predict(x[0]))


def test_training_with_batches_of_different_lengths():
    net = sequences(None)
    net.compile(loss="mean_squared_error", optimizer=dp.Adam(0.01))
    random, losses = np.random.default_rng(0), []
    for step in range(400):
        x = random.normal(size=(16, 1 + step % 9, 4)).astype(np.float32)
        losses.append(net.train_batch(x, x.mean(axis=1)[:, :2]))
    assert np.mean(losses[-20:]) < 0.2 * np.mean(losses[:20])


def test_gradients_of_one_length_after_another():
    net = sequences(None)
    net.compile(loss="mean_squared_error", optimizer=dp.SGD(0.1))
    for length in (3, 8, 3):
        x = np.random.default_rng(length).normal(size=(5, length, 4)).astype(np.float32)
        t = np.ones((5, 2), np.float32)
        assert net.check_gradients(x, t).passed
        y = net.forward(x, training=True)
        net.zero_grads()
        net.backward(np.ones_like(y))
        own = sequences(length)
        own.compile(loss="mean_squared_error", optimizer=dp.SGD(0.1))
        own.forward(x, training=True)
        own.backward(np.ones_like(y))
        for name in net.grads:
            assert np.array_equal(net.grads[name], own.grads[name])


def test_outputs_may_be_open():
    x = dp.Input((None, 3))
    net = dp.Model(x, dp.Dense(2)(x), seed=1)
    assert net.predict(np.zeros((2, 5, 3))).shape == (2, 5, 2)
    assert net.predict(np.zeros((2, 1, 3))).shape == (2, 1, 2)
    assert net.predict(np.zeros((4, 3))).shape == (4, 2)
    y = net.forward(np.ones((2, 6, 3)), training=True)
    assert y.shape == (2, 6, 2)
    with pytest.raises(dp.ShapeError, match=r"expected \(2, 6, 2\), got \(2, 5, 2\)"):
        net.backward(np.ones((2, 5, 2)))
    net.backward(np.ones((2, 6, 2)))


def test_shapes_say_what_is_open():
    x = dp.Input((None, 4, None))
    assert x.shape == (None, None, 4, None)
    assert dp.Transpose(axes=[2, 1, 3])(x).shape == (None, 4, None, None)
    assert (x + 1).shape == (None, None, 4, None)
    assert dp.ReduceSum(axes=[1, 3])(x).shape == (None, 4)


def test_images_of_any_size():
    x = dp.Input((None, None, 2))
    net = dp.Model(x, dp.ReduceMax(axes=[1, 2])(dp.Conv2D(3, 3)(x)), seed=1)
    for size in (3, 5, 9):
        assert net.predict(np.ones((2, size, size + 1, 2))).shape == (2, 3)
    with pytest.raises(dp.ShapeError, match="smaller than a window"):
        net.predict(np.ones((2, 2, 5, 2)))


def test_parts_of_open_axes():
    x = dp.Input((None, 3))
    values = np.arange(2 * 6 * 3, dtype=np.float32).reshape(2, 6, 3)
    parts = {
        "last": (x[:, -1], values[:, -1]),
        "first": (x[:, 0], values[:, 0]),
        "from": (x[:, 2:], values[:, 2:]),
        "to": (x[:, :4], values[:, :4]),
        "but the last": (x[:, :-1, 1:], values[:, :-1, 1:]),
        "the last two": (x[:, -2:], values[:, -2:]),
        "a column": (x[..., 1], values[..., 1]),
        "all": (x[:, :], values),
    }
    for name, (part, wanted) in parts.items():
        assert np.array_equal(dp.Model(x, part * 1.0).predict(values), wanted), name
    assert x[:, -2:].shape == (None, 2, 3)
    assert x[:, 1:].shape == (None, None, 3)
    with pytest.raises(dp.InvalidArgument, match="selects nothing"):
        x[:, 3:2]


def test_a_slice_to_the_end_that_selects_nothing():
    x = dp.Input((None, 3))
    for part, length, words in ((x[:, 2:], 1, "2 to the end"), (x[:, -2:], 1, "-2 to the end")):
        with pytest.raises(
            dp.InvalidArgument, match=f"indices {words} are no part of axis 1, which has {length}"
        ):
            dp.Model(x, part).predict(np.zeros((2, length, 3)))
    with pytest.raises(dp.InvalidArgument, match="indices 5 to the end are no part of axis 2, which has 3"):
        dp.Slice(axis=2, start=5)(x)


def test_what_cannot_be_open():
    x = dp.Input((3, None))
    with pytest.raises(dp.ShapeError, match='parameter "W" depends on an open extent'):
        dp.Dense(2)(x)
    with pytest.raises(dp.ShapeError, match="open extent was taken for 5040"):
        x + dp.Input((3, 7))
    with pytest.raises(
        dp.ShapeError, match=r"expected \(rows, any, 4\) or one sample \(any, 4\), got \(4,\)"
    ):
        sequences(None).predict(np.zeros(4))
    with pytest.raises(dp.TypeMismatch):
        dp.Input((None, "a"))
    with pytest.raises(dp.ShapeError):
        dp.Input((None, -1))


def test_two_inputs_of_one_length():
    a, b = dp.Input((None, 2), name="a"), dp.Input((None, 2), name="b")
    net = dp.Model([a, b], a * b)
    assert net.predict([np.ones((3, 5, 2)), np.ones((3, 5, 2))]).shape == (3, 5, 2)
    assert net.predict([np.ones((3, 5, 2)), np.ones((3, 1, 2))]).shape == (3, 5, 2)
    with pytest.raises(dp.ShapeError, match="multiply"):
        net.predict([np.ones((3, 5, 2)), np.ones((3, 4, 2))])


@pytest.mark.parametrize("kind", [tuple, list])
def test_a_sequential_takes_open_extents(kind):
    net = dp.Sequential([dp.Dense(3), dp.ReduceMean(axes=[1])], input_shape=kind((None, 4)), seed=2)
    for length in (1, 6):
        x = np.random.default_rng(length).normal(size=(2, length, 4)).astype(np.float32)
        fixed = dp.Sequential([dp.Dense(3), dp.ReduceMean(axes=[1])], input_shape=(length, 4), seed=2)
        assert np.array_equal(net.predict(x), fixed.predict(x))
    with pytest.raises(dp.ShapeError, match='parameter "W" depends on an open extent'):
        dp.Sequential([dp.Dense(3)], input_shape=(None,))


def test_a_layer_by_itself_is_built_for_open_extents():
    layer = dp.Dense(3)
    layer.build((None, 4), seed=5)
    w, b = layer.parameters["W"].copy(), layer.parameters["b"].copy()
    for shape in ((2, 5, 4), (2, 1, 4), (7, 4)):
        x = np.random.default_rng(1).normal(size=shape)
        y = layer.forward(x)
        assert np.allclose(y, x @ w + b, rtol=1e-12)
        dy = np.random.default_rng(2).normal(size=y.shape)
        assert np.allclose(layer.backward(dy), dy @ w.T, rtol=1e-12)
        rows = dy.reshape(-1, 3)
        assert np.allclose(layer.grads["W"], x.reshape(-1, 4).T @ rows, rtol=1e-12)
    image = dp.Conv2D(2, 3)
    image.build([None, None, 1])
    assert image.forward(np.ones((2, 5, 6, 1))).shape == (2, 3, 4, 2)
    with pytest.raises(dp.ShapeError, match="depends on an open extent"):
        dp.Dense(3).build((4, None))


def test_a_shape_that_is_none():
    for make in (
        dp.Input,
        dp.Dense(2).build,
        lambda shape: dp.Sequential([dp.Dense(2)], input_shape=shape),
    ):
        with pytest.raises(
            dp.TypeMismatch, match="tuple of integers, and of None for open extents, got None"
        ):
            make(None)
        with pytest.raises(dp.TypeMismatch, match=r"got \(None, 'a'\)$"):
            make((None, "a"))
        with pytest.raises(dp.ShapeError, match=r"got \(None, -1\); the batch is not part of it.* is None"):
            make((None, -1))


def test_saved_and_pickled(tmp_path):
    import pickle

    net = sequences(None)
    x = np.random.default_rng(1).normal(size=(2, 6, 4)).astype(np.float32)
    net.save(tmp_path / "net.safetensors")
    for again in (dp.load(tmp_path / "net.safetensors"), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(again.predict(x), net.predict(x))
        assert np.array_equal(again.predict(x[:, :2]), net.predict(x[:, :2]))


def test_fit_and_evaluate():
    net = sequences(None)
    net.compile(loss="mean_squared_error", optimizer=dp.Adam(0.02))
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 5, 4)).astype(np.float32)
    before = net.evaluate(x, x.mean(axis=1)[:, :2])
    t = x.mean(axis=1)[:, :2]
    net.fit(x, t, epochs=20, batch_size=32, validation_data=(x[:, :3], t))
    after = net.evaluate(x, x.mean(axis=1)[:, :2])
    assert after < 0.3 * before


def test_a_long_sequence_after_many_short_ones():
    net = sequences(None)
    net.predict(np.zeros((1000, 2, 4), np.float32))
    long = np.zeros((1, 200_000, 4), np.float32)  # a thousand of them would need 16 GB
    assert net.predict(long).shape == (1, 2)
    net.compile(loss="mean_squared_error", optimizer=dp.SGD(0.1))
    net.train_batch(np.zeros((1000, 2, 4), np.float32), np.zeros((1000, 2), np.float32))
    net.train_batch(long, np.zeros((1, 2), np.float32))
