"""Makes the checkout's package importable, and gives the tests data, random numbers and a plugin."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2] / "bindings" / "python")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [sys.path[1], os.environ.get("PYTHONPATH")]))

from denpa_support import ROOT, compile_plugin  # noqa: E402


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def digits():
    """x of 0 to 1, class numbers, split 80/20 by class: (x, t, x of the test, t of the test)."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, t = load_digits(return_X_y=True)
    x, xv, t, tv = train_test_split(x / 16, t, test_size=0.2, stratify=t, random_state=2)
    return x, t, xv, tv


@pytest.fixture(scope="session")
def swish(tmp_path_factory) -> str:
    """The kind of the example plugin's layer, loaded with proof."""
    import denpa as dp

    source = ROOT / "examples" / "plugins" / "swish.c"
    return dp.load_plugin(compile_plugin(source, tmp_path_factory.mktemp("plugins")))[0]
