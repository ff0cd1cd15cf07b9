"""Plain safetensors files: weights of other software, with its names and its order of axes. The reference is
NumPy and the safetensors package."""

from __future__ import annotations

import os

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import load_file, save_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def mlp(dtype="float32", names=None):
    layers = [dp.Dense(5, activation="tanh", name="hidden"), dp.Dense(3, name="out")]
    return dp.Sequential(layers, (4,), dtype=dtype, seed=2, names=names)


@pytest.fixture
def torch_mlp(rng):
    """The state_dict of torch.nn.Sequential(Linear(4, 5), Tanh(), Linear(5, 3))."""
    return {
        "0.weight": rng.normal(size=(5, 4)).astype("f4"),
        "0.bias": rng.normal(size=5).astype("f4"),
        "2.weight": rng.normal(size=(3, 5)).astype("f4"),
        "2.bias": rng.normal(size=3).astype("f4"),
    }


MAP = {"0.weight": "hidden.W", "0.bias": "hidden.b", "2.weight": "out.W", "2.bias": "out.b"}


def forward(state, x):
    hidden = np.tanh(x @ state["0.weight"].T + state["0.bias"])
    return hidden @ state["2.weight"].T + state["2.bias"]


def values(net):
    return {name: value.copy() for name, value in net.parameters.items()}


def unchanged(net, before):
    return all(np.array_equal(value, before[name]) for name, value in net.parameters.items())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pytorch_layout(dtype, torch_mlp, path, rng):
    save_file(torch_mlp, path)
    x = rng.normal(size=(6, 4)).astype(dtype)
    net = mlp(dtype)
    net.load_weights(path, map=MAP, transpose=["hidden.W", "out.W"])
    assert_allclose(net.predict(x), forward(torch_mlp, x), rtol=1e-5, atol=1e-6)
    other = mlp(dtype)
    names = other.pytorch_names({"hidden": "0", "out": "2"})
    assert names == {"map": MAP, "transpose": {"hidden.W": (1, 0), "out.W": (1, 0)}}
    other.load_weights(path, **names)
    assert unchanged(other, values(net))


def test_back_to_pytorch(torch_mlp, path, tmp_path):
    save_file(torch_mlp, path)
    net = mlp()
    names = net.pytorch_names({"hidden": "0", "out": "2"})
    net.load_weights(path, **names)
    net.save_weights(tmp_path / "back", **names)
    found = load_file(tmp_path / "back")
    assert {name: value.shape for name, value in found.items()} == {
        name: value.shape for name, value in torch_mlp.items()
    }
    for name, value in torch_mlp.items():
        assert_array_equal(found[name], value)
    assert (tmp_path / "back").read_bytes() == path.read_bytes()  # what the reference implementation writes


def test_own_names(path):
    net, other = mlp(), dp.Sequential([dp.Dense(5, name="hidden"), dp.Dense(3, name="out")], (4,), seed=9)
    net.save_weights(path)
    assert set(load_file(path)) == {"hidden.W", "hidden.b", "out.W", "out.b"}
    other.load_weights(path)
    assert unchanged(other, values(net))
    net.save(path)  # a model's file has weights, too
    other.initialize(3)
    other.load_weights(path)
    assert unchanged(other, values(net))


def test_the_names_of_the_notes(torch_mlp, path):
    save_file(torch_mlp, path)
    net = mlp(names="book")
    net.load_weights(
        path,
        map={"0.weight": "W1", "0.bias": "b1", "2.weight": "W2", "2.bias": "b2"},
        transpose=["W1", "W2"],
    )
    assert_array_equal(net.parameters["W1"], torch_mlp["0.weight"].T)
    assert net.pytorch_names({"hidden": "0", "out": "2"})["map"]["2.bias"] == "b2"


def test_convolutions_and_normalization(rng, path):
    layers = [
        dp.Conv2D(6, kernel=(3, 2), groups=2, name="conv"),
        dp.BatchNorm(name="norm"),
        dp.Flatten(),
        dp.Dense(2, bias=False, name="out"),
    ]
    net = dp.Sequential(layers, (5, 4, 4), seed=1)
    state = {
        "body.0.weight": rng.normal(size=(6, 2, 3, 2)),
        "body.0.bias": rng.normal(size=6),
        "body.1.weight": rng.normal(size=6),
        "body.1.bias": rng.normal(size=6),
        "body.1.running_mean": rng.normal(size=6),
        "body.1.running_var": rng.uniform(0.5, 2, size=6),
        "head.weight": rng.normal(size=(2, 3 * 3 * 6)),
    }
    state = {name: value.astype("f4") for name, value in state.items()}
    save_file({**state, "body.1.num_batches_tracked": np.array(7)}, path)
    net.load_weights(path, **net.pytorch_names({"conv": "body.0", "norm": "body.1", "out": "head"}))

    x = rng.normal(size=(2, 5, 4, 4)).astype("f4")
    image, kernel = x.transpose(0, 3, 1, 2), state["body.0.weight"]
    y = np.zeros((2, 6, 3, 3))
    for group in range(2):
        for i in range(3):
            for j in range(3):
                window = image[:, 2 * group : 2 * group + 2, i : i + 3, j : j + 2]
                part = slice(3 * group, 3 * group + 3)
                y[:, part, i, j] = np.einsum("nchw,fchw->nf", window, kernel[part])
    y = y + state["body.0.bias"][:, None, None]
    column = {
        name: state[f"body.1.{name}"][:, None, None]
        for name in ("weight", "bias", "running_mean", "running_var")
    }
    y = (y - column["running_mean"]) / np.sqrt(column["running_var"] + 1e-5) * column["weight"] + column[
        "bias"
    ]
    # Denpa flattens rows of channels, the last axis of its images.
    expected = y.transpose(0, 2, 3, 1).reshape(2, -1) @ state["head.weight"].T
    assert_allclose(net.predict(x), expected, rtol=1e-4, atol=1e-4)


def test_the_other_layers_of_pytorch(rng, path):
    layers = [dp.Embedding(7, 4, name="words"), dp.LayerNorm(name="norm"), dp.PReLU(name="act")]
    net = dp.Sequential(layers, (3,), input_dtype="int32", seed=1)
    state = {"words.weight": (7, 4), "norm.weight": (4,), "norm.bias": (4,), "act.weight": (4,)}
    state = {name: rng.normal(size=shape).astype("f4") for name, shape in state.items()}
    save_file(state, path)
    net.load_weights(path, **net.pytorch_names())
    ids = rng.integers(0, 7, (2, 3)).astype("i4")
    y = state["words.weight"][ids]
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5)
    y = y * state["norm.weight"] + state["norm.bias"]
    assert_allclose(net.predict(ids), np.where(y > 0, y, state["act.weight"] * y), rtol=1e-4, atol=1e-5)


def test_layers_that_pytorch_has_not():
    net = dp.Sequential([dp.Dense(4, name="first"), dp.Maxout(3, name="largest")], (2,))
    with pytest.raises(dp.NotSupported, match='"largest".*maxout'):
        net.pytorch_names()
    with pytest.raises(dp.InvalidArgument, match="'second'"):
        mlp().pytorch_names({"second": "2"})


# -- strict ------------------------------------------------------------------------------------------------


def without(state, *names):
    return {name: value for name, value in state.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda s: without(s, "2.bias"), dp.FileError, ['"out.b" ("2.bias")', "no tensor"]),
        (lambda s: without(s, "2.bias", "0.bias"), dp.FileError, ['"hidden.b" ("0.bias")', '"out.b"']),
        (lambda s: {**s, "4.weight": s["0.bias"]}, dp.FileError, ['"4.weight"', "none of the model's"]),
        (lambda s: {**s, "2.bias": s["0.bias"]}, dp.ShapeError, ['"out.b" ("2.bias")', "(3,), got (5,)"]),
        (
            lambda s: {**s, "0.weight": s["0.weight"].T.copy()},
            dp.ShapeError,
            ['"hidden.W"', "(5, 4), got (4, 5)"],
        ),
        (lambda s: {**s, "2.bias": s["2.bias"].astype("f2")}, dp.NotSupported, ['"2.bias"', "F16"]),
        (lambda s: {"2.bias" + "x" * 300: s["2.bias"]}, dp.FileError, ["cannot name a tensor"]),
    ],
)
def test_what_does_not_fit_is_named(change, error, words, torch_mlp, path):
    save_file(change(torch_mlp), path)
    net = mlp()
    before = values(net)
    with pytest.raises(error) as caught:
        net.load_weights(path, map=MAP, transpose=["hidden.W", "out.W"])
    assert all(word in str(caught.value) for word in [*words, str(path)])
    assert unchanged(net, before)


def test_what_is_allowed(torch_mlp, path):
    save_file(torch_mlp, path)
    net = mlp()
    before = values(net)
    some = {"2.bias": "out.b"}
    for allowed in ({}, {"allow_missing": True}, {"allow_extra": True}):
        with pytest.raises(dp.FileError):
            net.load_weights(path, map=some, **allowed)
    assert unchanged(net, before)
    net.load_weights(path, map=some, allow_missing=True, allow_extra=True)
    assert unchanged(net, {**before, "out.b": torch_mlp["2.bias"]})
    passed_over = {**some, "0.weight": None, "0.bias": None, "2.weight": None}
    net.load_weights(path, map=passed_over, allow_missing=True)
    with pytest.raises(dp.FileError, match="0.wieght"):  # what is named has to be there
        net.load_weights(path, map={"0.wieght": "hidden.W"}, allow_missing=True, allow_extra=True)


def test_bad_arguments(torch_mlp, path, tmp_path):
    save_file(torch_mlp, path)
    net = mlp()
    before = values(net)
    with pytest.raises(dp.NotFound, match="hiden.W"):
        net.load_weights(path, map={"0.weight": "hiden.W"})
    with pytest.raises(dp.TypeMismatch, match="map"):
        net.load_weights(path, map=["0.weight"])
    with pytest.raises(dp.TypeMismatch, match="transpose"):
        net.load_weights(path, map=MAP, transpose="hidden.W")
    with pytest.raises(dp.InvalidArgument, match="axes 0 to 1"):
        net.load_weights(path, map=MAP, transpose={"hidden.W": (0, 0)})
    with pytest.raises(dp.InvalidArgument, match="two parameters"):
        net.load_weights(path, map={"out.b": "out.W"})
    with pytest.raises(dp.InvalidArgument, match="twice"):
        net.load_weights(path, map={"a": "out.W", "b": "out.W"})
    with pytest.raises(dp.InvalidArgument, match="zero"):
        net.load_weights(path, map={"a\0": "out.W"})
    with pytest.raises(FileNotFoundError, match="absent"):
        net.load_weights(tmp_path / "absent")
    with pytest.raises(dp.FileError):
        net.load_weights(tmp_path)
    with pytest.raises(dp.FileError):
        net.save_weights(tmp_path / "absent" / "file")
    assert unchanged(net, before)
    net.close()
    for call in (net.load_weights, net.save_weights):
        with pytest.raises(dp.BadState, match="closed"):
            call(path)


# -- weights and trainers ----------------------------------------------------------------------------------


def test_training_goes_on_with_loaded_weights(torch_mlp, path, rng):
    """The optimizer's state stays, as after an assignment to net.parameters."""
    save_file(torch_mlp, path)
    x, t = rng.normal(size=(8, 4)).astype("f4"), rng.integers(0, 3, 8)
    nets = [mlp(), mlp()]
    for net in nets:
        net.compile("softmax_cross_entropy", "adam")
        net.train_batch(x, t)
    names = nets[0].pytorch_names({"hidden": "0", "out": "2"})
    nets[0].load_weights(path, **names)
    for tensor, name in MAP.items():
        value = torch_mlp[tensor]
        nets[1].parameters[name] = value.T if value.ndim == 2 else value
    for net in nets:
        net.train_batch(x, t)
    assert unchanged(nets[0], values(nets[1]))


def test_what_was_just_learned_is_saved(path, rng):
    net = mlp()
    before = values(net)
    net.train_batch(rng.normal(size=(8, 4)), rng.integers(0, 3, 8), loss="softmax_cross_entropy")
    net.save_weights(path)
    found = load_file(path)
    assert not any(np.array_equal(found[name], before[name]) for name in found)
    for name, value in net.parameters.items():
        assert_array_equal(found[name], value)


def test_arrays_that_the_user_holds_show_loaded_weights(torch_mlp, path):
    save_file(torch_mlp, path)
    net = mlp()
    held = net.parameters["out.b"]
    net.load_weights(path, **net.pytorch_names({"hidden": "0", "out": "2"}))
    assert_array_equal(held, torch_mlp["2.bias"])


def test_not_during_fit(torch_mlp, path, rng):
    save_file(torch_mlp, path)
    net, seen = mlp(), []

    def change(net, epoch, logs):
        with pytest.raises(dp.BadState):
            net.load_weights(path, **net.pytorch_names({"hidden": "0", "out": "2"}))
        seen.append(epoch)

    net.fit(rng.normal(size=(8, 4)), rng.integers(0, 3, 8), loss="softmax_cross_entropy", callbacks=change)
    assert seen


# -- paths -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["bytes", "text", "path"])
def test_paths_need_not_be_utf8(form, tmp_path, rng):
    raw = os.fsencode(tmp_path) + b"/r\xe9seau \xff\xfe"
    given = {"bytes": raw, "text": os.fsdecode(raw), "path": tmp_path / os.fsdecode(b"r\xe9seau \xff\xfe")}[
        form
    ]
    net, x = mlp(), rng.normal(size=(3, 4)).astype("f4")
    net.save(given)
    assert os.listdir(os.fsencode(tmp_path)) == [b"r\xe9seau \xff\xfe"]
    assert_array_equal(dp.load(given).predict(x), net.predict(x))
    net.save_weights(given)
    other = mlp()
    other.initialize(7)
    other.load_weights(given)
    assert unchanged(other, values(net))
    net.compile("softmax_cross_entropy", "adam")
    net.train_batch(x, [0, 1, 2])
    net.save_checkpoint(given)
    other.compile("softmax_cross_entropy", "adam")
    other.load_checkpoint(given)
    assert unchanged(other, values(net))
    os.remove(given)
    for call in (dp.load, other.load_weights, other.load_checkpoint):
        with pytest.raises(FileNotFoundError):
            call(given)
    net.fit(x, [0, 1, 2], epochs=2, callbacks=[dp.Checkpoint(given)])
    assert os.listdir(os.fsencode(tmp_path)) == [b"r\xe9seau \xff\xfe"]
