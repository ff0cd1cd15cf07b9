"""The examples run, from an empty folder, and say what they should."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from denpa_support import ROOT

FOLDER = ROOT / "examples" / "python"


def run(name: str, *arguments: str, cwd) -> str:
    command = [sys.executable, str(FOLDER / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_every_example_is_tested():
    assert {path.name for path in FOLDER.glob("*.py")} == {"xor.py", "backprop_book.py", "digits.py"}


def test_xor(tmp_path):
    assert "1 xor 1 = 0" in run("xor.py", cwd=tmp_path)


def test_backprop_book(tmp_path):
    text = run("backprop_book.py", cwd=tmp_path)
    assert "0.80218389" in text and "3.222" in text and "0.9999546021312976" in text


def test_digits(tmp_path):
    text = run("digits.py", str(tmp_path / "out"), cwd=tmp_path)
    assert "accuracy 9" in text and "swish.beta" in text and "epoch 10/10" in text
    images = np.fromfile(tmp_path / "out" / "images.f32", "f4").reshape(-1, 64)
    predictions = np.fromfile(tmp_path / "out" / "predictions.i32", "i4")
    assert len(images) == len(predictions) == 360
    assert (tmp_path / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")
