"""Layers written in Python: how they are declared, proved and registered, and what is refused."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_array_equal


def layer(kind, made, **options):
    """The layer of a class, without a proof unless one is asked for."""
    return dp.custom_layer(kind, **{"proof": "request", **options})(made)


@pytest.fixture
def data(rng):
    return rng.normal(size=(12, 4)), rng.normal(size=(12, 2))


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

    class Training:  # the older one goes on with its own arguments
        """y = 4 x"""

        def forward(self, z, *, training):
            return 4 * z

        def backward(self, dz):
            return 4 * dz

    assert_array_equal(
        dp.Sequential([layer("tests.scale", Training, proof="load")()], (3,)).predict(x), 4 * x
    )
    assert_array_equal(old.predict(x), 2 * x)
    assert_array_equal(old.forward(x, training=True), 2 * x)
    assert_array_equal(dp.Sequential([cell(3)()], (3,)).predict(x), 3 * x)

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
        layer("tests.none", type("Any", (), {"forward": lambda self, x: x}), dtypes="float16")
