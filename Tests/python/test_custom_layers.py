"""Layers written in Python: what they compute, what they are refused for, and how they fail."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import textwrap
import threading

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


@dp.custom_layer("tests.swish")
class Swish:
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
        for made in (Swish(name="act"), dp.SiLU(name="act"))
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
    net = dp.Sequential([dp.Dense(8), Swish(), dp.Dense(2)], (4,), seed=3)
    assert net.check_gradients(x, t, loss="mse", inputs=True).passed
    before = net.parameters["swish_1.beta"].copy()
    history = net.fit(x, t, epochs=30, loss="mse", optimizer=dp.Adam(0.02))
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert np.abs(net.parameters["swish_1.beta"] - before).min() > 1e-4


def test_the_class_is_one_of_the_layers(data):
    assert Swish is dp.layers.Swish
    assert Swish.__doc__.startswith(
        "y = x * sigmoid(beta * x), with a beta for each feature.\n\nThe function of"
    )
    assert "start (float, default 1.0)" in Swish.__doc__ and "Parameters: beta" in Swish.__doc__
    assert repr(Swish(2, name="s")) == "Swish(start=2.0, name='s')"
    net = dp.Sequential([dp.create("tests.swish", start=3)], (4,))
    assert_array_equal(net.parameters["swish_1.beta"], 3)
    with pytest.raises(dp.InvalidArgument, match='has no attribute "stop"'):
        Swish(stop=1)
    alone = Swish()
    assert alone.forward(0.5) == pytest.approx(0.5 / (1 + np.exp(-0.5)), abs=1e-15)
    s = 1 / (1 + np.exp(-0.5))
    assert alone.backward(1.0) == pytest.approx(s + 0.5 * s * (1 - s), abs=1e-15)


def test_files_copies_and_pickles(data, tmp_path):
    x, t = data
    net = dp.Sequential([dp.Dense(3), Swish(2.0), dp.Dense(2)], (4,), seed=3)
    net.fit(x, t, epochs=2, loss="mse", optimizer="adam")
    net.save(tmp_path / "net.safetensors")
    for other in (dp.load(tmp_path / "net.safetensors"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert_array_equal(other.predict(x), net.predict(x))
    assert pickle.loads(pickle.dumps(Swish(2.0))).start == 2.0
    program = f"import denpa as dp; dp.load({str(tmp_path / 'net.safetensors')!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (
        done.returncode == 1 and "denpa.errors.NotRegistered" in done.stderr and "tests.swish" in done.stderr
    )
    again = f"import pickle; pickle.loads({pickle.dumps(Swish(2.0))!r})"
    done = subprocess.run([sys.executable, "-c", again], capture_output=True, text=True)
    assert done.returncode == 1 and 'NotRegistered: there is no "tests.swish"' in done.stderr


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


# -- proof and registration ----------------------------------------------------------------------------------------


def test_a_wrong_gradient_is_refused_and_the_kind_stays_free(data):
    class Wrong:
        """y = x * x"""

        def forward(self, x):
            return x * x

        def backward(self, dy, *, x):
            return dy * x

    with pytest.raises(dp.ProofFailed, match='tests.square.*gradient of input 0 ."x".'):
        layer("tests.square", Wrong, proof="load")
    assert not hasattr(dp.layers, "Square_") and "tests.square" not in dp._kinds.classes["layers"]

    class Right(Wrong):
        def backward(self, dy, *, x):
            return 2 * dy * x

    assert layer("tests.square", Right, proof="load").kind == "tests.square"


def test_a_cell_of_a_notebook_may_be_run_again():
    def cell(factor):
        @dp.custom_layer("tests.scale")
        class Scale:
            """y = factor * x"""

            def forward(self, x):
                return factor * x

            def backward(self, dy):
                return factor * dy

        return Scale

    x = np.ones((2, 3), "float32")
    first = cell(2)
    old = dp.Sequential([first()], (3,))
    second = cell(3)
    new = dp.Sequential([second()], (3,))
    assert_array_equal(old.predict(x), 2 * x)  # made of the older one
    assert_array_equal(new.predict(x), 3 * x)

    class Wrong:
        def forward(self, x):
            return 5 * x

        def backward(self, dy):
            return dy

    with pytest.raises(dp.ProofFailed):
        layer("tests.scale", Wrong, proof="load")
    assert_array_equal(dp.Sequential([second()], (3,)).predict(x), 3 * x)  # the last good one

    class Other:
        def forward(self, x):
            return x, x

        def backward(self, dy, x):
            return dy

    with pytest.raises(dp.AlreadyExists, match='"tests.scale" is registered with other arguments'):
        layer("tests.scale", Other)


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ({}, dp.InvalidArgument, "needs a method forward"),
        ({"forward": lambda self: 0}, dp.InvalidArgument, "forward has no argument for an array"),
        ({"forward": lambda self, *x: 0}, dp.InvalidArgument, r"without \*x"),
        ({"forward": lambda self, x, *, w: 0}, dp.InvalidArgument, "needs a method parameters"),
        ({"forward": lambda self, y: 0}, dp.InvalidArgument, 'argument called "y"'),
        (
            {"forward": lambda self, x: 0, "backward": lambda self, dy, *, z: 0},
            dp.InvalidArgument,
            'asks for "z"; it may ask for x, y, training, random',
        ),
        (
            {"forward": lambda self, x: 0, "__init__": lambda self, a=None: None},
            dp.TypeMismatch,
            'the attribute "a" of __init__ is of no type that is known',
        ),
        (
            {"forward": lambda self, x: 0, "__init__": lambda self, name="": None},
            dp.TypeMismatch,
            'the attribute "name" of __init__ has a name that is taken',
        ),
    ],
)
def test_classes_that_are_no_layers(body, error, words):
    with pytest.raises(error, match=f"tests.none: .*{words}"):
        layer("tests.none", type("None_", (), body))


@pytest.mark.parametrize("kind", ["swish", "Tests.swish", "tests.", "tests.sw ish"])
def test_kinds_that_are_no_names(kind):
    with pytest.raises(dp.PluginError, match="name"):
        layer(kind, type("Any", (), {"forward": lambda self, x: x}))


def test_options_that_are_refused():
    made = type("Any", (), {"forward": lambda self, x: x})
    with pytest.raises(dp.InvalidArgument, match="proof must be"):
        layer("tests.none", made, proof="never")
    with pytest.raises(dp.InvalidArgument, match="a sample has 2 inputs, forward takes x"):
        layer("tests.none", made, samples=[dp.Sample((2,), (2,))])
    with pytest.raises(dp.TypeMismatch, match="dp.Sample objects"):
        layer("tests.none", made, samples=[(2,)])
    with pytest.raises(dp.InvalidArgument, match='the attribute "b", which the layer has not'):
        layer("tests.none", made, samples=[dp.Sample((2,), b=1)])
    with pytest.raises(dp.InvalidArgument, match="outputs must be a whole number"):
        layer("tests.none", made, outputs=0)
    with pytest.raises(dp.TypeMismatch, match="is for a class"):
        layer("tests.none", lambda x: x)
    with pytest.raises(dp.InvalidArgument, match="the same number of rows"):
        dp.Sample(np.zeros((2, 1)), np.zeros((3, 1)))
    with pytest.raises(dp.InvalidArgument, match="no open extents"):
        dp.Parameter((2, None))
    with pytest.raises(dp.InvalidArgument, match="the role of a parameter"):
        dp.Parameter((2,), role="fixed")
    with pytest.raises(dp.NotRegistered, match='there is no "hee"'):
        dp.Parameter((2,), "hee")


def test_a_layer_of_one_float_type(rng):
    @dp.custom_layer("tests.double", dtypes="float64")
    class Double:
        """y = 2 x"""

        def forward(self, x):
            assert x.dtype == np.float64
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    x = rng.normal(size=(3, 2))
    assert_array_equal(dp.Sequential([Double()], (2,), dtype="float64").predict(x), 2 * x)
    with pytest.raises(dp.NotSupported, match="tests.double.*does not support float32"):
        dp.Sequential([Double()], (2,), dtype="float32").predict(x)
    with pytest.raises(dp.InvalidArgument, match='dtype must be "float32" or "float64"'):
        layer("tests.none", Behaviour, dtypes="float16")


# -- how it fails ------------------------------------------------------------------------------------------------


class Behaviour:
    """y = x, unless it is told otherwise"""

    now = None  # a function (method, value) -> value

    def forward(self, x):
        return x if self.now is None else type(self).now("forward", x)

    def backward(self, dy):
        return dy if self.now is None else type(self).now("backward", dy)


@pytest.fixture
def behaving():
    made = layer("tests.behaviour", Behaviour)
    yield dp.Sequential([dp.Dense(3), made(name="odd"), dp.Dense(2)], (4,), seed=1)
    Behaviour.now = None


def in_method(which, function):
    return staticmethod(lambda method, x: function(x) if method == which else x)


class Mine(Exception):
    pass


def fail(x):
    raise Mine("no such thing")


def deeds(x, t):
    return {
        "predict": lambda net: net.predict(x),
        "train_batch": lambda net: net.train_batch(x, t, loss="mse"),
        "fit": lambda net: net.fit(x, t, epochs=2, loss="mse"),
        "fit_source": lambda net: net.fit([(x, t)] * 3, epochs=2, loss="mse"),
        "evaluate": lambda net: net.evaluate(x, t, loss="mse"),
        "gradients": lambda net: net.gradients(x, t, loss="mse"),
        "vjp": lambda net: net.vjp(x, t),
        "check": lambda net: net.check_gradients(x, t, loss="mse"),
        "open": lambda net: (net.forward(x, training=True), net.backward(t)),
    }


@pytest.mark.parametrize("which", ["forward", "backward"])
@pytest.mark.parametrize("deed", list(deeds(0, 0)))
def test_an_exception_is_the_one_that_the_caller_sees(behaving, data, which, deed):
    if which == "backward" and deed in ("predict", "evaluate"):
        pytest.skip("without backward")
    x, t = data
    before = behaving.to_bytes()
    Behaviour.now = in_method(which, fail)
    with pytest.raises(Mine, match="no such thing") as caught:
        deeds(x, t)[deed](behaving)
    notes = getattr(caught.value, "__notes__", None)  # from Python 3.11 on
    assert notes is None or any("odd" in note and f"{which}: Mine: no such thing" in note for note in notes)
    Behaviour.now = None
    assert behaving.to_bytes() == before  # nothing was learned
    assert dp.Sequential([dp.Dense(2)], (4,)).predict(x).shape == (12, 2)
    with pytest.raises(dp.ShapeError):  # a later error is itself
        behaving.predict(x[:, :2])


@pytest.mark.parametrize("which", ["forward", "backward"])
@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda x: x[:, :2], dp.ShapeError, r"returned shape \(12, 2\) for .*y?, expected \(12, 3\)"),
        (lambda x: x.astype("float64"), dp.TypeMismatch, "returned float64 for .*, expected float32"),
        (lambda x: x > 0, dp.TypeMismatch, "returned bool for .*, expected float32"),
        (lambda x: np.full_like(x, np.nan), dp.NotFinite, "returned NaN"),
        (lambda x: None, (dp.TypeMismatch, dp.ShapeError), "returned (object|None)"),
        (lambda x: "text", dp.TypeMismatch, "returned <U4"),
        (lambda x: (x, x, x), dp.ShapeError, r"returned 3 values, expected"),
    ],
)
def test_what_it_returns_is_checked(behaving, data, which, function, error, words):
    x, t = data
    Behaviour.now = in_method(which, function)
    with pytest.raises(error, match=f"tests.behaviour: {which} {words}"):
        behaving.train_batch(x, t, loss="mse")


def test_infinity_in_backward_is_refused_and_nan_that_was_there_before_is_passed_on(behaving, data):
    x, t = data
    Behaviour.now = in_method("backward", lambda x: np.full_like(x, np.inf))
    with pytest.raises(dp.NotFinite, match="tests.behaviour: backward returned NaN or infinity"):
        behaving.train_batch(x, t, loss="mse")
    Behaviour.now = in_method("forward", lambda x: np.full_like(x, -np.inf))  # a mask, for example
    assert behaving.forward(x, training=True).shape == (12, 2)
    Behaviour.now = None
    x[0, 0] = np.nan
    assert np.isnan(behaving.forward(x, training=True)[0]).all()


def test_nothing_is_kept_in_the_object(data):
    class Keeps:
        def forward(self, x):
            self.x = x
            return x

    with pytest.raises(dp.BadState, match="tests.keeps: x is set after __init__"):
        dp.Sequential([layer("tests.keeps", Keeps)()], (4,))


def test_what_is_kept_elsewhere_is_a_copy(rng):
    held = []

    class Holds:
        def forward(self, x):
            held.append(x)
            x *= 2
            return x

    net = dp.Sequential([layer("tests.holds", Holds)()], (4,), dtype="float64")
    x = rng.normal(size=(3, 4))
    before = x.copy()
    held.clear()
    for _ in range(3):
        assert_array_equal(net.predict(x), 2 * before)
    assert_array_equal(x, before)
    net.close()
    del net
    assert len({array.ctypes.data for array in held}) == 3
    for array in held:
        assert_array_equal(array, 2 * before)


def test_parameters_are_not_written():
    class Writes:
        def parameters(self, x):
            return {"w": x}

        def forward(self, x, *, w):
            w += 1
            return x * w

    with pytest.raises(ValueError, match="read-only"):
        dp.Sequential([layer("tests.writes", Writes, samples=[dp.Sample((4,))])()], (4,)).predict(
            np.ones((1, 4))
        )


def test_wrong_answers_of_the_other_methods(data):
    class Shape:
        def output_shape(self, x):
            return 3

        def forward(self, x):
            return x

    class Names:
        def parameters(self, x):
            return {"v": x}

        def forward(self, x, *, w):
            return x

    class Fails:
        def __init__(self, a: int = 0):
            if a:
                raise Mine("a is 0")

        def forward(self, x):
            return x

    with pytest.raises(dp.ShapeError, match="tests.shape: output_shape returned 3"):
        dp.Sequential([layer("tests.shape", Shape)()], (4,))
    with pytest.raises(
        dp.InvalidArgument, match="tests.names: parameters returned .*, expected a dict with w"
    ):
        dp.Sequential([layer("tests.names", Names)()], (4,))
    with pytest.raises(Mine, match="a is 0"):
        dp.Sequential([layer("tests.fails", Fails)(1)], (4,))


def test_a_layer_does_not_compute_with_its_own_network():
    nets = []

    class Inner:
        def forward(self, x):
            return nets[0].predict(x) if nets else x

    nets.append(dp.Sequential([layer("tests.inner", Inner)()], (4,)))
    with pytest.raises(
        dp.BadState, match="tests.inner: forward computes with the network that it is a layer of"
    ):
        nets[0].predict(np.ones((2, 4)))
    other = dp.Sequential([dp.Dense(4)], (4,))
    nets[:] = [other]
    x = np.ones((2, 4), "float32")
    assert_array_equal(dp.Sequential([dp.layers.Inner()], (4,)).predict(x), other.predict(x))


# -- threads, forks, the end ---------------------------------------------------------------------------------------


def test_many_threads_predict_while_one_fits(data):
    x, t = data
    net = dp.Sequential([dp.Dense(8), Swish(), dp.Dense(2)], (4,), seed=3)
    wrong, stop = [], threading.Event()

    def work():
        while not stop.is_set():
            if net.predict(x).shape != (12, 2):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    net.fit(x, t, epochs=100, loss="mse")
    stop.set()
    for thread in threads:
        thread.join()
    other = dp.Sequential([dp.Dense(8), Swish(), dp.Dense(2)], (4,), seed=3)
    other.fit(x, t, epochs=100, loss="mse")
    assert not wrong and other.to_bytes() == net.to_bytes()


PROGRAM = """
    import os, sys, threading, time
    import denpa as dp
    import numpy as np

    @dp.custom_layer("tests.slow")
    class Slow:
        '''y = 2 x'''

        def forward(self, x):
            time.sleep(0.0005)
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    net = dp.Sequential([Slow()], (4,))
    x = np.ones((2, 4), "float32")

    def work():
        while True:
            net.predict(x)

    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(0.05)
"""


def run(program, seconds=60):
    program = textwrap.dedent(PROGRAM) + textwrap.dedent(program)
    # From Python 3.12 on, a fork beside threads is warned of: it is what is tested here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_forked_child_computes_while_other_threads_did():
    assert (
        run("""
        for _ in range(20):
            child = os.fork()
            if not child:
                assert (net.predict(x) == 2).all()
                net.fit(x, x, loss="mse")
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        print("done")
    """)
        == "done\n"
    )


def test_the_process_ends_while_threads_compute():
    for _ in range(5):
        assert run('print("done")') == "done\n"
