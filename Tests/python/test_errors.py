"""What is refused, with which exception, and whether the sentence helps."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest


@pytest.fixture
def net():
    return dp.Sequential([dp.Dense(8, name="encoder"), dp.Dense(3)], input_shape=(64,))


def test_each_exception_is_also_the_one_of_python():
    pairs = {
        dp.ShapeError: ValueError,
        dp.TypeMismatch: TypeError,
        dp.NotFound: KeyError,
        dp.NotRegistered: KeyError,
        dp.CallbackFailed: RuntimeError,
        dp.PluginError: ImportError,
        dp.OutOfMemory: MemoryError,
        dp.InvalidArgument: ValueError,
        dp.FileError: OSError,
        dp.MissingFile: FileNotFoundError,
        dp.NotFinite: ArithmeticError,
        dp.BadState: RuntimeError,
        dp.ProofFailed: AssertionError,
    }
    for ours, theirs in pairs.items():
        assert issubclass(ours, dp.DenpaError) and issubclass(ours, theirs)
        assert str(ours("what happened")).endswith("what happened")
    assert str(dp.NotFound('no layer "x"')) == 'no layer "x"'  # KeyError alone would quote it


def test_a_wrong_shape_names_expected_and_given(net):
    with pytest.raises(dp.ShapeError, match=r"64.*63") as caught:
        net.predict(np.zeros((8, 63)))
    assert caught.value.status == 3
    with pytest.raises(dp.ShapeError, match=r"\(rows, 64\).*\(2, 3, 4\)"):
        net.predict(np.zeros((2, 3, 4)))
    with pytest.raises(dp.ShapeError, match="63"):
        net.fit(np.zeros((8, 63)), np.zeros((8, 3)), loss="mse")
    with pytest.raises(dp.ShapeError):
        net.predict([[1.0, 2.0], [3.0]])


def test_what_is_no_number(net):
    for wrong in (np.array([["a"] * 64]), np.zeros((1, 64), complex), None, object(), [[None] * 64]):
        with pytest.raises(dp.TypeMismatch, match="numbers"):
            net.predict(wrong)


def test_inputs_by_name(net):
    with pytest.raises(dp.NotFound, match="image.*input"):
        net.predict({"image": np.zeros((1, 64))})
    with pytest.raises(dp.NotFound, match="missing"):
        net.predict({})


def test_attributes():
    with pytest.raises(dp.InvalidArgument, match='did you mean "units"'):
        dp.Dense(unit=3)
    with pytest.raises(dp.InvalidArgument, match='"units" is missing'):
        dp.Dense()
    with pytest.raises(dp.InvalidArgument, match="at least 1"):
        dp.Dense(0)
    with pytest.raises(dp.TypeMismatch, match="an integer, got 'ten'"):
        dp.Dense("ten")
    with pytest.raises(dp.TypeMismatch, match="an integer"):
        dp.Dense(2.5)
    with pytest.raises(dp.InvalidArgument, match="one of .*relu"):
        dp.Dense(3, activation="rel")
    with pytest.raises(dp.TypeMismatch, match="one of the initializers"):
        dp.Dense(3, initializer=dp.Adam())
    with pytest.raises(dp.InvalidArgument, match="twice"):
        dp.Dense(3, units=4)
    with pytest.raises(dp.InvalidArgument, match="takes up to"):
        dp.ReLU(1, 2, 3)
    with pytest.raises(dp.TypeMismatch, match="names an output"):
        dp.MeanSquaredError(np.zeros(3))
    assert dp.Dense(np.int64(3)).units == 3


def test_the_shape_is_the_one_that_was_given(net):
    """Not that of the part of it that one call of the engine predicts."""
    with pytest.raises(dp.ShapeError, match=r"\(rows, 64\), got \(1797, 63\)"):
        net.predict(np.zeros((1797, 63)))


def test_names_that_nobody_has(net):
    with pytest.raises(dp.NotRegistered, match="mean_squared_error"):
        net.compile(loss="mean_square_error")
    with pytest.raises(dp.NotRegistered, match="adam"):
        net.compile(optimizer="adaam")
    with pytest.raises(dp.TypeMismatch, match="optimizer"):
        net.compile(optimizer=3)
    with pytest.raises(dp.NotRegistered, match="relu"):
        dp.create("rellu")
    with pytest.raises(dp.NotRegistered, match="nothing_like_it"):
        dp.Sequential([dp.Dense(3, initializer="nothing_like_it")], (2,))
    with pytest.raises(AttributeError, match="Densee"):
        _ = dp.Densee
    with pytest.raises(AttributeError, match="plugin"):
        _ = dp.layers.Swisch
    with pytest.raises(dp.NotFound, match='did you mean "encoder"'):
        _ = net.layers["encodr"]
    with pytest.raises(dp.NotFound, match="price"):
        net.compile(loss=dp.MeanSquaredError("price"))


def test_not_now(net):
    with pytest.raises(dp.BadState, match="loss"):
        net.fit(np.zeros((4, 64)), np.zeros((4, 3)))
    with pytest.raises(dp.BadState, match="forward"):
        net.backward(np.zeros((1, 3)))
    net.forward(np.zeros((1, 64)))
    with pytest.raises(dp.BadState, match="training=True"):
        net.backward(np.zeros((1, 3)))
    with pytest.raises(dp.BadState, match="optimizer"):
        _ = net.learning_rate


def test_numbers_out_of_range(net):
    x, t = np.zeros((4, 64)), np.zeros((4, 3))
    for wrong in ({"epochs": 0}, {"batch_size": 0}, {"epochs": 1.5}):
        with pytest.raises(dp.InvalidArgument, match=next(iter(wrong))):
            net.fit(x, t, loss="mse", **wrong)
    with pytest.raises(dp.InvalidArgument):
        dp.set_threads(0)
    with pytest.raises(dp.InvalidArgument, match="float16"):
        dp.Sequential([dp.Dense(1)], (1,), dtype="float16")
    with pytest.raises(dp.DenpaError):
        net.fit(x[:0], t[:0], loss="mse")
    assert net.predict(x[:0]).shape == (0, 3)


def test_wrong_targets(net):
    x = np.zeros((4, 64))
    with pytest.raises(dp.DenpaError):
        net.fit(x, np.array([0, 1, 2, 3]), loss="softmax_cross_entropy")  # 3 is no class of three
    with pytest.raises(dp.ShapeError):
        net.fit(x, np.zeros((4, 2)), loss="softmax_cross_entropy")
    with pytest.raises(dp.TypeMismatch, match="target"):
        net.fit(x, None, loss="mse")


def test_wrong_output_gradients(net):
    net.forward(np.zeros((2, 64)), training=True)
    with pytest.raises(dp.ShapeError, match=r"\(2, 3\).*\(3, 2\)"):
        net.backward(np.zeros((3, 2)))


def test_nan_passes_prediction_and_stops_training(net):
    x = np.zeros((4, 64), "f4")
    x[1, 5] = np.nan
    y = net.predict(x)
    assert np.isnan(y[1]).all() and np.isfinite(y[[0, 2, 3]]).all()
    before = net.to_bytes()
    with pytest.raises(dp.NotFinite):
        net.train_batch(x, np.zeros((4, 3)), loss="mse")
    assert net.to_bytes() == before


def test_what_c_would_cut_is_refused():
    with pytest.raises(ValueError, match="zero bytes"):
        dp.Sequential([dp.Dense(1, name="a\0b")], input_shape=(2,))
    with pytest.raises(ValueError, match="extents"):
        dp.Input((2**64 + 3,))
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match="seed"):
            dp.Sequential([dp.Dense(1)], input_shape=(2,), seed=seed)
