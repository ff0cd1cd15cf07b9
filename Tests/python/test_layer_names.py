"""Classes for whatever names the layers of plugins and their attributes have."""

from __future__ import annotations

import copy
import inspect
import pickle

import denpa as dp
import numpy as np
import pytest
from denpa_support import ROOT, compile_plugin
from numpy.testing import assert_allclose

SEVERAL = ROOT / "Tests" / "python" / "plugins" / "several.c"


def load(folder, names, attributes="factor"):
    listed = [", ".join(f'"{word}"' for word in words.split()) for words in (names, attributes)]
    return dp.load_plugin(
        compile_plugin(SEVERAL, folder, f"-DNAMES={listed[0]}", f"-DATTRIBUTES={listed[1]}")
    )


def test_layers_of_the_same_last_name(tmp_path):
    assert load(tmp_path, "a.sphere b.sphere") == ["a.sphere", "b.sphere"]
    assert load(tmp_path, "c.sphere a_b.sphere") == ["c.sphere", "a_b.sphere"]
    assert load(tmp_path, "a.b.sphere") == ["a.b.sphere"]
    kinds = {
        "Sphere": "a.sphere",
        "BSphere": "b.sphere",
        "CSphere": "c.sphere",
        "ABSphere": "a_b.sphere",
        "ABSphere2": "a.b.sphere",
    }
    for name, kind in kinds.items():
        made = getattr(dp.layers, name)
        assert made.kind == kind and made.__name__ == name and dp.create(kind).kind == kind
        layer = made(factor=3)
        assert type(pickle.loads(pickle.dumps(layer))) is type(copy.copy(layer)) is made
        assert_allclose(layer.forward([[1.0, 2.0]]), [[3, 6]])
    for name in ("sphere", "b_sphere", "c_sphere"):
        assert_allclose(getattr(dp.layers, name)([[1.0, 2.0]], factor=2), [[2, 4]])
    net = dp.Sequential([dp.layers.Sphere(factor=2), dp.layers.BSphere(factor=5)], (2,), dtype="float64")
    assert_allclose(net.predict([[1.0, 2.0]]), [[10, 20]])


def test_names_that_python_cannot_spell(tmp_path):
    load(tmp_path, "odd.none odd.2d odd.any odd.lambda")
    odd = [layer for layer in vars(dp.layers).values() if getattr(layer, "kind", "").startswith("odd.")]
    names = {layer.__name__: layer.kind for layer in odd}
    assert names == {"None": "odd.none", "Odd2d": "odd.2d", "OddAny": "odd.any", "Lambda": "odd.lambda"}
    assert_allclose(dp.layers.odd_lambda([[2.0]]), [[2]])


@pytest.mark.parametrize(
    "word, name",
    [
        ("name", "name_"),
        ("self", "self"),
        ("lambda", "lambda_"),
        ("kind", "kind"),
        ("attributes", "attributes"),
        ("forward", "forward"),
        ("arguments", "arguments"),
        ("state", "state"),
    ],
)
def test_attributes_of_any_name(tmp_path, word, name):
    (kind,) = load(tmp_path, f"attributed.{word}", f"{word} other")
    made = next(layer for layer in vars(dp.layers).values() if getattr(layer, "kind", "") == kind)
    unbounded = dp.create(kind, **{name: 4, "other": np.inf})
    for layer in (made(**{name: 4}), made(4), dp.create(kind, **{name: 4}), unbounded):
        assert layer.attributes[name] == 4
        assert_allclose(layer.forward([[1.0, 2.0]]), [[4, 8]])
        again = pickle.loads(pickle.dumps(layer))
        assert again.attributes == layer.attributes and repr(again) == repr(layer)
    assert list(inspect.signature(made).parameters)[:2] == [name, "other"]
    assert f"    {name} (float, default 1.0): " in made.__doc__
    net = dp.Sequential([made(**{name: 2}, name="mine")], (2,), dtype="float64")
    assert_allclose(dp.from_bytes(net.to_bytes()).predict([[1.0, 2.0]]), [[2, 4]])
    assert net.layers["mine"].attributes[word] == 2


def test_an_infinite_bound_is_none(tmp_path):
    load(tmp_path, "bounded.wide")
    layer = dp.layers.Wide(factor=-1e300)
    assert layer.factor == -1e300 and dp.layers.Wide().factor == 1
    assert dp.layers.Wide(factor=float("inf")).factor == float("inf")
    with pytest.raises(dp.TypeMismatch, match="number"):
        dp.layers.Wide(factor="much")
