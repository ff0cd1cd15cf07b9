"""Makes the checkout's package importable, and compiles plugins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "bindings" / "python"))

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic-errors"]


def compile_c(source: Path, target: Path, *flags: str) -> Path:
    """The shared object of a plugin in C11."""
    command = ["cc", "-std=c11", "-O2", "-fPIC", "-shared", *WARNINGS, f"-I{ROOT / 'include'}", *flags]
    subprocess.run([*command, str(source), "-o", str(target), "-lm"], check=True)
    return target


@pytest.fixture
def build(tmp_path):
    """build("faulty.c", "-DFAULT=NONE"): a shared object in a folder of the test's own."""

    def compile_one(source: str, *flags: str, name: str = "plugin.so") -> Path:
        return compile_c(HERE / source, tmp_path / name, *flags)

    return compile_one


@pytest.fixture
def faulty(build):
    """faulty("WRONG_DX", "vendor.name"): the plugin of faulty.c with that fault."""

    def make(fault: str, kind: str = "faulty.scale", name: str = "plugin.so") -> Path:
        return build("faulty.c", f"-DFAULT={fault}", f'-DNAME="{kind}"', name=name)

    return make
