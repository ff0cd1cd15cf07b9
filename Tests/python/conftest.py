"""Makes the checkout's package importable, and gives the tests data, random numbers and compiled plugins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bindings" / "python"
sys.path.insert(0, str(PACKAGE))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE), os.environ.get("PYTHONPATH")]))


def compile_plugin(source: Path, folder: Path, *flags: str) -> Path:
    """A shared object of a C plugin, compiled with these flags beside the usual ones."""
    target = folder / f"{source.stem}{len(list(folder.glob('*.so')))}.so"
    command = ["cc", "-O2", "-fPIC", "-shared", f"-I{ROOT / 'include'}", *flags, str(source), "-o", str(target), "-lm"]
    subprocess.run(command, check=True)
    return target


def elementwise(folder: Path, name: str, y: str, dx: str) -> Path:
    """A plugin of one layer with a formula of x and what it takes for its gradient, of x, y and dy, in C."""
    source = ROOT / "Tests" / "python" / "plugins" / "elementwise.c"
    return compile_plugin(source, folder, f'-DNAME="{name}"', f"-DY={y}", f"-DDX={dx}")


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
    if not source.exists():
        pytest.skip("examples/plugins/swish.c is not there")
    return dp.load_plugin(compile_plugin(source, tmp_path_factory.mktemp("plugins")))[0]
