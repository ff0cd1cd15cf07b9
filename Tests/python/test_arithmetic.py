"""Arithmetic on graph values beside NumPy: operators, broadcasting, functions, reductions; what is refused."""

from __future__ import annotations

import denpa as dp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


def numbers(*shape, seed=0, low=0.5, high=2.0):
    return np.random.default_rng(seed).uniform(low, high, size=shape)


def check(function, reference, *shapes, rows=3, **options):
    """A network of some inputs computes what NumPy does, with gradients that numerical ones confirm."""
    inputs = [dp.Input(shape) for shape in shapes]
    y = function(*inputs)
    net = dp.Model(inputs, y, dtype="float64")
    given = [numbers(rows, *shape, seed=seed, **options) for seed, shape in enumerate(shapes)]
    expected = np.asarray(reference(*given))
    got = net.forward(given if len(given) > 1 else given[0], training=True)
    assert got.shape == expected.shape
    assert_allclose(got, expected, rtol=1e-13, atol=1e-14)
    weights = numbers(*expected.shape, seed=9, low=-1, high=1)
    gradients = net.backward(weights)
    gradients = list(gradients.values()) if isinstance(gradients, dict) else [gradients]
    for place, (array, gradient) in enumerate(zip(given, gradients)):
        numerical = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            moved = [other.copy() for other in given]
            step = 1e-6 * max(1, abs(array[index]))
            moved[place][index] += step
            up = reference(*moved)
            moved[place][index] -= 2 * step
            numerical[index] = ((up - reference(*moved)) * weights).sum() / (2 * step)
        assert_allclose(gradient, numerical, rtol=1e-6, atol=1e-7)


OPERATORS = {
    "h + g": lambda h, g: h + g,
    "h - g": lambda h, g: h - g,
    "h * g": lambda h, g: h * g,
    "h / g": lambda h, g: h / g,
    "h ** g": lambda h, g: h**g,
    "-h + 1": lambda h, g: -h + 1 + 0 * g,
    "2 - h / 3": lambda h, g: 2 - h / 3 * g,
    "1 / h": lambda h, g: 1 / h - g,
    "2 ** h": lambda h, g: 2**h * g,
    "h ** 2 - h ** 0.5": lambda h, g: h**2 - h**0.5 + g,
    "abs": lambda h, g: abs(h - 1.17) * +g,
}


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_operators(operator):
    check(operator, operator, (3, 2), (3, 2))


SHAPES = [
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (3, 1)),
    ((2, 1, 3), (4, 1)),
    ((), (5,)),
    ((), ()),
    ((1,), (6,)),
]


@pytest.mark.parametrize("kind", ["add", "subtract", "multiply", "divide", "power", "minimum", "maximum"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_broadcasting(kind, shapes):
    """The batch is in front; the axes behind it are broadcast as NumPy does."""

    def reference(a, b):
        rank = max(a.ndim, b.ndim)
        a, b = (x.reshape(x.shape[0], *[1] * (rank - x.ndim), *x.shape[1:]) for x in (a, b))
        return getattr(np, kind)(a, b)

    check(lambda a, b: dp.create(kind)(a, b), reference, *shapes)


FUNCTIONS = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "negate": np.negative,
    "square": np.square,
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_functions(kind):
    check(dp.create(kind), FUNCTIONS[kind], (3, 5))


def test_functions_at_their_edges():
    x = dp.Input(3)
    net = dp.Model(x, [dp.log(x), dp.sqrt(x), abs(x)], dtype="float64")
    logarithm, root, magnitude = net.predict(np.array([[0.0, -1.0, np.nan]]))
    assert_array_equal(logarithm, [[-np.inf, np.nan, np.nan]])
    assert_array_equal(root, [[0, np.nan, np.nan]])
    assert_array_equal(magnitude, [[0, 1, np.nan]])


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axes", [None, (1,), (-1,), (2, 1), (1, 3), (1, 2, 3)])
@pytest.mark.parametrize("kind", ["sum", "mean", "max"])
def test_reductions(kind, axes, keepdims):
    layer = dp.create(f"reduce_{kind}", **({} if axes is None else {"axes": axes}), keepdims=keepdims)
    over = axes or (1, 2, 3)

    def reference(x):
        return getattr(np, kind)(x, axis=over, keepdims=keepdims)

    check(layer, reference, (2, 3, 4))


def test_the_largest_of_equals_share_the_gradient():
    x = dp.Input(4)
    net = dp.Model(x, dp.reduce_max(x), dtype="float64")
    assert_array_equal(net.forward(np.array([[2.0, 1, 2, 0], [3, 3, 3, 3]]), training=True), [2, 3])
    assert_array_equal(net.backward(np.array([1.0, 2.0])), [[0.5, 0, 0.5, 0], [0.5, 0.5, 0.5, 0.5]])


def test_a_constant_survives_a_file(tmp_path):
    x = dp.Input(3)
    net = dp.Model(x, dp.Dense(2)(x) * 0.1 + 1 / 3)
    net.save(tmp_path / "net.safetensors")
    given = numbers(5, 3).astype(np.float32)
    assert_array_equal(dp.load(tmp_path / "net.safetensors").predict(given), net.predict(given))


def test_a_number_is_a_layer_and_constant_an_initializer():
    """The two share a kind: the layer is written as a number in a graph."""
    assert dp.Constant is dp.initializers.Constant
    assert isinstance(dp.create("constant", value=0.5), dp.Initializer)
    net = dp.Sequential([dp.Dense(2, bias_initializer=dp.Constant(0.25))], input_shape=3)
    assert_array_equal(net.parameters["dense_1.b"], np.float32([0.25, 0.25]))
    x = dp.Input(2)
    net = dp.Model(x, x * dp.layers.Constant(3.0)(), dtype="float64")
    assert_array_equal(net.predict(np.array([[1.0, 2.0]])), [[3.0, 6.0]])
    with pytest.raises(dp.InvalidArgument, match="no inputs"):
        dp.layers.Constant(3.0).forward()


def test_a_star_import_leaves_the_built_in_functions():
    names: dict[str, object] = {}
    exec("from denpa import *", names)
    assert "abs" not in names and "slice" not in names and names["sqrt"] is dp.sqrt
    assert dp.abs(-2.0) == 2.0


def test_what_is_refused():
    a, b, c = dp.Input(3), dp.Input(4), dp.Input(3, dtype="int64")
    with pytest.raises(dp.ShapeError, match=r"\(rows, 3\) and \(rows, 4\) cannot be broadcast"):
        a + b
    with pytest.raises(dp.TypeMismatch, match="expected b of a float dtype, got int64"):
        a * c
    with pytest.raises(TypeError):
        a + "1"
    with pytest.raises(TypeError):
        a - np.ones(3)
    with pytest.raises(TypeError):
        np.ones(3) * a
    with pytest.raises(dp.TypeMismatch, match="no truth"):
        bool(a)
    with pytest.raises(dp.InvalidArgument, match="axis 0"):
        dp.reduce_sum(a, axes=[0])
    with pytest.raises(dp.InvalidArgument, match="twice"):
        dp.ReduceSum(axes=[1, -1])(a)
    with pytest.raises(dp.InvalidArgument, match="axis 2 does not exist"):
        dp.ReduceMean(axes=[2])(a)
    with pytest.raises(dp.InvalidArgument):
        a * float("nan")
