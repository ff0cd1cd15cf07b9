"""Where things are, and plugins compiled for a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bindings" / "python"


def compile_plugin(source: Path, folder: Path, *flags: str) -> Path:
    """A shared object of a C plugin, compiled with these flags beside the usual ones."""
    target = folder / f"{source.stem}{len(list(folder.glob('*.so')))}.so"
    command = [
        "cc",
        "-O2",
        "-fPIC",
        "-shared",
        f"-I{ROOT / 'include'}",
        *flags,
        str(source),
        "-o",
        str(target),
        "-lm",
    ]
    subprocess.run(command, check=True)
    return target


def elementwise(folder: Path, name: str, y: str, dx: str) -> Path:
    """A plugin of one layer with a formula of x and what it takes for its gradient, of x, y and dy, in C."""
    source = ROOT / "Tests" / "python" / "plugins" / "elementwise.c"
    return compile_plugin(source, folder, f'-DNAME="{name}"', f"-DY={y}", f"-DDX={dx}")


def run_example(name: str, *arguments: str, folder: Path) -> str:
    """What an example in Python prints when it runs in a folder. It must end well and complain of nothing."""
    command = [sys.executable, str(ROOT / "examples" / "python" / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout
