"""Layers written in Python: what they compute, and that they are layers like any other."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


@dp.custom_layer("tests.bent")
class Bent:
    """y = x * sigmoid(beta * x), with a beta for each feature.

    The function of Ramachandran and others.
    """

    def __init__(self, start: float = 1.0) -> None:
        self.start = start

    def parameters(self, x):
        return {"beta": dp.Parameter(x, dp.initializers.Constant(self.start))}

    def forward(self, x, *, beta):
        s = 1 / (1 + np.exp(-beta * x))
        return x * s, s

    def backward(self, dy, s, *, x, beta):
        dz = dy * x * s * (1 - s)
        return dy * s + dz * beta, (dz * x).sum(axis=0)


def layer(kind, made, **options):
    """The layer of a class, without a proof unless one is asked for."""
    return dp.custom_layer(kind, **{"proof": "request", **options})(made)


@pytest.fixture
def data(rng):
    return rng.normal(size=(12, 4)), rng.normal(size=(12, 2))


# -- what it computes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_computes_as_the_engines_own_layer(data, dtype):
    x, t = data
    nets = [
        dp.Sequential([dp.Dense(8), made, dp.Dense(2)], (4,), dtype=dtype, seed=3)
        for made in (Bent(name="act"), dp.SiLU(name="act"))
    ]
    for name in nets[1].parameters:
        nets[1].parameters[name] = nets[0].parameters[name]
    tolerance = {"rtol": 2e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12}
    assert_allclose(nets[0].predict(x), nets[1].predict(x), **tolerance)
    mine, theirs = (net.gradients(x, t, loss="mse") for net in nets)
    assert set(mine) == {*theirs, "act.beta"}
    for name, value in theirs.items():
        assert_allclose(mine[name], value, **tolerance)


def test_gradients_are_checked_and_parameters_are_trained(data):
    x, t = data
    net = dp.Sequential([dp.Dense(8), Bent(), dp.Dense(2)], (4,), seed=3)
    assert net.check_gradients(x, t, loss="mse", inputs=True).passed
    before = net.parameters["bent_1.beta"].copy()
    history = net.fit(x, t, epochs=30, loss="mse", optimizer=dp.Adam(0.02))
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert np.abs(net.parameters["bent_1.beta"] - before).min() > 1e-4


def test_the_class_is_one_of_the_layers(data):
    assert Bent is dp.layers.Bent
    assert Bent.__doc__.startswith(
        "y = x * sigmoid(beta * x), with a beta for each feature.\n\nThe function of"
    )
    assert "start (float, default 1.0)" in Bent.__doc__ and "Parameters: beta" in Bent.__doc__
    assert repr(Bent(2, name="s")) == "Bent(start=2.0, name='s')"
    net = dp.Sequential([dp.create("tests.bent", start=3)], (4,))
    assert_array_equal(net.parameters["bent_1.beta"], 3)
    with pytest.raises(dp.InvalidArgument, match='has no attribute "stop"'):
        Bent(stop=1)
    alone = Bent()
    assert alone.forward(0.5) == pytest.approx(0.5 / (1 + np.exp(-0.5)), abs=1e-15)
    s = 1 / (1 + np.exp(-0.5))
    assert alone.backward(1.0) == pytest.approx(s + 0.5 * s * (1 - s), abs=1e-15)


def test_files_copies_and_pickles(data, tmp_path):
    x, t = data
    net = dp.Sequential([dp.Dense(3), Bent(2.0), dp.Dense(2)], (4,), seed=3)
    net.fit(x, t, epochs=2, loss="mse", optimizer="adam")
    net.save(tmp_path / "net.safetensors")
    for other in (dp.load(tmp_path / "net.safetensors"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert_array_equal(other.predict(x), net.predict(x))
    assert pickle.loads(pickle.dumps(Bent(2.0))).start == 2.0
    program = f"import denpa as dp; dp.load({str(tmp_path / 'net.safetensors')!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (
        done.returncode == 1 and "denpa.errors.NotRegistered" in done.stderr and "tests.bent" in done.stderr
    )
    again = f"import pickle; pickle.loads({pickle.dumps(Bent(2.0))!r})"
    done = subprocess.run([sys.executable, "-c", again], capture_output=True, text=True)
    assert done.returncode == 1 and 'NotRegistered: there is no "tests.bent"' in done.stderr


def test_several_inputs_and_outputs_and_no_rows(rng):
    @dp.custom_layer(
        "tests.sum_and_product", outputs=2, samples=[dp.Sample((3,), (3,)), dp.Sample((2, 3), (2, 3))]
    )
    class SumAndProduct:
        """y0 = a + b, y1 = a * b"""

        def forward(self, a, b):
            return a + b, a * b

        def backward(self, dy0, dy1, *, a, b):
            return dy0 + dy1 * b, dy0 + dy1 * a

    a, b = rng.normal(size=(2, 5, 3))
    inputs = dp.Input((3,), name="a"), dp.Input((3,), name="b")
    net = dp.Model(list(inputs), dict(zip("sp", SumAndProduct()(*inputs))), dtype="float64")
    outputs = net.predict([a, b])
    assert_array_equal(outputs["s"], a + b)
    assert_array_equal(outputs["p"], a * b)
    assert net.predict([a[:0], b[:0]])["p"].shape == (0, 3)
    ds, dp_ = rng.normal(size=(2, 5, 3))
    gradients = net.vjp([a, b], {"s": ds, "p": dp_})
    assert_allclose(gradients["a"], ds + dp_ * b)
    assert_allclose(gradients["b"], ds + dp_ * a)


def test_class_numbers_as_inputs(rng):
    indices = rng.integers(0, 6, (4, 3))

    @dp.custom_layer("tests.table", samples=[dp.Sample(indices, count=6, units=2)], version=3)
    class Table:
        """y = W[x]"""

        def __init__(self, count: int, units: int = 4):
            self.count, self.units = count, units

        def parameters(self, x):
            return {"W": dp.Parameter((self.count, self.units), "normal")}

        def forward(self, x, *, W):
            return W[x]

        def backward(self, dy, *, x, W):
            dW = np.zeros_like(W)
            np.add.at(dW, x, dy)
            return None, dW

    x = dp.Input((3,), dtype="int64")
    mine, theirs = (dp.Model(x, made(x), seed=5) for made in (Table(count=6), dp.Embedding(count=6, units=4)))
    theirs.parameters["embedding_1.W"] = mine.parameters["table_1.W"]
    assert_array_equal(mine.predict(indices), theirs.predict(indices))
    t = rng.normal(size=(4, 3, 4))
    assert_allclose(
        mine.gradients(indices, t, loss="mse")["table_1.W"],
        theirs.gradients(indices, t, loss="mse")["embedding_1.W"],
        rtol=1e-5,
    )


def test_rows_that_depend_on_each_other_and_a_state(rng):
    @dp.custom_layer("tests.centred", rows_independent=False)
    class Centred:
        """y = x - mean of the batch in training, x - running mean otherwise"""

        def parameters(self, x):
            return {"mean": dp.Parameter(x, role="state")}

        def forward(self, x, *, mean, training):
            if not training:
                return x - mean
            now = x.mean(axis=0) if len(x) else mean
            mean += 0.5 * (now - mean)
            return x - now

        def backward(self, dy):
            return (dy - dy.mean(axis=0) if len(dy) else dy), None

    x = rng.normal(size=(6, 3)) + 4
    net = dp.Sequential([Centred()], (3,), dtype="float64")
    assert_allclose(net.forward(x, training=True), x - x.mean(axis=0))
    assert_allclose(net.parameters["centred_1.mean"], x.mean(axis=0) / 2)
    assert_allclose(net.predict(x), x - x.mean(axis=0) / 2)
    assert_array_equal(net.parameters["centred_1.mean"], x.mean(axis=0) / 2)


def test_random_numbers_are_the_same_in_backward_and_change_with_each_forward(rng):
    @dp.custom_layer("tests.drop")
    class Drop:
        """y = x or 0, by chance"""

        def forward(self, x, *, training, random):
            return np.where(random(x.shape) < 0.5, x, 0).astype(x.dtype) if training else x

        def backward(self, dy, *, random):
            return np.where(random(dy.shape) < 0.5, dy, 0).astype(dy.dtype)

    x = np.ones((50, 4))
    net = dp.Sequential([Drop()], (4,), dtype="float64")
    y = net.forward(x, training=True)
    assert 0.3 < y.mean() < 0.7
    assert_array_equal(net.backward(x), y)
    assert (net.forward(x, training=True) != y).any()
    assert_array_equal(net.predict(x), x)


def test_shapes_are_those_of_forward_or_of_output_shape(rng):
    @dp.custom_layer("tests.pairs", samples=[dp.Sample((4,))])
    class Pairs:
        """y = sums of neighbours; kept: the whole numbers below x, and whether x is positive"""

        def forward(self, x):
            return x.reshape(len(x), -1, 2).sum(axis=2), np.floor(x).astype("int64"), x > 0

        def backward(self, dy, below, positive):
            assert below.dtype == np.int64 and positive.dtype == np.bool_ and below.shape == positive.shape
            return dy.repeat(2, axis=1)

    @dp.custom_layer("tests.totals", samples=[dp.Sample((3, 2))])
    class Totals:
        """y = the sum over axis 1, which may be open"""

        def output_shape(self, x):
            return x[1:]

        def forward(self, x):
            return x.sum(axis=1)

        def backward(self, dy, *, x):
            return np.broadcast_to(dy[:, None], x.shape)

    net = dp.Sequential([Pairs(), dp.Dense(1)], (6,))
    assert net.layers["pairs_1"] and net.parameters["dense_1.W"].shape == (3, 1)
    assert net.check_gradients(
        rng.normal(size=(5, 6)), rng.normal(size=(5, 1)), loss="mse", inputs=True
    ).passed
    x = dp.Input((None, 2))
    net = dp.Model(x, dp.Dense(1)(Totals()(x)), dtype="float64")
    for length in (1, 7):
        given = rng.normal(size=(3, length, 2))
        expected = given.sum(axis=1) @ net.parameters["dense_1.W"] + net.parameters["dense_1.b"]
        assert_allclose(net.predict(given), expected)


def test_attributes_of_every_type(rng):
    seen = {}

    class Everything:
        """y = x"""

        def __init__(
            self, a: int, b: float = 2, c: bool = True, d: str = "x", e: tuple[int, ...] = (1, 2),
            f: "list[float]" = (0.5,), g: tuple[str, ...] = (), h: np.ndarray = np.zeros(2),
        ):  # fmt: skip
            seen.update(a=a, b=b, c=c, d=d, e=e, f=f, g=g, h=h)

        def forward(self, x):
            return x

    made = layer("tests.everything", Everything, samples=[dp.Sample((2,), a=1)])
    dp.Sequential([made(5, c=False, g=("p", "q"), h=[[1.0, 2.0]])], (2,))
    assert seen.pop("h").tolist() == [[1.0, 2.0]]
    assert seen == {"a": 5, "b": 2.0, "c": False, "d": "x", "e": (1, 2), "f": (0.5,), "g": ("p", "q")}
    with pytest.raises(dp.InvalidArgument, match='attribute "a" is missing'):
        made()


def test_an_inference_layer_without_backward():
    class Sign:
        """y = sign(x)"""

        def forward(self, x):
            return np.sign(x)

    made = layer("tests.sign", Sign, proof="load", samples=[dp.Sample((3,), avoid=0)])
    net = dp.Sequential([dp.Dense(2), made()], (2,))
    assert set(np.unique(net.predict(np.eye(2)))) <= {-1.0, 0.0, 1.0}
    with pytest.raises(dp.NotSupported, match="inference only"):
        net.fit(np.eye(2), np.eye(2), loss="mse")


def test_class_numbers_alone(rng):
    @dp.custom_layer("tests.one_hot", samples=[dp.Sample(np.array([[0], [2], [1]]))])
    class OneHot:
        """y = 1 at the class's number"""

        def forward(self, x):
            return np.eye(4)[x[:, 0]]

        def backward(self, dy):
            return None

    x = dp.Input((1,), dtype="int64")
    net = dp.Model(x, dp.Dense(2)(OneHot()(x)), seed=1)
    numbers = rng.integers(0, 4, (6, 1))
    assert_array_equal(net.predict(numbers), net.parameters["dense_1.W"][numbers[:, 0]])
    t = rng.normal(size=(6, 2))
    assert net.check_gradients(numbers, t, loss="mse").passed


def test_one_layer_applied_twice_has_one_set_of_parameters(rng):
    x = rng.normal(size=(5, 3))
    act, a = Bent(name="act"), dp.Input((3,))
    net = dp.Model(a, dp.Dense(1)(act(dp.Dense(3)(act(a)))), seed=1)
    assert [name for name in net.parameters if "beta" in name] == ["act.beta"]
    assert net.check_gradients(x, x[:, :1], loss="mse", inputs=True).passed
